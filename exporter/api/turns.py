"""Who may work now: few at once, in turn between tokens; the others wait, and not too many of them.

Work ends when whoever asked for it has left, or when it has taken too long.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeVar

import anyio
import duckdb
from starlette.types import Receive

from exporter.api.problems import RequestError

# requests that work or wait have a thread each: more than all turns let wait, so that one is free
_THREADS = 256
# seconds between two looks whether somebody still waits for the answer
_LOOK_EVERY = 0.2
# seconds after which it is worth asking again
_RETRY_AFTER = 5
_Result = TypeVar("_Result")
_client_left: ContextVar[threading.Event | None] = ContextVar("_client_left", default=None)


@dataclass(eq=False)
class _Waiting:
    identity: str
    may_go: threading.Event = field(default_factory=threading.Event)


class Turns:
    """Lets `at_once` work, of one identity `each`; of the others `queue` wait, `own_queue` of one.

    Next is who of those with the least under way has had no turn for the longest. `what` names the
    work in refusals.
    """

    def __init__(self, what: str, at_once: int, each: int, queue: int, own_queue: int) -> None:
        """Begin with nobody."""
        self._what = what
        self._at_once = at_once
        self._each = each
        self._queue = queue
        self._own_queue = own_queue
        self._lock = threading.Lock()
        self._waiting: list[_Waiting] = []
        self._working = Counter[str]()
        self._turn = 0
        self._last_turns: dict[str, int] = {}

    def count_waiting(self) -> int:
        """Count those who wait for their turn."""
        return len(self._waiting)

    @contextmanager
    def take(self, identity: str, seconds: float) -> Iterator[None]:
        """Work when it is one's turn; raises a RequestError when none comes within the seconds."""
        self._wait(identity, seconds)
        try:
            yield
        finally:
            with self._lock:
                self._working[identity] -= 1
                self._call()

    def _wait(self, identity: str, seconds: float) -> None:
        me = _Waiting(identity)
        with self._lock:
            self._waiting.append(me)
            self._call()
            if not me.may_go.is_set():
                own = sum(one.identity == identity for one in self._waiting)
                if own > self._own_queue or len(self._waiting) > self._queue:
                    self._waiting.remove(me)
                    raise self._refuse(is_own=own > self._own_queue)
        until = time.monotonic() + seconds
        while not me.may_go.wait(_LOOK_EVERY):
            if time.monotonic() > until or _has_left():
                with self._lock:
                    if me in self._waiting:
                        self._waiting.remove(me)
                        raise self._refuse(is_own=self._working[identity] >= self._each)

    def _call(self) -> None:
        """Let those work whose turn it is."""
        while self._working.total() < self._at_once:
            able = [one for one in self._waiting if self._working[one.identity] < self._each]
            if not able:
                return
            chosen = min(
                able,
                key=lambda one: (
                    self._working[one.identity],
                    self._last_turns.get(one.identity, 0),
                ),
            )
            self._waiting.remove(chosen)
            self._turn += 1
            self._last_turns[chosen.identity] = self._turn
            self._working[chosen.identity] += 1
            chosen.may_go.set()

    def _refuse(self, *, is_own: bool) -> RequestError:
        whose = f"of your {self._what}" if is_own else self._what
        return RequestError(
            "too-many-requests" if is_own else "busy",
            f"Too many {whose} run or wait already: try again in {_RETRY_AFTER} s.",
            retry_after=_RETRY_AFTER,
        )


@contextmanager
def interrupting(connection: duckdb.DuckDBPyConnection, seconds: float | None) -> Iterator[None]:
    """End a connection's statements after the seconds, or when whoever asked has left.

    Raises a RequestError then. None allows any time.
    """
    until = None if seconds is None else time.monotonic() + seconds
    ended = threading.Event()
    # the context of the request is not that of the thread which looks
    left = _client_left.get()

    def look() -> None:
        while not ended.wait(_LOOK_EVERY):
            # again and again: between two statements nobody hears it
            if (until is not None and time.monotonic() > until) or (left and left.is_set()):
                connection.interrupt()

    watcher = threading.Thread(target=look, name="focus-export deadline", daemon=True)
    watcher.start()
    try:
        yield
    except duckdb.InterruptException:
        raise RequestError(
            "busy",
            f"The answer took longer than {seconds:g} s: ask for less at once (a shorter period, "
            "more filters, a smaller pageSize), or order a file."
            if seconds is not None and not _has_left()
            else "Nobody waits for the answer any more.",
            retry_after=_RETRY_AFTER,
        ) from None
    finally:
        ended.set()
        watcher.join()


def _has_left() -> bool:
    left = _client_left.get()
    return left is not None and left.is_set()


async def in_thread(
    receive: Receive | None, function: Callable[..., _Result], *arguments: Any
) -> _Result:
    """Call a function that blocks; where `receive` says that the client left, its work ends."""
    limiter = anyio.to_thread.current_default_thread_limiter()
    limiter.total_tokens = max(limiter.total_tokens, _THREADS)
    left = threading.Event()
    _client_left.set(left)

    async def watch(receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        left.set()

    watcher = asyncio.ensure_future(watch(receive)) if receive else None
    try:
        return await anyio.to_thread.run_sync(function, *arguments)
    finally:
        if watcher is not None:
            watcher.cancel()
