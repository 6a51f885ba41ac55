"""The routes of a file of some days, which is made while it is sent, and of its manifest."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

import anyio
from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, StreamingResponse

from exporter.api import openapi
from exporter.api.answers import MEDIA_TYPES, Stream, write_coverage_headers
from exporter.api.parameters import read_day, read_safe_csv
from exporter.api.problems import RequestError, invalid
from exporter.api.routes.requests import add_get, caller_of, read_parameters
from exporter.api.service import Service
from exporter.api.streams import WantedFile
from exporter.api.turns import in_thread
from exporter.focus.schemas import VERSIONS
from exporter.options import GRAINS

FILE = "/api/exports/focus"
MANIFEST = f"{FILE}/manifest"
_BUILD = re.compile(r"[0-9A-Za-z-]{1,64}")

_PARAMETERS = [
    openapi.query_parameter("from", openapi.DAY, "First day, inclusive, UTC.", "2026-10-01"),
    openapi.query_parameter("to", openapi.DAY, "Last day, inclusive, UTC.", "2026-10-31"),
    openapi.query_parameter(
        "billingPeriod",
        openapi.MONTH,
        "Month in which the rows are booked; from and to go by the usage.",
        "2026-10",
    ),
    openapi.query_parameter(
        "format",
        {"type": "string", "enum": list(MEDIA_TYPES), "default": "csv"},
        "Format of the file.",
        "csv",
    ),
    {
        **openapi.focus_version_parameter(None, VERSIONS),
        "description": "Gives FOCUS Cost and Usage in this version instead of the flat layout.",
    },
    openapi.query_parameter(
        "grain",
        {"type": "string", "enum": list(GRAINS), "default": "call"},
        "With focusVersion: one row per call and price, or those rows summed by day or month.",
        "call",
    ),
    openapi.SAFE_CSV,
]


def add_file(router: APIRouter, service: Service) -> None:
    """Add the routes."""
    allowed = [parameter["name"] for parameter in _PARAMETERS]

    async def read_file(request: Request) -> Response:
        given = read_parameters(request, allowed)
        stream = await in_thread(request.receive, _open_stream, service, request, given)

        class Answer(StreamingResponse):
            async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
                try:
                    await super().__call__(scope, receive, send)
                finally:
                    with anyio.CancelScope(shield=True):
                        await run_in_threadpool(stream.close)

        manifest = urlencode({**given, "build": stream.build_key})
        return Answer(
            stream.chunks,
            media_type=stream.media_type,
            headers={
                "Content-Disposition": f'attachment; filename="{stream.file_name}"',
                "Link": f"<{request.state.base_url}{MANIFEST[1:]}?{manifest}>"
                '; rel="describedby"; type="application/json"',
                **write_coverage_headers(stream.coverage),
            },
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
        FILE,
        read_file,
        parameters=_PARAMETERS,
        description="The file, as `focus-export export` writes it. A tool that reads FOCUS takes "
        "Cost and Usage; the flat layout is for people and older scripts, and not conformant. The "
        "headers tell what is in no total, and where the file's manifest is.",
        content={
            "text/csv": {"schema": {"type": "string"}},
            "application/json": {"schema": envelope},
            "application/jsonl": {"schema": {"type": "string"}},
        },
        headers=openapi.FILE_HEADERS,
        refusals=("unavailable",),
        operation_id="downloadfile",
        summary="One file: one flat row per call and booked month, or FOCUS Cost and Usage.",
        tags=["Files"],
    )
    _add_manifest(router, service)


def _add_manifest(router: APIRouter, service: Service) -> None:
    build = openapi.query_parameter(
        "build",
        {"type": "string", "pattern": f"^{_BUILD.pattern}$"},
        "The build that the file was of, as its Link names it; without it the published one.",
    )
    described = [*_PARAMETERS, build]
    allowed = [parameter["name"] for parameter in described]

    async def read_manifest(request: Request) -> Response:
        given = read_parameters(request, allowed)
        key = given.pop("build", None)
        if key is not None and not _BUILD.fullmatch(key):
            raise invalid("build", "is no build: take it from the file's Link")
        return JSONResponse(
            await in_thread(request.receive, _describe, service, request, given, key)
        )

    add_get(
        router,
        MANIFEST,
        read_manifest,
        parameters=described,
        description="What the file holds, where it came from, and what is missing.",
        content={"application/json": {"schema": {"type": "object"}}},
        refusals=("gone", "unavailable"),
        operation_id="describefile",
        summary="The manifest of a file of a range of days, without its size and hash.",
        tags=["Files"],
    )


def _describe(
    service: Service, request: Request, given: dict[str, str], key: str | None
) -> dict[str, Any]:
    try:
        return service.describe_file(caller_of(request), _read(given), key)
    except RequestError as problem:
        if problem.kind != "gone":
            raise
        raise RequestError(
            "gone", "The file's build is no longer there: ask for the file again."
        ) from None


def _open_stream(service: Service, request: Request, given: dict[str, str]) -> Stream:
    return service.stream(caller_of(request), _read(given))


def _read(given: dict[str, str]) -> WantedFile:
    from_date, to_date = read_day("from", given.get("from")), read_day("to", given.get("to"))
    if from_date and to_date and from_date > to_date:
        raise invalid("to", "lies before from")
    version, fmt = given.get("focusVersion"), given.get("format", "csv")
    if fmt not in MEDIA_TYPES:
        raise invalid("format", f"choose one of {', '.join(MEDIA_TYPES)}")
    grain = given.get("grain", "call")
    if grain not in GRAINS:
        raise invalid("grain", f"choose one of {', '.join(GRAINS)}")
    if version is None and grain != "call":
        raise invalid("grain", "the flat layout has one row per call: give a focusVersion")
    return WantedFile(
        dataset="ai-calls" if version is None else "cost-and-usage",
        parameters={
            name: given[name] for name in ("focusVersion", "billingPeriod") if name in given
        },
        fmt=fmt,
        grain=grain,
        from_date=from_date,
        to_date=to_date,
        safe_csv=read_safe_csv(given.get("safeCsv"), fmt),
    )
