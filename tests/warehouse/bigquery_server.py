"""local-bigquery, an emulator of BigQuery's REST interface, made fit for dbt and no network.

Its own packages are pinned in requirements-bigquery.txt; they need Python 3.13 and a virtual
environment of their own. It stops by itself after AI_FOCUS_SERVER_SECONDS (default 3600).

    python bigquery_server.py PORT DATA_FOLDER
"""

import collections
import functools
import gc
import importlib.metadata
import os
import re
import sys
import threading
from typing import Any

import duckdb
import duckdb_extensions

# DuckDB would download them; the wheels of the same names hold them.
for extension in ("ducklake", "spatial"):
    duckdb_extensions.import_extension(extension)

connect = duckdb.connect


def connect_without_time_zone(*args: Any, config: dict[str, str] | None = None, **options: Any):
    """Sets the zone after connecting: icu, which knows zones, is not loaded before that."""
    settings = dict(config or {})
    time_zone = settings.pop("TimeZone", None)
    connection = connect(*args, config=settings, **options)
    if time_zone:
        connection.execute(f"set global TimeZone = '{time_zone}'")
    return connection


duckdb.connect = connect_without_time_zone

from local_bigquery.catalog import metadata, tables  # noqa: E402
from local_bigquery.engine import database  # noqa: E402 - after the connection is mended
from local_bigquery.jobs import runner  # noqa: E402
from local_bigquery.sql import rules, script  # noqa: E402
from local_bigquery.sql.dialect import macro  # noqa: E402
from local_bigquery.sql.rules import information_schema, json, typing  # noqa: E402
from sqlglot import exp  # noqa: E402

run_query = runner._query
parse_script = script.parse_script


def query_with_destination(job: Any, *rest: Any) -> Any:
    """Reports the table that CREATE TABLE AS made, as BigQuery does; dbt reads it there."""
    result = run_query(job, *rest)
    statistics = result.query
    if (
        statistics
        and statistics.statementType == "CREATE_TABLE_AS_SELECT"
        and statistics.ddlTargetTable
    ):
        job.configuration.query.destinationTable = statistics.ddlTargetTable
    drop_old_results(job)
    return result


STRUCT_ASSIGNMENT = re.compile(r"\bset\s*\(\s*(\w+)\s*\)\s*=\s*\(\s*select\s+as\s+struct\b", re.I)


def parse_assignments(sql: str, *rest: Any, **options: Any) -> Any:
    """Takes `set (name) = (select as struct …)`, which dbt's insert_overwrite writes."""
    return parse_script(STRUCT_ASSIGNMENT.sub(r"set \1 = (select ", sql), *rest, **options)


PRODUCT = """
create macro bq.main._exact_product(a, b) as cast(
    cast(trunc(cast(a as decimal(38, 18))) as decimal(20, 0))
    * cast(trunc(cast(b as decimal(38, 18))) as decimal(20, 0))
    + cast(trunc(cast(a as decimal(38, 18))) as decimal(20, 0))
    * cast(cast(b as decimal(38, 18)) - trunc(cast(b as decimal(38, 18))) as decimal(18, 18))
    + cast(cast(a as decimal(38, 18)) - trunc(cast(a as decimal(38, 18))) as decimal(18, 18))
    * cast(trunc(cast(b as decimal(38, 18))) as decimal(20, 0))
    + cast(
        cast(cast(a as decimal(38, 18)) - trunc(cast(a as decimal(38, 18))) as decimal(18, 18))
        * cast(cast(b as decimal(38, 18)) - trunc(cast(b as decimal(38, 18))) as decimal(18, 18))
        as decimal(38, 18)
    )
    as decimal(38, 18)
)
"""


KEYS = r"""
create or replace macro bq.main._json_keys(j, depth) as list_transform(
    list_sort(json_keys(j)),
    lambda key: case
        when contains(key, '.') or contains(key, '"')
            then '"' || replace(replace(key, '\', '\\'), '"', '\"') || '"'
        else key
    end
)
"""


def attach_in_memory(connection: duckdb.DuckDBPyConnection, project: str) -> None:
    """Keeps a project's tables in memory: DuckLake writes files and a snapshot at every change."""
    connection.execute(f"attach if not exists ':memory:' as {database.quote(project)}")
    database._attached.add(project)


KEPT_RESULTS = 100
results: collections.deque[str] = collections.deque()


def drop_old_results(job: Any) -> None:
    """Forgets results that were read long ago: each is a table that every look-up passes by."""
    results.append(job.jobReference.jobId)
    if len(results) > KEPT_RESULTS:
        project, old = job.jobReference.projectId, results.popleft()
        database.execute(f"drop table if exists {tables.name(project, tables.RESULTS, old)}")


def connect_with_macros() -> duckdb.DuckDBPyConnection:
    """JSON_KEYS of depth 1 names every key, and puts one with a dot or a quote in quotes."""
    connection = make_connection()
    connection.execute(PRODUCT)
    connection.execute(KEYS)
    return connection


asked = threading.local()


def views_of_catalog(tree: exp.Expression, context: Any) -> exp.Expression:
    """Notes the one table that is asked for, so that not all of them are described each time."""
    names = [
        equation.expression.this
        for equation in tree.find_all(exp.EQ)
        if equation.this.name == "table_name" and equation.expression.is_string
    ]
    views = [table for table in tree.find_all(exp.Table) if information_schema._view(table)]
    asked.name = names[0] if len(names) == len(views) == 1 else None
    return catalog_views(tree, context)


