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

PRICE = {
    "provider": "openai",
    "model": "gpt-own",
    "meter": "input",
    "unit_price": "2",
    "recorded_at": "2026-03-01",
    "source": "a letter",
}

# the first row of a table of which the demo has none
FIRST = {
    "allocation_rules": {"rule_id": "all", "priority": "1", "department": "search"},
    "billing_periods": {"issuer": "openai", "billing_period": "2026-03", "closed_at": "2026-04-04"},
    "cost_bases": {
        "provider": "openai",
        "deployment": "ours",
        "cost_basis": "stated",
        "recorded_at": "2026-03-01",
    },
    "departments": {"department_id": "search", "name": "Search", "owner": "its head"},
    "inference_profiles": {
        "inference_profile": "abc",
        "model": "amazon.nova-pro-v1:0",
        "recorded_at": "2026-03-01",
    },
    "list_prices": PRICE,
    "model_aliases": {
        "provider": "openai",
        "alias": "our-gpt",
        "model": "gpt-5",
        "recorded_at": "2026-03-01",
    },
    "price_book": PRICE,
    "price_multipliers": {
        "provider": "openai",
        "model": "gpt-5",
        "factor": "1.1",
        "region_id": "eu",
        "recorded_at": "2026-03-01",
    },
    "provider_aliases": {"alias": "our-openai", "provider": "openai", "recorded_at": "2026-03-01"},
    "providers": {
        "provider": "house",
        "service_provider_name": "House",
        "recorded_at": "2026-03-01",
    },
}
# what another one has, so that two of a table differ in what tells them apart
OTHER = {
    "allocation_rules": {"rule_id": "other"},
    "billing_accounts": {"billing_account_id": "org-other"},
    "billing_periods": {"issuer": "anthropic"},
    "commitments": {"commitment_id": "other"},
    "contract_prices": {
        "contract_price_id": "other",
        "discount_percentage": "9",
        "valid_from": "2026-09-01",
    },
    "contracts": {"contract_id": "other"},
    "cost_bases": {"deployment": "other"},
    "departments": {"department_id": "other"},
    "exchange_rates": {"rate_date": "2026-10-25"},
    "inference_profiles": {"inference_profile": "other"},
    "list_prices": {"model": "other"},
    "model_aliases": {"alias": "other"},
    "price_book": {"model": "another"},
    "price_multipliers": {"region_id": "us"},
    "provider_aliases": {"alias": "other"},
    "providers": {"provider": "another"},
    "provisioned_deployments": {"deployment": "other"},
}


def good_rows(table: RawTable) -> list[dict[str, str]]:
    """Two rows of a raw table that nothing is wrong with: the demo's first, and one beside it."""
    if table.name in FIRST:
        first = FIRST[table.name]
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


OWN_PRICES = "stg_pricing__own_prices_checked where fault_reason is null and raw_table ="
OWN_ALIASES = "stg_pricing__own_aliases_checked where fault_reason is null and raw_table ="
OWN_PROVIDERS = "stg_pricing__own_providers_checked where fault_reason is null and raw_table ="
COUNTED = {
    "allocation_rules": "stg_allocation__rules",
    "billing_accounts": "stg_currencies__billing_accounts",
    "billing_periods": "stg_billing__billing_periods",
    "commitments": "focus_contract_commitment",
    "contract_prices": "stg_pricing__contract_prices",
    "contracts": "stg_contracts__contracts",
    "cost_bases": "stg_pricing__cost_bases where is_own = 1",
    "departments": "stg_allocation__departments",
    "exchange_rates": "stg_currencies__exchange_rates",
    "inference_profiles": f"{OWN_ALIASES} 'inference_profiles'",
    "list_prices": f"{OWN_PRICES} 'list_prices'",
    "model_aliases": f"{OWN_ALIASES} 'model_aliases'",
    "price_book": f"{OWN_PRICES} 'price_book'",
    "price_multipliers": "stg_pricing__price_multipliers where is_own = 1",
    "provider_aliases": f"{OWN_PROVIDERS} 'provider_aliases'",
    "providers": f"{OWN_PROVIDERS} 'providers'",
    "provisioned_deployments": "stg_pricing__provisioned_deployments",
}


@pytest.mark.parametrize("table", SIDE_INPUTS, ids=lambda table: table.name)
def test_the_lines_beside_it_count(database: Path, table: RawTable) -> None:
    assert rows_of(database, f"select count(*) from {COUNTED[table.name]}") == [(2,)]
