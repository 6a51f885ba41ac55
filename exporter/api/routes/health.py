"""The routes that tell of the server itself: health and metrics."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

from exporter.api.metrics import Metrics
from exporter.api.problems import problem_responses
from exporter.api.routes.requests import caller_of, read_parameters
from exporter.api.service import Service


async def is_alive(_request: Request) -> Response:
    """Answer that the server runs."""
    return JSONResponse({"status": "ok"})


def make_is_ready(service: Service) -> Callable[[Request], Awaitable[Response]]:
    """Make the endpoint that tells whether there is a build to read."""

    async def is_ready(_request: Request) -> Response:
        await run_in_threadpool(service.check_ready)
        return JSONResponse({"status": "ready"})

    return is_ready


def add_health(router: APIRouter, service: Service, metrics: Metrics) -> None:
    """Add the routes."""

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
        ("/readyz", make_is_ready(service), "Whether there is a build to read.", ("unavailable",)),
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
