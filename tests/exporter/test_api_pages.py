"""Parts of a selection: pages and slices put together are the extract, wherever they are cut."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shared import examples

from exporter.datasets import DATASETS
from exporter.extract import pages, writer
from exporter.extract.files import export_dataset
from exporter.extract.pages import PagedExtract
from exporter.extract.selection import Selection, Term
from exporter.home import Home

DATASET = DATASETS["cost-and-usage"]
COLUMNS = (
    "BilledCost decimal(38,18), BillingCurrency varchar, ChargeCategory varchar,"
    " ChargePeriodStart timestamp, SubAccountId varchar, x_ChargeId varchar,"
    " EffectiveCost decimal(38,18) as (BilledCost)"
)
# many charges in one second, a burst, years between, and what lies before 1970
MOMENTS = [
    *(datetime(2026, 8, 1) + timedelta(seconds=step) for step in (0, 0, 1, 59, 60, 61, 7200)),
    datetime(2026, 10, 31, 23, 59, 59),
    datetime(1969, 12, 31, 23, 59, 59),
    datetime(2031, 1, 1),
]
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["-1.5", "0", "0.000000000000000001", "99999999.25"]),
        st.sampled_from(["USD", "EUR"]),
        st.sampled_from(["Usage", "Credit"]),
        st.sampled_from(MOMENTS),
        st.sampled_from(["Marketing", None, "a'b"]),
    ),
    max_size=60,
)


def make(rows: list[tuple]) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("set timezone = 'UTC'")
    connection.execute(f"create table focus_cost_and_usage_v1_3 ({COLUMNS})")
    for number, row in enumerate(rows):
        # ids in another order than the rows
        charge = f"{number * 7919 % 1009:04}:é"
        connection.execute(
            "insert into focus_cost_and_usage_v1_3 values (?, ?, ?, ?, ?, ?)", [*row, charge]
        )
    return connection


def pages_of(extract: PagedExtract, sizes: list[int]) -> list[str]:
    measure = extract.measure()
    lines: list[str] = []
    after = None
    for turn in range(1000):
        part = extract.read(measure, after, sizes[turn % len(sizes)])
        lines += part.lines
        if not part.has_more:
            assert len(lines) == measure.rows
            return lines
        assert len(part.lines) == sizes[turn % len(sizes)]
        after = part.last
    raise AssertionError("the pages have no end")


@settings(
    max_examples=examples(15, 40),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    rows=ROWS,
    sizes=st.lists(st.integers(1, 70), min_size=1, max_size=4),
    step=st.integers(1, 20),
    slices=st.integers(1, 30),
    term=st.sampled_from([(), (Term(("SubAccountId",), ("Marketing", "")),)]),
)
def test_pages_and_slices_of_any_size_are_the_extract(
    rows: list[tuple],
    sizes: list[int],
    step: int,
    slices: int,
    term: tuple[Term, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pages, "_STEP", step)
    monkeypatch.setattr(writer, "_FILE_SLICE", slices)
    with make(rows) as connection:
        extract = PagedExtract(connection, Selection(DATASET, "1.3", terms=term))
        measure = extract.measure()
        for fmt in ("jsonl", "json", "csv"):
            file = tmp_path / f"whole.{fmt}"
            # without marks it is one COPY of all rows
            extract.write_file(file, fmt, None, False, replace(measure, moments=[]), tmp_path)
            streamed = b"".join(extract.stream(measure, fmt, False, tmp_path, rows=slices))
            assert streamed == file.read_bytes(), fmt
            other = tmp_path / f"slices.{fmt}"
            extract.write_file(other, fmt, None, False, measure, tmp_path)
            assert other.read_bytes() == file.read_bytes(), fmt
        parquet = tmp_path / "slices.parquet"
        extract.write_file(parquet, "parquet", None, False, measure, tmp_path)
        assert pq.read_table(parquet)["x_ChargeId"].to_pylist() == [
            json.loads(line)["x_ChargeId"]
            for line in (tmp_path / "whole.jsonl").read_text(encoding="utf-8").splitlines()
        ]
        lines = (tmp_path / "whole.jsonl").read_text(encoding="utf-8").splitlines()
        assert pages_of(extract, sizes) == lines


@settings(max_examples=30, deadline=None)
@given(rows=ROWS)
def test_totals_are_the_exact_sums_of_the_rows(rows: list[tuple]) -> None:
    with make(rows) as connection:
        extract = PagedExtract(connection, Selection(DATASET, "1.3"))
        measure = extract.measure()
        lines = [json.loads(line, parse_float=Decimal) for line in pages_of(extract, [1000])]
    assert measure.rows == len(rows)
    for totals, names in (
        (measure.currencies, ["BillingCurrency"]),
        (measure.categories, ["BillingCurrency", "ChargeCategory"]),
    ):
        expected: dict[tuple[str, ...], list[tuple[Decimal, Decimal]]] = {}
        for line in lines:
            key = tuple(line[name] for name in names)
            cost = Decimal(line["BilledCost"])
            allocated = Decimal(0) if line["SubAccountId"] is None else cost
            expected.setdefault(key, []).append((cost, allocated))
        found = {
            tuple(filter(None, (total.currency, total.category))): (
                total.rows,
                Decimal(total.costs["BilledCost"] or "nan"),
                Decimal(total.costs["AllocatedCost"] or "nan"),
            )
            for total in totals
        }
        assert found == {
            key: (len(costs), *map(sum, zip(*costs, strict=True)))
            for key, costs in expected.items()
        }


@pytest.mark.parametrize(
    ("dataset", "grain"),
    [(dataset.name, grain) for dataset in DATASETS.values() for grain in dataset.relations],
)
@pytest.mark.parametrize("fmt", ["csv", "json", "jsonl", "parquet"])
def test_a_file_in_slices_is_that_of_one_copy(
    dataset: str,
    grain: str,
    fmt: str,
    demo_home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pages, "_STEP", 50)
    home = Home(demo_home)
    options: dict[str, Any] = {"dataset": dataset, "grain": grain, "fmt": fmt}
    monkeypatch.setattr(writer, "_FILE_SLICE", 10**9)
    export_dataset(home, output=tmp_path / "copy", **options)
    monkeypatch.setattr(writer, "_FILE_SLICE", 300)
    export_dataset(home, output=tmp_path / "slices", **options)
    if fmt == "parquet":
        assert pq.read_table(tmp_path / "slices").equals(pq.read_table(tmp_path / "copy"))
    else:
        assert (tmp_path / "slices").read_bytes() == (tmp_path / "copy").read_bytes()


def test_a_page_far_behind_reads_few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "_STEP", 50)
    with make([]) as connection:
        connection.execute(
            "insert into focus_cost_and_usage_v1_3 select 1, 'USD', 'Usage',"
            " timestamp '2026-08-01' + to_seconds(i * 7), null, 'c' || i"
            " from range(100000) as r (i)"
        )
        extract = PagedExtract(connection, Selection(DATASET, "1.3"))
        measure = extract.measure()
        after = ("2026-08-07 00:00:00", "c")
        where, parameters = extract._bounds(measure, after, 100)
        found = connection.execute(
            f"select count(*) from focus_cost_and_usage_v1_3{where}", parameters
        ).fetchall()
        assert 101 <= found[0][0] <= 101 + 4 * 50
        assert len(extract.read(measure, after, 100).lines) == 100


def test_a_term_names_a_comparison_and_nothing_else() -> None:
    with make([]) as connection, pytest.raises(ValueError, match="is no comparison"):
        PagedExtract(
            connection, Selection(DATASET, "1.3", terms=(Term(("x_ChargeId",), ("a",), "= 1 or"),))
        )


def test_a_term_without_columns_or_values_fits_no_row() -> None:
    rows = [("1", "USD", "Usage", MOMENTS[0], "Marketing")]
    with make(rows) as connection:
        for term in (Term((), ("Marketing",)), Term(("SubAccountId",), ())):
            selection = Selection(DATASET, "1.3", terms=(term,))
            assert PagedExtract(connection, selection).measure().rows == 0
