"""The routes of export jobs."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

from exporter.api import openapi
from exporter.api.arguments import input_schema, read_arguments
from exporter.api.datasets import API_DATASETS
from exporter.api.jobs.orders import DATASET, LONGEST_KEY, MEDIA_TYPES, Jobs
from exporter.api.jobs.schema import JOB_EXAMPLE, describe_parameters, job_schema
from exporter.api.jobs.store import Job
from exporter.api.problems import Fault, RequestError, problem_responses
from exporter.api.routes import downloads
from exporter.api.routes.requests import caller_of, read_parameters
from exporter.api.routes.spend import SPEND

_LARGEST_BODY = 65_536
_SECURITY: list[dict[str, Any]] = [{"bearer": []}, {}]


def make_job_router(jobs: Jobs) -> APIRouter:
    """Make the routes that order, show, cancel and download."""
    router = APIRouter()
    path = f"/focus/v1/{API_DATASETS[DATASET].path}/export"

    def answer(request: Request, job: Job, status: int) -> Response:
        base = request.state.base_url
        prefix = base.split("/", 3)[3]
        headers = {"Location": f"/{prefix}{path[1:]}/{job.id}"} if status == 202 else {}
        described = jobs.describe(job, base)
        return JSONResponse(described, status_code=status, headers=headers)

    def make_order(*, whole: bool) -> Callable[[Request], Awaitable[Response]]:
        schema = _order_schema(whole=whole)

        async def order(request: Request) -> Response:
            read_parameters(request, ())
            key = request.headers.getlist("idempotency-key")
            if len(key) > 1:
                fault = Fault("Idempotency-Key", "is given twice")
                raise RequestError("invalid-parameter", "Idempotency-Key is given twice.", (fault,))
            given = read_arguments(schema, await _read_body(request))
            submit = partial(jobs.submit, whole=whole)
            job, is_new = await run_in_threadpool(
                submit, caller_of(request), given, key[0] if key else None
            )
            return answer(request, job, 202 if is_new else 200)

        return order

    async def look(request: Request) -> Response:
        read_parameters(request, ())
        job = await run_in_threadpool(jobs.find, caller_of(request), request.path_params["jobId"])
        return answer(request, job, 200)

    async def cancel(request: Request) -> Response:
        read_parameters(request, ())
        job = await run_in_threadpool(jobs.cancel, caller_of(request), request.path_params["jobId"])
        return answer(request, job, 200)

    content = {
        "application/json": {
            "schema": {"$ref": "#/components/schemas/ExportJob"},
            "example": JOB_EXAMPLE,
        }
    }
    common = ("unauthorized", "too-many-requests", "unavailable")
    for ordered, whole, operation, order, tag, summary in (
        (
            path,
            False,
            "exportcostandusage",
            "ExportOrder",
            "FOCUS",
            "Order a file of all rows that fit the filters.",
        ),
        (
            f"{SPEND}/export",
            True,
            "exportspend",
            "SpendExportOrder",
            "Spend",
            "Order a file of the rows that spend is the sum of; the job is followed as any other.",
        ),
    ):
        router.add_api_route(
            ordered,
            make_order(whole=whole),
            methods=["POST"],
            status_code=202,
            operation_id=operation,
            summary=summary,
            tags=[tag],
            response_model=None,
            responses={
                200: {
                    "description": "The earlier job of the same Idempotency-Key.",
                    "content": content,
                },
                202: {
                    "description": "The job is queued.",
                    "headers": {
                        "Location": {
                            "schema": {"type": "string"},
                            "description": "The job's route.",
                        }
                    },
                    "content": content,
                },
                **problem_responses(
                    "invalid-parameter",
                    "bad-request",
                    "forbidden",
                    "conflict",
                    "content-too-large",
                    *common,
                ),
            },
            openapi_extra={
                "parameters": [
                    {
                        "name": "Idempotency-Key",
                        "in": "header",
                        "required": False,
                        "description": "Any text of your own: an order that is sent again with it "
                        "gives the same job.",
                        "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY},
                    }
                ],
                "requestBody": {
                    "required": False,
                    "content": {
                        "application/json": {
                            "schema": {"$ref": f"#/components/schemas/{order}"},
                            "example": {
                                "format": "parquet",
                                "billingPeriodStart": "2026-10-01T00:00:00Z",
                            },
                        }
                    },
                },
                "security": _SECURITY,
            },
        )
    for endpoint, method, name, summary, problems in (
        (
            look,
            "GET",
            "getcostandusageexportstatus",
            "How far an ordered file is, and its link.",
            (),
        ),
        (
            cancel,
            "DELETE",
            "cancelcostandusageexport",
            "Cancel an order, or remove its file.",
            ("conflict",),
        ),
    ):
        router.add_api_route(
            f"{path}/{{jobId}}",
            endpoint,
            methods=[method],
            operation_id=name,
            summary=summary,
            tags=["FOCUS"],
            response_model=None,
            responses={
                200: {"description": "The job.", "content": content},
                **problem_responses("invalid-parameter", "not-found", *problems, *common),
            },
            openapi_extra={
                "parameters": [_text_parameter("jobId", "path")],
                "security": _SECURITY,
            },
        )
    _add_download(router, jobs)
    return router


def job_components() -> dict[str, Any]:
    """Describe what the routes share, for the OpenAPI document."""
    return {
        "ExportJob": job_schema(),
        "ExportOrder": _order_schema(),
        "SpendExportOrder": _order_schema(whole=True),
    }


def _order_schema(*, whole: bool = False) -> dict[str, Any]:
    return input_schema([*describe_parameters(whole=whole), openapi.SAFE_CSV])


def _add_download(router: APIRouter, jobs: Jobs) -> None:
    file = {"schema": {"type": "string", "format": "binary"}}
    types = {media_type.partition(";")[0]: file for media_type in MEDIA_TYPES.values()}
    router.add_api_route(
        downloads.PATH,
        downloads.make_download(jobs),
        methods=["GET"],
        operation_id="downloadexport",
        summary="The file of an export job, by its signed link; no token is needed.",
        tags=["Files"],
        response_model=None,
        responses={
            200: {"description": "The file.", "content": types},
            206: {"description": "The parts of it that Range asked for.", "content": types},
            **problem_responses(
                "invalid-parameter", "forbidden", "gone", "range-not-satisfiable", "unavailable"
            ),
        },
        openapi_extra={
            "parameters": [
                _text_parameter("jobId", "path"),
                _text_parameter("name", "path"),
                _text_parameter("expires", "query"),
                _text_parameter("signature", "query"),
            ],
            "security": [],
        },
    )


def _text_parameter(name: str, where: str) -> dict[str, Any]:
    return {"name": name, "in": where, "required": True, "schema": {"type": "string"}}


async def _read_body(request: Request) -> dict[str, Any]:
    """Read the order; nothing at all orders every row as JSON, as the FOCUS capability has it."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST_BODY:
            raise RequestError("content-too-large", f"An order has {_LARGEST_BODY} bytes at most.")
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    # a form of a foreign web page can't send JSON's type, but it can send nothing
    unsaid = "cross-site" if "origin" in request.headers else "none"
    site = request.headers.get("sec-fetch-site", unsaid)
    if not body.strip() and site in ("none", "same-origin"):
        return {"format": "json"}
    if media_type != "application/json":
        raise RequestError("bad-request", "Send the order as JSON, Content-Type application/json.")
    try:
        given = json.loads(body, object_pairs_hook=_read_object)
        # half of a character that needs two can be written in JSON, but nowhere else
        json.dumps(given, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise RequestError("bad-request", "The order is not valid JSON.") from None
    if not isinstance(given, dict):
        raise RequestError("bad-request", "An order is a JSON object.")
    return given


def _read_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) < len(pairs):
        names = [name for name, _ in pairs]
        fault = next(name for name in names if names.count(name) > 1)[:64]
        raise RequestError(
            "invalid-parameter", f"{fault} is given twice.", (Fault(fault, "is given twice"),)
        )
    return read
