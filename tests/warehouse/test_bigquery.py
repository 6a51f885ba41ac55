"""The same tables on BigQuery as on DuckDB, as far as an emulator can tell.

    python3.13 -m venv bigquery
    bigquery/bin/pip install --no-deps -r tests/warehouse/requirements-bigquery.txt
    AI_FOCUS_BIGQUERY_PYTHON=bigquery/bin/python pytest tests/warehouse/test_bigquery.py

A server on loopback (bigquery_server.py) stands for BigQuery. The demo, LiteLLM's sample and five
generated months are built there and on DuckDB, the latter two from source tables: first, again, and
with what came late. After every build each mart has the same rows on both. The compiled SQL is read
by GoogleSQL's own analyzer as well (googlesql_check.py), which is stricter than the emulator.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("google.cloud.bigquery", reason="pip install '.[bigquery]'")

import duckdb
from builds import RAW_SCHEMA, ROOT, Target, fill_raw_tables
from compare import differences, read_mart, relations
from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery
from google.cloud.bigquery import dbapi
from workloads import Rows, Workload, litellm_sample, months

PYTHON = os.environ.get("AI_FOCUS_BIGQUERY_PYTHON")
pytestmark = pytest.mark.skipif(
    not PYTHON, reason="AI_FOCUS_BIGQUERY_PYTHON names no Python with requirements-bigquery.txt"
)

PROJECT = "ai-focus"
SERVER_SECONDS = 3600
OF_SOURCES: dict[str, object] = {"raw_origin": "source", "raw_schema": RAW_SCHEMA}
WITHOUT_TESTS = ("--exclude-resource-type", "unit_test", "test")
WITHOUT_UNIT_TESTS = ("--exclude-resource-type", "unit_test")
ESCAPES = (("\\", "\\\\"), ("'", "\\'"), ("\n", "\\n"), ("\r", "\\r"))


def free_ports() -> int:
    """A port of loopback that is free, and so is the next one."""
    while True:
        with socket.socket() as one, socket.socket() as other:
            one.bind(("127.0.0.1", 0))
            port: int = one.getsockname()[1]
            try:
                other.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            return port


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server for all tests, stopped after them."""
    folder = tmp_path_factory.mktemp("server")
    port = free_ports()
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen(
            [
                str(PYTHON),
                str(ROOT / "tests" / "warehouse" / "bigquery_server.py"),
                str(port),
                str(folder / "data"),
            ],
            env={**os.environ, "AI_FOCUS_SERVER_SECONDS": str(SERVER_SECONDS)},
            stdout=log,
            stderr=log,
        )
        url = f"http://127.0.0.1:{port}"
        for _ in range(240):
            assert server.poll() is None, (folder / "server.log").read_text()
            try:
                urllib.request.urlopen(f"{url}/bigquery/v2/projects/{PROJECT}/datasets").close()
                break
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.5)
        yield url
        server.terminate()
        server.wait(timeout=60)


