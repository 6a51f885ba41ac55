"""What must not matter doesn't: order, files, formats, repeats, threads, strangers, grain, filters.

The demo's own rows are delivered again in other ways and have to give the same extracts, byte for
byte; small changes of a log have to change what they say and nothing else.
"""

from __future__ import annotations

import csv
import gzip
import json
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import ROOT, focus_export, rows_of
from pipeline import Pipeline
from shared import whole_from

from exporter.extract.files import export_dataset
from exporter.home import Home

Row = dict[str, str]

SAMPLE = ROOT / "seeds" / "sample"
FOLDERS = {
    "raw_gateway_calls": "gateway",
    "raw_litellm_spend_logs": "litellm",
    "raw_provider_usage": "provider_usage",
    "raw_contracts": "contracts",
    "raw_commitments": "commitments",
    "raw_contract_prices": "contract_prices",
    "raw_provisioned_deployments": "provisioned_deployments",
    "raw_exchange_rates": "exchange_rates",
    "raw_billing_accounts": "billing_accounts",
    "raw_billing_periods": "billing_periods",
}
JSON_COLUMNS = ("headers", "metadata", "request_tags")
EXTRACTS: dict[str, dict[str, Any]] = {
    "calls": {"dataset": "cost-and-usage"},
    "days": {"dataset": "cost-and-usage", "grain": "day"},
    "oldest": {"dataset": "cost-and-usage", "focus_version": "1.0"},
    "flat": {"dataset": "ai-calls"},
    "commitments": {"dataset": "contract-commitment"},
}
# over a change of price and the end of a month
STRETCH = date(2026, 8, 30), date(2026, 9, 2)


