"""A Snowflake stand-in on loopback: fakesnow, with what dbt needs of it put right.

    python tests/warehouse/fakesnow_server.py PORT

fakesnow turns Snowflake's SQL into DuckDB's and speaks the connector's own protocol. It stops when
its standard input closes, so that no server outlives the test that started it. What differs from
fakesnow 0.12.1, each where a statement is parsed, run or answered:

* `create temporary table DATABASE.SCHEMA.NAME` makes a plain table: DuckDB keeps temporary ones in
  a catalog of their own, and dbt names the database of every one.
* MERGE runs as DuckDB's MERGE, in place of a rewrite that writes to two databases in one
  transaction.
* An error that fakesnow does not expect is a SQL error, not status 500, which the connector would
  send again and again. The transaction is rolled back.
* A request that the connector sends again, because the answer is slow, is answered once it is there
  and not run a second time: two calls at once on one DuckDB connection fail.
* A null timestamp stays null on its way to the client, in place of 1970-01-01.
* `try_to_timestamp_tz(text, 'AUTO')` and `…_ntz` are DuckDB's try_cast: fakesnow has no such
  functions.
* A table's comment may have quotes.
* A column's comment is kept, whether `create` or `alter table` brings it: in information_schema.
* SUM adds decimals as decimals: fakesnow would make doubles of them first.
* Thousands of rows of literals go to DuckDB as they are, less Snowflake's escapes: a seed of 22,000
  rows takes half a minute, in place of two of parsing.
* FLATTEN finds the value of any key, quotes and dots included, and no rows in a plain value.
* `alter session set query_tag` does nothing, in place of failing.
* `current_warehouse()` has a value.
* `$name` is a session variable outside of string literals only: URLs have dollar signs too.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib
import os
import re
import sys
from string import Template
from typing import Any

import duckdb
import fakesnow
import pyarrow as pa
import pyarrow.compute as pc
from fakesnow import arrow, cursor, info_schema, macros, variables
from snowflake.connector.errors import Error as SnowflakeError
from snowflake.connector.errors import ProgrammingError
from sqlglot import exp
from starlette.routing import request_response

start_server = fakesnow.server  # the function; the module of that name replaces it when imported
server = importlib.import_module("fakesnow.server")

parse_as_fakesnow = cursor.parse_one
execute_as_fakesnow = cursor.FakeSnowflakeCursor._execute
rowtype_of_fakesnow = server.describe_as_rowtype
struct_of_fakesnow = arrow.timestamp_to_sf_struct
comment_as_fakesnow = info_schema.insert_table_comment_sql
inline_as_fakesnow = variables.Variables.inline_variables

transform_as_fakesnow = cursor.FakeSnowflakeCursor._transform_explode

ALTER_COMMENTS = re.compile(r"(?:\s|/\*.*?\*/)*alter\s+table\s+(\S+)\s+alter\s", re.IGNORECASE)
COLUMN_COMMENT = re.compile(r'"([^"]+)"\s+comment\s+\$\$(.*?)\$\$', re.IGNORECASE | re.DOTALL)
# up to the first row
INSERTED = re.compile(
    r"(?:\s|/\*.*?\*/)*insert\s+(?P<overwrite>overwrite\s+)?"
    r"(?P<into>into\s[^()]+\([^()]+\)\s*values\s*)(?=\()",
    re.IGNORECASE | re.DOTALL,
)
ESCAPED = re.compile(r"\\(.)", re.DOTALL)
MANY = 100_000  # characters
DONE = "select 'Statement executed successfully.' as status"
STRING_LITERAL = re.compile(r"('(?:[^'\\]|\\.|'')*')", re.DOTALL)


def parse_one(sql: str, *arguments: Any, **options: Any) -> exp.Expression:
    """A statement as fakesnow reads it, less what DuckDB can't run."""
    if (altered := ALTER_COMMENTS.match(sql)) and (comments := COLUMN_COMMENT.findall(sql)):
        statement = parse_as_fakesnow(DONE)
        statement.args["column_comments"] = (
            exp.to_table(altered[1], dialect="snowflake"),
            comments,
        )
        return statement
    if len(sql) > MANY and (inserted := INSERTED.match(sql)):
        statement = parse_as_fakesnow(f"insert {inserted['into']}(null)", *arguments, **options)
        statement.args["is_overwritten"] = inserted["overwrite"] is not None
        statement.args["rows"] = STRING_LITERAL.sub(_without_escapes, sql[inserted.end() :])
        return statement
    statement = parse_as_fakesnow(sql, *arguments, **options)
    if _sets_query_tag(statement):
        return parse_as_fakesnow(DONE)
    for call in list(statement.find_all(exp.StrToTime)):
        if call.args.get("safe") and call.args["format"].name == "AUTO":
            call.replace(exp.TryCast(this=call.this.copy(), to=call.args["target_type"].copy()))
    for call in list(statement.find_all(exp.CurrentWarehouse)):
        call.replace(exp.Literal.string("FAKE_WAREHOUSE"))
    if isinstance(statement, exp.Create):
        _without_temporary(statement)
        _keep_comments(statement)
    elif isinstance(statement, exp.Merge):
        _with_source_names(statement)
    return statement


