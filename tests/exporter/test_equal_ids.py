"""Rows of one id, end to end: what a later record changes, and what contradicts and counts not."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from conftest import focus_export, rows_of
from test_bad_input import call, csv_text, write_files

# 100 tokens at 1.25 and 20 at 10 USD a million
LIST_COST = Decimal("0.000325")

FILES = {
    "gateway/a.csv": csv_text(call("a")),
    # it ended sooner, so it is not the one that counts
    "gateway/again.csv": csv_text(call("a"), call("a", latency_ms="800")),
    "billing_periods/closed.csv": "issuer,billing_period,closed_at\n"
    "openai,2026-03,2026-04-04T09:00:00Z\nmistral,2026-03,2062-04-04\n",
    # 10 % are known when March is closed, 20 % a month later
    "contract_prices/agreed.csv": "contract_price_id,contract_id,billing_account_id,provider,"
    "discount_percentage,valid_from,recorded_at\n"
    "CP,C,acme,openai,10,2026-01-01,\n"
    "CP,C,acme,OpenAI,20,2026-01-01,2026-05-01\n"
    "CP,C,acme,openai,20,2026-01-01,2026-05-01\n"
    "STRANGE,C,acmee,openai,30,2026-01-01,\n",
    "contracts/told.csv": "contract_id,provider,start,end\n"
    "C,open-ai,2026-01-01,2027-01-01\n"
    "C,OPENAI,2026-01-01,2027-01-01\n"
    "D,openai,2026-01-01,2027-01-01\n"
    "D,open-ai,2026-01-01,2028-01-01\n",
}


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("equal_ids")
    write_files(folder / "raw", FILES)
    home = folder / "home"
    result = focus_export("build", "--home", home, "--raw-dir", folder / "raw")
    assert result.returncode == 0, result.stderr
    return home / "ai_focus.duckdb"


def test_a_contract_price_recorded_later_counts_from_then_on_and_corrects_what_was_closed(
    database: Path,
) -> None:
    costs = rows_of(
        database,
        "select strftime(BillingPeriodStart, '%Y-%m'), ChargeClass, sum(ListCost), sum(BilledCost)"
        " from focus_cost_and_usage_v1_4 group by all order by all",
    )
    assert costs == [
        ("2026-03", None, LIST_COST, LIST_COST * 9 / 10),
        ("2026-04", "Correction", 0, -LIST_COST / 10),
    ]


def test_contracts_that_differ_are_both_rejected_and_repeats_in_other_words_are_one(
    database: Path,
) -> None:
    contracts = rows_of(
        database, "select contract_id, service_provider_name from stg_contracts__contracts"
    )
    assert contracts == [("C", "OpenAI")]
    rejected = rows_of(
        database, "select raw_table, record_key, line from ai_unreadable_records order by 3"
    )
    assert rejected == [("contracts", "D", 4), ("contracts", "D", 5)]


def test_records_of_one_call_that_differ_are_listed_with_file_and_line(database: Path) -> None:
    listed = rows_of(
        database,
        "select file, line, call_id, outcome, differing_fields from ai_repeated_records"
        " order by all",
    )
    assert listed == [
        ("gateway/a.csv", 2, "a", "kept", None),
        ("gateway/again.csv", 2, "a", "repeated", None),
        ("gateway/again.csv", 3, "a", "conflicting", "ended_at, latency_ms"),
    ]


def test_what_is_odd_but_counts_is_a_finding(database: Path) -> None:
    found = rows_of(database, "select finding_type, raw_value from ai_usage_findings order by 1")
    assert found == [
        ("closed_in_the_future", "2062-04-04 00:00:00"),
        ("unknown_account", "acmee"),
    ]
