"""A month as it is booked comes to one total, whoever is asked, and stays so once it is closed.

Invented worlds with closed months, late calls, calls that move, corrected prices: files, API, page.
"""

from __future__ import annotations

import csv
import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from api_client import FILE, LIST, open_client, read_all, serve
from click.testing import CliRunner
from conftest import ROOT, rows_of
from page_browser import open_browser, visit
from pipeline import Pipeline
from price_worlds import FIRST_DAY, World, known_since_ever, random_world
from priced_calls import PRICED_MODELS, completed, litellm_rows, write_raw
from shared import WHOLE, whole_from

from exporter.commands.export import command as export_command
from exporter.commands.validate import command as validate_command
from exporter.extract.files import export_dataset
from exporter.home import Home
from exporter.options import read_month

VERSIONS = ("1_4", "1_3", "1_0")
GRAINS = ("", "_daily", "_monthly")
MODELS = [
    *PRICED_MODELS,
    "+ai_calls_flat",
    "+ai_call_coverage",
    *(
        f"+path:models/marts/focus/focus_cost_and_usage{grain}_v{version}.sql"
        for grain in GRAINS
        for version in VERSIONS
    ),
]
DEPARTMENTS = ("Legal", "Sales", "")
Total = tuple[Decimal, Decimal]
# what stands in a row beside its amounts: month of booking, account, department, currency
Key = tuple[str, str, str, str]


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    folder = tmp_path_factory.mktemp("booked")
    call = {"call_id": "1", "provider": "openai", "model": "gpt-5", "started_at": "2026-10-01"}
    rows = completed([{**call, "latency_ms": "1", "prompt_tokens": "1", "completion_tokens": "1"}])
    write_raw(folder / "raw", rows, litellm_rows([]), [])
    made = Pipeline(folder / "raw", folder / "build", select=MODELS)
    yield made
    made.close()


def world_of(seed: int) -> World:
    """Make a world whose deliveries name departments, and another one when they come again.

    So it is with answers of the gateway's cache: a call may turn out to be one, or to be none.
    """
    chance = random.Random(seed)
    world = random_world(chance, models=8, calls=500)
    for row in world.calls:
        row["cost_department"] = chance.choice(DEPARTMENTS)
        row["cache_hit"] = chance.choice(["", "", "", "", "true"])
    return world


def run(pipeline: Pipeline, world: World) -> None:
    pipeline.load_seed("ai_list_prices", world.prices)
    pipeline.load_seed("ai_price_multipliers", world.multipliers)
    pipeline.load_seed("ai_models", world.models)
    for table in ("ai_model_aliases", "ai_provider_aliases", "ai_cost_bases"):
        pipeline.load_seed(table, known_since_ever(pipeline.seed(table)))
    write_raw(pipeline.raw, world.calls, litellm_rows([]), [], world.closings)
    pipeline.run()


def totals(pipeline: Pipeline, query: str) -> dict[Key, Total]:
    found = pipeline.rows(f"{query} group by all")
    return {tuple(key): (cost, Decimal(tokens or 0)) for *key, cost, tokens in found}


OF_FOCUS = """
    select strftime(BillingPeriodStart, '%Y-%m'), BillingAccountId, coalesce(SubAccountId, ''),
        BillingCurrency, sum(BilledCost),
        sum(ConsumedQuantity) filter (ConsumedUnit = 'Tokens')
    from focus_cost_and_usage{}
"""
OF_CALLS = """
    select strftime(billing_period_start, '%Y-%m'), billing_account_id,
        coalesce(sub_account_id, ''), billing_currency, sum(billed_cost), sum(total_tokens)
    from ai_calls_booked where not is_cache_hit
"""


def without_nothing(found: dict[Key, Total]) -> dict[Key, Total]:
    """Leave out what adds up to nothing: rows of calls that cost nothing, or were taken back."""
    return {key: total for key, total in found.items() if any(total)}


@pytest.mark.parametrize(
    "seed", whole_from(range(1, 6), 2, "the first worlds have corrections of every kind")
)
def test_calls_are_booked_as_focus_books_them_to_the_last_digit(
    pipeline: Pipeline, seed: int
) -> None:
    run(pipeline, world_of(seed))
    expected = without_nothing(totals(pipeline, OF_FOCUS.format("_v1_4")))
    assert without_nothing(totals(pipeline, OF_CALLS)) == expected
    for grain in GRAINS:
        for version in VERSIONS:
            found = totals(pipeline, OF_FOCUS.format(f"{grain}_v{version}"))
            assert without_nothing(found) == expected
    # the world was worth its while
    [(corrections, negative, moved)] = pipeline.rows(
        """
        select count(*), count(*) filter (billed_cost < 0), count(*) filter (total_tokens < 0)
        from ai_calls_booked where charge_class = 'Correction'
        """
    )
    assert min(corrections, negative, moved) > 5
    assert pipeline.rows("select count(*) - count(distinct booking_key) from ai_calls_booked") == [
        (0,)
    ]
    # a month as it was used is another sum
    [(others,)] = pipeline.rows(
        "select count(*) from ai_calls_booked"
        " where date_trunc('month', charge_period_start) <> billing_period_start"
    )
    assert others > 20


