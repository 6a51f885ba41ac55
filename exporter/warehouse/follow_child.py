"""The process that follows a warehouse for a server: it looks for a new build and copies it.

The request is `{"home": …, "target": …, "refresh": seconds, "folder": …}`. Events are `home` (where
the copies lie), `phase`, `copied`, and after each look `current`, or `failed` with a sentence.
"""

from __future__ import annotations

import os
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any

from exporter.children import Send, serve
from exporter.errors import BusyError, DataError, UserError
from exporter.home import Home
from exporter.project import load_project
from exporter.targets import hide_secrets
from exporter.warehouse.adapters import Warehouse
from exporter.warehouse.connection import open_warehouse
from exporter.warehouse.mirror import copy_build, find_copy_home, find_finished, is_copied
from exporter.warehouse.record import ChangedError, NoBuildError

# readers of the API come first
_NICENESS = 5
# seconds between two looks while another server of the home copies
_SOON = 5.0


class _Follower:
    def __init__(self, home: Home, target: str, refresh: float, send: Send) -> None:
        self._project = load_project()
        self._target = target
        self._refresh = refresh
        self._send = send
        self._home = find_copy_home(home, target, self._project)

    def follow(self) -> None:
        """Look, copy and wait, for ever; after a failure the warehouse is opened anew."""
        self._send("home", path=str(self._home.path))
        while True:
            try:
                self._send("phase", text=f"opening the target {self._target}")
                with open_warehouse(self._target, self._project) as warehouse:
                    while True:
                        time.sleep(self._look(warehouse))
            except Exception as error:
                _report_failure(self._send, error)
            time.sleep(self._refresh)

    def _look(self, warehouse: Warehouse) -> float:
        """Copy the target's build if it is a new one; gives the seconds until the next look."""
        try:
            record = find_finished(warehouse)
        except NoBuildError as error:
            _report_failure(self._send, error)
            return self._refresh
        if not is_copied(self._home, record):

            def say(text: str) -> None:
                self._send("phase", text=text)

            try:
                copied = copy_build(self._home, self._project, warehouse, record, say)
            except BusyError:
                say("another server copies the build")
                return min(_SOON, self._refresh)
            except ChangedError as error:
                _report_failure(self._send, error)
                return self._refresh
            self._send(
                "copied",
                build_id=copied.build_id,
                text=f"copied build {copied.build_id} of the target {self._target}: "
                f"{copied.rows:,} rows in {copied.seconds:.0f} s",
            )
        self._send("current", build_id=record.build_id)
        return self._refresh


def _report_failure(send: Send, error: Exception) -> None:
    if isinstance(error, UserError | DataError):
        text, is_users = str(error), isinstance(error, UserError)
    else:
        traceback.print_exc()
        text, is_users = f"{type(error).__name__}: {error}", False
    send("failed", text=hide_secrets(" ".join(text.split())), is_users=is_users)


def _run(request: dict[str, Any], send: Send) -> None:
    os.chdir(request["folder"])
    # which Windows does not know
    with suppress(OSError, AttributeError):
        os.nice(_NICENESS)
    home = Home(Path(request["home"]))
    try:
        _Follower(home, request["target"], request["refresh"], send).follow()
    except (UserError, DataError) as error:
        # the target's name or profile is no good: there is nothing to wait for
        _report_failure(send, error)


if __name__ == "__main__":
    serve(_run)
