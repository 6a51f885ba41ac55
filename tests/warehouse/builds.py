"""Builds this project with dbt on DuckDB and on an emulator from the same rows, and compares."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from functools import cache
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from compare import Row, differences, read_mart, relations
from shared import WHOLE, made_once, parsed_once, run_demo
from workloads import LOGS, Rows
from wrapper import ROOT, Emulated, make_schema

from exporter.project import load_project
from exporter.warehouse.connection import open_warehouse

RAW_SCHEMA = "raw_ai"
OF_SOURCES: dict[str, object] = {"raw_origin": "source", "raw_schema": RAW_SCHEMA}
WITHOUT_TESTS = ("--exclude-resource-type", "unit_test", "test")
OLDER_VERSION = re.compile(r"_v1_[0-3]$")
OLDER_VERSION_OF_SUMS = re.compile(r"_(daily|monthly)_v1_[0-3]$")
# what is not compared is not built
WITHOUT_OLDER_VERSIONS = ("--exclude", "version:old")
WITHOUT_UNIT_TESTS = ("--exclude-resource-type", "unit_test")


class Target:
    """A target of profiles.yml with its environment; builds leave their artifacts in `folder`."""

    def __init__(self, name: str, folder: Path, environment: Mapping[str, str]) -> None:
        self.name = name
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._settings = {k: v for k, v in environment.items() if k[:14] != "AI_FOCUS_BUILD"}
        self._environment = {
            **os.environ,
            "DBT_PROFILES_DIR": str(ROOT),
            "DBT_TARGET_PATH": str(folder / "target"),
            "DBT_LOG_PATH": str(folder / "logs"),
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            "NO_COLOR": "1",
            **environment,
        }

    @property
    def manifest(self) -> Path:
        """What dbt knew in the last build."""
        return self.folder / "target" / "manifest.json"

    def build(
        self, *arguments: str, variables: Mapping[str, object] | None = None
    ) -> Counter[tuple[str, str]]:
        """Run `dbt build`; give (kind of node, status) -> count. Anything that fails is raised."""
        return self.run("build", *arguments, variables=variables)

    def run(
        self, *arguments: str, variables: Mapping[str, object] | None = None
    ) -> Counter[tuple[str, str]]:
        """Run one of dbt's commands, as `build` does."""
        command = [sys.executable, "-m", "dbt.cli.main", "--quiet", *arguments]
        command += ["--target", self.name, "--project-dir", str(ROOT)]
        command += ["--vars", json.dumps(dict(variables or {}))]
        target = self.folder / "target"
        with parsed_once(f"{self.name} {variables} {self._settings}", target) as parsed:
            done = subprocess.run(
                command,
                env={**self._environment, **parsed},
                # where DuckDB's file has the same name for all
                cwd=self.folder,
                capture_output=True,
                text=True,
                check=False,
            )
        assert done.returncode == 0, f"dbt on {self.name}:\n{done.stdout}{done.stderr}"
        results = json.loads((target / "run_results.json").read_text("utf-8"))
        return Counter(
            (result["unique_id"].split(".")[0], result["status"]) for result in results["results"]
        )

    def message(self, name: str) -> str:
        """What dbt said of a model in the last build."""
        results = json.loads((self.folder / "target" / "run_results.json").read_text("utf-8"))
        (said,) = (
            result["message"]
            for result in results["results"]
            if result["unique_id"] == f"model.ai_focus.{name}"
        )
        return str(said)


@cache
def rows_of(file: Path, relation: str) -> list[Row]:
    """Give the rows of a relation in a DuckDB file that nobody changes any more."""
    with duckdb.connect(str(file), read_only=True) as connection:
        return read_mart(connection, relation)


def reference(
    name: str, rows: Rows | None = None, selection: Sequence[str] = (), *, is_tested: bool = False
) -> tuple[Path, Path]:
    """Give DuckDB's database and manifest of a build: of the demo, or of these raw rows.

    Each is made once for all suites of a run, whatever process they are in; of a name that is asked
    for with a selection of dbt's and without one, the whole comes first.
    """
    if rows is None:
        demo = run_demo()
        return demo.database, demo.manifest
    with made_once(f"reference_{name}") as (folder, is_missing):
        file = folder / "ai_focus.duckdb"
        target = Target("duckdb", folder, {"AI_FOCUS_DATABASE": file.name})
        if is_missing:
            with duckdb.connect(str(file)) as connection:
                _fill(connection, rows)
            without = WITHOUT_UNIT_TESTS if is_tested else WITHOUT_TESTS
            target.build(*selection, *without, variables=OF_SOURCES)
    return file, target.manifest