def test_every_call_with_a_cost_has_rows_that_come_to_it(pipeline: Pipeline) -> None:
    """What is known now is the sum of all that was booked, call by call."""
    run(pipeline, world_of(6))
    differing = pipeline.rows(
        """
        with booked as (
            select call_key, sum(billed_cost) as billed_cost, sum(total_tokens) as tokens,
                coalesce(sum(total_tokens) filter (is_cache_hit), 0) as tokens_of_cache
            from ai_calls_booked group by call_key
        )
        select ai_calls.call_key, ai_calls.billed_cost, booked.billed_cost,
            ai_calls.total_tokens, booked.tokens, booked.tokens_of_cache
        from ai_calls left join booked using (call_key)
        where coalesce(ai_calls.billed_cost, 0) <> coalesce(booked.billed_cost, 0)
            or (hold_reason is null and booked.call_key is null)
            or coalesce(booked.tokens, 0)
                <> case when hold_reason is null then ai_calls.total_tokens else 0 end
            or coalesce(booked.tokens_of_cache, 0)
                <> case when is_cache_hit then ai_calls.total_tokens else 0 end
        """
    )
    assert differing == []
    # some turned out to be answers of the cache, others to be none
    signs = pipeline.rows(
        "select distinct sign(total_tokens) from ai_calls_booked"
        " where is_cache_hit and charge_class = 'Correction' and total_tokens <> 0 order by 1"
    )
    assert signs == [(-1,), (1,)]


PAGE = ROOT / "docs" / "closed_periods.md"
# what a table of the page shows, in its order
SHOWN = {
    "int_price_snapshots": """
        select known_at, prices_as_of from int_price_snapshots order by 1
    """,
    "int_closings": """
        select cast(billing_period_start as date), booking_number, cast(booked_in as date),
            known_at, prices_as_of
        from int_closings where provider = 'openai' order by 1, 2
    """,
    "int_call_bookings": """
        select booking_number, cast(booked_in as date), prices_as_of, is_current
        from int_call_bookings order by 1
    """,
    "int_charges": """
        select cast(billing_period_start as date), coalesce(charge_class, ''),
            cast(consumed_quantity as bigint), cast(list_unit_price as decimal(9, 2)),
            cast(billed_cost as decimal(9, 2)), '`:' || split_part(charge_id, ':', 2)
                || coalesce(':' || nullif(split_part(charge_id, ':', 3), ''), '') || '`'
        from int_charges order by 1, charge_class nulls first, 3
    """,
}


def tables_of_page() -> dict[str, list[list[str]]]:
    """Give the rows below each table that the page names in bold."""
    found: dict[str, list[list[str]]] = {}
    for part in PAGE.read_text("utf-8").split("**`")[1:]:
        rows = [line for line in part.splitlines() if line.startswith("|")]
        cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]
        found[part.split("`")[0]] = cells
    return found


def test_the_worked_example_of_the_page_is_what_comes_out(pipeline: Pipeline) -> None:
    """A price that was corrected twice after the month of its call had been closed."""
    price = next(
        row
        for row in pipeline.seed("ai_list_prices")
        if (row["provider"], row["meter"]) == ("openai", "input")
        and (row["service_tier"], row["processing_mode"]) == ("standard", "realtime")
    )
    price |= {"model": "gpt-5", "context_threshold": "0", "valid_from": "", "valid_to": ""}
    first_day = FIRST_DAY.date().isoformat()
    known = {"2.50": first_day, "3.00": "2026-11-20", "2.00": "2026-12-10"}
    world = World(
        prices=[
            price | {"price_id": unit_price, "unit_price": unit_price, "recorded_at": day}
            for unit_price, day in known.items()
        ],
        models=[row for row in pipeline.seed("ai_models") if row["model"] == "gpt-5"],
        multipliers=[],
        calls=completed(
            [
                {"call_id": "1", "provider": "openai", "model": "gpt-5", "latency_ms": "1"}
                | {"started_at": "2026-10-20", "prompt_tokens": "100000", "completion_tokens": "0"}
            ]
        ),
        closings=[
            {"issuer": "openai", "billing_period": "2026-10", "closed_at": "2026-11-04T09:00:00Z"},
            {"issuer": "openai", "billing_period": "2026-11", "closed_at": "2026-12-03T09:00:00Z"},
        ],
    )
    run(pipeline, world)
    shown = tables_of_page()
    assert shown.keys() == SHOWN.keys()
    for name, query in SHOWN.items():
        rows = [[str(cell).lower() for cell in row] for row in pipeline.rows(query)]
        assert rows == [[cell.lower() for cell in row] for row in shown[name]], name


