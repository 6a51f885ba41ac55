"""Reads a selection in parts: pages between two keys, sums for the whole, a stream of slices.

A part is found by marks: moments of the order's first column with the number of rows before them.
Between two marks lie few rows, so that a part far behind costs what the first one does. The parts
in their order are the extract, row for row and byte for byte.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from exporter.duck import open_cursor, run_copies
from exporter.extract.writer import (
    _MANY_ROWS,
    Coverage,
    Extract,
    _cast_value,
    _decimal_text,
    _json_line,
    _name,
    _text,
)

# rows between two marks, and the most marks that are kept
_STEP = 500
_MARKS = 20_000
# no mark is finer than a second, and few rows come in a minute
_WIDEST = 60
# rows of a slice where memory is for others too, and where a file is all that is made
_SLICE = 20_000
_FILE_SLICE = 40_000
# slices of a file that are made at once: each is the work of one processor
_WRITERS = 2
_CHUNK = 1 << 20
_CATEGORY = "ChargeCategory"
# rows that are looked at first for columns without a value
_GLANCE = 2_000
# what rows can be summed by of their start, and how it is written
TIMES = {"day": "%Y-%m-%d", "month": "%Y-%m"}
# what read_usage_coverage asks
COVERAGE_RELATIONS = ("int_usage", "int_held_calls", "providers")
# columns of ai_calls by which coverage can be asked for, and where they come from
_CALLS = {
    "billing_period_start": "date_trunc('month', int_usage.charge_period_start)",
    "charge_period_start": "int_usage.charge_period_start",
    "billing_account_id": "int_usage.billing_account_id",
    "sub_account_id": "int_usage.sub_account_id",
    "service_provider_name": "providers.service_provider_name",
}


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


@dataclass(frozen=True)
class Part:
    """Consecutive rows as JSON texts, and the key of the last; `has_more` when others follow."""

    lines: list[str]
    last: tuple[str, ...] | None
    has_more: bool


@dataclass(frozen=True)
class Dimension:
    """What rows are summed by: one of TIMES, or a column, with the column of its names if any.

    With a `key` it is what the column, a JSON object, has under the key; null where it has nothing.
    """

    name: str
    column: str | None = None
    label: str | None = None
    key: str | None = None


@dataclass(frozen=True)
class Group:
    """Rows and exact sums of one combination of dimensions in one currency.

    `labels` are the names of the keys that have any; `categories` are the parts by charge category.
    """

    keys: dict[str, str | None]
    labels: dict[str, str | None]
    total: Total
    categories: list[Total]


class PagedExtract(Extract):
    """A selection that is read in parts; a Measure of the same selection and build finds them."""

    written = 0.0

    def measure(self) -> Measure:
        """Count and sum the selection, and set its marks."""
        dataset = self._selection.dataset
        currency = _name(dataset.currency) if dataset.currency else "cast(null as varchar)"
        category = _name(_CATEGORY) if _CATEGORY in self._kinds else "cast(null as varchar)"
        start = _name(dataset.order[0]) if self._is_timed() else "cast(null as timestamp)"
        costs = [name for name in dataset.costs if name in self._kinds]
        parts = "".join(f", sum({_name(name)}) as cost_{i}" for i, name in enumerate(costs))
        sums = "".join(f", {_decimal_text(f'sum(cost_{i})')}" for i in range(len(costs)))
        found = self._connection.execute(
            f"with parts as (select {currency} as currency, {category} as category,"  # noqa: S608
            f" count(*) as part_rows, min({start}) as first, max({start}) as last{parts}"
            f" from {self._source} as source{self._where} group by 1, 2)"
            " select grouping(currency, category), currency, category,"
            f" coalesce(sum(part_rows), 0)::bigint, min(first), max(last){sums}"
            " from parts group by grouping sets ((), (currency), (currency, category))"
            " order by 1, 2 nulls last, 3 nulls last",
            self._parameters,
        ).fetchall()
        totals = [
            (row[0], Total(row[1], row[2], row[3], dict(zip(costs, row[6:], strict=True))))
            for row in found
        ]
        # grouping() has a bit for each column that a row sums over: category 1, currency 2
        whole = next((row for row in found if row[0] == 3), None)
        rows = whole[3] if whole else 0
        moments: list[datetime] = []
        before: list[int] = []
        if whole and whole[4] is not None:
            moments, before = self._set_marks(rows, whole[4], whole[5])
        return Measure(
            rows=rows,
            currencies=[total for level, total in totals if level == 1],
            categories=[total for level, total in totals if level == 0]
            if _CATEGORY in self._kinds
            else [],
            moments=moments,
            before=before,
            latest=whole[5] if whole else None,
        )

    def break_down(self, dimensions: Sequence[Dimension], limit: int) -> list[Group]:
        """Sum by dimensions and currency: up to one more group than the limit.

        Where the first dimension is a time they come in its order, else the largest cost first.
        """
        dataset = self._selection.dataset
        currency = _name(dataset.currency) if dataset.currency else "cast(null as varchar)"
        category = _name(_CATEGORY) if _CATEGORY in self._kinds else "cast(null as varchar)"
        costs = [name for name in dataset.costs if name in self._kinds]
        labelled = [dimension for dimension in dimensions if dimension.label]
        keys = "".join(f"{self._key(it)} as key_{i}, " for i, it in enumerate(dimensions))
        labels = "".join(
            f", max({_name(str(it.label))}) as label_{i}" for i, it in enumerate(labelled)
        )
        places = ", ".join(str(place + 1) for place in range(len(dimensions) + 2))
        parts = "".join(f", sum({_name(name)}) as cost_{i}" for i, name in enumerate(costs))
        texts = "".join(
            f"strftime(key_{i}, '{TIMES[it.name]}'), " if it.name in TIMES else f"key_{i}, "
            for i, it in enumerate(dimensions)
        )
        named = "".join(f"max(label_{i}), " for i in range(len(labelled)))
        sums = "".join(f", {_decimal_text(f'sum(cost_{i})')}" for i in range(len(costs)))
        cost_texts = ", ".join(_decimal_text(f"cost_{i}") for i in range(len(costs)))
        grouped = "".join(f"key_{i}, " for i in range(len(dimensions)))
        first = "key_0, " if dimensions and dimensions[0].name in TIMES else ""
        found = self._connection.execute(
            f"with parts as (select {keys}{currency} as currency, {category} as category,"  # noqa: S608
            f" count(*) as part_rows{parts}{labels}"
            f" from {self._source} as source{self._where} group by {places})"
            f" select {texts}{named}currency, sum(part_rows)::bigint{sums},"
            f" list((category, part_rows, [{cost_texts}]) order by category nulls last)"
            f" from parts group by {grouped}currency"
            f" order by {first}sum(cost_0) desc nulls last, {grouped}currency"
            f" limit {limit + 1}",
            [*(_pointer(it.key) for it in dimensions if it.key is not None), *self._parameters],
        ).fetchall()
        names = [dimension.name for dimension in dimensions]
        width = len(names) + len(labelled)
        return [
            Group(
                keys=dict(zip(names, row, strict=False)),
                labels=dict(zip((it.name for it in labelled), row[len(names) :], strict=False)),
                total=Total(
                    row[width],
                    None,
                    row[width + 1],
                    dict(zip(costs, row[width + 2 :], strict=False)),
                ),
                categories=[
                    Total(row[width], name, rows, dict(zip(costs, values, strict=True)))
                    for name, rows, values in row[-1]
                ]
                if _CATEGORY in self._kinds
                else [],
            )
            for row in found
        ]

    def _key(self, dimension: Dimension) -> str:
        if dimension.name in TIMES:
            return f"date_trunc('{dimension.name}', {_name(self._selection.dataset.start)})"
        column = _name(str(dimension.column))
        return column if dimension.key is None else f"json_extract_string({column}, ?)"

    def find_empty(self) -> tuple[str, ...]:
        """Name the columns that are null in every row; without rows there are none.

        A few rows tell of most columns that they have a value; the others are counted in all rows.
        """
        empty = [column.name for column in self.columns]
        for limit in (f" limit {_GLANCE}", ""):
            counts = ", ".join(f"count({_name(name)})" for name in empty)
            found = self._connection.execute(
                f"select count(*), {counts} from"  # noqa: S608
                f" (select * from {self._source} as source{self._where}{limit})",
                self._parameters,
            ).fetchall()[0]
            empty = [name for name, count in zip(empty, found[1:], strict=True) if not count]
            if not found[0] or not empty:
                return ()
        return tuple(empty)

    def _is_timed(self) -> bool:
        return self._kinds[self._selection.dataset.order[0]].startswith("TIMESTAMP")

    def _set_marks(
        self, rows: int, first: datetime, last: datetime
    ) -> tuple[list[datetime], list[int]]:
        step = max(_STEP, rows // _MARKS)
        span = int((last - first).total_seconds())
        width = min(_WIDEST, max(1, span * step // (8 * rows)))
        start = _name(self._selection.dataset.order[0])
        found = self._connection.execute(
            f"with counts as (select time_bucket(to_seconds({width}), {start}) as moment,"  # noqa: S608
            f" count(*) as bucket_rows from {self._source} as source{self._where} group by 1),"
            " running as (select moment, (sum(bucket_rows) over (order by moment)"
            " - bucket_rows)::bigint as before from counts)"
            " select moment, before from running"
            f" qualify before // {step} > lag(before // {step}, 1, -1) over (order by moment)"
            " order by moment",
            self._parameters,
        ).fetchall()
        return [row[0] for row in found], [row[1] for row in found]

    def read(self, measure: Measure, after: tuple[str, ...] | None, size: int) -> Part:
        """Give up to `size` rows behind the key `after`, in the extract's order."""
        dataset = self._selection.dataset
        order = [_name(name) for name in dataset.order]
        where, parameters = self._bounds(measure, after, size)
        if after is not None:
            kinds = [self._kinds[name] for name in dataset.order]
            beyond, values = _beyond(order, kinds, after)
            where += f"{' and' if where else ' where'} {beyond}"
            parameters += values
        names = dict.fromkeys([*(column.name for column in self.columns), *dataset.order])
        keys_text = ", ".join(f"cast({name} as varchar)" for name in order)
        found = self._connection.execute(
            f"select {_json_line(self.columns)}, {keys_text} from"  # noqa: S608
            f" (select {', '.join(map(_name, names))} from {self._source} as source{where}"
            f" order by {', '.join(order)} limit {size + 1}) order by {', '.join(order)}",
            parameters,
        ).fetchall()
        rows = found[:size]
        last = tuple(rows[-1][1:]) if rows else None
        return Part([row[0] for row in rows], last, len(found) > size)

    def _bounds(
        self, measure: Measure, after: tuple[str, ...] | None, size: int
    ) -> tuple[str, list[object]]:
        """Narrow the selection to moments between which the part surely lies."""
        where = self._where
        parameters: list[object] = [*self._parameters]
        if not measure.moments or measure.latest is None:
            return where, parameters
        moments, before = measure.moments, measure.before
        place = 0
        if after is not None:
            place = max(0, bisect_right(moments, datetime.fromisoformat(after[0])) - 1)
        # whole buckets behind the one of the key hold enough rows
        known = before[place + 1] if place + 1 < len(before) else measure.rows
        if after is None:
            known = 0
        end = bisect_left(before, known + size + 1)
        start = _name(self._selection.dataset.order[0])
        where += f"{' and' if where else ' where'} {start} >= ?"
        parameters.append(moments[place])
        if end < len(moments):
            where += f" and {start} < ?"
            parameters.append(moments[end])
        else:
            where += f" and {start} <= ?"
            parameters.append(measure.latest)
        return where, parameters

    def stage(self, folder: Path) -> None:
        """Copy the selection to a file in `folder` and read it from there, in no order yet."""
        copy = _text(str(folder / "stage.parquet"))
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
    ) -> None:
        """Write the file, with temporary files in `folder`: the same bytes whichever way is taken.

        Text of many rows is written in slices of time, so that no sort of all rows, which are wide,
        has to fit into memory. `self.written` tells the share of rows that are written so.
        """
        is_text = fmt != "parquet" and compress is None
        if not is_text or not measure.moments or measure.rows <= _MANY_ROWS:
            self.write(path, fmt, compress, safe_csv, measure.rows)
            return
        if self._selection.dataset.is_staged:
            self.stage(folder)
        with path.open("wb") as file, ExitStack() as opened:
            cursors = [
                opened.enter_context(closing(open_cursor(self._connection)))
                for _ in range(_WRITERS)
            ]
            for chunk in self.stream(measure, fmt, safe_csv, folder, cursors, _FILE_SLICE):
                file.write(chunk)

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
        """Give the bytes that `write` would put into a csv, json or jsonl file.

        Each slice of some `rows` is written to a file in `folder` and read from there, so that
        neither the rows nor a sort of all of them have to fit into memory; as many at once as there
        are connections to the build, by default this extract's own. `turn` is as in run_copies.
        """
        slices = self._slices(measure, rows)
        copies = self._copies(slices, fmt, safe_csv, folder)
        head, held = self._json_head().encode() if fmt == "json" else b"", b""
        files = run_copies(connections or [self._connection], copies, turn)
        for number, file in enumerate(files, 1):
            with file.open("rb") as source:
                while chunk := source.read(_CHUNK):
                    # in JSON the line feed of the last line is left out
                    yield head + held + (chunk[:-1] if fmt == "json" else chunk)
                    head, held = b"", chunk[-1:] if fmt == "json" else b""
            file.unlink()
            self.written = number / len(slices)
        if fmt == "json":
            yield head + b"]}\n"

    def _copies(
        self,
        slices: Sequence[tuple[str, list[object]]],
        fmt: str,
        safe_csv: bool,
        folder: Path,
    ) -> Iterator[tuple[str, list[object], Path]]:
        """Give the COPY of each slice, its parameters and its file."""
        order = ", ".join(map(_name, self._selection.dataset.order))
        names = dict.fromkeys(
            [*(column.name for column in self.columns), *self._selection.dataset.order]
        )
        columns = ", ".join(map(_name, names))
        first_key = self._find_first() if fmt == "json" else None
        for number, (where, parameters) in enumerate(slices):
            query, options = self._as_text(fmt, safe_csv, has_header=number == 0)
            if fmt == "json":
                parameters = [first_key, *parameters]
            file = folder / f"slice-{number}"
            rows = f"select {columns} from {self._source} as source{where} order by {order}"  # noqa: S608
            target = _text(str(file))
            copy = (
                f"copy (select {query} from ({rows})) to {target} ({options}, use_tmp_file false)"  # noqa: S608
            )
            yield copy, parameters, file

    def _slices(self, measure: Measure, rows: int) -> list[tuple[str, list[object]]]:
        """Cut the selection at marks; without marks it is one slice."""
        moments, before = measure.moments, measure.before
        if not moments:
            return [(self._where, list(self._parameters))]
        slices = []
        until = [*before, measure.rows]
        start = _name(self._selection.dataset.order[0])
        place = 0
        while place < len(moments):
            end = max(place + 1, bisect_right(until, before[place] + rows) - 1)
            where = f"{self._where}{' and' if self._where else ' where'} {start} >= ?"
            parameters = [*self._parameters, moments[place]]
            if end < len(moments):
                slices.append((f"{where} and {start} < ?", [*parameters, moments[end]]))
            else:
                slices.append((f"{where} and {start} <= ?", [*parameters, measure.latest]))
            place = end
        return slices


