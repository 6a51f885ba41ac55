"""Charges that a test may change: a table in the place of the view, in its copy of a build."""

from __future__ import annotations

import duckdb


def store_charges(connection: duckdb.DuckDBPyConnection) -> None:
    """Put a table of the same rows in the place of int_charges; views go on reading it by name."""
    connection.execute("create table stored_charges as select * from int_charges")
    connection.execute("drop view int_charges")
    connection.execute("alter table stored_charges rename to int_charges")
