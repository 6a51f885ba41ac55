"""`focus-export export --target` gives the same bytes from a warehouse as from DuckDB.

The rows are those of the demo, which dbt built on both: queries, Arrow batches, types, names, order
and files.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from builds import Engines
from shared import run_demo
from wrapper import Emulated, only_whole, recorded, write_record

from exporter.build import report, totals
from exporter.datasets import DATASETS
from exporter.duck import open_database
from exporter.extract.files import export_dataset
from exporter.extract.selection import Selection, Term
from exporter.home import Home
from exporter.options import FORMATS
from exporter.project import Project, load_project
from exporter.warehouse import adapters
from exporter.warehouse.adapters import Warehouse
from exporter.warehouse.connection import open_warehouse
from exporter.warehouse.record import BuildRecord, ChangedError
from exporter.warehouse.transfer import pull


@pytest.fixture(scope="module")
def home() -> Home:
    return Home(run_demo().home)


@pytest.fixture(scope="module")
def warehouse_demo(demo: Engines) -> Iterator[Emulated]:
    """The demo on the emulator; the process has its settings."""
    with demo.emulated.in_process() as emulated:
        yield emulated


# older versions are other names and columns, whose rows are compared where the demo is built
STRUCTURES = [
    pytest.param(
        (dataset.name, version, grain),
        marks=[only_whole] if version != dataset.versions[0] else [],
        id=f"{dataset.name}-{version}-{grain}",
    )
    for dataset in DATASETS.values()
    for version in dataset.versions
    for grain in dataset.relations
]
SELECTIONS: dict[str, dict[str, Any]] = {
    "days, values, a null and columns": {
        "dataset": "cost-and-usage",
        "from_date": date(2026, 10, 3),
        "to_date": date(2026, 10, 20),
        "filters": [
            ("ServiceProviderName", "OpenAI"),
            ("ServiceProviderName", "Anthropic"),
            ("SubAccountId", ""),
        ],
        "columns": ["BilledCost", "x_CallId"],
    },
    "a number and a time with an offset": {
        "dataset": "cost-and-usage",
        "filters": [("ListUnitPrice", "5.0"), ("BillingPeriodStart", "2026-10-01T02:00:00+02:00")],
    },
    "a value that looks like SQL": {
        "dataset": "cost-and-usage",
        "filters": [("ServiceName", "it's 100 % ? \\ -- \"`")],
    },
    "no row as Parquet": {
        "dataset": "cost-and-usage",
        "fmt": "parquet",
        "filters": [("ServiceName", "none")],
    },
    "commitments by their period": {
        "dataset": "contract-commitment",
        "from_date": date(2026, 10, 3),
        "to_date": date.max,
    },
    "calls by a renamed column": {
        "dataset": "ai-calls",
        "fmt": "json",
        "to_date": date(2026, 10, 13),
        "filters": [("ServiceName", "gpt-5-mini")],
    },
    "calls by a column that is made": {
        "dataset": "ai-calls",
        "fmt": "jsonl",
        "filters": [("x-cog-CacheHit", "true"), ("Tags/x-cost-department", "Marketing")],
    },
}


def assert_same(home: Home, target: str, folder: Path, **options: Any) -> dict[str, Any]:
    """Extract from both; files are the same, and manifests but for the build and the time."""
    manifests = []
    for place in ("duckdb", target):
        (folder / place).mkdir(exist_ok=True)
        result = export_dataset(home, output=folder / place, target=place, **options)
        manifest = dict(result.manifest)
        del manifest["build"], manifest["written_at"]
        manifests.append(manifest)
    assert manifests[0] == manifests[1]
    return manifests[1]


@pytest.mark.parametrize("structure", STRUCTURES)
def test_every_dataset_version_and_grain_is_the_same(
    structure: tuple[str, str, str], warehouse_demo: Emulated, home: Home, tmp_path: Path
) -> None:
    dataset, version, grain = structure
    options = {"dataset": dataset, "focus_version": version, "grain": grain}
    found = assert_same(home, warehouse_demo.target, tmp_path, **options)
    assert found["rows"] > 10


# files are written from DuckDB, wherever the rows came from; selections have the formats every time
@only_whole
@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize("fmt", FORMATS)
def test_every_format_is_the_same(
    dataset: str, fmt: str, warehouse_demo: Emulated, home: Home, tmp_path: Path
) -> None:
    assert_same(home, warehouse_demo.target, tmp_path, dataset=dataset, fmt=fmt)


@pytest.mark.parametrize("selection", SELECTIONS)
def test_every_selection_is_the_same(
    selection: str, warehouse_demo: Emulated, home: Home, tmp_path: Path
) -> None:
    found = assert_same(home, warehouse_demo.target, tmp_path, **SELECTIONS[selection])
    has_rows = selection not in ("a value that looks like SQL", "no row as Parquet")
    assert (found["rows"] > 0) == has_rows


def test_the_warehouse_filters_and_sends_only_what_is_needed(
    warehouse_demo: Emulated, home: Home, tmp_path: Path
) -> None:
    dataset = DATASETS["cost-and-usage"]
    selection = Selection(
        dataset,
        "1.4",
        from_date=date(2026, 10, 3),
        terms=(Term(("ServiceProviderName",), ("OpenAI",)),),
        columns=("ServiceName",),
    )
    with (
        open_warehouse(warehouse_demo.target, load_project()) as opened,
        open_database(tmp_path / "scratch.duckdb", read_only=False) as connection,
    ):
        rows = pull(connection, opened, selection, load_project())
        columns = {
            row[0] for row in connection.execute("describe focus_cost_and_usage_v1_4").fetchall()
        }
    with open_database(home.published()) as connection:
        (expected,) = connection.execute(
            "select count(*) from focus_cost_and_usage_v1_4 where ServiceProviderName = 'OpenAI'"
            " and ChargePeriodStart >= timestamp '2026-10-03'"
        ).fetchall()[0]
    assert rows == expected > 100
    assert columns == {
        *("ServiceName", "ServiceProviderName", "ChargePeriodStart", "x_ChargeId"),
        *("BilledCost", "EffectiveCost", "ListCost", "ContractedCost", "BillingCurrency"),
    }


def test_rows_come_in_batches(warehouse_demo: Emulated, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapters, "BATCH_ROWS", 500)
    schema = pa.schema([("call_key", pa.string()), ("total_tokens", pa.int64())])
    with open_warehouse(warehouse_demo.target, load_project()) as opened:
        query = "select total_tokens, call_key from ai_calls"
        sizes = [batch.num_rows for batch in opened.batches(query, (), schema)]
    assert sum(sizes) > 3000
    assert max(sizes) <= 500


@pytest.mark.of_any_target
def test_standard_output_holds_the_extract_alone(
    warehouse_demo: Emulated, home: Home, tmp_path: Path
) -> None:
    arguments = ("--dataset", "contract-commitment", "--home", home.path)
    result = warehouse_demo.run("export", *arguments, "--output", "-")
    warehouse_demo.run("export", *arguments, "--output", tmp_path / "file.csv")
    assert result.stdout == (tmp_path / "file.csv").read_text(encoding="utf-8")


@pytest.mark.of_any_target
def test_the_manifest_names_the_build_that_the_target_records(
    warehouse_demo: Emulated, home: Home, tmp_path: Path
) -> None:
    def build() -> tuple[dict[str, str | None], str]:
        arguments = ("--dataset", "contract-commitment", "--home", home.path)
        result = warehouse_demo.run("export", *arguments, "--output", tmp_path / "file.csv")
        manifest = json.loads((tmp_path / "file.csv.manifest.json").read_text("utf-8"))
        return manifest["build"], result.stderr

    nothing = {"build_id": None, "finished_at": None}
    with recorded(warehouse_demo, None):
        found, said = build()
        assert found == nothing
        assert "names no finished build" in said
    with recorded(warehouse_demo, FINISHED):
        found, said = build()
        assert found == {"build_id": FINISHED.build_id, "finished_at": FINISHED.finished_at}
        assert "names no finished build" not in said
    with recorded(warehouse_demo, BuildRecord(invocation_id="plain dbt")):
        assert build()[0] == nothing


FINISHED = BuildRecord(
    build_id="20261122T010203000000Z",
    finished_at="2026-11-22T01:05:00Z",
    tool_version="1.2.3",
    variables="{}",
    invocation_id="a",
)
BEGUN = BuildRecord(started_at="2026-11-22T02:00:00Z", invocation_id="b")


@pytest.mark.of_any_target
def test_while_dbt_writes_the_tables_there_is_no_extract(
    warehouse_demo: Emulated, home: Home, tmp_path: Path
) -> None:
    with recorded(warehouse_demo, BEGUN):
        output = ("--home", home.path, "--output", tmp_path / "file.csv")
        result = warehouse_demo.run("export", *output, code=2)
    assert "A build that began at 2026-11-22T02:00:00Z has not ended" in result.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.of_any_target
@pytest.mark.parametrize("later", [BEGUN, replace(FINISHED, invocation_id="c")])
@pytest.mark.parametrize("is_lost", [False, True])
def test_an_extract_that_a_build_began_under_is_given_up(
    later: BuildRecord,
    is_lost: bool,
    warehouse_demo: Emulated,
    home: Home,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def pull_while_dbt_starts(
        connection: Any, opened: Warehouse, selection: Selection, project: Project
    ) -> int:
        write_record(opened, later)
        table = selection.dataset.relation(selection.grain, selection.focus_version)
        if is_lost:
            # as while dbt makes it anew
            opened.fetch(f"create or replace table kept_aside as select * from {table}")
            opened.fetch(f"drop table {table}")
        try:
            return pull(connection, opened, selection, project)
        finally:
            if is_lost:
                opened.fetch(f"create table {table} as select * from kept_aside")

    monkeypatch.setattr("exporter.warehouse.transfer.pull", pull_while_dbt_starts)
    with recorded(warehouse_demo, FINISHED), pytest.raises(ChangedError, match="A build began"):
        options = {"dataset": "contract-commitment", "target": warehouse_demo.target}
        export_dataset(home, output=tmp_path / "file.csv", **options)
    assert not list(tmp_path.iterdir())


def test_the_summary_of_a_build_is_the_same(warehouse_demo: Emulated, home: Home) -> None:
    expected = totals.read_totals(home.published())
    with open_warehouse(warehouse_demo.target, load_project()) as opened:
        found = totals.ask_totals(opened)
    assert report.describe(found, verbose=True) == report.describe(expected, verbose=True)
    assert report.describe_incomplete(found) == report.describe_incomplete(expected)


@pytest.mark.of_any_target
def test_what_is_not_built_is_said(warehouse_demo: Emulated, tmp_path: Path) -> None:
    elsewhere = warehouse_demo.in_schema("elsewhere")
    result = elsewhere.run("export", "--home", tmp_path, code=2)
    assert "Traceback" not in result.stderr
    assert f"focus-export build --target {warehouse_demo.target}" in result.stderr
    assert not list((tmp_path / "exports").iterdir())


def test_a_cost_that_is_no_decimal_is_refused(
    warehouse_demo: Emulated, home: Home, tmp_path: Path
) -> None:
    double, without = {"snowflake": ("double", "exclude"), "bigquery": ("float64", "except")}[
        warehouse_demo.target
    ]
    table = "focus_contract_commitment_v1_3"
    with open_warehouse(warehouse_demo.target, load_project()) as opened:
        opened.fetch(f"create or replace table kept_aside as select * from {table}")
        opened.fetch(
            f"create or replace table {table} as"
            f" select * {without} (ContractCommitmentCost),"
            f" cast(ContractCommitmentCost as {double}) as ContractCommitmentCost from kept_aside"
        )
        result = warehouse_demo.run(
            *("export", "--dataset", "contract-commitment", "--focus-version", "1.3"),
            *("--home", home.path, "--output", tmp_path / "file.csv"),
            code=None,
        )
        opened.fetch(f"create or replace table {table} as select * from kept_aside")
    assert result.returncode == 1, result.stderr
    assert "ContractCommitmentCost came as double" in result.stderr
    assert not list(tmp_path.iterdir())
