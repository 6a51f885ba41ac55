"""Rows of LiteLLM's spend log as its proxy writes them, in one build at the default memory limit.

Odd ones, free ones and large ones; cases of which the right cost was worked out by hand; and what
LiteLLM's own code wrote of 440 calls, with what is right of each (tests/data).
"""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterable
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
# a line may have 64 MB
LARGEST = 63 * 2**20
DATA = Path(__file__).parents[1] / "data"
A_BILLIONTH = Decimal("1e-9")


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
    large.append(row("largest", metadata={"usage_object": {}, "answer": "x" * LARGEST}))
    for name, rows in {
        "day": [*PRICED, *FREE, held],
        "night": WITHOUT_MODEL,
        "large": large,
    }.items():
        text = "".join(json.dumps(one) + "\n" for one in rows)
        (raw / f"{name}.jsonl").write_text(text, encoding="utf-8")
    for file in [*(DATA / "litellm_cases" / "raw").iterdir(), *DATA.glob("litellm_real/*.gz")]:
        shutil.copy(file, raw)
    result = focus_export("build", "--raw-dir", raw.parent, "--home", folder, "--quiet")
    assert result.returncode == 0, result.stderr
    assert "rejected" not in result.stderr
    return folder / "ai_focus.duckdb"


def test_a_small_thing_costs_no_call(database: Path) -> None:
    found = costs(database)
    assert {found[it["request_id"]] for it in PRICED} == {(COST, None)}
    query = (
        "select SubAccountId, SubAccountName from focus_cost_and_usage"
        " where x_CallId = 'team without id'"
    )
    assert set(rows_of(database, query)) == {(None, None)}


def test_what_costs_nothing_is_free_and_no_fault(database: Path) -> None:
    query = "select call_id, billed_cost, hold_reason, total_tokens from ai_calls"
    calls = {call: rest for call, *rest in rows_of(database, query)}
    for free in (*FREE, *WITHOUT_MODEL):
        assert calls[free["request_id"]] == [0, None, 0]
    assert rows_of(database, "from ai_unreadable_records") == []


def test_usage_without_a_model_is_held_back_and_counted(database: Path) -> None:
    query = "select call_hold_reason from ai_unpriced_usage where call_id = 'no model'"
    assert set(rows_of(database, query)) == {("unknown_model",)}
    ((calls, priced, unreadable),) = rows_of(
        database, "select sum(calls), sum(priced_calls), sum(unreadable_records) from ai_coverage"
    )
    query = "select count(*), count(*) filter (hold_reason is null) from ai_calls where is_billable"
    assert rows_of(database, query) == [(calls, priced)]
    assert calls > priced > LARGE_ROWS
    assert unreadable == 0


def test_large_rows_fit_into_the_default_memory(database: Path) -> None:
    query = "select count(*), sum(billed_cost) from ai_calls where call_id like 'large%'"
    assert rows_of(database, query) == [(LARGE_ROWS + 1, (LARGE_ROWS + 1) * COST)]


def costs(database: Path) -> dict[str, tuple[Decimal | None, str | None]]:
    """Give call id -> cost and hold reason."""
    query = "select call_id, billed_cost, hold_reason from ai_calls"
    return {call: (cost, reason) for call, cost, reason in rows_of(database, query)}


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_case_costs_what_is_right_or_is_held_back(database: Path) -> None:
    found = costs(database)
    for case in read_csv(DATA / "litellm_cases" / "expected.csv"):
        cost = Decimal(case["cost"]) if case["cost"] else None
        assert found[case["request_id"]] == (cost, case["hold_reason"] or None), case["request_id"]


def test_null_markers_are_no_account_and_no_team(database: Path) -> None:
    query = (
        "select call_id, billing_account_id, sub_account_id from ai_calls"
        " where call_id in ('n1', 'n2') order by 1"
    )
    assert rows_of(database, query) == [("n1", "default", None), ("n2", "default", None)]


