"""Shows what a build would read from a raw folder: each file, its table, its days."""

from __future__ import annotations

from collections.abc import Iterator
from glob import escape

import duckdb

from exporter.raw.expressions import Member, quote
from exporter.raw.files import RawFile
from exporter.raw.mapping import pointer_to
from exporter.raw.plan import RawPlan
from exporter.raw.shapes import connection, json_elements, list_columns
from exporter.sql import DuckDB

# Text is read whole for its days up to so many bytes of a file, and of all; beyond it the days of
# the first rows are told.
MOST_BYTES = 256 << 20
MOST_BYTES_IN_ALL = 1 << 30
FIRST_ROWS = 10_000


def preview(plan: RawPlan) -> Iterator[str]:
    """Give the lines: where the files lie, then one or two for each.

    Days are UTC, of the times that DuckDB can read. `…` in place of the last one says that only the
    first rows of a large file were looked at, `-` that no time was found.
    """
    yield f"Would read {plan.bytes:,} bytes in {plan.root}, files: {plan.files:,}"
    left = MOST_BYTES_IN_ALL
    rows = []
    for file in plan.read:
        is_whole = file.shape.format == "parquet" or file.bytes <= min(MOST_BYTES, left)
        left -= file.bytes if is_whole else 0
        rows.append((file.label, file.table.name, f"{file.bytes:,}", _days(file, is_whole)))
    widths = [max(len(row[place]) for row in rows) for place in range(3)] if rows else []
    for file, (label, table, size, days) in zip(plan.read, rows, strict=True):
        yield f"{label:<{widths[0]}}  {table:<{widths[1]}}  {size:>{widths[2]}} bytes  {days}"
        if file.mapping:
            yield f"  mapped by {file.mapping.name}"
        if file.unread:
            yield f"  not read: {list_columns(file.unread)}"


def _days(file: RawFile, is_whole: bool) -> str:
    time = _time(file)
    if time is None:
        return "-"
    moment = f"try_cast({time} as timestamptz)"
    try:
        rows = _rows(file)
        if not is_whole:
            rows = rows.limit(FIRST_ROWS)
        first, last = rows.aggregate(
            f"cast(min({moment}) as date), cast(max({moment}) as date)"
        ).fetchall()[0]
    except duckdb.Error:
        # the build tells what is wrong in the middle of a file
        return "-"
    return "-" if first is None else f"{first} to {last if is_whole else '…'}"


def _time(file: RawFile) -> str | None:
    """Give the SQL of when a record happened; none where a mapping computes it."""
    column = file.table.time or ""
    told = dict(file.mapping.columns).get(column) if file.mapping else Member((column,))
    name = told.name if isinstance(told, Member) else ("",)
    if name[0] not in file.shape.columns:
        return None
    if file.shape.format in ("csv", "parquet"):
        return DuckDB(connection()).column(name[0]) if len(name) == 1 else None
    return f"json ->> {quote(pointer_to(name))}"


def _rows(file: RawFile) -> duckdb.DuckDBPyRelation:
    """Open a file; what can't be read in the middle of it is passed over."""
    path = escape(str(file.path))
    is_gzip = file.label.lower().endswith(".gz")
    if file.shape.format == "parquet":
        return connection().read_parquet(path, hive_partitioning=False, binary_as_string=True)
    if file.shape.format == "csv":
        return connection().read_csv(
            path,
            compression="gzip" if is_gzip else "none",
            sep=file.shape.delimiter or ",",
            columns=dict.fromkeys(file.shape.columns, "VARCHAR"),
            auto_detect=False,
            header=True,
            quotechar='"',
            escapechar='"',
            strict_mode=False,
            ignore_errors=True,
            hive_partitioning=False,
        )
    elements, values = json_elements(file.path, is_gzip)
    if file.shape.format == "jsonl":
        elements = elements.replace("'array'", "'newline_delimited', ignore_errors = true")
    return connection().sql(f"from {elements}", params=values)
