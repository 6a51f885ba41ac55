"""The same tables on Snowflake as on DuckDB, as far as an emulator can tell.

    pip install -r tests/warehouse/requirements-snowflake.txt
    pytest tests/warehouse/test_snowflake.py

A server on loopback (fakesnow_server.py) stands for Snowflake. The demo is built there
with the tests that replay can't prove, and each mart has DuckDB's rows. test_sources.py goes on:
the demo, LiteLLM's sample and five generated months from source tables.
"""

from __future__ import annotations

import json
import re
from contextlib import closing

import pytest

pytest.importorskip("fakesnow", reason="fakesnow is not installed: requirements-snowflake.txt")

from builds import Engines

pytestmark = pytest.mark.parametrize("emulated", ["snowflake"], indirect=True)


def test_the_demo_has_the_same_rows(demo: Engines) -> None:
    counts = demo.compare("demo")
    assert counts["focus_cost_and_usage"] > 5000
    assert all(counts[name] for name in ("ai_calls", "ai_coverage", "ai_unreadable_records"))


def test_focus_columns_need_no_quotes(demo: Engines) -> None:
    with closing(demo.emulated.connect()) as connection:
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
    manifest = json.loads(demo.warehouse.manifest.read_text("utf-8"))
    described = {
        (node["alias"].upper(), name.upper()): column["description"].strip()
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and "marts" in node["fqn"]
        for name, column in node["columns"].items()
    }
    with closing(demo.emulated.connect()) as connection:
        cursor = connection.cursor()
        cursor.execute(
            "select table_name, column_name, comment from demo.information_schema.columns"
        )
        kept = {(table, column): (comment or "").strip() for table, column, comment in cursor}
    assert len(described) > 500
    assert {key: kept.get(key) for key in described} == described


def test_no_column_is_a_float(demo: Engines) -> None:
    with closing(demo.emulated.connect()) as connection:
        cursor = connection.cursor()
        cursor.execute(
            "select table_name, column_name, data_type from demo.information_schema.columns"
            " where table_schema = 'AI_FOCUS'"
        )
        columns = cursor.fetchall()
    assert len(columns) > 1000
    assert [column for column in columns if column[2] in ("FLOAT", "REAL", "DOUBLE")] == []


def test_every_model_tags_its_queries(demo: Engines) -> None:
    logs = sorted((demo.warehouse.folder / "logs").glob("dbt.log*"))
    log = "".join(path.read_text("utf-8") for path in logs)
    tags = [json.loads(tag) for tag in re.findall(r"set query_tag = '(\{.*?\})'", log)]
    run = json.loads(demo.warehouse.manifest.read_text("utf-8"))["metadata"]["invocation_id"]
    assert {"project": "ai_focus", "model": "int_usage_priced", "run": run} in tags
