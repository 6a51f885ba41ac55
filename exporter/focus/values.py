"""The values that FOCUS allows in a column, and how one that somebody wrote is found among them.

The lists stand in the reference seeds (focus_columns.csv, ai_service_subcategories.csv), from which
the rules are made too.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from functools import lru_cache

from exporter.focus.schemas import read_columns
from exporter.project import Project

_SUBCATEGORY = "ServiceSubcategory"


@lru_cache(maxsize=16)
def allowed_values(
    project: Project, focus_id: str | None, focus_version: str
) -> Mapping[str, tuple[str, ...]]:
    """Give the values of each column of a dataset that has a fixed list of them.

    What is no FOCUS dataset (None) has no such column.
    """
    if focus_id is None:
        return {}
    columns = read_columns(project, focus_id, focus_version)
    found = {
        column["column_name"]: tuple(column["allowed_values"].split("|"))
        for column in columns
        if column["allowed_values"]
    }
    if any(column["column_name"] == _SUBCATEGORY for column in columns):
        found[_SUBCATEGORY] = _read_subcategories(project, focus_version)
    return found


def find_listed(listed: Iterable[str], value: str) -> str | None:
    """Give the listed spelling of a value that is written in any case; None where it isn't listed.

    An empty value stands for null, which every list leaves room for.
    """
    if value == "":
        return value
    return next((it for it in listed if it.casefold() == value.casefold()), None)


def _read_subcategories(project: Project, focus_version: str) -> tuple[str, ...]:
    file = project.path / "seeds" / "reference" / "ai_service_subcategories.csv"
    with file.open(encoding="utf-8", newline="") as lines:
        return tuple(
            dict.fromkeys(
                row["service_subcategory"]
                for row in csv.DictReader(lines)
                if focus_version in row["focus_versions"].split("|")
            )
        )
