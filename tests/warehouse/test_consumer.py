"""Somebody else's dbt project takes ai_focus as a package, with raw tables and names of its own."""

from __future__ import annotations

import csv
import json
import shutil
from collections import Counter
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
import yaml
from compiled import ROOT, built, run_dbt_of_consumers, scratch

CONSUMER = Path(__file__).with_name("consumer")
# What acme's own prices make of the demo's calls of a model that our book doesn't know: 81,531
# tokens at 1, 12,760 at 2 and 27,648 at 0.5 USD per million.
OF_OWN_PRICES = Decimal("0.120875")


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
def loaded(project: Path) -> Path:
    """The consumer's database with what its loader had left."""
    path = scratch() / "consumer" / "acme.duckdb"
    with duckdb.connect(str(path)) as connection:
        for schema in ("landing", "fivetran_gateway", "purchasing", "odd"):
            connection.execute(f"create schema {schema}")
        log = _sample("gateway_calls")
        connection.execute(
            "create table fivetran_gateway.ai_gateway_log as"
            f" select * rename (call_id as request, provider as vendor) from {log}"
        )
        contracts = _sample("contracts")
        connection.execute(f"create table purchasing.finance_contracts as from {contracts}")
        connection.execute(
            f"create view odd.bare_log as select call_id, provider, started_at from {log}"
        )
    return path


@pytest.fixture(scope="module")
def database(project: Path, loaded: Path) -> Path:
    """What the consumer's dbt build made of them."""
    _dbt(project, "build")
    return loaded


def _dbt(project: Path, *arguments: str) -> str:
    folder = scratch() / "consumer"
    return run_dbt_of_consumers(
        *arguments, folder=folder, project=project, ACME_DATABASE=str(folder / "acme.duckdb")
    )


def _sample(table: str) -> str:
    """A raw table of the demo as a loader of the consumer's would read it."""
    file = ROOT / "seeds" / "sample" / f"raw_{table}.csv"
    return f"read_csv('{file}', all_varchar = true)"


def _rows(database: Path, query: str) -> list[tuple]:
    with duckdb.connect(str(database), read_only=True) as connection:
        return connection.execute(query).fetchall()


def test_the_whole_build_runs_no_unit_test_and_nothing_is_left_out(database: Path) -> None:
    results = json.loads((database.parent / "target" / "run_results.json").read_text("utf-8"))
    kinds = Counter(result["unique_id"].partition(".")[0] for result in results["results"])
    assert "unit_test" not in kinds
    assert kinds["test"] > 150
    statuses = {result["status"] for result in results["results"]}
    # an exposure is none that runs
    assert statuses == {"success", "pass", "no-op"}


def test_the_consumers_costs_are_those_of_the_calls_in_its_own_tables(database: Path) -> None:
    found = _rows(database, "select sum(cost), sum(calls) from finance.department_costs")
    priced = "select count(distinct x_CallId) from finance_ai.focus_cost_and_usage_v1_4"
    assert found[0][1] == _rows(database, priced)[0][0] > 1000
    # the demo's contracts discount nothing here: no contract price is loaded
    alone = """
        select sum(ListCost) from focus_cost_and_usage_v1_4 where x_SourceName = 'gateway'
    """
    of_demo = _rows(built(), alone)[0][0]
    assert found[0][0] == of_demo + OF_OWN_PRICES > Decimal(1)


def test_the_consumers_own_prices_stand_beside_the_packages(database: Path) -> None:
    query = """
        select sum(BilledCost) from finance_ai.focus_cost_and_usage_v1_4
        where json_extract_string(SkuPriceDetails, '$.x_ModelId') = 'gpt-7-preview'
    """
    assert _rows(database, query) == [(OF_OWN_PRICES,)]
    models = {
        model
        for (model,) in _rows(database, "select model_as_sent from finance_ai.ai_missing_prices")
    }
    assert "gpt-7-preview" not in models
    assert "gpt-7-preview" in {
        model for (model,) in _rows(built(), "select model_as_sent from ai_missing_prices")
    }


def test_nothing_of_the_demo_or_of_other_sources_is_there(database: Path) -> None:
    names = {
        name for (name,) in _rows(database, "select table_name from information_schema.tables")
    }
    assert not {name for name in names if name.startswith("raw_") or "litellm" in name}
    sources = _rows(database, "select distinct source_name from finance_ai.int_usage")
    assert sources == [("gateway",)]


def test_the_focus_versions_are_those_of_the_consumer_and_the_newest(database: Path) -> None:
    query = """
        select table_name from information_schema.tables
        where regexp_matches(table_name, '^focus_cost_and_usage_v')
    """
    versions = {name[-4:] for (name,) in _rows(database, query)}
    assert versions == {"v1_2", "v1_4"}


