"""Folders for receivers: each passes a checker made from its rules, a spoilt one does not."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import receiver_rules
from charges_table import store_charges
from click.testing import CliRunner
from conftest import ROOT, assert_one_sentence, focus_export, rows_of
from pipeline import Pipeline
from priced_calls import CLOSING_COLUMNS, write_csv
from receiver_rules import BY_CALL, CHECKERS, Expected, Months, Row, faults, read_csv
from reference import read_seed

from exporter.errors import UserError
from exporter.extract import delivery
from exporter.extract import manifest as manifests
from exporter.extract.delivery import Delivery, deliver
from exporter.extract.receivers import TABLE, read_receivers
from exporter.extract.source import Source
from exporter.extract.writer import Extract
from exporter.home import Home
from exporter.settings import read_settings
from exporter.sql import DuckDB
from exporter.warehouse.transfer import pull

SAMPLE = ROOT / "seeds" / "sample"
FILE = "ai_focus.yml"


@cache
def expected_of(database: Path, receiver: str) -> Months:
    """What each booked month comes to, asked of a FOCUS version that the receiver doesn't get."""
    relation = "focus_cost_and_usage_v1_1" if receiver in BY_CALL else "int_charges_daily"
    names = (
        ("BillingPeriodStart", "BilledCost", "EffectiveCost", "ListCost")
        if receiver in BY_CALL
        else ("billing_period_start", "billed_cost", "effective_cost", "list_cost")
    )
    month, *costs = names
    totals = ", ".join(f"sum({cost})" for cost in costs)
    found = rows_of(
        database,
        f"select strftime({month}, '%Y-%m'), count(*), {totals} from {relation} group by 1",
    )
    return {name: Expected(*values) for name, *values in found}


def deliver_to(home: Home, root: Path, name: str, /, **settings: Any) -> Delivery:
    """Write a receiver's folder; settings are keys of the home's file."""
    file = root / FILE
    root.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"receivers": {name: settings}} if settings else {}))
    return deliver(home, read_receivers(read_settings(root))[name], root)


# ---------------------------------------------------------------- two builds


@pytest.fixture(scope="module")
def demo(demo_home: Path) -> Home:
    return Home(demo_home)


