"""Which rows and columns are wanted, and the WHERE clause that says so in any engine's SQL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from typing import Any

import duckdb

from exporter.datasets import DATASETS, Dataset
from exporter.errors import UserError
from exporter.focus.values import find_listed
from exporter.sql import Engine, cast_value

_OPERATORS = ("=", ">=", ">", "<")


@dataclass(frozen=True)
class Term:
    """A condition: any of the columns compares (`=`, `>=`, `>` or `<`) with any of the values.

    An empty value is null. Without a column or a value no row fits.
    """

    columns: tuple[str, ...]
    values: tuple[str, ...]
    operator: str = "="


@dataclass(frozen=True)
class Selection:
    """Which rows and columns of a dataset are wanted. Both dates are inclusive UTC days.

    `billing_period` is the first day of the month in which rows are booked, whenever they were
    used. All of the terms hold for each row, beside the dates; they may name hidden columns.
    """

    dataset: Dataset
    focus_version: str
    grain: str = "call"
    from_date: date | None = None
    to_date: date | None = None
    billing_period: date | None = None
    terms: tuple[Term, ...] = ()
    columns: tuple[str, ...] | None = None

    def date_terms(self) -> tuple[Term, ...]:
        """Say the dates and the booked month as terms."""
        dataset, terms = self.dataset, []
        if self.billing_period is not None:
            midnight = (f"{self.billing_period} 00:00:00",)
            if dataset.billing_period is not None:
                terms.append(Term((dataset.billing_period,), midnight))
            else:
                terms.append(
                    Term((dataset.start,), (f"{_next(self.billing_period)} 00:00:00",), "<")
                )
                terms.append(Term((dataset.end or dataset.start,), midnight, ">"))
        if self.from_date is not None:
            midnight = (f"{self.from_date} 00:00:00",)
            terms.append(
                Term((dataset.end,), midnight, ">")
                if dataset.end
                else Term((dataset.start,), midnight, ">=")
            )
        # the last day that Python knows has no successor; no row lies beyond it
        if self.to_date is not None and self.to_date < date.max:
            midnight = (f"{self.to_date + timedelta(days=1)} 00:00:00",)
            terms.append(Term((dataset.start,), midnight, "<"))
        return tuple(terms)


def _next(month: date) -> date:
    """Give the first day of the month after."""
    return (month + timedelta(days=31)).replace(day=1)


def choose(dataset: str, focus_version: str | None, grain: str) -> tuple[Dataset, str]:
    """Look up a dataset and the FOCUS version (newest by default); UserError when there is none."""
    if dataset not in DATASETS:
        raise UserError(f"There is no dataset {dataset!r}: choose one of {', '.join(DATASETS)}.")
    entry = DATASETS[dataset]
    version = (focus_version or entry.versions[0]).removeprefix("v")
    if version not in entry.versions:
        raise UserError(
            f"The dataset {dataset} has no FOCUS version {focus_version}: "
            f"choose one of {', '.join(entry.versions)}."
        )
    if grain not in entry.relations:
        raise UserError(
            f"The dataset {dataset} has no grain {grain!r}: choose {', '.join(entry.relations)}."
        )
    return entry, version


def check_built(focus_version: str, variables: Mapping[str, Any]) -> None:
    """Raise UserError for a FOCUS version that a build with these variables does not make."""
    built = variables.get("focus_versions")
    newest = DATASETS["cost-and-usage"].versions[0]
    if isinstance(built, list) and focus_version not in (newest, *map(str, built)):
        raise UserError(
            f"FOCUS {focus_version} is not built: add it to the variable focus_versions, or "
            f"choose one of {', '.join(dict.fromkeys((newest, *map(str, built))))}."
        )


def read_filters(
    filters: Iterable[tuple[str, str]], lists: Mapping[str, Sequence[str]]
) -> list[tuple[str, str]]:
    """Give filters with the values of columns that have a list in their listed spelling.

    Raises UserError, with the list, for a value that isn't one of them.
    """
    read = []
    for column, value in filters:
        found = find_listed(lists[column], value) if column in lists else value
        if found is None:
            raise UserError(
                f"--filter {column}={value}: {value!r} is none of its values: "
                f"choose {', '.join(lists[column])}."
            )
        read.append((column, found))
    return read


def filter_terms(dataset: Dataset, filters: Iterable[tuple[str, str]]) -> tuple[Term, ...]:
    """Make a term of each column that filters name; several values of one are alternatives."""
    by_column: dict[str, list[str]] = {}
    for column, value in filters:
        if column in dataset.hidden:
            raise UserError(f"{dataset.name} has no column {column!r}: see `focus-export schema`.")
        by_column.setdefault(column, []).append(value)
    return tuple(Term((column,), tuple(values)) for column, values in by_column.items())


def check_columns(selection: Selection, offered: Sequence[str]) -> Sequence[str]:
    """Give the columns that are wanted; raises UserError for one that is not offered."""
    hidden = selection.dataset.hidden
    asked = [name for term in selection.terms for name in term.columns if name not in hidden]
    for name in (*(selection.columns or ()), *asked):
        if name not in offered:
            raise _unknown_column(name, list(offered), selection)
    wanted = selection.columns or tuple(offered)
    if len(set(wanted)) != len(wanted):
        raise UserError("--columns names a column twice: name each column once.")
    return wanted


def read_terms(
    connection: duckdb.DuckDBPyConnection, terms: Iterable[Term], kinds: Mapping[str, str]
) -> Iterator[Term]:
    """Let DuckDB read the terms' values: each becomes the plain text of its column's kind.

    Raises UserError for a value of another kind.
    """
    for term in terms:
        if term.operator not in _OPERATORS:
            raise ValueError(f"{term.operator!r} is no comparison")
        values = term.values
        for name in term.columns:
            values = tuple(_read_value(connection, name, kinds[name], value) for value in values)
        yield replace(term, values=values)


def _read_value(connection: duckdb.DuckDBPyConnection, column: str, kind: str, value: str) -> str:
    if value == "" or kind == "VARCHAR":
        return value
    query = f"select cast({cast_value(kind, 'try_cast')} as varchar)"
    text: str | None = connection.execute(query, [value]).fetchall()[0][0]
    # a cast to a number rounds without a word
    if text is None or (_is_number(kind) and not _is_equal(text, value)):
        raise UserError(
            f"--filter {column}={value}: {value!r} is no {kind.lower()}, the type of {column}."
        )
    return text


def build_where(
    terms: Iterable[Term],
    kinds: Mapping[str, str],
    engine: Engine,
    names: Mapping[str, str] | None = None,
) -> tuple[str, list[str]]:
    """Build the WHERE clause in which all terms hold, and its parameters; empty without terms.

    `names` gives the SQL of the columns where it is not their name.
    """
    found: list[str] = []
    parameters: list[str] = []
    for term in terms:
        alternatives = []
        for column in term.columns:
            name = engine.column(column) if names is None else names[column]
            for value in term.values:
                if value == "":
                    alternatives.append(f"{name} is null")
                else:
                    wanted = engine.value_of(kinds[column])
                    alternatives.append(f"{name} {term.operator} {wanted}")
                    parameters.append(value)
        found.append(f"({' or '.join(alternatives) or 'false'})")
    return (" where " + " and ".join(found) if found else ""), parameters


def _is_number(kind: str) -> bool:
    return kind.startswith("DECIMAL") or kind.endswith(("INT", "INTEGER"))


def _is_equal(number: str, text: str) -> bool:
    try:
        return Decimal(number) == Decimal(text)
    except InvalidOperation:
        return False


def _unknown_column(name: str, offered: list[str], selection: Selection) -> UserError:
    by_fold = {other.casefold(): other for other in offered}
    near = [by_fold[fold] for fold in get_close_matches(name.casefold(), list(by_fold), 3, 0.6)]
    hint = f"did you mean {' or '.join(near)}?" if near else "see `focus-export schema`."
    of_version = f" {selection.focus_version}" if selection.dataset.focus_id else ""
    return UserError(f"{selection.dataset.name}{of_version} has no column {name!r}: {hint}")
