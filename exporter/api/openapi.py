"""The OpenAPI document: parameters from the table of datasets, columns from the reference seed."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from exporter.api.datasets import API_DATASETS, TAG, ApiDataset, Parameter
from exporter.api.parameters import LARGEST_PAGE, LONGEST_VALUE, MOST_NAMES, PAGE_SIZE
from exporter.api.responses import SCHEMA as PROBLEM
from exporter.api.service import MOST_GROUPS
from exporter.datasets import DATASETS
from exporter.focus.schemas import read_columns
from exporter.project import Project

# rows of the synthetic demo
_EXAMPLES = Path(__file__).with_name("examples.json")
_TYPES: dict[str, dict[str, Any]] = {
    "String": {"type": "string"},
    "Decimal": {"type": "number"},
    "Date/Time": {"type": "string", "format": "date-time"},
    "JSON": {"type": "object"},
}

MOMENT: dict[str, Any] = {
    "anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}]
}
DAY: dict[str, Any] = {"type": "string", "format": "date"}


@lru_cache(maxsize=1)
def read_examples() -> dict[str, dict[str, Any]]:
    """Read one example row of each dataset, with the columns of all versions."""
    examples: dict[str, dict[str, Any]] = json.loads(_EXAMPLES.read_text(encoding="utf-8"))
    return examples


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


def filter_parameter(parameter: Parameter) -> dict[str, Any]:
    """Describe a filter."""
    schema = MOMENT if parameter.is_moment else {"type": "string", "maxLength": LONGEST_VALUE}
    description = parameter.description
    if not parameter.is_moment:
        description += " Compared exactly; an empty value matches rows without one."
    return query_parameter(parameter.name, schema, description, parameter.example)


def filter_parameters(entry: ApiDataset, *, whole: bool = False) -> list[dict[str, Any]]:
    """Describe a dataset's filters and version; `whole` takes in those that are not public."""
    return [
        *(filter_parameter(it) for it in entry.parameters if it.public or whole),
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


def row_schema_name(dataset: str, version: str) -> str:
    """Name the component that describes a row."""
    return f"{DATASETS[dataset].focus_id}_{version.replace('.', '_')}"


def row_schema(project: Project, dataset: str, version: str) -> dict[str, Any]:
    """Describe a row: every column with type, nulls, allowed values, description and example."""
    examples = read_examples()[dataset]
    properties = {}
    for column in read_columns(project, str(DATASETS[dataset].focus_id), version):
        name = column["column_name"]
        schema = {**_TYPES[column["data_type"]], "description": column["description"]}
        values: list[str | None] = []
        if column["allowed_values"]:
            values += column["allowed_values"].split("|")
        if column["allows_nulls"] == "true":
            schema["type"] = [schema["type"], "null"]
            values = [*values, None] if values else []
        if values:
            schema["enum"] = values
        if column["deprecated"] == "true":
            schema["deprecated"] = True
        schema["examples"] = [examples.get(name)]
        properties[name] = schema
    return {
        "type": "object",
        "description": f"A row of {dataset} in FOCUS {version}.",
        "properties": properties,
        # what may be null may be left out of compact rows
        "required": [name for name, it in properties.items() if "null" not in it["type"]],
        "additionalProperties": False,
    }


def page_schema(entry: ApiDataset) -> dict[str, Any]:
    """Describe the answer of a dataset's list."""
    dataset = DATASETS[entry.name]
    rows = [
        {"$ref": f"#/components/schemas/{row_schema_name(entry.name, version)}"}
        for version in dataset.versions
    ]
    properties: dict[str, Any] = {
        **_head_schema(entry),
        "pageSize": {"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE},
        "nextPageToken": {
            "type": ["string", "null"],
            "description": "Give it as pageToken for the next page; null on the last.",
        },
        **_whole_schema(entry),
        "records": {
            "type": "array",
            "description": "Rows, in the order of the extract.",
            "items": {"anyOf": rows},
        },
    }
    page = _closed(properties)
    properties["omittedColumns"] = {
        "type": "array",
        "description": "Where compact was asked for: the columns that are null in every row of "
        "every page, and are left out of the records.",
        "items": {"type": "string"},
    }
    return page


def dimension_schema(entry: ApiDataset) -> dict[str, Any]:
    """Describe the name of what rows can be summed by."""
    return {"type": "string", "pattern": rf"^({'|'.join(entry.dimensions)}|{TAG}[\s\S]+)$"}


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
            f"period starts, in UTC; {TAG} and the key of a tag sum by its values (in double "
            "quotes, where the key has a comma). Without it there are totals alone.",
            "month,subAccountId",
        ),
        query_parameter(
            "limit",
            {"type": "integer", "minimum": 1, "maximum": MOST_GROUPS, "default": default},
            "Groups of the answer at most; truncated tells that there are more.",
        ),
    ]


def spend_schema(entry: ApiDataset) -> dict[str, Any]:
    """Describe the answer of a dataset's sums."""
    values: dict[str, Any] = {"type": ["string", "null"]}
    dimension = dimension_schema(entry)
    group = {
        "keys": {
            "type": "object",
            "description": "The value of each dimension; null where rows have none.",
            "propertyNames": dimension,
            "additionalProperties": values,
        },
        "names": {
            "type": "object",
            "description": "The names of those values that have one beside them.",
            "additionalProperties": values,
        },
        **_total_schema(entry),
    }
    properties: dict[str, Any] = {
        **_head_schema(entry),
        "groupBy": {"type": "array", "items": dimension},
        **_whole_schema(entry),
        "groups": {
            "type": "array",
            "description": "Sums per currency and combination of the dimensions: the earliest "
            "first where the first dimension is a time, else those with the largest BilledCost.",
            "maxItems": MOST_GROUPS,
            "items": _closed(group),
        },
        "truncated": {
            "type": "boolean",
            "description": "Whether there are more groups than the limit. Totals are of all rows "
            "all the same.",
        },
    }
    return _closed(properties)


