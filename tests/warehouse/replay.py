"""Runs on DuckDB what dbt compiled for a warehouse, translated, beside what DuckDB itself built.

Every model reads the tables that DuckDB built: a difference shows in the model that makes it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Context, Decimal
from functools import cache
from typing import Any

import duckdb
import pyarrow as pa
import sqlglot
from compiled import Compiled
from decimals import number_of
from sqlglot import exp
from unit_cases import UnitCase

Rows = Sequence[Mapping[str, Any]]

# Enough for a price times a rate: 12 and 12 decimals.
WIDE = "DECIMAL(38, 24)"
# What bounds a number beyond that bounds it at its own greatest, above which it is null anyway.
BOUND = re.compile(r"9{15,}([.]9+)?")
GREATEST = "9" * 14 + "." + "9" * 24

# How each warehouse names its catalogue of columns, without a schema, and how it spells them there.
CATALOGS = {"columns": "upper(column_name)", "INFORMATION_SCHEMA.COLUMNS": "column_name"}

# Two numbers of 38 digits give one of 76; Python's own context keeps 28.
PRODUCTS = Context(prec=76)

# Functions that the translation leaves as they are.
MACROS = [
    "try_to_timestamp_tz(text, format := 'AUTO') as try_cast(text as timestamptz)",
    "try_to_timestamp_ntz(text, format := 'AUTO') as try_cast(text as timestamp)",
    "j_s_o_n_keys_at_depth(object, depth) as json_keys(object)",
]


def differences(connection: duckdb.DuckDBPyConnection, model: Compiled, dialect: str) -> str | None:
    """Say how the replayed rows of a model differ from the built ones, or None."""
    try:
        query = translated(model.sql, dialect)
        types = _columns(connection, f"from {model.name}")
        found = _columns(connection, query)
    except (duckdb.Error, sqlglot.errors.SqlglotError) as error:
        return f"not run: {str(error).splitlines()[0]}"
    if [name.lower() for name, _ in types] != [name.lower() for name, _ in found]:
        return f"columns {[name for name, _ in found]}"
    alike = ", ".join(f'cast("{name}" as {kind}) as "{name}"' for name, kind in types)
    replayed = f"select {alike} from ({query}) as replayed"
    built = f"from {model.name}"
    try:
        missing = _count(connection, f"{built} except all {replayed}")
        added = _count(connection, f"({replayed}) except all ({built})")
    except duckdb.Error as error:
        return f"not run: {str(error).splitlines()[0]}"
    return f"{missing} rows missing, {added} added" if missing or added else None


def unit_difference(
    connection: duckdb.DuckDBPyConnection, case: UnitCase, dialect: str
) -> str | None:
    """Say how the rows that a unit test's statement gives differ from the expected, or None.

    As with dbt, an input has the columns of the relation that it stands for, of which a row may
    leave some out, and the columns of the first expected row are compared.
    """
    connection.execute("drop schema if exists given cascade")
    connection.execute("create schema given")
    try:
        for name, rows in case.given.items():
            _fill(connection, f"given.{name}", name, rows)
        _fill(connection, "given._expected", case.model, case.expected)
        connection.execute("use given")
        query = translated(case.sql, dialect)
        columns = case.expected[0] if case.expected else _types(connection, "from _expected")
        types = _types(connection, "from _expected")
        wanted = ", ".join(f'cast("{name}" as {types[name.lower()]})' for name in columns)
        found = connection.execute(f"select {wanted} from ({query}) as replayed").fetchall()
        expected = connection.execute(f"select {wanted} from _expected").fetchall()
    except (duckdb.Error, sqlglot.errors.SqlglotError) as error:
        return f"not run: {str(error).splitlines()[0]}"
    finally:
        connection.execute("use main")
    missing, added = Counter(expected) - Counter(found), Counter(found) - Counter(expected)
    return f"missing {list(missing)}, added {list(added)}" if missing or added else None


def rows_found(connection: duckdb.DuckDBPyConnection, test: Compiled, dialect: str) -> int | str:
    """Give how many rows a data test finds in the built tables, or say why it can't be run."""
    try:
        return _count(connection, translated(test.sql, dialect))
    except (duckdb.Error, sqlglot.errors.SqlglotError) as error:
        return f"not run: {str(error).splitlines()[0]}"


def _fill(connection: duckdb.DuckDBPyConnection, table: str, like: str, rows: Rows) -> None:
    """Make a table with the columns of another and these rows, each value cast from its text."""
    connection.execute(f"create table {table} as from main.{like} limit 0")
    types = _types(connection, f"from {table}")
    for row in rows:
        values = ", ".join(f'cast(? as {types[name.lower()]}) as "{name}"' for name in row)
        texts = [None if value is None else str(value) for value in row.values()]
        connection.execute(f"insert into {table} by name select {values}", texts)


def _types(connection: duckdb.DuckDBPyConnection, query: str) -> dict[str, str]:
    return {name.lower(): kind for name, kind in _columns(connection, query)}


def prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """Give DuckDB what the translated SQL needs."""
    connection.execute("set TimeZone = 'UTC'")
    for macro in MACROS:
        connection.execute(f"create or replace temp macro {macro}")
    for name, spelt in CATALOGS.items():
        connection.execute(
            f'create or replace temp view "{name}" as'
            f" select 'ai_focus' as table_schema, {spelt} as column_name,"
            " columns.* exclude (table_schema, column_name) from information_schema.columns"
            " where columns.table_schema = 'main'"
        )
    connection.create_function(
        "wide_product", _wide_product, ["VARCHAR", "VARCHAR"], "VARCHAR", type="arrow"
    )


