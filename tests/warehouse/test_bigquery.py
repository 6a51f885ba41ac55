"""The same tables on BigQuery as on DuckDB, as far as an emulator can tell.

    python3.13 -m venv bigquery
    bigquery/bin/pip install --no-deps -r tests/warehouse/requirements-bigquery.txt
    AI_FOCUS_BIGQUERY_PYTHON=bigquery/bin/python pytest tests/warehouse/test_bigquery.py

A server on loopback (bigquery_server.py) stands for BigQuery. The demo is built there with all of
its tests; then the demo, LiteLLM's sample and five generated months from source tables: first,
again, and with what came late, int_charges anew and the incremental way. After every build each
mart has DuckDB's rows. The compiled SQL is read by GoogleSQL's own analyzer as well
(googlesql_check.py), which is stricter than the emulator.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

pytest.importorskip("google.cloud.bigquery", reason="pip install '.[bigquery]'")

from builds import ROOT, Engines, Reference
from three_builds import build_demo_whole, build_three_times, keep_charges_three_times
from wrapper import EMULATOR_PYTHON, Emulated, emulate

pytestmark = pytest.mark.skipif(
    EMULATOR_PYTHON not in os.environ,
    reason=f"{EMULATOR_PYTHON} names no Python with requirements-bigquery.txt",
)


@pytest.fixture(scope="module")
def emulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulated]:
    with emulate("bigquery", tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture(scope="module")
def demo(emulated: Emulated, tmp_path_factory: pytest.TempPathFactory) -> Engines:
    """The demo, built with everything there is to run."""
    folder = tmp_path_factory.mktemp("demo")
    engines = Engines(emulated, "demo", folder, Reference(tmp_path_factory))
    build_demo_whole(engines)
    return engines


def googlesql(*targets: Path) -> subprocess.CompletedProcess[str]:
    check = ROOT / "tests" / "warehouse" / "googlesql_check.py"
    return subprocess.run(
        [os.environ[EMULATOR_PYTHON], str(check), *map(str, targets)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_demo_has_the_same_rows(demo: Engines) -> None:
    counts = demo.compare("demo")
    assert counts["focus_cost_and_usage"] > 5000
    assert all(counts[name] for name in ("ai_calls", "coverage", "rejected_rows"))


def test_source_tables_give_the_same_rows_first_again_and_late(
    emulated: Emulated, tmp_path_factory: pytest.TempPathFactory
) -> None:
    reference = Reference(tmp_path_factory)
    engines = Engines(emulated, "sources", tmp_path_factory.mktemp("sources"), reference)
    build_three_times(engines)
    keep_charges_three_times(engines)


def test_googlesql_finds_no_fault_in_any_statement(demo: Engines) -> None:
    done = googlesql(demo.warehouse.folder / "target")
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 faults" in done.stdout
    assert int(done.stdout.split()[0]) > 280


FAULTS = {
    "select name from `p`.`d`.`known` union select 'x'": "DISTINCT",
    "select name::string from `p`.`d`.`known`": "Syntax error",
    "select count(*) filter (where true) as n from `p`.`d`.`known`": "Syntax error",
    "select strftime(name, '%Y') as n from `p`.`d`.`known`": "Function not found: strftime",
    "select date_trunc('day', current_date()) as n": "invalid date part",
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
    with closing(demo.emulated.connect()) as connection:
        cursor = connection.cursor()
        cursor.execute(
            "select table_name, column_name, data_type from demo.INFORMATION_SCHEMA.COLUMNS"
        )
        columns = [tuple(row) for row in cursor.fetchall()]
    assert len(columns) > 1000
    exact = {"STRING", "INT64", "BIGNUMERIC", "BOOL", "TIMESTAMP", "DATE"}
    assert [column for column in columns if column[2] not in exact] == []


def test_charges_have_a_partition_per_month_and_are_clustered(demo: Engines) -> None:
    table = demo.emulated.client().get_table("ai-focus.demo.int_charges")
    assert table.time_partitioning.type_ == "MONTH"
    assert table.time_partitioning.field == "billing_period_start"
    assert table.clustering_fields == [
        "charge_period_start",
        "billing_account_id",
        "meter_price_id",
    ]
    assert table.labels == {"project": "ai_focus"}


def test_every_job_says_project_model_and_run(demo: Engines) -> None:
    run = json.loads(demo.warehouse.manifest.read_text("utf-8"))["metadata"]["invocation_id"]
    labels = [
        job.labels for job in demo.emulated.client().list_jobs(max_results=2000, all_users=True)
    ]
    wanted = {"app": "dbt", "project": "ai_focus", "model": "int_charges", "run": run}
    assert any(wanted.items() <= of_job.items() for of_job in labels)
