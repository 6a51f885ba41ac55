"""Starts dbt in a process of its own (dbt_process), and runs single macros of the project there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exporter.errors import DataError
from exporter.home import Home
from exporter.progress import Progress
from exporter.project import Project
from exporter.targets import DUCKDB, profiles_folder

# a DuckDB that is always the same to dbt, which reads the project anew where its file is another
IN_MEMORY = ":memory:"
# seconds that a stopped dbt has to end by itself
PATIENCE = 5


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
    project: Project,
    request: Mapping[str, Any],
    environment: Mapping[str, str],
) -> subprocess.Popen[str]:
    """Start the process and hand it the request; raises DataError when it dies at once."""
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
        process = subprocess.Popen(
            [sys.executable, "-m", "exporter.dbt_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=settings,
            # a folder whose modules can't stand in the way of dbt's
            cwd=project.path,
            # Ctrl-C reaches the wrapper alone, which then stops dbt
            start_new_session=True,
            text=True,
            encoding="utf-8",
        )
    assert process.stdin is not None  # noqa: S101
    try:
        # YAML makes dates of values such as price_book_as_of
        process.stdin.write(json.dumps(request, default=str) + "\n")
        process.stdin.flush()
    except BaseException as error:
        stop(process)
        if isinstance(error, BrokenPipeError):
            raise DataError(
                f"dbt could not be started: its last words are in {errors.name}."
            ) from None
        raise
    return process


def stop(process: subprocess.Popen[str]) -> None:
    """End the process, which may have ended already."""
    if process.poll() is not None:
        return
    assert process.stdin is not None  # noqa: S101
    try:
        # the child ends itself when its standard input closes
        process.stdin.close()
        process.wait(PATIENCE)
    except (subprocess.TimeoutExpired, OSError):
        process.kill()
        process.wait()


def watch(process: subprocess.Popen[str], progress: Progress) -> tuple[str, dict[str, Any] | None]:
    """Show how far a process is until it has ended; gives dbt's version and the event `end`.

    That event is None when the process died before it was done.
    """
    version, end = "", None
    try:
        assert process.stdout is not None  # noqa: S101
        for line in process.stdout:
            event = json.loads(line)
            if event["event"] == "end":
                end = event
            elif event["event"] == "phase":
                version = event.get("version", version)
                progress.phase(event["text"])
            elif event["event"] == "plan":
                progress.plan(event["nodes"])
            else:
                progress.node(event["name"], event["kind"], event["status"])
        process.wait()
    finally:
        progress.close()
        stop(process)
    return version, end


def run_operations(
    home: Home,
    project: Project,
    target: str,
    operations: Sequence[Operation],
    variables: Mapping[str, Any],
    database: Path | str | None = None,
) -> Iterator[Outcome]:
    """Run macros one after the other in one process of dbt; gives each outcome when it is there.

    `database` is the DuckDB file of the target duckdb. Raises DataError when dbt can't run at all.
    """
    environment = {
        # what dbt keeps of a parse is good for one target and its variables
        "DBT_TARGET_PATH": str(home.target / f"operations-{target}"),
        **({"AI_FOCUS_DATABASE": str(database)} if database is not None else {}),
    }
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
    process = start(home, project, request, environment)
    end: dict[str, Any] | None = None
    try:
        assert process.stdout is not None  # noqa: S101
        for line in process.stdout:
            event = json.loads(line)
            if event["event"] == "operation":
                yield Outcome(event["macro"], event["error"], event["values"])
            elif event["event"] == "end":
                end = event
        process.wait()
    finally:
        stop(process)
    if end is None or not end["success"]:
        reason = " ".join(((end or {}).get("error") or "it ended early").split())
        raise DataError(f"dbt could not read the project ({reason}); its log is in {home.logs}.")
