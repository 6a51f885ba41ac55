"""The route of signed links, for the REST server and the MCP server alike."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from exporter.api.answers import write_coverage_headers
from exporter.api.jobs.orders import Jobs
from exporter.api.problems import invalid

PATH = "/downloads/{jobId}/{name}"
_PARAMETERS = ("expires", "signature")


def make_download(jobs: Jobs) -> Callable[[Request], Awaitable[Response]]:
    """Make the endpoint that gives out the file of a signed link; parts of it on request."""

    async def download(request: Request) -> Response:
        given = request.query_params
        for name in given:
            if name not in _PARAMETERS:
                named = " and ".join(_PARAMETERS)
                raise invalid(name[:64], f"is no parameter here; there are {named}")
        for name in _PARAMETERS:
            if len(given.getlist(name)) != 1:
                raise invalid(name, "must be given once, as in the link")
        path = request.path_params
        found = await run_in_threadpool(
            jobs.open_download, path["jobId"], path["name"], given["expires"], given["signature"]
        )
        digest = base64.b64encode(bytes.fromhex(found.sha256)).decode()
        return FileResponse(
            found.path,
            filename=found.file_name,
            media_type=found.media_type,
            headers={
                "ETag": f'"{found.sha256}"',
                "Repr-Digest": f"sha-256=:{digest}:",
                "Cache-Control": "private, no-store",
                **write_coverage_headers(found.coverage),
            },
        )

    return download