@pytest.fixture(scope="module")
def corrected(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The demo with two months closed, and a price that became known after that."""
    folder = tmp_path_factory.mktemp("corrected")
    raw = folder / "raw"
    for path in sorted(SAMPLE.glob("raw_*.csv")):
        place = {"raw_gateway_calls": "gateway", "raw_litellm_spend_logs": "litellm"}
        target = raw / place.get(path.stem, path.stem.removeprefix("raw_"))
        target.mkdir(parents=True)
        (target / "rows.csv").write_bytes(path.read_bytes())
    pipeline = Pipeline(raw, folder / "build")
    issuers = sorted(
        {row["invoice_issuer_name"] for row in read_seed("reference/ai_providers.csv")}
    )
    # as the demo has it, OpenAI's August was closed before
    _, closings = read_csv(SAMPLE / "raw_billing_periods.csv")
    closings += [
        {"issuer": issuer, "billing_period": month, "closed_at": "2026-11-22T00:00:00Z"}
        for issuer in issuers
        for month in ("2026-08", "2026-09")
        if (issuer, month) != ("OpenAI", "2026-08")
    ]
    prices = pipeline.seed("ai_list_prices")
    first_day = min(row["recorded_at"] for row in prices)
    prices = [row for row in prices if row["recorded_at"] == first_day]
    (used,) = pipeline.rows(
        "select x_PriceId from focus_cost_and_usage_v1_4 group by 1"
        " having min(ChargePeriodStart) < '2026-09-15' and max(ChargePeriodStart) > '2026-10-15'"
        " order by count(*) desc, 1 limit 1"
    )
    price = next(row for row in prices if row["price_id"] == used[0])
    later = {
        **price,
        "price_id": price["price_id"] + "/later",
        "recorded_at": "2026-12-01T09:30:00Z",
        "valid_from": "2026-09-10",
        "valid_to": "",
        "unit_price": "77.7",
    }
    pipeline.load_seed("ai_list_prices", [*prices, later])
    write_csv(raw / "billing_periods" / "rows.csv", CLOSING_COLUMNS, closings)
    pipeline.run()
    pipeline.close()
    home = Home(folder / "home")
    home.path.mkdir()
    home.database.symlink_to(pipeline.database)
    return home


def write_all(home: Home, root: Path) -> Path:
    for receiver in CHECKERS:
        deliver_to(home, root, receiver)
    return root


@pytest.fixture(scope="module")
def written(demo: Home, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folders of all receivers; tests spoil copies."""
    return write_all(demo, tmp_path_factory.mktemp("written"))


@pytest.mark.parametrize("receiver", CHECKERS)
def test_each_receivers_folder_of_the_demo_passes_its_rules(
    demo: Home, written: Path, receiver: str
) -> None:
    expected = expected_of(demo.published(), receiver)
    assert len(expected) == 3
    assert faults(receiver, written / receiver, expected) == []
    beside = {it.name for it in written.iterdir()}
    assert beside == {FILE, *CHECKERS, *(f"{name}.manifest.json" for name in CHECKERS)}


@pytest.mark.parametrize("receiver", CHECKERS)
def test_each_receivers_folder_of_a_corrected_month_passes_its_rules(
    corrected: Home, tmp_path: Path, receiver: str
) -> None:
    folder = deliver_to(corrected, tmp_path, receiver).folder
    assert faults(receiver, folder, expected_of(corrected.published(), receiver)) == []


def test_the_table_has_a_checker_for_each_receiver() -> None:
    assert list(CHECKERS) == [
        "cloudability",
        "cloudzero",
        "ternary",
        "umbrella",
        "vantage",
        *BY_CALL,
    ]
    assert set(read_receivers()) == set(CHECKERS)


def test_a_month_that_was_closed_keeps_its_cost_and_a_later_one_has_the_difference(
    demo: Home, corrected: Home, tmp_path: Path
) -> None:
    before, after = (expected_of(home.published(), "vantage") for home in (demo, corrected))
    assert after["2026-09"] == before["2026-09"]
    assert after["2026-10"].billed != before["2026-10"].billed
    folder = deliver_to(corrected, tmp_path, "cloudzero").folder
    rows = read_csv(next(folder.glob("USD/20261001-*/*/*.csv.gz")))[1]
    corrections = [row for row in rows if row["lineitem/type"] == "Adjustment"]
    assert corrections
    # of September, and booked on October's first hour
    assert {row["time/usage_start"] for row in corrections} >= {"2026-10-01T00:00:00Z"}
    (cost,) = rows_of(
        corrected.published(),
        "select sum(BilledCost) from focus_cost_and_usage_v1_4 where ChargeClass = 'Correction'"
        " and BillingPeriodStart = '2026-10-01'",
    )
    assert sum(Decimal(row["cost/cost"]) for row in corrections) == cost[0] != 0


# ---------------------------------------------------------------- spoilt folders


def rewrite(
    path: Path, change: Callable[[list[str], list[Row]], tuple[list[str], list[Row]]]
) -> None:
    """Change the columns and rows of a file."""
    if path.suffix == ".parquet":
        table = pq.read_table(path)
        columns, rows = change(table.column_names, table.to_pylist())
        schema = pa.schema([table.schema.field(name) for name in columns])
        pq.write_table(pa.Table.from_pylist(rows, schema), path)
        return
    columns, rows = change(*read_csv(path))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    content = text.getvalue().encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def files_of(folder: Path) -> list[Path]:
    return sorted(
        it for it in folder.rglob("ai-focus-*") if it.suffix in (".csv", ".gz", ".parquet")
    )


def drop_column(folder: Path) -> None:
    needed = ("ServiceName", "cost/cost")
    rewrite(
        files_of(folder)[0], lambda names, rows: ([it for it in names if it not in needed], rows)
    )


def lose_a_file(folder: Path) -> None:
    files_of(folder)[1].unlink()


def repeat_a_row(folder: Path) -> None:
    rewrite(files_of(folder)[0], lambda names, rows: (names, [*rows, rows[0]]))


def lose_a_row(folder: Path) -> None:
    rewrite(files_of(folder)[-1], lambda names, rows: (names, rows[1:]))


def lose_a_month(folder: Path) -> None:
    first = files_of(folder)[0]
    while "202608" not in first.name.replace("-", "") or first.is_file():
        first = first.parent
    shutil.rmtree(first)


SPOILT: dict[str, Callable[[Path], None]] = {
    "a column is missing": drop_column,
    "a file is missing": lose_a_file,
    "a row stands there twice": repeat_a_row,
    "a row is missing": lose_a_row,
    "a month is missing": lose_a_month,
}


def copied(written: Path, receiver: str, tmp_path: Path) -> Path:
    shutil.copytree(written / receiver, tmp_path / receiver)
    return tmp_path / receiver


@pytest.mark.parametrize("spoil", SPOILT)
@pytest.mark.parametrize("receiver", CHECKERS)
def test_a_spoilt_folder_is_noticed(
    demo: Home, written: Path, tmp_path: Path, receiver: str, spoil: str
) -> None:
    folder = copied(written, receiver, tmp_path)
    SPOILT[spoil](folder)
    assert faults(receiver, folder, expected_of(demo.published(), receiver))


def change_json(folder: Path, pattern: str, change: Callable[[dict[str, Any]], Any]) -> None:
    file = sorted(folder.rglob(pattern))[0]
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))


