"""The tools of the MCP server: the five of the FOCUS capability, and one that sums.

They are made from the table of datasets and call the same Service as REST. A tool's result is JSON
text, in which rows stand exactly as in an extract.
"""

from __future__ import annotations

import json
from typing import Any

from exporter.api import openapi
from exporter.api.answer_schemas import COVERAGE, dimension_schema, page_schema, spend_schema
from exporter.api.arguments import input_schema
from exporter.api.datasets import API_DATASETS, DEFAULT_VERSION, TAG, ApiDataset
from exporter.api.jobs.orders import DATASET, Jobs
from exporter.api.jobs.schema import JOB_EXAMPLE, describe_parameters, job_schema
from exporter.api.jobs.store import Job
from exporter.api.mcp.offer import Asked, Tool
from exporter.api.page_tokens import read_page_token
from exporter.api.parameters import MOST_NAMES
from exporter.api.service import Service
from exporter.focus.schemas import VERSIONS

# rows of a page: a FOCUS row is some 600 tokens of a language model
PAGE_SIZE = 20
LARGEST_PAGE = 1_000
# groups of an answer: one is some 100 tokens
_GROUPS = 50


def make_tools(service: Service, jobs: Jobs) -> list[Tool]:
    """Make the tools: a list for each dataset of the table, the schema, files, and sums."""
    lists = [_make_list(service, entry) for entry in API_DATASETS.values() if entry.tool]
    return [*lists, _make_schema(service), *_make_job_tools(jobs), _make_summary(service)]


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

    output = _with_coverage(page_schema(entry))
    properties = output["properties"]
    properties["pageSize"] = {**properties["pageSize"], "maximum": LARGEST_PAGE}
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
    output["required"] = [it for it in properties if it not in ("omittedColumns", "unmatched")]
    return Tool(
        name=str(entry.tool),
        title=entry.summary.partition(":")[0],
        description=f"List {entry.summary} Gives one page of the rows that fit all filters, with "
        "exact totals (credits apart from usage) and the coverage of all of them.",
        input_schema=schema,
        output_schema=output,
        call=call,
    )


def _make_summary(service: Service) -> Tool:
    entry = API_DATASETS[DATASET]
    schema = input_schema(
        [
            *openapi.filter_parameters(entry, whole=True),
            *openapi.group_parameters(entry, default=_GROUPS),
        ]
    )
    schema["properties"]["groupBy"] = {
        "type": "array",
        "items": dimension_schema(entry),
        "maxItems": MOST_NAMES,
        "description": f"What to sum by: {', '.join(entry.dimensions)} (subAccountId is the "
        "department, modelId the model; day and month are those of the usage, UTC, billingPeriod "
        f"the month in which it is booked), or {TAG} and the key of a tag. A key of a group can be "
        "given back as the filter of that name. Without it there are totals alone.",
        "examples": [["month", "subAccountId"], ["modelId", f"{TAG}x-cost-feature"]],
    }

    def call(asked: Asked) -> str:
        arguments = {"limit": str(_GROUPS), **asked.arguments}
        found = service.break_down(asked.caller, entry.name, arguments)
        return json.dumps(found.describe(), ensure_ascii=False)

    output = _with_coverage(spend_schema(entry))
    # a group has what totals have per currency: once is enough in every list of tools
    output["properties"]["groups"]["items"] = {
        "type": "object",
        "description": "A group's keys and their names, and its sums as in totals.currencies.",
    }
    return Tool(
        name="summarizecostandusage",
        title="Sums of cost and usage",
        description="Sum FOCUS Cost and Usage by day, month, department, provider, model, service "
        "or tag: exact sums per currency (credits apart from usage) of the rows that fit all "
        "filters, the largest first or, where a time is named first, the earliest. Gives the "
        "totals and the coverage that the sums are parts of.",
        input_schema=schema,
        output_schema=output,
        call=call,
    )


def _with_coverage(schema: dict[str, Any]) -> dict[str, Any]:
    """Put the schema of a coverage where the OpenAPI document has a reference to it."""
    if "$ref" in schema["properties"]["coverage"]:
        schema["properties"]["coverage"] = COVERAGE
    return schema


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


def _make_job_tools(jobs: Jobs) -> list[Tool]:
    def describe(asked: Asked, job: Job) -> str:
        return json.dumps(jobs.describe(job, asked.base_url), ensure_ascii=False)

    def order(asked: Asked) -> str:
        return describe(asked, jobs.submit(asked.caller, asked.arguments)[0])

    def look(asked: Asked) -> str:
        return describe(asked, jobs.find(asked.caller, asked.arguments["jobId"]))

    job_id = openapi.query_parameter(
        "jobId", {"type": "string"}, "jobId that exportcostandusage gave.", JOB_EXAMPLE["jobId"]
    )
    return [
        Tool(
            name="exportcostandusage",
            title="Order a file",
            description="Order a file with all rows that fit the filters. It is made in the "
            "background: ask getcostandusageexportstatus for its state and its link.",
            input_schema=input_schema(describe_parameters()),
            output_schema=job_schema(),
            call=order,
            is_read_only=False,
            is_idempotent=False,
        ),
        Tool(
            name="getcostandusageexportstatus",
            title="State of an ordered file",
            description="Tell how far an ordered file is and, once it is there, give its signed "
            "link, checksum, totals and coverage.",
            input_schema=input_schema([job_id], required=("jobId",)),
            output_schema=job_schema(),
            call=look,
        ),
    ]
