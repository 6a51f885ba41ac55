"""Reads a selection in parts: pages between two keys, sums for the whole.

A part is found by marks: moments of the order's first column with the number of rows before them.
Between two marks lie few rows, so that a part far behind costs what the first one does. The parts
in their order are the extract, row for row and byte for byte.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from exporter.datasets import ALLOCATED_COST
from exporter.extract.formats import decimal_text, json_line
from exporter.extract.selection import Term
from exporter.extract.unmatched import Unmatched, Wanted, find_unmatched
from exporter.extract.writer import Extract, Measure, Total
from exporter.sql import cast_value, quote_name

# rows between two marks, and the most marks that are kept
_STEP = 500
_MARKS = 20_000
# no mark is finer than a second, and few rows come in a minute
_WIDEST = 60
_CATEGORY = "ChargeCategory"
# rows that are looked at first for columns without a value
_GLANCE = 2_000
# units of time that rows can be summed by, and how they are written
TIMES = {"day": "%Y-%m-%d", "month": "%Y-%m"}


@dataclass(frozen=True)
class Part:
    """Consecutive rows as JSON texts, and the key of the last; `has_more` when others follow."""

    lines: list[str]
    last: tuple[str, ...] | None
    has_more: bool


@dataclass(frozen=True)
class Dimension:
    """What rows are summed by: a column, with the column of its names if any.

    With a `unit`, one of TIMES, it is that of the column or, without one, of the rows' start.
    With a `key` it is what the column, a JSON object, has under the key; null where it has nothing.
    """

    name: str
    column: str | None = None
    label: str | None = None
    key: str | None = None
    unit: str | None = None


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

    def measure(self) -> Measure:
        """Count and sum the selection, and set its marks."""
        dataset = self._selection.dataset
        currency = quote_name(dataset.currency) if dataset.currency else "cast(null as varchar)"
        category = quote_name(_CATEGORY) if _CATEGORY in self._kinds else "cast(null as varchar)"
        start = quote_name(dataset.order[0]) if self._is_timed() else "cast(null as timestamp)"
        summed = self._read_costs()
        costs = list(summed)
        parts = "".join(f", sum({it}) as cost_{i}" for i, it in enumerate(summed.values()))
        sums = "".join(f", {decimal_text(f'sum(cost_{i})')}" for i in range(len(costs)))
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

    def _read_costs(self) -> dict[str, str]:
        """Give what is summed: its name, and its SQL of a row."""
        dataset = self._selection.dataset
        costs = {name: quote_name(name) for name in dataset.costs if name in self._kinds}
        if dataset.allocates:
            costs[ALLOCATED_COST] = (
                "case when SubAccountId is not null then EffectiveCost else 0 end"
            )
        return costs

    def break_down(self, dimensions: Sequence[Dimension], limit: int) -> list[Group]:
        """Sum by dimensions and currency: up to one more group than the limit.

        Where the first dimension is a time they come in its order, else the largest cost first.
        """
        dataset = self._selection.dataset
        currency = quote_name(dataset.currency) if dataset.currency else "cast(null as varchar)"
        category = quote_name(_CATEGORY) if _CATEGORY in self._kinds else "cast(null as varchar)"
        summed = self._read_costs()
        costs = list(summed)
        labelled = [dimension for dimension in dimensions if dimension.label]
        keys = "".join(f"{self._key(it)} as key_{i}, " for i, it in enumerate(dimensions))
        labels = "".join(
            f", max({quote_name(str(it.label))}) as label_{i}" for i, it in enumerate(labelled)
        )
        places = ", ".join(str(place + 1) for place in range(len(dimensions) + 2))
        parts = "".join(f", sum({it}) as cost_{i}" for i, it in enumerate(summed.values()))
        texts = "".join(
            f"strftime(key_{i}, '{TIMES[it.unit]}'), " if it.unit else f"key_{i}, "
            for i, it in enumerate(dimensions)
        )
        named = "".join(f"max(label_{i}), " for i in range(len(labelled)))
        sums = "".join(f", {decimal_text(f'sum(cost_{i})')}" for i in range(len(costs)))
        cost_texts = ", ".join(decimal_text(f"cost_{i}") for i in range(len(costs)))
        grouped = "".join(f"key_{i}, " for i in range(len(dimensions)))
        first = "key_0, " if dimensions and dimensions[0].unit else ""
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
        column = quote_name(dimension.column or self._selection.dataset.start)
        if dimension.unit:
            return f"date_trunc('{dimension.unit}', {column})"
        return column if dimension.key is None else f"json_extract_string({column}, ?)"

    def find_empty(self) -> tuple[str, ...]:
        """Name the columns that are null in every row; without rows there are none.

        A few rows tell of most columns that they have a value; the others are counted in all rows.
        """
        empty = [column.name for column in self.columns]
        for limit in (f" limit {_GLANCE}", ""):
            counts = ", ".join(f"count({quote_name(name)})" for name in empty)
            found = self._connection.execute(
                f"select count(*), {counts} from"  # noqa: S608
                f" (select * from {self._source} as source{self._where}{limit})",
                self._parameters,
            ).fetchall()[0]
            empty = [name for name, count in zip(empty, found[1:], strict=True) if not count]
            if not found[0] or not empty:
                return ()
        return tuple(empty)

    def find_unmatched(
        self, wanted: Sequence[Wanted], within: Sequence[Term] = ()
    ) -> list[Unmatched]:
        """Name the values that no row `within` has, whatever else is selected."""
        return find_unmatched(self._connection, self._source, self._kinds, wanted, within)

    def _is_timed(self) -> bool:
        return self._kinds[self._selection.dataset.order[0]].startswith("TIMESTAMP")

    def _set_marks(
        self, rows: int, first: datetime, last: datetime
    ) -> tuple[list[datetime], list[int]]:
        step = max(_STEP, rows // _MARKS)
        span = int((last - first).total_seconds())
        width = min(_WIDEST, max(1, span * step // (8 * rows)))
        start = quote_name(self._selection.dataset.order[0])
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
        order = [quote_name(name) for name in dataset.order]
        where, parameters = self._bounds(measure, after, size)
        if after is not None:
            kinds = [self._kinds[name] for name in dataset.order]
            beyond, values = _beyond(order, kinds, after)
            where += f"{' and' if where else ' where'} {beyond}"
            parameters += values
        keys_text = ", ".join(f"cast({name} as varchar)" for name in order)
        found = self._connection.execute(
            f"select {json_line(self.columns)}, {keys_text} from"  # noqa: S608
            f" (select {self._names} from {self._source} as source{where}"
            f" order by {self._order} limit {size + 1}) order by {self._order}",
            parameters,
        ).fetchall()
        rows = found[:size]
        last = tuple(rows[-1][1:]) if rows else None
        return Part([row[0] for row in rows], last, len(found) > size)

    def _bounds(
        self, measure: Measure, after: tuple[str, ...] | None, size: int
    ) -> tuple[str, list[object]]:
        """Narrow the selection to moments between which the part surely lies."""
        if not measure.moments:
            return self._where, [*self._parameters]
        moments, before = measure.moments, measure.before
        place = known = 0
        if after is not None:
            place = max(0, bisect_right(moments, datetime.fromisoformat(after[0])) - 1)
            # whole buckets behind the one of the key hold enough rows
            known = before[place + 1] if place + 1 < len(before) else measure.rows
        return self._between(measure, place, bisect_left(before, known + size + 1))


def _pointer(key: str) -> str:
    """Write a key of a JSON object as a JSON Pointer (RFC 6901), in which it is only a name."""
    return "/" + key.replace("~", "~0").replace("/", "~1")


def _beyond(order: list[str], kinds: list[str], after: tuple[str, ...]) -> tuple[str, list[object]]:
    """Say that a row's key lies behind another one."""
    value = cast_value(kinds[0])
    if len(order) == 1:
        return f"{order[0]} > {value}", [after[0]]
    rest, values = _beyond(order[1:], kinds[1:], after[1:])
    return (
        f"({order[0]} > {value} or ({order[0]} = {value} and {rest}))",
        [after[0], after[0], *values],
    )
