"""The process that writes the file of one export job: its own memory limit, and easy to stop.

The request is a Task. Events are `progress` (a share from 0 to 1) as it goes, and at last `done`
with what the file holds, or `failed` with a sentence.
"""

from __future__ import annotations

import os
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from exporter.api.answers import describe_page_coverage, describe_totals
from exporter.api.principal import Caller
from exporter.api.problems import read_failure
from exporter.api.queries import read_query
from exporter.api.service import Service
from exporter.children import Send, serve
from exporter.duck import count_progress, lock_down
from exporter.errors import UserError
from exporter.extract.pages import PagedExtract
from exporter.focus.schemas import json_column_names
from exporter.home import Home, sync
from exporter.project import load_project

# readers of the API come first
_NICENESS = 5
_EVERY = 0.5
_SCOPES = ("datasets", "billing_accounts", "sub_accounts")


@dataclass(frozen=True)
class Task:
    """What is to be written where, with whose scope."""

    home: str
    path: str
    caller: dict[str, Any]
    dataset: str
    parameters: dict[str, str]
    grain: str
    format: str
    safe_csv: bool | None = None


def describe_caller(caller: Caller) -> dict[str, Any]:
    """Write a caller as JSON values, in one way only."""
    described: dict[str, Any] = {"name": caller.name, "identity": caller.identity}
    for name in _SCOPES:
        values = getattr(caller, name)
        described[name] = None if values is None else sorted(values)
    return described


def read_caller(described: dict[str, Any]) -> Caller:
    """Read what describe_caller wrote."""
    scopes = {
        name: None if described[name] is None else frozenset(described[name]) for name in _SCOPES
    }
    return Caller(described["name"], described["identity"], **scopes)


def write_file(task: Task, report: Callable[[float], None]) -> dict[str, Any]:
    """Write the file of a task from the published build; gives what the file holds.

    Raises RequestError or UserError with a sentence for the one who ordered it.
    """
    path = Path(task.path)
    path.touch()
    service = Service(Home(Path(task.home)), is_locked=False)
    try:
        query = read_query(read_caller(task.caller), task.dataset, task.parameters, task.grain)
        dataset = query.selection.dataset
        json_names = json_column_names(load_project(), dataset.focus_id)
        with service.builds.current() as build, build.cursor() as cursor:
            query = query.name_providers(build.providers)
            copied = count_progress(cursor)
            lock_down(build.connection, service.builds.scratch, path.parent)
            extract = PagedExtract(cursor, query.selection, json_names)
            measure = extract.measure()
            coverage = query.read_coverage(cursor)
            safe_csv = dataset.escapes_formulas(task.format, task.safe_csv)
            with (
                TemporaryDirectory(dir=service.builds.scratch) as folder,
                _reporting(lambda: extract.written or copied(), report),
            ):
                written = extract.write_file(
                    path, task.format, None, safe_csv, measure, Path(folder)
                )
            described = {
                "build": {"id": build.build_id, "finishedAt": build.finished_at},
                "rows": measure.rows,
                "totals": describe_totals(measure),
                "coverage": describe_page_coverage(query, coverage),
            }
    finally:
        service.close()
    sync(path)
    return {"bytes": written.size, "sha256": written.sha256, **described}


@contextmanager
def _reporting(count: Callable[[], float], report: Callable[[float], None]) -> Iterator[None]:
    ended = threading.Event()

    def work() -> None:
        while not ended.wait(_EVERY):
            report(count())

    reporter = threading.Thread(target=work, daemon=True)
    reporter.start()
    try:
        yield
    finally:
        ended.set()
        reporter.join()


def _run(request: dict[str, Any], send: Send) -> None:
    # which Windows does not know
    with suppress(OSError, AttributeError):
        os.nice(_NICENESS)
    try:
        described = write_file(Task(**request), lambda share: send("progress", share=share))
    except Exception as error:
        problem = read_failure(error)
        if problem is not None:
            reason = problem.detail
        elif isinstance(error, UserError):
            reason = str(error)
        else:
            traceback.print_exc()
            reason = f"The job failed ({type(error).__name__}); the server's log says more."
        send("failed", error=reason)
    else:
        send("done", result=described)


if __name__ == "__main__":
    serve(_run)