def change_script(folder: Path, old: str, new: str) -> None:
    file = sorted(folder.rglob("*.sql"))[0]
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def change_rows(folder: Path, column: str, value: str) -> None:
    def change(names: list[str], rows: list[Row]) -> tuple[list[str], list[Row]]:
        return names, [{**row, column: value} for row in rows]

    rewrite(files_of(folder)[0], change)


def grow(folder: Path, rows_wanted: int) -> None:
    def change(names: list[str], rows: list[Row]) -> tuple[list[str], list[Row]]:
        return names, (rows * (rows_wanted // len(rows) + 1))[:rows_wanted]

    rewrite(files_of(folder)[0], change)


def rename_drop(folder: Path, name: str) -> None:
    drop = files_of(folder)[0].parent
    drop.rename(drop.with_name(name))


def rename_manifest(folder: Path) -> None:
    file = next(folder.rglob("*-Manifest.json"))
    file.rename(file.with_name("ai-focus-manifest.json"))


def rename_period(folder: Path) -> None:
    period = files_of(folder)[0].parents[1]
    period.rename(period.with_name("20260801-20260831"))


# receiver, what is done, a word of what the checker says
OWN_RULES: dict[str, tuple[str, Callable[[Path], Any], str]] = {
    "Cloudability's manifest without its list": (
        "cloudability",
        lambda it: change_json(
            it, "*-Manifest.json", lambda content: content.pop("all_report_keys")
        ),
        "all_report_keys",
    ),
    "Cloudability's manifest with another file": (
        "cloudability",
        lambda it: change_json(
            it, "*-Manifest.json", lambda content: content["all_report_keys"].append("x.csv.gz")
        ),
        "names",
    ),
    "a manifest with a small m": ("cloudability", rename_manifest, "manifests"),
    "a FOCUS version that Cloudability has not": (
        "cloudability",
        lambda it: change_json(
            it, "*-Manifest.json", lambda content: content.update(focus_version="1.4")
        ),
        "not taken",
    ),
    "a period that ends on the last day": ("cloudability", rename_period, "report period"),
    "a drop that is no epoch": ("cloudability", lambda it: rename_drop(it, "latest"), "epoch"),
    "CloudZero's manifest of another drop": (
        "cloudzero",
        lambda it: change_json(
            it, "manifest.json", lambda content: content.update(current_drop_id="20200101T000000Z")
        ),
        "no drop",
    ),
    "CloudZero's manifest without a version": (
        "cloudzero",
        lambda it: change_json(it, "manifest.json", lambda content: content.pop("version")),
        "manifest",
    ),
    "a line item that CloudZero doesn't know": (
        "cloudzero",
        lambda it: change_rows(it, "lineitem/type", "Correction"),
        "no type",
    ),
    "usage of another month": (
        "cloudzero",
        lambda it: change_rows(it, "time/usage_start", "2026-07-31T00:00:00Z"),
        "no hour",
    ),
    "one resource for all tags": (
        "cloudzero",
        lambda it: change_rows(it, "resource/id", "model/all"),
        "two values",
    ),
    "a resource of three steps": (
        "cloudzero",
        lambda it: change_rows(it, "resource/id", "model/meta/llama"),
        "cut",
    ),
    "a row without a publisher": (
        "ternary",
        lambda it: change_rows(it, "PublisherName", ""),
        "publisher",
    ),
    "10,001 rows": ("vantage", lambda it: grow(it, 10_001), "10001 rows"),
    "more than two megabytes": ("vantage", lambda it: grow(it, 9_999), "2 MB"),
    "a charge that Vantage doesn't know": (
        "vantage",
        lambda it: change_rows(it, "ChargeCategory", "Purchase"),
        "Purchase",
    ),
    "tags that are no object": ("vantage", lambda it: change_rows(it, "Tags", '["a"]'), "tags"),
    "a script that deletes another month": (
        "snowflake",
        lambda it: change_script(it, "'2026-08-01", "'2026-09-01"),
        "take out",
    ),
    "a script of another file": (
        "redshift",
        lambda it: change_script(it, "ai-focus-2026-08", "ai-focus-2026-09"),
        "load",
    ),
    "a type that rounds": (
        "bigquery",
        lambda it: change_script(it, "BilledCost bignumeric", "BilledCost numeric"),
        "BilledCost",
    ),
}


@pytest.mark.parametrize("name", OWN_RULES)
def test_a_broken_rule_of_a_receiver_is_noticed(
    demo: Home, written: Path, tmp_path: Path, name: str
) -> None:
    receiver, spoil, word = OWN_RULES[name]
    folder = copied(written, receiver, tmp_path)
    spoil(folder)
    found = faults(receiver, folder, expected_of(demo.published(), receiver))
    assert any(word in it for it in found), found[:5]


# ---------------------------------------------------------------- parts


@pytest.mark.parametrize(
    ("limits", "fewest"),
    [
        ({"max_rows": 100}, 12),
        ({"max_rows": None, "max_bytes": 30_000}, 12),
        ({"max_rows": 500, "max_bytes": 20_000}, 12),
    ],
)
def test_parts_keep_the_limits_and_come_to_the_month(
    demo: Home, tmp_path: Path, limits: dict[str, int], fewest: int
) -> None:
    result = deliver_to(demo, tmp_path, "vantage", **limits)
    assert faults("vantage", result.folder, expected_of(demo.published(), "vantage")) == []
    whole = read_csv(
        deliver_to(demo, tmp_path / "whole", "vantage").folder
        / "2026-08"
        / "ai-focus-2026-08-0001.csv"
    )
    parts = [read_csv(file) for file in sorted((result.folder / "2026-08").iterdir())]
    assert len(parts) >= fewest
    assert [row for _, rows in parts for row in rows] == whole[1]
    sizes = [file.stat().st_size for file in (result.folder / "2026-08").iterdir()]
    assert all(len(rows) <= (limits["max_rows"] or 10**9) for _, rows in parts)
    most = limits.get("max_bytes", 10**9)
    assert max(sizes) <= most
    # the bound is no waste: a file takes most of what it may
    assert most == 10**9 or max(sizes) > most * 0.8


def test_cloudzeros_limit_of_rows_splits_a_month(
    demo: Home, written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert read_receivers()["cloudzero"].max_rows == receiver_rules.CBF_MOST_ROWS == 1_000_000
    monkeypatch.setattr(receiver_rules, "CBF_MOST_ROWS", 1_000)
    expected = expected_of(demo.published(), "cloudzero")
    found = faults("cloudzero", written / "cloudzero", expected)
    assert [it.partition(" ")[2] for it in found] == [
        "has 1894 rows",
        "has 2182 rows",
        "has 2156 rows",
    ]
    folder = deliver_to(demo, tmp_path, "cloudzero", max_rows=1_000).folder
    assert faults("cloudzero", folder, expected) == []


def test_a_row_that_no_file_can_hold_is_a_sentence(demo: Home, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="longer than a file of 900 bytes can hold"):
        deliver_to(demo, tmp_path, "vantage", max_bytes=900)
    assert sorted(it.name for it in tmp_path.iterdir()) == [FILE]


def test_a_month_is_replaced_with_all_its_files(demo: Home, tmp_path: Path) -> None:
    first = deliver_to(demo, tmp_path, "vantage", max_rows=100).folder
    assert len(files_of(first)) > 30
    second = deliver_to(demo, tmp_path, "vantage").folder
    assert [it.name for it in files_of(second)] == [
        f"ai-focus-2026-{month}-0001.csv" for month in ("08", "09", "10")
    ]


def test_a_month_without_rows_by_now_is_written_empty(demo: Home, tmp_path: Path) -> None:
    former = tmp_path / "cloudzero" / "USD" / "20260701-20260801" / "20260801T000000Z"
    former.mkdir(parents=True)
    (former / "ai-focus-0001.csv.gz").write_bytes(b"former")
    (tmp_path / "cloudzero" / "notes").mkdir()
    deliver_to(demo, tmp_path, "cloudzero")
    assert not former.exists()
    (file,) = (tmp_path / "cloudzero" / "USD" / "20260701-20260801").glob("*/*.csv.gz")
    columns, rows = read_csv(file)
    assert "cost/cost" in columns
    assert rows == []


def test_one_month_alone_can_be_written(demo: Home, tmp_path: Path) -> None:
    receiver = read_receivers()["vantage"]
    written = deliver(demo, receiver, tmp_path, billing_period=date(2026, 9, 1))
    assert [it.name for it in written.folder.iterdir()] == ["2026-09"]
    [(calls, missing)] = rows_of(
        demo.published(),
        "select sum(calls), sum(missing_calls) from ai_coverage"
        " where usage_month = timestamp '2026-09-01'",
    )
    assert (calls, missing) != (0, 0)
    coverage = written.manifest["coverage"]
    assert (coverage["calls"], coverage["missing_calls"]) == (calls, missing)
    with pytest.raises(UserError, match="nothing in the billing period 2025-01: it has 2026-08, "):
        deliver(demo, receiver, tmp_path, billing_period=date(2025, 1, 1))


def tree(folder: Path) -> dict[str, bytes]:
    return {
        it.relative_to(folder).as_posix(): it.read_bytes()
        for it in folder.rglob("*")
        if it.is_file()
    }


@pytest.mark.parametrize("receiver", ["cloudability", "cloudzero", "snowflake"])
def test_the_same_build_gives_the_same_bytes(
    demo: Home, written: Path, tmp_path: Path, receiver: str
) -> None:
    assert tree(deliver_to(demo, tmp_path, receiver).folder) == tree(written / receiver)


class AsWarehouse(DuckDB):
    """A build's file that is asked as a warehouse is, in batches."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        super().__init__(connection)
        self.connection = connection

    def batches(
        self, query: str, parameters: Sequence[str], schema: pa.Schema
    ) -> Iterator[pa.RecordBatch]:
        found = self.connection.sql(query, params=list(parameters)).to_arrow_table()
        yield from found.cast(schema).to_batches(max_chunksize=1_000)


@pytest.mark.parametrize("receiver", ["cloudzero", "vantage"])
def test_a_warehouses_rows_make_the_same_folder(
    demo: Home, written: Path, tmp_path: Path, receiver: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = manifests.describe_build(demo.published())

    @contextmanager
    def open_as_warehouse(
        database: None, target: str, selection: Any, project: Any, scratch: Path
    ) -> Iterator[Source]:
        with (
            duckdb.connect(str(demo.published()), read_only=True) as asked,
            duckdb.connect(str(scratch / "warehouse.duckdb")) as connection,
        ):
            pull(connection, AsWarehouse(asked), selection, project)  # type: ignore[arg-type]
            yield Source(connection, DuckDB(asked), build, lambda: None)

    monkeypatch.setattr(delivery, "open_source", open_as_warehouse)
    taken = deliver(demo, read_receivers()[receiver], tmp_path, target="snowflake")
    assert tree(taken.folder) == tree(written / receiver)


def test_a_drop_is_named_by_its_build_and_the_former_one_goes(demo: Home, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.path.mkdir()
    os.link(demo.published(), home.database)
    description = home.path / "build.json"
    for moment, drop, epoch in (
        ("2026-11-01T00:00:01Z", "20261101T000001Z", "1793491201"),
        ("2026-11-02T00:00:00+01:00", "20261101T230000Z", "1793574000"),
    ):
        description.write_text(json.dumps({"finished_at": moment}))
        folder = deliver_to(home, tmp_path / "out", "cloudzero").folder
        period = folder / "USD" / "20261001-20261101"
        assert {it.name for it in period.iterdir()} == {drop, "manifest.json"}
        assert json.loads((period / "manifest.json").read_text())["current_drop_id"] == drop
        folder = deliver_to(home, tmp_path / "out", "cloudability").folder
        assert [it.name for it in (folder / "ai-focus" / "20261001-20261101").iterdir()] == [epoch]


def test_what_fails_leaves_the_former_folder(
    demo: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = deliver_to(demo, tmp_path, "umbrella").folder
    before = tree(folder)
    write = Extract.write_file
    written: list[Path] = []

    def fail(self: Extract, path: Path, *arguments: Any) -> Any:
        written.append(path)
        if len(written) == 2:
            raise OSError(28, "No space left on device")
        return write(self, path, *arguments)

    monkeypatch.setattr(Extract, "write_file", fail)
    with pytest.raises(UserError, match="No space left on device"):
        deliver_to(demo, tmp_path, "umbrella")
    assert tree(folder) == before
    assert {it.name for it in tmp_path.iterdir()} == {FILE, "umbrella", "umbrella.manifest.json"}


def test_a_month_that_can_not_be_put_in_place_comes_back(
    demo: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = deliver_to(demo, tmp_path, "umbrella").folder
    before = tree(folder)
    rename = Path.rename

    def fail(self: Path, target: Path) -> Path:
        if "new" in self.parts:
            raise OSError(13, "Permission denied")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(UserError, match="Permission denied"):
        deliver_to(demo, tmp_path, "umbrella")
    assert tree(folder) == before


def test_the_manifest_beside_the_folder_tells_what_is_in_it(written: Path) -> None:
    manifest = json.loads((written / "vantage.manifest.json").read_text())
    assert manifest["receiver"] == "vantage"
    assert manifest["focus_version"] == "1.3"
    assert manifest["rules"]["date"].startswith("undated")
    assert [it["billing_period"] for it in manifest["months"]] == ["2026-08", "2026-09", "2026-10"]
    listed = {file["file"]: file for month in manifest["months"] for file in month["files"]}
    assert {name: file["bytes"] for name, file in listed.items()} == {
        name: len(content) for name, content in tree(written / "vantage").items()
    }
    assert manifest["coverage"]["calls"] > manifest["coverage"]["priced_calls"]


def test_words_of_a_receiver_take_the_place_of_ours(tmp_path: Path, demo: Home) -> None:
    folder = deliver_to(
        demo, tmp_path, "mine", like="vantage", words={"ChargeCategory": {"Usage": 'it\'s "used"'}}
    ).folder
    for file in files_of(folder):
        assert {row["ChargeCategory"] for row in read_csv(file)[1]} == {'it\'s "used"'}


def test_each_currency_has_a_folder_of_its_own(tmp_path: Path, demo: Home) -> None:
    copy = tmp_path / "home" / "ai_focus.duckdb"
    copy.parent.mkdir()
    shutil.copy(demo.published(), copy)
    with duckdb.connect(str(copy)) as connection:
        store_charges(connection)
        connection.execute(
            "update int_charges set billing_currency = 'EUR' where sub_account_id = 'Finance'"
        )
    folder = deliver_to(Home(copy.parent), tmp_path, "cloudzero").folder
    assert {it.name for it in folder.iterdir()} == {"EUR", "USD"}
    for currency in ("EUR", "USD"):
        found = rows_of(
            copy,
            "select count(*), sum(billed_cost) from int_charges_daily where billing_currency = ?",
            [currency],
        )
        rows = [row for it in files_of(folder / currency) for row in read_csv(it)[1]]
        assert (len(rows), sum(Decimal(row["cost/cost"]) for row in rows)) == found[0]


def test_every_tag_is_a_column(written: Path, demo: Home) -> None:
    keys = rows_of(
        demo.published(),
        "select distinct unnest(json_keys(Tags)) from focus_cost_and_usage_daily_v1_4",
    )
    columns = read_csv(files_of(written / "cloudzero")[0])[0]
    assert {f"resource/tag:{key}" for (key,) in keys} <= set(columns)


# ---------------------------------------------------------------- receivers of one's own


WRONG: dict[str, tuple[str, str]] = {
    "receivers: [vantage]": ("line 1: receivers is", "write a mapping of names to keys"),
    "receivers:\n  mine:\n    lik: vantage": ("line 3: lik is no key", "did you mean like?"),
    "receivers:\n  mine:\n    like: vantge": ("line 3: like is 'vantge'", "no receiver before it"),
    "receivers:\n  mine: vantage": ("line 2: the receiver mine has no keys", "like: vantage"),
    "receivers:\n  Mine: {like: vantage}": ("line 2: 'Mine' is no name", "small letters"),
    "receivers:\n  list: {like: vantage}": ("line 2: 'list' is no name", "not `list`"),
    "receivers:\n  mine:\n    grain: day": ("line 2: the receiver mine has no layout", "like"),
    "receivers:\n  mine:\n    like: vantage\n    max_rows: 0": (
        "line 4: max_rows is 0",
        "whole number of 1 or more",
    ),
    "receivers:\n  mine:\n    like: vantage\n    layout: ../{month}/x.csv": ("layout", "folder"),
    "receivers:\n  mine:\n    like: vantage\n    layout: '{year}/x.csv'": ("layout", "folder"),
    "receivers:\n  mine:\n    like: vantage\n    layout: '{month}/x.csv'": ("splits", "{part}"),
    "receivers:\n  mine:\n    like: vantage\n    format: parquet": ("bytes of Parquet", "max_rows"),
    "receivers:\n  mine:\n    like: cloudability\n    format: parquet": ("Parquet", "compress"),
    "receivers:\n  mine:\n    like: vantage\n    like: ternary": ("stands in line 3", "keep one"),
    "receivers:\n  mine: {like: vantage}\n  mine: {like: ternary}": ("stands in line 2", "keep"),
    "receivers:\n  mine:\n    like: vantage\n    columns: [BilledCost]": ("needs", "columns"),
    "receivers:\n  mine:\n    like: snowflake\n    format: csv": ("a warehouse", "parquet"),
    "receivers:\n  mine:\n    like: cloudzero\n    layout: '{month}/x-{part}.csv'": (
        "without a currency",
        "{currency}",
    ),
    "receivers:\n  mine:\n    like: cloudzero\n    grain: call": ("the grain call", "choose day"),
    "receivers:\n  mine:\n    like: snowflake\n    table: a; drop table b": ("table is", "name a"),
    "receivers:\n  mine:\n    like: vantage\n    focus_version: 1.2": ("focus_version", "quotes"),
}


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_key_is_told_with_file_and_line(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text + "\n")
    with pytest.raises(UserError) as error:
        read_receivers(read_settings(tmp_path))
    sentence = str(error.value)
    assert str(tmp_path / FILE) in sentence
    assert all(part in sentence for part in WRONG[text]), sentence


EXAMPLES = re.findall(
    r"^```yaml\n(receivers:.*?)^```$",
    (ROOT / "docs" / "receivers.md").read_text(encoding="utf-8"),
    re.DOTALL | re.MULTILINE,
)


def test_the_examples_of_the_page_can_be_written(demo: Home, tmp_path: Path) -> None:
    assert len(EXAMPLES) == 3
    for text in EXAMPLES:
        (tmp_path / FILE).write_text(text)
        receivers = read_receivers(read_settings(tmp_path))
    months = deliver(
        demo, receivers["our-lake"], tmp_path, billing_period=date(2026, 8, 1)
    ).manifest["months"]
    assert [it["file"] for it in months[0]["files"]] == ["month=2026-08/part-0001.parquet"]


def test_a_receiver_of_ones_own_starts_like_another(demo: Home, tmp_path: Path) -> None:
    result = deliver_to(
        demo,
        tmp_path,
        "our-lake",
        like="vantage",
        grain="call",
        focus_version="1.2",
        format="parquet",
        max_rows=1000,
        max_bytes=None,
        layout="{vendor}/month={month}/part-{part}.parquet",
        vendor="acme",
    )
    files = sorted(result.folder.rglob("*.parquet"))
    assert files[0].relative_to(result.folder).as_posix() == "acme/month=2026-08/part-0001.parquet"
    tables = [pq.read_table(file) for file in files]
    assert max(it.num_rows for it in tables) == 1000
    total = sum((row for it in tables for row in it["BilledCost"].to_pylist()), Decimal(0))
    assert total == sum(it.billed for it in expected_of(demo.published(), "snowflake").values())


def test_a_receiver_of_the_table_can_be_changed(demo: Home, tmp_path: Path) -> None:
    folder = deliver_to(
        demo,
        tmp_path,
        "cloudability",
        format="parquet",
        compress=None,
        root="ours",
        layout="{vendor}/{period}/{epoch}/{prefix}-{part}.parquet",
    ).folder
    manifest = json.loads(next(folder.rglob("*-Manifest.json")).read_text())
    assert manifest["root_dir"] == "ours"
    assert manifest["content_type"] == "Parquet"
    assert faults("cloudability", folder, expected_of(demo.published(), "cloudability")) == []


def test_a_version_without_a_needed_column_is_a_sentence(demo: Home, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="ternary needs ProviderName and PublisherName, and cost-"):
        deliver_to(demo, tmp_path, "ternary", focus_version="1.4")


# ---------------------------------------------------------------- the command


def test_the_list_explains_every_receiver(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("receivers: {our-lake: {like: vantage, title: Our lake}}\n")
    result = focus_export("export", "--for", "list", "--home", tmp_path)
    assert result.returncode == 0, result.stderr
    for name in (*CHECKERS, "our-lake"):
        assert f"exports/{name}/" in result.stdout
    assert result.stdout.count("no account was at hand") == len(CHECKERS) + 1
    assert "2026-07-09" in result.stdout
    assert TABLE.is_file()


def test_a_folder_is_written_by_the_command(demo: Home, tmp_path: Path) -> None:
    result = focus_export(
        *("export", "--for", "vantage", "--for", "cloudzero", "--home", demo.path),
        *("--output", tmp_path),
    )
    assert result.returncode == 0, result.stderr
    assert f"{tmp_path / 'vantage'}: 6,232 rows in 3 files (2026-08 to 2026-10)" in result.stderr
    assert "Incomplete: " in result.stderr
    for receiver in ("vantage", "cloudzero"):
        expected = expected_of(demo.published(), receiver)
        assert faults(receiver, tmp_path / receiver, expected) == []


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("--for", "vantge"), ("'vantge'", "did you mean vantage?")),
        (("--for", "vantage", "--from", "2026-08-01"), ("--from", "whole billing months")),
        (("--for", "vantage", "--to", "2026-08-01"), ("--to", "whole billing months")),
        (("--for", "vantage", "--filter", "SubAccountId=a"), ("--filter", "all rows")),
        (("--for", "vantage", "--focus-version", "1.4"), ("--focus-version", "ai_focus.yml")),
        (("--for", "vantage", "--format", "json"), ("--format", "how files are written")),
        (("--for", "vantage", "--bom"), ("--bom", "read by programs")),
        (("--for", "vantage", "--output", "-"), ("--output", "folder")),
    ],
)
def test_what_a_receiver_decides_is_refused(
    demo: Home, arguments: tuple[str, ...], parts: tuple[str, ...]
) -> None:
    assert_one_sentence(focus_export("export", *arguments, "--home", demo.path), 2, *parts)


@pytest.fixture
def built(demo: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """`run` finds the demo built."""
    from exporter.build import build
    from exporter.build.build import BuildResult

    def ready(*_: object) -> BuildResult:
        return BuildResult("20261127", demo.published(), [], 1)

    monkeypatch.setattr(build, "run_build", ready)
    yield


def test_run_writes_the_folders_of_receivers_in_place_of_the_extracts(
    built: None, demo: Home, tmp_path: Path
) -> None:
    from exporter.commands.run import command

    home = Home(tmp_path)
    home.database.symlink_to(demo.published())
    result = CliRunner().invoke(command, ["--for", "umbrella", "--home", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert sorted(it.name for it in home.exports.iterdir()) == [
        "umbrella",
        "umbrella.manifest.json",
    ]
    expected = expected_of(demo.published(), "umbrella")
    assert faults("umbrella", home.exports / "umbrella", expected) == []


# ---------------------------------------------------------------- the byte order mark


@pytest.mark.parametrize("compress", [None, "gzip"])
def test_a_byte_order_mark_begins_a_csv_for_excel(
    demo: Home, tmp_path: Path, compress: str | None
) -> None:
    packed = ["--compress", compress] if compress else []
    texts = []
    for name, more in (("with.csv", ["--bom"]), ("without.csv", [])):
        file = tmp_path / name
        result = focus_export(
            *("export", "--dataset", "ai-calls", "--home", demo.path, "--output", file),
            *(*packed, *more),
        )
        assert result.returncode == 0, result.stderr
        manifest = json.loads(file.with_name(f"{name}.manifest.json").read_text())
        assert manifest["bom"] is bool(more)
        assert manifest["bytes"] == file.stat().st_size
        texts.append(gzip.decompress(file.read_bytes()) if compress else file.read_bytes())
    assert texts[0] == b"\xef\xbb\xbf" + texts[1]


@pytest.mark.parametrize(
    "arguments", [("export", "--format", "json"), ("run", "--format", "parquet")]
)
def test_a_byte_order_mark_is_for_csv_alone(demo: Home, arguments: tuple[str, ...]) -> None:
    result = focus_export(*arguments, "--bom", "--home", demo.path)
    assert_one_sentence(result, 2, "--bom is for CSV")
