"""The LiteLLM sample costs what is known of it, to the last digit, from one file or from both."""

from __future__ import annotations

import csv
import json
import subprocess
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from shutil import copytree, rmtree
from typing import NamedTuple

import pytest
from conftest import focus_export, rows_of
from pipeline import Pipeline

SAMPLE = Path(__file__).resolve().parents[1] / "data" / "litellm_sample"
RAW = SAMPLE / "raw"
JSONL = "LiteLLM_SpendLogs.jsonl"
POSTGRES = "LiteLLM_SpendLogs_pg_copy.csv"

# the provider's key in expected_totals.json -> how FOCUS names who sells
SELLERS = {
    "openai": "OpenAI",
    "anthropic": "Anthropic",
    "aws_bedrock": "AWS",
    "azure": "Microsoft",
    "gcp_vertex": "Google Cloud",
}

FINOPS_MARTS = ("ai_calls", "ai_coverage", "ai_unpriced_usage", "ai_unreadable_records")

CACHE_HIT = "chatcmpl-721ba03d5fe40ec7f722033e16c8e_cache_hit1793700065.8812"
PAID_IN_CAPACITY = "gpt-4o-ptu"


class Build(NamedTuple):
    home: Path
    database: Path
    result: subprocess.CompletedProcess[str]

    def rows(self, query: str, *parameters: object) -> list[tuple]:
        return rows_of(self.database, query, parameters)

    def call(self, call_id: str) -> tuple[Decimal | None, bool, str | None, str]:
        """Give a call's cost, whether a cache answered, why it is held back, and its status."""
        found = self.rows(
            "select billed_cost, is_cache_hit, hold_reason, status from ai_calls where call_id = ?",
            call_id,
        )
        assert len(found) == 1
        return found[0]

    def charges(self, call_id: str) -> list[tuple]:
        return self.rows(
            """
            select SkuMeter, ConsumedQuantity, BilledCost from focus_cost_and_usage
            where x_CallId = ? order by SkuMeter
            """,
            call_id,
        )


