"""Costs keep all of their 18 decimals on every engine, and nothing is a double."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache

import duckdb
import pytest
import sqlglot
from compiled import built, compiled
from decimals import columns_made, doubles, lost_decimals
from dialect import DIALECTS

TARGETS = (*DIALECTS, "duckdb")

# Every place that may hold a double, and why. An entry that is not needed any more fails.
DOUBLES_ALLOWED = {
    "ai_price_coverage": "a share for reading, cast to six decimals; no cost is made of it",
}


@cache
def columns_of_tables() -> dict[str, int]:
    """The decimals of every number column by its name, the most that any table has."""
    with duckdb.connect(str(built()), read_only=True) as connection:
        rows = connection.execute(
            """
            select lower(column_name), max(coalesce(numeric_scale, 0))
            from information_schema.columns
            where data_type like 'DECIMAL%' or data_type in ('BIGINT', 'INTEGER')
            group by 1
            """
        ).fetchall()
    return dict(rows)


@cache
def columns_of_models() -> dict[str, dict[str, int]]:
    """By model, the decimals of its columns, and of those inside that DuckDB's types tell."""
    tables = columns_of_tables()
    return {
        node.name: {
            **columns_made(sqlglot.parse_one(node.sql, read="duckdb"), "duckdb", tables),
            **tables,
        }
        for node in compiled("duckdb")
    }


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_product_keeps_the_decimals_of_its_factors(dialect: str) -> None:
    nodes = compiled(dialect)
    assert sum(node.sql.count("*") for node in nodes) > 100
    found = [
        str(one)
        for node in nodes
        for one in lost_decimals(node.name, node.sql, dialect, columns_of_models()[node.name])
    ]
    assert not found, "\n".join(found)


PRICE, QUANTITY = "cast(list_unit_price as {})", "cast(pricing_quantity as {})"
LOSSES = [
    ("snowflake", "number(20, 12)", "number(18, 6)", "keeps 12 of 18"),
    ("snowflake", "number(38, 18)", "number(18, 6)", "keeps 18 of 24"),
    ("bigquery", "numeric(20, 9)", "numeric(18, 6)", "keeps 9 of 15"),
    ("bigquery", "numeric", "numeric", "keeps 9 of 15"),
]


@pytest.mark.parametrize(("dialect", "price", "quantity", "said"), LOSSES)
def test_a_planted_product_that_loses_decimals_is_found(
    dialect: str, price: str, quantity: str, said: str
) -> None:
    sql = (
        f"select\n    1 as x,\n    {PRICE.format(price)} * {QUANTITY.format(quantity)} as y\nfrom t"
    )
    columns = {"list_unit_price": 18 if "38" in price else 12, "pricing_quantity": 6}
    found = list(lost_decimals("planted", sql, dialect, columns))
    assert [(one.model, one.line) for one in found] == [("planted", 3)]
    assert said in found[0].construct
    assert "multiply_price()" in found[0].remedy


@pytest.mark.parametrize(
    ("dialect", "product"),
    [
        (
            "snowflake",
            "cast(list_unit_price as number(38, 18)) * cast(pricing_quantity as number(18, 6))",
        ),
        (
            "snowflake",
            "cast(cast(x as number(20, 12)) as number(38, 18)) * cast(y as number(18, 6))",
        ),
        (
            "bigquery",
            "cast(list_unit_price as bignumeric) * cast(pricing_quantity as bignumeric)",
        ),
    ],
)
def test_a_factor_that_is_widened_first_keeps_all_decimals(dialect: str, product: str) -> None:
    columns = {"list_unit_price": 12, "pricing_quantity": 6}
    assert not list(lost_decimals("model", f"select {product} as cost from t", dialect, columns))


def test_a_product_of_unknown_columns_is_found() -> None:
    found = list(lost_decimals("model", "select a * b as c from t", "snowflake", {"a": 12}))
    assert ["unknown" in one.construct for one in found] == [True]


@pytest.mark.parametrize("target", TARGETS)
def test_no_text_of_a_model_makes_a_double(target: str) -> None:
    found = [one for node in compiled(target) for one in doubles(node.name, node.sql, target)]
    told = "\n".join(map(str, found))
    assert {one.model for one in found} == set(DOUBLES_ALLOWED), told


DOUBLE_MAKERS = ["cast(x as double)", "x / 3", "avg(x)", "1e6 * x", "x * cast('1' as float)"]
PLANTED_DOUBLES = [
    *((target, construct) for target in TARGETS for construct in DOUBLE_MAKERS),
    ("bigquery", "cast(x as float64)"),
    ("bigquery", "x * 0.01"),
    ("bigquery", "safe_divide(x, 3)"),
    ("duckdb", "epoch(x)"),
    ("snowflake", "to_double(x)"),
]


@pytest.mark.parametrize(("target", "construct"), PLANTED_DOUBLES)
def test_a_planted_double_is_found(target: str, construct: str) -> None:
    found = list(doubles("planted", f"select\n    {construct} as y\nfrom t", target))
    assert found
    assert {(one.model, one.line) for one in found} == {("planted", 2)}


def _planned_doubles(connection: duckdb.DuckDBPyConnection, sql: str) -> bool:
    """Whether any expression that DuckDB plans for a query is a double."""
    plan = connection.execute("select json_serialize_plan(?)", [sql]).fetchall()[0][0]
    assert json.loads(plan)["error"] is False, plan
    return bool(re.search(r'"(DOUBLE|FLOAT)"', plan))


def _planned(connection: duckdb.DuckDBPyConnection) -> Iterator[str]:
    for node in compiled("duckdb"):
        if _planned_doubles(connection, node.sql):
            yield node.name


def test_duckdb_plans_no_double() -> None:
    with duckdb.connect(str(built()), read_only=True) as connection:
        assert set(_planned(connection)) == set(DOUBLES_ALLOWED)
        cost, quantity = "cast(1 as decimal(20, 12))", "cast(2 as decimal(18, 6))"
        assert not _planned_doubles(connection, f"select {cost} * {quantity}")
        for planted in (f"{cost} / {quantity}", f"avg({cost})", f"{cost} * 1e0"):
            assert _planned_doubles(connection, f"select {planted}")


def test_no_column_of_a_build_is_a_double() -> None:
    query = """
        select table_name || '.' || column_name
        from information_schema.columns
        where regexp_matches(data_type, 'DOUBLE|FLOAT|REAL')
    """
    with duckdb.connect(str(built()), read_only=True) as connection:
        assert connection.execute(query).fetchall() == []
    with duckdb.connect() as scratch:
        scratch.execute("create table planted as select cast(1 as decimal(9, 6)) / 3 as share")
        assert scratch.execute(query).fetchall() == [("planted.share",)]
