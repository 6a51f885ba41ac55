"""The routes that read: lists of the table of datasets, the schema, and the other modules' here."""

from __future__ import annotations

import json
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.responses import JSONResponse

from exporter.api import openapi
from exporter.api.answer_examples import page_example
from exporter.api.answers import Page
from exporter.api.datasets import API_DATASETS, DEFAULT_VERSION, ApiDataset
from exporter.api.metrics import Metrics
from exporter.api.principal import Caller
from exporter.api.routes.files import add_file
from exporter.api.routes.health import add_health
from exporter.api.routes.requests import add_get, answer_tagged, caller_of, read_parameters
from exporter.api.service import Service
from exporter.api.turns import in_thread
from exporter.datasets import DATASETS
from exporter.focus.schemas import VERSIONS
from exporter.project import Project


def write_page(page: Page) -> bytes:
    """Write the answer of a list: the rows stand in it as the extract writes them."""
    head = json.dumps(page.describe(), ensure_ascii=False)[:-1]
    return f'{head}, "records": [{",".join(page.lines)}]}}'.encode()


def make_router(service: Service, project: Project, metrics: Metrics) -> APIRouter:
    """Make the routes of a service."""
    router = APIRouter()
    for entry in API_DATASETS.values():
        if entry.path is not None:
            add_list(
                router,
                service,
                metrics,
                entry,
                path=f"/focus/v1/{entry.path}",
                described=openapi.list_parameters(entry),
                example=page_example(entry, project),
                operation_id=entry.tool,
                summary=entry.summary,
                tags=["FOCUS"],
            )
    _add_schema(router, service)
    add_file(router, service)
    add_health(router, service, metrics)
    return router


def add_list(
    router: APIRouter,
    service: Service,
    metrics: Metrics,
    entry: ApiDataset,
    *,
    path: str,
    described: list[dict[str, Any]],
    example: dict[str, Any],
    **options: Any,
) -> None:
    """Add a list of a dataset's rows that takes the parameters described; options are FastAPI's."""
    allowed = [parameter["name"] for parameter in described]

    def read(caller: Caller, parameters: dict[str, str]) -> bytes:
        page = service.list_rows(caller, entry.name, parameters)
        metrics.rows.labels(entry.name).inc(len(page.lines))
        return write_page(page)

    async def list_rows(request: Request) -> Response:
        parameters = read_parameters(request, allowed)
        return await answer_tagged(service, request, read, parameters)

    page = f"{DATASETS[entry.name].focus_id}Page"
    schema = {"$ref": f"#/components/schemas/{page}"}
    add_get(
        router,
        path,
        list_rows,
        parameters=described,
        description="One page of rows, with the totals and coverage of all.",
        content={"application/json": {"schema": schema, "example": example}},
        refusals=("invalid-page-token", "gone", "unavailable"),
        **options,
    )


def _add_schema(router: APIRouter, service: Service) -> None:
    names = [entry.name for entry in API_DATASETS.values() if entry.path is not None]

    async def describe_schema(request: Request) -> Response:
        given = read_parameters(request, ("focusVersion", "dataset"))
        described = await in_thread(
            request.receive,
            service.describe_schema,
            caller_of(request),
            given.get("focusVersion"),
            given.get("dataset"),
        )
        return JSONResponse(described)

    schema = {
        "type": "object",
        "required": ["DataGenerator", "Schema"],
        "properties": {
            "DataGenerator": {"type": "object"},
            "DatasetInstance": {"type": "array", "items": {"type": "object"}},
            "Recency": {"type": "array", "items": {"type": "object"}},
            "Schema": {
                "anyOf": [{"type": "object"}, {"type": "array", "items": {"type": "object"}}]
            },
        },
    }
    add_get(
        router,
        "/focus/v1/schema",
        describe_schema,
        parameters=[
            openapi.focus_version_parameter(DEFAULT_VERSION, VERSIONS),
            openapi.query_parameter(
                "dataset", {"type": "string", "enum": names}, "Only this dataset.", names[0]
            ),
        ],
        description="From FOCUS 1.3 on collections, before it one Schema object.",
        content={"application/json": {"schema": schema}},
        operation_id="getschemametadata",
        summary="The FOCUS metadata: data generator, dataset instances, schemas, recency.",
        tags=["FOCUS"],
    )
