"""What the routes and tools answer: JSON schemas, columns from the reference seed."""

from __future__ import annotations

from typing import Any

from exporter.api.answer_examples import read_examples
from exporter.api.datasets import TAG, ApiDataset
from exporter.api.parameters import LARGEST_PAGE
from exporter.api.service import MOST_GROUPS
from exporter.datasets import ALLOCATED_COST, DATASETS
from exporter.focus.schemas import read_columns
from exporter.project import Project

_TYPES: dict[str, dict[str, Any]] = {
    "String": {"type": "string"},
    "Decimal": {"type": "number"},
    "Date/Time": {"type": "string", "format": "date-time"},
    "JSON": {"type": "object"},
}


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
    properties["unmatched"] = UNMATCHED
    return page


def dimension_schema(entry: ApiDataset) -> dict[str, Any]:
    """Describe the name of what rows can be summed by."""
    return {"type": "string", "pattern": rf"^({'|'.join(entry.dimensions)}|{TAG}[\s\S]+)$"}


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
    spend = _closed(properties)
    properties["unmatched"] = UNMATCHED
    return spend


UNMATCHED: dict[str, Any] = {
    "type": "array",
    "description": "Where no row fits: each value of a filter that no row has, whatever the other "
    "filters are, with the nearest values that rows have. Empty where each has rows, but not "
    "together, or not at that time.",
    "items": {
        "type": "object",
        "required": ["parameter", "value", "nearest"],
        "properties": {
            "parameter": {"type": "string"},
            "value": {"type": "string"},
            "nearest": {
                "type": "array",
                "description": "The likest first, with the name of one that has another.",
                "items": {
                    "type": "object",
                    "required": ["value"],
                    "properties": {"value": {"type": "string"}, "name": {"type": "string"}},
                    "additionalProperties": False,
                },
            },
        },
        "additionalProperties": False,
    },
}


def _closed(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


_COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}


def _total_schema(entry: ApiDataset) -> dict[str, Any]:
    dataset = DATASETS[entry.name]
    costs = {
        name: {
            "type": ["string", "null"],
            "description": f"Exact sum of {name}, as plain decimal text.",
        }
        for name in dataset.costs
    }
    if dataset.allocates:
        costs[ALLOCATED_COST] = {
            "type": "string",
            "description": "Exact sum of EffectiveCost of the rows that have a department.",
        }
    category = {
        "type": "object",
        "required": ["chargeCategory", "rows"],
        "properties": {"chargeCategory": {"type": ["string", "null"]}, "rows": _COUNT, **costs},
        "additionalProperties": False,
    }
    shares = {
        "allocatedCostShare": {
            "type": ["string", "null"],
            "description": f"Share of EffectiveCost that is {ALLOCATED_COST}, as decimal text, cut "
            "off; 1 means all. Null where credits leave no share.",
        }
    }
    return {
        "billingCurrency": {"type": ["string", "null"]},
        "rows": _COUNT,
        **costs,
        **(shares if dataset.allocates else {}),
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


COVERAGE: dict[str, Any] = {
    "type": "object",
    "description": "Which billable calls are in no row, as they have no price yet, and what their "
    "sources say they cost; and how many have one.",
    "required": [
        *("missingCalls", "missingTokens", "missingStatedCost", "statedCostCurrency"),
        *("unknownCostCalls", "missingBuckets", "calls", "pricedCalls", "tokens", "pricedTokens"),
        *("comparedCalls", "differingCalls", "unexplainedCalls", "comparedStatedCost"),
        *("usageUntil", "waitingFor", "rejectedRecords", "countedBy"),
    ],
    "properties": {
        "missingCalls": {"type": "integer", "description": "Billable calls without a price."},
        "missingTokens": {"type": "integer", "description": "Their tokens."},
        "missingStatedCost": {
            "type": ["string", "null"],
            "description": "What sources say those of them cost of which they say it: an exact sum "
            "as plain decimal text. Null where they say so of none.",
        },
        "statedCostCurrency": {"type": ["string", "null"]},
        "unknownCostCalls": {
            "type": "integer",
            "description": "Missing calls of which the source tells no cost.",
        },
        "missingBuckets": {
            "type": "integer",
            "description": "Sums of usage reports, which are no calls, that are not priced yet.",
        },
        "calls": {"type": "integer", "description": "Billable calls."},
        "pricedCalls": {"type": "integer"},
        "pricedCallsShare": {
            "type": ["string", "null"],
            "description": "Share of the calls as decimal text, cut off; 1 means all.",
        },
        "tokens": {"type": "integer"},
        "pricedTokens": {"type": "integer"},
        "pricedTokensShare": {"type": ["string", "null"]},
        "comparedCalls": {
            "type": "integer",
            "description": "Priced calls of which the source itself tells the cost.",
        },
        "differingCalls": {
            "type": "integer",
            "description": "Those of them whose list cost is another.",
        },
        "unexplainedCalls": {
            "type": "integer",
            "description": "Those of these whose difference has no known reason.",
        },
        "equalCallsShare": {
            "type": ["string", "null"],
            "description": "Share of comparedCalls whose list cost is the stated one, cut off.",
        },
        "explainedCallsShare": {
            "type": ["string", "null"],
            "description": "Share whose list cost is another for a known reason.",
        },
        "unexplainedCallsShare": {
            "type": ["string", "null"],
            "description": "Share whose list cost is another for no known reason.",
        },
        "comparedStatedCost": {
            "type": ["string", "null"],
            "description": "What sources say that comparedCalls cost, in USD: an exact sum as "
            "plain decimal text.",
        },
        "equalStatedCostShare": {
            "type": ["string", "null"],
            "description": "The three shares, of that cost; null where refunds leave none.",
        },
        "explainedStatedCostShare": {"type": ["string", "null"]},
        "unexplainedStatedCostShare": {"type": ["string", "null"]},
        "quarantinedCalls": {
            "type": "object",
            "description": "Calls without a price, by reason.",
            "additionalProperties": {"type": "integer"},
        },
        "usageUntil": {
            "type": ["string", "null"],
            "format": "date-time",
            "description": "Start of the last call that fits, whatever it cost; null without any.",
        },
        "waitingFor": {
            "type": "object",
            "description": "Months (YYYY-MM) of these calls that are not complete, with the "
            "sources of which no record after the month's end is known.",
            "additionalProperties": {"type": "array", "items": {"type": "string"}},
        },
        "rejectedRecords": {
            "type": ["integer", "null"],
            "description": "Unreadable lines of the build's logs. They belong to no account: null "
            "for a token with a scope.",
        },
        "countedBy": {
            "type": "array",
            "description": "The filters that the coverage goes by. A call without a price "
            "has no service, category, region or currency, so those do not narrow it.",
            "items": {"type": "string"},
        },
    },
    "additionalProperties": False,
}
