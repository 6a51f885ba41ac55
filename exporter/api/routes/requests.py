"""What routes share: whose request it is, its parameters, a thread, the form of one that reads."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Collection
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from exporter.api.jobs.child import describe_caller
from exporter.api.page_tokens import LIFETIME
from exporter.api.principal import Caller
from exporter.api.problems import Fault, RequestError, problem_responses
from exporter.api.service import Service
from exporter.api.transfer import is_known
from exporter.api.turns import in_thread
from exporter.project import tool_version


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


async def answer_tagged(
    service: Service,
    request: Request,
    read: Callable[[Caller, dict[str, str]], bytes],
    parameters: dict[str, str],
) -> Response:
    """Answer JSON that follows from the build, the parameters and the caller, with its ETag.

    Whoever has it already is told so without reading, and without a turn.
    """
    caller = caller_of(request)
    tag = await run_in_threadpool(_tag_of, service, request.url.path, caller, parameters)
    headers = {"ETag": tag} if tag else {}
    known = request.headers.get("if-none-match")
    # a star does not tell that the parameters were good once
    if known != "*" and is_known(tag, known):
        return Response(status_code=304, headers=headers)
    body = await in_thread(request.receive, read, caller, parameters)
    return Response(body, media_type="application/json", headers=headers)


def _tag_of(service: Service, path: str, caller: Caller, parameters: dict[str, str]) -> str | None:
    try:
        with service.builds.current() as build:
            key = build.key
    except RequestError:
        return None
    # a page's next token is written anew each time: weak, and not for longer than half its time
    turn = int(time.time() // (LIFETIME / 2))
    named = [tool_version(), key, path, describe_caller(caller), parameters, turn]
    return f'W/"{hashlib.sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()[:32]}"'


def add_get(
    router: APIRouter,
    path: str,
    endpoint: Callable[..., Any],
    *,
    parameters: list[dict[str, Any]],
    description: str,
    content: dict[str, Any],
    refusals: Collection[str] = (),
    headers: dict[str, Any] | None = None,
    **options: Any,
) -> None:
    """Add a route for whoever holds a token; `refusals` are those that not every such route has.

    `parameters`, `description`, `content` and `headers` are its query and its answer in the OpenAPI
    document; options are FastAPI's.
    """
    always = ("invalid-parameter", "unauthorized", "forbidden", "too-many-requests")
    router.add_api_route(
        path,
        endpoint,
        methods=["GET"],
        response_model=None,
        responses={
            200: {
                "description": description,
                "content": content,
                **({"headers": headers} if headers else {}),
            },
            **problem_responses(*always, *refusals),
        },
        openapi_extra={"parameters": parameters, "security": [{"bearer": []}, {}]},
        **options,
    )
