"""Rows of LiteLLM's spend log as its proxy writes them: odd ones, free ones and large ones."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from conftest import focus_export, rows_of

# 1,000 x 0.25 and 100 x 2 USD per million tokens
COST = Decimal("0.00045")
# LiteLLM repeats the model's whole price entry in every row
PRICE_ENTRY = {f"price_of_{number}_per_token": number / 10**6 for number in range(300)}
LARGE_ROWS = 1_500


def row(request_id: str, **fields: Any) -> dict[str, Any]:
    return {
        "request_id": request_id,
        "call_type": "acompletion",
        "startTime": "2026-11-23T09:00:00.120000Z",
        "endTime": "2026-11-23T09:00:03.480000Z",
        "model": "gpt-5-mini",
        "custom_llm_provider": "openai",
        "prompt_tokens": 1000,
        "completion_tokens": 100,
        "spend": 0.00045,
        "status": "success",
        "metadata": {"usage_object": {"prompt_tokens": 1000, "completion_tokens": 100}},
    } | fields


NOTHING = {"prompt_tokens": 0, "completion_tokens": 0, "spend": 0, "metadata": {"usage_object": {}}}
PRICED = [
    row("plain"),
    row("team without id", metadata={"user_api_key_team_alias": "Payments"}, team_id=""),
    row("tag that is no JSON", request_tags="['app:checkout']"),
    row("end before start", endTime="2026-11-23T09:00:00.119500Z", request_duration_ms=0),
]
# a call that failed has an estimate of its prompt's tokens, and nothing to pay
FREE = [
    row(
        "refused",
        status="failure",
        spend=0,
        completion_tokens=0,
        metadata={
            "usage_object": {},
            "additional_usage_values": {"prompt_tokens_details": None},
        },
    ),
]
WITHOUT_MODEL = [
    row("upload", call_type="acreate_file", model="", custom_llm_provider="", **NOTHING),
    row("tool list", call_type="list_mcp_tools", model="", status="failure", **NOTHING),
]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("litellm_rows")
    raw = folder / "raw" / "litellm"
    raw.mkdir(parents=True)
    held = row("no model", model="", model_group="gpt-5-mini")
    large = [
        row(
            f"large-{number}",
            metadata={
                "usage_object": {"prompt_tokens_details": {"cached_tokens": 0}},
                "model_map_information": {"model_map_value": PRICE_ENTRY},
            },
        )
        for number in range(LARGE_ROWS)
    ]
    assert len(json.dumps(large[0])) > 10_000
    for name, rows in {
        "day": [*PRICED, *FREE, held],
        "night": WITHOUT_MODEL,
        "large": large,
    }.items():
        text = "".join(json.dumps(one) + "\n" for one in rows)
        (raw / f"{name}.jsonl").write_text(text, encoding="utf-8")
    result = focus_export("build", "--raw-dir", raw.parent, "--home", folder, "--quiet")
    assert result.returncode == 0, result.stderr
    assert "rejected" not in result.stderr
    return folder / "ai_focus.duckdb"


def test_a_small_thing_costs_no_call(database: Path) -> None:
    costs = dict(rows_of(database, "select call_id, billed_cost from ai_calls"))
    assert {costs[it["request_id"]] for it in PRICED} == {COST}
    query = "select distinct SubAccountId, SubAccountName from focus_cost_and_usage"
    assert rows_of(database, query) == [(None, None)]


def test_what_costs_nothing_is_free_and_no_fault(database: Path) -> None:
    query = "select call_id, billed_cost, hold_reason, total_tokens from ai_calls"
    calls = {call: rest for call, *rest in rows_of(database, query)}
    for free in (*FREE, *WITHOUT_MODEL):
        assert calls[free["request_id"]] == [0, None, 0]
    assert rows_of(database, "from rejected_rows") == []


def test_usage_without_a_model_is_held_back_and_counted(database: Path) -> None:
    query = "select distinct call_id, call_hold_reason from quarantined_usage"
    assert rows_of(database, query) == [("no model", "unknown_model")]
    ((calls, priced),) = rows_of(database, "select sum(calls), sum(priced_calls) from coverage")
    assert (calls, priced) == (len(PRICED) + LARGE_ROWS + 1, len(PRICED) + LARGE_ROWS)


def test_large_rows_fit_into_the_default_memory(database: Path) -> None:
    query = "select count(*), sum(billed_cost) from ai_calls where call_id like 'large-%'"
    assert rows_of(database, query) == [(LARGE_ROWS, LARGE_ROWS * COST)]
