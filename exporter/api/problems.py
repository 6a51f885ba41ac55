"""Refusals: one kind, one sentence, the fields it is about; as problem documents (RFC 9457)."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Mount

from exporter.duck import is_disk_full

_log = logging.getLogger("focus_export.api")


@dataclass(frozen=True)
class Fault:
    """What is wrong with one parameter."""

    parameter: str
    detail: str


class RequestError(Exception):
    """A request that is refused. `kind` is one of KINDS; `retry_after` is in seconds."""

    def __init__(
        self,
        kind: str,
        detail: str,
        faults: tuple[Fault, ...] = (),
        retry_after: int | None = None,
    ) -> None:
        """Say what is wrong and, where parameters are at fault, which."""
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.faults = faults
        self.retry_after = retry_after


# kind -> (HTTP status, title)
KINDS = {
    "invalid-parameter": (400, "A parameter is not valid"),
    "invalid-page-token": (400, "The page token is not valid"),
    "bad-request": (400, "The request can't be read"),
    "unauthorized": (401, "A bearer token is needed"),
    "forbidden": (403, "The token does not reach this"),
    "not-found": (404, "There is nothing here"),
    "method-not-allowed": (405, "The method is not allowed here"),
    "conflict": (409, "The request clashes with an earlier one"),
    "gone": (410, "What was asked for is no longer there"),
    "content-too-large": (413, "The request is too large"),
    "range-not-satisfiable": (416, "The file ends before what Range asks for"),
    "too-many-requests": (429, "Too many requests"),
    "internal-error": (500, "The request failed"),
    "unavailable": (503, "There is no data yet"),
    "busy": (503, "The server is busy"),
    "no-space": (507, "The server's disk is full"),
}


def invalid(parameter: str, detail: str) -> RequestError:
    """Make the problem of one parameter that is not valid."""
    return RequestError("invalid-parameter", f"{parameter}: {detail}", (Fault(parameter, detail),))


def no_space() -> RequestError:
    """Make the problem of a full disk."""
    return RequestError(
        "no-space",
        "There is no space left on the server's disk: delete export jobs, wait until one expires, "
        "or have some space freed.",
    )


def read_failure(error: BaseException) -> RequestError | None:
    """Give the problem that an error is for whoever asked; None for one that nobody foresaw."""
    if isinstance(error, RequestError):
        return error
    if not is_disk_full(error):
        return None
    _log.warning("the disk is full", exc_info=error)
    return no_space()


MEDIA_TYPE = "application/problem+json"
_Handler = Callable[[Request, Any], Coroutine[Any, Any, Response]]
# what the framework itself refuses
_KIND_OF_STATUS = {
    400: "bad-request",
    404: "not-found",
    405: "method-not-allowed",
    413: "content-too-large",
    416: "range-not-satisfiable",
}

SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "A problem document (RFC 9457).",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {
            "type": "string",
            "format": "uri-reference",
            "description": "Names the kind of problem.",
            "examples": ["urn:ai-focus:problem:invalid-parameter"],
        },
        "title": {"type": "string", "description": "The kind of problem in a few words."},
        "status": {"type": "integer", "description": "The HTTP status."},
        "detail": {"type": "string", "description": "What is wrong with this request."},
        "errors": {
            "type": "array",
            "description": "The parameters that are at fault.",
            "items": {
                "type": "object",
                "required": ["parameter", "detail"],
                "properties": {
                    "parameter": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
    },
}


def describe_problem(error: RequestError) -> dict[str, Any]:
    """Lay out the problem document of a refused request."""
    status, title = KINDS[error.kind]
    document: dict[str, Any] = {
        "type": f"urn:ai-focus:problem:{error.kind}",
        "title": title,
        "status": status,
        "detail": error.detail,
    }
    if error.faults:
        document["errors"] = [
            {"parameter": fault.parameter, "detail": fault.detail} for fault in error.faults
        ]
    return document


def respond_problem(error: RequestError, headers: dict[str, str] | None = None) -> Response:
    """Make the response of a refused request."""
    document = describe_problem(error)
    headers = dict(headers or {})
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    if error.kind == "unauthorized":
        headers["WWW-Authenticate"] = 'Bearer realm="ai-focus"'
    return Response(
        json.dumps(document, ensure_ascii=False),
        status_code=document["status"],
        headers=headers,
        media_type=MEDIA_TYPE,
    )


def plain_problem(status: int, text: str) -> Response | None:
    """Make the problem document of what the framework refused in plain text, where it has one."""
    kind = _KIND_OF_STATUS.get(status)
    return respond_problem(RequestError(kind, text or KINDS[kind][1])) if kind else None


def problem_handlers(details: Mapping[str, str]) -> dict[Any, _Handler]:
    """Make an application's handlers: problem documents for its refusals and for the framework's.

    `details` has a sentence for a kind of problem where the framework's own says too little.
    """

    async def answer_problem(_request: Request, error: Any) -> Response:
        return respond_problem(error)

    async def answer_http(request: Request, error: Any) -> Response:
        if error.status_code == 405:
            error.headers = {"Allow": ", ".join(sorted(_methods_at(request)))}
            if request.method == "OPTIONS":
                return Response(status_code=204, headers=error.headers)
        kind = _KIND_OF_STATUS.get(error.status_code, "bad-request")
        detail = details.get(kind) or str(error.detail) or KINDS[kind][1]
        return respond_problem(RequestError(kind, detail), dict(error.headers or {}))

    return {RequestError: answer_problem, HTTPException: answer_http}


def _methods_at(request: Request) -> set[str]:
    """Name every method that a path has, whichever routes they belong to."""
    found = {"OPTIONS"}
    scope = {**request.scope, "root_path": request.scope.get("app_root_path", "")}
    for route in request.app.routes:
        for method in ("GET",) if isinstance(route, Mount) else ("GET", "POST", "DELETE"):
            if route.matches({**scope, "method": method})[0] is Match.FULL:
                found |= {method, "HEAD"} if method == "GET" else {method}
    return found


def problem_responses(*kinds: str) -> dict[int | str, dict[str, Any]]:
    """Describe the refusals of a route for the OpenAPI document, one per HTTP status.

    A route that reads a build may also find the server busy, or its disk full.
    """
    titles: dict[int, list[str]] = {}
    for kind in (*kinds, *(["busy", "no-space"] if "unavailable" in kinds else [])):
        status, title = KINDS[kind]
        titles.setdefault(status, []).append(title)
    return {
        status: {
            "description": "; ".join(named),
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status, named in titles.items()
    }
