"""What can be asked in one SQL: a build's DuckDB file, or a warehouse (`exporter.warehouse`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import duckdb


def quote_name(name: str) -> str:
    """Quote a name of DuckDB's."""
    return '"' + name.replace('"', '""') + '"'


def quote_text(value: object) -> str:
    """Write a text, or a path, as a literal."""
    return "'" + str(value).replace("'", "''") + "'"


def cast_value(kind: str, cast: str = "cast") -> str:
    """Give the SQL of DuckDB's parameter, which is text, as a value; `cast` may be `try_cast`."""
    # through timestamptz: a bare cast to timestamp would drop the offset without a word
    if kind.startswith("TIMESTAMP"):
        return f"cast({cast}(? as timestamptz) as timestamp)"
    return f"{cast}(? as {kind})"


class Engine(Protocol):
    """The few differences that SQL of the wrapper's own must know. Kinds are DuckDB's types.

    The project's tables go by their plain names: they lie in the schema that the target works in.
    """

    def column(self, name: str) -> str:
        """Quote a column's name."""

    def value_of(self, kind: str) -> str:
        """Give the SQL of a parameter, which is text, as a value."""

    def fetch(self, query: str, parameters: Sequence[str] = ()) -> list[tuple[Any, ...]]:
        """Run a query of few rows."""


class DuckDB:
    """An open DuckDB file."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Take the connection; the caller closes it."""
        self._connection = connection

    def column(self, name: str) -> str:
        """Quote a name."""
        return quote_name(name)

    def value_of(self, kind: str) -> str:
        """Cast a parameter."""
        return cast_value(kind)

    def fetch(self, query: str, parameters: Sequence[str] = ()) -> list[tuple[Any, ...]]:
        """Run a query of few rows."""
        return self._connection.execute(query, list(parameters)).fetchall()
