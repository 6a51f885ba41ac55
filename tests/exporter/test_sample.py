"""The demo's seeds are what the generator writes, and hold what the demo must show."""

import csv
import json
import runpy
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "seeds" / "sample"
GATEWAY_HEADER = (
    "call_id,customer_id,customer_name,provider,model,requested_model,started_at,ended_at,"
    "latency_ms,prompt_tokens,completion_tokens,cached_tokens,cache_write_tokens,reasoning_tokens,"
    "cache_hit,status,service_tier,processing_mode,region,cost_department,cost_feature,cost_user,"
    "cost_session,classification,headers,total_tokens,cached_audio_tokens,cached_image_tokens,"
    "cache_write_5m_tokens,cache_write_1h_tokens,input_audio_tokens,input_image_tokens,"
    "output_audio_tokens,output_image_tokens,web_search_requests,generated_images,input_pages,"
    "input_annotated_pages,input_characters,output_characters,input_seconds,output_seconds,queries,"
    "source_cost,metadata,end_user_id,agent_id,key_alias,project_id,ingested_at"
)
FAULTY = {"req_negative001", "req_overcached1"}
UNPRICED = {("openai", "gpt-7-preview"), ("cohere", "command-r-zz")}

Row = dict[str, str]


def read(name: str) -> list[Row]:
    with (SAMPLE / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def utc(text: str) -> datetime:
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


@pytest.fixture(scope="module")
def gateway() -> list[Row]:
    return read("raw_gateway_calls.csv")


@pytest.fixture(scope="module")
def litellm() -> list[Row]:
    return read("raw_litellm_spend_logs.csv")


def test_generator_writes_the_committed_bytes(tmp_path: Path) -> None:
    script = ROOT / "scripts" / "generate_sample.py"
    subprocess.run([sys.executable, str(script), "--output", str(tmp_path)], check=True)
    written = sorted(tmp_path.iterdir())
    assert [file.name for file in written] == [
        "raw_gateway_calls.csv",
        "raw_litellm_spend_logs.csv",
        "raw_provider_usage.csv",
    ]
    for file in written:
        assert file.read_bytes() == (SAMPLE / file.name).read_bytes()


@pytest.mark.parametrize(
    "name", ["raw_gateway_calls.csv", "raw_litellm_spend_logs.csv", "raw_provider_usage.csv"]
)
def test_seeds_are_small_and_end_lines_with_lf(name: str) -> None:
    content = (SAMPLE / name).read_bytes()
    assert len(content) < 1_000_000
    assert b"\r" not in content
    assert content.endswith(b"\n")


def test_gateway_has_three_months_of_customers_departments_and_models(gateway: list[Row]) -> None:
    header = (SAMPLE / "raw_gateway_calls.csv").read_text(encoding="utf-8").split("\n", 1)[0]
    assert header == GATEWAY_HEADER
    assert 2_900 <= len({(row["customer_id"], row["call_id"]) for row in gateway}) <= 3_100
    assert {row["customer_id"] for row in gateway} == {"org-acme", "org-globex", "org-initech"}
    assert len({row["cost_department"] for row in gateway} - {""}) == 6
    assert any(not row["cost_department"] for row in gateway)
    priced = {(row["provider"], row["model"]) for row in gateway} - UNPRICED
    assert len({provider for provider, _ in priced}) >= 4
    assert len(priced) >= 10
    starts = [utc(row["started_at"]) for row in gateway]
    assert min(starts) >= datetime(2026, 8, 1, tzinfo=timezone.utc)
    assert max(starts) < datetime(2026, 11, 1, tzinfo=timezone.utc)
    assert {start.month for start in starts} == {8, 9, 10}


def test_gateway_has_all_kinds_of_tokens_tiers_and_modes(gateway: list[Row]) -> None:
    for column in ("cached_tokens", "cache_write_tokens", "reasoning_tokens"):
        assert sum(int(row[column]) > 0 for row in gateway) > 100
    assert {row["provider"] for row in gateway if int(row["cache_write_tokens"])} == {"anthropic"}
    assert {row["service_tier"] for row in gateway} == {
        "", "standard", "default", "flex", "priority",
    }  # fmt: skip
    assert {row["processing_mode"] for row in gateway} == {"", "realtime", "batch"}
    assert {row["classification"] for row in gateway} == {
        "", "investment", "waste",
    }  # fmt: skip
    assert any(row["model"] == "gpt-5.5" and row["prompt_tokens"] == "300000" for row in gateway)
    assert Counter(
        key for row in gateway for key in (json.loads(row["headers"]) if row["headers"] else {})
    ).keys() == {"X-Cost-Project", "X-Cost-Environment"}


def test_gateway_has_failures_retries_cache_hits_and_unpriced_models(gateway: list[Row]) -> None:
    failures = [row for row in gateway if row["status"] == "error"]
    assert len(failures) > 30
    assert all(row["prompt_tokens"] == row["completion_tokens"] == "0" for row in failures)
    answered = {
        (row["cost_session"], row["model"]) for row in gateway if row["status"] == "success"
    }
    assert sum((row["cost_session"], row["model"]) in answered for row in failures) > 20
    assert sum(row["cache_hit"] == "true" for row in gateway) > 40
    calls = {(row["provider"], row["model"], row["call_id"]) for row in gateway}
    for unpriced in UNPRICED:
        assert sum(call[:2] == unpriced for call in calls) == 15


def test_gateway_has_duplicates_updates_late_rows_and_a_shared_call_id(gateway: list[Row]) -> None:
    deliveries: dict[tuple[str, str], list[Row]] = defaultdict(list)
    customers: dict[str, set[str]] = defaultdict(set)
    for row in gateway:
        deliveries[row["customer_id"], row["call_id"]].append(row)
        customers[row["call_id"]].add(row["customer_id"])
    twice = [rows for rows in deliveries.values() if len(rows) == 2]
    identical = [rows for rows in twice if rows[0] == rows[1]]
    grown = [
        (first, last)
        for first, last in twice
        if first["ingested_at"] < last["ingested_at"]
        and int(first["completion_tokens"]) < int(last["completion_tokens"])
    ]
    assert len(identical) == len(grown) == 12
    assert len(identical) + len(grown) == len(twice)
    assert [call for call, names in customers.items() if len(names) == 2] == ["req_shared00001"]
    delays = [(utc(row["started_at"]), utc(row["ingested_at"])) for row in gateway]
    assert sum(arrived - start > timedelta(days=1) for start, arrived in delays) > 20
    assert sum(
        arrived.month > start.month and arrived - start > timedelta(days=1)
        for start, arrived in delays
    ) >= 3  # fmt: skip


def test_gateway_times_cross_midnight_and_are_spelt_in_four_ways(gateway: list[Row]) -> None:
    starts = [row["started_at"] for row in gateway]
    assert any(start.endswith("Z") and "." not in start for start in starts)
    assert any(start.endswith("Z") and "." in start for start in starts)
    assert any(start.endswith("+02:00") for start in starts)
    assert any(" " in start for start in starts)
    # September on the clock of the caller, August in UTC.
    assert any(start.startswith("2026-09-01T00") and "+02:00" in start for start in starts)
    assert all(row["ended_at"] or row["latency_ms"] for row in gateway)
    assert any(not row["ended_at"] for row in gateway)
    assert any(not row["latency_ms"] for row in gateway)
    ends = [(utc(row["started_at"]), utc(row["ended_at"])) for row in gateway if row["ended_at"]]
    assert all(start <= end for start, end in ends)
    assert sum(start.date() < end.date() for start, end in ends) >= 3
    assert any(start.month < end.month for start, end in ends)


def test_gateway_has_exactly_two_faulty_rows(gateway: list[Row]) -> None:
    faulty = [
        row["call_id"]
        for row in gateway
        if int(row["completion_tokens"]) < 0
        or int(row["prompt_tokens"]) < int(row["cached_tokens"]) + int(row["cache_write_tokens"])
        or 0 <= int(row["completion_tokens"]) < int(row["reasoning_tokens"])
    ]
    assert set(faulty) == FAULTY
    assert len(faulty) == 2


def test_gateway_uses_only_models_with_a_list_price_but_two(gateway: list[Row]) -> None:
    with (ROOT / "seeds/pricing/ai_list_prices.csv").open(newline="", encoding="utf-8") as file:
        prices = {
            (
                row["provider"],
                row["model"].removeprefix("azure/"),
                row["meter"],
                row["service_tier"],
                row["processing_mode"],
            )
            for row in csv.DictReader(file)
        }
    unpriced = set()
    for row in gateway:
        if row["status"] == "error" or row["call_id"] in FAULTY:
            continue
        uncached = sum(
            sign * int(row[column])
            for sign, column in (
                (1, "prompt_tokens"),
                (-1, "cached_tokens"),
                (-1, "cache_write_tokens"),
            )
        )
        meters = {
            "input": uncached,
            "output": int(row["completion_tokens"]),
            "cache_read": int(row["cached_tokens"]),
            "cache_write": int(row["cache_write_tokens"]),
        }
        provider = {"bedrock": "aws_bedrock"}.get(row["provider"], row["provider"])
        tier = row["service_tier"] if row["service_tier"] in ("flex", "priority") else "standard"
        mode = row["processing_mode"] or "realtime"
        for meter, tokens in meters.items():
            if tokens and (provider, row["model"], meter, tier, mode) not in prices:
                unpriced.add((provider, row["model"]))
    assert unpriced == UNPRICED


def test_litellm_has_the_shapes_of_its_spend_logs(litellm: list[Row]) -> None:
    assert 250 <= len(litellm) <= 350
    assert {row["organization_id"] for row in litellm} == {"", "org-initech"}
    assert {row["team_id"] for row in litellm} == {"team-payments", "team-cx", "team-ds"}
    assert {row["startTime"][:7] for row in litellm} == {"2026-08", "2026-09", "2026-10"}
    metadata = [json.loads(row["metadata"]) for row in litellm]
    assert all(isinstance(json.loads(row["request_tags"]), list) for row in litellm)
    assert all(extra["user_api_key_team_alias"] for extra in metadata)
    usages = [extra.get("usage_object") or {} for extra in metadata]
    assert any("server_tool_use" in usage for usage in usages)
    writes = [usage.get("prompt_tokens_details", {}) for usage in usages]
    details = [write.get("cache_creation_token_details", {}) for write in writes]
    assert any(detail.get("ephemeral_5m_input_tokens") for detail in details)
    assert any(detail.get("ephemeral_1h_input_tokens") for detail in details)
    old = [
        write
        for write in writes
        if write.get("cache_creation_tokens") and "cache_creation_token_details" not in write
    ]
    assert len(old) == 1
    tiers = {(extra.get("cost_breakdown") or {}).get("service_tier") for extra in metadata}
    assert tiers == {None, "flex", "priority"}


def test_litellm_has_its_special_rows(litellm: list[Row]) -> None:
    by_id = {row["request_id"]: row for row in litellm}
    assert len(litellm) - len(by_id) == 8
    hits = [row for row in by_id.values() if "_cache_hit" in row["request_id"]]
    assert len(hits) >= 10
    assert all(row["cache_hit"] == "True" and row["spend"] == "0.0" for row in hits)
    assert sum(row["status"] == "failure" for row in by_id.values()) >= 10
    settled = [name for name in by_id if name.endswith("_batch_cost")]
    assert len(settled) >= 5
    for name in settled:
        created = by_id[name.removesuffix("_batch_cost")]
        assert created["call_type"] == "acreate_batch"
        assert created["startTime"] < by_id[name]["startTime"]
    capacity = [row for row in by_id.values() if row["model_group"] == "gpt-4o-ptu"]
    assert len(capacity) >= 10
    assert all(row["custom_llm_provider"] == "azure" for row in capacity)
    assert all(row["spend"] == "0.0" for row in capacity)
    spilled = [row for row in by_id.values() if "azure_spillover" in row["metadata"]]
    assert [(row["model"], row["spend"] != "0.0") for row in spilled] == [("gpt-5", True)]


def test_litellm_spend_follows_the_list_prices() -> None:
    generator = runpy.run_path(str(ROOT / "scripts" / "generate_sample.py"))
    usage = generator["Usage"](8_150, 910, write_5m=6_000)
    rates = generator["RATES"]["anthropic", "claude-sonnet-5", ""]
    total = generator["cost_breakdown"](usage, rates, "")["total_cost"]
    # 2,150 x 2 + 6,000 x 2.5 + 910 x 10 millionths
    assert total == pytest.approx(0.0284, abs=1e-12)


def test_usage_reports_tell_of_a_company_that_grows_and_of_one_bad_day() -> None:
    rows = [row for row in read("raw_provider_usage.csv") if row["account_id"] != "org-umbra"]
    assert len({row["department"] for row in rows}) == 6
    tokens: dict[tuple[str, str], int] = defaultdict(int)
    for row in rows:
        tokens[row["department"], row["bucket_start"]] += int(row["quantity"])
    by_month: dict[str, int] = defaultdict(int)
    for (_, day), count in tokens.items():
        by_month[day[:7]] += count
    assert by_month["2026-08"] < by_month["2026-09"] < by_month["2026-10"]
    research = {day: count for (name, day), count in tokens.items() if name == "Research"}
    bad_day = research.pop("2026-10-14")
    assert bad_day > 5 * max(research.values())
    assert min(day for name, day in tokens if name == "Legal") == "2026-09-01"
    desk = [row for row in rows if row["department"] == "Customer Support"]
    assert {row["model"] for row in desk if row["bucket_start"] < "2026-09-21"} == {"gpt-5.5"}
    assert {row["model"] for row in desk if row["bucket_start"] >= "2026-09-21"} == {"gpt-5.4"}
