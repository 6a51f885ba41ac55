"""The MCP server's application: streamable HTTP, beside it health and the files of jobs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from exporter.api.jobs.orders import Jobs
from exporter.api.mcp.server import make_offer, make_server
from exporter.api.problems import RequestError, problem_handlers, respond_problem
from exporter.api.routes import downloads
from exporter.api.routes.health import is_alive, make_is_ready
from exporter.api.service import Service
from exporter.api.transfer import Transfer

PATHS = ("/mcp", "/")
_PLACE = f"There is nothing at this path; the MCP server is at {' and '.join(PATHS)}."
_NOTHING_HERE = {"not-found": _PLACE, "method-not-allowed": _PLACE}
# where everybody may ask: at / is the server itself
OPEN_PATHS = frozenset({"/healthz", "/readyz"})
_LARGEST_BODY = 262_144


def make_app(service: Service, jobs: Jobs) -> Starlette:
    """Make the application of streamable HTTP at /mcp and /; it belongs behind a Gate.

    Every request is answered by itself, with JSON: no session outlives the token it came with.
    """
    manager = StreamableHTTPSessionManager(
        app=make_server(make_offer(service, jobs), is_local=False),
        json_response=True,
        stateless=True,
        max_request_body_size=_LARGEST_BODY,
    )

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with manager.run():
            yield

    return Starlette(
        routes=[
            *(Route(path, _Endpoint(manager)) for path in PATHS),
            Route("/healthz", is_alive),
            Route("/readyz", make_is_ready(service)),
            Route(downloads.PATH, downloads.make_download(jobs)),
        ],
        lifespan=lifespan,
        exception_handlers=problem_handlers(_NOTHING_HERE),
        middleware=[Middleware(Transfer)],
    )


class _Endpoint:
    def __init__(self, manager: StreamableHTTPSessionManager) -> None:
        self._manager = manager

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        origin = request.headers.get("origin")
        if origin is not None and not _is_of(origin, request.headers.get("host")):
            raise RequestError("forbidden", "Web pages of another origin may not ask.")
        if request.method != "POST":
            # without sessions there is neither a stream to listen to nor a session to end
            error = RequestError("method-not-allowed", f"{request.method[:16]}: send a POST.")
            await respond_problem(error, {"Allow": "POST"})(scope, receive, send)
            return
        await self._manager.handle_request(scope, receive, send)


def _is_of(origin: str, host: str | None) -> bool:
    try:
        return urlsplit(origin).netloc == host
    except ValueError:
        # such as http://[
        return False
