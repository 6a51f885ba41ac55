"""Tells how a file writes what its cells hold: nothing, decimals, times.

Asked of the whole file before anything is built, so that each file has one form.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb

from exporter.errors import UserError
from exporter.macros import macros
from exporter.project import RawTable
from exporter.raw.rows import column_of, open_rows
from exporter.raw.shapes import SAMPLE_RECORDS, Shape
from exporter.sql import quote_name

# no name is written so: macros/raw_duckdb.sql reads them as nothing in every file
ALWAYS_NULL = ("NULL", "\\N")
# cells that are no words: numbers, times, JSON
_NO_WORD = "[-+]?[0-9][-+0-9.,:eETZ/ ]*|[{\\[].*"
_NUMBER = "[-+]?[0-9][0-9.,]*([eE][-+]?[0-9]+)?"
# 0,5 and 1234,567: nobody separates thousands so
_DECIMAL_COMMA = "-?([0-9]+,([0-9]{1,2}|[0-9]{4,})|(0[0-9]*|[0-9]{4,}),[0-9]{3})([eE][-+]?[0-9]+)?"
# 0.5 and 1234.567, as certainly
_DECIMAL_POINT = (
    "-?([0-9]+[.]([0-9]{1,2}|[0-9]{4,})|(0[0-9]*|[0-9]{4,})[.][0-9]{3})([eE][-+]?[0-9]+)?"
)
# 1,234,567 and 1,234.5
_SEPARATOR_COMMA = "-?[0-9]{1,3}((,[0-9]{3}){2,}([.][0-9]+)?|,[0-9]{3}[.][0-9]+)"
_AMBIGUOUS_COMMA = "-?[1-9][0-9]{0,2},[0-9]{3}"
_COMMAS = (_NUMBER, _DECIMAL_COMMA, _DECIMAL_POINT, _SEPARATOR_COMMA, _AMBIGUOUS_COMMA)
_ACCEPTED_TIMES = (
    "2026-11-23T09:00:00Z, an offset such as +01:00, Unix time of 10, 13, 16 or 19 digits, "
    "or Mon, 23 Nov 2026 09:00:00 GMT"
)


@dataclass(frozen=True)
class Form:
    """A shape that knows how its cells are written, and a sentence on each thing that is odd."""

    shape: Shape
    remarks: tuple[str, ...] = ()


def find_form(path: Path, label: str, shape: Shape, table: RawTable) -> Form:
    """Look at the cells of a file; raises UserError where no time of its first rows is one."""
    form = Form(shape)
    if shape.format == "csv":
        form = _find_commas(path, label, _find_nulls(path, label, form, table), table)
    _check_times(path, label, form.shape, table)
    return form


def marked_columns(
    path: Path, shape: Shape, marker: str, names: list[str]
) -> tuple[dict[str, int], set[str]]:
    """Give the columns of CSV that hold a word without quotes, and those of them without others.

    The second are columns whose other cells are numbers, times or JSON, so that it can be no value.
    """
    if not names:
        return {}, set()
    rows = open_rows(path, shape, marker)
    asked = []
    for name in names:
        cell = quote_name(name)
        others = f"{cell} is not null and trim({cell}) <> ''"
        asked += [
            f"count(*) - count({cell})",
            f"bool_and(regexp_full_match(trim({cell}), '{_NO_WORD}', 's')) filter ({others})",
        ]
    found = _ask(rows, asked)
    if found is None:
        return {}, set()
    counts = {name: found[2 * place] for place, name in enumerate(names) if found[2 * place]}
    return counts, {name for place, name in enumerate(names) if found[2 * place + 1]} & set(counts)


def is_marker(columns: dict[str, int], typed: set[str]) -> bool:
    """Tell whether a word means nothing in a file: a name would stand in one column of names."""
    return len(columns) > 1 or bool(typed)


def _find_nulls(path: Path, label: str, form: Form, table: RawTable) -> Form:
    shape = form.shape
    # None is a word of its own where a cell says yes or no
    names = [name for name in _declared(shape, table) if name not in table.truths]
    read: list[str] = []
    said: list[str] = []
    nulls: list[str] = []
    for marker in shape.passed.markers:
        columns, typed = marked_columns(path, shape, marker, names)
        if not columns:
            continue
        listed = f"{marker} ({', '.join(columns)})"
        if marker in ALWAYS_NULL or is_marker(columns, typed):
            read.append(listed)
            nulls += [marker] * (marker not in ALWAYS_NULL)
        else:
            said.append(
                f"{label} has {marker} in {next(iter(columns))} alone, where it may be a name, and "
                "is read as one: leave the field empty if it means nothing."
            )
    if read:
        said.insert(0, f"{label} writes no value as {' and as '.join(read)}.")
    return Form(replace(shape, nulls=tuple(nulls)), (*form.remarks, *said))


def _find_commas(path: Path, label: str, form: Form, table: RawTable) -> Form:
    shape = form.shape
    names = _declared(shape, table)
    if (shape.delimiter == "," and not shape.passed.has_commas) or not names:
        return form
    asked = []
    for name in names:
        cell = f"trim({quote_name(name)})"
        asked += [
            f"count(*) filter (regexp_full_match({cell}, '{pattern}'))" for pattern in _COMMAS
        ]
        asked.append(f"count(*) filter ({cell} <> '')")
    found = _ask(open_rows(path, shape), asked)
    if found is None:
        return form
    commas, numbers, said = [], [], []
    for place, name in enumerate(names):
        of_numbers, decimal, pointed, separated, ambiguous, filled = found[
            6 * place : 6 * place + 6
        ]
        if of_numbers * 2 <= filled:
            continue
        numbers.append(name)
        # one odd cell changes the reading of no other
        if decimal > pointed and not separated:
            commas.append(name)
        elif ambiguous or separated:
            said.append(
                f"{label} has numbers such as 1,234 in {name}, which are a thousand or have "
                "decimals, and are refused: write them without a separator, and with a point."
            )
    if not commas:
        numbers = []
    return Form(
        replace(shape, commas=tuple(commas), numbers=tuple(numbers)), (*form.remarks, *said)
    )


def _check_times(path: Path, label: str, shape: Shape, table: RawTable) -> None:
    name = table.time
    if name is None or not shape.has_records or name not in shape.columns:
        return
    text = f"trim(cast({column_of(shape, name)} as varchar))"
    cell = f"replace({text}, ',', '.')" if name in shape.commas else text
    rows = open_rows(path, shape).limit(SAMPLE_RECORDS).project(f"nullif({cell}, '') as cell")
    found = _ask(
        rows,
        [
            "count(cell)",
            f"count({macros()['to_utc_timestamp']('cell')})",
            # its form alone: what stands there may be anything
            "left(regexp_replace(regexp_replace(any_value(cell), '[0-9]', '9', 'g'), "
            "'[[:alpha:]]', 'a', 'g'), 40)",
        ],
    )
    cells, times, example = found or (0, 0, None)
    if cells and not times:
        raise UserError(
            f"{label} has no {name} that can be read: what stands there looks like {example} (9 is "
            f"a digit, a a letter); accepted are {_ACCEPTED_TIMES}."
        )


def _ask(rows: duckdb.DuckDBPyRelation, values: list[str]) -> tuple[Any, ...] | None:
    """Give aggregates of the rows; None where the file breaks off, of which the build tells."""
    try:
        return rows.aggregate(", ".join(values)).fetchall()[0]
    except duckdb.Error:
        return None


def _declared(shape: Shape, table: RawTable) -> list[str]:
    return [name for name in shape.columns if name in table.columns]
