"""Nothing re-prices the past: new prices, corrections, late calls and closed billing periods.

First invented worlds, in which every rule meets every other, against the plain reference; then the
whole demo, row for row, before and after its price book grows.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from conftest import ROOT
from pipeline import Pipeline, Rewrite
from price_worlds import World, known_since_ever, price_row, random_world
from priced_calls import (
    CLOSING_COLUMNS,
    PRICED_MODELS,
    Priced,
    completed,
    differences,
    litellm_rows,
    write_csv,
    write_raw,
)
from reference import (
    Outcome,
    Row,
    month_of,
    price_gateway_log,
    read_closings,
    read_seed,
    read_time,
)
from shared import examples, whole_from

CHARGES = "focus_cost_and_usage_v1_4"
AS_OF, EARLIER = "2026-02-03 04:05:06", "2026-10-20 13:14:15"
Rows = dict[str, tuple[str | None, ...]]


def focus_rows(pipeline: Pipeline) -> Rows:
    """Give the whole of Cost and Usage as text, by the charge's id."""
    columns = [
        name for (name,) in pipeline.rows(f"select name from pragma_table_info('{CHARGES}')")
    ]
    texts = ", ".join(f"cast({name} as varchar)" for name in columns)
    found = pipeline.rows(f"select x_ChargeId, {texts} from {CHARGES}")
    rows = {charge_id: tuple(values) for charge_id, *values in found}
    assert len(rows) == len(found), "a charge's id stands for two rows"
    return rows


# ---------------------------------------------------------------- invented worlds


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Priced]:
    folder = tmp_path_factory.mktemp("worlds")
    call = {"call_id": "1", "provider": "openai", "model": "gpt-5", "started_at": "2026-10-01"}
    rows = completed([{**call, "latency_ms": "1", "prompt_tokens": "1", "completion_tokens": "1"}])
    write_raw(folder / "raw", rows, litellm_rows([]), [])
    pipeline = Pipeline(folder / "raw", folder / "build", select=PRICED_MODELS)
    yield Priced(pipeline)
    pipeline.close()


@pytest.fixture(scope="module")
def earlier_worlds(tmp_path_factory: pytest.TempPathFactory, worlds: Priced) -> Iterator[Priced]:
    """The same models, compiled for the price book of an earlier day."""
    folder = tmp_path_factory.mktemp("earlier_worlds")
    pipeline = Pipeline(
        worlds.pipeline.raw,
        folder / "build",
        variables={"price_book_as_of": AS_OF},
        select=PRICED_MODELS,
    )
    yield Priced(pipeline)
    pipeline.close()


def load(priced: Priced, world: World) -> None:
    priced.pipeline.load_seed("ai_list_prices", world.prices)
    priced.pipeline.load_seed("ai_price_multipliers", world.multipliers)
    priced.pipeline.load_seed("ai_models", world.models)
    for aliases in ("ai_model_aliases", "ai_provider_aliases"):
        priced.pipeline.load_seed(aliases, known_since_ever(priced.pipeline.seed(aliases)))
    priced.write(world.calls, [], [], world.closings)


def run(priced: Priced, world: World, moment: str | None = None) -> None:
    load(priced, world)
    priced.pipeline.run(everywhere=(AS_OF, moment) if moment else None)


def world_of(seed: int) -> World:
    return random_world(random.Random(seed), models=18, calls=1_500)


@pytest.mark.parametrize(
    "seed", whole_from(range(1, 7), 3, "the first worlds have every rule, each many times")
)
def test_closed_periods_and_corrections_are_what_the_reference_says(
    worlds: Priced, seed: int
) -> None:
    world = world_of(seed)
    run(worlds, world)
    book = world.book()
    expected = price_gateway_log(book, [], world.calls, read_closings(book, world.closings))
    differing = differences(worlds.outcome(), expected)
    assert not differing, f"{len(differing)} calls differ:\n" + "\n".join(differing[:5])
    # the world was worth its while
    charges = [charge for charges in expected.charges.values() for charge in charges]
    corrections = [charge for charge in charges if charge.charge_class]
    assert len(charges) > 1_500
    assert len([c for c in corrections if c.consumed < 0]) > 30
    assert len([c for c in corrections if c.consumed > 0]) > 30
    assert min(c.list_cost for c in corrections) < 0 < max(c.list_cost for c in corrections)