def _without_escapes(literal: re.Match[str]) -> str:
    """A string literal of Snowflake's as one of DuckDB's."""
    text = literal[1]
    if "\\" not in text:
        return text
    return ESCAPED.sub(lambda sign: {"n": "\n", "t": "\t", "'": "''"}.get(sign[1], sign[1]), text)


def _sets_query_tag(statement: exp.Expression) -> bool:
    if not isinstance(statement, exp.Alter) or statement.args.get("kind") != "SESSION":
        return False
    name = statement.find(exp.Identifier)
    return name is not None and name.name.upper() == "QUERY_TAG"


def _keep_comments(statement: exp.Create) -> None:
    if not isinstance(statement.this, exp.Schema):
        return
    comments = []
    for column in statement.this.expressions:
        for constraint in list(column.find_all(exp.CommentColumnConstraint)):
            comments.append((column.name, constraint.this.name))
            constraint.parent.pop()
    table = statement.this.this
    statement.args["column_comments"] = (table, comments)
    if not any(column.args.get("kind") for column in statement.this.expressions):
        statement.set("this", table)


def transform(self: Any, statement: exp.Expression) -> list[exp.Expression]:
    """Note what the statement brings for `execute`, which sees another statement."""
    self._column_comments = statement.args.pop("column_comments", None)
    self._rows = statement.args.pop("rows", None)
    self._is_overwritten = statement.args.pop("is_overwritten", False)
    return transform_as_fakesnow(self, statement)


def _comment(self: Any, table: exp.Table, comments: list[tuple[str, str]]) -> None:
    parts = [table.catalog or self._conn.database, table.db or self._conn.schema, table.name]
    name = ".".join(f'"{part.upper()}"' for part in parts)
    for column, comment in comments:
        quoted = exp.Literal.string(comment).sql(dialect="duckdb")
        self._duck_conn.execute(f'comment on column {name}."{column}" is {quoted}')


def _without_temporary(statement: exp.Create) -> None:
    table = statement.this.find(exp.Table)
    properties = statement.args.get("properties")
    if table is None or not table.catalog or properties is None:
        return
    kept = [item for item in properties.expressions if not isinstance(item, exp.TemporaryProperty)]
    statement.set("properties", exp.Properties(expressions=kept) if kept else None)


def _with_source_names(statement: exp.Merge) -> None:
    """In `insert (…) values (…)` Snowflake takes bare names from the source; DuckDB finds two."""
    source = statement.args["using"].alias_or_name
    for branch in statement.args["whens"].expressions:
        action = branch.args.get("then")
        if isinstance(action, exp.Insert) and action.expression is not None:
            for column in action.expression.find_all(exp.Column):
                if not column.table:
                    column.set("table", exp.to_identifier(source))


def _counted(self: Any, sql: str, parameters: Any = None) -> exp.Select:
    """Run a statement that changes rows; gives one that tells how many, as Snowflake does."""
    count = self._duck_conn.execute(sql, parameters).fetchall()[0][0]
    return exp.select(exp.alias_(exp.Literal.number(count), "number of rows inserted", quoted=True))


