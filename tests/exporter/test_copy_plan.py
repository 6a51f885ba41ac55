"""The copy of a warehouse's build has what the API reads, and nothing that it does not need."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from api_client import COMMITMENTS, FILE, LIST, SCHEMA, open_client
from conftest import DemoRun

from exporter.datasets import DATASETS
from exporter.errors import DataError
from exporter.warehouse.lineage import CopyPlan, plan_copy, served_models
from exporter.warehouse.transfer import arrow_schema

PACKAGE = "ai_focus"


@pytest.fixture(scope="module")
def manifest(demo_run: DemoRun) -> dict[str, Any]:
    text = (demo_run.home / "target" / "manifest.json").read_text(encoding="utf-8")
    return dict(json.loads(text))


@pytest.fixture(scope="module")
def plan(manifest: dict[str, Any]) -> CopyPlan:
    return plan_copy(manifest, PACKAGE)


@pytest.fixture(scope="module")
def home(
    demo_run: DemoRun, manifest: dict[str, Any], plan: CopyPlan, tmp_path_factory: Any
) -> Iterator[Path]:
    """A home whose build has the relations of a copy and no other."""
    folder = tmp_path_factory.mktemp("copied")
    shutil.copyfile((demo_run.home / "ai_focus.duckdb").resolve(), folder / "ai_focus.duckdb")
    made = {node["alias"] for node in manifest["nodes"].values() if node["name"] in plan.views}
    with duckdb.connect(str(folder / "ai_focus.duckdb")) as connection:
        relations = connection.execute(
            "select table_name, table_type from information_schema.tables"
        ).fetchall()
        others = [row for row in relations if row[0] not in {*plan.tables, *made}]
        for name, kind in others:
            connection.execute(f"drop {'view' if kind == 'VIEW' else 'table'} {name}")
    assert len(others) > 20
    yield folder


def test_the_api_reads_nothing_that_a_copy_lacks(home: Path) -> None:
    with open_client(home) as client:
        for dataset in DATASETS.values():
            for version in dataset.versions:
                paths = {"cost-and-usage": LIST, "contract-commitment": COMMITMENTS}
                path = paths.get(dataset.name)
                if path is not None:
                    # rows, totals and coverage
                    parameters = {"focusVersion": version, "pageSize": "5"}
                    body = client.get(path, params=parameters).raise_for_status().json()
                    assert body["records"]
        days = {"from": "2026-10-01", "to": "2026-10-31"}
        assert client.get(FILE, params=days).raise_for_status().text.count("\n") > 100
        described = client.get(SCHEMA).raise_for_status().json()
        # by call, day and month, and the commitments
        assert len(described["Recency"]) == 4
        service = client.app.state.service
        with service.builds.current() as build, build.cursor() as cursor:
            for dataset in DATASETS.values():
                for grain in dataset.relations:
                    for version in dataset.versions:
                        name = dataset.relation(grain, version)
                        assert cursor.execute(f"select count(*) from {name}").fetchall()[0][0]


def test_every_column_of_a_copied_table_has_an_exact_type(
    demo_run: DemoRun, plan: CopyPlan
) -> None:
    with duckdb.connect(
        str((demo_run.home / "ai_focus.duckdb").resolve()), read_only=True
    ) as connection:
        for table in plan.tables:
            kinds = {row[0]: row[1] for row in connection.execute(f"describe {table}").fetchall()}
            assert len(arrow_schema(kinds)) == len(kinds)


def test_tables_are_copied_and_no_raw_table(manifest: dict[str, Any], plan: CopyPlan) -> None:
    stored = {
        node["alias"]
        for node in manifest["nodes"].values()
        if node["config"]["materialized"] in ("table", "incremental", "seed")
    }
    assert set(plan.tables) < stored
    # a view that reads raw tables itself would be empty in a copy
    assert not [name for name in plan.tables if name.startswith("raw_")]
    assert not [name for name in plan.views if name in stored]
    assert {"int_usage_priced", "int_held_calls", "stg_pricing__providers"} < set(plan.tables)


def test_without_a_relation_the_plan_lacks_its_tables(manifest: dict[str, Any]) -> None:
    whole = plan_copy(manifest, PACKAGE)
    served = tuple(name for name in served_models() if name != "focus_contract_commitment")
    less = plan_copy(manifest, PACKAGE, served)
    assert set(less.tables) <= set(whole.tables)
    assert "int_focus_contract_commitment" in set(whole.views) - set(less.views)


def test_what_can_not_be_copied_is_said(manifest: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="no model no_such_mart"):
        plan_copy(manifest, PACKAGE, ("no_such_mart",))
    broken = copy.deepcopy(manifest)
    broken["nodes"]["model.ai_focus.int_usage"]["depends_on"]["nodes"].append("source.raw.calls")
    with pytest.raises(DataError, match=r"source\.raw\.calls"):
        plan_copy(broken, PACKAGE)