class Engines:
    """DuckDB and BigQuery, each with a place of its own for one workload."""

    def __init__(self, name: str, folder: Path, endpoint: str) -> None:
        self.dataset = f"ai_focus_{name}"
        self.endpoint = endpoint
        self.file = folder / "ai_focus.duckdb"
        self.duckdb = Target("duckdb", folder / "duckdb", {"AI_FOCUS_DATABASE": str(self.file)})
        self.bigquery = Target(
            "bigquery",
            folder / "bigquery",
            {
                "BIGQUERY_METHOD": "oauth-secrets",
                "BIGQUERY_TOKEN": "none",
                "BIGQUERY_PROJECT": PROJECT,
                "BIGQUERY_DATASET": self.dataset,
                "BIGQUERY_API_ENDPOINT": endpoint,
                "BIGQUERY_JOB_RETRIES": "0",
                "AI_FOCUS_THREADS": "2",
            },
        )

    def client(self) -> Any:
        """A client of the emulator."""
        return bigquery.Client(
            project=PROJECT,
            credentials=AnonymousCredentials(),
            client_options=ClientOptions(api_endpoint=self.endpoint),
        )

    def connect(self) -> Any:
        """The emulator as a DB-API connection."""
        return dbapi.connect(self.client(), prefer_bqstorage_client=False)

    def load(self, rows: Rows) -> None:
        """Put the same rows into the source tables of both."""
        with duckdb.connect(str(self.file)) as connection:
            fill_raw_tables(connection, rows)
        with closing(self.connect()) as connection:
            fill_raw_tables(connection, rows, quote="`", text="string", escape=ESCAPES)

    def build(self, *arguments: str, variables: Mapping[str, object] | None = None) -> None:
        """Build on both; data tests and unit tests run on BigQuery."""
        self.duckdb.build(*WITHOUT_TESTS, variables=variables)
        self.bigquery.build(*arguments, variables=variables)

    def compare(self) -> dict[str, int]:
        """Give the marts with their count of rows, after all of them were equal."""
        counts, apart = {}, {}
        on_duckdb = relations(self.duckdb.manifest)
        on_bigquery = relations(self.bigquery.manifest)
        assert on_duckdb.keys() == on_bigquery.keys()
        with (
            duckdb.connect(str(self.file), read_only=True) as left,
            closing(self.connect()) as right,
        ):
            for name, relation in on_duckdb.items():
                expected = read_mart(left, relation)
                if found := differences(expected, read_mart(right, on_bigquery[name])):
                    apart[name] = found
                counts[name] = len(expected)
        assert not apart, "\n".join(
            f"{name}: {said}" for name, lines in apart.items() for said in lines
        )
        return counts


@pytest.fixture(scope="session")
def demo(endpoint: str, tmp_path_factory: pytest.TempPathFactory) -> Engines:
    """The demo, built with everything there is to run."""
    engines = Engines("demo", tmp_path_factory.mktemp("demo"), endpoint)
    engines.duckdb.build(*WITHOUT_TESTS)
    counts = engines.bigquery.build()
    assert {kind for kind, _ in counts} >= {"seed", "model", "test", "unit_test"}
    assert {status for _, status in counts} <= {"success", "pass", "no-op"}
    # later builds leave the tests out of it
    whole = engines.bigquery.folder / "whole"
    whole.mkdir()
    shutil.copy(engines.bigquery.manifest, whole)
    return engines


def googlesql(*targets: Path) -> subprocess.CompletedProcess[str]:
    check = ROOT / "tests" / "warehouse" / "googlesql_check.py"
    return subprocess.run(
        [str(PYTHON), str(check), *map(str, targets)], capture_output=True, text=True, check=False
    )


def test_the_demo_has_the_same_rows(demo: Engines) -> None:
    counts = demo.compare()
    assert counts["focus_cost_and_usage"] > 5000
    assert all(counts[name] for name in ("ai_calls", "coverage", "rejected_rows"))


def test_the_demo_built_again_has_the_same_rows(demo: Engines) -> None:
    demo.build(*WITHOUT_TESTS)
    demo.compare()


def test_googlesql_finds_no_fault_in_any_statement(demo: Engines) -> None:
    done = googlesql(demo.bigquery.folder / "whole")
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 faults" in done.stdout
    assert int(done.stdout.split()[0]) > 280


