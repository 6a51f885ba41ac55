"""What both emulators go through: the demo whole, then source tables first, again and late."""

from __future__ import annotations

from functools import cache

import duckdb
from builds import OF_SOURCES, WITHOUT_TESTS, Engines
from workloads import Workload, demo, litellm_sample, months, together

INCREMENTAL = {**OF_SOURCES, "charges_materialization": "incremental"}
# what the charges are made of, as far as it is stored: views are there already
STORED = ("+int_charges,config.materialized:table", "int_charges")


@cache
def everything() -> Workload:
    """The demo, LiteLLM's sample and five months before both."""
    return together(demo(), litellm_sample(), months())


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

    DuckDB's table is made anew from all rows. The marts are views, so they need no building.
    """
    workload = everything()

    def build(*arguments: str) -> None:
        stored = ("--select", *STORED, *WITHOUT_TESTS)
        engines.warehouse.build(*stored, *arguments, variables=INCREMENTAL)

    engines.load(workload.early)
    build("--full-refresh")
    engines.compare("early", workload.early, ["int_charges"])
    build()
    engines.compare("early", workload.early, ["int_charges"])
    engines.load(workload.late)
    build()
    engines.compare("late", workload.late, ["int_charges"])
    engines.compare("late", workload.late)