def costs_by_meter(pipeline: Pipeline) -> dict[tuple[str, ...], tuple[Any, ...]]:
    rows = pipeline.rows(
        f"""
        select BillingAccountId, x_CallId, SkuMeter, sum(ListCost), sum(ContractedCost),
            sum(BilledCost), sum(EffectiveCost), coalesce(sum(ConsumedQuantity), 0),
            coalesce(sum(PricingQuantity), 0)
        from {CHARGES} group by all
        """
    )
    # a charge that was taken back has rows that add up to nothing
    return {tuple(row[:3]): tuple(row[3:]) for row in rows if any(row[3:])}


@pytest.mark.parametrize("seed", whole_from([11, 12], 1, "another world of the same kind"))
def test_all_rows_together_cost_what_open_periods_would(worlds: Priced, seed: int) -> None:
    world = world_of(seed)
    run(worlds, world)
    found = costs_by_meter(worlds.pipeline)
    corrected = f"select count(*) from {CHARGES} where ChargeClass = 'Correction'"
    assert worlds.pipeline.rows(corrected)[0][0] > 50
    run(worlds, replace(world, closings=[]))
    assert worlds.pipeline.rows(corrected) == [(0,)]
    assert found == costs_by_meter(worlds.pipeline)


def test_the_order_of_rows_in_the_book_does_not_matter(worlds: Priced) -> None:
    world = world_of(21)
    run(worlds, world)
    before = focus_rows(worlds.pipeline)
    for seed in range(examples(1, 2)):
        chance = random.Random(seed)
        shuffled = [
            chance.sample(rows, len(rows))
            for rows in (world.prices, world.multipliers, world.closings)
        ]
        prices, multipliers, closings = shuffled
        run(worlds, replace(world, prices=prices, multipliers=multipliers, closings=closings))
        assert focus_rows(worlds.pipeline) == before


def test_months_that_are_closed_later_change_no_month_that_was_closed_before(
    worlds: Priced,
) -> None:
    world = world_of(31)
    book = world.book()
    ordered = sorted(world.closings, key=lambda row: read_time(row["closed_at"]) or datetime.min)
    issuer_and_month = "select x_ChargeId, InvoiceIssuerName, BillingPeriodStart from " + CHARGES
    frozen: Rows = {}
    # one after the other, or some at once
    counts = [*range(0, len(ordered), examples(4, 1)), len(ordered)]
    for before, count in zip([0, *counts], counts, strict=False):
        closed = set(read_closings(book, ordered[:count]))
        run(worlds, replace(world, closings=ordered[:count]))
        rows = focus_rows(worlds.pipeline)
        standing = {
            charge_id
            for charge_id, issuer, month in worlds.pipeline.rows(issuer_and_month)
            if (issuer, month) in closed
        }
        now = {charge_id: rows[charge_id] for charge_id in standing}
        assert {charge_id: now.get(charge_id) for charge_id in frozen} == frozen
        newly = read_closings(book, ordered[before:count])
        for charge_id, issuer, month in worlds.pipeline.rows(issuer_and_month):
            assert (issuer, month) not in closed - set(newly) or charge_id in frozen
        frozen = now
    assert len(frozen) > 500


@pytest.mark.parametrize(
    "moment",
    whole_from([EARLIER, "2026-09-15 00:00:00"], 1, "another day of the same book"),
)
def test_the_book_of_an_earlier_day_gives_that_days_rows(
    worlds: Priced, earlier_worlds: Priced, moment: str
) -> None:
    world = world_of(41)
    day = datetime.fromisoformat(moment)

    def was_known(row: Row, name: str) -> bool:
        return (read_time(row[name]) or datetime.min) <= day

    then = replace(
        world,
        prices=[row for row in world.prices if was_known(row, "recorded_at")],
        multipliers=[row for row in world.multipliers if was_known(row, "recorded_at")],
        closings=[row for row in world.closings if was_known(row, "closed_at")],
    )
    assert len(then.prices) < len(world.prices)
    assert len(then.closings) < len(world.closings)
    run(worlds, then)
    before = focus_rows(worlds.pipeline)
    run(earlier_worlds, world, moment)
    assert focus_rows(earlier_worlds.pipeline) == before


