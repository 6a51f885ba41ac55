"""Builds the datasets in a file of their own and publishes it whole or not at all.

`builds/<id>/ai_focus.duckdb` starts empty. After dbt has built every model and passed every test,
and the file is checkpointed and closed, the link `ai_focus.duckdb` is pointed at it in one step. A
build that fails or is killed leaves the published one untouched.
"""

from __future__ import annotations

import json
import re
import shutil
import time
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import click

from exporter.build import closed_months, report, set_aside, totals
from exporter.build.builds import (
    is_published,
    lock,
    make_build_id,
    moment_text,
    publish,
    remove_leftovers,
)
from exporter.children import Child
from exporter.dbt.runner import machine_fault, project_arguments, start, watch
from exporter.errors import DataError, IncompleteError, MachineError, UserError
from exporter.extract.manifest import read_build
from exporter.home import DATABASE, DESCRIPTION, Home, write_durably
from exporter.progress import Progress
from exporter.project import Project, load_project, tool_version
from exporter.raw.plan import Fault, RawPlan, find_raw_files, plan_raw_files, select_sources
from exporter.targets import DUCKDB, check_warehouse

SHOWN_FAILURES = 20
SHOWN_LINES = 12
# what macros/vars.sql says of a variable that no model knows
_VARIABLE_MISTAKE = re.compile(r"The variable \w+ is .*?: it must be [^.]+\.")


@dataclass(frozen=True)
class BuildRequest:
    """What the user asked for."""

    raw_dir: Path | None = None
    sources: tuple[str, ...] = ()
    set_aside: bool = False
    target: str = DUCKDB
    full_refresh: bool = False
    variables: dict[str, Any] = field(default_factory=dict)
    threads: int | None = None
    wait: float = 0
    quiet: bool = False
    verbose: bool = False
    # publish nothing where a closed month moved
    strict: bool = False


@dataclass(frozen=True)
class BuildResult:
    """A published build; `database` is None when dbt worked on another target than DuckDB."""

    build_id: str | None
    database: Path | None
    notes: list[str]
    seconds: float
    is_demo: bool = False
    target: str = DUCKDB
    # UTC text
    finished_at: str | None = None
    # what --set-aside left out
    set_aside: list[Fault] = field(default_factory=list)
    # a sentence for each closed month and account that is another one than in the build before
    moved: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """Say what was published."""
        if self.target != DUCKDB:
            return f"Built {self.build_id} in the target {self.target} after {self.seconds:.0f} s."
        of_what = " of the synthetic demo" if self.is_demo else ""
        return f"Published build {self.build_id}{of_what} after {self.seconds:.0f} s."


def run_build(home: Home, request: BuildRequest) -> BuildResult:
    """Build and publish; raises UserError (mistakes, file faults) or DataError (failed checks)."""
    project = load_project()
    started = time.monotonic()
    _check_settings(request)
    plan = None
    if request.raw_dir is not None:
        plan = plan_raw_files(
            request.raw_dir, project, request.sources, set_aside=request.set_aside
        )
        set_aside.check_closed_periods(home, plan)
    variables = _variables(project, request, plan)
    home.prepare()
    with lock(home, request.wait):
        if request.target != DUCKDB:
            build_id = make_build_id(datetime.now(timezone.utc))
            _run_dbt(home, project, request, variables, None, build_id)
            seconds = time.monotonic() - started
            finished_at = moment_text(datetime.now(timezone.utc))
            return BuildResult(
                build_id, None, [], seconds, target=request.target, finished_at=finished_at
            )
        remove_leftovers(home)
        build_id, database, closed = _build(home, project, request, variables, plan)
        remove_leftovers(home)
    notes = plan.notes if plan else []
    if closed.hindrance:
        notes.append(
            "The closed months can't be compared with those of the build before, which is of "
            f"another version ({closed.hindrance})."
        )
    if not home.link.exists():
        notes.append(f"No link can be made here; the tables are in {database}.")
    return BuildResult(
        build_id,
        database,
        notes,
        time.monotonic() - started,
        is_demo=variables.get("raw_origin", "seed") == "seed",
        finished_at=read_build(database)["finished_at"],
        set_aside=plan.faults if plan else [],
        moved=report.describe_moved(closed),
    )


