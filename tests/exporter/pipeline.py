"""Runs the project's own SQL again and again without dbt.

dbt compiles for a raw folder once. After that a test may rewrite the raw files (their paths,
formats and headers stay), the rows of a seed or a model's compiled SQL, and `Pipeline.run` executes
what dbt had compiled, in the order of its manifest and in this process: about a second, where dbt
needs ten.
"""

from __future__ import annotations

import gc
import hashlib
import json
import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from conftest import ROOT
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner, dbtRunnerResult
from shared import key_of_sources, made_once, parsed_once, run_demo

from exporter.project import load_project
from exporter.raw.plan import plan_raw_files

Rewrite = Callable[[str], str]
_MANIFESTS: dict[str, Any] = {}


class Pipeline:
    """One raw folder, the models that dbt compiled for it, and a database to run them in."""

    def __init__(
        self,
        raw: Path,
        folder: Path,
        variables: dict[str, object] | None = None,
        select: Sequence[str] = ("*",),
    ) -> None:
        self.raw = raw
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.database = folder / "ai_focus.duckdb"
        plan = plan_raw_files(raw, load_project())
        plan.write(folder)
        self._of_a_build = plan.variables()
        self.variables = self._of_a_build | (variables or {})
        self.manifest = self._parse()
        self._copy_seeds()
        models = [f"resource_type:model,{name}" for name in select]
        # a table that is kept from run to run is dbt's own to make
        command = "run" if "charges_materialization" in self.variables else "compile"
        selected = ("--select", *models, "--no-write-json")
        done = self.dbt(command, *selected, manifest=self.manifest)
        assert done.success, done.exception or [it.message for it in done.result]
        self.models: dict[str, tuple[str, str]] = {}
        # of models, what they read: other models, seeds
        self._parents: dict[str, list[str]] = {}
        for node in (result.node for result in done.result.results):
            if node.resource_type == "model":
                self.models[node.alias] = (node.config.materialized, node.compiled_code)
                self._parents[node.alias] = [
                    self.manifest.nodes[parent].alias
                    for parent in node.depends_on.nodes
                    if parent.startswith(("model.", "seed."))
                ]
        self.order = _sorted(self._parents)
        # of models, the raw files that they read
        files = [path for path in raw.rglob("*") if path.is_file()]
        self._files = {
            name: [file for file in files if str(file) in code]
            for name, (_, code) in self.models.items()
            if str(raw) in code
        }
        assert self._files
        assert all(self._files.values())
        self._rewritten: set[str] = set()
        # seeds and models that have changed since the last run, and what raw files held then
        self.stale: set[str] = set()
        self.read: dict[Path, str] = {}
        self.connect()
        if command == "compile":
            # no view is there yet
            self._rewritten = set(self.models)
            self.run()

    def connect(self) -> None:
        """Open the database, which dbt needs for itself while it runs."""
        self.connection = duckdb.connect(str(self.database))
        self.connection.execute("set TimeZone = 'UTC'")
        # the rows are few, and a test runs beside others
        self.connection.execute("set threads = 1")

    def dbt(self, *arguments: str, manifest: Any = None, **variables: object) -> dbtRunnerResult:
        """Run dbt on the database, which must be closed; some variables may have other values."""
        return self._invoke(arguments, self.variables | variables, {}, manifest)

    def _invoke(
        self,
        arguments: Sequence[str],
        variables: dict[str, object],
        environment: dict[str, str],
        manifest: Any = None,
    ) -> dbtRunnerResult:
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.folder)
            # by its name alone, as in a build: for another path dbt would parse anew
            patch.setenv("AI_FOCUS_DATABASE", self.database.name)
            patch.setenv("DBT_TARGET_PATH", str(self.folder / "target"))
            patch.setenv("DBT_LOG_PATH", str(self.folder / "logs"))
            for name, value in environment.items():
                patch.setenv(name, value)
            place = ["--project-dir", str(ROOT), "--profiles-dir", str(ROOT), "--target", "duckdb"]
            quiet = ["--quiet", "--log-level-file", "none"]
            runner = dbtRunner(manifest=manifest)
            try:
                return runner.invoke([*quiet, *arguments, *place], vars=variables)
            finally:
                DuckDBConnectionManager.close_all_connections()

    def _parse(self) -> Any:
        """Parse the project once for all processes; raw files are asked for by compiling alone.

        A model that unites the sources depends on each, and compiles to those of the folder. So
        this is also what dbt parses for a build of all sources.
        """
        sources = load_project().usage_sources
        variables = self.variables | {"usage_sources": list(sources)}
        # asked for by compiling alone, too
        variables.pop("price_book_as_of", None)
        key = hashlib.sha256(json.dumps(variables, sort_keys=True).encode()).hexdigest()
        if key not in _MANIFESTS:
            is_of_a_build = variables.keys() == self._of_a_build.keys()
            key_of_parse = key_of_sources(sources) if is_of_a_build else key
            with made_once(f"parsed_{key}") as (folder, is_missing):
                file = folder / "manifest.pickle"
                if is_missing:
                    with parsed_once(key_of_parse, self.folder / "target") as environment:
                        parsed = self._invoke(["parse"], variables, environment)
                    assert parsed.success, parsed.exception
                    file.write_bytes(pickle.dumps(parsed.result))
            _MANIFESTS[key] = pickle.loads(file.read_bytes())
            # it stays to the end, and collecting garbage would walk through it over and over
            gc.freeze()
        return _MANIFESTS[key]

    def _copy_seeds(self) -> None:
        """Take the seeds from the demo's build, where dbt has loaded them."""
        seeds = [
            node.alias for node in self.manifest.nodes.values() if node.resource_type == "seed"
        ]
        with duckdb.connect(str(self.database)) as connection:
            connection.execute(f"attach '{run_demo().database}' as demo (read_only)")
            for seed in seeds:
                connection.execute(f"create table {seed} as from demo.main.{seed}")

    def run(
        self,
        rewrites: dict[str, Rewrite] | None = None,
        everywhere: tuple[str, str] | None = None,
    ) -> None:
        """Execute the tables again, with some models' SQL rewritten; a rewrite must do something.

        What reads, however far back, neither raw files nor seeds nor models that have changed since
        the last run stays as it is.

        `everywhere` is a text and what to put in its place in whichever models have it. Views are
        made anew only where they are rewritten, and put back by the next run.
        """
        # DuckDB takes longer with each table that it replaces, until the file is opened anew
        self.close()
        self.connect()
        rewrites = dict(rewrites or {})
        if everywhere:
            named = [name for name, (_, code) in self.models.items() if everywhere[0] in code]
            assert named, f"no model has '{everywhere[0]}'"
            for name in named:
                rewrites[name] = _after(code_with(everywhere), rewrites.get(name))
        self.stale |= set(rewrites) | self._rewritten
        content = self._content()
        altered = {file for file, digest in content.items() if self.read.get(file) != digest}
        for name in self.order:
            kind, code = self.models[name]
            reads_files = altered.intersection(self._files.get(name, ()))
            if reads_files or self.stale.intersection(self._parents[name]):
                self.stale.add(name)
            if name not in self.stale:
                continue
            if name in rewrites:
                rewritten = rewrites[name](code)
                assert rewritten != code, f"the mutation of {name} finds nothing to change"
                code = rewritten
            elif kind == "view" and name not in self._rewritten:
                continue
            self.connection.execute(f"create or replace {kind} {name} as {code}")
        self._rewritten = set(rewrites)
        self.stale, self.read = set(), content

    def _content(self) -> dict[Path, str]:
        """Tell one content of each raw file from another."""
        files = {file for named in self._files.values() for file in named}
        return {file: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}

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
        self.stale.add(name)

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
        if name not in order and name in parents:
            for parent in sorted(parents[name]):
                visit(parent)
            order.append(name)

    for name in sorted(parents):
        visit(name)
    return order