def test_a_raw_table_that_is_not_there_is_empty_and_a_column_is_null(database: Path) -> None:
    for table in ("pricing__contract_prices", "billing__billing_periods", "contracts__commitments"):
        assert _rows(database, f"select count(*) from finance_ai.stg_{table}") == [(0,)]
    query = "select count(*), count(session_id), count(status) from finance_ai.int_usage"
    ((calls, *others),) = _rows(database, query)
    assert calls > 1000
    assert others == [0, 0]
    of_demo = "select count(session_id) from int_usage where source_name = 'gateway'"
    assert _rows(built(), of_demo)[0][0] > 0


def test_a_model_as_a_raw_table_is_in_the_lineage(project: Path) -> None:
    listed = _dbt(project, "ls", "--select", "+focus_cost_and_usage", "--output", "name")
    names = set(listed.split())
    assert {"gateway_log", "fivetran_gateway.ai_gateway_log", "all_list_prices"} <= names
    assert "raw.gateway_calls" not in names


def test_what_a_build_needs_and_is_not_there_is_named(project: Path, loaded: Path) -> None:
    odd = {
        "usage_sources": ["gateway", "litellm"],
        "raw_tables": {
            "gateway_calls": {"schema": "odd", "identifier": "bare_log"},
            "contracts": "nowhere",
        },
    }
    models = ("stg_gateway__usage", "stg_litellm__usage", "stg_contracts__contract_rows")
    with pytest.raises(AssertionError) as raised:
        _dbt(project, "run", "--select", *models, "--vars", json.dumps(odd))
    said = " ".join(str(raised.value).split())
    lacking = "The raw table gateway_calls lacks model, prompt_tokens, completion_tokens: "
    assert f'{lacking}"acme"."odd"."bare_log" has call_id, provider, started_at. Add' in said
    for table, place in [
        ("litellm_spend_logs", "litellm_spend_logs"),
        ("contracts", "nowhere"),
    ]:
        there = f'The raw table {table} is not there: "acme"."landing"."{place}". Make it'
        assert there in said


def test_names_that_both_projects_have_are_each_its_own(database: Path) -> None:
    assert _rows(database, "from finance.ai_coverage") == [("plant 7", "acme")]
    assert _rows(database, "select count(*) from finance_ai.ai_coverage")[0][0] > 0
    assert _rows(database, "select sales_head from finance.ai_regions") == [("Head of EMEA",)]
    with (ROOT / "seeds" / "reference" / "ai_regions.csv").open(newline="") as file:
        regions = len(list(csv.reader(file))) - 1
    assert _rows(database, "select count(*) from finance_ai.ai_regions") == [(regions,)]


def test_a_dispatched_macro_is_the_consumers(project: Path, loaded: Path) -> None:
    arguments = ("--no-populate-cache", "--no-introspect", "--select", "ai_missing_prices")
    compiled = _dbt(project, "compile", *arguments)
    assert "min(damerau_levenshtein(" in compiled


@pytest.mark.parametrize("private", ["int_usage", "stg_gateway__usage"])
def test_a_model_that_is_private_cannot_be_read(
    project: Path, loaded: Path, tmp_path: Path, private: str
) -> None:
    reading = shutil.copytree(project, tmp_path / "project", symlinks=True)
    (reading / "models" / "curious.sql").write_text(f"from {{{{ ref('ai_focus', '{private}') }}}}")
    said = f"attempted to reference node model.ai_focus.{private}, which is not allowed"
    with pytest.raises(AssertionError) as raised:
        _dbt(reading, "parse")
    assert said in " ".join(str(raised.value).split())


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ("{raw_tables: {gateway_logs: x}}", "raw_tables says of 'gateway_logs'"),
        ("{raw_tables: {contracts: {ref: x, schema: y}}}", "raw_tables says of 'contracts'"),
        ("{price_book: {prices: all_list_prices}}", "price_book says of 'prices'"),
    ],
)
def test_a_table_that_nobody_knows_is_refused(
    project: Path, loaded: Path, variables: str, said: str
) -> None:
    with pytest.raises(AssertionError, match=said):
        _dbt(project, "run", "--select", "ai_coverage", "--vars", variables)


def test_no_macro_asks_for_the_name_of_a_target() -> None:
    files = [
        *ROOT.glob("macros/**/*.sql"),
        *ROOT.glob("models/**/*.*"),
        *ROOT.glob("tests/dbt/**/*.sql"),
    ]
    asking = [str(file) for file in files if file.is_file() and "target.name" in file.read_text()]
    assert files
    assert not asking
