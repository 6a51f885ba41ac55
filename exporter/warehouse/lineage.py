"""Which relations a copy of a warehouse's build needs: tables that are copied, views made on them.

dbt's manifest tells: from every relation that is served the way goes up through views until it
comes to tables and seeds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from exporter.datasets import DATASETS
from exporter.errors import DataError
from exporter.extract.coverage import COVERAGE_RELATIONS

_STORED = ("table", "incremental", "seed")


@dataclass(frozen=True)
class CopyPlan:
    """Names of tables as the warehouse has them, and of models that are views on them."""

    tables: tuple[str, ...]
    views: tuple[str, ...]


def served_models() -> tuple[str, ...]:
    """Name the models and seeds that the API and its jobs read; of a versioned one all versions."""
    datasets = [name for dataset in DATASETS.values() for name in dataset.relations.values()]
    return tuple(dict.fromkeys([*datasets, *COVERAGE_RELATIONS]))


def plan_copy(
    manifest: Mapping[str, Any], package: str, served: tuple[str, ...] | None = None
) -> CopyPlan:
    """Find the tables and views of the served models in dbt's manifest.

    Raises DataError where one is not there, or where a view reads what no build makes.
    """
    nodes: Mapping[str, Any] = manifest["nodes"]
    by_name: dict[str, list[str]] = {}
    for key, node in nodes.items():
        if node["resource_type"] in ("model", "seed") and node["package_name"] == package:
            by_name.setdefault(node["name"], []).append(key)
    waiting: list[str] = []
    for name in served_models() if served is None else served:
        if name not in by_name:
            raise DataError(f"The project has no model {name}, which is to be served.")
        waiting += by_name[name]
    tables: dict[str, None] = {}
    views: dict[str, None] = {}
    seen: set[str] = set()
    while waiting:
        key = waiting.pop()
        if key in seen:
            continue
        seen.add(key)
        if key not in nodes:
            raise DataError(f"A view that is to be served reads {key}, which no build makes.")
        node = nodes[key]
        if node["config"]["materialized"] in _STORED:
            tables[node["alias"]] = None
        else:
            views[node["name"]] = None
            waiting += node["depends_on"]["nodes"]
    return CopyPlan(tuple(sorted(tables)), tuple(sorted(views)))
