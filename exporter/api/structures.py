"""The FOCUS metadata of what a caller may read."""

from __future__ import annotations

from typing import Any

from exporter.api.datasets import API_DATASETS, DEFAULT_VERSION
from exporter.api.parameters import read_version
from exporter.api.principal import Caller
from exporter.api.problems import invalid
from exporter.errors import UserError
from exporter.extract import metadata
from exporter.focus.schemas import Structure, dataset_instance_id, structures
from exporter.project import Project


def describe_structures(
    project: Project, caller: Caller, focus_version: str | None, dataset: str | None
) -> tuple[dict[str, Any], list[Structure]]:
    """Give the metadata within the caller's scope, and the structures that have a recency in it."""
    version = read_version(focus_version, DEFAULT_VERSION)
    names = [entry.name for entry in API_DATASETS.values() if entry.path is not None]
    if dataset is not None:
        if dataset not in names:
            raise invalid("dataset", f"choose one of {', '.join(names)}")
        caller.check_dataset(dataset)
        names = [dataset]
    try:
        described = metadata.describe(project, version, dataset)
    except UserError as error:
        raise invalid("dataset" if dataset else "focusVersion", str(error)) from None
    if "DatasetInstance" not in described:
        # before 1.3 the metadata are one Schema, of Cost and Usage
        caller.check_dataset("cost-and-usage")
        return described, []
    readable = [name for name in names if caller.may_read(name)]
    chosen = [
        structure
        for structure in structures()
        if structure.focus_version == version and structure.dataset.name in readable
    ]
    kept = {dataset_instance_id(structure.dataset, structure.grain) for structure in chosen}
    for part in ("DatasetInstance", "Schema"):
        described[part] = [entry for entry in described[part] if entry["DatasetInstanceId"] in kept]
    return described, chosen