def execute(self: Any, statement: exp.Expression, parameters: Any = None) -> None:
    """Run one statement; whatever goes wrong is the statement's error."""
    try:
        if isinstance(statement, exp.Merge):
            statement = _counted(self, statement.sql(dialect="duckdb"), parameters)
            parameters = None
        elif rows := getattr(self, "_rows", None):
            self._rows = None
            if self._is_overwritten:
                table = statement.this.this.sql(dialect="duckdb")
                self._duck_conn.execute(f"delete from {table}")
            head = statement.sql(dialect="duckdb").removesuffix("(NULL)")
            statement = _counted(self, head + rows)
        execute_as_fakesnow(self, statement, parameters)
        if noted := getattr(self, "_column_comments", None):
            self._column_comments = None
            _comment(self, *noted)
    except SnowflakeError:
        raise
    except Exception as error:
        with contextlib.suppress(duckdb.Error):  # no transaction was open
            self._duck_conn.rollback()
        raise ProgrammingError(msg=str(error), errno=1003, sqlstate="42000") from error


def inline_variables(self: Any, sql: str) -> str:
    """Put session variables in, but not into string literals."""
    return "".join(
        part if part.startswith("'") else inline_as_fakesnow(self, part)
        for part in STRING_LITERAL.split(sql)
    )


def insert_table_comment_sql(catalog: str, schema: str, table: str, comment: str | None) -> str:
    """The statement that keeps a table's comment."""
    return comment_as_fakesnow(catalog, schema, table, (comment or "").replace("'", "''"))


def describe_as_rowtype(rows: list[Any]) -> Any:
    """The types of a result; a list or struct has none on the wire."""
    try:
        return rowtype_of_fakesnow(rows)
    except NotImplementedError as error:
        raise ProgrammingError(
            msg=f"fakesnow can't return this type: {error}", errno=9999, sqlstate="99999"
        ) from error


def timestamp_to_sf_struct(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Seconds and fractions, with nulls as nulls."""
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    filled = struct_of_fakesnow(pc.fill_null(values, pa.scalar(0, values.type)))
    return pa.StructArray.from_arrays(
        filled.flatten(), fields=list(filled.type), mask=pc.is_null(values)
    )


answers: dict[str, asyncio.Task[Any]] = {}


async def answer_once(request: Any) -> Any:
    """Run a request by its id, or wait for it where it runs already."""
    key = request.query_params["requestId"]
    if key not in answers:
        for old in [one for one, task in answers.items() if task.done()][:-50]:
            del answers[old]
        answers[key] = asyncio.create_task(server.query_request(request))
    return await asyncio.shield(answers[key])


def put_right() -> None:
    """Replace the parts of fakesnow named above."""
    for route in server.app.router.routes:
        if route.path == "/queries/v1/query-request":
            route.app = request_response(answer_once)
    flatten = macros.FS_FLATTEN.template
    for found, put in [
        (
            "TO_JSON(input) -> x",
            "TO_JSON(input) -> ('/' || replace(replace(x, '~', '~0'), '/', '~1'))",
        ),
        ("ELSE list_transform(", "WHEN json_type(TO_JSON(input)) = 'ARRAY' THEN list_transform("),
    ]:
        assert found in flatten
        flatten = flatten.replace(found, put)
    macros.FS_FLATTEN = Template(flatten)
    cursor.FakeSnowflakeCursor._transform_explode = transform
    cursor.parse_one = parse_one
    cursor.transforms.numeric_agg_implicit_cast = lambda expression: expression
    cursor.transforms.merge = lambda statement: [statement]
    cursor.FakeSnowflakeCursor._execute = execute
    server.describe_as_rowtype = describe_as_rowtype
    arrow.timestamp_to_sf_struct = timestamp_to_sf_struct
    info_schema.insert_table_comment_sql = insert_table_comment_sql
    variables.Variables.inline_variables = inline_variables


def main() -> None:
    """Serve until standard input closes."""
    put_right()
    # a parsed statement is thousands of objects: seldom collecting is much quicker
    gc.set_threshold(500_000, 20, 20)
    with start_server(port=int(sys.argv[1])) as connection:
        print(f"ready on port {connection['port']}", flush=True)
        # a line per request would fill the pipe of whoever reads the first line alone, and stop all
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.stdin.read()


if __name__ == "__main__":
    main()