@pytest.fixture(scope="module")
def sample() -> list[dict]:
    lines = (RAW / "litellm" / JSONL).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Build the sample with both forms of the spend log; then its raw folder is gone."""
    home = tmp_path_factory.mktemp("golden")
    raw = tmp_path_factory.mktemp("golden_raw") / "raw"
    copytree(RAW, raw)
    result = focus_export("build", "--home", home, "--raw-dir", raw)
    assert result.returncode == 0, result.stdout + result.stderr
    rmtree(raw)
    return Build(home, home / "ai_focus.duckdb", result)


def one_call(sample: list[dict], **values: object) -> dict:
    found = [row for row in sample if all(row[name] == value for name, value in values.items())]
    assert len(found) == 1
    return found[0]


def test_each_provider_costs_exactly_what_is_expected(build: Build) -> None:
    expected = json.loads((SAMPLE / "expected_totals.json").read_text(encoding="utf-8"))
    found = build.rows(
        "select ServiceProviderName, sum(BilledCost) from focus_cost_and_usage group by all"
    )
    assert dict(found) == {SELLERS[key]: Decimal(cost) for key, cost in expected.items()}


def test_each_call_costs_what_litellm_said(build: Build, sample: list[dict]) -> None:
    found = {
        call_id: (billed, source)
        for call_id, billed, source in build.rows(
            "select call_id, billed_cost, source_cost from ai_calls"
        )
    }
    assert found.keys() == {row["request_id"] for row in sample}
    for row in sample:
        billed, source = found[row["request_id"]]
        assert float(source) == pytest.approx(row["spend"], rel=1e-12)
        if row["model_group"] == PAID_IN_CAPACITY:
            assert billed is None
        else:
            assert float(billed) == pytest.approx(row["spend"], rel=1e-12, abs=0)


def test_each_cost_is_a_price_times_a_quantity(build: Build) -> None:
    rows = build.rows(
        """
        select ListUnitPrice, ContractedUnitPrice, PricingQuantity, PricingUnit, ConsumedQuantity,
            ListCost, ContractedCost, BilledCost, EffectiveCost
        from focus_cost_and_usage
        """
    )
    assert len(rows) > 30
    for list_price, contracted_price, quantity, unit, consumed, *costs in rows:
        assert contracted_price == list_price
        assert quantity * {"1000000 Tokens": 1_000_000, "1000 Requests": 1_000}[unit] == consumed
        assert costs == [list_price * quantity] * 4


def test_every_mart_can_be_read_without_the_raw_folder(build: Build) -> None:
    marts = [
        name
        for (name,) in build.rows("select table_name from information_schema.tables")
        if name.startswith("focus_c") or name in FINOPS_MARTS
    ]
    assert len(marts) >= 18
    for name in marts:
        # every column, so that nothing behind a view is left out
        build.rows(f"select * from {name}")


def test_nothing_of_the_demo_leaks_into_a_users_build(build: Build) -> None:
    for relation in (
        "int_contract_prices",
        "stg_pricing__contract_prices",
        "stg_contracts__contracts",
        "stg_contracts__commitments",
        "focus_contract_commitment",
        "stg_gateway__usage",
    ):
        if build.rows("select 1 from information_schema.tables where table_name = ?", relation):
            assert build.rows(f"select count(*) from {relation}") == [(0,)]
        else:
            # the folder has no log of this source
            assert relation.startswith("stg_gateway__")
    deployments = build.rows("select deployment from stg_pricing__provisioned_deployments")
    assert deployments == [(PAID_IN_CAPACITY,)]
    assert build.rows(
        "select count(*) from focus_cost_and_usage"
        " where ContractedUnitPrice <> ListUnitPrice or x_ContractPriceId is not null"
    ) == [(0,)]


def test_the_response_cache_is_no_charge(build: Build, sample: list[dict]) -> None:
    row = one_call(sample, cache_hit="True")
    assert row["request_id"] == CACHE_HIT
    assert build.call(CACHE_HIT) == (Decimal(0), True, None, "success")
    assert build.charges(CACHE_HIT) == []
    # what the tokens would have cost at the provider
    [(avoided, tokens)] = build.rows(
        "select avoided_list_cost, total_tokens from ai_calls where call_id = ?", CACHE_HIT
    )
    assert avoided > 0
    assert tokens == row["total_tokens"]


def test_a_failed_call_costs_nothing_and_is_kept(build: Build, sample: list[dict]) -> None:
    call_id = one_call(sample, status="failure")["request_id"]
    assert build.call(call_id) == (Decimal(0), False, None, "failure")
    assert build.charges(call_id) == []


def test_a_batch_is_charged_once_by_its_cost_row(build: Build, sample: list[dict]) -> None:
    created = one_call(sample, call_type="acreate_batch")["request_id"]
    assert build.call(created)[:3] == (Decimal(0), False, None)
    assert build.charges(created) == []
    billed = one_call(sample, call_type="aretrieve_batch")["request_id"]
    assert build.charges(billed) == [
        ("Input Tokens", Decimal(500_000), Decimal("0.0625")),
        ("Output Tokens", Decimal(120_000), Decimal("0.12")),
    ]


def test_capacity_that_is_paid_apart_holds_its_call_back(build: Build, sample: list[dict]) -> None:
    call_id = one_call(sample, model_group=PAID_IN_CAPACITY)["request_id"]
    assert build.call(call_id) == (None, False, "capacity_paid", "success")
    assert build.charges(call_id) == []
    assert build.rows(
        "select call_id, meter, hold_reason from ai_unpriced_usage order by meter"
    ) == [
        (call_id, "input", "capacity_paid"),
        (call_id, "output", "capacity_paid"),
    ]
    assert "paid as reserved capacity: 1" in build.result.stderr


def test_a_call_that_spilled_over_is_paid(build: Build, sample: list[dict]) -> None:
    [row] = [row for row in sample if row["metadata"].get("azure_spillover")]
    assert row["metadata"]["azure_spillover"] == {"from_deployment": "gpt-5-ptu-eus2"}
    charges = build.charges(row["request_id"])
    assert sum(cost for _, _, cost in charges) == Decimal("0.017642")
    assert [meter for meter, _, _ in charges] == [
        "Cache Read Input Tokens",
        "Input Tokens",
        "Output Tokens",
        "Reasoning Output Tokens",
    ]


def test_a_line_that_stands_twice_counts_once(build: Build, sample: list[dict]) -> None:
    with (RAW / "litellm" / POSTGRES).open(encoding="utf-8", newline="") as file:
        delivered = [row["request_id"] for row in csv.DictReader(file)]
    assert len(delivered) == len(sample) + 1
    [twice] = {call_id for call_id in delivered if delivered.count(call_id) == 2}
    assert sum(cost for _, _, cost in build.charges(twice)) == Decimal("0.030828")
    assert build.rows("select count(*), count(distinct call_key) from ai_calls") == [(17, 17)]
    assert build.rows("select count(*) from ai_unreadable_records") == [(0,)]


def test_a_call_over_midnight_belongs_to_the_day_on_which_it_began(
    build: Build, sample: list[dict]
) -> None:
    [row] = [row for row in sample if row["startTime"][:10] != row["endTime"][:10]]
    periods = build.rows(
        """
        select distinct ChargePeriodStart, ChargePeriodEnd from focus_cost_and_usage
        where x_CallId = ?
        """,
        row["request_id"],
    )
    [(start, end)] = periods
    assert start == datetime(2026, 11, 3, 23, 59, 58)
    assert end.date() == datetime(2026, 11, 4).date()
    days = build.rows(
        """
        select distinct ChargePeriodStart, ChargePeriodEnd from focus_cost_and_usage_daily
        where x_ModelId = 'claude-opus-4-8'
        """
    )
    assert days == [(datetime(2026, 11, 3), datetime(2026, 11, 4))]


def test_daily_aggregates_are_named_and_not_read(build: Build) -> None:
    aggregates = sorted(path.name for path in (RAW / "litellm").glob("LiteLLM_Daily*"))
    assert len(aggregates) == 2
    for name in aggregates:
        assert f"litellm/{name} was not read: it is a daily aggregate" in build.result.stderr


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    folder = tmp_path_factory.mktemp("golden_forms")
    copytree(RAW, folder / "raw")
    made = Pipeline(folder / "raw", folder / "build")
    yield made
    made.close()


@pytest.mark.parametrize("left_out", [JSONL, POSTGRES])
def test_either_form_of_the_log_gives_the_same_rows(
    pipeline: Pipeline, build: Build, left_out: str
) -> None:
    query = "select * from {} order by all"
    relations = ("focus_cost_and_usage_v1_4", "focus_cost_and_usage_daily_v1_4")
    relations += ("ai_calls", "ai_unpriced_usage", "ai_coverage")
    file = pipeline.raw / "litellm" / left_out
    content = file.read_text(encoding="utf-8")
    # a CSV file keeps its header
    file.write_text(content.splitlines(keepends=True)[0] if left_out == POSTGRES else "\n")
    try:
        pipeline.run()
        assert pipeline.rows("select count(*), count(distinct _file) from stg_litellm__usage") in (
            [(17, 1)],
            [(18, 1)],
        )
        for relation in relations:
            assert pipeline.rows(query.format(relation)) == build.rows(query.format(relation))
    finally:
        file.write_text(content, encoding="utf-8")
