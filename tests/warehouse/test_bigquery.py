"""The same tables on BigQuery as on DuckDB, as far as an emulator can tell.

    python3.13 -m venv bigquery
    bigquery/bin/pip install --no-deps -r tests/warehouse/requirements-bigquery.txt
    AI_FOCUS_BIGQUERY_PYTHON=bigquery/bin/python pytest tests/warehouse/test_bigquery.py

A server on loopback (bigquery_server.py) stands for BigQuery. The demo is built there
with the tests that replay can't prove, and each mart has DuckDB's rows. test_sources.py goes on:
the demo, LiteLLM's sample and five generated months from source tables.
"""

from __future__ import annotations

import json
from contextlib import closing

import pytest

pytest.importorskip("google.cloud.bigquery", reason="pip install '.[bigquery]'")

from builds import Engines

pytestmark = pytest.mark.parametrize("emulated", ["bigquery"], indirect=True)


def test_the_demo_has_the_same_rows(demo: Engines) -> None:
    counts = demo.compare("demo")
    assert counts["focus_cost_and_usage"] > 5000
    assert all(counts[name] for name in ("ai_calls", "ai_coverage", "ai_unreadable_records"))


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


def test_priced_usage_has_a_partition_per_month_and_is_clustered(demo: Engines) -> None:
    table = demo.emulated.client().get_table("ai-focus.demo.int_usage_priced")
    assert table.time_partitioning.type_ == "MONTH"
    assert table.time_partitioning.field == "booked_in"
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
    wanted = {"app": "dbt", "project": "ai_focus", "model": "int_usage_priced", "run": run}
    assert any(wanted.items() <= of_job.items() for of_job in labels)