def closed_rows(pipeline: Pipeline) -> list[tuple[Any, ...]]:
    return pipeline.rows(
        "from ai_calls_booked where billing_period_start >= '2026-07-01'"
        " and billing_period_start < '2026-10-01' order by booking_key"
    )


@pytest.mark.parametrize("seed", whole_from([7, 8], 1, "another world of the same kind"))
def test_what_comes_after_the_closing_changes_no_row_of_a_closed_month(
    pipeline: Pipeline, seed: int
) -> None:
    world = world_of(seed)
    months = ["2026-07", "2026-08", "2026-09"]
    world.closings = [
        {"issuer": issuer, "billing_period": month, "closed_at": f"2026-{number}-05T00:00:00Z"}
        for issuer in ("openai", "Anthropic", "Google Cloud")
        for number, month in zip(("08", "09", "10"), months, strict=True)
    ]
    run(pipeline, world)
    before = closed_rows(pipeline)
    assert len(before) > 100
    later = {"ingested_at": "2026-12-24T00:00:00Z"}
    world.calls += [row | later | {"call_id": f"{row['call_id']}-late"} for row in world.calls[:60]]
    # a restatement, another department, and a call that costs nothing any more
    world.calls += [
        row
        | later
        | {"cost_department": "Moved", "completion_tokens": str(number), "cached_tokens": "0"}
        for number, row in enumerate(world.calls[60:160])
    ]
    run(pipeline, world)
    assert closed_rows(pipeline) == before
    booked_later = pipeline.rows(
        "select count(*) from ai_calls_booked where billing_period_start >= '2026-10-01'"
        " and charge_class = 'Correction'"
    )
    assert booked_later[0][0] > 60


# ---------------------------------------------------------------- whoever is asked


