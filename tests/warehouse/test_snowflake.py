"""The same tables on Snowflake as on DuckDB, as far as an emulator can tell.

    pip install -r tests/warehouse/requirements-snowflake.txt
    pytest tests/warehouse/test_snowflake.py

A server on loopback (fakesnow_server.py) stands for Snowflake. The demo, LiteLLM's sample and five
generated months are built there and on DuckDB, the latter two from source tables: first, again, and
with what came late. After every build each mart has the same rows on both.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fakesnow", reason="fakesnow is not installed: requirements-snowflake.txt")

import duckdb
import snowflake.connector
from builds import RAW_SCHEMA, ROOT, Target, fill_raw_tables
from compare import differences, read_mart, relations
from workloads import Rows, Workload, litellm_sample, months

OF_SOURCES: dict[str, object] = {"raw_origin": "source", "raw_schema": RAW_SCHEMA}
WITHOUT_TESTS = ("--exclude-resource-type", "unit_test", "test")
WITHOUT_UNIT_TESTS = ("--exclude-resource-type", "unit_test")


@pytest.fixture(scope="session")
def port() -> Iterator[int]:
    """A server that stops with its standard input."""
    server = subprocess.Popen(
        [sys.executable, str(ROOT / "tests" / "warehouse" / "fakesnow_server.py"), "0"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert server.stdin is not None
    assert server.stdout is not None
    ready = re.search(r"ready on port (\d+)", server.stdout.readline())
    assert ready, "the server did not start"
    yield int(ready[1])
    server.stdin.close()
    server.wait(timeout=60)


class Engines:
    """DuckDB and Snowflake, each with a database of its own for one workload."""

    def __init__(self, name: str, folder: Path, port: int) -> None:
        self.file = folder / "ai_focus.duckdb"
        self.duckdb = Target("duckdb", folder / "duckdb", {"AI_FOCUS_DATABASE": str(self.file)})
        self.connection: dict[str, Any] = {
            "account": "fakesnow",
            "user": "fake",
            "password": "snow",
            "host": "127.0.0.1",
            "port": port,
            "protocol": "http",
            "database": name,
            "schema": "ai_focus",
        }
        self.snowflake = Target(
            "snowflake",
            folder / "snowflake",
            {f"SNOWFLAKE_{key.upper()}": str(value) for key, value in self.connection.items()},
        )

    def connect(self) -> Any:
        """Open a connection to the emulator, which makes the database."""
        return snowflake.connector.connect(
            **self.connection,
            session_parameters={"CLIENT_OUT_OF_BAND_TELEMETRY_ENABLED": False},
        )

    def load(self, rows: Rows) -> None:
        """Put the same rows into the source tables of both."""
        with duckdb.connect(str(self.file)) as connection:
            fill_raw_tables(connection, rows)
        with closing(self.connect()) as connection:
            cursor = connection.cursor()
            cursor.execute(f"create database if not exists {self.connection['database']}")
            cursor.execute(f"use database {self.connection['database']}")
            fill_raw_tables(connection, rows, upper=True, escape=(("\\", "\\\\"), ("'", "''")))

    def build(self, *arguments: str, variables: Mapping[str, object] | None = None) -> None:
        """Build on both; data tests and unit tests run on Snowflake."""
        self.duckdb.build(*WITHOUT_TESTS, variables=variables)
        self.snowflake.build(*arguments, variables=variables)

    def compare(self) -> dict[str, int]:
        """Give the marts with their count of rows, after all of them were equal."""
        counts, apart = {}, {}
        on_duckdb = relations(self.duckdb.manifest)
        on_snowflake = relations(self.snowflake.manifest)
        assert on_duckdb.keys() == on_snowflake.keys()
        with (
            duckdb.connect(str(self.file), read_only=True) as left,
            closing(self.connect()) as right,
        ):
            for name, relation in on_duckdb.items():
                expected = read_mart(left, relation)
                if found := differences(expected, read_mart(right, on_snowflake[name])):
                    apart[name] = found
                counts[name] = len(expected)
        assert not apart, "\n".join(
            f"{name}: {said}" for name, lines in apart.items() for said in lines
        )
        return counts


@pytest.fixture(scope="session")
def demo(port: int, tmp_path_factory: pytest.TempPathFactory) -> Engines:
    """The demo, built with everything there is to run."""
    engines = Engines("demo", tmp_path_factory.mktemp("demo"), port)
    engines.duckdb.build(*WITHOUT_TESTS)
    counts = engines.snowflake.build()
    kinds = {kind for kind, _ in counts}
    assert kinds == {"seed", "model", "test", "unit_test"}
    assert {status for _, status in counts} <= {"success", "pass"}
    return engines


def test_the_demo_has_the_same_rows(demo: Engines) -> None:
    counts = demo.compare()
    assert counts["focus_cost_and_usage"] > 5000
    assert all(counts[name] for name in ("ai_calls", "coverage", "rejected_rows"))


def test_the_demo_built_again_has_the_same_rows(demo: Engines) -> None:
    demo.build(*WITHOUT_UNIT_TESTS)
    demo.compare()


def test_focus_columns_need_no_quotes(demo: Engines) -> None:
    with closing(demo.connect()) as connection:
        cursor = connection.cursor()
        cursor.execute(
            "select BilledCost, billedcost, x_CallId from demo.ai_focus.focus_cost_and_usage"
        )
        assert [column[0] for column in cursor.description] == [
            "BILLEDCOST",
            "BILLEDCOST",
            "X_CALLID",
        ]


def test_every_column_of_a_mart_has_its_comment(demo: Engines) -> None:
    manifest = json.loads(demo.snowflake.manifest.read_text("utf-8"))
    described = {
        (node["alias"].upper(), name.upper()): column["description"].strip()
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and "marts" in node["fqn"]
        for name, column in node["columns"].items()
    }
    with closing(demo.connect()) as connection:
        cursor = connection.cursor()
        cursor.execute(
            "select table_name, column_name, comment from demo.information_schema.columns"
        )
        kept = {(table, column): (comment or "").strip() for table, column, comment in cursor}
    assert len(described) > 500
    assert {key: kept.get(key) for key in described} == described


def test_no_column_is_a_float(demo: Engines) -> None:
    with closing(demo.connect()) as connection:
        cursor = connection.cursor()
        cursor.execute(
            "select table_name, column_name, data_type from demo.information_schema.columns"
            " where table_schema = 'AI_FOCUS'"
        )
        columns = cursor.fetchall()
    assert len(columns) > 1000
    assert [column for column in columns if column[2] in ("FLOAT", "REAL", "DOUBLE")] == []


def test_every_model_tags_its_queries(demo: Engines) -> None:
    log = (demo.snowflake.folder / "logs" / "dbt.log").read_text("utf-8")
    tags = [json.loads(tag) for tag in re.findall(r"set query_tag = '(\{.*?\})'", log)]
    run = json.loads(demo.snowflake.manifest.read_text("utf-8"))["metadata"]["invocation_id"]
    assert {"project": "ai_focus", "model": "int_charges", "run": run} in tags


@pytest.fixture(scope="module", params=[litellm_sample, months], ids=["litellm", "months"])
def workload(request: pytest.FixtureRequest) -> Workload:
    made: Workload = request.param()
    return made


def test_source_tables_give_the_same_rows_first_again_and_late(
    workload: Workload, port: int, tmp_path: Path
) -> None:
    engines = Engines(workload.name, tmp_path, port)
    engines.load(workload.early)
    engines.build(*WITHOUT_TESTS, variables=OF_SOURCES)
    first = engines.compare()
    engines.build(*WITHOUT_TESTS, variables=OF_SOURCES)
    assert engines.compare() == first
    engines.load(workload.late)
    engines.build(*WITHOUT_UNIT_TESTS, variables=OF_SOURCES)
    late = engines.compare()
    assert late["ai_calls"] > first["ai_calls"] > 0
    if workload.name == "months":
        with duckdb.connect(str(engines.file), read_only=True) as connection:
            kinds = connection.sql(
                "select correction_kind, count(*) from int_charges group by all"
            ).fetchall()
        assert {kind for kind, _ in kinds} == {None, "correction", "reversal"}, kinds
