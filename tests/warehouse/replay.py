"""Runs on DuckDB what dbt compiled for a warehouse, translated, beside what DuckDB itself built.

Every model reads the tables that DuckDB built: a difference shows in the model that makes it.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import duckdb
import pyarrow as pa
import sqlglot
from compiled import Compiled
from decimals import number_of
from sqlglot import exp

# Enough for a price times a rate: 12 and 12 decimals.
WIDE = "DECIMAL(38, 24)"

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


def prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """Give DuckDB what the translated SQL needs."""
    connection.execute("set TimeZone = 'UTC'")
    for macro in MACROS:
        connection.execute(f"create or replace temp macro {macro}")
    connection.create_function(
        "wide_product", _wide_product, ["VARCHAR", "VARCHAR"], "VARCHAR", type="arrow"
    )


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
            kind.replace(exp.DataType.build(WIDE, dialect="duckdb"))
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


def _translate_snowflake(tree: exp.Expr) -> None:
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
            None if one is None or other is None else f"{Decimal(one) * Decimal(other):f}"
            for one, other in pairs
        ],
        pa.string(),
    )


def _columns(connection: duckdb.DuckDBPyConnection, query: str) -> list[tuple[str, str]]:
    described = connection.execute(f"describe {query}").fetchall()
    return [(name, kind) for name, kind, *_ in described]


def _count(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    return connection.execute(f"select count(*) from ({query}) as rows").fetchall()[0][0]
