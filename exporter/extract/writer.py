"""Writes a selection in slices of time, each of them by DuckDB.

A sort of all rows, which are wide, would have to fit into memory or spill; a slice's is small.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from codecs import BOM_UTF8
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass, field
from datetime import datetime
from gzip import GzipFile
from hashlib import sha256
from io import BufferedIOBase, RawIOBase
from pathlib import Path
from typing import Any

import duckdb

from exporter.duck import (
    find_unbuilt_version,
    open_cursor,
    run_copies,
)
from exporter.errors import UserError
from exporter.extract.formats import Column, copy_columns, time_text
from exporter.extract.selection import Selection, build_where, check_columns, read_terms
from exporter.sql import DuckDB, quote_name, quote_text

# rows of a slice where memory is for others too, and where a file is all that is made
_SLICE = 20_000
_FILE_SLICE = 40_000
# slices of a file that are made at once: each is the work of one processor
_WRITERS = 2
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Total:
    """Rows and exact sums (plain decimal text) of one currency, or of one category in it."""

    currency: str | None
    category: str | None
    rows: int
    costs: dict[str, str | None]


@dataclass(frozen=True)
class Measure:
    """What a selection comes to as a whole, and where its parts are found.

    `before[i]` rows lie before `moments[i]`; both are empty where the order does not begin with a
    time, or without rows. `latest` is the last row's moment.
    """

    rows: int
    currencies: list[Total]
    categories: list[Total]
    moments: list[datetime] = field(default_factory=list)
    before: list[int] = field(default_factory=list)
    latest: datetime | None = None


class HashedFile(RawIOBase):
    """A new file that is hashed as it is written; `sha256` is lower-case hex, `size` in bytes."""

    def __init__(self, path: Path) -> None:
        """Open the file."""
        self._file = path.open("wb")
        self._digest = sha256()
        self.size = 0

    def writable(self) -> bool:
        """Say that it is for writing."""
        return True

    def write(self, data: Any) -> int:
        """Write all of the bytes."""
        self._digest.update(data)
        written = self._file.write(data)
        self.size += written
        return written

    def close(self) -> None:
        """Close the file; what it comes to can still be asked for."""
        self._file.close()
        super().close()

    @property
    def sha256(self) -> str:
        """Give the hash of what has been written."""
        return self._digest.hexdigest()


class Extract:
    """One selection of a build: its columns, and the files and streams that are written of it."""

    # the share of rows that are written
    written = 0.0

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        selection: Selection,
        json_columns: frozenset[str] = frozenset(),
    ) -> None:
        """Check the selection against the build's own columns; UserError when it doesn't fit."""
        self._connection = connection
        self._selection = selection
        self._source = self._find_source()
        self._kinds = self._describe()
        offered = [name for name in self._kinds if name not in selection.dataset.hidden]
        wanted = check_columns(selection, offered)
        self.columns = [Column(name, self._kinds[name], name in json_columns) for name in wanted]
        terms = read_terms(connection, (*selection.date_terms(), *selection.terms), self._kinds)
        self._where, texts = build_where(terms, self._kinds, DuckDB(connection))
        self._parameters: list[object] = [*texts]
        self._order = ", ".join(map(quote_name, selection.dataset.order))
        # what is read of the rows: the columns, and what orders them
        self._names = ", ".join(map(quote_name, dict.fromkeys([*wanted, *selection.dataset.order])))

    def _find_source(self) -> str:
        selection = self._selection
        dataset = selection.dataset
        relation = quote_name(dataset.relation(selection.grain, selection.focus_version))
        if dataset.layout is None:
            return relation
        columns = ", ".join(f"{sql} as {quote_name(name)}" for name, sql in dataset.layout.items())
        return f"(select {columns} from {relation})"  # noqa: S608

    def _describe(self) -> dict[str, str]:
        try:
            found = self._connection.execute(
                f"describe select * from {self._source} as source"  # noqa: S608
            ).fetchall()
        except (duckdb.CatalogException, duckdb.BinderException) as error:
            if unbuilt := find_unbuilt_version(error):
                raise unbuilt from None
            reason = str(error).split("\n")[0]
            raise UserError(
                f"The build lacks {self._selection.dataset.name} {self._selection.focus_version} "
                f"({reason}): run `focus-export build` with this version of ai-focus."
            ) from None
        return {str(row[0]): str(row[1]) for row in found}

    def read_months(self) -> list[tuple[str, str]]:
        """List the billing periods that have rows: start and exclusive end, as UTC text."""
        return [
            (str(start), str(end))
            for start, end in self._connection.execute(
                f"select {time_text('BillingPeriodStart')}, {time_text('BillingPeriodEnd')}"  # noqa: S608
                f" from {self._source} as source{self._where} group by all order by 1",
                self._parameters,
            ).fetchall()
        ]

    def stage(self, folder: Path) -> None:
        """Copy the selection to a file in `folder` and read it from there, in no order yet."""
        copy = quote_text(folder / "stage.parquet")
        self._connection.execute(
            f"copy (select * from {self._source} as source{self._where}) to {copy}"  # noqa: S608
            " (format parquet, compression lz4)",
            self._parameters,
        )
        self._source, self._where, self._parameters = f"read_parquet({copy})", "", []

    def write_file(
        self,
        path: Path,
        fmt: str,
        compress: str | None,
        safe_csv: bool,
        measure: Measure,
        folder: Path,
        bom: bool = False,
    ) -> HashedFile:
        """Write the file, with temporary files in `folder`; gives it closed, with size and hash.

        The same build and arguments give the same bytes; with `bom` text begins with UTF-8's mark.
        A fault of the file is an OSError.
        """
        if self._selection.dataset.is_staged and measure.rows > _FILE_SLICE:
            self.stage(folder)
        with ExitStack() as opened:
            file = opened.enter_context(closing(HashedFile(path)))
            connections = [
                opened.enter_context(closing(open_cursor(self._connection)))
                for _ in range(_WRITERS)
            ]
            if fmt == "parquet":
                copies = self._copy(measure, fmt, safe_csv, folder, connections, _FILE_SLICE)
                _join_parquet(opened.enter_context(closing(copies)), file)
            else:
                packed = opened.enter_context(closing(_pack(file, compress)))
                if bom:
                    packed.write(BOM_UTF8)
                chunks = self.stream(measure, fmt, safe_csv, folder, connections, _FILE_SLICE)
                for chunk in opened.enter_context(closing(chunks)):
                    packed.write(chunk)
        return file

    def stream(
        self,
        measure: Measure,
        fmt: str,
        safe_csv: bool,
        folder: Path,
        connections: Sequence[duckdb.DuckDBPyConnection] = (),
        rows: int = _SLICE,
        turn: AbstractContextManager[Any] | None = None,
    ) -> Generator[bytes, None, None]:
        """Give the bytes that `write_file` would put into a csv, json or jsonl file.

        Each slice of some `rows` is written to a file in `folder` and read from there, so that
        neither the rows nor a sort of all of them have to fit into memory; as many at once as there
        are connections to the build, by default this extract's own. `turn` is as in run_copies.
        """
        head, held = b"", b""
        if fmt == "json":
            described = json.dumps({"focus_version": self._selection.focus_version})
            head = f'{described[:-1]}, "records": [\n'.encode()
        for file in self._copy(measure, fmt, safe_csv, folder, connections, rows, turn):
            with file.open("rb") as source:
                while chunk := source.read(_CHUNK):
                    # in JSON the line feed of the last line is left out
                    yield head + held + (chunk[:-1] if fmt == "json" else chunk)
                    head, held = b"", chunk[-1:] if fmt == "json" else b""
        if fmt == "json":
            yield head + b"]}\n"

    def _copy(
        self,
        measure: Measure,
        fmt: str,
        safe_csv: bool,
        folder: Path,
        connections: Sequence[duckdb.DuckDBPyConnection],
        rows: int,
        turn: AbstractContextManager[Any] | None = None,
    ) -> Generator[Path, None, None]:
        """Copy each slice to a file, which is there until the next one is asked for."""
        slices = self._slices(measure, rows)
        copies = self._copies(slices, fmt, safe_csv, folder)
        with closing(run_copies(connections or [self._connection], copies, turn)) as files:
            for number, file in enumerate(files, 1):
                yield file
                file.unlink()
                self.written = number / len(slices)

    def _copies(
        self,
        slices: Sequence[tuple[str, list[object]]],
        fmt: str,
        safe_csv: bool,
        folder: Path,
    ) -> Iterator[tuple[str, list[object], Path]]:
        """Give the COPY of each slice, its parameters and its file."""
        key = self._selection.dataset.order[-1]
        first = [self._find_first(key)] if fmt == "json" else []
        for number, (where, parameters) in enumerate(slices):
            query, options = copy_columns(self.columns, fmt, safe_csv, key, has_header=number == 0)
            rows = f"select {self._names} from {self._source} as source{where}"  # noqa: S608
            file = folder / f"slice-{number}"
            copy = (
                f"copy (select {query} from ({rows} order by {self._order}))"  # noqa: S608
                f" to {quote_text(file)} ({options}, use_tmp_file false)"
            )
            yield copy, [*first, *parameters], file

    def _find_first(self, key: str) -> object:
        """Give a column of the first row in the extract's order; None when it is empty."""
        found = self._connection.execute(
            f"select {quote_name(key)} from {self._source} as source{self._where}"  # noqa: S608
            f" order by {self._order} limit 1",
            self._parameters,
        ).fetchall()
        return found[0][0] if found else None

    def _slices(self, measure: Measure, rows: int) -> list[tuple[str, list[object]]]:
        """Cut the selection at marks; without marks it is one slice."""
        moments, before = measure.moments, measure.before
        if not moments:
            return [(self._where, self._parameters)]
        slices = []
        until = [*before, measure.rows]
        place = 0
        while place < len(moments):
            end = max(place + 1, bisect_right(until, before[place] + rows) - 1)
            slices.append(self._between(measure, place, end))
            place = end
        return slices

    def _between(self, measure: Measure, place: int, end: int) -> tuple[str, list[object]]:
        """Narrow the selection to what lies between two marks, or behind one that is the last."""
        start = quote_name(self._selection.dataset.order[0])
        moments = measure.moments
        beyond, until = ("<", moments[end]) if end < len(moments) else ("<=", measure.latest)
        where = f"{self._where or ' where true'} and {start} >= ? and {start} {beyond} ?"
        return where, [*self._parameters, moments[place], until]