def described_tables(project: str, dataset: str | None) -> list[Any]:
    """Gives the table that a statement asks for, or all."""
    if dataset is None or asked.name is None:
        return list_tables(project, dataset)
    return metadata.existing(tables.load, [(project, dataset, asked.name)])


def member_of_json(node: exp.Expression, context: Any) -> exp.Expression:
    """Takes `object[name]` for a column `name` of any text; DuckDB reads some as paths."""
    if not (isinstance(node, exp.Bracket) and isinstance(node.expressions[0], exp.Column)):
        return json_subscript(node, context)
    name: exp.Expression = node.expressions[0]
    for found, given in (("~", "~0"), ("/", "~1")):
        name = exp.func("replace", name, exp.Literal.string(found), exp.Literal.string(given))
    pointer = exp.DPipe(this=exp.Literal.string("/"), expression=name)
    member = exp.JSONExtract(this=node.this, expression=exp.Paren(this=pointer))
    member.meta["member"] = True
    return member


def query_of_text(node: exp.Expression, context: Any) -> exp.Expression:
    """JSON_QUERY of a text is a text, also where the emulator has lost the type of its input.

    JSON_QUERY_ARRAY of what is no array is null.
    """
    if (
        isinstance(node, (exp.JSONExtract, exp.JSONExtractArray))
        and not node.meta.get("member")
        and typing.kind(node.this) != exp.DataType.Type.JSON
    ):
        if isinstance(node, exp.JSONExtractArray):
            path = node.expression or exp.JSONPath(expressions=[exp.JSONPathRoot()])
            found = exp.JSONExtract(this=node.this, expression=path)
            items = exp.TryCast(this=found, to=exp.DataType.build("JSON[]"))
            return exp.Cast(this=items, to=exp.DataType.build("VARCHAR[]"))
        return exp.Cast(this=node, to=exp.DataType.build("VARCHAR"))
    return node


def exact_product(node: exp.Expression, context: Any) -> exp.Expression:
    """Multiplies BIGNUMERICs, which have 18 decimals here, by their whole and their broken parts.

    DuckDB would give the product 36 decimals, and fail at 100.
    """
    if not isinstance(node, exp.Mul):
        return node
    big = exp.DataType.Type.BIGDECIMAL
    if not any(
        part.type is not None and part.type.this == big for part in (node, node.left, node.right)
    ):
        return node
    product = macro("_exact_product", node.this, node.expression)
    product.type = exp.DataType.build("BIGDECIMAL")
    return product


def wide_round(node: exp.Expression, context: Any) -> exp.Expression:
    """Rounds a BIGNUMERIC to one: DuckDB's has only the decimals that are asked for."""
    if isinstance(node, exp.Round) and typing.kind(node) == exp.DataType.Type.BIGDECIMAL:
        return exp.cast(node, "DECIMAL(38, 18)")
    return node


def whole_hash(node: exp.Expression, context: Any) -> exp.Expression:
    """Keeps a hash as a BIGNUMERIC without decimals: a sum of some had no room left beside 18."""
    if (
        isinstance(node, exp.Cast)
        and isinstance(node.this, (exp.FarmFingerprint, exp.Anonymous))
        and "farm_fingerprint" in node.this.sql().lower()
    ):
        return exp.cast(node.this, "DECIMAL(38, 0)")
    return node


make_connection = database._connect.__wrapped__
database.EMULATOR_SCHEMA = (
    "detach emulator; attach ':memory:' as emulator;" + database.EMULATOR_SCHEMA
)
database._attach = attach_in_memory
database.projects = lambda: sorted(database._attached)
database._connect = functools.cache(connect_with_macros)
list_tables = information_schema._tables
information_schema._tables = described_tables
catalog_views = information_schema.information_schema
rules.STATEMENT_RULES[rules.STATEMENT_RULES.index(catalog_views)] = views_of_catalog
json_subscript = typing.json_subscript
rules.NODE_RULES[rules.NODE_RULES.index(json_subscript)] = member_of_json
rules.NODE_RULES[rules.NODE_RULES.index(json.string_input)] = query_of_text
rules.NODE_RULES.extend([exact_product, wide_round, whole_hash])
runner._query = query_with_destination
script.parse_script = parse_assignments


def main() -> None:
    """Serves until stopped, or until the time is over."""
    port, folder = int(sys.argv[1]), sys.argv[2]
    # a parsed statement is thousands of objects: as it is, collecting takes a fourth of the time
    gc.set_threshold(500_000, 20, 20)
    seconds = float(os.environ.get("AI_FOCUS_SERVER_SECONDS", "3600"))
    timer = threading.Timer(seconds, os._exit, args=[0])
    timer.daemon = True
    timer.start()
    sys.argv = ["local-bigquery", "serve", "--host", "127.0.0.1", "--port", str(port)]
    sys.argv += ["--grpc-port", str(port + 1), "--data-dir", folder]
    sys.argv += ["--project", "ai-focus", "--dataset", "ai_focus"]
    (command,) = (
        entry
        for entry in importlib.metadata.entry_points(group="console_scripts")
        if entry.name == "local-bigquery"
    )
    command.load()()


if __name__ == "__main__":
    main()
