"""Runs the applications, REST and MCP: where they listen, what they log, how they end."""

from __future__ import annotations

import asyncio
import logging
import re
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from exporter.api.auth import SHORTEST_TOKEN, VARIABLE, Authenticator
from exporter.api.jobs.orders import Jobs
from exporter.api.metrics import Metrics
from exporter.api.middleware import Gate, is_loopback
from exporter.api.rate_limit import RateLimit
from exporter.api.service import Service
from exporter.duck import check_memory_limit
from exporter.errors import UserError
from exporter.home import Home
from exporter.options import REFRESH
from exporter.targets import DUCKDB
from exporter.warehouse.follow import WarehouseFollower

_ORIGIN = re.compile(r"https?://[A-Za-z0-9.\-]+(:\d+)?|https?://\[[0-9a-fA-F:]+\](:\d+)?")
_log = logging.getLogger("focus_export.api")
# bytes of a request's line and headers
_LARGEST_HEAD = 65_536
# connections at once; to more a request is answered with 503
_CONNECTIONS = 512
# seconds in which a request must have come as a whole
_REQUEST_SECONDS = 30
# seconds that running requests have when the server is stopped
_GRACE = 10


@dataclass(frozen=True)
class Settings:
    """How the server is to run. REST or MCP is not served where its port is None."""

    host: str
    port: int | None
    token_file: Path | None
    rate: int
    cors_origins: tuple[str, ...] = ()
    mcp_port: int | None = None
    target: str = DUCKDB
    refresh: int = REFRESH
    public_url: str | None = None


@contextmanager
def open_source(
    home: Home, target: str, refresh: int
) -> Iterator[tuple[Home, WarehouseFollower | None]]:
    """Give the home that is served: the given one or, for a warehouse, that of its copies.

    Without a copy the first one is made here. Raises UserError where that is not possible.
    """
    if target == DUCKDB:
        yield home, None
        return
    with closing(WarehouseFollower(home, target, refresh)) as follower:
        yield follower.start(), follower


def run(home: Home, settings: Settings) -> None:
    """Serve until the process is stopped; raises UserError for settings that are not safe."""
    _log_to_standard_error()
    authenticator = Authenticator(settings.token_file)
    if authenticator.is_open and not is_loopback(settings.host):
        raise UserError(
            f"Without a token the server listens on this machine only, not on {settings.host}: "
            f"set {VARIABLE} or give --tokens FILE."
        )
    if authenticator.is_guessable:
        if not is_loopback(settings.host):
            raise UserError(
                f"{VARIABLE} has fewer than {SHORTEST_TOKEN} characters, which can be found by "
                f"trying: set a longer one, or listen on this machine only."
            )
        _log.warning("%s has fewer than %d characters", VARIABLE, SHORTEST_TOKEN)
    if not authenticator.is_open and home.is_shared():
        # what lies there is of several tenants
        _log.warning("other users of this machine may read the rows: run chmod 700 %s", home.path)
    _check_origins(settings.cors_origins, is_open=authenticator.is_open)
    if settings.port is not None and settings.port == settings.mcp_port:
        raise UserError(f"REST and MCP can't both listen on port {settings.port}: choose another.")
    check_memory_limit()
    with (
        open_source(home, settings.target, settings.refresh) as (served, follower),
        closing(Service(served)) as service,
        closing(Jobs(service, is_good=authenticator.is_good)) as jobs,
    ):
        jobs.start()
        metrics = Metrics()
        metrics.watch_jobs(jobs.count)
        if follower is not None:
            metrics.watch_warehouse(follower.status)
        _serve(settings, _make_apps(service, jobs, authenticator, settings, metrics))


def _check_origins(origins: tuple[str, ...], *, is_open: bool) -> None:
    for origin in origins:
        if origin == "*":
            if is_open:
                raise UserError(
                    "--cors-origin '*' without a token would let every web page read the rows: "
                    f"set {VARIABLE} or give --tokens FILE, or name the page's own origin."
                )
        elif not _ORIGIN.fullmatch(origin):
            raise UserError(
                f"--cors-origin {origin!r} is no origin: give one such as https://example.com."
            )


def _make_apps(
    service: Service,
    jobs: Jobs,
    authenticator: Authenticator,
    settings: Settings,
    metrics: Metrics,
) -> dict[int, ASGIApp]:
    """Make the applications by their ports; a token's rate counts for both together."""
    rate = RateLimit(settings.rate)
    apps: dict[int, ASGIApp] = {}
    if settings.port is not None:
        from exporter.api.app import create_app

        apps[settings.port] = create_app(
            service,
            authenticator,
            rate=rate,
            metrics=metrics,
            jobs=jobs,
            cors_origins=settings.cors_origins,
            public_url=settings.public_url,
        )
    if settings.mcp_port is not None:
        from exporter.api.mcp.endpoint import OPEN_PATHS, make_app

        app = make_app(service, jobs)
        apps[settings.mcp_port] = Gate(
            app, authenticator, rate, metrics, OPEN_PATHS, public_url=settings.public_url
        )
    return apps


class _Protocol(H11Protocol):
    """Hangs up on who does not send a request to its end."""

    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._expect()

    def on_response_complete(self) -> None:
        # the next request may have come with the one before
        super().on_response_complete()
        self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        super().connection_lost(exc)

    def _expect(self) -> None:
        if self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
            self._forget()
        elif self._late is None:
            self._late = self.loop.call_later(_REQUEST_SECONDS, self.transport.close)

    def _forget(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None


def _serve(settings: Settings, apps: dict[int, ASGIApp]) -> None:
    servers = [
        uvicorn.Server(
            uvicorn.Config(
                app,
                host=settings.host,
                port=port,
                http=_Protocol,
                limit_concurrency=_CONNECTIONS,
                h11_max_incomplete_event_size=_LARGEST_HEAD,
                # the gate writes the log, without queries and headers
                access_log=False,
                log_config=None,
                server_header=False,
                timeout_graceful_shutdown=_GRACE,
            )
        )
        for port, app in apps.items()
    ]

    async def serve() -> None:
        # a signal reaches the last one, which hands it on to the one before when it has ended
        await asyncio.gather(*(server.serve() for server in servers))

    try:
        asyncio.run(serve())
    except SystemExit:
        # uvicorn has said why on standard error; a server that was stopped had started
        for server in servers:
            if not server.started:
                raise UserError(
                    f"The server can't listen on {settings.host}:{server.config.port}: "
                    "another program may use the port; choose one with --port or --mcp-port."
                ) from None
        raise


def _log_to_standard_error() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    for name in ("focus_export.api", "uvicorn"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(logging.INFO)
        logger.propagate = False