def _closed(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


_COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}


def _total_schema(entry: ApiDataset) -> dict[str, Any]:
    costs = {
        name: {
            "type": ["string", "null"],
            "description": f"Exact sum of {name}, as plain decimal text.",
        }
        for name in DATASETS[entry.name].costs
    }
    category = {
        "type": "object",
        "required": ["chargeCategory", "rows"],
        "properties": {"chargeCategory": {"type": ["string", "null"]}, "rows": _COUNT, **costs},
        "additionalProperties": False,
    }
    return {
        "billingCurrency": {"type": ["string", "null"]},
        "rows": _COUNT,
        **costs,
        "byChargeCategory": {"type": "array", "items": category},
    }


def _head_schema(entry: ApiDataset) -> dict[str, Any]:
    dataset = DATASETS[entry.name]
    return {
        "dataset": {"const": entry.name},
        "focusVersion": {"type": "string", "enum": list(dataset.versions)},
        "build": {
            "type": "object",
            "description": "The build that was read.",
            "required": ["id", "finishedAt"],
            "properties": {
                "id": {"type": ["string", "null"]},
                "finishedAt": {"type": ["string", "null"], "format": "date-time"},
            },
        },
        "filters": {
            "type": "object",
            "description": "The filters that the page is of.",
            "additionalProperties": {"type": "string"},
        },
    }


def _whole_schema(entry: ApiDataset) -> dict[str, Any]:
    dataset = DATASETS[entry.name]
    total = _total_schema(entry)
    return {
        "totals": {
            "type": "object",
            "description": "Of all rows that fit the filters, not only of this page.",
            "required": ["exact", "rows", "currencies"],
            "properties": {
                "exact": {"const": True},
                "rows": _COUNT,
                "currencies": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["billingCurrency", "rows", "byChargeCategory"],
                        "properties": total,
                        "additionalProperties": False,
                    },
                },
            },
        },
        "coverage": {"$ref": "#/components/schemas/Coverage"}
        if dataset.holds_usage
        else {"type": "null", "description": "The dataset holds no usage."},
    }


def page_example(entry: ApiDataset, project: Project) -> dict[str, Any]:
    """Give an example of the answer of a dataset's list."""
    dataset = DATASETS[entry.name]
    version = entry.default_version
    names = [
        column["column_name"] for column in read_columns(project, str(dataset.focus_id), version)
    ]
    row = {name: read_examples()[entry.name].get(name) for name in names}
    currency = str(row.get("BillingCurrency"))
    costs = {name: f"{row[name]}" for name in dataset.costs}
    categories = []
    if "ChargeCategory" in row:
        categories.append({"chargeCategory": row["ChargeCategory"], "rows": 1, **costs})
    coverage = {
        "calls": 2,
        "pricedCalls": 1,
        "pricedCallsShare": "0.5",
        "tokens": 4000,
        "pricedTokens": 3000,
        "pricedTokensShare": "0.75",
        "quarantinedCalls": {"unknown_model": 1},
        "countedBy": [],
    }
    return {
        "dataset": entry.name,
        "focusVersion": version,
        "build": {"id": "20261101T060000000000Z", "finishedAt": "2026-11-01T06:00:40Z"},
        "filters": {},
        "pageSize": PAGE_SIZE,
        "nextPageToken": None,
        "totals": {
            "exact": True,
            "rows": 1,
            "currencies": [
                {
                    "billingCurrency": currency,
                    "rows": 1,
                    **costs,
                    "byChargeCategory": categories,
                }
            ],
        },
        "coverage": coverage if dataset.holds_usage else None,
        "records": [row],
    }


def spend_example(entry: ApiDataset, project: Project) -> dict[str, Any]:
    """Give an example of the answer of a dataset's sums."""
    page = page_example(entry, project)
    [total] = page["totals"]["currencies"]
    group = {"keys": {"month": "2026-10"}, "names": {}, **total}
    kept = ("dataset", "focusVersion", "build", "filters", "totals", "coverage")
    return {
        **{name: page[name] for name in kept},
        "groupBy": ["month"],
        "groups": [group],
        "truncated": False,
    }


COVERAGE: dict[str, Any] = {
    "type": "object",
    "description": "How many of the billable calls have a price. Calls without one are in no row.",
    "required": ["calls", "pricedCalls", "tokens", "pricedTokens", "countedBy"],
    "properties": {
        "calls": {"type": "integer", "description": "Billable calls."},
        "pricedCalls": {"type": "integer"},
        "pricedCallsShare": {
            "type": ["string", "null"],
            "description": "Share of the calls as decimal text, cut off; 1 means all.",
        },
        "tokens": {"type": "integer"},
        "pricedTokens": {"type": "integer"},
        "pricedTokensShare": {"type": ["string", "null"]},
        "quarantinedCalls": {
            "type": "object",
            "description": "Calls without a price, by reason.",
            "additionalProperties": {"type": "integer"},
        },
        "countedBy": {
            "type": "array",
            "description": "The filters that the coverage goes by. An unpriced call has no "
            "service, category, region or currency, so those do not narrow it.",
            "items": {"type": "string"},
        },
    },
    "additionalProperties": False,
}


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
