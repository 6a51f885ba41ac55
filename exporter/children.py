"""Runs a module of ours in a process of its own: a request goes in, events come out.

The request is one line of JSON on the child's standard input, which then stays open: when it
closes, whoever started the child is gone, and it ends at once. Each event is one line of JSON on
its standard output, which belongs to the events alone: what a library prints goes to standard
error.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, NoReturn, Protocol

# where the package lies: modules of the caller's own folder must not stand in the way
_ROOT = Path(__file__).resolve().parents[1]
# seconds that a child has to end by itself
_PATIENCE = 5


class Send(Protocol):
    """Sends an event to the parent."""

    def __call__(self, event: str, /, **values: object) -> None:
        """Send one event with its values, which JSON must know."""


class Child:
    """A process that runs `module`, whose main hands its work to serve()."""

    def __init__(
        self,
        module: str,
        request: Mapping[str, Any],
        environment: Mapping[str, str] | None = None,
        errors: IO[str] | None = None,
    ) -> None:
        """Start it and send the request; `errors` takes its standard error, else the parent's."""
        self._process = subprocess.Popen(  # noqa: S603
            # it ends at once, and Python would complain of a semaphore that dbt made
            [sys.executable, "-W", "ignore:resource_tracker", "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=None if environment is None else dict(environment),
            cwd=_ROOT,
            # a terminal's Ctrl-C and a signal to the group reach the parent alone, which then
            # decides what becomes of the child
            start_new_session=True,
            # the same on Windows
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
        assert self._process.stdin is not None  # noqa: S101
        try:
            # YAML makes dates of values such as price_book_as_of
            self._process.stdin.write(json.dumps(request, default=str).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            # it has died already: events() ends at once
            pass
        except BaseException:
            self.stop()
            raise

    @property
    def code(self) -> int | None:
        """The exit code, None while it runs; negative where a signal ended it."""
        return self._process.poll()

    def events(self) -> Iterator[dict[str, Any]]:
        """Give the events as they come, until the child has ended."""
        assert self._process.stdout is not None  # noqa: S101
        for line in self._process.stdout:
            event = _read_event(line)
            if event is not None:
                yield event
        self._process.wait()

    def stop(self, patience: float = _PATIENCE) -> None:
        """End the process, which may have ended already; it has `patience` seconds for it."""
        assert self._process.stdin is not None  # noqa: S101
        try:
            self._process.stdin.close()
            self._process.wait(patience)
        except (subprocess.TimeoutExpired, OSError):
            self._process.kill()
            self._process.wait()


def _read_event(line: bytes) -> dict[str, Any] | None:
    # Python's own start may print before serve() keeps standard output for itself, and a child that
    # is killed while it speaks leaves half a line
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and "event" in event else None


def serve(work: Callable[[dict[str, Any], Send], None]) -> NoReturn:
    """Do the work that the parent asks for, in the child, and end the process with 0."""
    # what stops a service sends SIGTERM to all its processes: the parent alone decides what ends
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    stream = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    request = _read_request()
    lock = threading.Lock()

    def send(event: str, /, **values: object) -> None:
        with lock:
            stream.write(json.dumps({"event": event, **values}) + "\n")
            stream.flush()

    threading.Thread(target=_end_with_parent, daemon=True).start()
    work(request, send)
    # a library's thread must not keep what is done waiting
    os._exit(0)


def _read_request() -> dict[str, Any]:
    # os.read, since a second reader of sys.stdin's buffer would wait for its lock
    line = b""
    while not line.endswith(b"\n"):
        chunk = os.read(0, 1 << 20)
        if not chunk:
            os._exit(1)
        line += chunk
    request: dict[str, Any] = json.loads(line)
    return request


def _end_with_parent() -> None:
    # nothing more is ever sent
    while os.read(0, 4096):
        pass
    os._exit(1)
