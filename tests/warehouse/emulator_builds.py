"""What both emulators go through: the demo, then source tables first, again, late and closed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import duckdb
import not_replayed
from builds import OF_SOURCES, WITHOUT_TESTS, Engines, reference
from workloads import LOGS, Rows, Workload, demo, litellm_sample, months, together

# set by `.ci/run --whole`: every unit test and data test runs on the emulators too
WHOLE = "AI_FOCUS_TEST_WHOLE"
INCREMENTAL = {**OF_SOURCES, "charges_materialization": "incremental"}
# tables, so that whoever reads them one after the other need not wait for the views each time
TABLES = {"focus_materialization": "table"}


@cache
def everything() -> Workload:
    """The demo, LiteLLM's sample and five months before both."""
    return together(demo(), litellm_sample(), months())


@cache
def late_usage() -> Rows:
    """The early rows with all calls of the demo: nothing before its first month is another."""
    early, late = everything().early, demo().late
    added = {table: [row for row in late[table] if row not in early[table]] for table in LOGS}
    return {**early, **{table: [*early[table], *added[table]] for table in LOGS}}


def build_demo(engines: Engines) -> None:
    """Build the demo from its seeds, with the tests that replay can't prove and some that it can.

    Some are all singular data tests, one of each generic kind and one unit test of each model: they
    show that dbt's own way to a warehouse works.
    """
    nodes = engines.warehouse.parse(TABLES)
    proved = [] if os.environ.get(WHOLE) else list(_replayed(nodes, engines.emulated.target))
    exclude = ["--exclude", *proved] if proved else []
    counts = engines.warehouse.build(*exclude, variables=TABLES)
    assert {status for _, status in counts} <= {"success", "pass", "no-op"}
    kinds = [node["resource_type"] for node in nodes.values()]
    for kind, status, method in (
        ("model", "success", None),
        ("test", "pass", "fqn"),
        ("unit_test", "pass", "unit_test"),
    ):
        excluded = sum(name.startswith(f"{method}:") for name in proved)
        assert counts[kind, status] == kinds.count(kind) - excluded > 25


def _replayed(nodes: Mapping[str, Mapping[str, Any]], target: str) -> Iterator[str]:
    """Name what test_replay.py proves, but for the first of each model and each generic kind."""
    excused, seen = set(not_replayed.UNIT_TESTS[target]), set()
    for node in nodes.values():
        if node["resource_type"] == "unit_test":
            method, kind = "unit_test", node["model"]
        elif node["resource_type"] == "test" and node.get("test_metadata"):
            method, kind = "fqn", node["test_metadata"]["name"]
        else:
            continue
        if (method, kind) in seen and node["name"] not in excused:
            yield f"{method}:{node['name']}"
        seen.add((method, kind))


def build_sources(engines: Engines) -> None:
    """Build everything from source tables, with int_charges as a model that is kept.

    First; again, which changes nothing; with more calls, which replaces their months in one
    statement; and with what else came late: prices, rates, closed months. After each build the
    marts have the rows of DuckDB, whose table is made anew from all rows.
    """
    warehouse, workload = engines.warehouse, everything()
    without_seeds = (*WITHOUT_TESTS, "seed")
    engines.load(workload.early)
    warehouse.build(*WITHOUT_TESTS, variables=INCREMENTAL)
    first = engines.compare("early", workload.early)

    # without any other model of the charges they would be made anew
    warehouse.build("--select", "+int_charges", *without_seeds, variables=INCREMENTAL)
    assert warehouse.message("int_charges") == "UNCHANGED"
    engines.compare("early", workload.early, ["int_charges"])

    engines.load(late_usage())
    warehouse.build(*without_seeds, variables=INCREMENTAL)
    (run,) = (warehouse.folder / "target" / "run").rglob("int_charges.sql")
    replaced = {"snowflake": "delete from", "bigquery": "merge into"}[engines.emulated.target]
    assert replaced in run.read_text("utf-8")
    assert "2026-08-01" in run.read_text("utf-8")
    engines.compare("late_usage", late_usage())

    engines.load(workload.late)
    warehouse.build(*without_seeds, variables=INCREMENTAL)
    late = engines.compare("late", workload.late)
    assert late["ai_calls"] > first["ai_calls"] > 0
    file, _ = reference("late", workload.late)
    with duckdb.connect(str(file), read_only=True) as connection:
        kinds = connection.sql("select distinct correction_kind from int_charges").fetchall()
    assert {kind for (kind,) in kinds} == {None, "correction", "reversal"}
