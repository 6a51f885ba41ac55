"""Runs dbt in a process of its own, so that no handle on the DuckDB file outlives it.

Standard input gives one line of JSON, `{"arguments": [...], "variables": {...}}`, and then stays
open: when it closes, the parent is gone and this process ends at once. Standard output carries one
JSON event per line: `phase`, `plan` (nodes), `node` (a finished node) and, last, `end`.

With `"operations": [{"macro": ..., "arguments": [...]}]` the first arguments parse the project, and
each operation is run on what was parsed; an event `operation` tells what its macro logged as JSON.
"""

from __future__ import annotations

import gc
import json
import os
import threading
from typing import IO, Any


def _end_with_parent() -> None:
    # os.read, since a second reader of sys.stdin's buffer would wait for its lock
    while os.read(0, 4096):
        pass
    os._exit(1)


def _read_request() -> dict[str, Any]:
    line = b""
    while not line.endswith(b"\n"):
        chunk = os.read(0, 1 << 20)
        if not chunk:
            raise SystemExit(1)
        line += chunk
    request: dict[str, Any] = json.loads(line)
    return request


_ERRORS = (
    "MainEncounteredError",
    "RunningOperationCaughtError",
    "RunningOperationUncaughtError",
)


class _Reporter:
    """Turns dbt's own events into the few that the parent needs."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self.errors: list[str] = []
        self.values: list[Any] = []

    def send(self, event: str, **values: Any) -> None:
        with self._lock:
            self._stream.write(json.dumps({"event": event, **values}) + "\n")
            self._stream.flush()

    def on_event(self, message: Any) -> None:
        name = message.info.name
        if name == "ConcurrencyLine":
            self.send("plan", nodes=message.data.node_count)
        elif name == "NodeFinished":
            node = message.data.node_info
            self.send("node", name=node.node_name, kind=node.resource_type, status=node.node_status)
        elif name in _ERRORS:
            self.errors.append(message.data.exc)
        elif name in ("JinjaLogInfo", "JinjaLogDebug") and message.data.msg[:1] == "{":
            self.values.append(json.loads(message.data.msg))


def _describe_result(result: Any) -> dict[str, Any]:
    node = result.node
    return {
        "id": node.unique_id,
        "name": node.name,
        "kind": str(node.resource_type),
        "path": node.original_file_path,
        "status": str(result.status),
        "message": result.message or "",
        "seconds": result.execution_time,
        "sql": getattr(node, "compiled_code", None) if str(result.status) == "fail" else None,
    }


def _run_operations(request: dict[str, Any], manifest: Any, reporter: _Reporter) -> None:
    from dbt.cli.main import dbtRunner

    for operation in request["operations"]:
        reporter.errors, reporter.values = [], []
        runner = dbtRunner(manifest=manifest, callbacks=[reporter.on_event])
        outcome = runner.invoke(operation["arguments"], vars=request["variables"])
        if outcome.exception:
            reporter.errors.append(str(outcome.exception))
        error = None if outcome.success else " ".join(reporter.errors) or "no reason was given"
        values = reporter.values
        reporter.send("operation", macro=operation["macro"], error=error, values=values)


def main() -> None:
    """Read the request, run dbt, report, and exit 0 when dbt could be run at all."""
    # dbt and its libraries may print: standard output belongs to the events alone
    stream = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    request = _read_request()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    reporter = _Reporter(stream)
    reporter.send("phase", text="starting dbt")

    from dbt.cli.main import dbtRunner
    from dbt.version import get_installed_version

    reporter.send(
        "phase", text="reading the project", version=get_installed_version().to_version_string(True)
    )
    # a run keeps nearly all that it makes, so collecting would only walk the graph over and over
    gc.disable()
    runner = dbtRunner(callbacks=[reporter.on_event])
    outcome = runner.invoke(request["arguments"], vars=request["variables"])
    results = getattr(outcome.result, "results", None) or []
    if outcome.success and "operations" in request:
        _run_operations(request, outcome.result, reporter)
    reporter.send(
        "end",
        success=outcome.success,
        error=str(outcome.exception) if outcome.exception else None,
        results=[_describe_result(result) for result in results if hasattr(result, "node")],
    )
    stream.close()
    # a library's thread must not keep a finished build waiting
    os._exit(0)


if __name__ == "__main__":
    main()
