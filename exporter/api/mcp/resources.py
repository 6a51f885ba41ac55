"""The resources of the MCP server: the metadata of each FOCUS version, the columns of its rows."""

from __future__ import annotations

import json
from functools import partial

from exporter.api.answer_schemas import row_schema
from exporter.api.datasets import API_DATASETS
from exporter.api.mcp.offer import Resource, Template
from exporter.api.principal import Caller
from exporter.api.service import Service
from exporter.datasets import DATASETS
from exporter.focus.schemas import VERSIONS
from exporter.project import load_project

_SCHEMA = Template(
    "focus://schema/{version}",
    "FOCUS {version} metadata",
    "Data generator, dataset instances, schemas and recency.",
)
_COLUMNS = Template(
    "focus://columns/{dataset}/{version}",
    "Columns of {dataset}, FOCUS {version}",
    "JSON Schema of a row: type, nulls, allowed values, meaning and example of every column.",
)
TEMPLATES = (_SCHEMA, _COLUMNS)


def make_resources(service: Service) -> list[Resource]:
    """Make the resources of a service."""
    project = load_project()

    def read_schema(version: str, caller: Caller) -> str:
        described = service.describe_schema(caller, version)
        return json.dumps(described, ensure_ascii=False)

    def read_columns(dataset: str, version: str, caller: Caller) -> str:
        caller.check_dataset(dataset)
        return json.dumps(row_schema(project, dataset, version), ensure_ascii=False)

    def make(template: Template, read: partial[str], **names: str) -> Resource:
        uri, title = template.uri.format(**names), template.title.format(**names)
        return Resource(uri, title, template.description, read)

    schemas = [make(_SCHEMA, partial(read_schema, it), version=it) for it in VERSIONS]
    columns = [
        make(_COLUMNS, partial(read_columns, name, version), dataset=name, version=version)
        for name, entry in API_DATASETS.items()
        if entry.path is not None
        for version in DATASETS[name].versions
    ]
    return schemas + columns
