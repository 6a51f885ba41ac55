"""Problem documents (RFC 9457), as responses and as part of the OpenAPI document."""

from __future__ import annotations

import json
from typing import Any

from starlette.responses import Response

from exporter.api.problems import KINDS, RequestError

MEDIA_TYPE = "application/problem+json"

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


def problem_responses(*kinds: str) -> dict[int | str, dict[str, Any]]:
    """Describe the refusals of a route for the OpenAPI document, one per HTTP status."""
    titles: dict[int, list[str]] = {}
    for kind in kinds:
        status, title = KINDS[kind]
        titles.setdefault(status, []).append(title)
    return {
        status: {
            "description": "; ".join(named),
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status, named in titles.items()
    }