@pytest.fixture(scope="module")
def home(pipeline: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Publish a world's build; the pipeline can't be asked any more until it is connected."""
    run(pipeline, world_of(9))
    pipeline.connection.execute("force checkpoint")
    pipeline.connection.close()
    path = tmp_path_factory.mktemp("home")
    folder = path / "builds" / "b1"
    folder.mkdir(parents=True)
    shutil.copy(pipeline.database, folder / "ai_focus.duckdb")
    pipeline.connect()
    (folder / "build.json").write_text(
        json.dumps({"build_id": "b1", "finished_at": "2026-12-31T00:00:00Z"})
    )
    (path / "ai_focus.duckdb").symlink_to("builds/b1/ai_focus.duckdb")
    return Home(path)


@pytest.fixture(scope="module")
def months(home: Home) -> dict[str, Decimal]:
    """Give the months that are booked and what they come to; all of it is in one currency."""
    query = """
        select strftime(BillingPeriodStart, '%Y-%m'), sum(BilledCost)
        from focus_cost_and_usage_v1_4 group by 1 order by 1
    """
    found = dict(rows_of(home.database, query))
    assert len(found) > 4
    return found


def sum_of(file: Path) -> Decimal:
    with file.open(encoding="utf-8", newline="") as lines:
        return sum((Decimal(row["BilledCost"]) for row in csv.DictReader(lines)), Decimal(0))


@pytest.fixture
def export(home: Home, tmp_path: Path) -> Callable[..., tuple[Decimal, dict[str, Any]]]:
    def write(month: str, dataset: str, **options: Any) -> tuple[Decimal, dict[str, Any]]:
        period = read_month(month)
        result = export_dataset(home, dataset, output=tmp_path, billing_period=period, **options)
        assert result.path is not None
        assert f"_booked_{month}" in result.path.name
        assert result.manifest["billing_period"] == month
        assert not result.manifest["rows"] or {
            Decimal(total["BilledCost"]) for total in result.manifest["costs"]
        } == {sum_of(result.path)}
        return sum_of(result.path), result.manifest

    return write


def test_both_files_of_a_month_have_one_total_at_every_grain(
    export: Callable[..., tuple[Decimal, dict[str, Any]]], months: dict[str, Decimal]
) -> None:
    latest = max(months)
    for month, total in months.items():
        flat, manifest = export(month, "ai-calls")
        assert flat == total
        assert (manifest["conformant"], manifest["intended_for"]) == (
            False,
            "people and older scripts",
        )
        structures = [(grain, "1.4") for grain in ("call", "day", "month")]
        if month == latest or WHOLE in os.environ:
            # all versions of a grain read the same relation
            structures += [(grain, "1.0") for grain, _ in structures]
        for grain, version in structures:
            found, manifest = export(month, "cost-and-usage", grain=grain, focus_version=version)
            assert found == total
            assert manifest["conformant"] is True
            assert manifest["intended_for"] == "FOCUS tools"


def test_the_api_gives_the_months_total_wherever_it_is_asked(
    home: Home, months: dict[str, Decimal]
) -> None:
    with open_client(home.path) as client:

        def billed(path: str, **parameters: Any) -> Decimal:
            answer = client.get(path, params=parameters).json()
            [currency] = answer["totals"]["currencies"]
            return Decimal(currency["BilledCost"])

        for month, total in months.items():
            assert billed(LIST, billingPeriod=month) == total
            assert billed("/api/spend", billingPeriod=month) == total
            assert billed("/api/spend/charges", billingPeriod=month) == total
        groups = client.get("/api/spend", params={"groupBy": "billingPeriod"}).json()["groups"]
        assert {
            group["keys"]["billingPeriod"]: Decimal(group["BilledCost"]) for group in groups
        } == months
        assert [group["keys"]["billingPeriod"] for group in groups] == sorted(months)
        month = max(months, key=lambda it: months[it])
        for parameters in (
            {},
            {"focusVersion": "1.4"},
            {"focusVersion": "1.3", "grain": "month"},
        ):
            answer = client.get(FILE, params={"billingPeriod": month, **parameters})
            assert answer.status_code == 200
            assert f"_booked_{month}.csv" in answer.headers["content-disposition"]
            rows = csv.DictReader(answer.text.splitlines())
            assert sum(Decimal(row["BilledCost"]) for row in rows) == months[month]
        records = [
            json.loads(json.dumps(record), parse_float=Decimal)
            for page in read_all(client, LIST, billingPeriod=month, pageSize=500)
            for record in page["records"]
        ]
        assert {record["BillingPeriodStart"] for record in records} == {f"{month}-01T00:00:00Z"}


@pytest.mark.parametrize("value", ["2026-13", "10/2026", "2026-10-01", "", "2026", "٢٠٢٦-10"])
def test_what_is_no_month_is_refused_in_one_sentence(home: Home, value: str) -> None:
    with open_client(home.path) as client:
        for path in (LIST, "/api/spend", FILE):
            answer = client.get(path, params={"billingPeriod": value})
            assert answer.status_code == 400
            assert [fault["parameter"] for fault in answer.json()["errors"]] == ["billingPeriod"]
    from exporter.errors import UserError

    with pytest.raises(UserError, match="is no month: write YYYY-MM"):
        export_command.main(["--billing-period", value], standalone_mode=False)


def test_usage_and_booking_narrow_together(
    export: Callable[..., tuple[Decimal, dict[str, Any]]], home: Home
) -> None:
    query = """
        select strftime(BillingPeriodStart, '%Y-%m'), cast(min(ChargePeriodStart) as date),
            cast(max(ChargePeriodStart) as date), sum(BilledCost)
        from focus_cost_and_usage_v1_4 where ChargeClass = 'Correction'
        group by BillingPeriodStart, date_trunc('month', ChargePeriodStart)
        having sum(BilledCost) <> 0 order by count(*) desc limit 1
    """
    [(month, first, last, expected)] = rows_of(home.database, query)
    for dataset in ("cost-and-usage", "ai-calls"):
        found, manifest = export(month, dataset, from_date=first, to_date=last)
        assert manifest["from"] == str(first) < f"{month}-01"
        assert found == expected


def test_a_month_of_corrections_keeps_the_focus_rules(home: Home, tmp_path: Path) -> None:
    for version in ("1.4", "1.0"):
        file = tmp_path / f"month_{version}.csv"
        export_dataset(home, "cost-and-usage", version, grain="month", output=file)
        # version and dataset are those of the manifest
        done = CliRunner().invoke(validate_command, [str(file)])
        assert done.exit_code == 0, done.output
        assert f"FOCUS {version} CostAndUsage" in done.output


def test_the_page_shows_the_months_total(home: Home, months: dict[str, Decimal]) -> None:
    with open_browser() as browser, serve(home.path) as server, visit(browser, server.url) as seen:
        for month in ("2026-09", "2026-10"):
            page = seen.go(f"#booked={month}")
            shown = page.locator("[data-total] data").evaluate_all("all => all.map(it => it.value)")
            assert [Decimal(value) for value in shown] == [months[month]]
            assert page.locator("#booked").input_value() == month
        page.locator("#booked").select_option("")
        page.wait_for_function("!location.hash.includes('booked')")