def show_plan(home: Home, request: BuildRequest) -> None:
    """Print what a build would read; raises what the build would, UserError or IncompleteError."""
    from exporter.raw.preview import preview

    _check_settings(request)
    if request.raw_dir is None:
        raise UserError("--dry-run shows what is read of a raw folder: name one with --raw-dir.")
    plan = find_raw_files(request.raw_dir, load_project(), request.sources)
    click.echo("\n".join(preview(plan)))
    set_aside.note_mended_files(home, plan)
    for remark in plan.remarks:
        say(f"Note: {remark}")
    plan.check(set_aside=request.set_aside)
    set_aside.check_closed_periods(home, plan)
    for line in report.describe_set_aside(plan.faults):
        say(line)
    report.check_set_aside(plan.faults)


def _check_settings(request: BuildRequest) -> None:
    """Say what is wrong with options and environment before dbt says it in its own words."""
    if request.target != DUCKDB and request.raw_dir is not None:
        raise UserError(
            f"--raw-dir works with DuckDB only: load the raw tables into {request.target} and "
            "leave --raw-dir out."
        )
    if request.target == DUCKDB:
        from exporter.duck import check_memory_limit, check_storage_version

        check_memory_limit()
        check_storage_version()
    else:
        check_warehouse(request.target)


def _variables(project: Project, request: BuildRequest, plan: RawPlan | None) -> dict[str, Any]:
    chosen: dict[str, Any] = {}
    if plan is not None:
        chosen = plan.variables()
    elif request.sources:
        chosen["usage_sources"] = select_sources(project, request.sources)
    clash = sorted(chosen.keys() & request.variables.keys())
    if clash:
        raise UserError(
            f"--vars or ai_focus.yml sets {', '.join(clash)}, which --raw-dir and --source set "
            "already: use one or the other."
        )
    if request.target != DUCKDB:
        chosen["raw_origin"] = "source"
    return {**chosen, **request.variables}


def _build(
    home: Home,
    project: Project,
    request: BuildRequest,
    variables: dict[str, Any],
    plan: RawPlan | None,
) -> tuple[str, Path, closed_months.Comparison]:
    started_at = datetime.now(timezone.utc)
    build_id = make_build_id(started_at)
    folder = home.building
    database = folder / DATABASE
    try:
        folder.mkdir()
    except OSError as error:
        raise UserError(
            f"The folder {folder} can't be made ({error.strerror}): remove what is left there."
        ) from None
    published = False
    try:
        if plan is not None:
            plan.write(folder)
        dbt_version, results = _run_dbt(home, project, request, variables, database, build_id)
        totals.seal(database)
        if plan is not None:
            plan.remove_copies()
        wal = database.with_name(DATABASE + ".wal")
        if wal.exists():
            raise DataError(f"The build's file is not complete ({wal} is left): build again.")
        if plan is not None:
            set_aside.check_rejected_files(home, plan, database, set_aside=request.set_aside)
            set_aside.note_mended_files(home, plan)
        closed = closed_months.compare(home, database)
        if request.strict and not closed.is_equal:
            raise IncompleteError(_refuse_moved(closed))
        description = {
            "build_id": build_id,
            "started_at": moment_text(started_at),
            "finished_at": moment_text(datetime.now(timezone.utc)),
            "tool_version": tool_version(),
            "dbt_version": dbt_version,
            "sources": variables.get("usage_sources", list(project.usage_sources)),
            "raw_dir": str(plan.root) if plan else None,
            "raw_files": plan.files if plan else 0,
            "raw_bytes": plan.bytes if plan else 0,
            "set_aside": [
                {"file": fault.file, "reason": fault.reason}
                for fault in (plan.faults if plan else [])
            ],
            "counts": _count_kinds(results),
        }
        write_durably(folder / DESCRIPTION, json.dumps(description, indent=2) + "\n")
        folder = folder.rename(home.builds / build_id)
        publish(home, folder)
        published = True
    finally:
        if not published and not is_published(home, folder):
            shutil.rmtree(folder, ignore_errors=True)
    return build_id, folder / DATABASE, closed


