"""Rows of LiteLLM's spend log as its proxy writes them, in one build at the default memory limit.

Odd ones, free ones and large ones; cases of which the right cost was worked out by hand; and what
LiteLLM's own code wrote of 440 calls, with what is right of each (tests/data).
"""

from __future__ import annotations

import csv
import json
import shutil
from collections import Counter
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
# as Windows' PowerShell writes what it is told to put into a file
WIDE = """\
request_id,startTime,endTime,model,custom_llm_provider,prompt_tokens,completion_tokens,spend,metadata
p25/u1,2026-11-23 09:00:00,2026-11-23 09:00:02,gpt-5-mini,openai,1000,100,0.00045,{}
"""
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
    (raw / "wide.csv").write_bytes(WIDE.replace("\n", "\r\n").encode("utf-16"))
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


# what may be held of LiteLLM's 440 rows where its own cost is right: tiers that have no price, a
# deployment whose model nothing tells, answers without any usage
HELD = {
    "tier priority": "no_price_for_meter",
    "responses flex": "no_price_for_meter",
    "azure deployment, no base_model (litellm takes response model)": "unknown_model",
    "embedding zero usage": "usage_missing",
    "zero usage": "usage_missing",
}
# priced otherwise than `right_is` says, and said to be: nothing but the region's price tells it
OTHERWISE = {
    "haiku region us-gov-west-1": {"region_not_told"},
}


def judge_rows(database: Path, expected: Iterable[dict[str, str]]) -> Counter[tuple[str, str]]:
    """Count LiteLLM's real rows by the class that `right_is` names and what became of them.

    `right`, `held`, `said` (priced otherwise, with the one reason that fits in
    ai_cost_comparison), or what is wrong.
    """
    found = costs(database)
    reasons = dict(
        rows_of(database, "select call_id, reason from ai_cost_comparison where is_different")
    )
    judged: Counter[tuple[str, str]] = Counter()
    for row in expected:
        call, kind, spend = row["request_id"], row["right_is"], Decimal(row["spend"])
        cost, hold_reason = found[call]
        reason = reasons.get(call)
        if hold_reason is not None:
            may_be_held = (
                HELD.get(row["what"]) == hold_reason
                if kind == "spend"
                else kind in ("no_price", "not_free") and hold_reason == "unknown_model"
            )
            result = "held" if may_be_held else f"{call} is held, {hold_reason}"
        else:
            assert cost is not None
            is_equal = abs(cost - spend) <= A_BILLIONTH
            match kind:
                case "spend" | "response_cache":
                    is_right, is_said = is_equal, reason in OTHERWISE.get(row["what"], ())
                case "no_price" | "not_free":
                    is_right, is_said = cost > 0 and reason == "no_price_at_source", False
                case "own_price":
                    is_right, is_said = is_equal, reason == "own_price"
                case "region_untold":
                    is_right, is_said = is_equal, reason == "region_not_told"
                case "spend_wrong":
                    # three searches at 10 USD a thousand beside LiteLLM's tokens
                    is_right, is_said = cost == spend + Decimal("0.03"), False
                case "reviewed" | "undecided":
                    is_right, is_said = is_equal, reason is not None
                case other:
                    raise AssertionError(other)
            result = "right" if is_right else "said" if is_said else f"{call}: {cost} for {spend}"
            if (reason is not None) == is_equal:
                result = f"{call}: {cost} for {spend} compared as {reason}"
        judged[kind, result] += 1
    return judged


def test_of_the_real_rows_none_is_wrong_and_few_are_held(database: Path) -> None:
    expected = read_csv(DATA / "litellm_real" / "expected.csv")
    judged = judge_rows(database, expected)
    assert judged == {
        ("spend", "right"): 393,
        ("spend", "said"): 1,
        ("spend", "held"): 7,
        ("response_cache", "right"): 3,
        ("no_price", "right"): 18,
        ("no_price", "held"): 3,
        ("not_free", "right"): 1,
        ("not_free", "held"): 1,
        ("own_price", "said"): 1,
        ("region_untold", "said"): 2,
        ("spend_wrong", "right"): 1,
        ("reviewed", "said"): 3,
        ("undecided", "right"): 1,
        ("undecided", "said"): 5,
    }
    assert judged.total() == 440
    assert judged["spend", "held"] <= 440 * 0.02
    ids = {row["request_id"] for row in expected}
    assert ids == ids & costs(database).keys()


def test_a_wrong_cost_would_be_seen(database: Path) -> None:
    expected = read_csv(DATA / "litellm_real" / "expected.csv")
    altered = [
        {**row, "spend": str(Decimal(row["spend"]) + Decimal("0.00001"))}
        for row in expected
        if row["right_is"] == "spend" and row["what"] not in HELD | OTHERWISE
    ]
    judged = judge_rows(database, altered)
    assert not {result for _, result in judged} & {"right", "said", "held"}
    assert judged.total() > 350


def test_whom_a_call_is_charged_back_to_is_kept(database: Path) -> None:
    query = (
        "select end_user_id, agent_id, key_alias, project_id from ai_calls"
        " where call_id like 'p27/%' order by call_id"
    )
    assert rows_of(database, query) == [
        ("customer-aa", "agent-1", "key-blue", "proj-x"),
        ("customer-bb", "agent-2", "key-red", "proj-y"),
    ]


def test_a_call_of_which_nothing_is_counted_costs_what_the_log_states(database: Path) -> None:
    query = (
        "select SkuMeter, ListCost, x_CostBasis from focus_cost_and_usage"
        " where x_CallId = 'r' and SkuMeter is not null"
    )
    stated = ("Call Cost as the Source States It", Decimal("0.004"), "stated")
    assert rows_of(database, query) == [stated]


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