# ---------------------------------------------------------------- broken rules are noticed


def change(old: str, new: str) -> Rewrite:
    return lambda code: code.replace(old, new)


LIST_PRICES, PRICED_USAGE = "int_list_prices", "int_usage_priced"
KNOWLEDGE, CORRECTIONS = "int_closings", "int_charges__corrections"
MUTATIONS: dict[str, tuple[str, Rewrite]] = {
    "a limit that includes its own count begins after it": (
        "stg_pricing__list_prices",
        change("case when context_inclusive = 'true' then 1 else 0 end", "0"),
    ),
    "a slice takes all of the quantity": (
        PRICED_USAGE,
        change("- greatest(quantity_before, coalesce(slice_above, 0))", "- quantity_before"),
    ),
    "a slice goes on above the next": (
        PRICED_USAGE,
        change(
            "least(quantity_before + consumed_quantity, slice_up_to)",
            "quantity_before + consumed_quantity",
        ),
    ),
    "the week begins a day later": (
        "int_usage_deliveries",
        change("extract(isodow from", "1 + extract(dow from"),
    ),
    "an uplift is no more than the price": (
        LIST_PRICES,
        change("cast(multipliers.factor as decimal(10, 8))", "1"),
    ),
    "an uplift is for every model of its provider": (
        LIST_PRICES,
        change("and in_force.model = multipliers.model", ""),
    ),
    "of two corrections the first counts": (
        LIST_PRICES,
        change("list_prices.recorded_at desc", "list_prices.recorded_at"),
    ),
    "corrections of other first days are corrections too": (
        LIST_PRICES,
        change("list_prices.valid_from\n            order by", "1\n            order by"),
    ),
    "a price that is recorded when a month closes comes too late for it": (
        "int_price_snapshots",
        change("instants.known_at >= changes.known_from", "instants.known_at > changes.known_from"),
    ),
    "a closed month learns what the next one knew": (
        KNOWLEDGE,
        change(
            "rows between unbounded preceding and current row",
            "rows between unbounded preceding and 1 following",
        ),
    ),
    "corrections pass over an open month": (
        KNOWLEDGE,
        change("and period.run_of_periods = booking.run_of_periods", ""),
    ),
    "a month is closed for every issuer": (
        KNOWLEDGE,
        change("on with_prices.invoice_issuer_name = providers.invoice_issuer_name", "on true"),
    ),
    "the first day of the book is a day like any other": (
        "stg_pricing__list_prices",
        change("then cast('1900-01-01 00:00:00' as timestamp)", "then recorded_at"),
    ),
    "a call that came when its month closed came too late": (
        "int_call_bookings",
        change("deliveries.ingested_at <=", "deliveries.ingested_at <"),
    ),
    "a call that came late is in its month": (
        "int_call_bookings",
        lambda code: re.sub(r"deliveries\.ingested_at <= [^\n]*?\)(?=\n)", "true)", code),
    ),
    "a restated call stays as it was": (
        "int_call_bookings",
        change(
            "deliveries.superseded_at >", "deliveries.superseded_at is not null or false and '1' >"
        ),
    ),
    "a call that left its closed month is charged there for good": (
        "int_rebooked_calls",
        change("deliveries.moved_at <= closings.known_at", "false"),
    ),
    "a call is the same one wherever it is delivered": (
        "int_usage_counted",
        change("when ranked.place = first_value", "when true or ranked.place = first_value"),
    ),
    "a call stays with the provider that it was first delivered for": (
        "int_usage_counted",
        lambda code: re.sub(
            r"coalesce\(provider_aliases\.provider, lower\(\w+\.provider_as_sent\)\)", "''", code
        ),
    ),
    "what was booked is charged once more": (CORRECTIONS, change("-1 as sign", "1 as sign")),
    "a reversal takes back no cost": (
        CORRECTIONS,
        lambda code: re.sub(r"then -((pricing_currency_)?\w+_cost)\b", r"then \1", code),
    ),
    "a reversal takes back no quantity": (
        CORRECTIONS,
        change("sign * case", "case"),
    ),
    "what is told again as it was is corrected": (
        CORRECTIONS,
        change("sides_that_say_so = 1", "true"),
    ),
    "a correction stands in the month of the call": (
        CORRECTIONS,
        change("corrected_in as billing", "charge_period_start as billing"),
    ),
}