@cache
def translated(sql: str, dialect: str) -> str:
    """A warehouse's query as DuckDB's, with names of tables alone."""
    tree = sqlglot.parse_one(sql, read=dialect)
    for table in tree.find_all(exp.Table):
        table.set("db", None)
        table.set("catalog", None)
    _multiply(tree, dialect)
    (_translate_bigquery if dialect == "bigquery" else _translate_snowflake)(tree)
    return tree.sql("duckdb")


def _multiply(tree: exp.Expr, dialect: str) -> None:
    """Products are made by hand: of as many decimals as the warehouse keeps, not as DuckDB does."""
    for product in reversed(list(tree.find_all(exp.Mul))):
        number = number_of(product, dialect, {})
        if number is None or not any(map(_is_decimal, (product.this, product.expression))):
            continue
        kind = WIDE if dialect == "bigquery" else f"DECIMAL(38, {number.scale})"
        sides = [exp.cast(side.copy(), "varchar") for side in product.args.values()]
        made = exp.func("wide_product", *sides)
        product.replace(exp.cast(made, exp.DataType.build(kind, dialect="duckdb")))


def _translate_bigquery(tree: exp.Expr) -> None:
    for kind in list(tree.find_all(exp.DataType)):
        if kind.this == exp.DType.BIGDECIMAL:
            value = kind.parent.this if isinstance(kind.parent, exp.Cast) else None
            if isinstance(value, exp.Literal) and BOUND.fullmatch(value.name):
                value.replace(exp.Literal.string(GREATEST))
            kind.replace(exp.DataType.build(WIDE, dialect="duckdb"))
    for query in list(tree.find_all(exp.JSONExtract)):
        # JSON_QUERY of a text is text, which DuckDB would take for JSON with all that it meets
        if not isinstance(query, exp.JSONExtractScalar):
            query.replace(exp.cast(query.copy(), "varchar"))
    for kind in list(tree.find_all(exp.JSONType)):
        kind.replace(exp.func("lower", kind.copy()))
    for part in list(tree.find_all(exp.Extract)):
        # Sunday is 1 in BigQuery and 0 in DuckDB
        if part.name.lower() == "dayofweek":
            part.replace(exp.paren(exp.Add(this=part.copy(), expression=exp.Literal.number(1))))
    for safe in list(tree.find_all(exp.Dot, exp.SafeFunc)):
        called = safe.this if isinstance(safe, exp.SafeFunc) else safe.expression
        if isinstance(safe, exp.Dot) and safe.this.name.lower() != "safe":
            continue
        text = called.expressions[0] if isinstance(called, exp.Anonymous) else called.this
        safe.replace(exp.func("try", exp.func("json", text.copy())))


# The rows of FLATTEN: of an object by key, of an array by index, none of anything else.
FLATTENED = """
    select
        case when json_type(text) = 'OBJECT' then key end as key,
        case when json_type(text) = 'ARRAY' then cast(key as bigint) end as index,
        value
    from (select {text} as text) as given, json_each(text)
    where key is not null
"""


def _translate_snowflake(tree: exp.Expr) -> None:
    members = set()
    for flatten in list(tree.find_all(exp.Lateral)):
        text = flatten.this.this.expression.sql("duckdb")
        members.add(flatten.alias)
        rows = sqlglot.parse_one(FLATTENED.format(text=text), read="duckdb")
        flatten.replace(exp.Lateral(this=rows.subquery(), alias=flatten.args["alias"].this))
    for cast in list(tree.find_all(exp.Cast)):
        value = cast.this
        if not cast.is_type("varchar"):
            continue
        # a text in a VARIANT has no quotes
        if isinstance(value, exp.JSONExtract):
            cast.replace(exp.JSONExtractScalar(**value.args))
        elif isinstance(value, exp.Column) and value.table in members and value.name == "value":
            cast.replace(exp.func("json_extract_string", value, exp.Literal.string("$")))
    for parsed in list(tree.find_all(exp.StrToTime)):
        if parsed.args["format"].name == "AUTO":
            parsed.replace(
                exp.TryCast(this=parsed.this.copy(), to=exp.DataType.build("timestamptz"))
            )
    for text in list(tree.find_all(exp.ToChar)):
        # the one format in use is what DuckDB writes by itself
        assert text.args["format"].name == "YYYY-MM-DD HH24:MI:SS", text.sql()
        text.replace(exp.cast(text.this.copy(), "varchar"))


def _is_decimal(node: exp.Expr) -> bool:
    inner = node.unnest()
    kinds = {exp.DType.BIGDECIMAL, exp.DType.DECIMAL}
    return isinstance(inner, exp.Cast) and inner.to.this in kinds


def _wide_product(left: pa.ChunkedArray, right: pa.ChunkedArray) -> pa.Array:
    pairs: Iterable[tuple[str | None, str | None]] = zip(
        left.to_pylist(), right.to_pylist(), strict=True
    )
    return pa.array(
        [
            None
            if one is None or other is None
            else f"{PRODUCTS.multiply(Decimal(one), Decimal(other)):f}"
            for one, other in pairs
        ],
        pa.string(),
    )


def _columns(connection: duckdb.DuckDBPyConnection, query: str) -> list[tuple[str, str]]:
    described = connection.execute(f"describe {query}").fetchall()
    return [(name, kind) for name, kind, *_ in described]


def _count(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    return connection.execute(f"select count(*) from ({query}) as rows").fetchall()[0][0]
