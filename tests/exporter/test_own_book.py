"""Tables of one's own beside the price book: names of models, inference profiles, factors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pipeline import Pipeline
from priced_calls import PRICED_MODELS
from test_allocation import Row, write

PROFILE = "arn:aws:bedrock:us-gov-west-1:123456789012:application-inference-profile/"


def call(call_id: str, provider: str, model: str, day: str, **fields: str) -> Row:
    """A call of 1,000 tokens in and none out."""
    return {
        "call_id": call_id,
        "provider": provider,
        "model": model,
        "started_at": f"{day}T10:00:00Z",
        "latency_ms": "1000",
        "prompt_tokens": "1000",
        "completion_tokens": "0",
        "service_tier": "",
        "region": "",
        **fields,
    }


def litellm_row(request_id: str, provider: str, model: str, day: str, spend: str) -> Row:
    """The same in LiteLLM's log."""
    return {
        "request_id": request_id,
        "call_type": "acompletion",
        "startTime": f"{day}T10:00:00Z",
        "endTime": f"{day}T10:00:01Z",
        "model": model,
        "custom_llm_provider": provider,
        "prompt_tokens": "1000",
        "completion_tokens": "0",
        "spend": spend,
        "status": "success",
        "metadata": json.dumps({"usage_object": {"prompt_tokens": 1000}}),
    }


def built(folder: Path, tables: dict[str, list[Row]]) -> Pipeline:
    """Build what stands in raw tables, each one file."""
    for table, rows in tables.items():
        columns = dict.fromkeys((column for row in rows for column in row), "")
        write(folder / "raw" / table / "rows.csv", [columns | row for row in rows])
    return Pipeline(folder / "raw", folder / "build", select=PRICED_MODELS)


def charged(pipeline: Pipeline) -> list[Any]:
    """Month, call, model, region and cost of each charge."""
    return pipeline.connection.execute(
        "select strftime(BillingPeriodStart, '%Y-%m'), x_CallId, x_ModelId, RegionId, "
        "cast(BilledCost as double) from focus_cost_and_usage_v1_4 order by all"
    ).fetchall()


def test_names_of_ones_own_lead_to_models_by_their_days(tmp_path: Path) -> None:
    """A name that moves, one that the book has for another model, and one with a star."""
    pipeline = built(
        tmp_path,
        {
            "gateway": [
                call("1", "openai", "prod-latest", "2026-09-30"),
                call("2", "openai", "Prod-Latest", "2026-10-01"),
                call("3", "azure", "gpt-4.1", "2026-09-01"),
                call("4", "openai", "team-a-chat", "2026-09-01"),
                call("5", "openai", "openai/prod-latest", "2026-09-01"),
            ],
            "model_aliases": [
                {"provider": "openai", "alias": "prod-latest", "model": "gpt-5"},
                {
                    "provider": "OpenAI",
                    "alias": "prod-latest",
                    "model": "gpt-5-mini",
                    "valid_from": "2026-10-01",
                },
                {"provider": "azure", "alias": "GPT-4.1", "model": "gpt-5-mini"},
                {"provider": "openai", "alias": "team-a-*", "model": "gpt-5-mini-2025-08-07"},
                {"provider": "openai", "alias": "lost", "model": "gpt-99"},
            ],
        },
    )
    found = charged(pipeline)
    faults = pipeline.connection.execute(
        "select raw_table, record_key, field from ai_unreadable_records"
    ).fetchall()
    pipeline.close()
    # 1.25 and 0.25 USD per million tokens
    assert found == [
        ("2026-09", "1", "gpt-5", None, 0.00125),
        ("2026-09", "3", "gpt-5-mini", None, 0.00025),
        ("2026-09", "4", "gpt-5-mini", None, 0.00025),
        ("2026-09", "5", "gpt-5", None, 0.00125),
        ("2026-10", "2", "gpt-5-mini", None, 0.00025),
    ]
    assert faults == [("model_aliases", "lost", "model")]


def test_an_inference_profile_has_its_model_and_its_region(tmp_path: Path) -> None:
    """By ARN or id, in a row of LiteLLM or of a gateway; one that nobody knows is held."""
    pipeline = built(
        tmp_path,
        {
            "litellm": [
                litellm_row(
                    "litellm", "bedrock", f"bedrock/converse/{PROFILE}Abc1", "2026-09-05", "0.00096"
                )
            ],
            "gateway": [
                call("arn", "bedrock", f"{PROFILE}abc1", "2026-09-05"),
                call("id", "aws_bedrock", "abc1", "2026-09-05"),
                call("east", "bedrock", f"{PROFILE}abc2", "2026-09-05"),
                call("unknown", "bedrock", f"{PROFILE}abc3", "2026-09-05"),
            ],
            "inference_profiles": [
                {"inference_profile": f"{PROFILE}abc1", "model": "amazon.nova-pro-v1:0"},
                {
                    "inference_profile": "abc2",
                    "model": "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-pro-v1:0",
                    "region_id": "us-east-1",
                },
            ],
        },
    )
    found = charged(pipeline)
    held = pipeline.connection.execute("select hold_reason from int_held_calls").fetchall()
    pipeline.close()
    nova = "amazon.nova-pro-v1:0"
    # 0.96 USD per million in us-gov-west-1, 0.8 in us-east-1
    assert found == [
        ("2026-09", "arn", nova, "us-gov-west-1", 0.00096),
        ("2026-09", "east", nova, "us-east-1", 0.0008),
        ("2026-09", "id", nova, "us-gov-west-1", 0.00096),
        ("2026-09", "litellm", nova, "us-gov-west-1", 0.00096),
    ]
    assert held == [("unknown_model",)]


