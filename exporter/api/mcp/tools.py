"""The tools, resources and prompts of the MCP server, without MCP: text and JSON schemas alone.

They are made from the table of datasets and call the same Service as REST. A tool's result is JSON
text, in which rows stand exactly as in an extract.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from exporter.api import openapi
from exporter.api.answer_schemas import COVERAGE, page_schema, row_schema
from exporter.api.datasets import API_DATASETS, DEFAULT_VERSION, ApiDataset
from exporter.api.page_tokens import read_page_token
from exporter.api.principal import Caller
from exporter.api.problems import Fault, RequestError, invalid
from exporter.api.service import Service
from exporter.datasets import DATASETS
from exporter.focus.schemas import VERSIONS
from exporter.project import load_project

# rows of a page: a FOCUS row is some 600 tokens of a language model
PAGE_SIZE = 20
LARGEST_PAGE = 1_000

INSTRUCTIONS = """\
FOCUS datasets of AI usage: what each call of a model cost, by whom, under which contract.

For sums read `totals` of listcostandusage with pageSize 1: they cover all rows that fit the
filters, not only the page, and are exact decimal text per billing currency. Never add amounts of
different currencies. `byChargeCategory` keeps credits (negative) apart from usage, purchases and
taxes. `coverage` tells how many calls have a price; say so when it is not all of them. A page with
`truncated` true has more rows behind `nextPageToken`; for many rows order a file with
exportcostandusage. Column names and their meaning are in the focus://columns resources.
"""


@dataclass(frozen=True)
class Asked:
    """A call of a tool: by whom, with which checked arguments, and where this server is reached."""

    caller: Caller
    arguments: Mapping[str, str]
    base_url: str | None = None


@dataclass(frozen=True)
class Tool:
    """A tool: what it takes, what it gives and the hints about what it does."""

    name: str
    title: str
    description: str
    input_schema: dict[str, Any]
    output_schema: dict[str, Any]
    call: Callable[[Asked], str]
    is_read_only: bool = True
    is_idempotent: bool = True


@dataclass(frozen=True)
class Resource:
    """A JSON document that can be read."""

    uri: str
    title: str
    description: str
    read: Callable[[Caller], str]


@dataclass(frozen=True)
class Prompt:
    """A ready question; `arguments` are name, description and whether it is required."""

    name: str
    title: str
    description: str
    arguments: tuple[tuple[str, str, bool], ...]
    write: Callable[[Mapping[str, str]], str]


def read_arguments(
    schema: Mapping[str, Any], given: Mapping[str, Any], *, allows_null: bool = True
) -> dict[str, str]:
    """Check arguments against a tool's schema; gives them as the service takes them, as text.

    Raises a RequestError that names each argument at fault. Null counts as not given, as language
    models write it.
    """
    properties = schema["properties"]
    faults = []
    read = {}
    for name, value in given.items():
        if name not in properties:
            faults.append(Fault(name[:64], f"is no parameter here; there are: {_list(properties)}"))
            continue
        if value is None and allows_null:
            continue
        wanted = properties[name]
        if wanted.get("type") != "integer":
            if isinstance(value, str):
                read[name] = value
            else:
                faults.append(Fault(name, "must be text"))
            continue
        # JSON has one kind of number
        is_whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        if isinstance(value, bool) or not is_whole:
            faults.append(Fault(name, "must be a whole number"))
        elif not wanted["minimum"] <= value <= wanted["maximum"]:
            bounds = f"{wanted['minimum']} to {wanted['maximum']}"
            faults.append(Fault(name, f"must be a whole number from {bounds}"))
        else:
            read[name] = str(int(value))
    faults += [Fault(name, "is missing") for name in schema["required"] if name not in read]
    if faults:
        detail = "; ".join(f"{fault.parameter} {fault.detail}" for fault in faults[:5])
        raise RequestError("invalid-parameter", f"{detail}.", tuple(faults[:20]))
    return read


def make_tools(service: Service) -> list[Tool]:
    """Make the tools that read: a list for each dataset of the table, and the schema."""
    lists = [_make_list(service, entry) for entry in API_DATASETS.values() if entry.tool]
    return [*lists, _make_schema(service)]


def input_schema(
    parameters: list[dict[str, Any]], required: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Lay out parameters, as OpenAPI describes them, as the schema of a tool's arguments."""
    properties = {}
    for parameter in parameters:
        described = {**parameter["schema"], "description": parameter["description"]}
        if "example" in parameter:
            described["examples"] = [parameter["example"]]
        properties[parameter["name"]] = described
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def _make_list(service: Service, entry: ApiDataset) -> Tool:
    schema = input_schema(openapi.list_parameters(entry))
    schema["properties"]["pageSize"] = {
        "type": "integer",
        "minimum": 1,
        "maximum": LARGEST_PAGE,
        "default": PAGE_SIZE,
        "description": "Rows of a page. Totals cover all rows, whatever the page's size.",
    }

    def call(asked: Asked) -> str:
        arguments = dict(asked.arguments)
        if "pageSize" not in arguments:
            size = PAGE_SIZE
            if "pageToken" in arguments:
                # given out by a list over REST, it may be of larger pages
                token = read_page_token(service.secret, arguments["pageToken"])
                size = min(token.page_size, LARGEST_PAGE)
            arguments["pageSize"] = str(size)
        page = service.list_rows(asked.caller, entry.name, arguments)
        described = {**page.describe(), "truncated": page.next_page_token is not None}
        head = json.dumps(described, ensure_ascii=False)[:-1]
        return f'{head}, "records": [{",".join(page.lines)}]}}'

    output = page_schema(entry)
    properties = output["properties"]
    properties["pageSize"] = {**properties["pageSize"], "maximum": LARGEST_PAGE}
    if "$ref" in properties["coverage"]:
        properties["coverage"] = COVERAGE
    properties["truncated"] = {
        "type": "boolean",
        "description": "Whether more rows follow this page: give nextPageToken as pageToken.",
    }
    # the columns stand in the resources; in every list of tools they would be far too much to read
    properties["records"] = {
        "type": "array",
        "description": "Rows in the order of the extract. The text of this result has amounts "
        "with all their digits.",
        "items": {"type": "object"},
    }
    output["required"] = list(properties)
    return Tool(
        name=str(entry.tool),
        title=entry.summary.partition(":")[0],
        description=f"List {entry.summary} Gives one page of the rows that fit all filters, with "
        "exact totals (credits apart from usage) and the coverage of all of them.",
        input_schema=schema,
        output_schema=output,
        call=call,
    )


