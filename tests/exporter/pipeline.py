"""Runs the project's own SQL again and again without dbt.

dbt builds a raw folder once. After that a test may rewrite the raw files (their paths, formats and
headers stay), the rows of a seed or a model's compiled SQL, and `Pipeline.run` executes what dbt
had compiled, in the order of its manifest and in this process: about a second, where dbt needs ten.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa
from conftest import ROOT, environment

from exporter.project import load_project
from exporter.raw_files import plan_raw_files

Rewrite = Callable[[str], str]


class Pipeline:
    """One raw folder, the models that dbt compiled for it, and a database to run them in."""

    def __init__(
        self,
        raw: Path,
        folder: Path,
        variables: dict[str, object] | None = None,
        select: str = "*",
    ) -> None:
        self.raw = raw
        folder.mkdir(parents=True, exist_ok=True)
        database = folder / "ai_focus.duckdb"
        self.variables = plan_raw_files(raw, load_project()).variables() | (variables or {})
        _run_dbt(folder, database, self.variables, select)
        manifest = json.loads((folder / "target" / "manifest.json").read_text(encoding="utf-8"))
        self.models: dict[str, tuple[str, str]] = {}
        parents = {}
        for key, node in manifest["nodes"].items():
            if node["resource_type"] == "model" and "compiled_code" in node:
                kind = node["config"]["materialized"]
                self.models[node["alias"]] = (kind, node["compiled_code"])
                parents[node["alias"]] = [
                    manifest["nodes"][parent]["alias"]
                    for parent in manifest["parent_map"][key]
                    if parent.startswith("model.")
                ]
        self.order = _sorted(parents)
        self._rewritten: set[str] = set()
        self.connection = duckdb.connect(str(database))
        self.connection.execute("set TimeZone = 'UTC'")
        self.connection.execute("set threads = 2")

    def run(
        self,
        rewrites: dict[str, Rewrite] | None = None,
        everywhere: tuple[str, str] | None = None,
    ) -> None:
        """Execute every table again, with some models' SQL rewritten; a rewrite must do something.

        `everywhere` is a text and what to put in its place in whichever models have it. Views are
        made anew only where they are rewritten, and put back by the next run.
        """
        rewrites = dict(rewrites or {})
        if everywhere:
            named = [name for name, (_, code) in self.models.items() if everywhere[0] in code]
            assert named, f"no model has '{everywhere[0]}'"
            for name in named:
                rewrites[name] = _after(code_with(everywhere), rewrites.get(name))
        for name in self.order:
            kind, code = self.models[name]
            if name in rewrites:
                rewritten = rewrites[name](code)
                assert rewritten != code, f"the mutation of {name} finds nothing to change"
                code = rewritten
            elif kind == "view" and name not in self._rewritten:
                continue
            self.connection.execute(f"create or replace {kind} {name} as {code}")
        self._rewritten = set(rewrites)

    def seed(self, name: str) -> list[dict[str, str]]:
        """Give a seed's rows."""
        cursor = self.connection.execute(f"select * from {name}")
        columns = [column[0] for column in cursor.description or ()]
        return [
            {c: value or "" for c, value in zip(columns, row, strict=True)}
            for row in cursor.fetchall()
        ]

    def load_seed(self, name: str, rows: list[dict[str, str]]) -> None:
        """Put these rows in the place of a seed's; an empty text is a null, as in dbt's seeds."""
        columns = [
            column for (column,) in self.rows(f"select name from pragma_table_info('{name}')")
        ]
        table = pa.table(
            {
                column: pa.array([row[column] or None for row in rows], pa.string())
                for column in columns
            }
        )
        self.connection.register("given_rows", table)
        self.connection.execute(f"delete from {name}")
        self.connection.execute(f"insert into {name} select * from given_rows")
        self.connection.unregister("given_rows")

    def rows(self, query: str) -> list[tuple]:
        return self.connection.execute(query).fetchall()

    def close(self) -> None:
        self.connection.close()


def code_with(everywhere: tuple[str, str]) -> Rewrite:
    return lambda code: code.replace(*everywhere)


def _after(first: Rewrite, second: Rewrite | None) -> Rewrite:
    return lambda code: second(first(code)) if second else first(code)


def _sorted(parents: dict[str, list[str]]) -> list[str]:
    order: list[str] = []

    def visit(name: str) -> None:
        if name not in order:
            for parent in sorted(parents[name]):
                visit(parent)
            order.append(name)

    for name in sorted(parents):
        visit(name)
    return order


def _run_dbt(folder: Path, database: Path, variables: dict[str, object], select: str) -> None:
    arguments = ["build", "--project-dir", str(ROOT), "--profiles-dir", str(ROOT)]
    arguments += ["--exclude-resource-type", "test", "unit_test", "--select", select]
    arguments += ["--vars", json.dumps(variables)]
    result = subprocess.run(
        [sys.executable, "-c", "from dbt.cli.main import cli; cli()", *arguments],
        capture_output=True,
        text=True,
        env={
            **environment(),
            "AI_FOCUS_DATABASE": str(database),
            "DBT_TARGET_PATH": str(folder / "target"),
            "DBT_LOG_PATH": str(folder / "logs"),
        },
        cwd=folder,
        timeout=300,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
