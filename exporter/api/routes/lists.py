"""The routes that read: lists of the table of datasets, the schema, the file of a month, health."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any

import anyio
from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, StreamingResponse

from exporter.api import openapi
from exporter.api.answers import MEDIA_TYPES, Page
from exporter.api.datasets import API_DATASETS, DEFAULT_VERSION, ApiDataset
from exporter.api.metrics import Metrics
from exporter.api.parameters import read_day
from exporter.api.principal import Caller
from exporter.api.problems import Fault, RequestError, invalid
from exporter.api.responses import problem_responses
from exporter.api.service import Service
from exporter.api.turns import in_thread
from exporter.datasets import DATASETS
from exporter.focus.schemas import VERSIONS
from exporter.project import Project


def caller_of(request: Request) -> Caller:
    """Give the holder of the request's token."""
    caller: Caller = request.state.caller
    return caller


def read_parameters(request: Request, allowed: Collection[str]) -> dict[str, str]:
    """Read the query; raises RequestError for an unknown parameter, or one that is given twice."""
    given: dict[str, str] = {}
    faults = []
    for name, value in request.query_params.multi_items():
        if name not in allowed:
            named = ", ".join(allowed) or "none"
            faults.append(Fault(name, f"is no parameter here; there are: {named}"))
        elif name in given:
            faults.append(Fault(name, "is given twice"))
        given[name] = value
    if faults:
        # each fault once, however often it was made
        faults = list(dict.fromkeys(faults))
        detail = "; ".join(f"{fault.parameter[:64]} {fault.detail}" for fault in faults[:5])
        raise RequestError("invalid-parameter", f"{detail}.", tuple(faults[:20]))
    return given


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
                example=openapi.page_example(entry, project),
                operation_id=entry.tool,
                summary=entry.summary,
                tags=["FOCUS"],
            )
    _add_schema(router, service)
    _add_file(router, service)
    _add_health(router, service, metrics)
    return router


def add_get(
    router: APIRouter,
    path: str,
    endpoint: Callable[..., Any],
    *,
    parameters: list[dict[str, Any]],
    description: str,
    content: dict[str, Any],
    refusals: Collection[str] = (),
    **options: Any,
) -> None:
    """Add a route for whoever holds a token; `refusals` are those that not every such route has.

    `parameters`, `description` and `content` are its query and its answer in the OpenAPI document;
    options are FastAPI's.
    """
    always = ("invalid-parameter", "unauthorized", "forbidden", "too-many-requests")
    router.add_api_route(
        path,
        endpoint,
        methods=["GET"],
        response_model=None,
        responses={
            200: {"description": description, "content": content},
            **problem_responses(*always, *refusals),
        },
        openapi_extra={"parameters": parameters, "security": [{"bearer": []}, {}]},
        **options,
    )


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
        body = await in_thread(request.receive, read, caller_of(request), parameters)
        return Response(body, media_type="application/json")

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


def _add_file(router: APIRouter, service: Service) -> None:
    described = [
        openapi.query_parameter("from", openapi.DAY, "First day, inclusive, UTC.", "2026-10-01"),
        openapi.query_parameter("to", openapi.DAY, "Last day, inclusive, UTC.", "2026-10-31"),
        openapi.query_parameter(
            "format",
            {"type": "string", "enum": list(MEDIA_TYPES), "default": "csv"},
            "Format of the file.",
            "csv",
        ),
        openapi.focus_version_parameter(None, VERSIONS),
    ]
    described[-1]["description"] = (
        "Gives FOCUS Cost and Usage in this version instead of the flat layout."
    )
    allowed = [parameter["name"] for parameter in described]

    async def read_file(request: Request) -> Response:
        given = read_parameters(request, allowed)
        from_date, to_date = read_day("from", given.get("from")), read_day("to", given.get("to"))
        if from_date and to_date and from_date > to_date:
            raise invalid("to", "lies before from")
        version = given.get("focusVersion")
        stream = await in_thread(
            request.receive,
            service.stream,
            caller_of(request),
            "ai-calls" if version is None else "cost-and-usage",
            {} if version is None else {"focusVersion": version},
            given.get("format", "csv"),
            "call",
            from_date,
            to_date,
        )

        class Answer(StreamingResponse):
            async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
                try:
                    await super().__call__(scope, receive, send)
                finally:
                    with anyio.CancelScope(shield=True):
                        await run_in_threadpool(stream.close)

        return Answer(
            stream.chunks,
            media_type=stream.media_type,
            headers={"Content-Disposition": f'attachment; filename="{stream.file_name}"'},
        )

    envelope = {
        "type": "object",
        "required": ["focus_version", "records"],
        "properties": {
            "focus_version": {"type": "string"},
            "records": {"type": "array", "items": {"type": "object"}},
        },
    }
    add_get(
        router,
        "/api/exports/focus",
        read_file,
        parameters=described,
        description="The file, as `focus-export export` writes it.",
        content={
            "text/csv": {"schema": {"type": "string"}},
            "application/json": {"schema": envelope},
            "application/jsonl": {"schema": {"type": "string"}},
        },
        refusals=("unavailable",),
        operation_id="downloadfile",
        summary="One file of a range of days: one flat row per call, or FOCUS Cost and Usage.",
        tags=["Files"],
    )


def _add_health(router: APIRouter, service: Service, metrics: Metrics) -> None:
    async def is_alive() -> Response:
        return JSONResponse({"status": "ok"})

    async def is_ready() -> Response:
        await run_in_threadpool(service.check_ready)
        return JSONResponse({"status": "ready"})

    async def read_metrics(request: Request) -> Response:
        read_parameters(request, ())
        finished = await run_in_threadpool(service.finished_at)
        if finished is not None:
            moment = datetime.fromisoformat(finished.replace("Z", "+00:00"))
            metrics.build_finished.set(moment.timestamp())
        described = await run_in_threadpool(metrics.render, caller_of(request))
        return Response(described, media_type="text/plain; version=0.0.4; charset=utf-8")

    status = {
        "type": "object",
        "required": ["status"],
        "properties": {"status": {"type": "string"}},
        "additionalProperties": False,
    }
    answer = {"description": "Yes.", "content": {"application/json": {"schema": status}}}
    for path, endpoint, summary, problems in (
        ("/healthz", is_alive, "Whether the server runs.", ()),
        ("/readyz", is_ready, "Whether there is a build to read.", ("unavailable",)),
    ):
        router.add_api_route(
            path,
            endpoint,
            methods=["GET"],
            operation_id=endpoint.__name__,
            summary=summary,
            tags=["Server"],
            response_model=None,
            responses={200: answer, **problem_responses(*problems)},
        )
    router.add_api_route(
        "/metrics",
        read_metrics,
        methods=["GET"],
        operation_id="read_metrics",
        summary="The server's own metrics, for Prometheus.",
        tags=["Server"],
        response_model=None,
        responses={
            200: {
                "description": "Metrics in Prometheus' text format.",
                "content": {"text/plain": {"schema": {"type": "string"}}},
            },
            **problem_responses("invalid-parameter", "unauthorized", "too-many-requests"),
        },
        openapi_extra={"security": [{"bearer": []}, {}]},
    )
