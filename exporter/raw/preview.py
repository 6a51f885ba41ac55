"""Shows what a build would read from a raw folder: each file, its table, its days."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb

from exporter.macros import macros
from exporter.raw.expressions import Member, quote
from exporter.raw.files import RawFile
from exporter.raw.mapping import pointer_to
from exporter.raw.plan import RawPlan
from exporter.raw.rows import column_of, open_rows
from exporter.raw.shapes import list_columns

# Text is read whole for its days up to so many bytes of a file, and of all; beyond it the days of
# the first rows are told.
MOST_BYTES = 256 << 20
MOST_BYTES_IN_ALL = 1 << 30
FIRST_ROWS = 10_000


def preview(plan: RawPlan) -> Iterator[str]:
    """Give the lines: where the files lie, then one or two for each.

    Days are UTC. `…` in place of the last one says that only the
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
    moment = macros()["to_utc_timestamp"](f"trim(cast({time} as varchar))")
    try:
        rows = open_rows(file.path, file.shape)
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
        return column_of(file.shape, name[0]) if len(name) == 1 else None
    return f"json ->> {quote(pointer_to(name))}"
