"""Copies a warehouse's build into a home of its own, where it is read like a build of DuckDB's.

The tables come over as they are; the views on them are made here by dbt, with the variables of the
warehouse's build. So a view's SQL stands in one place, the types are those of DuckDB's models, and
no page costs the warehouse a query. A copy is published whole or not at all.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from exporter.build import totals
from exporter.build.builds import lock, moment_text, publish, remove_leftovers
from exporter.dbt.runner import machine_fault, project_arguments, start, watch
from exporter.duck import open_database
from exporter.errors import DataError, MachineError, UserError
from exporter.extract.manifest import read_build
from exporter.extract.scratch import scratch_folder
from exporter.home import DATABASE, DESCRIPTION, Home, write_durably
from exporter.progress import Progress
from exporter.project import Project, tool_version
from exporter.raw.plan import RawPlan
from exporter.targets import DUCKDB, shorten
from exporter.warehouse.adapters import Warehouse
from exporter.warehouse.connection import describe_place
from exporter.warehouse.lineage import plan_copy, served_models
from exporter.warehouse.record import (
    BuildRecord,
    NoBuildError,
    blaming_changes,
    check_no_run,
    check_unchanged,
    read_record,
)
from exporter.warehouse.transfer import pull_tables

FOLDER = "warehouses"
_MEMORY_LIMIT = "1GB"
# a name of a folder: what stands in a table of the warehouse is not trusted further
_BUILD_ID = re.compile(r"[0-9]{8}T[0-9]{6,12}Z")
# of a build in a warehouse, but not of a copy: where its raw tables are, how it stores its own
_OTHER_VARIABLES = {
    "raw_origin": "file",
    "raw_tables": {},
    "raw_has_lines": [],
    "charges_materialization": "table",
    "focus_materialization": "view",
    "focus_grants": {},
    "finops_grants": {},
}


@dataclass(frozen=True)
class Copied:
    """A published copy."""

    build_id: str
    tables: int
    rows: int
    seconds: float


def find_copy_home(home: Home, target: str, project: Project) -> Home:
    """Name the folder of a target's copies: one for each place and reader that it may stand for.

    Nothing connects; raises UserError for a target that can't be read.
    """
    place = json.dumps(describe_place(target, project), sort_keys=True)
    name = re.sub(r"[^A-Za-z0-9_-]", "_", target)
    return Home(home.path / FOLDER / f"{name}-{hashlib.sha256(place.encode()).hexdigest()[:8]}")


def find_finished(warehouse: Warehouse) -> BuildRecord:
    """Read which finished build the target holds; raises NoBuildError when it holds none."""
    target = warehouse.target
    record = read_record(warehouse)
    check_no_run(target, record)
    if record.build_id is None:
        raise NoBuildError(
            f"The target {target} names no finished build, as after plain dbt or a failure: "
            f"run `focus-export build --target {target}`."
        )
    if _BUILD_ID.fullmatch(record.build_id) is None:
        raise DataError(f"The target {target} names a build {record.build_id!r}, which is no id.")
    if record.tool_version != tool_version():
        raise NoBuildError(
            f"The build in the target {target} was made by ai-focus {record.tool_version}, this is "
            f"{tool_version()}: run `focus-export build --target {target}` with this version."
        )
    return record


def is_copied(home: Home, record: BuildRecord) -> bool:
    """Tell whether the published copy of a home is that of a record."""
    try:
        return read_build(home.published())["build_id"] == record.build_id
    except UserError:
        return False


def copy_build(
    home: Home,
    project: Project,
    warehouse: Warehouse,
    record: BuildRecord,
    say: Callable[[str], None],
) -> Copied:
    """Copy the finished build of a record and publish it in the home, whose old copies are tidied.

    Raises ChangedError when dbt writes to the target meanwhile, UserError and DataError for what
    else prevents it; the copy before stays then.
    """
    started = time.monotonic()
    home.prepare()
    # what lies here is of several tenants
    home.path.chmod(0o700)
    with lock(home):
        remove_leftovers(home)
        folder = home.builds / str(record.build_id)
        tables = rows = 0
        if not folder.is_dir():
            folder.mkdir()
            try:
                tables, rows = _fill(home, project, warehouse, record, folder, say)
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise
        publish(home, folder)
        remove_leftovers(home)
    return Copied(folder.name, tables, rows, time.monotonic() - started)


def _fill(
    home: Home,
    project: Project,
    warehouse: Warehouse,
    record: BuildRecord,
    folder: Path,
    say: Callable[[str], None],
) -> tuple[int, int]:
    """Make the copy's file in its folder; gives how many tables and rows were copied."""
    database = folder / DATABASE
    variables = {**json.loads(record.variables or "{}"), **_OTHER_VARIABLES}
    with scratch_folder(home) as scratch:
        say("preparing the tables")
        # every table with its types and no row
        empty = scratch / DATABASE
        RawPlan(scratch).write(scratch)
        served = [f"+{name}" for name in served_models()]
        resources = ["--resource-type", "model", "seed"]
        _run_dbt(home, project, ["build", "--empty", *resources], served, variables, empty)
        manifest = json.loads((home.target / "manifest.json").read_text(encoding="utf-8"))
        plan = plan_copy(manifest, project.settings["name"])
        say(f"copying {len(plan.tables)} tables of build {record.build_id}")
        limit = os.environ.get("AI_FOCUS_MEMORY_LIMIT") or _MEMORY_LIMIT
        with (
            open_database(empty, scratch, read_only=False, memory_limit=limit) as connection,
            blaming_changes(warehouse, record),
        ):
            rows = pull_tables(connection, warehouse, plan.tables, database)
    check_unchanged(warehouse, record)
    say(f"making {len(plan.views)} views on them")
    _run_dbt(home, project, ["run"], plan.views, variables, database)
    totals.seal(database)
    description = {
        "build_id": record.build_id,
        "finished_at": record.finished_at,
        "copied_at": moment_text(datetime.now(timezone.utc)),
        "target": warehouse.target,
        "tool_version": tool_version(),
        "rows": rows,
    }
    write_durably(folder / DESCRIPTION, json.dumps(description, indent=2) + "\n")
    return len(plan.tables), rows


def _run_dbt(
    home: Home,
    project: Project,
    command: Sequence[str],
    selected: Sequence[str],
    variables: dict[str, Any],
    database: Path,
) -> None:
    arguments = ["--log-level", "none", "--log-level-file", "debug", *command]
    arguments += [*project_arguments(project, DUCKDB), "--select", *selected]
    request = {"arguments": arguments, "variables": variables}
    child = start(home, request, {}, database)
    _, end = watch(child, Progress(quiet=True))
    if end is not None and end["success"]:
        return
    fault = machine_fault(home, child, end)
    if fault is not None:
        raise MachineError(fault)
    results = end["results"] if end else []
    reasons = [found["message"] for found in results if found["status"] in ("error", "fail")]
    bad = shorten([*reasons, (end or {}).get("error") or "it ended early"][0])
    raise DataError(
        f"dbt could not make the copy's tables and views ({bad}): "
        f"its log is {home.logs / 'dbt.log'}."
    )
