"""Extracts: values, formats, bytes, manifests, and what is left behind when one is killed."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable
from datetime import date, datetime, timezone
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import ROOT, assert_one_sentence, environment, focus_export, rows_of
from shared import whole_from

from exporter.datasets import DATASETS
from exporter.duck import run_copies
from exporter.errors import UserError
from exporter.extract.files import ExportResult, export_dataset
from exporter.extract.scratch import scratch_folder, temporary_file
from exporter.home import Home

SQL_TYPES = {
    "text": "varchar",
    "timestamp": "timestamp",
    "cost": "decimal(38,18)",
    "quantity": "decimal(18,6)",
    "unit_price": "decimal(20,12)",
}
NASTY = [
    'quote " inside',
    "comma, and\nline feed\r\nand carriage return",
    "=1+1",
    "+49 30",
    "-5",
    "@sum",
    "\ttab",
    "ümlaut, 漢字, 🙂",
    "back\\slash \u0001 control",
    "",
    "null",
    " spaces ",
]
COSTS = ["10000000", "0.000000000001", "0", "12.5", "-3.000000000000000001", "100"]


def read_reference() -> list[dict[str, str]]:
    with (ROOT / "seeds/reference/focus_columns.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def columns_of(focus_id: str, version: str) -> list[dict[str, str]]:
    return [
        row
        for row in read_reference()
        if row["dataset"] == focus_id and row["focus_version"] in (version, "")
    ]


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def pick(values: list[str]) -> str:
    listed = ", ".join(f"decode(unhex('{value.encode().hex()}'))" for value in values)
    return f"[{listed}][1 + i % {len(values)}]"


def value_of(column: dict[str, str]) -> str:
    name = column["column_name"]
    exact = {
        "x_ChargeId": "md5(cast(i as varchar))",
        "ContractCommitmentId": "md5(cast(i as varchar))",
        "ResourceId": "md5(cast(i + 1 as varchar))",
        "ChargePeriodStart": "timestamp '2026-01-01' + to_seconds(i * 61)",
        "ChargePeriodEnd": "timestamp '2026-01-01 00:00:01' + to_seconds(i * 61)",
        "BillingPeriodStart": "date_trunc('month', timestamp '2026-01-01' + to_seconds(i * 61))",
        "BillingPeriodEnd": "date_trunc('month', timestamp '2026-01-01' + to_seconds(i * 61))"
        " + interval 1 month",
        "ContractCommitmentPeriodStart": "timestamp '2026-01-01' + to_days(cast(i as integer))",
        "ContractCommitmentPeriodEnd": "timestamp '2026-01-11' + to_days(cast(i as integer))",
        "BillingCurrency": "case when i % 5 = 0 then 'EUR' else 'USD' end",
        "x_StartedAt": "timestamp '2026-01-01' + to_microseconds(i * 61000000 + (i % 2) * 123400)",
        "SubAccountName": pick(NASTY),
        "ServiceName": "case when i % 2 = 0 then 'OpenAI API' end",
        "Tags": r"""case when i % 3 > 0 then '{"x-cost-user": "a\"b\\n", "n":' || i || '}' end""",
    }
    if name in exact:
        return exact[name]
    if column["sql_type"] == "cost":
        return pick(COSTS)
    if column["sql_type"] in ("quantity", "unit_price"):
        return "case when i % 4 > 0 then i * 0.000001 end"
    if column["sql_type"] == "timestamp":
        return "timestamp '2026-01-01'"
    if column["data_type"] == "JSON":
        return "cast(null as varchar)"
    return quoted(f"{name} value") if column["allows_nulls"] == "false" else "null"


AI_CALLS = """
    create table ai_calls as
    select
        md5(cast(i as varchar)) as booking_key, 'call-' || i as call_id,
        'acme' as billing_account_id, 'dept' as sub_account_id, {nasty} as sub_account_name,
        'openai' as provider_as_sent, 'OpenAI' as service_provider_name,
        'gpt-' || i % 3 as model_as_sent,
        timestamp '2026-01-01' + to_seconds(i * 61) as charge_period_start,
        timestamp '2026-01-01 00:00:01' + to_seconds(i * 61) as charge_period_end,
        date_trunc('month', charge_period_start) as usage_month,
        usage_month as billing_period_start,
        date_trunc('month', charge_period_start) + to_days(31) - to_seconds(1)
            as billing_period_last_second,
        cast(i % 900 as bigint) as latency_ms, i % 7 = 0 as is_cache_hit,
        cast(i as bigint) as input_tokens, cast(2 * i as bigint) as output_tokens,
        cast(3 * i as bigint) as total_tokens, 'tokens' as usage_unit,
        cast({costs} as decimal(38,18)) as billed_cost, 'USD' as billing_currency,
        case when i % 10 = 0 then 'unknown_model' end as hold_reason,
        -- of the calls that are held, every third has a cost
        cast(case when i % 30 = 0 then 0.5 end as decimal(38,18)) as missing_stated_cost,
        'chat' as feature, case i % 3 when 0 then 'Own' else sub_account_name end as department,
        '=cmd' as user_id, cast(null as varchar) as session_id, 'investment' as classification
    from range({rows}) as r (i)
