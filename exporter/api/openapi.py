"""The OpenAPI document's parts: parameters from the table of datasets, and what routes share."""

from __future__ import annotations

from typing import Any

from exporter.api.answer_schemas import (
    COVERAGE,
    page_schema,
    row_schema,
    row_schema_name,
    spend_schema,
)
from exporter.api.datasets import API_DATASETS, TAG, ApiDataset, Parameter
from exporter.api.filters import listed_values
from exporter.api.parameters import LARGEST_PAGE, LONGEST_VALUE, MOST_NAMES, PAGE_SIZE
from exporter.api.problems import SCHEMA as PROBLEM
from exporter.api.service import MOST_GROUPS
from exporter.datasets import DATASETS
from exporter.project import Project

MOMENT: dict[str, Any] = {
    "anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}]
}
MONTH: dict[str, Any] = {"type": "string", "pattern": r"^(19|2\d)\d\d-(0[1-9]|1[0-2])$"}
DAY: dict[str, Any] = {"type": "string", "format": "date"}


def query_parameter(
    name: str, schema: dict[str, Any], description: str, example: object = None
) -> dict[str, Any]:
    """Describe a query parameter."""
    described = {
        "name": name,
        "in": "query",
        "required": False,
        "description": description,
        "schema": schema,
    }
    if example is not None:
        described["example"] = example
    return described


def focus_version_parameter(default: str | None, versions: tuple[str, ...]) -> dict[str, Any]:
    """Describe `focusVersion`."""
    schema: dict[str, Any] = {"type": "string", "enum": list(versions)}
    if default is not None:
        schema["default"] = default
    return query_parameter(
        "focusVersion", schema, "FOCUS version of the columns.", default or versions[0]
    )


SAFE_CSV = query_parameter(
    "safeCsv",
    {"type": "boolean"},
    "CSV alone: put ' before text that a spreadsheet would run as a formula. Without it only the "
    "flat layout (ai-calls) has it.",
    True,
)


_COUNTS = {
    "X-Coverage-Missing-Calls": "Calls of the days that are in no total: not priced yet.",
    "X-Coverage-Missing-Tokens": "Their tokens.",
    "X-Coverage-Unknown-Calls": "Those of them of which the source tells no cost.",
    "X-Coverage-Calls": "Billable calls of the days.",
    "X-Coverage-Priced-Calls": "Those of them that have a price.",
    "X-Coverage-Rejected-Records": "Unreadable lines of the build; not for a token with a scope.",
}
_TEXTS = {
    "X-Coverage-Missing-Cost": ("What sources state that the missing calls cost.", "1240.12 USD"),
    "X-Usage-Until": ("Start of the last call of the days, UTC.", "2026-10-31T23:59:50Z"),
    "Link": (
        "The file's manifest.",
        "<http://127.0.0.1:8080/api/exports/focus/manifest?build=20261101T060000000000Z>"
        '; rel="describedby"; type="application/json"',
    ),
}
FILE_HEADERS: dict[str, Any] = {
    **{
        name: {"description": text, "schema": {"type": "integer", "minimum": 0}}
        for name, text in _COUNTS.items()
    },
    **{
        name: {"description": text, "schema": {"type": "string"}, "example": example}
        for name, (text, example) in _TEXTS.items()
    },
}


def filter_parameter(dataset: str, parameter: Parameter) -> dict[str, Any]:
    """Describe a filter."""
    schema = MOMENT if parameter.is_moment else {"type": "string", "maxLength": LONGEST_VALUE}
    description = parameter.description
    if parameter.is_month:
        schema = MONTH
    elif listed := listed_values(dataset, parameter):
        # in any other case they are taken too
        schema = {"type": "string", "enum": [*listed, ""]}
        description += " In any case; an empty value matches rows without one."
    elif not parameter.is_moment:
        compared = "" if parameter.names_provider else " Compared exactly."
        description += f"{compared} An empty value matches rows without one."
    return query_parameter(parameter.name, schema, description, parameter.example)


def filter_parameters(entry: ApiDataset, *, whole: bool = False) -> list[dict[str, Any]]:
    """Describe a dataset's filters and version; `whole` takes in those that are not public."""
    return [
        *(filter_parameter(entry.name, it) for it in entry.parameters if it.public or whole),
        focus_version_parameter(entry.default_version, DATASETS[entry.name].versions),
    ]


def list_parameters(entry: ApiDataset, *, whole: bool = False) -> list[dict[str, Any]]:
    """Describe the parameters of a dataset's list."""
    return [
        *filter_parameters(entry, whole=whole),
        query_parameter(
            "pageSize",
            {
                "type": "integer",
                "minimum": 1,
                "maximum": LARGEST_PAGE,
                "default": PAGE_SIZE,
            },
            "Rows of a page. With pageToken, by default that of the page before.",
            PAGE_SIZE,
        ),
        query_parameter(
            "pageToken",
            {"type": "string", "minLength": 1, "maxLength": 16_384},
            "nextPageToken of the page before. The filters may be given again or left out, but "
            "not changed. It is good for an hour, for the same bearer token only, and goes on "
            "reading the build that it began with.",
        ),
        query_parameter(
            "compact",
            {"type": "boolean", "default": False},
            "Whether to leave out the columns that are null in every row that fits the filters, on "
            "whichever page; omittedColumns names them.",
        ),
    ]


def group_parameters(entry: ApiDataset, default: int = MOST_GROUPS) -> list[dict[str, Any]]:
    """Describe what chooses the sums of a dataset; `default` is the number of groups."""
    offered = "|".join(entry.dimensions)
    name = f'({offered}|{TAG}[^,]+|"({offered}|{TAG}([^"]|"")+)")'
    return [
        query_parameter(
            "groupBy",
            {
                "type": "string",
                "pattern": f"^{name}(,{name}){{0,{MOST_NAMES - 1}}}$",
                "maxLength": LONGEST_VALUE,
            },
            "What to sum by, with commas between: day and month are those in which the charge "
            "period starts, in UTC, billingPeriod is the month in which rows are booked; "
            f"{TAG} and the key of a tag sum by its values (in double "
            "quotes, where the key has a comma). Without it there are totals alone.",
            "month,subAccountId",
        ),
        query_parameter(
            "limit",
            {"type": "integer", "minimum": 1, "maximum": MOST_GROUPS, "default": default},
            "Groups of the answer at most; truncated tells that there are more.",
        ),
    ]


def components(project: Project) -> dict[str, Any]:
    """Describe what several routes share."""
    schemas = {"Problem": PROBLEM, "Coverage": COVERAGE}
    for entry in API_DATASETS.values():
        if entry.path is None:
            continue
        for version in DATASETS[entry.name].versions:
            schemas[row_schema_name(entry.name, version)] = row_schema(project, entry.name, version)
        schemas[f"{DATASETS[entry.name].focus_id}Page"] = page_schema(entry)
    schemas["Spend"] = spend_schema(API_DATASETS["cost-and-usage"])
    return {
        "schemas": schemas,
        "securitySchemes": {
            "bearer": {
                "type": "http",
                "scheme": "bearer",
                "description": "A token that the server knows. Without any token configured, the "
                "server answers on this machine only and needs none.",
            }
        },
    }
