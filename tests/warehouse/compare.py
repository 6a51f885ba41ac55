"""Compares the tables that two engines built, row by row and value by value.

    rows = read_mart(connection, relation)                      # any DB-API connection
    assert not differences(rows_of_duckdb, rows_of_warehouse)   # sentences, none when they agree

Values are compared by what they mean: numbers to their last digit and never as floats, timestamps
in UTC, JSON as objects and arrays, names of columns without their case. The order of rows means
nothing.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import date, datetime, timezone
from decimal import Decimal
from functools import lru_cache
from operator import itemgetter
from pathlib import Path
from typing import Any, Protocol

Row = dict[str, Any]


class Connection(Protocol):
    """What this module needs of a DB-API connection."""

    def cursor(self) -> Any: ...


def relations(manifest: Path, models: Collection[str] = ()) -> dict[str, str]:
    """Give the marts, or these models, as name -> relation, as the manifest's target spells it."""
    nodes = json.loads(manifest.read_text(encoding="utf-8"))["nodes"].values()
    return {
        node["alias"]: node["relation_name"]
        for node in nodes
        if node["resource_type"] == "model"
        and node["config"]["enabled"]
        and (node["alias"] in models if models else "marts" in node["fqn"])
        and node["relation_name"]
    }


def read_mart(connection: Connection, name: str) -> list[Row]:
    """Give all rows of a relation, with normalised values."""
    cursor = connection.cursor()
    cursor.execute(f"select * from {name}")
    columns = [column[0].lower() for column in cursor.description]
    assert len(set(columns)) == len(columns), f"{name} has a column twice: {columns}"
    return [dict(zip(columns, map(normalised, row), strict=True)) for row in cursor.fetchall()]


# most of millions of values come again and again
@lru_cache(maxsize=1 << 20, typed=True)
def normalised(value: Any) -> Any:
    """Give a value as it compares: Decimal, naive UTC datetime, parsed JSON, or itself."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, float):
        raise TypeError(f"a float has no exact meaning: {value!r}")
    if isinstance(value, int | Decimal):
        # 0.50 is 0.5, and no digit is lost: normalize() would round to the context's precision
        sign, digits, exponent = Decimal(value).as_tuple()
        while isinstance(exponent, int) and exponent < 0 and digits[-1] == 0 and len(digits) > 1:
            digits, exponent = digits[:-1], exponent + 1
        return Decimal((sign, digits, exponent)) if any(digits) else Decimal(0)
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc).replace(tzinfo=None) if value.tzinfo else value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value, parse_float=Decimal, object_pairs_hook=_in_order)
        except ValueError:
            return value
    return value


def _in_order(members: list[tuple[str, Any]]) -> Row:
    return dict(sorted(members, key=itemgetter(0)))


def fingerprint(row: Row) -> str:
    """Give a row as text, the same for equal rows with the same order of columns."""
    return repr(row)


def differences(left: Sequence[Row], right: Sequence[Row], limit: int = 10) -> list[str]:
    """Say how two tables differ: a count and some rows; nothing when they agree."""
    if left and right and list(left[0]) != list(right[0]):
        return [f"columns differ: {list(left[0])} and {list(right[0])}"]
    counted_left, counted_right = Counter(map(fingerprint, left)), Counter(map(fingerprint, right))
    if counted_left == counted_right:
        return []
    only_left = _surplus(left, counted_left - counted_right)
    only_right = _surplus(right, counted_right - counted_left)
    said = []
    if len(left) != len(right):
        said.append(f"{len(left)} rows and {len(right)} rows")
    if only_left or only_right:
        said.append(f"{len(only_left)} rows are only left, {len(only_right)} only right")
    for row in only_left[:limit]:
        if not only_right:
            said.append(f"only left: {_short(row)}")
            continue
        nearest = max(only_right, key=lambda other: _agreement(row, other))
        only_right.remove(nearest)
        apart = [
            column
            for column in row
            if fingerprint_of(row, column) != fingerprint_of(nearest, column)
        ]
        said.append(
            "; ".join(f"{column}: {row[column]!r} and {nearest[column]!r}" for column in apart)
            + f" | {_short({column: row[column] for column in row if column not in apart})}"
        )
    said += [f"only right: {_short(row)}" for row in only_right[: limit - len(only_left)]]
    return said


def fingerprint_of(row: Row, column: str) -> str:
    """Give one value as text."""
    return fingerprint({column: row[column]})


def _surplus(rows: Sequence[Row], counts: Counter[str]) -> list[Row]:
    left_over = counts.copy()
    found = []
    for row in rows:
        key = fingerprint(row)
        if left_over[key] > 0:
            left_over[key] -= 1
            found.append(row)
    return found


def _agreement(row: Row, other: Row) -> int:
    return sum(fingerprint_of(row, column) == fingerprint_of(other, column) for column in row)


def _short(row: Row) -> str:
    return ", ".join(f"{column}={value}" for column, value in row.items() if value is not None)[
        :400
    ]
