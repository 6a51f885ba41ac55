"""Opens a raw file in DuckDB to look at its rows; the build reads it by macros/raw_duckdb.sql."""

from __future__ import annotations

from glob import escape
from pathlib import Path

import duckdb

from exporter.raw.shapes import Shape, connection, json_elements
from exporter.raw.text import LONGEST_LINE
from exporter.sql import DuckDB


def open_rows(path: Path, shape: Shape, marker: str = "") -> duckdb.DuckDBPyRelation:
    """Open a file; what can't be read in the middle of it is passed over.

    In CSV a field is null where it is `marker`, without quotes.
    """
    path = shape.passed.utf8 or path
    name = escape(str(path))
    is_gzip = path.suffix.lower() == ".gz"
    if shape.format == "parquet":
        return connection().read_parquet(name, hive_partitioning=False, binary_as_string=True)
    if shape.format == "csv":
        return connection().read_csv(
            name,
            compression="gzip" if is_gzip else "none",
            sep=shape.delimiter or ",",
            columns=dict.fromkeys(shape.columns, "VARCHAR"),
            auto_detect=False,
            header=True,
            quotechar='"',
            escapechar='"',
            na_values=[marker],
            allow_quoted_nulls=False,
            strict_mode=False,
            ignore_errors=True,
            max_line_size=LONGEST_LINE,
            hive_partitioning=False,
        )
    elements, values = json_elements(path, is_gzip)
    if shape.format == "jsonl":
        elements = elements.replace("'array'", "'newline_delimited', ignore_errors = true")
    return connection().sql(f"from {elements}", params=values)


def column_of(shape: Shape, name: str) -> str:
    """Give SQL for a column of these rows; of JSON it is text."""
    if shape.format in ("csv", "parquet"):
        return DuckDB(connection()).column(name)
    return f"json ->> '/{name}'"
