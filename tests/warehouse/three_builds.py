"""What both emulators go through: the demo whole, then source tables first, again and late."""

from __future__ import annotations

from functools import cache

import duckdb
from builds import OF_SOURCES, WITHOUT_TESTS, Engines
from workloads import LOGS, Rows, Workload, demo, litellm_sample, months, together

INCREMENTAL = {**OF_SOURCES, "charges_materialization": "incremental"}
# the seeds are there already; without any other model of the charges they would be made anew
OF_CHARGES = ("--select", "+int_charges", "--exclude-resource-type", "seed", "unit_test", "test")


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


def build_demo_whole(engines: Engines) -> None:
    """Build the demo from its seeds, with every data test and unit test of the project."""
    counts = engines.warehouse.build()
    assert {kind for kind, _ in counts} >= {"seed", "model", "test", "unit_test"}
    assert {status for _, status in counts} <= {"success", "pass", "no-op"}
    assert counts["unit_test", "pass"] > 200
    assert counts["test", "pass"] > 150


def build_three_times(engines: Engines) -> None:
    """Build everything from source tables: first, again, and with what came late."""
    workload = everything()
    engines.load(workload.early)
    engines.warehouse.build(*WITHOUT_TESTS, variables=OF_SOURCES)
    first = engines.compare("early", workload.early)
    engines.warehouse.build(*WITHOUT_TESTS, variables=OF_SOURCES)
    assert engines.compare("early", workload.early) == first
    engines.load(workload.late)
    engines.warehouse.build(*WITHOUT_TESTS, variables=OF_SOURCES)
    late = engines.compare("late", workload.late)
    assert late["ai_calls"] > first["ai_calls"] > 0
    with duckdb.connect(
        str(engines.reference("late", workload.late)), read_only=True
    ) as connection:
        kinds = connection.sql(
            "select correction_kind, count(*) from int_charges group by all"
        ).fetchall()
    assert {kind for kind, _ in kinds} == {None, "correction", "reversal"}, kinds


def keep_charges_three_times(engines: Engines) -> None:
    """After those builds, make int_charges as an incremental model that is kept, three times too.

    The second changes nothing and the third the months that got more calls, in one statement.
    DuckDB's table is made anew from all rows.
    """
    early, late = everything().early, late_usage()
    engines.load(early)
    engines.warehouse.build(*OF_CHARGES, "--full-refresh", variables=INCREMENTAL)
    engines.compare("early", early, ["int_charges"])
    engines.warehouse.build(*OF_CHARGES, variables=INCREMENTAL)
    assert engines.warehouse.message("int_charges") == "UNCHANGED"
    engines.compare("early", early, ["int_charges"])
    engines.load(late)
    engines.warehouse.build(*WITHOUT_TESTS, variables=INCREMENTAL)
    (run,) = (engines.warehouse.folder / "target" / "run").rglob("int_charges.sql")
    replaced = {"snowflake": "delete from", "bigquery": "merge into"}[engines.emulated.target]
    assert replaced in run.read_text("utf-8")
    assert "2026-08-01" in run.read_text("utf-8")
    engines.compare("late_usage", late)