def _pointer(key: str) -> str:
    """Write a key of a JSON object as a JSON Pointer (RFC 6901), in which it is only a name."""
    return "/" + key.replace("~", "~0").replace("/", "~1")


def _beyond(order: list[str], kinds: list[str], after: tuple[str, ...]) -> tuple[str, list[object]]:
    """Say that a row's key lies behind another one."""
    value = _cast_value("cast", kinds[0])
    if len(order) == 1:
        return f"{order[0]} > {value}", [after[0]]
    rest, values = _beyond(order[1:], kinds[1:], after[1:])
    return (
        f"({order[0]} > {value} or ({order[0]} = {value} and {rest}))",
        [after[0], after[0], *values],
    )


def read_usage_coverage(
    connection: duckdb.DuckDBPyConnection,
    terms: Iterable[tuple[str, str, tuple[str, ...]]],
) -> Coverage:
    """Count the billable calls and tokens that fit the terms: all, and those with a price.

    A term is a column of ai_calls, an operator and values, as in Term. It is counted where ai_calls
    takes its rows from, without what each call cost.
    """
    where = ""
    parameters: list[object] = []
    for column, operator, values in terms:
        kind = "TIMESTAMP" if column.endswith("_period_start") else "VARCHAR"
        alternatives = []
        for value in values:
            if value == "":
                alternatives.append(f"{_CALLS[column]} is null")
            else:
                alternatives.append(f"{_CALLS[column]} {operator} {_cast_value('cast', kind)}")
                parameters.append(value)
        where += f" and ({' or '.join(alternatives) or 'false'})"
    found = connection.execute(
        "select case when not int_usage.is_cache_hit then hold_reason end, count(*),"  # noqa: S608
        " coalesce(sum(prompt_tokens + completion_tokens), 0)::bigint"
        " from int_usage left join int_held_calls"
        " on int_usage.call_key = int_held_calls.call_key"
        " left join providers on int_usage.provider = providers.provider"
        f" where is_billable{where} group by 1 order by 1",
        parameters,
    ).fetchall()
    priced = [row for row in found if row[0] is None]
    return Coverage(
        calls=sum(row[1] for row in found),
        priced_calls=sum(row[1] for row in priced),
        tokens=sum(row[2] for row in found),
        priced_tokens=sum(row[2] for row in priced),
        held_back=[(row[0], row[1]) for row in found if row[0] is not None],
    )