def _pack(file: HashedFile, compress: str | None) -> RawIOBase | BufferedIOBase:
    """Compress what is written: as one member or frame, some readers stop behind the first."""
    if compress == "gzip":
        return GzipFile("", "wb", compresslevel=6, fileobj=file, mtime=0)
    if compress == "zstd":
        import pyarrow as pa

        packed: RawIOBase = pa.CompressedOutputStream(file, "zstd")
        return packed
    return file


def _join_parquet(parts: Iterable[Path], file: HashedFile) -> None:
    """Put Parquet files together as one, a row group after the other.

    What DuckDB took for worth a dictionary in the first of them has one in the file.
    """
    import pyarrow.parquet as pq

    with ExitStack() as opened:
        writer: Any = None
        for path in parts:
            if writer is None:
                data = pq.read_metadata(path)
                columns = [
                    data.row_group(0).column(place)
                    for place in range(data.num_columns if data.num_row_groups else 0)
                ]
                coded = [it.path_in_schema for it in columns if it.has_dictionary_page]
            with pq.ParquetFile(path, read_dictionary=coded) as part:
                writer = writer or opened.enter_context(
                    pq.ParquetWriter(
                        file,
                        part.schema_arrow,
                        compression="zstd",
                        compression_level=3,
                        use_dictionary=coded,
                        store_decimal_as_integer=True,
                        # what is in it is said by Parquet's own types
                        store_schema=False,
                        # large pages are packed better than many small ones
                        data_page_size=1 << 26,
                    )
                )
                for batch in part.iter_batches(_FILE_SLICE):
                    writer.write_batch(batch)