@pytest.fixture(scope="module")
def known(worlds: Priced) -> tuple[World, Outcome]:
    """A world that has every rule, with what the reference says of it."""
    world = world_of(51)
    run(worlds, world)
    book = world.book()
    expected = price_gateway_log(book, [], world.calls, read_closings(book, world.closings))
    assert not differences(worlds.outcome(), expected)
    return world, expected


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_broken_rule_is_noticed(worlds: Priced, known: tuple[World, Outcome], name: str) -> None:
    world, expected = known
    model, rewrite = MUTATIONS[name]
    load(worlds, world)
    worlds.pipeline.run({model: rewrite})
    noticed = len(differences(worlds.outcome(), expected))
    assert noticed, f"{name}, and no call of {len(expected.charges)} tells"


@pytest.fixture(scope="module")
def earlier_rows(earlier_worlds: Priced) -> Rows:
    """The rows of a world by the book of an earlier day."""
    run(earlier_worlds, world_of(41), EARLIER)
    return focus_rows(earlier_worlds.pipeline)


@pytest.mark.parametrize(
    ("model", "old", "new"),
    [
        ("stg_pricing__list_prices", "where known_from <=", "where true or known_from <="),
        ("stg_pricing__price_multipliers", "where known_from <=", "where true or known_from <="),
        ("stg_billing__billing_periods", "and closed_at_instant <=", "and closed_at_instant >"),
    ],
)
def test_a_book_of_another_day_is_noticed(
    earlier_worlds: Priced, earlier_rows: Rows, model: str, old: str, new: str
) -> None:
    load(earlier_worlds, world_of(41))
    earlier_worlds.pipeline.run({model: change(old, new)}, everywhere=(AS_OF, EARLIER))
    assert focus_rows(earlier_worlds.pipeline) != earlier_rows


# ---------------------------------------------------------------- the demo


SAMPLE = ROOT / "seeds" / "sample"
# everything is recorded after the months of the demo were closed
MONTHS = ["2026-08", "2026-09"]
CLOSED_AT, RECORDED_AT = "2026-11-22T00:00:00Z", "2026-12-01T09:30:00Z"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    folder = tmp_path_factory.mktemp("demo_history")
    for path in sorted(SAMPLE.glob("raw_*.csv")):
        place = {"raw_gateway_calls": "gateway", "raw_litellm_spend_logs": "litellm"}
        target = folder / "raw" / place.get(path.stem, path.stem.removeprefix("raw_"))
        target.mkdir(parents=True)
        (target / "rows.csv").write_bytes(path.read_bytes())
    pipeline = Pipeline(folder / "raw", folder / "build", select=PRICED_MODELS)
    yield pipeline
    pipeline.close()


@pytest.fixture(scope="module")
def book_of_demo(demo: Pipeline) -> list[Row]:
    """The book of its first day: what came later would be known after a month was closed."""
    rows = demo.seed("ai_list_prices")
    first_day = min(row["recorded_at"] for row in rows)
    return [row for row in rows if row["recorded_at"] == first_day]


@pytest.fixture(scope="module")
def before(demo: Pipeline, book_of_demo: list[Row]) -> Rows:
    with_book(demo, book_of_demo, [])
    return focus_rows(demo)


def with_book(demo: Pipeline, prices: list[Row], closings: list[Row]) -> None:
    demo.load_seed("ai_list_prices", prices)
    write_csv(demo.raw / "billing_periods" / "rows.csv", CLOSING_COLUMNS, closings)
    demo.run()


def closings_of(months: list[str]) -> list[Row]:
    issuers = sorted(
        {row["invoice_issuer_name"] for row in read_seed("reference/ai_providers.csv")}
    )
    return [
        {"issuer": issuer, "billing_period": month, "closed_at": CLOSED_AT}
        for issuer in issuers
        for month in months
    ]


def much_used_price(demo: Pipeline, book: list[Row], more: str = "true") -> Row:
    """Give the price behind most rows of the demo among those of long standing."""
    ranked = demo.rows(
        f"""
        select x_PriceId from {CHARGES} where {more} group by 1
        having min(ChargePeriodStart) < '2026-09-15' and max(ChargePeriodStart) > '2026-10-15'
        order by count(*) desc, 1 limit 1
        """
    )
    return next(row for row in book if row["price_id"] == ranked[0][0])


