"""What the marts on prices say adds up to what was charged, on the demo and on closed periods."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from conftest import ROOT, assert_one_sentence, environment, focus_export, rows_of
from pipeline import Pipeline

SAMPLE = ROOT / "seeds" / "sample"
FOLDERS = {
    "raw_gateway_calls": "gateway",
    "raw_litellm_spend_logs": "litellm",
    "raw_contract_prices": "contract_prices",
    "raw_provisioned_deployments": "provisioned_deployments",
    "raw_billing_periods": "billing_periods",
}
# far above any list price of the model
PLANTED = {
    "contract_price_id": "CP-ABOVE",
    "contract_id": "OAI-MSA-771",
    "billing_account_id": "org-acme",
    "provider": "openai",
    "model": "gpt-5.4",
    "meter": "input",
    "service_tier": "standard",
    "processing_mode": "realtime",
    "unit_price": "1000",
    "currency": "USD",
    "valid_from": "2026-01-01",
}
CURRENCIES = {
    "billing_accounts": [("billing_account_id", "billing_currency"), ("org-globex", "EUR")],
    # a rate per week, as each holds for seven days
    "exchange_rates": [
        ("rate_date", "from_currency", "to_currency", "rate"),
        *(
            (str(date(2026, 7, 31) + timedelta(7 * week)), "USD", "EUR", f"0.8{week:02}7")
            for week in range(15)
        ),
    ],
}
LATE, LATE_CALLS = "2026-09-20T00:00:00Z", 25

# what charged calls cost at list prices, corrections included, by the month they were made in
CHARGED = """
    select date_trunc('month', charge_period_start) as month, billing_currency,
        int_sku_prices.provider, model,
        count(distinct case when call_id is not null then call_key end) as calls,
        sum(list_cost) as list_cost
    from int_charges
    inner join int_sku_prices using (meter_price_id)
    where call_key not in (select call_key from int_held_calls)
    group by all
    order by all
"""
SAME_MODEL = """
    select usage_month as month, billing_currency, provider, model,
        sum(calls) as calls, sum({column}) as list_cost
    from ai_repriced_usage
    where other_provider = provider and other_model = model
    group by all
    order by all
