"""The route of a file of some days, which is made while it is sent."""

from __future__ import annotations

from typing import Any

import anyio
from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from exporter.api import openapi
from exporter.api.answers import MEDIA_TYPES
from exporter.api.parameters import read_day, read_safe_csv
from exporter.api.problems import invalid
from exporter.api.routes.requests import add_get, caller_of, read_parameters
from exporter.api.service import Service
from exporter.api.turns import in_thread
from exporter.focus.schemas import VERSIONS
from exporter.options import GRAINS


def add_file(router: APIRouter, service: Service) -> None:
    """Add the route."""
    described = [
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
    allowed = [parameter["name"] for parameter in described]

    async def read_file(request: Request) -> Response:
        given = read_parameters(request, allowed)
        from_date, to_date = read_day("from", given.get("from")), read_day("to", given.get("to"))
        if from_date and to_date and from_date > to_date:
            raise invalid("to", "lies before from")
        version, fmt = given.get("focusVersion"), given.get("format", "csv")
        safe_csv = read_safe_csv(given.get("safeCsv"), fmt)
        grain = given.get("grain", "call")
        if grain not in GRAINS:
            raise invalid("grain", f"choose one of {', '.join(GRAINS)}")
        if version is None and grain != "call":
            raise invalid("grain", "the flat layout has one row per call: give a focusVersion")
        passed = {name: given[name] for name in ("focusVersion", "billingPeriod") if name in given}
        stream = await in_thread(
            request.receive,
            service.stream,
            caller_of(request),
            "ai-calls" if version is None else "cost-and-usage",
            passed,
            fmt,
            grain,
            from_date,
            to_date,
            safe_csv,
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
        description="The file, as `focus-export export` writes it. A tool that reads FOCUS takes "
        "Cost and Usage; the flat layout is for people and older scripts, and not conformant.",
        content={
            "text/csv": {"schema": {"type": "string"}},
            "application/json": {"schema": envelope},
            "application/jsonl": {"schema": {"type": "string"}},
        },
        refusals=("unavailable",),
        operation_id="downloadfile",
        summary="One file: one flat row per call and booked month, or FOCUS Cost and Usage.",
        tags=["Files"],
    )
