"""Usage that a provider's report sums: charged, never called a call, replaced when told again."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import rows_of
from pipeline import Pipeline
from priced_calls import write_csv

from exporter.cli import cli
from exporter.errors import IncompleteError

COLUMNS = (
    *("provider", "account_id", "model", "bucket_start", "bucket_width", "meter", "quantity"),
    *("requests", "department", "ingested_at"),
)
# grok-4.7 costs more in long contexts
ROWS = (
    (
        "xai",
        "acme",
        "grok-4.7",
        "2026-10-05",
        "1d",
        "input",
        "1000000",
        "40",
        "Research",
        "2026-10-06",
    ),
    (
        "xai",
        "acme",
        "grok-4.7",
        "2026-10-05",
        "1d",
        "output",
        "100000",
        "40",
        "Research",
        "2026-10-06",
    ),
    # told again: 150,000 in place of 100,000
    (
        "xai",
        "acme",
        "grok-4.7",
        "2026-10-05",
        "1d",
        "output",
        "150000",
        "50",
        "Research",
        "2026-10-07",
    ),
    # as it was
    (
        "xai",
        "acme",
        "grok-4.7",
        "2026-10-05",
        "1d",
        "input",
        "1000000",
        "40",
        "Research",
        "2026-10-07",
    ),
    # another department is another bucket
    ("xai", "acme", "grok-4.7", "2026-10-05", "1d", "input", "500000", "5", "", "2026-10-06"),
    (
        "xai",
        "acme",
        "grok-4.7",
        "2026-10-05T13:00:00Z",
        "1h",
        "prompt",
        "200000",
        "",
        "",
        "2026-10-06",
    ),
    ("xai", "acme", "grok-99", "2026-10-05", "1d", "input", "7", "1", "", "2026-10-06"),
    ("xai", "acme", "grok-4.7", "2026-10-05", "1d", "words", "7", "1", "", "2026-10-06"),
    ("xai", "acme", "grok-4.7", "2026-10-05", "1w", "input", "7", "1", "", "2026-10-06"),
)
VERSIONS = ("1.0", "1.1", "1.2", "1.3", "1.4")


@dataclass
class Built:
    home: Path
    stderr: str
    stdout: str

    def rows(self, query: str) -> list[tuple]:
        return rows_of(self.home / "ai_focus.duckdb", query)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("provider_usage")
    usage = folder / "raw" / "provider_usage"
    usage.mkdir(parents=True)
    with (usage / "2026-10.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([COLUMNS, *ROWS])
    home = folder / "home"
    arguments = ["build", "--home", str(home), "--raw-dir", str(folder / "raw")]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.output
    return Built(home, result.stderr, result.stdout)


def test_a_bucket_is_charged_for_its_period_and_says_what_is_assumed(built: Built) -> None:
    assert built.rows(
        "select strftime(ChargePeriodStart, '%d %H'), strftime(ChargePeriodEnd, '%d %H'), SkuMeter,"
        " SubAccountName, ConsumedQuantity, BilledCost from focus_cost_and_usage order by 1, 3, 4"
    ) == [
        ("05 00", "06 00", "Input Tokens", "Research", Decimal(1000000), Decimal(2)),
        ("05 00", "06 00", "Input Tokens", None, Decimal(500000), Decimal(1)),
        # as it was told last
        ("05 00", "06 00", "Output Tokens", "Research", Decimal(150000), Decimal("0.9")),
        ("05 13", "05 14", "Prompt Tokens, Cached or Not", None, Decimal(200000), Decimal("0.4")),
    ]
    assert built.rows(
        "select distinct x_PriceRule, ResourceId, ResourceType, x_CallId from focus_cost_and_usage"
    ) == [("context_assumed", None, None, None)]


def test_buckets_are_no_calls(built: Built) -> None:
    for mart in ("ai_calls", "ai_calls_booked"):
        assert built.rows(f"select count(*) from {mart}") == [(0,)]
    assert built.rows(
        "select calls, missing_calls, tokens, buckets, missing_buckets, bucket_tokens,"
        " missing_bucket_tokens, bucket_requests, unreadable_records"
        " from ai_coverage order by service_provider_name"
    ) == [
        # 50 of Research, 5 of no department, 1 of the unknown model; of the hour nobody told
        (0, 0, 0, 5, 1, 1850007, 7, 56, 0),
        (0, 0, 0, 0, 0, 0, 0, 0, 2),
    ]
    assert built.rows("select source_name, calls from ai_source_freshness") == [
        ("provider_usage", 0)
    ]
    assert built.rows("select model_as_sent, calls, consumed_quantity from ai_missing_prices") == [
        ("grok-99", 0, 7)
    ]
    assert "Usage reports" in built.stdout
    # the reason that holds a bucket holds no call
    assert "calls not priced yet" not in built.stdout + built.stderr
    assert (
        "Not in these totals: 1 sum of usage reports not priced yet; see the table"
        " ai_unpriced_usage." in built.stderr
    )


def test_what_cannot_be_read_says_why(built: Built) -> None:
    assert built.rows("select line, field, reason from ai_unreadable_records order by line") == [
        (9, "meter", "meter 'words' is no meter that is known."),
        (10, "bucket_width", "bucket_width '1w' is neither 1h nor 1d."),
    ]


@pytest.mark.parametrize("version", VERSIONS)
def test_files_with_buckets_keep_the_rules_of_each_version(
    built: Built, version: str, tmp_path: Path
) -> None:
    output = tmp_path / "focus.csv"
    exported = CliRunner().invoke(
        cli,
        ["export", "--home", str(built.home), "--focus-version", version, "--output", str(output)],
    )
    assert exported.exit_code == 0, exported.output
    checked = CliRunner().invoke(
        cli,
        ["validate", str(output), "--dataset", "cost-and-usage", "--focus-version", version],
    )
    assert checked.exit_code == 0, checked.output


def test_a_month_that_is_closed_keeps_what_was_told_of_it(built: Built, tmp_path: Path) -> None:
    """What a report tells later of a bucket is a correction: the reversal and the new charge."""
    raw = tmp_path / "raw"
    shutil.copytree(built.home.parent / "raw", raw)
    (raw / "billing_periods").mkdir()
    (raw / "billing_periods" / "closed.csv").write_text(
        "issuer,billing_period,closed_at\nxai,2026-10,2026-10-06T12:00:00Z\n", encoding="utf-8"
    )
    arguments = ["build", "--home", str(tmp_path / "home"), "--raw-dir", str(raw)]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.output
    rows = rows_of(
        tmp_path / "home" / "ai_focus.duckdb",
        "select strftime(BillingPeriodStart, '%m'), ChargeClass, ConsumedQuantity, BilledCost"
        " from focus_cost_and_usage where SkuMeter = 'Output Tokens' order by 1, 3",
    )
    assert rows == [
        ("10", None, Decimal(100000), Decimal("0.6")),
        ("11", "Correction", Decimal(-100000), Decimal("-0.6")),
        ("11", "Correction", Decimal(150000), Decimal("0.9")),
    ]
    assert rows_of(tmp_path / "home" / "ai_focus.duckdb", "select * from ai_calls_booked") == []


def test_an_extract_says_that_a_bucket_is_not_priced_yet(built: Built, tmp_path: Path) -> None:
    file = tmp_path / "usage.csv"
    arguments = ["export", "--home", str(built.home), "--output", str(file), "--strict"]
    result = CliRunner().invoke(cli, arguments)
    assert isinstance(result.exception, IncompleteError)
    assert "1 sum of usage reports is not priced yet" in str(result.exception)
    result = CliRunner().invoke(cli, arguments[:-1])
    assert result.exit_code == 0, result.output
    coverage = json.loads(file.with_name("usage.csv.manifest.json").read_text("utf-8"))["coverage"]
    assert (coverage["missing_calls"], coverage["missing_buckets"]) == (0, 1)
    assert coverage["quarantined_calls"] == {}


def test_a_row_replaces_the_one_of_its_bucket_and_of_no_other(tmp_path: Path) -> None:
    told = {
        "provider": "xai",
        "account_id": "acme",
        "model": "grok-4.7",
        "bucket_start": "2026-10-05",
        "bucket_width": "1d",
        "meter": "input",
        "department": "Research",
        "project_id": "p",
        "api_key_id": "k",
        "service_tier": "flex",
        "processing_mode": "batch",
        "region": "eu",
        "quantity": "1",
    }
    others = {
        "provider": "openai",
        "account_id": "other",
        "model": "grok-5",
        "bucket_start": "2026-10-06",
        "bucket_width": "1h",
        "meter": "output",
        "department": "Legal",
        "project_id": "q",
        "api_key_id": "l",
        "service_tier": "",
        "processing_mode": "",
        "region": "",
    }
    again = told | {
        "provider": "XAI",
        "model": "Grok-4.7",
        "bucket_start": "2026-10-05T00:00:00Z",
        "meter": "Input",
        "service_tier": "FLEX",
        "processing_mode": "Batch",
        "region": "EU",
        "quantity": "2",
    }
    usage = tmp_path / "raw" / "provider_usage" / "rows.csv"
    write_csv(usage, list(told), [told, again, *(told | {name: it} for name, it in others.items())])
    model = "stg_provider_usage__usage"
    pipeline = Pipeline(tmp_path / "raw", tmp_path / "build", select=[f"+{model}"])
    faults = "select fault_reason from {} where fault_reason is not null"
    assert pipeline.rows(faults.format(model)) == []
    told_of = (
        f"select list(bucket_quantity order by bucket_quantity) from {model} group by replaces_key"
    )
    found = sorted(quantities for (quantities,) in pipeline.rows(told_of))
    pipeline.close()
    assert found == [*([1] for _ in others), [1, 2]]