def wrong_rows(database: Path, expected: Iterable[dict[str, str]]) -> list[str]:
    """Give what is wrong of LiteLLM's real rows, by the class that `right_is` names.

    A call may always be held back. Where LiteLLM's own cost is not the right one, the call is
    priced by the book and its cost stands in ai_cost_comparison beside LiteLLM's.
    """
    found = costs(database)
    differing = {
        call
        for (call,) in rows_of(
            database,
            "select call_id from ai_cost_comparison where is_different",
        )
    }
    assumed = {
        call
        for (call,) in rows_of(
            database,
            "select x_CallId from focus_cost_and_usage where x_PriceRule in ('region_assumed')",
        )
    }
    wrong = []
    for row in expected:
        call, spend = row["request_id"], Decimal(row["spend"])
        cost, reason = found[call]
        if reason is not None:
            continue
        assert cost is not None
        is_equal = abs(cost - spend) <= A_BILLIONTH
        match row["right_is"]:
            case "spend" | "response_cache":
                # some rows of a region that nothing in them tells are in this class too
                is_right = is_equal or (call in assumed and call in differing)
                # OpenRouter says what it charged: the list price stands beside it
                is_right = is_right or (row["provider"] == "openrouter" and call in differing)
            case "not_free":
                is_right = cost > 0
            case "no_price":
                is_right = cost > 0 and call in differing
            case "region_untold":
                is_right = is_equal or call in assumed
            case "own_price" | "spend_wrong" | "reviewed" | "undecided":
                is_right = is_equal or call in differing
            case other:
                raise AssertionError(other)
        if not is_right or (call in differing) == is_equal:
            wrong.append(f"{call}: {cost} for {spend}, {row['right_is']}")
    return wrong


def test_no_real_row_is_wrong(database: Path) -> None:
    expected = read_csv(DATA / "litellm_real" / "expected.csv")
    assert wrong_rows(database, expected) == []
    found = costs(database)
    priced = [row for row in expected if found[row["request_id"]][1] is None]
    assert len(expected) == 440
    # nothing is right by being held back, if it could be priced
    assert len(priced) >= 380


def test_a_wrong_cost_would_be_seen(database: Path) -> None:
    expected = read_csv(DATA / "litellm_real" / "expected.csv")
    found = costs(database)
    altered = [
        {**row, "spend": str(Decimal(row["spend"]) + Decimal("0.00001"))}
        for row in expected
        if row["right_is"] == "spend"
        and row["provider"] != "openrouter"
        and row["what"] != "haiku region us-gov-west-1"
        and found[row["request_id"]][1] is None
    ]
    assert len(wrong_rows(database, altered)) == len(altered) > 350


def test_a_cost_that_differs_from_the_logs_stands_with_both(database: Path) -> None:
    query = (
        "select call_id, computed_cost, stated_cost from ai_cost_comparison"
        " where is_different and call_id like 'l22/%'"
    )
    ((_, list_cost, source_cost),) = rows_of(database, query)
    # 3,500 prompt tokens as uncached input; LiteLLM knew which of them were cached
    assert (list_cost, source_cost) == (Decimal("0.01"), Decimal("0.0069"))
    ((compared, differing),) = rows_of(
        database, "select sum(compared_calls), sum(differing_calls) from ai_coverage"
    )
    query = "select count(*) from ai_cost_comparison where is_different"
    assert rows_of(database, query) == [(differing,)]
    assert compared > differing > 0


def test_every_meter_is_repriced_at_the_models_own_list_cost(database: Path) -> None:
    own = "from ai_repriced_usage where other_provider = provider and other_model = model"
    query = f"select * {own} and repriced_list_cost is distinct from list_cost"
    assert rows_of(database, query) == []
    used = {
        meter
        for (meters,) in rows_of(database, f"select meters {own}")
        for meter in meters.split(", ")
    }
    assert used >= {"cache_read_audio", "cache_read_image", "grounded_prompt", "input_image"}
