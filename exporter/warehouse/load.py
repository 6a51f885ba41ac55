"""Stages raw files into the raw tables of a warehouse by its own bulk path.

DuckDB reads the files exactly as a build with --raw-dir does, and writes one Parquet file per raw
table: every column as text, with file, line and fault. The warehouse takes that file whole or not.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exporter.dbt.runner import Operation, read_fault, run_operations
from exporter.errors import MachineError, UserError
from exporter.home import Home
from exporter.project import Project, load_project
from exporter.raw.plan import Fault, RawPlan, plan_files, plan_raw_files
from exporter.targets import DUCKDB, check_warehouse, shorten
from exporter.warehouse.connection import open_warehouse


@dataclass(frozen=True)
class LoadRequest:
    """What the user asked for: a source and its files, or a raw folder; `replace` empties first.

    `set_aside` goes on without usage logs that cannot be read.
    """

    target: str
    source: str | None
    paths: Sequence[Path]
    raw_dir: Path | None
    replace: bool
    set_aside: bool
    variables: dict[str, Any]


@dataclass(frozen=True)
class Load:
    """What was loaded into one raw table; `relation` is its name in full."""

    table: str
    relation: str
    rows: int
    replaced: int


@dataclass(frozen=True)
class LoadResult:
    """What was loaded, which raw tables were made, and what is to be said of the files."""

    loads: list[Load]
    made: list[str]
    notes: list[str]
    # every raw table was loaded or made now, so all know their files and lines
    is_complete: bool
    # what --set-aside left out
    set_aside: list[Fault]


def load_files(home: Home, request: LoadRequest) -> LoadResult:
    """Load files into the raw tables that they belong to.

    Raw tables that are not there are made, all of them, since a build needs every one. Raises
    UserError for faults of files, tables or the connection.
    """
    project, target = load_project(), request.target
    if target == DUCKDB:
        raise UserError(
            "DuckDB reads files itself: use `focus-export build --raw-dir`, or name a warehouse "
            "with --target."
        )
    if request.raw_dir is not None and request.source is None:
        plan = plan_raw_files(request.raw_dir, project, set_aside=request.set_aside)
    elif request.source is not None and request.paths and request.raw_dir is None:
        plan = plan_files(request.source, request.paths, project, set_aside=request.set_aside)
    else:
        raise UserError("Name a source and its files, or a raw folder with --raw-dir.")
    if request.replace and plan.faults:
        raise UserError(
            f"--replace empties the tables, also of what {plan.faults[0].file} has brought: "
            "leave out --set-aside or --replace."
        )
    check_warehouse(target)
    home.prepare()
    scratch = Path(tempfile.mkdtemp(prefix=".load.", dir=home.path))
    try:
        staged = _stage(home, project, plan, scratch)
        prepared = _prepare(home, project, target, list(staged), request.variables)
        loads = []
        with open_warehouse(target, project) as warehouse:
            for table, file in staged.items():
                found = prepared[table]
                rows = warehouse.load_parquet(file, found["relation"], replace=request.replace)
                replaced = found["rows"] if request.replace else 0
                loads.append(Load(table, found["relation"], rows, replaced))
        made = [found["relation"] for found in prepared.values() if found["is_new"]]
        is_complete = all(found["is_new"] or name in staged for name, found in prepared.items())
        return LoadResult(loads, made, plan.notes, is_complete, plan.faults)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _stage(home: Home, project: Project, plan: RawPlan, scratch: Path) -> dict[str, Path]:
    """Write a Parquet file for each table."""
    plan.cut(scratch)
    staged = {table: scratch / f"{table}.parquet" for table in plan.raw_files}
    tables = [
        {"table": table, "groups": plan.raw_files[table], "path": str(file)}
        for table, file in staged.items()
    ]
    operation = Operation("stage_raw_tables", {"tables": tables})
    for outcome in run_operations(home, project, DUCKDB, [operation], {}, scratch):
        if outcome.error is not None:
            fault = read_fault(home, outcome.error)
            if fault is not None:
                raise MachineError(f"{fault} Nothing was loaded.")
            raise UserError(f"The files could not be read ({shorten(outcome.error)}).")
    return staged


def _prepare(
    home: Home, project: Project, target: str, tables: list[str], variables: dict[str, Any]
) -> dict[str, dict[str, Any]]:
    """Make the tables that are missing, and refuse those that have other columns."""
    names = [table.name for table in project.raw_tables()]
    operation = Operation("prepare_raw_tables", {"tables": names, "loaded": tables})
    chosen = {"raw_origin": "source", **variables}
    (outcome,) = run_operations(home, project, target, [operation], chosen)
    prepared = dict(zip(names, outcome.values, strict=False))
    if outcome.error is not None:
        # each table that is ready has logged a line
        raise UserError(
            f"The table {names[len(prepared)]} can't be prepared in the target {target} "
            f"({shorten(outcome.error)}): run `focus-export doctor --target {target}`."
        )
    for found in prepared.values():
        if found["is_view"]:
            raise UserError(
                f"{found['relation']} is a view: load into tables of another schema, "
                "with --vars '{raw_schema: …}'."
            )
        if found["missing"]:
            raise UserError(
                f"The table {found['relation']} lacks {', '.join(found['missing'])}: add the "
                "columns as text (_line as a whole number), or load into another schema with "
                "--vars '{raw_schema: …}'."
            )
    return prepared