"""


def assert_the_model_that_served_comes_out_at_its_own_list_cost(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    charged = connection.execute(CHARGED).fetchall()
    assert len(charged) > 30
    for column in ("list_cost", "repriced_list_cost"):
        assert connection.execute(SAME_MODEL.format(column=column)).fetchall() == charged
    differing = connection.execute(
        "select * from ai_repriced_usage where other_provider = provider and other_model = model"
        " and (list_cost_difference <> 0 or missing_meters is not null"
        " or substituted_meters is not null or other_service_tier <> service_tier)"
    ).fetchall()
    assert differing == []


def test_the_model_that_served_comes_out_at_its_own_list_cost(demo_home: Path) -> None:
    database = (demo_home / "ai_focus.duckdb").resolve()
    with duckdb.connect(str(database), read_only=True) as connection:
        assert_the_model_that_served_comes_out_at_its_own_list_cost(connection)


def test_every_other_model_is_asked_for_the_same_usage(demo_home: Path) -> None:
    rows = rows_of(
        demo_home / "ai_focus.duckdb",
        "select other_provider, other_model, sum(calls), sum(tokens), sum(list_cost)"
        " from ai_repriced_usage group by all",
    )
    models = {(provider, model) for provider, model, *_ in rows}
    served = rows_of(
        demo_home / "ai_focus.duckdb", "select distinct provider, model from ai_repriced_usage"
    )
    assert models == set(served)
    assert len({tuple(sums) for _, _, *sums in rows}) == 1


def test_a_repriced_cost_is_missing_only_with_a_meter_that_is_named(demo_home: Path) -> None:
    rows = rows_of(
        demo_home / "ai_focus.duckdb",
        "select repriced_list_cost is null, missing_meters is null, count(*)"
        " from ai_repriced_usage group by all order by all",
    )
    assert [row[:2] for row in rows] == [(False, True), (True, False)]


def test_price_coverage_sums_to_focus(demo_home: Path) -> None:
    database = demo_home / "ai_focus.duckdb"
    focus = rows_of(
        database,
        "select BillingPeriodStart, ServiceProviderName, BillingCurrency, x_PriceDateBasis,"
        " x_PriceRule, count(*), sum(ListCost), sum(BilledCost), sum(EffectiveCost),"
        " coalesce(sum(EffectiveCost) filter (SubAccountId is not null), 0)"
        " from focus_cost_and_usage group by all order by all",
    )
    covered = rows_of(
        database,
        "select billing_period_start, service_provider_name, billing_currency,"
        " price_date_basis, price_rule,"
        " charges, list_cost, billed_cost, effective_cost, allocated_cost"
        " from ai_price_coverage order by all",
    )
    assert covered == focus
    assert len({row[3] for row in covered}) == 3


def test_shares_of_a_period_provider_and_currency_add_up_to_one(demo_home: Path) -> None:
    sums = rows_of(
        demo_home / "ai_focus.duckdb",
        "select sum(billed_cost_share) from ai_price_coverage"
        " group by billing_period_start, service_provider_name, billing_currency",
    )
    assert sums
    for (share,) in sums:
        # each is rounded to six decimals
        assert abs(share - 1) <= Decimal("0.00001")


def test_charges_by_another_rule_than_exact_are_all_found(demo_home: Path) -> None:
    database = demo_home / "ai_focus.duckdb"
    found = rows_of(
        database,
        "select finding_type, billing_currency, sum(charges), sum(list_cost), sum(contracted_cost)"
        " from ai_price_findings where finding_type <> 'contracted_above_list'"
        " group by all order by all",
    )
    assert found == rows_of(
        database,
        "select x_PriceRule, BillingCurrency, count(*), sum(ListCost), sum(ContractedCost)"
        " from focus_cost_and_usage where x_PriceRule not in ('exact', 'output_price')"
        " group by all order by all",
    )
    assert found
    # the demo's contracts are discounts
    assert not rows_of(
        database, "select 1 from ai_price_findings where finding_type = 'contracted_above_list'"
    )


def write_raw(folder: Path) -> None:
    """Write the demo with a contract price above list, a closed August that got late calls, and an
    account that is billed in another currency than the prices.
    """
    for name, subfolder in FOLDERS.items():
        with (SAMPLE / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
        if name == "raw_contract_prices":
            rows.append(PLANTED)
        elif name == "raw_gateway_calls":
            august = [row for row in rows if row["started_at"] < "2026-08-20"]
            for row in august[:: len(august) // LATE_CALLS]:
                row["ingested_at"] = LATE
        elif name == "raw_billing_periods":
            issuers = ("OpenAI", "Anthropic", "aws_bedrock", "azure", "google")
            rows = [
                {"issuer": issuer, "billing_period": "2026-08", "closed_at": "2026-09-10"}
                for issuer in issuers
            ]
        path = folder / subfolder / f"{name}.csv"
        path.parent.mkdir(parents=True)
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, reader.fieldnames or [])
            writer.writeheader()
            writer.writerows(rows)
    for subfolder, lines in CURRENCIES.items():
        (folder / subfolder).mkdir()
        with (folder / subfolder / "rows.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(lines)


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    folder = tmp_path_factory.mktemp("price_marts")
    write_raw(folder / "raw")
    pipeline = Pipeline(folder / "raw", folder / "built")
    yield pipeline
    pipeline.close()


def test_a_planted_contract_price_above_list_is_found_once_per_price(closed: Pipeline) -> None:
    charged = closed.rows(
        "select x_PriceId, BillingCurrency, ListUnitPrice, ContractedUnitPrice, count(*),"
        " min(ChargePeriodStart), max(ChargePeriodStart), sum(ContractedCost - ListCost)"
        " from focus_cost_and_usage where x_ContractPriceId = 'CP-ABOVE' group by all order by all"
    )
    assert [row[3] for row in charged] == [1000]
    found = closed.rows(
        "select price_id, billing_currency, list_unit_price, contracted_unit_price, charges,"
        " first_charge_period_start, last_charge_period_start, cost_above_list"
        " from ai_price_findings where finding_type = 'contracted_above_list'"
    )
    assert found == charged


def test_late_calls_of_a_closed_period_are_repriced_in_their_own_month(closed: Pipeline) -> None:
    corrections = closed.rows(
        "select count(distinct call_key) from int_charges where charge_class = 'Correction'"
    )
    assert corrections[0][0] > LATE_CALLS // 2
    assert_the_model_that_served_comes_out_at_its_own_list_cost(closed.connection)
    currencies = closed.rows("select distinct billing_currency from ai_repriced_usage order by 1")
    assert currencies == [("EUR",), ("USD",)]


def test_a_price_that_is_corrected_after_the_close_counts_for_the_month_of_the_call(
    closed: Pipeline,
) -> None:
    prices = closed.seed("ai_list_prices")
    (price,) = (
        row
        for row in prices
        if (row["provider"], row["model"], row["meter"]) == ("openai", "gpt-5-mini", "output")
        and (row["service_tier"], row["processing_mode"]) == ("standard", "realtime")
    )
    before = closed.rows(CHARGED)
    correction = {**price, "price_id": "corrected", "unit_price": "77", "recorded_at": "2026-12-01"}
    closed.load_seed("ai_list_prices", [*prices, correction])
    closed.run()
    try:
        assert closed.rows(CHARGED) != before
        assert_the_model_that_served_comes_out_at_its_own_list_cost(closed.connection)
    finally:
        closed.load_seed("ai_list_prices", prices)
        closed.run()
    assert closed.rows(CHARGED) == before


def test_models_to_reprice_that_are_no_list_of_names_are_said_in_one_sentence(
    small_checkout: Path, tmp_path: Path
) -> None:
    result = focus_export(
        *("build", "--vars", "{reprice_models: openai/gpt-5}"),
        cwd=tmp_path,
        variables={"PYTHONPATH": str(small_checkout)},
    )
    assert_one_sentence(result, 2, "reprice_models is", "such as [openai/gpt-5]")


def test_what_is_a_list_of_models_to_reprice_and_what_is_none(
    small_checkout: Path, tmp_path: Path
) -> None:
    """The project is read once, since that takes most of the time."""
    code = """
from dbt.cli.main import dbtRunner
project = dbtRunner().invoke(["--quiet", "parse"]).result
for value in ("openai/gpt-5", {"openai": "gpt-5"}, ["a/b", "gpt-5"], ["openai/"], ["openai/gpt-5"]):
    compile = ["--quiet", "compile", "--select", "one"]
    outcome = dbtRunner(manifest=project).invoke(compile, vars={"reprice_models": value})
    said = " ".join(str(outcome.exception).split())
    print("tried", outcome.success, "it must be a list of providers and models" in said)
"""
    settings = {
        "DBT_PROJECT_DIR": str(small_checkout),
        "DBT_PROFILES_DIR": str(small_checkout),
        "DBT_TARGET_PATH": str(tmp_path / "target"),
        "DBT_LOG_PATH": str(tmp_path / "logs"),
        "AI_FOCUS_DATABASE": str(tmp_path / "a.duckdb"),
    }
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**environment(), **settings},
        cwd=tmp_path,
        check=True,
    )
    said = [line for line in result.stdout.splitlines() if line.startswith("tried ")]
    assert said == ["tried False True"] * 4 + ["tried True False"]