"""

FLAT_CALLS = "create view ai_calls_flat as from ai_calls where hold_reason is null"

COVERAGE = """
    create view ai_call_coverage as
    select
        *, 1 as calls, total_tokens as tokens,
        (hold_reason is null)::bigint as priced_calls, 1 - priced_calls as missing_calls,
        tokens * priced_calls as priced_tokens, tokens * missing_calls as missing_tokens,
        case when missing_stated_cost is not null then 'USD' end as stated_cost_currency,
        (missing_calls = 1 and missing_stated_cost is null)::bigint as unknown_cost_calls,
        0 as buckets, 0 as missing_buckets,
        -- of every fourth call the source tells the cost
        (total_tokens % 12 = 3)::bigint as compared_calls,
        (total_tokens % 36 = 3)::bigint as differing_calls,
        (total_tokens % 72 = 3)::bigint as unexplained_calls,
        case when compared_calls = 1 then 0.25::decimal(38, 18) end as compared_stated_cost,
        compared_stated_cost * (1 - differing_calls) as equal_stated_cost,
        compared_stated_cost * (differing_calls - unexplained_calls) as explained_stated_cost,
        compared_stated_cost * unexplained_calls as unexplained_stated_cost
    from ai_calls
"""

REJECTED = """
    create table ai_unreadable_records as
    select * from (values
        ('gateway', 'gateway_calls', 'a.csv', 3, 'k', 'prompt_tokens', 'r', '-1', 0),
        ('gateway', 'gateway_calls', 'a.csv', 3, 'k', 'ended_at', 'r', 'x', 1),
        ('gateway', 'gateway_calls', null, null, null, 'call_id', 'r', null, 1),
        ('gateway', 'gateway_calls', null, null, null, 'call_id', 'r', null, 1),
        ('contracts', 'commitments', 'b.csv', 2, 'm', 'x', 'r', 'x', 1),
    ) as v (source_name, raw_table, file, line, record_key, field, reason, raw_value, records)
"""


WAITING = """
    create table ai_month_completeness as
    select timestamp '2026-01-01' as billing_period_start, 'gateway, litellm' as waiting_for
    union all
    select timestamp '2026-02-01', null
"""


def make_home(path: Path, rows: int, newest_only: bool = False) -> Home:
    """Make a home with a published build whose marts have the columns of the reference."""
    folder = path / "builds" / "b1"
    folder.mkdir(parents=True)
    with duckdb.connect(str(folder / "ai_focus.duckdb")) as connection:
        for dataset in DATASETS.values():
            for relation in dataset.relations.values() if dataset.focus_id else ():
                for version in dataset.versions[: 1 if newest_only else None]:
                    columns = ", ".join(
                        f"cast({value_of(column)} as {SQL_TYPES[column['sql_type']]})"
                        f' as "{column["column_name"]}"'
                        for column in columns_of(str(dataset.focus_id), version)
                    )
                    # rows lie in another order than they are delivered in
                    connection.execute(
                        f"create table {relation}_v{version.replace('.', '_')} as"
                        f" select {columns} from range({rows}) as r (i) order by hash(i)"
                    )
        connection.execute(AI_CALLS.format(nasty=pick(NASTY), costs=pick(COSTS), rows=rows))
        connection.execute(FLAT_CALLS)
        connection.execute(COVERAGE)
        connection.execute(REJECTED)
        connection.execute(WAITING)
    (folder / "build.json").write_text(
        json.dumps({"build_id": "b1", "finished_at": "2026-02-10T06:00:00Z"})
    )
    (path / "ai_focus.duckdb").symlink_to("builds/b1/ai_focus.duckdb")
    return Home(path)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return make_home(tmp_path_factory.mktemp("marts"), 3000)


@pytest.fixture(scope="module")
def large_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return make_home(tmp_path_factory.mktemp("large"), 60000, newest_only=True)


@pytest.fixture
def export(home: Home, tmp_path: Path) -> Callable[..., ExportResult]:
    def run(dataset: str = "cost-and-usage", fmt: str = "csv", **options: Any) -> ExportResult:
        output = options.pop("output", tmp_path / f"out.{fmt}")
        return export_dataset(home, dataset, options.pop("version", None), fmt, output, **options)

    return run


def read_csv(path: Path | None) -> list[dict[str, str]]:
    assert path is not None
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read_json(path: Path | None) -> Any:
    assert path is not None
    return json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal, parse_int=Decimal)


def plain(value: Any) -> str:
    """Write a value as CSV would, from JSON or Parquet."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Decimal):
        text = f"{value:f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    if isinstance(value, datetime):
        text = value.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
        return text + (f".{value.microsecond:06d}".rstrip("0") if value.microsecond else "") + "Z"
    return str(value)


@pytest.mark.parametrize(
    ("dataset", "version", "grain"),
    [
        ("cost-and-usage", "1.4", "call"),
        ("cost-and-usage", "1.0", "call"),
        ("cost-and-usage", "1.3", "day"),
        ("contract-commitment", "1.4", "call"),
    ],
)
def test_csv_json_jsonl_and_parquet_hold_the_same_rows_in_the_same_order(
    export: Callable[..., ExportResult], dataset: str, version: str, grain: str
) -> None:
    files = {
        fmt: export(dataset, fmt, version=version, grain=grain).path
        for fmt in ("csv", "json", "jsonl", "parquet")
    }
    from_csv = read_csv(files["csv"])
    names = [row["column_name"] for row in columns_of(str(DATASETS[dataset].focus_id), version)]
    assert list(from_csv[0]) == names
    assert len(from_csv) == 3000
    envelope = read_json(files["json"])
    assert list(envelope) == ["focus_version", "records"]
    assert envelope["focus_version"] == version
    assert files["jsonl"] is not None
    lines = files["jsonl"].read_text(encoding="utf-8").split("\n")
    assert lines.pop() == ""
    from_jsonl = [json.loads(line, parse_float=Decimal, parse_int=Decimal) for line in lines]
    assert from_jsonl == envelope["records"]
    from_parquet = pq.read_table(files["parquet"]).to_pylist()
    for csv_row, json_row, parquet_row in zip(
        from_csv, envelope["records"], from_parquet, strict=True
    ):
        assert list(json_row) == names
        for name in names:
            value = json_row[name]
            if isinstance(value, dict):
                assert value == json.loads(csv_row[name], parse_int=Decimal)
            else:
                assert plain(value) == csv_row[name]
            assert plain(parquet_row[name]) == csv_row[name]


