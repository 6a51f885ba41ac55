"""Runs dbt in a process of its own, so that no handle on the DuckDB file outlives it.

The request is `{"arguments": [...], "variables": {...}}`; with `"folder"` dbt works there, so that
files may be given by names that are the same in each build. Events are `phase`, `plan` (nodes),
`node` (a finished node) and, last, `end`.

With `"operations": [{"macro": ..., "arguments": [...]}]` the first arguments parse the project, and
each operation is run on what was parsed; an event `operation` tells what its macro logged as JSON.
"""

from __future__ import annotations

import gc
import json
import os
from typing import Any

from exporter.children import Send, serve

_ERRORS = (
    "MainEncounteredError",
    "RunningOperationCaughtError",
    "RunningOperationUncaughtError",
)


class _Reporter:
    """Turns dbt's own events into the few that the parent needs."""

    def __init__(self, send: Send) -> None:
        self.send = send
        self.errors: list[str] = []
        self.values: list[Any] = []

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


def _run(request: dict[str, Any], send: Send) -> None:
    # a run keeps nearly all that it makes, so collecting would only walk the graph over and over
    gc.disable()
    reporter = _Reporter(send)
    send("phase", text="starting dbt")

    from dbt.cli.main import dbtRunner
    from dbt.version import get_installed_version

    version = get_installed_version().to_version_string(True)
    send("phase", text="reading the project", version=version)
    if request.get("folder"):
        # only now: a module in this folder must not stand in the way of dbt's
        os.chdir(request["folder"])
    runner = dbtRunner(callbacks=[reporter.on_event])
    outcome = runner.invoke(request["arguments"], vars=request["variables"])
    results = getattr(outcome.result, "results", None) or []
    if outcome.success and "operations" in request:
        _run_operations(request, outcome.result, reporter)
    send(
        "end",
        success=outcome.success,
        error=str(outcome.exception) if outcome.exception else None,
        results=[_describe_result(result) for result in results if hasattr(result, "node")],
    )


if __name__ == "__main__":
    serve(_run)
