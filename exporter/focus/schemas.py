"""The structures of the FOCUS datasets: their columns, ids and registered schemas.

Structures come from the reference seed (seeds/reference/focus_columns.csv), so that they are known
without a build. A SchemaId is derived from what it stands for; ids and creation dates stand in
schema_registry.json, to which scripts/register_schemas.py adds.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from exporter.datasets import DATASETS, Dataset
from exporter.errors import UserError
from exporter.project import Project

REGISTRY = Path(__file__).with_name("schema_registry.json")
VERSIONS = ("1.4", "1.3", "1.2", "1.1", "1.0")

_NAMESPACE = UUID("6d0f3f0a-52a5-4d0c-9f57-6a2f3c1f8e11")
_TAG_PREFIXES = ["x-cog-"]
_DATA_TYPES = {"String": "STRING", "Decimal": "DECIMAL", "Date/Time": "DATETIME", "JSON": "JSON"}
# the types of macros/types.sql: digits in all, digits after the point
_NUMBERS = {"cost": (38, 18), "quantity": (18, 6), "unit_price": (20, 12)}


@dataclass(frozen=True)
class Structure:
    """One delivered structure: a dataset at a grain, in a FOCUS version."""

    dataset: Dataset
    grain: str
    focus_version: str


def structures() -> list[Structure]:
    """List every structure that can be delivered, newest version first."""
    return [
        Structure(dataset, grain, version)
        for dataset in DATASETS.values()
        if dataset.focus_id is not None
        for grain in dataset.relations
        for version in dataset.versions
    ]


@lru_cache(maxsize=4)
def _read_reference(folder: Path) -> tuple[dict[str, str], ...]:
    file = folder / "seeds" / "reference" / "focus_columns.csv"
    try:
        with file.open(encoding="utf-8", newline="") as lines:
            return tuple(csv.DictReader(lines))
    except OSError as error:
        raise UserError(
            f"The column reference {file} can't be read ({error.strerror}): install ai-focus again."
        ) from None


def json_column_names(project: Project, focus_id: str | None) -> frozenset[str]:
    """Name the columns of a dataset whose text is JSON, in any FOCUS version."""
    return frozenset(
        row["column_name"]
        for row in _read_reference(project.path)
        if row["dataset"] == focus_id and row["data_type"] == "JSON"
    )


def read_columns(project: Project, focus_id: str, focus_version: str) -> list[dict[str, str]]:
    """Give the reference's columns in their delivered order: FOCUS columns, then custom ones."""
    rows = [
        row
        for row in _read_reference(project.path)
        if row["dataset"] == focus_id and row["focus_version"] in (focus_version, "")
    ]
    own = sorted((row for row in rows if row["focus_version"]), key=lambda row: int(row["ordinal"]))
    custom = sorted(
        (row for row in rows if not row["focus_version"]), key=lambda row: row["column_name"]
    )
    return own + custom


def column_kinds(project: Project, structure: Structure) -> dict[str, str]:
    """Give DuckDB's type of each column of a structure, in the columns' order."""
    kinds = {name: f"DECIMAL({digits},{scale})" for name, (digits, scale) in _NUMBERS.items()}
    kinds.update(text="VARCHAR", timestamp="TIMESTAMP")
    return {
        row["column_name"]: kinds[row["sql_type"]]
        for row in read_columns(project, str(structure.dataset.focus_id), structure.focus_version)
    }


def column_definitions(project: Project, structure: Structure) -> list[dict[str, Any]]:
    """Define the columns of a structure in their delivered order: FOCUS columns, then custom ones.

    Levels of the keys: FOCUS metadata, Schema, Column Definition.
    """
    rows = read_columns(project, str(structure.dataset.focus_id), structure.focus_version)
    return [_define(row, structure.focus_version) for row in rows]


def _define(row: dict[str, str], focus_version: str) -> dict[str, Any]:
    definition: dict[str, Any] = {
        "ColumnName": row["column_name"],
        "DataType": _DATA_TYPES[row["data_type"]],
    }
    if row["data_type"] == "Decimal":
        precision, scale = _NUMBERS[row["sql_type"]]
        definition["NumericPrecision"] = precision
        definition["NumberScale"] = scale
    if row["data_type"] in ("String", "JSON"):
        definition["StringEncoding"] = "UTF-8"
    # the key exists from 1.2 on
    if row["deprecated"] == "true" and focus_version not in ("1.0", "1.1"):
        definition["Deprecated"] = True
    if row["column_name"] == "Tags":
        definition["ProviderTagPrefixes"] = _TAG_PREFIXES
    return definition


def dataset_instance_id(dataset: Dataset, grain: str) -> str | None:
    """Give the fixed GUID of a dataset instance; None for what is no FOCUS dataset."""
    if dataset.focus_id is None:
        return None
    return str(uuid5(_NAMESPACE, f"{dataset.name}/{grain}"))


def generator_version(project: Project) -> str:
    """Give the version of the models' logic, which is changed by hand in dbt_project.yml."""
    return str(project.settings["version"])


def schema_id(project: Project, dataset: Dataset, grain: str, focus_version: str) -> str | None:
    """Derive the SchemaId of a structure; None for what is no FOCUS dataset."""
    instance = dataset_instance_id(dataset, grain)
    if instance is None:
        return None
    content = [
        instance,
        focus_version,
        generator_version(project),
        column_definitions(project, Structure(dataset, grain, focus_version)),
    ]
    return str(uuid5(_NAMESPACE, json.dumps(content, sort_keys=True, separators=(",", ":"))))


def read_registry(file: Path = REGISTRY) -> dict[str, dict[str, str]]:
    """Read the registered schemas by their SchemaId."""
    try:
        entries = json.loads(file.read_text(encoding="utf-8"))["schemas"]
    except FileNotFoundError:
        return {}
    return {entry["SchemaId"]: entry for entry in entries}


def registry_entry(project: Project, structure: Structure, created: str) -> dict[str, str]:
    """Make the registry's entry of a structure; `created` is UTC, YYYY-MM-DDTHH:MM:SSZ."""
    dataset, grain, version = structure.dataset, structure.grain, structure.focus_version
    return {
        "SchemaId": str(schema_id(project, dataset, grain, version)),
        "DatasetInstanceId": str(dataset_instance_id(dataset, grain)),
        "DatasetInstanceName": dataset.instances[grain],
        "FocusVersion": version,
        "DataGeneratorVersion": generator_version(project),
        "CreationDate": created,
    }


def describe_schema(project: Project, structure: Structure) -> dict[str, Any]:
    """Give the Schema object of a structure, with the keys that its FOCUS version knows."""
    version = structure.focus_version
    identity = str(schema_id(project, structure.dataset, structure.grain, version))
    entry = read_registry().get(identity)
    if entry is None:
        raise UserError(
            f"The structure of {structure.dataset.name} {version} has changed and its schema is "
            "not registered: run scripts/register_schemas.py."
        )
    schema: dict[str, Any] = {"SchemaId": identity}
    if version in ("1.3", "1.4"):
        schema["DatasetInstanceId"] = dataset_instance_id(structure.dataset, structure.grain)
    schema["FocusVersion"] = version
    if version == "1.1":
        schema["ProviderVersion"] = entry["DataGeneratorVersion"]
    elif version != "1.0":
        schema["DataGeneratorVersion"] = entry["DataGeneratorVersion"]
    schema["CreationDate"] = entry["CreationDate"]
    schema["ColumnDefinition"] = column_definitions(project, structure)
    return schema