def test_values_are_exact_and_plain(export: Callable[..., ExportResult]) -> None:
    result = export()
    rows = read_csv(result.path)
    assert {row["BilledCost"] for row in rows} == set(COSTS)
    assert rows == sorted(rows, key=lambda row: (row["ChargePeriodStart"], row["x_ChargeId"]))
    assert rows[1]["ChargePeriodStart"] == "2026-01-01T00:01:01Z"
    assert [row["x_StartedAt"] for row in rows[:2]] == [
        "2026-01-01T00:00:00Z",
        "2026-01-01T00:01:01.1234Z",
    ]
    assert [row["SubAccountName"] for row in rows[: len(NASTY)]] == NASTY
    assert rows[1]["PricingQuantity"] == "0.000001"


def test_a_filter_of_a_large_build_is_exact(large_home: Home, tmp_path: Path) -> None:
    one = export_dataset(
        large_home,
        "cost-and-usage",
        output=tmp_path / "one.csv",
        filters=[("SubAccountName", NASTY[1]), ("BilledCost", COSTS[1])],
        columns=["SubAccountName", "BilledCost", "ChargeCategory"],
    )
    assert {tuple(row.values()) for row in read_csv(one.path)} == {
        (NASTY[1], COSTS[1], "ChargeCategory value")
    }


def test_an_empty_text_is_told_from_null_in_csv(export: Callable[..., ExportResult]) -> None:
    path = export(columns=["SubAccountName", "ServiceName"], filters=[("SubAccountName", "null")])
    assert path.path is not None
    assert path.path.read_bytes().splitlines()[1] == b"null,OpenAI API"
    every = export(columns=["SubAccountName", "ServiceName"]).path
    assert every is not None
    assert b'\n"",' in every.read_bytes()


def test_parquet_has_real_types(export: Callable[..., ExportResult]) -> None:
    schema = pq.read_schema(export(fmt="parquet").path)
    assert str(schema.field("BilledCost").type) == "decimal128(38, 18)"
    assert str(schema.field("ChargePeriodStart").type) == "timestamp[us, tz=UTC]"
    assert str(schema.field("Tags").type) == "string"


