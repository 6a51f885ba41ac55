"""Follows a warehouse for a server: a process of its own copies each new build into a home.

The server reads that home as it reads any other, so it goes on with the copy that it has while the
next one is made, and when the warehouse is away.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from exporter.children import Child
from exporter.errors import DataError, UserError
from exporter.home import Home
from exporter.targets import check_warehouse

_log = logging.getLogger("focus_export.api")


class WarehouseFollower:
    """Keeps the copy of a target up to date from start() to close()."""

    def __init__(self, home: Home, target: str, refresh: int) -> None:
        """Look every `refresh` seconds; raises UserError for a target that can't be opened."""
        check_warehouse(target)
        self._request = {
            "home": str(home.path),
            "target": target,
            "refresh": refresh,
            # key files may be named from here
            "folder": str(Path.cwd()),
        }
        self._refresh = refresh
        self._child: Child | None = None
        self._current_at: float | None = None
        self._failure: str | None = None
        self._stops = threading.Event()
        self._lock = threading.Lock()

    def start(self) -> Home:
        """Give the home of the copies; without a copy the first is made now, said as it goes.

        Raises UserError or DataError when that is not possible.
        """
        home: Home | None = None
        try:
            events = self._events()
            for event in events:
                if event["event"] == "home":
                    home = Home(Path(event["path"]))
                elif event["event"] == "failed":
                    raise (UserError if event["is_users"] else DataError)(event["text"])
                elif event["event"] == "current":
                    self._take(event)
                elif event["event"] in ("phase", "copied"):
                    click.echo(event["text"], err=True)
                if home is not None and home.database.exists():
                    self._watch(events)
                    return home
        except BaseException:
            self.close()
            raise
        self.close()
        raise DataError("The process that copies the build ended before it was done.")

    def status(self) -> tuple[float | None, str | None]:
        """Tell when the copy was last known to be the target's build, and what failed since."""
        return self._current_at, self._failure

    def close(self) -> None:
        """Stop the process; a copy that is being made is left and swept up by the next one."""
        self._stops.set()
        with self._lock:
            child = self._child
        if child is not None:
            child.stop()

    def _watch(self, events: Iterator[dict[str, Any]]) -> None:
        name = "focus-export follower"
        threading.Thread(target=self._follow, args=(events,), name=name, daemon=True).start()

    def _follow(self, events: Iterator[dict[str, Any]]) -> None:
        while True:
            for event in events:
                self._take(event)
                if event["event"] == "copied":
                    _log.info("%s", event["text"])
            if self._stops.is_set():
                return
            self._fail("The process that copies builds ended.")
            if self._stops.wait(self._refresh):
                return
            events = self._events()

    def _take(self, event: dict[str, Any]) -> None:
        if event["event"] == "current":
            if self._failure is not None:
                _log.info("the copy is the target's build %s again", event["build_id"])
            self._current_at, self._failure = time.time(), None
        elif event["event"] == "failed":
            self._fail(event["text"])

    def _fail(self, text: str) -> None:
        # not a line for every look
        if text != self._failure:
            _log.warning("the last copy is served: %s", text)
        self._failure = text

    def _events(self) -> Iterator[dict[str, Any]]:
        with self._lock:
            if self._stops.is_set():
                return
            child = self._child = Child("exporter.warehouse.follow_child", self._request)
        yield from child.events()
