"""Starts dbt in a process of its own (dbt_process), and runs single macros of the project there."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exporter.children import Child
from exporter.errors import DataError, MachineError, find_refusal
from exporter.home import DATABASE, Home
from exporter.progress import Progress
from exporter.project import Project
from exporter.targets import DUCKDB, profiles_folder

# DuckDB's words for a file that isn't there, and for any file
_GONE = re.compile(
    r'IO Error: (?:No files found that match the pattern "([^"]+)"|'
    r'[^"]*"([^"]+)": No such file or directory)'
)
_FILE = re.compile(r'IO Error: .*?file \\?"(.+?)\\?"')


@dataclass(frozen=True)
class Operation:
    """A macro to be run, with its arguments."""

    macro: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Outcome:
    """What a macro logged, each line a JSON object; `error` is what stopped it."""

    macro: str
    error: str | None
    values: list[dict[str, Any]]


def project_arguments(project: Project, target: str) -> list[str]:
    """Give the options that name project, profiles and target; DuckDB is the project's own."""
    profiles = project.path if target == DUCKDB else profiles_folder(project)
    return [
        *("--project-dir", str(project.path), "--profiles-dir", str(profiles)),
        *("--target", target),
    ]


def start(
    home: Home,
    request: Mapping[str, Any],
    environment: Mapping[str, str],
    database: Path | None = None,
) -> Child:
    """Start the process and hand it the request.

    dbt works in the folder of `database`, its DuckDB file, and knows it by its name alone: for
    another path it would parse the project anew.
    """
    if database is not None:
        request = {**request, "folder": str(database.parent)}
        environment = {**environment, "AI_FOCUS_DATABASE": database.name}
    settings = {
        # an empty setting counts as none
        **{name: value for name, value in os.environ.items() if value or name[:9] != "AI_FOCUS_"},
        "AI_FOCUS_HOME": str(home.path),
        "DBT_TARGET_PATH": str(home.target),
        "DBT_LOG_PATH": str(home.logs),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        **environment,
    }
    with (home.logs / "dbt.stderr.log").open("w", encoding="utf-8") as errors:
        return Child("exporter.dbt.child", request, settings, errors)


def watch(child: Child, progress: Progress) -> tuple[str, dict[str, Any] | None]:
    """Show how far dbt is until it has ended; gives its version and the event `end`.

    That event is None when the process died before it was done.
    """
    version, end = "", None
    try:
        for event in child.events():
            if event["event"] == "end":
                end = event
            elif event["event"] == "phase":
                version = event.get("version", version)
                progress.phase(event["text"])
            elif event["event"] == "plan":
                progress.plan(event["nodes"])
            else:
                progress.node(event["name"], event["kind"], event["status"])
    finally:
        progress.close()
        child.stop()
    return version, end


def machine_fault(home: Home, child: Child, end: Mapping[str, Any] | None) -> str | None:
    """Say in a sentence what the machine denied a run of dbt; None where that is not why it failed.

    `end` is what watch gave.
    """
    if end is None:
        if child.code is None or child.code >= 0:
            return None
        reason = f"dbt was ended by signal {-child.code}, as a system without memory does"
        return f"{reason}: free some memory, or lower AI_FOCUS_MEMORY_LIMIT."
    bad = (found["message"] for found in end["results"] if found["status"] in ("error", "fail"))
    for text in (end["error"] or "", *bad):
        fault = read_fault(home, text)
        if fault is not None:
            return fault
    return None


def read_fault(home: Home, text: str) -> str | None:
    """Say in a sentence what the machine denied, by the words of dbt and DuckDB on this machine."""
    if "Out of Memory Error" in text:
        limit = os.environ.get("AI_FOCUS_MEMORY_LIMIT") or "2GB"
        return (
            f"dbt needs more memory than AI_FOCUS_MEMORY_LIMIT ({limit}) allows, or more disk for "
            f"what exceeds it: raise it, free some space in {home.path}, or lower --threads."
        )
    gone = _GONE.search(text)
    if gone is not None:
        file = gone[1] or gone[2]
        return f"{file} went away while it was read: begin again when the raw folder rests."
    refused = find_refusal(text)
    if refused is None or not ("[Errno " in text or "IO Error: " in text):
        return None
    found = _FILE.search(text)
    return (
        f"{found[1] if found else home.path} can't be read or written ({refused}): "
        "free some space, or see to the rights there."
    )


def run_operations(
    home: Home,
    project: Project,
    target: str,
    operations: Sequence[Operation],
    variables: Mapping[str, Any],
    folder: Path | None = None,
) -> Iterator[Outcome]:
    """Run macros one after the other in one process of dbt; gives each outcome when it is there.

    The target duckdb is a new file in `folder`. Raises DataError when dbt can't run at all.
    """
    # what dbt keeps of a parse is good for one target and its variables
    environment = {"DBT_TARGET_PATH": str(home.target / f"operations-{target}")}
    database = folder / DATABASE if folder is not None else None
    request = {
        "arguments": [
            *("--log-level", "none", "--log-level-file", "debug"),
            *("parse", *project_arguments(project, target)),
        ],
        "variables": variables,
        "operations": [
            {
                "macro": operation.macro,
                "arguments": [
                    *("--log-level", "none", "--log-level-file", "debug"),
                    *("run-operation", operation.macro, *project_arguments(project, target)),
                    *("--args", json.dumps(operation.arguments)),
                ],
            }
            for operation in operations
        ],
    }
    child = start(home, request, environment, database)
    end: dict[str, Any] | None = None
    try:
        for event in child.events():
            if event["event"] == "operation":
                yield Outcome(event["macro"], event["error"], event["values"])
            elif event["event"] == "end":
                end = event
    finally:
        child.stop()
    if end is None or not end["success"]:
        fault = machine_fault(home, child, end)
        if fault is not None:
            raise MachineError(fault)
        reason = " ".join(((end or {}).get("error") or "it ended early").split())
        raise DataError(f"dbt could not read the project ({reason}); its log is in {home.logs}.")
