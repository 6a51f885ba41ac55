"""Every data test that keeps a promise fails once the promise is broken: it passed on the demo.

A case breaks rows of a copy of the demo's database, runs the SQL that dbt compiled for the test and
takes the break back. A test without a case is a failure: see `test_every_promise_has_a_break`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from broken_promises import BREAKS, breakable, broken
from conftest import DemoRun

ROOT = Path(__file__).resolve().parents[2]

CASES = [
    pytest.param(name, statement, id=f"{name}-{number}")
    for name, statements in BREAKS.items()
    for number, statement in enumerate(statements, start=1)
]


@pytest.fixture(scope="module")
def compiled(demo_home: Path) -> dict[str, str]:
    """The SQL of every data test, by name, as dbt compiled it for the demo."""
    manifest = json.loads((demo_home / "target" / "manifest.json").read_text(encoding="utf-8"))
    found = {}
    for node in manifest["nodes"].values():
        if node["resource_type"] != "test":
            continue
        # dbt cuts the names of generic tests in paths, not in the manifest
        folder = demo_home / "target" / "compiled" / "ai_focus" / node["original_file_path"]
        path = folder if folder.suffix == ".sql" else folder / node["path"]
        if path.is_file():
            found[node["name"]] = path.read_text(encoding="utf-8")
    return found


@pytest.fixture(scope="module")
def demo_copy(
    demo_run: DemoRun, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[duckdb.DuckDBPyConnection]:
    copy = tmp_path_factory.mktemp("demo_copy") / "ai_focus.duckdb"
    with breakable(demo_run.database, copy) as connection:
        yield connection


def test_every_promise_has_a_break(compiled: dict[str, str]) -> None:
    singular = {path.stem for path in (ROOT / "tests" / "dbt" / "singular").glob("*.sql")}
    assert singular
    assert singular <= set(BREAKS)
    assert set(BREAKS) <= set(compiled)


@pytest.mark.parametrize(
    ("region", "other", "priced_apart", "may_stand"),
    [
        ("regional", "eu", ",eu,", True),
        ("regional", "eu", ",us,", False),
        ("regional", "eu", None, False),
        ("regional", "global", None, True),
        ("eu", "us", None, True),
    ],
)
def test_prices_of_regions_stand_side_by_side_where_no_call_fits_both(
    compiled: dict[str, str],
    demo_copy: duckdb.DuckDBPyConnection,
    region: str,
    other: str,
    priced_apart: str | None,
    may_stand: bool,
) -> None:
    regional = (
        "insert into int_meter_prices select * replace ("
        "price_id || $region as price_id, meter_price_id || $region as meter_price_id,"
        " $region as region_id, $apart as regions_priced_apart,"
        " false as is_region_assumed_if_unknown) from int_meter_prices where meter_price_id ="
        " (select min(meter_price_id) from int_meter_prices where region_id is null)"
    )
    demo_copy.execute("begin")
    try:
        for name, apart in ((region, priced_apart), (other, None)):
            demo_copy.execute(regional, {"region": name, "apart": apart})
        found = demo_copy.execute(compiled["assert_no_call_can_have_two_list_prices"]).fetchall()
    finally:
        demo_copy.execute("rollback")
    assert bool(found) is not may_stand


@pytest.mark.parametrize(("name", "statement"), CASES)
def test_data_test_fails_on_a_broken_row(
    name: str, statement: str, compiled: dict[str, str], demo_copy: duckdb.DuckDBPyConnection
) -> None:
    with broken(demo_copy, statement):
        found = demo_copy.execute(compiled[name]).fetchall()
    assert found, f"{name} does not see: {statement}"
