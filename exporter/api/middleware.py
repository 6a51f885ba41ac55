"""What every request passes first: host, token, rate; and afterwards the log and the metrics."""

from __future__ import annotations

import ipaddress
import logging
import time
import uuid
from collections.abc import Collection
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from exporter.api.auth import Authenticator
from exporter.api.metrics import Metrics
from exporter.api.principal import Caller
from exporter.api.problems import RequestError, read_failure, respond_problem
from exporter.api.rate_limit import RateLimit

# what holds no data: anybody may see it
OPEN_PATHS = frozenset({"/", "/healthz", "/readyz", "/openapi.json", "/docs", "/favicon.ico"})
# a download's link is signed itself
OPEN_PREFIXES = ("/docs/", "/static/", "/downloads/")

_log = logging.getLogger("focus_export.api")
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    # nothing is loaded from elsewhere, and no text becomes a script
    "Content-Security-Policy": "default-src 'self'; object-src 'none'; frame-ancestors 'none'; "
    "base-uri 'none'; form-action 'self'; require-trusted-types-for 'script'; trusted-types 'none'",
}


class Gate:
    """ASGI middleware; a request's Caller stands in `scope["state"]["caller"]` behind it."""

    def __init__(
        self,
        app: ASGIApp,
        authenticator: Authenticator,
        rate: RateLimit,
        metrics: Metrics,
        open_paths: frozenset[str] = OPEN_PATHS,
        origins: Collection[str] = (),
        public_url: str | None = None,
    ) -> None:
        """Stand before an app; `open_paths` need no token, web pages of `origins` may ask.

        `public_url` is where the server is reached: without it, that is what a request says. It
        stands in `scope["state"]["base_url"]`, with a slash at its end.
        """
        self._open_paths = open_paths
        self._origins = origins
        self._public_url = public_url
        self._app = app
        self._authenticator = authenticator
        self._rate = rate
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            # a web socket, which nothing here speaks
            await send({"type": "websocket.close", "code": 1003})
            return
        started = time.perf_counter()
        request_id = uuid.uuid4().hex[:16]
        status = 500
        begun = False

        async def answer(message: Message) -> None:
            nonlocal status, begun
            if message["type"] == "http.response.start":
                begun = True
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                # what has a tag may be kept by whoever asks each time whether it still holds
                keep = "private, no-cache" if "etag" in headers else "no-store"
                headers.setdefault("Cache-Control", keep)
                if caller is not None:
                    headers.add_vary_header("Authorization")
            await send(message)

        caller: Caller | None = None
        self._metrics.running.inc()
        try:
            try:
                caller = self._admit(scope)
                url = self._public_url or str(Request(scope).base_url)
                scope.setdefault("state", {}).update(caller=caller, base_url=url)
                await self._app(scope, receive, answer)
            except Exception as error:
                if begun:
                    # the connection breaks off, so that half a file is not taken for a whole one
                    _log.exception("request %s broke off", request_id)
                    raise
                refusal = read_failure(error)
                if refusal is None:
                    _log.exception("request %s failed", request_id)
                    refusal = RequestError(
                        "internal-error", f"The request failed; the log says more of {request_id}."
                    )
                await respond_problem(refusal)(scope, receive, answer)
        finally:
            self._metrics.running.dec()
            self._record(scope, status, time.perf_counter() - started, caller, request_id)

    def _admit(self, scope: Scope) -> Caller | None:
        headers = Headers(scope=scope)
        if self._authenticator.is_open and not _is_local(headers.get("host", "")):
            # a web page may have its own name point at this machine
            raise RequestError(
                "forbidden", "Without a token the server answers to localhost and 127.0.0.1 only."
            )
        path = scope["path"]
        if path in self._open_paths or path.startswith(OPEN_PREFIXES):
            return None
        caller = self._authenticator.authenticate(headers.get("authorization"))
        if not self._authenticator.is_open:
            self._rate.take(caller.identity)
        elif (
            headers.get("sec-fetch-site") == "cross-site"
            and headers.get("origin") not in self._origins
        ):
            raise RequestError("forbidden", "Web pages of another origin may not ask.")
        return caller

    def _record(
        self, scope: Scope, status: int, seconds: float, caller: Caller | None, request_id: str
    ) -> None:
        # the route, not the path: a path has any number of spellings
        route: Any = scope.get("route")
        name = str(getattr(route, "path", "unknown"))
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._metrics.requests.labels(method, name, str(status)).inc()
        self._metrics.seconds.labels(name).observe(seconds)
        # neither the query nor a header: they may hold what is secret
        _log.info(
            "%s %s %s %d %.0f ms %s",
            request_id,
            method,
            name,
            status,
            seconds * 1000,
            caller.name if caller else "-",
        )


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def _is_local(host: str) -> bool:
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    return is_loopback(name.strip("[]"))


def is_loopback(name: str) -> bool:
    """Tell whether a host's name or address is this machine only."""
    if name.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