def read_sample(name: str) -> list[Row]:
    with (SAMPLE / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


# ---------------------------------------------------------------- the same rows in other files


def typed(row: Row) -> dict[str, Any]:
    """Give a row as JSON writers do: no empty values, numbers, booleans and objects as such."""
    values: dict[str, Any] = {}
    for name, text in row.items():
        if not text:
            continue
        if name in JSON_COLUMNS:
            values[name] = json.loads(text)
        elif name == "cache_hit" and text in ("true", "false"):
            values[name] = text == "true"
        elif name.endswith("_tokens") and text.lstrip("-").isdigit():
            values[name] = int(text)
        else:
            values[name] = text
    return values


def as_csv(rows: list[Row], columns: list[str], delimiter: str = ",", end: str = "\n") -> bytes:
    from io import StringIO

    text = StringIO(newline="")
    writer = csv.DictWriter(text, columns, delimiter=delimiter, lineterminator=end)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def write_csv(path: Path, rows: list[Row]) -> None:
    path.with_suffix(".csv").write_bytes(as_csv(rows, list(rows[0])))


def write_strange_csv(path: Path, rows: list[Row]) -> None:
    # a byte order mark, semicolons, CRLF, columns the other way round
    content = as_csv(rows, list(rows[0])[::-1], ";", "\r\n")
    path.with_suffix(".csv").write_bytes(b"\xef\xbb\xbf" + content)


def write_packed_csv(path: Path, rows: list[Row]) -> None:
    path.with_suffix(".csv.gz").write_bytes(gzip.compress(as_csv(rows, list(rows[0]))))


def write_json_lines(path: Path, rows: list[Row]) -> None:
    lines = [json.dumps(typed(row)) for row in rows]
    path.with_suffix(".jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_packed_json_lines(path: Path, rows: list[Row]) -> None:
    lines = [json.dumps(row) for row in rows]
    path.with_suffix(".jsonl.gz").write_bytes(gzip.compress("\n".join(lines).encode()))


def write_json_array(path: Path, rows: list[Row]) -> None:
    content = json.dumps([typed(row) for row in rows], indent=2)
    path.with_suffix(".json").write_text(content, encoding="utf-8")


def write_parquet(path: Path, rows: list[Row]) -> None:
    columns: dict[str, list[Any]] = {}
    for name in rows[0]:
        texts = [row[name] or None for row in rows]
        whole = name.endswith("_tokens") and all(
            t is None or t.lstrip("-").isdigit() for t in texts
        )
        columns[name] = [t if t is None or not whole else int(t) for t in texts]
    table = {
        name: pa.array(
            values, pa.int64() if any(isinstance(v, int) for v in values) else pa.string()
        )
        for name, values in columns.items()
    }
    pq.write_table(pa.table(table), path.with_suffix(".parquet"))


WRITERS: list[Callable[[Path, list[Row]], None]] = [
    write_csv,
    write_strange_csv,
    write_packed_csv,
    write_json_lines,
    write_packed_json_lines,
    write_json_array,
    write_parquet,
]


def deliver_otherwise(raw: Path) -> None:
    """Write the demo's rows shuffled, in files of all formats, and every row twice."""
    chance = random.Random(77)
    for name, folder in FOLDERS.items():
        rows = read_sample(name)
        (raw / folder / "again").mkdir(parents=True)
        for place in ("", "again"):
            chance.shuffle(rows)
            writers = list(WRITERS)
            chance.shuffle(writers)
            parts = min(len(writers), len(rows))
            for number in range(parts):
                path = raw / folder / place / f"part{number}"
                writers[number](path, rows[number::parts])


def extract(home: Path, folder: Path) -> dict[str, bytes]:
    found = {}
    for name, arguments in EXTRACTS.items():
        output = folder / f"{name}.csv"
        export_dataset(Home(home), output=output, **arguments)
        found[name] = output.read_bytes()
    return found


@pytest.fixture(scope="module")
def demo_extracts(demo_home: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return extract(demo_home, tmp_path_factory.mktemp("demo_extracts"))


@pytest.fixture(scope="module")
def delivered_otherwise(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home built with one thread from the demo's rows in other files."""
    folder = tmp_path_factory.mktemp("delivered_otherwise")
    deliver_otherwise(folder / "raw")
    result = focus_export(
        *("build", "--home", folder / "home", "--raw-dir", folder / "raw"),
        variables={"AI_FOCUS_THREADS": "1"},
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return folder / "home"


def test_rows_shuffled_over_files_of_all_formats_and_delivered_twice_give_the_same_bytes(
    delivered_otherwise: Path, demo_extracts: dict[str, bytes], tmp_path: Path
) -> None:
    found = extract(delivered_otherwise, tmp_path)
    for name, content in demo_extracts.items():
        assert content.count(b"\n") > 5
        pairs = zip(found[name].splitlines(), content.splitlines(), strict=False)
        assert not [pair for pair in pairs if pair[0] != pair[1]][:3], name
        assert found[name] == content, name


def test_what_is_held_back_or_rejected_is_the_same_for_other_files(
    delivered_otherwise: Path, demo_home: Path
) -> None:
    for query in (
        "select * from ai_unpriced_usage order by all",
        # a record that lies in two files is unreadable in both
        "select * from ai_coverage where unreadable_records = 0 order by all",
        "select distinct source_name, record_key, field, reason from ai_unreadable_records"
        " order by all",
    ):
        ours = rows_of(delivered_otherwise / "ai_focus.duckdb", query)
        assert ours == rows_of(demo_home / "ai_focus.duckdb", query)
        assert ours


def assert_rows_are_the_gateways(ours: Path, demo_home: Path) -> None:
    for relation, source in (
        ("focus_cost_and_usage_v1_4", "x_SourceName"),
        ("focus_cost_and_usage_daily_v1_4", "x_SourceName"),
        ("ai_calls", "source_name"),
        ("ai_unpriced_usage", "source_name"),
    ):
        query = f"select * from {relation} where {source} = 'gateway' order by all"
        found = rows_of(ours, query)
        assert found == rows_of(demo_home / "ai_focus.duckdb", query)
        assert found
        assert rows_of(ours, f"select count(*) from {relation}") == [(len(found),)]


def test_a_source_that_is_not_there_leaves_the_others_rows_as_they_are(
    demo_home: Path, tmp_path: Path
) -> None:
    for name, place in FOLDERS.items():
        if place not in ("litellm", "provider_usage"):
            (tmp_path / "raw" / place).mkdir(parents=True)
            write_csv(tmp_path / "raw" / place / "rows.csv", read_sample(name))
    made = Pipeline(tmp_path / "raw", tmp_path / "build")
    made.close()
    assert_rows_are_the_gateways(made.database, demo_home)


@pytest.mark.whole("a raw folder without LiteLLM's log leaves out the source in the same way")
def test_a_source_that_is_left_out_leaves_the_others_rows_as_they_are(
    demo_home: Path, tmp_path: Path
) -> None:
    result = focus_export("build", "--home", tmp_path, "--source", "gateway", "--threads", "4")
    assert result.returncode == 0, result.stdout + result.stderr
    assert_rows_are_the_gateways(tmp_path / "ai_focus.duckdb", demo_home)


# ---------------------------------------------------------------- sums of parts


def billed(home: Path, folder: Path, **arguments: Any) -> tuple[Decimal, int]:
    """Give the billed cost and the rows of an extract, summed from the file itself."""
    output = folder / "part.csv"
    export_dataset(Home(home), output=output, **arguments)
    with output.open(encoding="utf-8", newline="") as file:
        costs = [Decimal(row["BilledCost"]) for row in csv.DictReader(file)]
    return sum(costs, Decimal(0)), len(costs)


def test_days_sum_to_their_stretch_in_every_layout(demo_home: Path, tmp_path: Path) -> None:
    first, last = STRETCH
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    stretches = {}
    for name in ("calls", "days", "flat"):
        arguments = EXTRACTS[name]
        whole = billed(demo_home, tmp_path, from_date=first, to_date=last, **arguments)
        parts = [
            billed(demo_home, tmp_path, from_date=day, to_date=day, **arguments) for day in days
        ]
        assert (sum(cost for cost, _ in parts), sum(rows for _, rows in parts)) == whole
        assert whole[1] > 0
        stretches[name] = parts
    # a day costs the same whether its calls, its sums or its flat calls are added up; sums of usage
    # reports are no flat calls
    costs = {name: [cost for cost, _ in parts] for name, parts in stretches.items()}
    assert costs["calls"] == costs["days"]
    reported = dict(
        rows_of(
            demo_home / "ai_focus.duckdb",
            "select cast(ChargePeriodStart as date), sum(BilledCost) from focus_cost_and_usage"
            " where x_CallId is null group by all",
        )
    )
    of_calls = [cost - reported[day] for cost, day in zip(costs["calls"], days, strict=True)]
    assert of_calls == costs["flat"]
    assert all(of_calls)


def test_filters_divide_what_there_is(demo_home: Path, tmp_path: Path) -> None:
    whole = billed(demo_home, tmp_path, dataset="cost-and-usage")
    for column in ("SubAccountId", "BillingAccountId", "ServiceProviderName"):
        values = rows_of(
            demo_home / "ai_focus.duckdb", f"select distinct {column} from focus_cost_and_usage"
        )
        parts = [
            billed(demo_home, tmp_path, dataset="cost-and-usage", filters=[(column, value or "")])
            for (value,) in values
        ]
        assert len(parts) > 2
        assert (sum(cost for cost, _ in parts), sum(rows for _, rows in parts)) == whole


# ---------------------------------------------------------------- small changes of a log


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    folder = tmp_path_factory.mktemp("changes")
    for name, place in FOLDERS.items():
        (folder / "raw" / place).mkdir(parents=True)
        write_csv(folder / "raw" / place / "rows.csv", read_sample(name))
    made = Pipeline(folder / "raw", folder / "build")
    yield made
    made.close()


PRICED_MODELS = {
    row["model"]
    for row in csv.DictReader((ROOT / "seeds/pricing/ai_list_prices.csv").open(encoding="utf-8"))
    if row["provider"] == "openai"
}


@pytest.fixture(scope="module")
def log() -> list[Row]:
    return read_sample("raw_gateway_calls")


@contextmanager
def gateway_log(pipeline: Pipeline, rows: list[Row]) -> Iterator[None]:
    """Run the models over another gateway log, and put the demo's back."""
    path = pipeline.raw / "gateway" / "rows.csv"
    before = path.read_bytes()
    write_csv(path, rows)
    try:
        pipeline.run()
        yield
    finally:
        path.write_bytes(before)


def snapshot(pipeline: Pipeline) -> dict[str, dict[str, int]]:
    """Give a hash of every row of the marts, by the row's key."""
    keys = {"focus_cost_and_usage_v1_4": "x_ChargeId", "ai_calls": "call_key"}
    found = {}
    for relation, key in keys.items():
        rows = pipeline.rows(f"select t.{key}, hash(t) from {relation} as t")
        found[relation] = dict(rows)
        assert len(found[relation]) == len(rows)
    return found


@pytest.fixture(scope="module")
def unchanged(pipeline: Pipeline) -> dict[str, dict[str, int]]:
    pipeline.run()
    return snapshot(pipeline)


def changed_keys(before: dict[str, int], after: dict[str, int]) -> set[str]:
    return {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}


def call_keys(pipeline: Pipeline, rows: list[Row]) -> set[str]:
    wanted = {(row["customer_id"], row["call_id"]) for row in rows}
    return {
        key
        for account, call_id, key in pipeline.rows(
            "select billing_account_id, call_id, call_key from ai_calls"
            " where source_name = 'gateway'"
        )
        if (account, call_id) in wanted
    }


def single_calls(log: list[Row], count: int) -> list[Row]:
    """Give plain, paid calls that were delivered once."""
    ids = [(row["customer_id"], row["call_id"]) for row in log]
    fitting = [
        row
        for row in log
        if ids.count((row["customer_id"], row["call_id"])) == 1
        and row["status"] == "success"
        and row["cache_hit"] == "false"
        and row["ingested_at"].endswith("Z")
        and row["provider"] == "openai"
        and row["model"] in PRICED_MODELS
        and int(row["completion_tokens"]) > int(row["reasoning_tokens"] or 0)
    ]
    return random.Random(5).sample(fitting, count)


def test_the_demo_as_files_gives_what_the_demo_gives(
    pipeline: Pipeline, unchanged: dict[str, dict[str, int]], demo_home: Path
) -> None:
    query = "select * from {} order by all"
    for relation in ("focus_cost_and_usage_v1_4", "ai_calls", "focus_contract_commitment_v1_4"):
        ours = pipeline.rows(query.format(relation))
        assert ours == rows_of(demo_home / "ai_focus.duckdb", query.format(relation))


@pytest.mark.parametrize(
    "threads", whole_from([4, 1], 1, "the demo in other files is built with one thread")
)
def test_duckdbs_threads_and_the_order_of_lines_do_not_matter(
    pipeline: Pipeline, log: list[Row], unchanged: dict[str, dict[str, int]], threads: int
) -> None:
    shuffled = random.Random(threads).sample(log, len(log))
    pipeline.connection.execute(f"set threads = {threads}")
    try:
        with gateway_log(pipeline, shuffled):
            assert snapshot(pipeline) == unchanged
    finally:
        pipeline.connection.execute("set threads = 2")


def test_a_log_delivered_twice_counts_once(
    pipeline: Pipeline, log: list[Row], unchanged: dict[str, dict[str, int]]
) -> None:
    with gateway_log(pipeline, log + log):
        assert snapshot(pipeline) == unchanged


def test_a_later_delivery_replaces_a_call_and_an_earlier_one_does_not(
    pipeline: Pipeline, log: list[Row], unchanged: dict[str, dict[str, int]]
) -> None:
    later, earlier = single_calls(log, 20)[:10], single_calls(log, 20)[10:]
    again = [
        {**row, "completion_tokens": str(int(row["completion_tokens"]) + 1000), "ingested_at": at}
        for rows, at in ((later, "2026-12-01T00:00:00Z"), (earlier, "2026-07-01T00:00:00Z"))
        for row in rows
    ]
    with gateway_log(pipeline, again + log):
        found = snapshot(pipeline)
        replaced = call_keys(pipeline, later)
        assert len(replaced) == 10
        assert changed_keys(unchanged["ai_calls"], found["ai_calls"]) == replaced
        charges = changed_keys(
            unchanged["focus_cost_and_usage_v1_4"], found["focus_cost_and_usage_v1_4"]
        )
        # the output of each, and no other meter of it
        assert {charge.split(":")[1] for charge in charges} == {"output"}
        assert {charge.split(":")[0] for charge in charges} == replaced


def test_a_call_id_of_two_customers_is_two_calls(
    pipeline: Pipeline, log: list[Row], unchanged: dict[str, dict[str, int]]
) -> None:
    theirs = [{**row, "customer_id": "org-other"} for row in single_calls(log, 10)]
    with gateway_log(pipeline, log + theirs):
        found = snapshot(pipeline)
        added = call_keys(pipeline, theirs)
        assert len(added) == 10
        assert changed_keys(unchanged["ai_calls"], found["ai_calls"]) == added
        assert not added & unchanged["ai_calls"].keys()
        assert len(found["focus_cost_and_usage_v1_4"]) > len(unchanged["focus_cost_and_usage_v1_4"])


def test_calls_without_a_price_and_faulty_rows_change_no_other_row(
    pipeline: Pipeline, log: list[Row], unchanged: dict[str, dict[str, int]]
) -> None:
    calls = single_calls(log, 6)
    strangers = [
        {**row, "call_id": f"new-{row['call_id']}", "model": "no-such"} for row in calls[:3]
    ]
    strangers += [
        {**row, "call_id": f"new-{row['call_id']}", "provider": "nobody"} for row in calls[3:5]
    ]
    faulty = [{**calls[5], "call_id": "faulty", "prompt_tokens": "7.5"}]
    held = "select count(distinct call_key) from ai_unpriced_usage"
    rejected = "select count(*) from ai_unreadable_records"
    before = pipeline.rows(held)[0][0], pipeline.rows(rejected)[0][0]
    with gateway_log(pipeline, strangers + log + faulty):
        found = snapshot(pipeline)
        added = call_keys(pipeline, strangers)
        assert len(added) == 5
        assert changed_keys(unchanged["ai_calls"], found["ai_calls"]) == added
        assert found["focus_cost_and_usage_v1_4"] == unchanged["focus_cost_and_usage_v1_4"]
        after = pipeline.rows(held)[0][0], pipeline.rows(rejected)[0][0]
        assert after == (before[0] + 5, before[1] + 1)


def test_ten_times_the_tokens_cost_ten_times_as_much_below_every_context_limit(
    pipeline: Pipeline, log: list[Row]
) -> None:
    calls = [row for row in single_calls(log, 60) if int(row["prompt_tokens"]) < 20_000]
    columns = ("prompt_tokens", "completion_tokens", "cached_tokens")
    columns += ("cache_write_tokens", "reasoning_tokens")
    cost = "select sum(ListCost), sum(ContractedCost), count(*) from focus_cost_and_usage_v1_4"
    cost += " where x_SourceName = 'gateway'"
    with gateway_log(pipeline, calls):
        [(listed, contracted, rows)] = pipeline.rows(cost)
    tenfold = [
        {**row, **{name: str(int(row[name] or 0) * 10) for name in columns}} for row in calls
    ]
    with gateway_log(pipeline, tenfold):
        assert pipeline.rows(cost) == [(listed * 10, contracted * 10, rows)]
    assert contracted < listed