def test_a_factor_of_ones_own_goes_before_the_books(tmp_path: Path) -> None:
    """The book has 1.1 for gpt-5.4 in eu; from October on somebody's own says 1.25."""
    pipeline = built(
        tmp_path,
        {
            "gateway": [
                call("1", "openai", "gpt-5.4", "2026-09-30", region="eu"),
                call("2", "openai", "gpt-5.4", "2026-10-01", region="eu"),
                call("3", "openai", "gpt-5.4", "2026-10-01"),
                call("4", "openai", "gpt-5", "2026-09-01", service_tier="special"),
            ],
            "price_multipliers": [
                {
                    "provider": "openai",
                    "model": "gpt-5.4",
                    "factor": "1.25",
                    "region_id": "eu",
                    "valid_from": "2026-10-01",
                },
                {"provider": "openai", "model": "gpt-5", "factor": "3", "service_tier": "Special"},
                {"provider": "openai", "model": "gpt-5", "factor": "three", "region_id": "eu"},
            ],
        },
    )
    found = [(call_id, cost) for _, call_id, _, _, cost in charged(pipeline)]
    faults = pipeline.connection.execute(
        "select raw_table, record_key, field from ai_unreadable_records"
    ).fetchall()
    pipeline.close()
    # 2.5 and 1.25 USD per million tokens
    assert found == [("1", 0.00275), ("4", 0.00375), ("2", 0.003125), ("3", 0.0025)]
    assert faults == [("price_multipliers", "openai/gpt-5", "factor")]


@pytest.mark.parametrize("recorded_at", ["2026-09-15T00:00:00Z", ""])
def test_a_name_that_is_recorded_after_a_closing_moves_cost_in_the_open_month(
    tmp_path: Path, recorded_at: str
) -> None:
    """August is closed with the model's own price; without a date the name is refused."""
    pipeline = built(
        tmp_path,
        {
            "gateway": [call("1", "openai", "gpt-5", "2026-08-05")],
            "billing_periods": [
                {"issuer": "openai", "billing_period": "2026-08", "closed_at": "2026-09-03"}
            ],
            "model_aliases": [
                {
                    "provider": "openai",
                    "alias": "gpt-5",
                    "model": "gpt-5-mini",
                    "recorded_at": recorded_at,
                }
            ],
        },
    )
    found = charged(pipeline)
    faults = pipeline.connection.execute("select field from ai_unreadable_records").fetchall()
    pipeline.close()
    as_closed = ("2026-08", "1", "gpt-5", None, 0.00125)
    if recorded_at:
        assert found == [
            as_closed,
            ("2026-09", "1", "gpt-5", None, -0.00125),
            ("2026-09", "1", "gpt-5-mini", None, 0.00025),
        ]
        assert not faults
    else:
        assert found == [as_closed]
        assert faults == [("recorded_at",)]


@pytest.mark.parametrize("recorded_at", ["2026-09-15T00:00:00Z", ""])
def test_a_basis_that_is_recorded_after_a_closing_moves_cost_in_the_open_month(
    tmp_path: Path, recorded_at: str
) -> None:
    """August is closed by the list; from September 15 on the log's own cost is known to count.

    What is shipped says so of OpenRouter in LiteLLM's log, and not in another one; somebody's own
    row says the contrary. A log that states nothing leaves its call to the list.
    """
    pipeline = built(
        tmp_path,
        {
            "gateway": [
                call("1", "openai", "gpt-5", "2026-08-05", source_cost="0.002"),
                call("2", "openai", "gpt-5", "2026-10-05", source_cost="0.002"),
                call("3", "openai", "gpt-5", "2026-10-05"),
                call("4", "openrouter", "openai/gpt-5", "2026-10-05", source_cost="0.002"),
            ],
            "litellm": [
                litellm_row("5", "openrouter", "openrouter/openai/gpt-5", "2026-10-05", "0.002"),
                litellm_row("6", "openrouter", "openrouter/openai/gpt-5", "2026-11-05", "0.002"),
                litellm_row("7", "perplexity", "perplexity/sonar-pro", "2026-10-05", "0.007"),
                litellm_row("8", "perplexity", "perplexity/sonar-pro", "2026-10-05", "0"),
            ],
            "billing_periods": [
                {"issuer": "openai", "billing_period": "2026-08", "closed_at": "2026-09-03"}
            ],
            "cost_bases": [
                {"provider": "Openai", "cost_basis": "Stated", "recorded_at": recorded_at},
                {"provider": "openrouter", "cost_basis": "list", "valid_from": "2026-11-01"},
            ],
        },
    )
    found = [(month, call_id, cost) for month, call_id, _, _, cost in charged(pipeline)]
    faults = pipeline.connection.execute(
        "select record_key, field from ai_unreadable_records"
    ).fetchall()
    held = pipeline.connection.execute(
        "select call_id, hold_reason from ai_calls where hold_reason is not null"
    ).fetchall()
    pipeline.close()
    # of a model that has no price, and no cost in the log
    assert held == [("8", "no_price_for_meter")]
    as_closed = ("2026-08", "1", 0.00125)
    routed = [
        ("2026-10", "4", 0.00125),
        ("2026-10", "5", 0.002),
        ("2026-10", "7", 0.007),
        ("2026-11", "6", 0.00125),
    ]
    if recorded_at:
        assert found == [
            as_closed,
            ("2026-09", "1", -0.00125),
            ("2026-09", "1", 0.002),
            ("2026-10", "2", 0.002),
            ("2026-10", "3", 0.00125),
            *routed,
        ]
        assert not faults
    else:
        assert found == [as_closed, ("2026-10", "2", 0.00125), ("2026-10", "3", 0.00125), *routed]
        assert faults == [("Openai", "recorded_at")]
