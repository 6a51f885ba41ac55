"""The project's SQL as dbt compiles it for a target, without a connection."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from shared import made_once, run_demo
from unit_cases import UnitCase

ROOT = Path(__file__).resolve().parents[2]
CASES = "unit_tests.json"


@dataclass(frozen=True)
class Compiled:
    """One model, data test or hook of the project, compiled."""

    key: str
    name: str
    kind: str
    materialized: str
    relation: str | None
    parents: tuple[str, ...]
    sql: str = field(repr=False)


@cache
def scratch() -> Path:
    """A folder of this process that goes with it."""
    folder = Path(tempfile.mkdtemp(prefix="ai-focus-warehouse."))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def run_dbt(*arguments: str, folder: Path, project: Path = ROOT, **variables: str) -> str:
    """Run dbt on a project in a process of its own, with everything that it writes in `folder`."""
    command = ("-m", "dbt.cli.main", "--quiet", *arguments)
    return _run_python(*command, folder=folder, project=project, **variables)


def run_dbt_of_consumers(*arguments: str, folder: Path, project: Path, **variables: str) -> str:
    """Run the dbt that a consumer of the package has, of which a warning is an error.

    `AI_FOCUS_TEST_DBT` names the Python of another environment, with another dbt than ours.
    """
    python = os.environ.get("AI_FOCUS_TEST_DBT") or sys.executable
    command = ("-m", "dbt.cli.main", "--quiet", "--warn-error", *arguments)
    return _run_python(*command, folder=folder, project=project, python=python, **variables)


def _run_python(
    *arguments: str, folder: Path, project: Path, python: str = sys.executable, **variables: str
) -> str:
    own = ("AI_FOCUS_", "DBT_")
    environment = {name: text for name, text in os.environ.items() if not name.startswith(own)}
    environment |= {
        "AI_FOCUS_DATABASE": str(folder / "ai_focus.duckdb"),
        "BIGQUERY_METHOD": "oauth-secrets",
        "DBT_LOG_PATH": str(folder / "logs"),
        "DBT_PROFILES_DIR": str(project),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DBT_TARGET_PATH": str(folder / "target"),
        "NO_COLOR": "1",
        **variables,
    }
    folder.mkdir(parents=True, exist_ok=True)
    result = subprocess.run(
        [python, *arguments],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@cache
def compiled(target: str) -> tuple[Compiled, ...]:
    """Compile every model, data test and hook for a target, in the order of the names."""
    return compiled_nodes(compile_project(target))


@cache
def unit_cases(target: str) -> tuple[UnitCase, ...]:
    """Compile every unit test for a target, in the order of the project's files."""
    cases = json.loads((compile_project(target) / CASES).read_text(encoding="utf-8"))
    return tuple(UnitCase(**case) for case in cases)


def compile_project(target: str) -> Path:
    """Compile for a target, once for all processes; gives the folder of dbt's `target`."""
    with made_once(f"compiled_{target}") as (folder, is_missing):
        if is_missing:
            offline = ("--no-populate-cache", "--no-introspect")
            run_dbt("compile", *offline, "--target", target, folder=folder)
            # the second process parses what has changed, which is nothing
            script = Path(__file__).with_name("unit_cases.py")
            _run_python(str(script), target, str(folder / CASES), folder=folder, project=ROOT)
    return folder


def compiled_nodes(folder: Path) -> tuple[Compiled, ...]:
    """Read what dbt compiled in `folder` from its manifest."""
    manifest = json.loads((folder / "target" / "manifest.json").read_text(encoding="utf-8"))
    found = [
        Compiled(
            key=key,
            name=node["alias"],
            kind=node["resource_type"],
            materialized=node["config"]["materialized"],
            relation=node["relation_name"],
            parents=tuple(node["depends_on"]["nodes"]),
            sql=node["compiled_code"],
        )
        for key, node in manifest["nodes"].items()
        if node.get("compiled_code")
    ]
    return tuple(sorted(found, key=lambda node: node.name))


def built() -> Path:
    """Build the demo on DuckDB and give the database."""
    return run_demo().database
