"""Export jobs as the API describes them: parameters and answers."""

from __future__ import annotations

from typing import Any

from exporter.api import openapi
from exporter.api.answer_schemas import COVERAGE, page_schema
from exporter.api.datasets import API_DATASETS, DEFAULT_VERSION
from exporter.api.jobs.orders import DATASET, MEDIA_TYPES
from exporter.api.jobs.store import STATES
from exporter.focus.schemas import VERSIONS
from exporter.options import FORMATS, GRAINS


def describe_parameters(*, whole: bool = False) -> list[dict[str, Any]]:
    """Describe what an export job may be ordered with; `whole` takes in what is not public."""
    filters: dict[str, dict[str, Any]] = {}
    for entry in API_DATASETS.values():
        for parameter in entry.parameters:
            if parameter.public or whole:
                described = openapi.filter_parameter(entry.name, parameter)
                if entry.name != DATASET:
                    described["description"] += f" For {entry.name} only."
                filters.setdefault(parameter.name, described)
    return [
        openapi.query_parameter(
            "dataset",
            {"type": "string", "enum": list(API_DATASETS), "default": DATASET},
            "The dataset; filters are those of its list.",
            DATASET,
        ),
        openapi.focus_version_parameter(DEFAULT_VERSION, VERSIONS),
        openapi.query_parameter(
            "format",
            {"type": "string", "enum": list(FORMATS), "default": "csv"},
            "Format of the file.",
            "parquet",
        ),
        openapi.query_parameter(
            "grain",
            {"type": "string", "enum": list(GRAINS), "default": "call"},
            "One row per call and price, or those rows summed by day or month (cost-and-usage).",
            "call",
        ),
        *filters.values(),
    ]


def job_schema() -> dict[str, Any]:
    """Describe an export job."""
    moment: dict[str, Any] = {"type": ["string", "null"], "format": "date-time"}
    page = page_schema(API_DATASETS[DATASET])["properties"]
    totals = {**page["totals"], "description": "Of all rows of the file."}
    del totals["properties"]
    file: dict[str, Any] = {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "mediaType": {"enum": list(MEDIA_TYPES.values())},
            "url": {
                "type": "string",
                "description": "Signed link, good without a token until urlExpiresAt.",
            },
            "urlExpiresAt": {"type": ["string", "null"], "format": "date-time"},
            "bytes": {"type": "integer", "minimum": 0},
            "sha256": {"type": "string", "description": "SHA-256 of the file, hexadecimal."},
            "build": page["build"],
            "rows": {"type": "integer", "minimum": 0},
            "totals": totals,
            "coverage": {"anyOf": [COVERAGE, {"type": "null"}]},
        },
        "additionalProperties": False,
    }
    file["required"] = list(file["properties"])
    properties: dict[str, Any] = {
        "jobId": {"type": "string"},
        "state": {
            "enum": list(STATES),
            "description": "expired: the file was there and its time is over.",
        },
        "progress": {
            "type": "number",
            "minimum": 0,
            "maximum": 1,
            "description": "How much of the file is likely done.",
        },
        "dataset": {"enum": list(API_DATASETS)},
        "focusVersion": {"type": "string"},
        "format": {"enum": list(FORMATS)},
        "grain": {"enum": list(GRAINS)},
        "filters": {"type": "object", "additionalProperties": {"type": "string"}},
        "createdAt": {"type": "string", "format": "date-time"},
        "startedAt": moment,
        "endedAt": moment,
        "expiresAt": {**moment, "description": "When the file is removed."},
        "error": {"type": ["string", "null"], "description": "Why the job failed."},
        "file": {
            "anyOf": [file, {"type": "null"}],
            "description": "The file, once the job has succeeded.",
        },
    }
    return {
        "type": "object",
        "description": "An export job.",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


JOB_EXAMPLE: dict[str, Any] = {
    "jobId": "Y2xvdWQtY29zdC1maWxl",
    "state": "running",
    "progress": 0.42,
    "dataset": DATASET,
    "focusVersion": DEFAULT_VERSION,
    "format": "parquet",
    "grain": "call",
    "filters": {"billingPeriodStart": "2026-10-01T00:00:00Z"},
    "createdAt": "2026-11-01T06:01:00Z",
    "startedAt": "2026-11-01T06:01:01Z",
    "endedAt": None,
    "expiresAt": None,
    "error": None,
    "file": None,
}