def _make_schema(service: Service) -> Tool:
    names = [entry.name for entry in API_DATASETS.values() if entry.path is not None]
    collection = {
        "anyOf": [{"type": "object"}, {"type": "array", "items": {"type": "object"}}],
        "description": "From FOCUS 1.3 on one Schema per dataset instance, before it one object.",
    }
    rows = {"type": "array", "items": {"type": "object"}}

    def call(asked: Asked) -> str:
        given = asked.arguments
        described = service.describe_schema(
            asked.caller, given.get("focusVersion"), given.get("dataset")
        )
        return json.dumps(described, ensure_ascii=False)

    return Tool(
        name="getschemametadata",
        title="FOCUS metadata",
        description="Give the FOCUS metadata: data generator, dataset instances, the columns of "
        "their schemas, and how recent the data are.",
        input_schema=input_schema(
            [
                openapi.focus_version_parameter(DEFAULT_VERSION, VERSIONS),
                openapi.query_parameter(
                    "dataset", {"type": "string", "enum": names}, "Only this dataset.", names[0]
                ),
            ]
        ),
        output_schema={
            "type": "object",
            "properties": {
                "DataGenerator": {"type": "object"},
                "DatasetInstance": rows,
                "Recency": rows,
                "Schema": collection,
            },
            "required": ["Schema"],
        },
        call=call,
    )


