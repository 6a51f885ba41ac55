"""What routes share: whose request it is, its parameters, a thread, the form of one that reads."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, TypeVar

import anyio
from anyio import CapacityLimiter
from fastapi import APIRouter, Request

from exporter.api.principal import Caller
from exporter.api.problems import Fault, RequestError, problem_responses

_Result = TypeVar("_Result")


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


async def in_thread(
    limiter: CapacityLimiter, function: Callable[..., _Result], *arguments: Any
) -> _Result:
    """Call a function that blocks, when the limiter has room."""
    return await anyio.to_thread.run_sync(function, *arguments, limiter=limiter)


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
