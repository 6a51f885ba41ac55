"""What a request can't be answered with: one kind, one sentence, and the fields it is about."""

from __future__ import annotations

import logging
from dataclasses import dataclass

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