def _refuse_moved(closed: closed_months.Comparison) -> str:
    said = [
        "Nothing was published, since closed months moved and --strict was given: bring back what "
        "is missing, or build once without --strict to take them as they are now.",
        *report.describe_moved(closed),
    ]
    return "\n".join(said)


def _count_kinds(results: list[dict[str, Any]]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for result in results:
        counts[result["kind"]] = counts.get(result["kind"], 0) + 1
    return counts


def _run_dbt(
    home: Home,
    project: Project,
    request: BuildRequest,
    variables: dict[str, Any],
    database: Path | None,
    build_id: str,
) -> tuple[str, list[dict[str, Any]]]:
    """Run `dbt build`; gives dbt's version and its results, raises DataError when one failed."""
    child = _start_dbt(home, project, request, variables, database, build_id)
    progress = Progress(quiet=request.quiet, verbose=request.verbose)
    version, end = watch(child, progress)
    log = home.logs / "dbt.log"
    fault = None if end and end["success"] else machine_fault(home, child, end)
    if fault is not None:
        raise MachineError(f"{fault} {_outcome(database)}.")
    if end is None:
        raise DataError(
            f"dbt ended before it was done (exit code {child.code}): its log is {log}, "
            f"its last words are in {home.logs / 'dbt.stderr.log'}. Nothing was published."
        )
    if not end["success"]:
        mistake = _VARIABLE_MISTAKE.search(" ".join((end["error"] or "").split()))
        if mistake is not None:
            raise UserError(f"{mistake[0]} Nothing was published.")
        raise DataError(_describe_failure(end, database, log))
    return version, end["results"]


def _start_dbt(
    home: Home,
    project: Project,
    request: BuildRequest,
    variables: dict[str, Any],
    database: Path | None,
    build_id: str,
) -> Child:
    arguments = ["--log-level", "none", "--log-level-file", "debug", "build"]
    arguments += project_arguments(project, request.target)
    # unit tests prove the models on rows of their own, whatever the user's data are
    arguments += ["--exclude-resource-type", "unit_test"]
    if request.full_refresh:
        arguments.append("--full-refresh")
    if request.threads:
        arguments += ["--threads", str(request.threads)]
    environment = {"AI_FOCUS_BUILD_ID": build_id, "AI_FOCUS_BUILD_VERSION": tool_version()}
    if database is None:
        # What macros/build_record.sql writes down in a warehouse. Where files are read, their names
        # alone may be longer than the environment can be.
        environment["AI_FOCUS_BUILD_VARIABLES"] = json.dumps(variables, default=str)
    order = {"arguments": arguments, "variables": variables}
    return start(home, order, environment, database)


def _describe_failure(end: dict[str, Any], database: Path | None, log: Path) -> str:
    bad = [result for result in end["results"] if result["status"] in ("error", "fail")]
    if not bad:
        reason = " ".join((end["error"] or "no reason was given").split())
        return (
            f"dbt could not build the project: {reason}; its log is {log}. Nothing was published."
        )
    lines = []
    for result in bad[:SHOWN_FAILURES]:
        message = [line for line in result["message"].splitlines() if line.strip()] or [""]
        lines.append(
            f"  {result['kind']} {result['name']} ({result['path']}): {message[0].strip()}"
        )
        lines += [f"    {line.rstrip()}" for line in message[1:SHOWN_LINES]]
        if result["sql"] and database is not None:
            lines += [f"    {row}" for row in _example_rows(database, result["sql"])]
    if len(bad) > SHOWN_FAILURES:
        lines.append(f"  and {len(bad) - SHOWN_FAILURES} more")
    skipped = sum(result["status"] == "skipped" for result in end["results"])
    head = f"{len(bad)} of {len(end['results'])} models and tests failed, {skipped} were skipped"
    return "\n".join([f"{head}. {_outcome(database)}; dbt's log is {log}.", *lines])


def _outcome(database: Path | None) -> str:
    return "Nothing was published" if database is not None else "The target is not complete"


def _example_rows(database: Path, query: str) -> list[str]:
    rows = totals.read_failing_rows(database, query)
    return [", ".join(f"{name}={value}" for name, value in row.items()) for row in rows]


def say(text: str) -> None:
    """Say something that is no result: on standard error."""
    click.echo(text, err=True)
