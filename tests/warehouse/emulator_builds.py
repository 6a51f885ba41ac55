"""What both emulators go through: the demo, then source tables first, again, late and closed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

import duckdb
import not_replayed
from builds import (
    OF_SOURCES,
    WITHOUT_OLDER_VERSIONS,
    WITHOUT_TESTS,
    Engines,
    Target,
    reference,
)
from shared import WHOLE
from workloads import LOGS, Rows, Workload, demo, litellm_sample, months, together
from wrapper import Emulated

INCREMENTAL = {**OF_SOURCES, "charges_materialization": "incremental"}
CHARGES = ("--select", "+int_charges")
# tables, so that whoever reads them one after the other need not wait for the views each time
TABLES = {"focus_materialization": "table", "raw_origin": "seed"}


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
    """Build the demo from its seeds by the command; then run tests.

    Unit tests are those that replay can't prove and one of each model, data tests the singular ones
    and one of each generic kind, which shows that dbt's own way to the warehouse works: replay goes
    through them all.
    """
    home = engines.warehouse.folder
    settings = engines.emulated.settings
    untested = Emulated(engines.emulated.target, {**settings, "DBT_RESOURCE_TYPES": "seed model"})
    untested.run("build", "--vars", json.dumps(TABLES), "--home", home)
    manifest = json.loads(engines.warehouse.manifest.read_text("utf-8"))
    unit_tests = list(_unit_tests(manifest["unit_tests"].values(), engines.emulated.target))
    data_tests = list(_data_tests(manifest["nodes"].values()))
    parsed = {"DBT_PARTIAL_PARSE_FILE_PATH": str(home / "target" / "partial_parse.msgpack")}
    beside = Target(engines.emulated.target, home / "tests", {**settings, **parsed})
    selected = [*(f"unit_test:{name}" for name in unit_tests), *data_tests]
    counts = beside.run("test", "--select", *selected, variables=TABLES)
    assert counts["unit_test", "pass"] == len(unit_tests) > 50
    assert counts["test", "pass"] == len(data_tests) > 20


def _unit_tests(tests: Iterable[Mapping[str, Any]], target: str) -> Iterator[str]:
    """Name the unit tests that run on an emulator."""
    models: set[str] = set()
    for test in tests:
        is_first = test["model"] not in models
        if is_first or test["name"] in not_replayed.UNIT_TESTS[target] or os.environ.get(WHOLE):
            yield test["name"]
        models.add(test["model"])


def _data_tests(nodes: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Name the data tests that run on an emulator."""
    kinds: set[str] = set()
    for node in nodes:
        if node["resource_type"] != "test":
            continue
        kind = (node.get("test_metadata") or node)["name"]
        if kind not in kinds or os.environ.get(WHOLE):
            yield node["name"]
        kinds.add(kind)


def build_sources(engines: Engines) -> None:
    """Build everything from source tables, with int_usage_priced as a model that is kept.

    First; again, which changes nothing; with more calls, which replaces their months in one
    statement; and with what else came late: prices, rates, closed months. After each build the
    charges have the rows of DuckDB, whose table is made anew from all rows, and so have the marts
    after the last one.
    """
    warehouse, workload = engines.warehouse, everything()
    without_seeds = (*WITHOUT_TESTS, "seed")
    engines.load(workload.early)
    warehouse.build(*CHARGES, "resource_type:seed", *WITHOUT_TESTS, variables=INCREMENTAL)
    first = engines.compare("early", workload.early, CHARGES)

    # without any other model of the priced usage it would be made anew
    warehouse.build(*CHARGES, *without_seeds, variables=INCREMENTAL)
    assert warehouse.message("int_usage_priced") == "UNCHANGED"
    engines.compare("early", workload.early, CHARGES)

    engines.load(late_usage())
    warehouse.build(*CHARGES, *without_seeds, variables=INCREMENTAL)
    (run,) = (warehouse.folder / "target" / "run").rglob("int_usage_priced.sql")
    replaced = {"snowflake": "delete from", "bigquery": "merge into"}[engines.emulated.target]
    assert replaced in run.read_text("utf-8")
    assert "2026-08-01" in run.read_text("utf-8")
    engines.compare("late_usage", late_usage(), CHARGES)

    engines.load(workload.late)
    warehouse.build(*without_seeds, *WITHOUT_OLDER_VERSIONS, variables=INCREMENTAL)
    # the data tests run on these rows, on DuckDB alone: equal rows pass them elsewhere as well
    file, _ = reference("late", workload.late, is_tested=True)
    late = engines.compare("late", workload.late)
    charges = engines.compare("late", workload.late, CHARGES)
    assert late["ai_calls"] > 0
    assert charges["int_charges"] > first["int_charges"] > 0
    with duckdb.connect(str(file), read_only=True) as connection:
        kinds = connection.sql("select distinct correction_kind from int_charges").fetchall()
    assert {kind for (kind,) in kinds} == {None, "correction", "reversal"}
