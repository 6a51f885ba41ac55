"""Brings rows of a warehouse into a scratch DuckDB file: one selection for an extract, or a table.

The warehouse filters: by dates, by the values wanted and by columns. DuckDB then does with the rows
what it does with the rows of a build of its own, so the bytes are the same. Above all it sorts,
which BigQuery does on one machine and refuses for large results. One batch is held in memory.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa

from exporter.errors import DataError
from exporter.extract.selection import Selection, build_where, check_columns, read_terms
from exporter.focus.schemas import Structure, column_kinds
from exporter.project import Project
from exporter.sql import quote_name, quote_text
from exporter.warehouse.adapters import Warehouse

# a table with this column is kept in its order, so that the rows of a page lie in few places
_ORDER = "charge_period_start"


def pull(
    connection: duckdb.DuckDBPyConnection,
    warehouse: Warehouse,
    selection: Selection,
    project: Project,
) -> int:
    """Make the relation of a selection in the scratch file; gives the number of its rows.

    It has the columns that the extract needs, in the project's spelling and DuckDB's types, even
    when it has no rows. Raises UserError for a selection that does not fit.
    """
    dataset = selection.dataset
    names: Mapping[str, str] | None = None
    terms = [*selection.date_terms(), *selection.terms]
    if dataset.layout is None:
        kinds = column_kinds(project, Structure(dataset, selection.grain, selection.focus_version))
        needed, asked = _needed(selection, list(kinds)), kinds
    else:
        # columns under other names
        names = dataset.layout
        kinds = project.model_kinds(dataset.relations[selection.grain])
        check_columns(selection, [name for name in names if name not in dataset.hidden])
        needed = [name for name in kinds if name in names.values()]
        asked = {name: kinds[column] for name, column in names.items()}
    where, parameters = build_where(read_terms(connection, terms, asked), asked, warehouse, names)
    relation = dataset.relation(selection.grain, selection.focus_version)
    columns = ", ".join(warehouse.column(name) for name in needed)
    query = f"select {columns} from {relation}{where}"  # noqa: S608
    schema = arrow_schema({name: kinds[name] for name in needed})
    return _store(connection, relation, schema, warehouse, query, parameters)


def _needed(selection: Selection, offered: Sequence[str]) -> list[str]:
    dataset = selection.dataset
    wanted = {
        *check_columns(selection, offered),
        *(name for term in selection.terms for name in term.columns),
        *dataset.order,
        *dataset.costs,
        *(name for name in (dataset.start, dataset.end, dataset.currency) if name),
    }
    return [name for name in offered if name in wanted]


def pull_tables(
    connection: duckdb.DuckDBPyConnection,
    warehouse: Warehouse,
    tables: Sequence[str],
    database: Path,
) -> int:
    """Copy whole tables of a warehouse into a new DuckDB file; gives the number of all rows.

    In the scratch file of the connection they stand with their columns and types; they are used up.
    The warehouse's tables of these names have the same columns, and may have more.
    """
    connection.execute(f"attach {quote_text(database)} as copied")
    rows = 0
    for table in tables:
        name = quote_name(table)
        kinds = {row[0]: row[1] for row in connection.execute(f"describe {name}").fetchall()}
        schema = arrow_schema(kinds)
        columns = ", ".join(warehouse.column(column) for column in kinds)
        connection.execute(f"truncate {name}")
        query = f"select {columns} from {table}"  # noqa: S608
        rows += _insert(connection, table, schema, warehouse, query, ())
        order = f" order by {_ORDER}" if _ORDER in kinds else ""
        connection.execute(f"create table copied.{name} as from {name}{order}")
        connection.execute(f"drop table {name}")
    connection.execute("detach copied")
    return rows


def _store(
    connection: duckdb.DuckDBPyConnection,
    relation: str,
    schema: pa.Schema,
    warehouse: Warehouse,
    query: str,
    parameters: Sequence[str],
) -> int:
    name = quote_name(relation)
    connection.register("incoming", schema.empty_table())
    connection.execute(f"create table {name} as from incoming")
    connection.unregister("incoming")
    return _insert(connection, relation, schema, warehouse, query, parameters)


def _insert(
    connection: duckdb.DuckDBPyConnection,
    relation: str,
    schema: pa.Schema,
    warehouse: Warehouse,
    query: str,
    parameters: Sequence[str],
) -> int:
    name = quote_name(relation)
    rows = 0
    connection.execute("begin")
    for batch in warehouse.batches(query, parameters, schema):
        connection.register("incoming", batch)
        connection.execute(f"insert into {name} from incoming")
        connection.unregister("incoming")
        rows += batch.num_rows
    connection.execute("commit")
    return rows


def arrow_schema(kinds: Mapping[str, str]) -> pa.Schema:
    """Declare columns of DuckDB's types; raises DataError for a type that is not exact."""
    return pa.schema([(name, _arrow_type(kind)) for name, kind in kinds.items()])


def _arrow_type(kind: str) -> pa.DataType:
    number = re.fullmatch(r"DECIMAL\((\d+), ?(\d+)\)", kind)
    if number is not None:
        return pa.decimal128(int(number[1]), int(number[2]))
    types = {
        "VARCHAR": pa.string(),
        "TIMESTAMP": pa.timestamp("us"),
        "DATE": pa.date32(),
        "BIGINT": pa.int64(),
        "BOOLEAN": pa.bool_(),
    }
    if kind not in types:
        raise DataError(f"A column of the type {kind} can't come from a warehouse.")
    return types[kind]