def make_resources(service: Service) -> list[Resource]:
    """Make the resources: the metadata of each FOCUS version, the columns of each dataset in it."""
    project = load_project()

    def read_schema(version: str) -> Callable[[Caller], str]:
        return lambda caller: json.dumps(
            service.describe_schema(caller, version), ensure_ascii=False
        )

    def read_columns(dataset: str, version: str) -> Callable[[Caller], str]:
        def read(caller: Caller) -> str:
            caller.check_dataset(dataset)
            return json.dumps(row_schema(project, dataset, version), ensure_ascii=False)

        return read

    schemas = [
        Resource(
            uri=f"focus://schema/{version}",
            title=f"FOCUS {version} metadata",
            description="Data generator, dataset instances, schemas and recency.",
            read=read_schema(version),
        )
        for version in VERSIONS
    ]
    columns = [
        Resource(
            uri=f"focus://columns/{entry.name}/{version}",
            title=f"Columns of {entry.name}, FOCUS {version}",
            description="JSON Schema of a row: type, nulls, allowed values, meaning and example "
            "of every column.",
            read=read_columns(entry.name, version),
        )
        for entry in API_DATASETS.values()
        if entry.path is not None
        for version in DATASETS[entry.name].versions
    ]
    return schemas + columns


def make_prompts() -> list[Prompt]:
    """Make the prompts for the questions that are asked each month."""
    return [
        Prompt(
            name="monthly_cost",
            title="What a month cost",
            description="The cost of a billing month, credits apart, with what drove it.",
            arguments=(
                ("month", "The billing month, such as 2026-10.", True),
                ("department", "Only this department (SubAccountId).", False),
            ),
            write=_ask_for_month,
        ),
        Prompt(
            name="commitments",
            title="How commitments stand",
            description="Contract commitments, and what of them was bought, used and left unused.",
            arguments=(("billingAccountId", "Only this billing account.", False),),
            write=_ask_for_commitments,
        ),
    ]


def _ask_for_month(given: Mapping[str, str]) -> str:
    month = given.get("month", "")
    if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", month, re.ASCII) or month > "9998":
        raise invalid("month", "write a month as YYYY-MM")
    start = date.fromisoformat(f"{month}-01")
    end = _month_after(start)
    whose = ""
    if given.get("department"):
        whose = f", subAccountId {json.dumps(given['department'], ensure_ascii=False)}"
    return (
        f"What did AI usage cost in {month}? Call listcostandusage with billingPeriodStart "
        f"{start}T00:00:00Z, billingPeriodEnd {end}T00:00:00Z{whose} and pageSize 1, and take "
        "the sums from totals. Give BilledCost and EffectiveCost per currency, credits apart from "
        "usage, and never add currencies. Then ask again per serviceName and, where no department "
        "is given, per subAccountId of the rows you see, and name what cost most. Say which share "
        "of the calls has a price (coverage) and why the others have none. Do not estimate what "
        "the tools do not tell."
    )


def _month_after(day: date) -> date:
    """Give the first day of the month after a day's."""
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)


def _ask_for_commitments(given: Mapping[str, str]) -> str:
    whose = ""
    if given.get("billingAccountId"):
        account = json.dumps(given["billingAccountId"], ensure_ascii=False)
        whose = f" with billingAccountId {account}"
    return (
        f"How do our commitments stand? Call listcontractcommitments{whose} and give for each its "
        "period, its amount and currency. Then call listcostandusage with chargeCategory Purchase "
        "to see what was bought, and say what is used and what stayed unused where the rows tell. "
        "Name commitments that end within 60 days. Never add amounts of different currencies."
    )


def _list(names: Mapping[str, Any]) -> str:
    return ", ".join(names) or "none"
