"""What the values of filters mean: in whichever case they are written, and by a provider's key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from exporter.api.datasets import Parameter
from exporter.api.problems import invalid
from exporter.datasets import DATASETS
from exporter.extract.selection import Term
from exporter.extract.unmatched import Unmatched
from exporter.focus.values import allowed_values, find_listed
from exporter.project import Project, load_project

# characters of a value that a refusal repeats
_SHOWN = 64


@lru_cache(maxsize=1)
def _project() -> Project:
    return load_project()


def listed_values(
    dataset: str, parameter: Parameter, version: str | None = None
) -> tuple[str, ...]:
    """Give the values that a filter can have in a FOCUS version, by default in any.

    Without a list of them there are none: any text is taken.
    """
    entry = DATASETS[dataset]
    found: dict[str, None] = {}
    for one in (version,) if version else entry.versions:
        lists = allowed_values(_project(), entry.focus_id, one)
        found.update(dict.fromkeys(lists.get(parameter.columns_of(one)[0], ())))
    return tuple(found)


def read_listed(dataset: str, parameter: Parameter, version: str, value: str) -> str:
    """Give a filter's value in its listed spelling, where its column has a list of values.

    Raises a RequestError with the list for a value that isn't one of them.
    """
    listed = listed_values(dataset, parameter, version)
    if not listed:
        return value
    found = find_listed(listed, value)
    if found is None:
        raise invalid(parameter.name, f"{value[:_SHOWN]!r} is none of {', '.join(listed)}")
    return found


def read_provider_names(rows: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Make of keys and names of providers what finds a name: each of them in lower case."""
    pairs = list(rows)
    found = {key.casefold(): name for key, name in pairs}
    # a name goes before another provider's key
    return {**found, **{name.casefold(): name for _, name in pairs}}


def name_provider(term: Term, names: Mapping[str, str]) -> Term:
    """Take canonical keys, and names in any case, for the names that the rows have."""
    return replace(term, values=tuple(names.get(it.casefold(), it) for it in term.values))


def describe_unmatched(unmatched: Sequence[Unmatched]) -> list[dict[str, Any]]:
    """Lay out the filters' values that no row has, as JSON values."""
    return [
        {
            "parameter": it.name,
            "value": it.value,
            "nearest": [
                {"value": value, **({} if name in (None, value) else {"name": name})}
                for value, name in it.nearest
            ],
        }
        for it in unmatched
    ]
