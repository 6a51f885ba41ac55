"""Cuts a selection into files of at most so many rows and bytes. DuckDB counts both."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from pathlib import Path
from typing import Any

from exporter.errors import UserError
from exporter.extract.formats import copy_columns
from exporter.extract.pages import PagedExtract
from exporter.extract.writer import Measure
from exporter.sql import quote_name, quote_text

_MOST_ROWS = 1 << 62


class PartedExtract(PagedExtract):
    """A selection that is written as one file or several, whose rows together are the selection."""

    def cut(
        self, measure: Measure, max_rows: int | None, max_bytes: int | None, folder: Path
    ) -> Iterator[tuple[PartedExtract, Measure]]:
        """Give the parts in the extract's order, each with its measure; `folder` is for DuckDB.

        Bytes are those of an unpacked CSV with its header, counted from above: every text as if it
        were quoted. Raises UserError for a row that no file can take.
        """
        within_rows = max_rows is None or measure.rows <= max_rows
        if within_rows and max_bytes is None:
            yield self, measure
            return
        header = sum(len(column.name.encode()) + 3 for column in self.columns)
        room = _MOST_ROWS if max_bytes is None else max_bytes - header
        sizes = self._measure_rows(folder)
        order = self._selection.dataset.order
        keys = ", ".join(f"key_{place}" for place in range(len(order)))
        place, until, last = 0, 0, None
        while place < measure.rows:
            found = self._connection.execute(
                f"select place, until, {keys} from {sizes}"  # noqa: S608
                " where place > ? and place <= ? and until <= ? order by place desc limit 1",
                [place, place + (max_rows or _MOST_ROWS), until + room],
            ).fetchone()
            if found is None:
                raise UserError(
                    f"A row of {self._selection.dataset.name} is longer than a file of "
                    f"{max_bytes:,} bytes can hold: leave columns away, or give more max_bytes."
                )
            part = copy(self)
            part.narrow(last, found[2:])
            yield part, Measure(found[0] - place, [], [])
            place, until, last = found[0], found[1], found[2:]
        if not measure.rows:
            yield self, measure

    def narrow(self, after: tuple[Any, ...] | None, until: tuple[Any, ...]) -> None:
        """Leave the rows behind one key of the order, up to another and with it."""
        names = [quote_name(name) for name in self._selection.dataset.order]
        row, marks = ", ".join(names), ", ".join("?" for _ in names)
        # the bare column is what DuckDB skips row groups by
        where = f"{self._where or ' where true'} and {names[0]} <= ? and ({row}) <= ({marks})"
        parameters = [*self._parameters, until[0], *until]
        if after is not None:
            where += f" and {names[0]} >= ? and ({row}) > ({marks})"
            parameters += [after[0], *after]
        self._where, self._parameters = where, parameters

    def _measure_rows(self, folder: Path) -> str:
        """Write each row's place in the order and the bytes up to it; gives the SQL of that."""
        file = quote_text(folder / "sizes.parquet")
        query, _ = copy_columns(self.columns, "csv", False, self._selection.dataset.order[-1])
        keys = [quote_name(name) for name in self._selection.dataset.order]
        named = ", ".join(f"{key} as key_{place}" for place, key in enumerate(keys))
        order = ", ".join(f"key_{place}" for place in range(len(keys)))
        # a comma or line feed, two quotes, and each quote inside once more
        sizes = " + ".join(
            f"3 + coalesce(strlen({text}) + strlen({text}) - strlen(replace({text}, '\"', '')), 0)"
            for text in (f"cast({quote_name(column.name)} as varchar)" for column in self.columns)
        )
        self._connection.execute(
            f"copy (select row_number() over (order by {order}) as place,"  # noqa: S608
            f" sum(bytes) over (order by {order} rows unbounded preceding)::bigint as until,"
            f" {order} from (select {sizes} as bytes, {order} from (select {query}, {named}"
            f" from {self._source} as source{self._where})) order by place)"
            f" to {file} (format parquet, compression lz4)",
            self._parameters,
        )
        return f"read_parquet({file})"
