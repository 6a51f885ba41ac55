"""How an answer goes out, whatever route gives it: HEAD, If-None-Match, gzip, plain refusals."""

from __future__ import annotations

import gzip
import re

from anyio import to_thread
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from exporter.api.problems import MEDIA_TYPE, plain_problem

# a smaller answer is one packet anyway
_LEAST = 1_000
# rows repeat so much that higher levels gain little
_LEVEL = 4
_TEXT = re.compile(r"text/|image/svg|application/(problem\+|schema\+)?(json|javascript)")
_OF_A_BODY = {b"content-length", b"content-type", b"content-disposition", b"content-range"}
_NO_GZIP = re.compile(r"\s*q\s*=\s*0(\.0*)?\s*")


class Transfer:
    """ASGI middleware behind the gate.

    HEAD is GET without the body. What the client has already (ETag, If-None-Match) is answered
    304. What is answered whole as text is packed by gzip; files are not, as their parts may be
    asked for. A refusal in plain text, such as that of a Range, becomes a problem document.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Stand before an app."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and its answer back."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_head = scope["method"] == "HEAD"
        asked = Headers(scope=scope)
        if is_head:
            scope["method"] = "GET"
        if asked.get("range", "bytes=").partition("=")[0].strip().lower() != "bytes":
            # a unit that nobody knows is to be ignored
            scope["headers"] = [it for it in scope["headers"] if it[0] != b"range"]
        begun: Message | None = None

        async def answer(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = message
                return
            if begun is not None and message["type"] == "http.response.body":
                start, begun = begun, None
                more = message.get("more_body", False)
                if scope["method"] == "GET" and _is_known(start, asked):
                    _empty(start)
                elif not more:
                    message = {**message, "body": await _write(start, message, asked)}
                await send(start)
                if is_head or start["status"] == 304:
                    await send({"type": "http.response.body"})
                    if more:
                        raise _EnoughError
                    return
            await send(message)

        try:
            await self._app(scope, receive, answer)
        except _EnoughError:
            pass
        finally:
            if is_head:
                scope["method"] = "HEAD"


class _EnoughError(Exception):
    """Ends an answer whose body nobody wants."""


def is_known(tag: str | None, known: str | None) -> bool:
    """Tell whether If-None-Match names an ETag; weak and strong ones are the same here."""
    if tag is None or known is None:
        return False
    given = [it.strip().removeprefix("W/") for it in known.split(",")]
    return given == ["*"] or tag.removeprefix("W/") in given


def _is_known(start: Message, asked: Headers) -> bool:
    tag = Headers(raw=start["headers"]).get("etag")
    return start["status"] in (200, 206) and is_known(tag, asked.get("if-none-match"))


def _empty(start: Message) -> None:
    start["status"] = 304
    start["headers"] = [it for it in start["headers"] if it[0] not in _OF_A_BODY]


async def _write(start: Message, message: Message, asked: Headers) -> bytes:
    """Write a whole body as it is to go out, and put its headers right."""
    body: bytes = message.get("body", b"")
    headers = MutableHeaders(scope=start)
    media_type = headers.get("content-type", "")
    problem = plain_problem(start["status"], body.decode()) if "plain" in media_type else None
    if problem is not None:
        body = bytes(problem.body)
        headers["Content-Type"] = MEDIA_TYPE
        headers["Content-Length"] = str(len(body))
    is_file = "content-disposition" in headers or "content-encoding" in headers
    if is_file or start["status"] == 206 or len(body) < _LEAST or not _TEXT.match(media_type):
        return body
    headers.add_vary_header("Accept-Encoding")
    if not _takes_gzip(asked.get("accept-encoding", "")):
        return body
    body = await to_thread.run_sync(lambda: gzip.compress(body, _LEVEL, mtime=0))
    headers["Content-Encoding"] = "gzip"
    headers["Content-Length"] = str(len(body))
    tag = headers.get("etag")
    if tag is not None and not tag.startswith("W/"):
        # a strong one is of these very bytes
        headers["ETag"] = f"W/{tag}"
    del headers["accept-ranges"]
    return body


def _takes_gzip(accepted: str) -> bool:
    for part in accepted.lower().split(","):
        name, _, weight = part.partition(";")
        if name.strip() == "gzip":
            return _NO_GZIP.fullmatch(weight) is None
    return False