@pytest.mark.parametrize(
    "fmt",
    whole_from(
        ["csv", "json", "parquet", "csv.gz", "jsonl", "json.zst"], 4, "json is of the same lines"
    ),
)
def test_same_build_and_arguments_give_the_same_bytes_whatever_the_threads(
    large_home: Home, tmp_path: Path, fmt: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashes = set()
    kind, _, suffix = fmt.partition(".")
    connect = duckdb.connect
    for threads in (1, 4):

        def connect_with(*args: Any, threads: int = threads, **kwargs: Any) -> Any:
            connection = connect(*args, **kwargs)
            connection.execute(f"set threads = {threads}")
            return connection

        monkeypatch.setattr(duckdb, "connect", connect_with)
        result = export_dataset(
            large_home,
            "cost-and-usage",
            fmt=kind,
            output=tmp_path / f"out.{fmt}",
            compress={"": None, "gz": "gzip", "zst": "zstd"}[suffix],
        )
        hashes.add(result.manifest["sha256"])
    assert len(hashes) == 1


def test_manifest_describes_the_file(export: Callable[..., ExportResult], home: Home) -> None:
    result = export(from_date=date(2026, 1, 1), to_date=date(2026, 1, 1), version="1.3")
    rows = read_csv(result.path)
    assert result.path is not None
    assert result.manifest_path is not None
    manifest = json.loads(result.manifest_path.read_text(encoding="utf-8"))
    assert manifest == result.manifest
    data = result.path.read_bytes()
    assert manifest["sha256"] == hashlib.sha256(data).hexdigest()
    assert manifest["bytes"] == len(data)
    assert manifest["rows"] == len(rows) == 1417
    assert [entry["currency"] for entry in manifest["costs"]] == ["EUR", "USD"]
    for entry in manifest["costs"]:
        own = [row for row in rows if row["BillingCurrency"] == entry["currency"]]
        assert entry["rows"] == len(own)
        for name in ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost"):
            assert Decimal(entry[name]) == sum(Decimal(row[name]) for row in own)
            assert "E" not in entry[name]
    assert manifest["build"] == {"build_id": "b1", "finished_at": "2026-02-10T06:00:00Z"}
    assert manifest["coverage"]["calls"] == 1417
    assert manifest["coverage"]["quarantined_calls"] == {"unknown_model": 142}
    assert manifest["coverage"]["priced_calls_share"] == "0.899788"
    # held are the calls 0, 10 .. 1410, each of three times its number of tokens: 30 times the sum
    # of 0 to 141; 48 of them cost half a dollar each, and of 47 + 47 nothing is known
    assert list(manifest["coverage"].items())[:5] == [
        ("missing_calls", 142),
        ("missing_tokens", 300_330),
        ("missing_stated_cost", "24"),
        ("stated_cost_currency", "USD"),
        ("unknown_cost_calls", 94),
    ]
    # of the calls 1, 5 .. 1413, 354 of 1417, every third differs, and every sixth for no reason
    assert list(manifest["coverage"].items())[12:22] == [
        ("compared_calls", 354),
        ("differing_calls", 118),
        ("unexplained_calls", 59),
        ("equal_calls_share", "0.666666"),
        ("explained_calls_share", "0.166666"),
        ("unexplained_calls_share", "0.166666"),
        ("compared_stated_cost", "88.5"),
        ("equal_stated_cost_share", "0.666666"),
        ("explained_stated_cost_share", "0.166666"),
        ("unexplained_stated_cost_share", "0.166666"),
    ]
    # 1416 x 61 seconds after midnight
    assert manifest["coverage"]["usage_until"] == "2026-01-01T23:59:36Z"
    assert manifest["coverage"]["waiting_for"] == {"2026-01": ["gateway", "litellm"]}
    assert manifest["rejected_rows"] == 3
    assert (manifest["from"], manifest["to"]) == ("2026-01-01", "2026-01-01")
    assert manifest["safe_csv"] is False
    assert manifest["file"] == "out.csv"
    assert manifest["schema_id"]


def test_manifest_of_a_cut_file_names_no_schema(export: Callable[..., ExportResult]) -> None:
    manifest = export(columns=["BilledCost", "ServiceName"]).manifest
    assert manifest["schema_id"] is None
    assert manifest["columns"] == ["BilledCost", "ServiceName"]


def test_dates_are_both_inclusive_utc_days(export: Callable[..., ExportResult]) -> None:
    rows = read_csv(export(from_date=date(2026, 1, 2), to_date=date(2026, 1, 2)).path)
    assert {row["ChargePeriodStart"][:10] for row in rows} == {"2026-01-02"}
    everything = export(from_date=date.min, to_date=date.max)
    assert everything.manifest["rows"] == 3000


def test_commitments_are_taken_when_their_period_overlaps(
    export: Callable[..., ExportResult],
) -> None:
    rows = read_csv(
        export("contract-commitment", from_date=date(2026, 1, 11), to_date=date(2026, 1, 12)).path
    )
    starts = sorted(row["ContractCommitmentPeriodStart"][:10] for row in rows)
    # one that ends at the first instant of January 11 is over by then
    assert (starts[0], starts[-1]) == ("2026-01-02", "2026-01-12")
    assert len(rows) == 11


@pytest.mark.parametrize("dataset", list(DATASETS))
@pytest.mark.parametrize("fmt", ["csv", "json", "jsonl", "parquet"])
def test_an_empty_range_gives_a_file_with_its_header(
    export: Callable[..., ExportResult], dataset: str, fmt: str
) -> None:
    result = export(dataset, fmt, from_date=date(1999, 1, 1), to_date=date(1999, 1, 2))
    assert result.manifest["rows"] == 0
    assert result.path is not None
    if fmt == "csv":
        header = result.path.read_text(encoding="utf-8")
        assert header == ",".join(result.manifest["columns"]) + "\n"
    elif fmt == "json":
        assert read_json(result.path)["records"] == []
    elif fmt == "jsonl":
        assert result.path.read_bytes() == b""
    else:
        assert pq.read_schema(result.path).names == result.manifest["columns"]


def test_filters_are_bound_and_combined(export: Callable[..., ExportResult]) -> None:
    rows = read_csv(
        export(
            filters=[
                ("SubAccountName", "=1+1"),
                ("SubAccountName", "-5"),
                ("BilledCost", "0.0"),
                ("ServiceName", "OpenAI API"),
            ]
        ).path
    )
    assert rows
    assert {row["SubAccountName"] for row in rows} <= {"=1+1", "-5"}
    assert {row["BilledCost"] for row in rows} == {"0"}
    one = export(filters=[("ChargePeriodStart", "2026-01-01T01:01:01+01:00")])
    assert one.manifest["rows"] == 1
    assert export(filters=[("SubAccountName", "' or true --")]).manifest["rows"] == 0
    assert export(filters=[("ServiceName", "")]).manifest["rows"] == 1500


def test_columns_are_given_in_the_order_asked_for(export: Callable[..., ExportResult]) -> None:
    rows = read_csv(export(columns=["ServiceName", "BilledCost"]).path)
    assert list(rows[0]) == ["ServiceName", "BilledCost"]
    assert [row["BilledCost"] for row in rows[:3]] == COSTS[:3]


FLAT = [
    "BillingAccountId",
    "BillingPeriodStart",
    "BillingPeriodEnd",
    "ChargePeriodStart",
    "ChargePeriodEnd",
    "ProviderName",
    "ServiceName",
    "SubAccountName",
    "ResourceId",
    "BilledCost",
    "BilledCurrency",
    "UsageQuantity",
    "UsageUnit",
    "x-cog-InputTokenCount",
    "x-cog-OutputTokenCount",
    "x-cog-CacheHit",
    "x-cog-LatencyMs",
]
TAGS = ["x-cost-feature", "x-cost-department", "x-cost-user", "x-cost-session"]


def test_ai_calls_have_the_flat_layout(export: Callable[..., ExportResult]) -> None:
    result = export("ai-calls", "json")
    envelope = read_json(result.path)
    assert envelope["focus_version"] == "1.1"
    assert len(envelope["records"]) == result.manifest["rows"] == 2700
    assert result.manifest["left_out_calls"] == 300
    first = envelope["records"][0]
    assert list(first) == [*FLAT, "Tags"]
    assert list(first["Tags"]) == [*TAGS, "x-cog-classification"]
    assert first["BillingPeriodEnd"] == "2026-01-31T23:59:59Z"
    assert first["x-cog-CacheHit"] is False
    assert first["UsageUnit"] == "tokens"
    assert first["ResourceId"] == "call-1"
    assert first["UsageQuantity"] == 3
    assert first["Tags"]["x-cost-session"] is None
    assert first["Tags"]["x-cost-department"] == first["SubAccountName"]
    assert envelope["records"][2]["Tags"]["x-cost-department"] == "Own"
    rows = read_csv(export("ai-calls", safe_csv=False).path)
    flat = [f"Tags/{name}" for name in [*TAGS, "x-cog-classification"]]
    assert list(rows[0]) == [*FLAT, *flat]
    assert rows[0]["x-cog-CacheHit"] == "false"
    for csv_row, record in zip(rows, envelope["records"], strict=True):
        assert {name: plain(record[name]) for name in FLAT} == {n: csv_row[n] for n in FLAT}
        tags = {f"Tags/{name}": plain(value) for name, value in record["Tags"].items()}
        assert tags == {name: csv_row[name] for name in flat}


def test_formulas_in_text_are_neutralised_and_numbers_are_not(
    export: Callable[..., ExportResult],
) -> None:
    result = export("ai-calls")
    assert result.manifest["safe_csv"] is True
    rows = read_csv(result.path)
    names = {row["SubAccountName"] for row in rows}
    assert {"'=1+1", "'+49 30", "'-5", "'@sum", "'\ttab"} <= names
    assert 'quote " inside' in names
    assert "-3.000000000000000001" in {row["BilledCost"] for row in rows}
    assert {row["Tags/x-cost-user"] for row in rows} == {"'=cmd"}
    assert "'=1+1" in {row["SubAccountName"] for row in read_csv(export(safe_csv=True).path)}


def test_compressed_files_hold_the_same_text(export: Callable[..., ExportResult]) -> None:
    text = export().path
    packed = export(compress="gzip", output=text and text.with_name("out.csv.gz")).path
    assert text is not None
    assert packed is not None
    assert gzip.decompress(packed.read_bytes()) == text.read_bytes()


@pytest.mark.parametrize(
    "name", ["x.csv", "x.json", "x.jsonl", "x.parquet", "x.csv.gz", "x.json.zst"]
)
def test_a_file_of_many_slices_is_hashed_as_it_is_written(
    large_home: Home, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.extract.writer._FILE_SLICE", 5000)
    opened = []
    open_path = Path.open

    def watch(path: Path, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        opened.append((path.name, mode))
        return open_path(path, mode, *args, **kwargs)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", watch)
        _, fmt, *packed = name.split(".")
        compress = {"gz": "gzip", "zst": "zstd"}[packed[0]] if packed else None
        result = export_dataset(
            large_home, "cost-and-usage", fmt=fmt, compress=compress, output=tmp_path / name
        )
    data = (tmp_path / name).read_bytes()
    assert result.manifest["sha256"] == hashlib.sha256(data).hexdigest()
    assert result.manifest["bytes"] == len(data)
    assert sum(name.startswith("slice-") for name, _ in opened) > 5 or fmt == "parquet"
    assert {mode for name, mode in opened if name.endswith(".part")} == {"w", "wb"}


def test_a_packed_file_of_many_slices_is_one_member_for_readers_that_stop_behind_it(
    large_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.extract.writer._FILE_SLICE", 5000)
    plain_file = tmp_path / "x.csv"
    for compress in (None, "gzip", "zstd"):
        output = plain_file.with_suffix(f".{compress}") if compress else plain_file
        export_dataset(large_home, "cost-and-usage", compress=compress, output=output)
    member = zlib.decompressobj(31)
    assert member.decompress((tmp_path / "x.gzip").read_bytes()) == plain_file.read_bytes()
    assert (member.eof, member.unused_data) == (True, b"")
    packed = (tmp_path / "x.zstd").read_bytes()
    assert packed.count(b"\x28\xb5\x2f\xfd") == 1
    with pa.input_stream(tmp_path / "x.zstd", compression="zstd") as stream:
        assert stream.read() == plain_file.read_bytes()


def test_parquet_of_many_rows_is_written_in_row_groups_that_fit_into_memory(
    large_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [tmp_path / "one.parquet", tmp_path / "many.parquet"]
    for file, rows in zip(files, (10**9, 5000), strict=True):
        monkeypatch.setattr("exporter.extract.writer._FILE_SLICE", rows)
        export_dataset(large_home, "cost-and-usage", fmt="parquet", output=file)
    data = pq.read_metadata(files[1])
    sizes = [data.row_group(place).num_rows for place in range(data.num_row_groups)]
    assert sum(sizes) == 60000
    assert max(sizes) <= 5000
    assert pq.read_table(files[1]).equals(pq.read_table(files[0]))
    schema = pq.read_schema(files[1])
    assert all(field.nullable for field in schema)
    assert schema.metadata is None


MISTAKES: list[tuple[list[str], str]] = [
    (["--dataset", "usage"], "no dataset 'usage'"),
    (["--focus-version", "2.0"], "no FOCUS version 2.0"),
    (["--dataset", "contract-commitment", "--focus-version", "1.2"], "no FOCUS version 1.2"),
    (["--dataset", "ai-calls", "--grain", "day"], "no grain 'day'"),
    (["--dataset", "contract-commitment", "--grain", "month"], "no grain 'month'"),
    (["--billing-period", "2026-13"], "--billing-period '2026-13' is no month: write YYYY-MM."),
    (["--billing-period", "10/2026"], "--billing-period '10/2026' is no month: write YYYY-MM."),
    (["--from", "2026-02-01", "--to", "2026-01-01"], "lies after"),
    (["--from", "01.02.2026"], "no date"),
    (["--filter", "BiledCost=1"], "did you mean BilledCost"),
    (["--filter", "BilledCost=cheap"], "'cheap' is no decimal"),
    (["--filter", "BilledCost=0.1234567890123456789"], "is no decimal(38,18)"),
    (["--dataset", "ai-calls", "--filter", "UsageQuantity=1664.4"], "'1664.4' is no bigint"),
    (["--filter", "BilledCost"], "no equals sign"),
    (["--columns", "billedcost"], "did you mean BilledCost"),
    (["--columns", ","], "names no column"),
    (["--columns", "BilledCost,BilledCost"], "twice"),
    (["--format", "parquet", "--compress", "gzip"], "compressed inside"),
    (["--format", "json", "--safe-csv"], "is for CSV"),
    (["--output", "missing/folder/x.csv"], "doesn't exist"),
    (["--output", "/dev/null"], "/dev/null is no regular file: use --output - to stream"),
]


@pytest.mark.parametrize(("arguments", "part"), MISTAKES)
def test_a_mistake_gets_one_sentence(home: Home, arguments: list[str], part: str) -> None:
    result = focus_export("export", "--home", home.path, *arguments)
    assert_one_sentence(result, 2, part)


def test_a_folder_that_cannot_be_written_gets_one_sentence(home: Home, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    result = focus_export("export", "--home", home.path, "--output", blocked / "x.csv")
    assert_one_sentence(result, 2, "doesn't exist")
    for forbidden in ("/proc", "/sys"):
        if Path(forbidden).is_dir():
            with pytest.raises(UserError, match="can't be written"):
                export_dataset(home, "cost-and-usage", output=f"{forbidden}/x.csv")


def test_without_a_build_it_says_what_to_run(tmp_path: Path) -> None:
    assert_one_sentence(focus_export("export", "--home", tmp_path), 2, "focus-export build")


def test_standard_output_gets_the_file_and_no_manifest(home: Home, tmp_path: Path) -> None:
    arguments = ["--dataset", "ai-calls", "--format", "csv", "--output"]
    result = focus_export("export", "--home", home.path, *arguments, "-", cwd=tmp_path)
    assert result.returncode == 0
    assert "without a manifest" in result.stderr
    assert list(tmp_path.iterdir()) == []
    focus_export("export", "--home", home.path, *arguments, tmp_path / "x.csv")
    with (tmp_path / "x.csv").open(encoding="utf-8", newline=None) as file:
        assert result.stdout == file.read()


@pytest.mark.parametrize(("redirection", "code"), [(">&-", 2), ("> /dev/full", 5)])
def test_a_closed_or_full_standard_output_gets_one_sentence(
    home: Home, redirection: str, code: int
) -> None:
    command = f"{sys.executable} -m exporter.cli export --home {home.path} --output - {redirection}"
    result = subprocess.run(
        ["sh", "-c", command], capture_output=True, text=True, env=environment(), check=False
    )
    assert_one_sentence(result, code, "tandard output", "--output")
    assert len(result.stderr.splitlines()) == 1


def test_a_reader_that_goes_away_ends_an_export_quietly(home: Home) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    process = subprocess.run(
        [*(sys.executable, "-m", "exporter.cli", "export"), "--home", home.path, "--output", "-"],
        stdout=writer,
        stderr=subprocess.PIPE,
        env=environment(),
        check=False,
    )
    os.close(writer)
    assert (process.returncode, process.stderr) == (141, b"")


def test_too_little_memory_gets_one_sentence(home: Home, tmp_path: Path) -> None:
    result = focus_export(
        *("export", "--home", home.path, "--output", tmp_path / "x.csv"),
        variables={"AI_FOCUS_MEMORY_LIMIT": "1MB"},
    )
    assert_one_sentence(result, 5, "more memory than AI_FOCUS_MEMORY_LIMIT (1MB) allows")
    assert list(tmp_path.iterdir()) == []


class HangingConnection:
    """A connection whose COPY goes on until it is interrupted."""

    def __init__(self) -> None:
        self.interrupted = threading.Event()

    def execute(self, statement: str, parameters: list[object]) -> None:
        self.interrupted.wait(30)
        raise duckdb.InterruptException("interrupted")

    def interrupt(self) -> None:
        self.interrupted.set()


def test_a_writer_that_hangs_on_a_full_disk_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.duck._STALLED", 0)
    full = SimpleNamespace(free=0)
    monkeypatch.setattr("exporter.duck.shutil.disk_usage", lambda _: full)
    file = tmp_path / "x.csv"
    file.touch()
    connection: Any = HangingConnection()
    with pytest.raises(UserError, match="no space left"):
        list(run_copies([connection], [("copy", [], file)]))
    assert connection.interrupted.is_set()


def test_format_and_compression_follow_the_name_of_the_output(home: Home, tmp_path: Path) -> None:
    focus_export("export", "--home", home.path, "--output", tmp_path / "x.jsonl.gz")
    with gzip.open(tmp_path / "x.jsonl.gz", "rt", encoding="utf-8") as lines:
        assert json.loads(next(lines))["BilledCost"] == 10000000


def test_strict_exits_with_3_when_something_is_missing(home: Home, tmp_path: Path) -> None:
    arguments = ["export", "--home", home.path, "--output", tmp_path / "x.csv"]
    relaxed = focus_export(*arguments)
    assert relaxed.returncode == 0
    assert (
        "300 of 3,000 calls are not priced yet (about 50.00 USD as the source states;"
        " 200 of unknown cost; model not in the price book: 300)"
    ) in relaxed.stderr
    assert_one_sentence(focus_export(*arguments, "--strict"), 3, "3 lines can't be read")
    assert (tmp_path / "x.csv").exists()


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ((), "focus_cost_and_usage.csv"),
        (("--grain", "day"), "focus_cost_and_usage_daily.csv"),
        (
            ("--grain", "month", "--billing-period", "2026-01"),
            "focus_cost_and_usage_monthly_booked_2026-01.csv",
        ),
        (
            ("--billing-period", "2026-01", "--to", "2026-01-05"),
            "focus_cost_and_usage_booked_2026-01_to_2026-01-05.csv",
        ),
        (
            ("--dataset", "ai-calls", "--billing-period", "2026-01"),
            "ai_calls_booked_2026-01.csv",
        ),
        (("--focus-version", "1.4", "--format", "jsonl"), "focus_cost_and_usage.jsonl"),
        (("--focus-version", "1.2"), "focus_cost_and_usage_v1_2.csv"),
        (
            ("--from", "2026-01-01", "--to", "2026-01-31"),
            "focus_cost_and_usage_2026-01-01_2026-01-31.csv",
        ),
        (("--from", "2026-01-01"), "focus_cost_and_usage_from_2026-01-01.csv"),
        (("--to", "2026-01-31"), "focus_cost_and_usage_to_2026-01-31.csv"),
        (("--columns", "BilledCost"), "focus_cost_and_usage_BilledCost.csv"),
        (
            ("--filter", "SubAccountId=nope", "--compress", "gzip"),
            "focus_cost_and_usage_SubAccountId=nope.csv.gz",
        ),
        # sha256 of focus_cost_and_usage_SubAccountId=../a b
        (
            ("--filter", "SubAccountId=../a b"),
            "focus_cost_and_usage_SubAccountId=..-a-b-@.csv",
        ),
    ],
)
def test_a_part_never_takes_the_place_of_the_whole(
    home: Home, tmp_path: Path, options: tuple[str, ...], name: str
) -> None:
    result = focus_export("export", "--home", home.path, "--output", tmp_path, *options)
    assert result.returncode == 0, result.stderr
    checksum = hashlib.sha256(b"focus_cost_and_usage_SubAccountId=../a b").hexdigest()[:8]
    name = name.replace("@", checksum)
    assert sorted(file.name for file in tmp_path.iterdir()) == [name, f"{name}.manifest.json"]


def test_a_commitment_is_taken_in_the_months_that_its_period_overlaps(home: Home) -> None:
    # each begins a day after the one before, from 1 January on, and lasts ten days
    found = {
        month: export_dataset(
            home, "contract-commitment", billing_period=date(2026, month, 1), output=home.path / "c"
        ).manifest["rows"]
        for month in (1, 2)
    }
    # February: those that end after its first midnight, on 22 January at the earliest
    assert found == {1: 31, 2: 28 + 9}


def test_names_that_differ_beyond_what_a_file_can_say_are_files_apart(
    home: Home, tmp_path: Path
) -> None:
    for value in ("é", "è", "x" * 300, "x" * 301):
        focus_export(
            "export", "--home", home.path, "--output", tmp_path, "--filter", f"SubAccountId={value}"
        )
    assert len(list(tmp_path.iterdir())) == 8


def test_default_output_is_the_homes_exports_folder(home: Home) -> None:
    result = focus_export("export", "--home", home.path, "--grain", "day")
    assert result.returncode == 0, result.stderr
    written = sorted(path.name for path in home.exports.iterdir())
    name = "focus_cost_and_usage_daily.csv"
    assert written == [name, f"{name}.manifest.json"]


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize(
    "delay", whole_from([0.3, 0.05, 0.6], 1, "another moment of the same file being written")
)
def test_a_killed_export_leaves_the_old_file_whole(
    large_home: Home, tmp_path: Path, stop: signal.Signals, delay: float
) -> None:
    output = tmp_path / "out.csv"
    old = export_dataset(large_home, "contract-commitment", output=output)
    assert old.manifest_path is not None
    before = (output.read_bytes(), old.manifest_path.read_bytes())
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "exporter.cli", "export", "--home", str(large_home.path)),
            *("--format", "csv", "--output", str(output)),
        ],
        env=environment(),
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 20
    while not list(tmp_path.glob(".*.part")) and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    time.sleep(delay)
    process.send_signal(stop)
    process.wait(30)
    data = output.read_bytes()
    if data == before[0]:
        assert process.returncode != 0
    else:
        # it had time to finish: then the whole new file stands there
        assert data.count(b"\n") > 60000
        assert data.endswith(b"Z\n")
    if old.manifest_path.exists():
        manifest = json.loads(old.manifest_path.read_text(encoding="utf-8"))
        assert manifest["sha256"] == hashlib.sha256(data).hexdigest()
    # the next run sweeps up what a killed one left
    after = export_dataset(large_home, "contract-commitment", output=output)
    assert output.read_bytes() == before[0]
    assert after.manifest["sha256"] == old.manifest["sha256"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.csv", "out.csv.manifest.json"]
    assert [path.name for path in large_home.path.glob(".export.*")] == []


LEAVE = """
import os, signal, sys
from pathlib import Path
from exporter.api.open_builds import Builds
from exporter.extract.scratch import scratch_folder, temporary_file
from exporter.home import Home
home = Home(Path(sys.argv[1]))
with scratch_folder(home) as scratch, temporary_file(Path(sys.argv[2])):
    (scratch / "spilled").write_text("x")
    builds = Builds(home)
    print("ready", flush=True)
    if sys.argv[3] == "wait":
        sys.stdin.read()
    else:
        os.kill(os.getpid(), signal.SIGKILL)
"""


def leave(home: Path, output: Path, how: str) -> subprocess.Popen[bytes]:
    """Start a process that holds an export's and a server's folders, and maybe is killed there."""
    process = subprocess.Popen(
        [sys.executable, "-c", LEAVE, str(home), str(output), how],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


def test_what_killed_processes_left_is_swept_whatever_their_number_and_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, output = tmp_path / "home", tmp_path / "out" / "x.csv"
    home.mkdir()
    output.parent.mkdir()
    process = leave(home, output, "die")
    process.communicate(timeout=30)
    assert len(list(home.glob(".export.*.lock"))) == 2
    assert list(output.parent.glob(".*.part"))
    # in the next container the process has the same number, and the host another name
    monkeypatch.setattr(os, "getpid", lambda: process.pid)
    monkeypatch.setattr("socket.gethostname", lambda: "another")
    with scratch_folder(Home(home)) as scratch, temporary_file(output) as temporary:
        kept = {scratch.name, f"{scratch.name}.lock"}
        assert {path.name for path in home.iterdir()} == kept
        kept = {temporary.name, f"{temporary.name}.lock"}
        assert {path.name for path in output.parent.iterdir()} == kept
    assert not [*home.iterdir(), *output.parent.iterdir()]


def test_what_another_process_or_this_one_uses_is_left_alone(tmp_path: Path) -> None:
    home, output = Home(tmp_path), tmp_path / "x.csv"
    process = leave(home.path, output, "wait")
    with scratch_folder(home) as scratch, scratch_folder(home), temporary_file(output):
        assert len(list(tmp_path.glob(".export.*/spilled"))) == 1
        assert len(list(tmp_path.glob(".x.csv.*.part"))) == 2
        assert scratch.is_dir()
    process.communicate(timeout=30)
    assert not list(tmp_path.glob(".export.*/spilled"))


def export_demo(demo_home: Path, folder: Path, *arguments: str) -> dict[str, Any]:
    output = folder / f"{'_'.join(arguments).replace('-', '')}.csv"
    result = focus_export("export", "--home", demo_home, "--output", output, *arguments)
    assert result.returncode == 0, result.stderr
    return json.loads(Path(f"{output}.manifest.json").read_text(encoding="utf-8"))


def test_all_versions_grains_and_the_flat_layout_of_the_demo_have_equal_totals(
    demo_home: Path, tmp_path: Path
) -> None:
    newest = export_demo(demo_home, tmp_path, "--focus-version", "1.4")
    assert newest["rows"] > 3000
    totals = [
        {key: value for key, value in entry.items() if key != "rows"} for entry in newest["costs"]
    ]
    for version in ("1.3", "1.2", "1.1", "1.0"):
        older = export_demo(demo_home, tmp_path, "--focus-version", version)
        assert older["costs"] == newest["costs"]
    daily = export_demo(demo_home, tmp_path, "--grain", "day")
    monthly = export_demo(demo_home, tmp_path, "--grain", "month")
    assert monthly["rows"] < daily["rows"]
    assert [{**entry, "rows": 0} for entry in monthly["costs"]] == [
        {**entry, "rows": 0} for entry in daily["costs"]
    ]
    assert daily["rows"] < newest["rows"]
    assert [
        {key: value for key, value in entry.items() if key != "rows"} for entry in daily["costs"]
    ] == totals
    flat = export_demo(demo_home, tmp_path, "--dataset", "ai-calls")
    assert flat["left_out_calls"] > 0
    # a usage report's sums are no calls
    assert flat["left_out_buckets"] == 1847
    [(of_reports,)] = rows_of(
        demo_home / "ai_focus.duckdb",
        "select sum(BilledCost) from focus_cost_and_usage where x_CallId is null",
    )
    billed = {entry["currency"]: Decimal(entry["BilledCost"]) for entry in totals}
    billed["USD"] -= of_reports
    flat_billed = {e["currency"]: Decimal(e["BilledCost"]) for e in flat["costs"]}
    assert {currency: flat_billed.get(currency) for currency in billed} == billed


def test_every_format_of_the_demo_holds_the_same_rows(demo_home: Path, tmp_path: Path) -> None:
    for dataset in ("cost-and-usage", "contract-commitment"):
        paths = {}
        for fmt in ("csv", "json", "parquet"):
            paths[fmt] = tmp_path / f"{dataset}.{fmt}"
            export_dataset(Home(demo_home), dataset, fmt=fmt, output=paths[fmt])
        records = read_json(paths["json"])["records"]
        table = pq.read_table(paths["parquet"]).to_pylist()
        rows = read_csv(paths["csv"])
        assert rows
        for csv_row, record, parquet_row in zip(rows, records, table, strict=True):
            for name, value in record.items():
                if isinstance(value, dict):
                    assert (
                        json.loads(csv_row[name], parse_float=Decimal, parse_int=Decimal) == value
                    )
                else:
                    assert plain(value) == csv_row[name]
                assert plain(parquet_row[name]) == csv_row[name]
