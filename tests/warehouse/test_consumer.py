"""Somebody else's dbt project takes ai_focus as a package, with raw tables and names of its own."""

from __future__ import annotations

import csv
import shutil
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
import yaml
from compiled import ROOT, built, run_dbt, scratch

CONSUMER = Path(__file__).with_name("consumer")


@pytest.fixture(scope="module")
def project() -> Path:
    """A copy of the consumer's project, with its packages installed from this checkout."""
    folder = scratch() / "consumer" / "project"
    shutil.copytree(CONSUMER, folder)
    packages = yaml.safe_load((folder / "packages.yml").read_text())
    assert (CONSUMER / packages["packages"][0]["local"]).resolve() == ROOT
    packages["packages"][0]["local"] = str(ROOT)
    (folder / "packages.yml").write_text(yaml.safe_dump(packages))
    _dbt(folder, "deps")
    return folder


@pytest.fixture(scope="module")
def database(project: Path) -> Path:
    """What the consumer's dbt build made of raw tables that its loader had left."""
    path = scratch() / "consumer" / "acme.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema landing")
        connection.execute("create schema fivetran_gateway")
        _load(connection, "gateway_calls", "fivetran_gateway.ai_gateway_log")
        _load(connection, "contracts", "landing.finance_contracts")
    _dbt(project, "build", "--exclude-resource-type", "unit_test")
    return path


def _dbt(project: Path, *arguments: str) -> str:
    folder = scratch() / "consumer"
    return run_dbt(
        *arguments, folder=folder, project=project, ACME_DATABASE=str(folder / "acme.duckdb")
    )


def _load(connection: duckdb.DuckDBPyConnection, table: str, name: str) -> None:
    """Load a raw table of the demo as a loader of the consumer's would."""
    file = ROOT / "seeds" / "sample" / f"raw_{table}.csv"
    connection.execute(f"create table {name} as from read_csv('{file}', all_varchar = true)")


def _rows(database: Path, query: str) -> list[tuple]:
    with duckdb.connect(str(database), read_only=True) as connection:
        return connection.execute(query).fetchall()


def test_the_consumers_costs_are_those_of_the_calls_in_its_own_tables(database: Path) -> None:
    found = _rows(database, "select sum(cost), sum(calls) from finance.department_costs")
    priced = "select count(distinct x_CallId) from finance_ai.focus_cost_and_usage_v1_4"
    assert found[0][1] == _rows(database, priced)[0][0] > 1000
    # the demo's contracts discount nothing here: no contract price is loaded
    alone = """
        select sum(ListCost) from focus_cost_and_usage_v1_4 where x_SourceName = 'gateway'
            and ChargeClass is null
    """
    of_demo = _rows(built(), alone)[0][0]
    assert found[0][0] == of_demo > Decimal(1)


def test_nothing_of_the_demo_or_of_other_sources_is_there(database: Path) -> None:
    names = {
        name for (name,) in _rows(database, "select table_name from information_schema.tables")
    }
    assert not {name for name in names if name.startswith("raw_") or "litellm" in name}
    sources = _rows(database, "select distinct source_name from finance_ai.int_usage")
    assert sources == [("gateway",)]


def test_names_that_both_projects_have_are_each_its_own(database: Path) -> None:
    assert _rows(database, "from finance.coverage") == [("plant 7", "acme")]
    assert _rows(database, "select count(*) from finance_ai.coverage")[0][0] > 0
    assert _rows(database, "select sales_head from finance.regions") == [("Head of EMEA",)]
    with (ROOT / "seeds" / "reference" / "regions.csv").open(newline="") as file:
        regions = len(list(csv.reader(file))) - 1
    assert _rows(database, "select count(*) from finance_ai.regions") == [(regions,)]


def test_a_dispatched_macro_is_the_consumers(project: Path) -> None:
    arguments = ("--no-populate-cache", "--no-introspect", "--select", "missing_prices")
    compiled = _dbt(project, "compile", *arguments)
    assert "min(damerau_levenshtein(" in compiled


def test_a_raw_table_that_nobody_knows_is_refused(project: Path) -> None:
    variables = "{raw_tables: {gateway_logs: x}}"
    with pytest.raises(AssertionError, match="raw_tables says of 'gateway_logs'"):
        _dbt(project, "run", "--select", "coverage", "--vars", variables)


def test_no_macro_asks_for_the_name_of_a_target() -> None:
    files = [
        *ROOT.glob("macros/**/*.sql"),
        *ROOT.glob("models/**/*.*"),
        *ROOT.glob("tests/dbt/**/*.sql"),
    ]
    asking = [str(file) for file in files if file.is_file() and "target.name" in file.read_text()]
    assert files
    assert not asking
