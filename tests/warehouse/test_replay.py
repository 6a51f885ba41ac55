"""What a warehouse would run gives the rows that DuckDB built, where it can be translated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import duckdb
import not_replayed
import pytest
from broken_promises import BREAKS, breakable, broken
from compiled import Compiled, compiled, unit_cases
from dialect import DIALECTS
from replay import differences, prepare, rows_found, translated, unit_difference
from shared import run_demo


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """A copy of the built demo whose relations can be broken."""
    copy = tmp_path_factory.mktemp("replay") / "ai_focus.duckdb"
    with breakable(run_demo().database, copy) as opened:
        prepare(opened)
        yield opened


def _nodes(dialect: str, kind: str) -> dict[str, Compiled]:
    return {node.name: node for node in compiled(dialect) if node.kind == kind}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_model_gives_the_rows_that_duckdb_built(
    connection: duckdb.DuckDBPyConnection, dialect: str
) -> None:
    models = _nodes(dialect, "model")
    assert len(models) > 75
    found = {name: differences(connection, node, dialect) for name, node in models.items()}
    differing = {name: said for name, said in found.items() if said}
    assert set(differing) == set(not_replayed.MODELS[dialect]), differing


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_unit_test_passes(connection: duckdb.DuckDBPyConnection, dialect: str) -> None:
    cases = unit_cases(dialect)
    assert len(cases) > 200
    found = {case.name: unit_difference(connection, case, dialect) for case in cases}
    differing = {name: said for name, said in found.items() if said}
    assert set(differing) == set(not_replayed.UNIT_TESTS[dialect]), differing


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_data_test_finds_nothing_in_the_demo(
    connection: duckdb.DuckDBPyConnection, dialect: str
) -> None:
    tests = _nodes(dialect, "test")
    assert len(tests) > 200
    found = {name: rows_found(connection, test, dialect) for name, test in tests.items()}
    assert not {name: said for name, said in found.items() if said}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_data_test_finds_what_is_broken(
    connection: duckdb.DuckDBPyConnection, dialect: str
) -> None:
    tests = _nodes(dialect, "test")
    missed = []
    for name, statements in BREAKS.items():
        for statement in statements:
            with broken(connection, statement):
                found = rows_found(connection, tests[name], dialect)
            if not isinstance(found, int) or not found:
                missed.append((name, statement, found))
    assert not missed


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_wrong_expectation_and_a_statement_that_does_not_run_are_found(
    connection: duckdb.DuckDBPyConnection, dialect: str
) -> None:
    (case,) = (
        case
        for case in unit_cases(dialect)
        if case.name == "a_call_gets_the_names_of_the_price_book"
    )
    assert unit_difference(connection, case, dialect) is None
    first, *others = case.expected
    wrong = [
        ([*others, {**first, "provider": "another"}], "missing"),
        (others, "added"),
        ([*case.expected, first], "missing"),
    ]
    for expected, word in wrong:
        said = unit_difference(connection, replace(case, expected=expected), dialect)
        assert said is not None and word in said
    unknown = replace(case, sql=case.sql.replace("select", "select no_such_function(1),", 1))
    assert (unit_difference(connection, unknown, dialect) or "").startswith("not run")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_another_row_and_another_value_are_found(
    connection: duckdb.DuckDBPyConnection, dialect: str
) -> None:
    coverage, charges = (
        _nodes(dialect, "model")["ai_coverage"],
        _nodes(dialect, "model")["int_charges__usage"],
    )
    fewer = replace(coverage, sql=f"select * from ({coverage.sql}) as rows limit 1")
    said = differences(connection, fewer, dialect)
    assert said is not None and said.endswith("rows missing, 0 added")
    assert said != "0 rows missing, 0 added"
    # one decimal of 18
    kinds = {"snowflake": "number(38, 18)", "bigquery": "bignumeric"}
    one = f"cast('0.000000000000000001' as {kinds[dialect]})"
    sql = charges.sql.replace(" as list_cost", f" + {one} as list_cost", 1)
    assert sql != charges.sql
    said = differences(connection, replace(charges, sql=sql), dialect)
    assert said is not None and "missing" in said


def test_a_snowflake_product_has_snowflakes_decimals(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    price, quantity = "cast('0.000000000001' as number({}))", "cast('0.000001' as number(18, 6))"
    for kind, cost in (("20, 12", "0"), ("38, 18", "0.000000000000000001")):
        query = f"select cast({price.format(kind)} * {quantity} as number(38, 18)) as cost"
        found = connection.execute(translated(query, "snowflake")).fetchall()
        assert found == [(Decimal(cost),)], kind