FAULTS = {
    "select name from `p`.`d`.`known` union select 'x'": "DISTINCT",
    "select name::string from `p`.`d`.`known`": "Syntax error",
    "select count(*) filter (where true) as n from `p`.`d`.`known`": "Syntax error",
    "select strftime(name, '%Y') as n from `p`.`d`.`known`": "Function not found: strftime",
    "select date_trunc('day', current_date()) as n": "DATE_TRUNC",
    "select 'it''s' as n": "whitespace",
    "select cast('1' as numeric) as n": "TYPE_NUMERIC",
    "select 1 / 2 as n": "TYPE_DOUBLE",
    "select timestamp '2026-01-01' > datetime '2026-01-01' as n": "DATETIME",
    "select a.name from `p`.`d`.`known` as a left join `p`.`d`.`known` as b"
    " on a.name < b.name": "without an equality",
    "select a.name from `p`.`d`.`known` as a left join `p`.`d`.`known` as b"
    " on b.name = 'x'": "without an equality",
}
FAULTLESS = (
    "select a.name from `p`.`d`.`known` as a left join `p`.`d`.`known` as b"
    " on a.name = b.name and a.name <> 'x'"
)


def test_googlesql_finds_every_planted_fault(tmp_path: Path) -> None:
    known = {
        "resource_type": "seed",
        "alias": "known",
        "relation_name": "`p`.`d`.`known`",
        "config": {"column_types": {"name": "string"}},
        "columns": {},
    }
    folders = []
    for number, sql in enumerate([*FAULTS, FAULTLESS]):
        planted = {
            "resource_type": "model",
            "alias": "planted",
            "relation_name": "`p`.`d`.`planted`",
            "config": {"materialized": "view"},
            "columns": {},
            "compiled_code": sql,
        }
        manifest = {
            "nodes": {"seed.known": known, "model.planted": planted},
            "sources": {},
            "parent_map": {"seed.known": [], "model.planted": ["seed.known"]},
        }
        folders.append(tmp_path / f"planted{number}")
        folders[-1].mkdir()
        (folders[-1] / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    done = googlesql(*folders)
    assert done.returncode == 1, done.stdout + done.stderr
    *said, of_faultless = done.stdout.split("deep at most\n")[: len(folders)]
    for (sql, expected), found in zip(FAULTS.items(), said, strict=True):
        assert expected in found, f"{sql}:\n{found}"
    assert " 0 faults" in of_faultless


def test_no_column_is_a_float_or_too_narrow_for_money(demo: Engines) -> None:
    with closing(demo.connect()) as connection:
        cursor = connection.cursor()
        cursor.execute(
            "select table_name, column_name, data_type"
            f" from {demo.dataset}.INFORMATION_SCHEMA.COLUMNS"
        )
        columns = [tuple(row) for row in cursor.fetchall()]
    assert len(columns) > 1000
    exact = {"STRING", "INT64", "BIGNUMERIC", "BOOL", "TIMESTAMP", "DATE"}
    assert [column for column in columns if column[2] not in exact] == []


def test_charges_have_a_partition_per_month_and_are_clustered(demo: Engines) -> None:
    table = demo.client().get_table(f"{PROJECT}.{demo.dataset}.int_charges")
    assert table.time_partitioning.type_ == "MONTH"
    assert table.time_partitioning.field == "billing_period_start"
    assert table.clustering_fields == [
        "charge_period_start",
        "billing_account_id",
        "meter_price_id",
    ]
    assert table.labels == {"project": "ai_focus"}


def test_every_job_says_project_model_and_run(demo: Engines) -> None:
    run = json.loads(demo.bigquery.manifest.read_text("utf-8"))["metadata"]["invocation_id"]
    labels = [job.labels for job in demo.client().list_jobs(max_results=2000, all_users=True)]
    wanted = {"app": "dbt", "project": "ai_focus", "model": "int_charges", "run": run}
    assert any(wanted.items() <= of_job.items() for of_job in labels)


@pytest.fixture(scope="module", params=[litellm_sample, months], ids=["litellm", "months"])
def workload(request: pytest.FixtureRequest) -> Workload:
    made: Workload = request.param()
    return made


def test_source_tables_give_the_same_rows_first_again_and_late(
    workload: Workload, endpoint: str, tmp_path: Path
) -> None:
    engines = Engines(workload.name, tmp_path, endpoint)
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