class Engines:
    """DuckDB's builds and an emulator with a place of its own for one workload."""

    def __init__(self, emulated: Emulated, name: str, folder: Path) -> None:
        self.emulated = emulated.in_schema(name)
        self.warehouse = Target(emulated.target, folder, self.emulated.settings)

    def load(self, rows: Rows) -> None:
        """Put rows into the source tables of the emulator, by its bulk path, in place of others.

        What a build needs not is not there: tables without rows, but of a usage log, and columns
        without a value.
        """
        folder = self.warehouse.folder
        with self.emulated.in_process(), open_warehouse(self.emulated.target, load_project()) as to:
            schema = make_schema(to, RAW_SCHEMA)
            for table, whole in _raw_tables(rows).items():
                content = whole.select(_needed_columns(table, whole))
                if not content.num_rows and table not in LOGS:
                    to.fetch(f"drop table if exists {schema}.{table}")
                    continue
                columns = ", ".join(
                    f"{to.column(name)} {to.type_of('VARCHAR')}" for name in content.column_names
                )
                to.fetch(f"create or replace table {schema}.{table} ({columns})")
                if content.num_rows:
                    pq.write_table(content, folder / f"{table}.parquet")
                    to.load_parquet(folder / f"{table}.parquet", f"{schema}.{table}", replace=False)

    def compare(
        self, name: str, rows: Rows | None = None, selection: Sequence[str] = ()
    ) -> dict[str, int]:
        """Give the marts (or the selection's last model) with their count of rows.

        They have been found to be those of DuckDB.

        Of given rows the newest FOCUS version alone is compared: the older ones are views of the
        same relation, and compared with the demo. There replay and Snowflake's emulator carry those
        of days and months; BigQuery's goes through them with everything else only.
        """
        counts, apart = {}, {}
        models = [name.lstrip("+") for name in selection[-1:]]
        file, manifest = reference(name, rows, selection)
        expected = relations(manifest, models)
        found = relations(self.warehouse.manifest, models)
        assert expected.keys() == found.keys()
        if rows is not None:
            expected = {mart: it for mart, it in expected.items() if not OLDER_VERSION.search(mart)}
        elif self.emulated.target == "bigquery" and WHOLE not in os.environ:
            older = OLDER_VERSION_OF_SUMS
            expected = {mart: it for mart, it in expected.items() if not older.search(mart)}
        with closing(self.emulated.connect()) as connection:
            for mart, relation in expected.items():
                wanted = rows_of(file, relation)
                if said := differences(wanted, read_mart(connection, found[mart])):
                    apart[mart] = said
                counts[mart] = len(wanted)
        assert not apart, "\n".join(
            f"{mart}: {said}" for mart, lines in apart.items() for said in lines
        )
        return counts


def _raw_tables(rows: Rows) -> dict[str, pa.Table]:
    """Give every raw table of the project, all text, with its rows; the others are empty."""
    return {
        table.name: pa.table(
            {
                column: pa.array([row.get(column) for row in rows.get(table.name, ())], pa.string())
                for column in table.columns
            }
        )
        for table in load_project().raw_tables()
    }


def _needed_columns(table: str, content: pa.Table) -> list[str]:
    required = {one.name: one.required for one in load_project().raw_tables()}[table]
    return [
        name
        for name in content.column_names
        if name in required or content[name].null_count < content.num_rows
    ]


def _fill(connection: duckdb.DuckDBPyConnection, rows: Rows) -> None:
    connection.execute(f"create schema {RAW_SCHEMA}")
    for table, content in _raw_tables(rows).items():
        connection.register("content", content)
        connection.execute(f"create table {RAW_SCHEMA}.{table} as from content")
        connection.unregister("content")