def appended(row: Row, **values: str) -> Row:
    price_id = row["price_id"] + "/appended"
    return {**row, "price_id": price_id, "recorded_at": RECORDED_AT, "valid_to": "", **values}


def starts_of(demo: Pipeline) -> dict[str, datetime]:
    return dict(demo.rows(f"select x_ChargeId, ChargePeriodStart from {CHARGES}"))


def changed(before: Rows, after: Rows) -> set[str]:
    return {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}


MIDDLE = "2026-10-01"
OUTPUT = "SkuMeter = 'Output Tokens' and ServiceProviderName = 'OpenAI'"
# what may be appended for a model that is in use, from the middle of the demo on
APPENDED: dict[str, tuple[str, dict[str, str]]] = {
    "a price": ("true", {"unit_price": "77.7"}),
    "a price whose date is the day it was seen": (
        "true",
        {"unit_price": "77.7", "valid_from_basis": "verified_on"},
    ),
    "a price for long contexts": ("true", {"context_threshold": "1000"}),
    "a price for contexts of so many tokens and more": (
        "true",
        {"context_threshold": "1000", "context_inclusive": "true"},
    ),
    "a slice": (OUTPUT, {"context_threshold": "500", "context_rule": "slice"}),
    "a price for some hours": (
        "true",
        {"daily_window_start": "08:00", "daily_window_end": "18:00"},
    ),
    "a price for some weekdays": ("true", {"weekdays": "12345"}),
    "a price of a region": ("RegionId is not null", {"region_id": "of the call"}),
    # of a model that has none of that tier, which would be the first of its key from then on
    "a price of another tier": (
        "ServiceProviderName = 'Anthropic'",
        {"service_tier": "flex"},
    ),
    "a price of a meter that borrowed one": (
        "SkuMeter = 'Cache Write 5m Input Tokens' and x_PriceRule <> 'exact'",
        {"meter": "cache_write_5m"},
    ),
    "a price of a part that had none": (OUTPUT, {"meter": "output_reasoning"}),
}


@pytest.fixture(scope="module")
def used_prices(demo: Pipeline, book_of_demo: list[Row]) -> dict[str, tuple[Row, str]]:
    """Give, for what may be appended, a price that has such charges, and the region of one.

    What the demo has no such charge of is left out.
    """
    with_book(demo, book_of_demo, [])
    found = {}
    for name, (which, _) in APPENDED.items():
        if demo.rows(f"select 1 from {CHARGES} where {which} limit 1"):
            price = much_used_price(demo, book_of_demo, which)
            query = f"select RegionId from {CHARGES} where x_PriceId = ? and {which} limit 1"
            [region] = demo.connection.execute(query, [price["price_id"]]).fetchone()
            found[name] = price, region
    return found


@pytest.mark.parametrize("name", APPENDED)
def test_an_appended_price_changes_no_row_whose_usage_lies_before_it(
    demo: Pipeline,
    book_of_demo: list[Row],
    before: Rows,
    used_prices: dict[str, tuple[Row, str]],
    name: str,
) -> None:
    _, values = APPENDED[name]
    if name not in used_prices:
        pytest.skip("the demo has no such charge")
    old, region = used_prices[name]
    if "region_id" in values:
        values = {"region_id": region}
    with_book(demo, book_of_demo, [])
    starts = starts_of(demo)
    new = appended(
        old,
        **{"unit_price": "66.6", "valid_from": MIDDLE, "valid_from_basis": "effective"} | values,
    )
    with_book(demo, [*book_of_demo, new], [])
    after = focus_rows(demo)
    # what a slice leaves of a meter may be a charge of another name
    starts |= starts_of(demo)
    touched = changed(before, after)
    middle = datetime.fromisoformat(MIDDLE)
    assert not [key for key in sorted(touched) if starts[key] < middle][:3]
    used = f"select count(*) from {CHARGES} where x_PriceId = '{new['price_id']}'"
    # only a tier of its own waits for its first call
    assert (demo.rows(used)[0][0] > 0) is (new["service_tier"] == old["service_tier"])


