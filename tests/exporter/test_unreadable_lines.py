"""An unreadable line of any raw table stands in ai_unreadable_records; the rest is built."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from conftest import focus_export, rows_of
from test_bad_input import call, csv_text, write_files

from exporter.project import RawTable, load_project

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "seeds" / "sample"
PROJECT = load_project()
# raw tables that tell of something else than usage
SIDE_INPUTS = [table for table in PROJECT.raw_tables() if table.folder not in PROJECT.usage_sources]
JSON_BESIDE = "beside.jsonl"

# what a row becomes, so that two of one table differ in what tells them apart
APART = {
    "billing_periods": {"issuer": "openai", "billing_period": "2026-03", "closed_at": "2026-04-04"},
}
OTHER = {
    "billing_accounts": {"billing_account_id": "org-other"},
    "billing_periods": {"issuer": "anthropic"},
    "commitments": {"commitment_id": "other"},
    "contract_prices": {
        "contract_price_id": "other",
        "discount_percentage": "9",
        "valid_from": "2026-09-01",
    },
    "contracts": {"contract_id": "other"},
    "exchange_rates": {"rate_date": "2026-10-25"},
    "provisioned_deployments": {"deployment": "other"},
}


def good_rows(table: RawTable) -> list[dict[str, str]]:
    """Two rows of a raw table that nothing is wrong with: the demo's first, and one beside it."""
    if table.name in APART:
        first = APART[table.name]
    else:
        with (SAMPLE / f"raw_{table.name}.csv").open(encoding="utf-8") as file:
            first = next(csv.DictReader(file))
    return [first, first | OTHER[table.name]]


def csv_of(table: RawTable) -> str:
    """A good line, then a field too many, one too few and a quote that is never closed."""
    first = good_rows(table)[0]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(first)
    writer.writerow(first.values())
    good = text.getvalue()
    line = good.split("\n")[1]
    return f'{good}{line},"a,b,c,d"\n{line.rpartition(",")[0]}\n"{line}\n'


def jsonl_of(table: RawTable) -> str:
    """A good line between one that is no JSON and one that is no object."""
    return f'{{"a": \n{json.dumps(good_rows(table)[1])}\n[1]\n'


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One build with two files for each of the side inputs."""
    folder = tmp_path_factory.mktemp("unreadable")
    files: dict[str, str | bytes] = {"gateway/a.csv": csv_text(call("a"))}
    for table in SIDE_INPUTS:
        files[f"{table.name}/lines.csv"] = csv_of(table)
        files[f"{table.name}/{JSON_BESIDE}"] = jsonl_of(table)
    write_files(folder / "raw", files)
    home = folder / "home"
    result = focus_export("build", "--home", home, "--raw-dir", folder / "raw")
    assert result.returncode == 0, result.stderr
    return home / "ai_focus.duckdb"


def test_there_is_a_row_of_each_side_input() -> None:
    assert {table.name for table in SIDE_INPUTS} == set(OTHER)


@pytest.mark.parametrize("table", SIDE_INPUTS, ids=lambda table: table.name)
def test_an_unreadable_line_of_a_side_input_is_rejected_and_stops_nothing(
    database: Path, table: RawTable
) -> None:
    rows = rows_of(
        database,
        "select file, line, field, reason from ai_unreadable_records where raw_table = ?"
        " order by all",
        [table.name],
    )
    found = [(file.partition("/")[2], line, field) for file, line, field, _ in rows]
    expected = [(JSON_BESIDE, 1), (JSON_BESIDE, 3), *(("lines.csv", n) for n in (3, 4, 5))]
    assert found == [(file, line, None) for file, line in expected]
    reasons = [reason for *_, reason in rows]
    for reason, part in zip(
        reasons, ("not valid JSON", "no JSON object", "fields", "fields", "quote"), strict=True
    ):
        assert part in reason
    # what a line says is not for everybody's eyes
    assert [reason for reason in reasons if "a,b,c,d" in reason] == []


COUNTED = {
    "billing_accounts": "stg_currencies__billing_accounts",
    "billing_periods": "stg_billing__billing_periods",
    "commitments": "focus_contract_commitment",
    "contract_prices": "stg_pricing__contract_prices",
    "contracts": "stg_contracts__contracts",
    "exchange_rates": "stg_currencies__exchange_rates",
    "provisioned_deployments": "stg_pricing__provisioned_deployments",
}


@pytest.mark.parametrize("table", SIDE_INPUTS, ids=lambda table: table.name)
def test_the_lines_beside_it_count(database: Path, table: RawTable) -> None:
    assert rows_of(database, f"select count(*) from {COUNTED[table.name]}") == [(2,)]
