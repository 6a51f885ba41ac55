"""What both emulators go through: the demo, then source tables first, again, late and closed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

import duckdb
import not_replayed
from builds import OF_SOURCES, WITHOUT_TESTS, Engines, Target, reference
from workloads import LOGS, Rows, Workload, demo, litellm_sample, months, together
from wrapper import WHOLE

INCREMENTAL = {**OF_SOURCES, "charges_materialization": "incremental"}
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
    """Build the demo from its seeds by the command, with every data test; then run unit tests.

    They are those that replay can't prove and one of each model, which shows that dbt's own way to
    the warehouse works.
    """
    home = engines.warehouse.folder
    engines.emulated.run("build", "--vars", json.dumps(TABLES), "--home", home)
    manifest = json.loads(engines.warehouse.manifest.read_text("utf-8"))
    names = list(_unit_tests(manifest["unit_tests"].values(), engines.emulated.target))
    parsed = {"DBT_PARTIAL_PARSE_FILE_PATH": str(home / "target" / "partial_parse.msgpack")}
    settings = {**engines.emulated.settings, **parsed}
    beside = Target(engines.emulated.target, home / "unit_tests", settings)
    selected = [f"unit_test:{name}" for name in names]
    counts = beside.run("test", "--select", *selected, variables=TABLES)
    assert counts["unit_test", "pass"] == len(names) > 50


def _unit_tests(tests: Iterable[Mapping[str, Any]], target: str) -> Iterator[str]:
    """Name the unit tests that run on an emulator."""
    models: set[str] = set()
    for test in tests:
        is_first = test["model"] not in models
        if is_first or test["name"] in not_replayed.UNIT_TESTS[target] or os.environ.get(WHOLE):
            yield test["name"]
        models.add(test["model"])


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
    # the data tests run on these rows, on DuckDB alone: equal rows pass them elsewhere as well
    file, _ = reference("late", workload.late, is_tested=True)
    late = engines.compare("late", workload.late)
    assert late["ai_calls"] > first["ai_calls"] > 0
    with duckdb.connect(str(file), read_only=True) as connection:
        kinds = connection.sql("select distinct correction_kind from int_charges").fetchall()
    assert {kind for (kind,) in kinds} == {None, "correction", "reversal"}