def test_a_new_model_changes_no_row_and_prices_the_calls_that_waited_for_it(
    demo: Pipeline, book_of_demo: list[Row], before: Rows
) -> None:
    with_book(demo, book_of_demo, [])
    waiting = demo.rows(
        """
        select provider, model_as_sent, count(distinct call_key) from ai_unpriced_usage
        where call_hold_reason = 'unknown_model' and provider is not null
        group by all order by 3 desc, 1, 2 limit 1
        """
    )
    [(provider, model, calls)] = waiting
    models = demo.seed("ai_models")
    chance = random.Random(1)
    prices = [
        price_row(
            chance,
            f"{provider}/{model}/{meter}",
            provider=provider,
            model=model,
            meter=meter,
            valid_from_basis="unknown",
            recorded_at=RECORDED_AT,
        )
        for meter in ("input", "cache_read", "cache_write", "output")
    ]
    demo.load_seed("ai_models", [*models, {**models[0], "provider": provider, "model": model}])
    try:
        with_book(demo, [*book_of_demo, *prices], [])
        after = focus_rows(demo)
        assert {key: after.get(key) for key in before} == before
        added = after.keys() - before.keys()
        assert len({key.split(":")[0] for key in added}) == calls > 0
    finally:
        demo.load_seed("ai_models", models)


def test_a_corrected_price_leaves_closed_months_and_stands_in_the_open_one(
    demo: Pipeline, book_of_demo: list[Row]
) -> None:
    closings = closings_of(MONTHS)
    with_book(demo, book_of_demo, closings)
    before = focus_rows(demo)
    old = much_used_price(demo, book_of_demo)
    new = appended(old, unit_price=str(Decimal(old["unit_price"]) * 3), valid_to=old["valid_to"])
    with_book(demo, [*book_of_demo, new], closings)
    after = focus_rows(demo)

    touched = changed(before, after)
    rows = demo.rows(
        f"""
        select x_ChargeId, ChargeClass, BillingPeriodStart, ChargePeriodStart, x_PriceId, ListCost,
            ConsumedQuantity, PricingQuantity, ListUnitPrice, ContractedUnitPrice
        from {CHARGES}
        """
    )
    corrections = {row[0]: row for row in rows if row[1] == "Correction"}
    october = datetime(2026, 10, 1)
    assert corrections.keys() == after.keys() - before.keys()
    assert len(corrections) > 20
    booked = {row[0]: row for row in rows if row[0] in before}
    for key, _, month, start, price_id, cost, *amounts in corrections.values():
        charge, _, kind = key.rpartition(":")
        assert charge not in touched
        assert month_of(start) < october and month == october
        _, _, _, _, old_price_id, old_cost, consumed, priced, list_price, contracted = booked[
            charge
        ]
        if kind == "reversal-2026-10":
            assert (price_id, cost) == (old_price_id, -old_cost)
            assert amounts == [-consumed, -priced, list_price, contracted]
        else:
            assert kind == "correction-2026-10"
            assert (price_id, cost) == (new["price_id"], 3 * old_cost)
            assert amounts[:3] == [consumed, priced, 3 * list_price]
            # a discount is of the list price, a contract's own price stays
            assert amounts[3] in (contracted, 3 * contracted)
    # and in open months the new price stands at once
    open_rows = {row[0]: row for row in rows if row[0] in touched and row[1] is None}
    assert touched == corrections.keys() | open_rows.keys()
    assert {row[4] for row in open_rows.values()} == {new["price_id"]}
    assert all(row[3] >= october for row in open_rows.values())


def test_closing_a_month_at_once_changes_no_row(
    demo: Pipeline, book_of_demo: list[Row], before: Rows
) -> None:
    """The book is younger than the months, and its first day counts as known since ever."""
    with_book(demo, book_of_demo, closings_of(["2026-08", "2026-09", "2026-10"]))
    closed = focus_rows(demo)
    assert closed.keys() == before.keys()
    columns = [name for (name,) in demo.rows(f"select name from pragma_table_info('{CHARGES}')")]
    differing = {
        column
        for charge_id, row in closed.items()
        for column, found, expected in zip(columns, row, before[charge_id], strict=True)
        if found != expected
    }
    # an assumption is said of a region whose price came into the book later
    assert differing <= {"x_PriceRule"}
