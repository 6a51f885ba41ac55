"""What DuckDB sees in a raw file before a build reads it."""

from __future__ import annotations

from glob import escape
from pathlib import Path

import duckdb


def describe_parquet(file: Path) -> tuple[list[tuple[str, str]], bool] | None:
    """Give names and DuckDB types of a Parquet file's columns, and whether it has a row.

    None when it can't be read.
    """
    with duckdb.connect() as connection:
        try:
            relation = connection.read_parquet(
                escape(str(file)), hive_partitioning=False, binary_as_string=True
            )
            has_rows = bool(relation.count("*").fetchall()[0][0])
        except duckdb.Error:
            return None
        kinds = zip(relation.columns, relation.types, strict=True)
        return [(name, str(kind)) for name, kind in kinds], has_rows


def is_valid_json(text: str) -> bool:
    """Tell whether DuckDB will be able to read a JSON text."""
    with duckdb.connect() as connection:
        return bool(connection.execute("select json_valid(?)", [text]).fetchall()[0][0])
