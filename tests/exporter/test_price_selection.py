"""Every price of the book is found by the calls it is for, and by no others.

A case is one quantity of one meter: of a SKU, at an instant, in a region, in a call of some
context. All cases are priced in one run of the project's SQL (see pipeline.py) and, each by itself,
by the plain reference. So that every meter can be reached, those that no source tells of too, the
gateway's output tokens stand for the meter that the call's id names.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pipeline import Pipeline
from price_worlds import random_world
from priced_calls import (
    BOOK,
    PRICED_MODELS,
    Priced,
    completed,
    differences,
    litellm_rows,
    moments_of,
    write_raw,
)
from reference import (
    Call,
    Outcome,
    PriceBook,
    Row,
    Sku,
    charge_at,
    fits_some_day,
    read_seed,
)

ONE_AND_A_MILLION = (1, 1_000_000)
FIRST_INSTANT, LAST_INSTANT = datetime(2025, 1, 1), datetime(2027, 6, 30)
# regions that have prices, one that has none of its own, and what is in no region at all
REGIONS = ["", "us", "eu", "us-east-1", "eu-west-1", "global"]
NO_PRICE = {True: "no_price_at_time", False: "no_price_for_meter"}


class Case(NamedTuple):
    sku: Sku
    meter: str
    start: datetime
    context: int
    region: str
    quantity: int


def named_by_the_call(code: str) -> str:
    return (
        "select * replace (split_part(call_id, ':', 1) as meter)"
        f" from ({code}) as metered where meter = 'output'"
    )


def row_of(number: int, case: Case) -> Row:
    provider, model, tier, mode = case.sku
    return {
        "call_id": f"{case.meter}:{number}",
        "customer_id": "org-acme",
        "provider": provider,
        "model": model,
        "started_at": case.start.isoformat(),
        "latency_ms": "1000",
        "prompt_tokens": str(case.context),
        "completion_tokens": str(case.quantity),
        "service_tier": tier,
        "processing_mode": mode,
        "region": case.region,
    }


def outcome_of(book: PriceBook, cases: list[Case]) -> Outcome:
    """Price every case by the reference."""
    outcome = Outcome()
    for number, case in enumerate(cases):
        key = ("org-acme", f"{case.meter}:{number}")
        provider, model, *_ = case.sku
        end = case.start + timedelta(seconds=1)
        tokens = (case.context, case.quantity)
        call = Call(key[1], key[0], provider, model, case.start, end, *tokens, region=case.region)
        parts = book.choose(
            case.sku, case.meter, case.start, case.context, case.region, case.quantity
        )
        if parts:
            outcome.charges[key] = [
                charge_at(book, [], call, case.sku, case.meter, quantity, price)
                for quantity, price in parts
            ]
        else:
            prices = book.of_meter(case.sku, case.meter)
            outcome.held[key] = NO_PRICE[fits_some_day(prices, case.region)]
    return outcome


def check(priced: Priced, book: PriceBook, cases: list[Case]) -> Outcome:
    expected = outcome_of(book, cases)
    priced.write(completed([row_of(number, case) for number, case in enumerate(cases)]), [], [])
    priced.pipeline.run({"int_usage_meters": named_by_the_call})
    found = priced.outcome()
    for charges in expected.charges.values():
        charges.sort(key=lambda charge: charge.price_id)
    differing = differences(found, expected)
    assert not differing, f"{len(differing)} of {len(cases)} differ:\n" + "\n".join(differing[:5])
    return found


@pytest.fixture(scope="module")
def priced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Priced]:
    folder = tmp_path_factory.mktemp("selection")
    any_case = Case(next(iter(BOOK.prices)), "output", FIRST_INSTANT, 1, "", 1)
    write_raw(folder / "raw", completed([row_of(0, any_case)]), litellm_rows([]), [])
    pipeline = Pipeline(folder / "raw", folder / "build", select=PRICED_MODELS)
    yield Priced(pipeline)
    pipeline.close()


# ---------------------------------------------------------------- every price there is


def every_case(book: PriceBook) -> list[Case]:
    """Make one token and a million of every SKU, meter, band, stretch of time and region."""
    cases = []
    for sku in sorted(book.prices):
        for meter in book.fallbacks:
            prices = book.of_meter(sku, meter)
            limits = {price.above for price in prices if price.above}
            contexts = {limit + step for limit in limits for step in (0, 1, 2)} or {0}
            regions = {price.region_id for price in prices} | {""}
            if len(regions) > 1:
                regions |= {"eu-west-1", "global"}
            cases += [
                Case(sku, meter, start, context, region, quantity)
                for start in sorted(moments_of(prices))
                for context in sorted(contexts)
                for region in sorted(regions)
                for quantity in ONE_AND_A_MILLION
            ]
    return cases


def test_one_token_and_a_million_of_every_price_cost_what_the_reference_says(
    priced: Priced,
) -> None:
    cases = every_case(BOOK)
    found = check(priced, BOOK, cases)
    charged = {
        (charge.price_id, int(charge.consumed or 0))
        for charges in found.charges.values()
        for charge in charges
    }
    wanted = {
        (price.price_id, quantity)
        for meters in BOOK.prices.values()
        for prices in meters.values()
        for price in prices
        for quantity in ONE_AND_A_MILLION
    }
    assert wanted <= charged, sorted(wanted - charged)[:5]
    assert len(wanted) > 2 * 1100
    # one token of the cheapest meter costs something, a million tokens cost its unit price
    single = [c for charges in found.charges.values() for c in charges if c.consumed == 1]
    assert min(charge.list_cost for charge in single if charge.list_unit_price) > 0
    blocks = [c for charges in found.charges.values() for c in charges if c.pricing_quantity == 1]
    assert len(blocks) > 1000
    assert all(charge.list_cost == charge.list_unit_price for charge in blocks)


# ---------------------------------------------------------------- any call at all


def random_cases(book: PriceBook, count: int) -> list[Case]:
    """Draw cases from the whole space, half of them near a limit of a price."""
    skus = sorted(book.prices)
    # few models of the market have prices that begin or end within the time of the cases
    skus_over_time = [
        sku
        for sku in skus
        if any(
            FIRST_INSTANT < moment < LAST_INSTANT
            for prices in book.prices[sku].values()
            for price in prices
            for moment in (price.valid_from, price.valid_to)
        )
    ]
    limits = sorted({0} | {p.above for m in book.prices.values() for ps in m.values() for p in ps})
    moments = sorted(
        {
            moment + timedelta(seconds=shift)
            for meters in book.prices.values()
            for prices in meters.values()
            for moment in moments_of(prices)
            if FIRST_INSTANT <= moment <= LAST_INSTANT
            for shift in (-1, 0, 1)
        }
    )
    near_a_limit = st.builds(int.__add__, st.sampled_from(limits), st.integers(0, 2))
    cases: list[Case] = []

    @settings(
        max_examples=count,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        sku=st.sampled_from(skus) | st.sampled_from(skus_over_time),
        meter=st.sampled_from(sorted(book.fallbacks)),
        own_meter=st.booleans(),
        start=st.datetimes(FIRST_INSTANT, LAST_INSTANT) | st.sampled_from(moments),
        context=st.integers(0, 2_000_000) | near_a_limit,
        region=st.sampled_from(REGIONS),
        quantity=st.integers(1, 999_999_999) | st.integers(1, 10) | near_a_limit.filter(bool),
    )
    def collect(
        sku: Sku,
        meter: str,
        own_meter: bool,
        start: datetime,
        context: int,
        region: str,
        quantity: int,
    ) -> None:
        if own_meter:
            priced_meters = sorted(book.prices[sku])
            meter = priced_meters[context % len(priced_meters)]
        cases.append(Case(sku, meter, start, context, region, quantity))

    collect()
    return cases


def test_thousands_of_random_cases_cost_what_the_reference_says(priced: Priced) -> None:
    cases = random_cases(BOOK, 5_000)
    assert len(cases) >= 4_000
    found = check(priced, BOOK, cases)
    assert len(found.charges) > 1_500
    assert {len(set(found.held.values()))} == {2}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_books_with_every_rule_at_once_price_cases_as_the_reference_says(
    priced: Priced, seed: int
) -> None:
    """Slices, weekdays, regions, uplifts, corrections: the real book lacks some of them."""
    world = random_world(random.Random(seed), models=24, calls=0)
    book = world.book()
    seeds = {
        "ai_list_prices": world.prices,
        "ai_price_multipliers": world.multipliers,
        "ai_models": world.models,
    }
    before = {name: priced.pipeline.seed(name) for name in seeds}
    for name, rows in seeds.items():
        priced.pipeline.load_seed(name, rows)
    try:
        cases = every_case(book)
        chance = random.Random(seed)
        found = check(priced, book, chance.sample(cases, min(len(cases), 20_000)))
        assert any(len(charges) > 1 for charges in found.charges.values())
        check(priced, book, random_cases(book, 2_000))
    finally:
        for name, rows in before.items():
            priced.pipeline.load_seed(name, rows)


def test_a_price_of_a_block_is_the_cost_of_a_block() -> None:
    """The block of a price is that of its meter: a price per thousand is never one per million."""
    blocks = {meter: row["pricing_block"] for meter, row in BOOK.meters.items()}
    assert {row["pricing_block"] == blocks[row["meter"]] for row in BOOK.rows} == {True}
    assert {Decimal(block) for block in blocks.values()} == {
        Decimal(1),
        Decimal(1000),
        Decimal(1_000_000),
    }


def test_a_regions_uplift_holds_for_every_tier_that_the_book_has() -> None:
    """A tier without one would silently cost what it costs in no region."""
    uplifts: dict[tuple[str, str, str], dict[str, str]] = {}
    for row in read_seed("pricing/ai_price_multipliers.csv"):
        if row["price_rule"] == "uplift":
            key = row["provider"], row["model"], row["region_id"]
            uplifts.setdefault(key, {})[row["service_tier"]] = row["factor"]
    for (provider, model, region), factors in uplifts.items():
        tiers = {
            row["service_tier"]
            for row in read_seed("pricing/ai_list_prices.csv")
            if (row["provider"], row["model"], row["region_id"]) == (provider, model, "")
        }
        assert factors.keys() == tiers, (provider, model, region)
        assert len(set(factors.values())) == 1, (provider, model, region)
