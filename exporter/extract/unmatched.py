"""Finds the values of filters that no row has, and what comes nearest to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import duckdb

from exporter.extract.selection import Term, build_where, read_terms
from exporter.sql import DuckDB, quote_name

# nearest values are looked for among so many at most, as an approximate count has it
_MOST_VALUES = 5_000
_MOST_NEAREST = 3
# a part of a value is a typing error only from so many characters on
_SHORTEST_PART = 3


@dataclass(frozen=True)
class Wanted:
    """A condition of which every value is looked for; `label` has the names of its column's values.

    `name` is what it is called by whoever asked for it.
    """

    name: str
    term: Term
    label: str | None = None


@dataclass(frozen=True)
class Unmatched:
    """A value that no row has, and the nearest that rows have, with their names if any."""

    name: str
    value: str
    nearest: list[tuple[str, str | None]]


def find_unmatched(
    connection: duckdb.DuckDBPyConnection,
    source: str,
    kinds: Mapping[str, str],
    wanted: Sequence[Wanted],
    within: Sequence[Term] = (),
) -> list[Unmatched]:
    """Name the values that no row of a relation has, whatever the other filters are.

    Only rows `within` are looked at, and told of: those that the asker may see. One scan tells
    which values have no row; only for them, and where the column's values are few, a second looks
    for the nearest.
    """
    single = [
        replace(it, term=replace(it.term, values=(value,)))
        for it in wanted
        for value in it.term.values
    ]
    if not single:
        return []
    engine = DuckDB(connection)
    counts, parameters = [], []
    for it in single:
        condition, values = build_where(read_terms(connection, [it.term], kinds), kinds, engine)
        first = quote_name(it.term.columns[0])
        counts.append(f"count(*) filter ({condition.strip()}), approx_count_distinct({first})")
        parameters += values
    where, visible = build_where(read_terms(connection, within, kinds), kinds, engine)
    [found] = connection.execute(
        f"select {', '.join(counts)} from {source} as source{where}",  # noqa: S608
        [*parameters, *visible],
    ).fetchall()
    unmatched = []
    for place, it in enumerate(single):
        rows, distinct = found[2 * place : 2 * place + 2]
        if rows:
            continue
        [value] = it.term.values
        is_searched = value != "" and kinds[it.term.columns[0]] == "VARCHAR"
        nearest = []
        if is_searched and 0 < distinct <= _MOST_VALUES:
            nearest = _find_nearest(connection, source, it, value, where, visible)
        unmatched.append(Unmatched(it.name, value, nearest))
    return unmatched


def _find_nearest(
    connection: duckdb.DuckDBPyConnection,
    source: str,
    wanted: Wanted,
    value: str,
    where: str,
    visible: Sequence[str],
) -> list[tuple[str, str | None]]:
    """Give the values that are most like one, by themselves or by their names, in any case."""
    column = quote_name(wanted.term.columns[0])
    label = quote_name(wanted.label) if wanted.label else "cast(null as varchar)"
    texts = ["value", *(["name"] if wanted.label else [])]
    likeness = ", ".join(
        f"case when length(asked) >= {_SHORTEST_PART} and contains(lower({text}), asked) then 1"
        f" else coalesce(jaro_winkler_similarity(lower({text}), asked), 0) end"
        for text in texts
    )
    found = connection.execute(
        f"with existing as (select distinct {column} as value, {label} as name"  # noqa: S608
        f" from {source} as source{where}),"
        " alike as (select value, name, greatest("
        f"{likeness}) as likeness from existing cross join (select lower(?::varchar) as asked)"
        " where value <> '')"
        " select value, max(name) from alike group by value"
        f" order by max(likeness) desc, value limit {_MOST_NEAREST}",
        [*visible, value],
    ).fetchall()
    return [(row[0], row[1]) for row in found]
