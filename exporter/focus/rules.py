"""The FOCUS rules as DuckDB's SQL: the same macros and rule ids as the dbt tests.

The SQL comes from the project's macros, rendered here without dbt. Each rule is described in
docs/validation.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from exporter.errors import UserError
from exporter.macros import macros
from exporter.sql import quote_name

if TYPE_CHECKING:
    import duckdb


# Where the four columns of a product rule have these types, the product is judged exactly.
_EXACT_TYPES = {
    "ListCost": "DECIMAL(38,18)",
    "ContractedCost": "DECIMAL(38,18)",
    "ListUnitPrice": "DECIMAL(20,12)",
    "ContractedUnitPrice": "DECIMAL(20,12)",
    "PricingQuantity": "DECIMAL(18,6)",
}
_SQL_TYPES = {"Decimal": "double", "Date/Time": "timestamp"}
_NUMBER = re.compile(r"DECIMAL|DOUBLE|FLOAT|REAL|.*INT|INTEGER")


@dataclass(frozen=True)
class Failure:
    """A broken rule: how many rows (of a group rule: keys) break it, and one of them."""

    rule_id: str
    level: str
    failing_rows: int
    example: str


@cache
def versions(dataset: str) -> tuple[str, ...]:
    """FOCUS versions of a dataset (FOCUS Dataset ID), newest first."""
    prefix = f"focus_reference__{dataset.lower()}__v"
    found = [name[len(prefix) :].replace("_", ".") for name in macros() if name.startswith(prefix)]
    return tuple(sorted(found, key=lambda v: tuple(map(int, v.split("."))), reverse=True))


@cache
def reference(dataset: str, focus_version: str) -> dict[str, Any]:
    """Columns and relation rules of a dataset version; UserError for an unknown version."""
    known = versions(dataset)
    if focus_version not in known:
        raise UserError(
            f"FOCUS {focus_version} has no dataset {dataset} that is known here: "
            f"use one of {', '.join(known)}."
        )
    found: dict[str, Any] = macros()["focus_reference"](dataset, focus_version)
    return found


def focus_columns(dataset: str, focus_version: str) -> list[dict[str, Any]]:
    """Columns of a dataset version as FOCUS defines them, in alphabetical order."""
    columns = reference(dataset, focus_version)["columns"]
    return [column for column in columns if column["feature"] != "Custom"]


def value_rules(
    dataset: str, focus_version: str, present: list[str], text_columns: list[str]
) -> list[dict[str, Any]]:
    """Rules on single rows: id, level, reads (columns), predicate (true for a failing row)."""
    found: list[dict[str, Any]] = macros()["focus_value_rules"](
        dataset, focus_version, present, text_columns, True
    )
    return found


def rule_ids(
    dataset: str, focus_version: str, present: list[str], text_columns: list[str]
) -> list[str]:
    """Ids of all rules that a relation with these columns is judged by."""
    columns = focus_columns(dataset, focus_version)
    ids = [f"{dataset}.columns.{name}" for name in ("unknown", "custom_name", "order")]
    ids += [f"{dataset}.{column['name']}.presence" for column in columns]
    ids += [f"{dataset}.{name}.type" for name in present]
    ids += [rule["id"] for rule in value_rules(dataset, focus_version, present, text_columns)]
    group_rules = macros()["focus_group_rules"](dataset, focus_version, present)
    return list(dict.fromkeys(ids + [rule["id"] for rule in group_rules]))


def prepare_check(
    connection: duckdb.DuckDBPyConnection,
    relation: str,
    catalog: list[tuple[str, str]],
    dataset: str,
    focus_version: str,
    typed: bool,
) -> tuple[str, list[str]]:
    """Make the query that judges a relation whose columns are `catalog` (name, DuckDB type).

    The relation must have a column `_row` (bigint), the number of the row from 1. Where `typed` is
    false all columns are text and each value must read as its type. Leaves the temporary `_catalog`
    and `_typed` in the connection; gives the query and the ids of the rules it judges.
    """
    columns = focus_columns(dataset, focus_version)
    types = dict(catalog)
    present = [column["name"] for column in columns if column["name"] in types]
    text_columns = [
        column["name"]
        for column in columns
        if column["name"] in types
        and (
            (not typed and column["type"] in _SQL_TYPES)
            or (column["type"] == "Date/Time" and types[column["name"]] == "VARCHAR")
        )
    ]
    items = ["_row", *(_typed_column(column, types, text_columns) for column in columns)]
    connection.execute(
        "create or replace temp table _catalog "
        "(column_name varchar, ordinal_position integer, data_type varchar)"
    )
    connection.executemany(
        "insert into _catalog values (?, ?, ?)",
        [(name, place, kind) for place, (name, kind) in enumerate(catalog, start=1)],
    )
    connection.execute(
        f"create or replace temp view _typed as select {', '.join(items)} from {relation}"  # noqa: S608
    )
    sql = macros()["focus_check_sql"](
        dataset,
        focus_version,
        "_typed",
        "select column_name, ordinal_position, data_type from _catalog",
        present,
        "lpad(cast(_row as varchar), 12, '0')",
        text_columns=text_columns,
        exact=all(types.get(name, wanted) == wanted for name, wanted in _EXACT_TYPES.items()),
        typed=typed,
        own=False,
    )
    return str(sql), rule_ids(dataset, focus_version, present, text_columns)


def _typed_column(column: dict[str, Any], types: dict[str, str], text_columns: list[str]) -> str:
    """Select items of one column, cast to what the rules expect; null where the file lacks it."""
    name = column["name"]
    wanted = _SQL_TYPES.get(column["type"], "varchar")
    if name not in types:
        return f"cast(null as {wanted}) as {name}"
    quoted = quote_name(name)
    text = f"cast({quoted} as varchar)"
    # through timestamptz, so that an offset is not dropped
    moment = f"cast(try_cast({quoted} as timestamptz) as timestamp) as {name}"
    if name in text_columns:
        value = moment if wanted == "timestamp" else f"try_cast({quoted} as double) as {name}"
        return f"{text} as _text_{name}, {value}"
    if wanted == "timestamp":
        return moment
    if wanted == "double":
        return quoted if _NUMBER.match(types[name]) else f"try_cast({text} as double) as {name}"
    return quoted if types[name] == "VARCHAR" else f"{text} as {name}"


def failures_of(rows: list[tuple[Any, ...]]) -> list[Failure]:
    """Read the rows of the check's query; rules that FOCUS demands come first."""
    failures = [
        Failure(rule_id, level, int(count), _readable(example or ""))
        for rule_id, level, count, example in rows
    ]
    return sorted(failures, key=lambda failure: (failure.level != "must", failure.rule_id))


def _readable(example: str) -> str:
    """000000000017: ListCost=1 -> row 17: ListCost=1."""
    match = re.match(r"0*(\d+)(: .*)", example, re.DOTALL)
    return f"row {match[1]}{match[2]}" if match else example
