"""What a log holds beside usage (prompts, answers, keys) reaches no table, file, message or log.

And a number that no meter counts is named, by its field alone.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from conftest import focus_export, rows_of

CANARY = "kestrel-4711-nests"
PROMPT = f'She said "{CANARY}", then: {{"tokens": 7, "{CANARY}": 8}}'
PAYLOAD: dict[str, Any] = {
    "text": PROMPT,
    "list": [PROMPT, {"content": PROMPT, PROMPT: PROMPT}],
    "as JSON text": json.dumps({"content": PROMPT}),
}
SPEND_LOG = {
    "request_id": "planted",
    "call_type": "acompletion",
    "startTime": "2026-11-23T09:00:00.120000Z",
    "endTime": "2026-11-23T09:00:03.480000Z",
    "model": "gpt-5-mini",
    "custom_llm_provider": "openai",
    "prompt_tokens": 1000,
    "completion_tokens": 100,
    "spend": 0.00045,
    "status": "success",
    "api_key": CANARY,
    "cache_key": CANARY,
    "requester_ip_address": CANARY,
    "messages": PAYLOAD,
    "response": PAYLOAD,
    "proxy_server_request": PAYLOAD,
    CANARY: PROMPT,
    "metadata": {
        "user_api_key": CANARY,
        "user_api_key_auth_metadata": PAYLOAD,
        "requester_metadata": PAYLOAD,
        "requester_ip_address": CANARY,
        "requester_custom_headers": PAYLOAD,
        "proxy_server_request": PAYLOAD,
        "error_information": PAYLOAD,
        "guardrail_information": [PAYLOAD],
        "mcp_tool_call_metadata": PAYLOAD,
        "vector_store_request_metadata": [PAYLOAD],
        "applied_guardrails": [PROMPT],
        "model_map_information": {"model_map_value": PAYLOAD},
        CANARY: PAYLOAD,
        "usage_object": {
            "prompt_tokens": 1000,
            "holograms": 3,
            "said": PROMPT,
            "more": [PROMPT, PAYLOAD, 4],
            PROMPT: 5,
        },
        "additional_usage_values": {"said": PROMPT, "nested": {"glyphs": 2, "of": PAYLOAD}},
        "cost_breakdown": {"input_cost": 0.00025, "said": PROMPT},
    },
}
GATEWAY = {
    "call_id": "planted",
    "provider": "openai",
    "model": "gpt-5-mini",
    "started_at": "2026-11-23T09:00:00Z",
    "latency_ms": "900",
    "prompt_tokens": "1000",
    "completion_tokens": "100",
    "prompt": PROMPT,
    "api_key": CANARY,
    CANARY: PROMPT,
    "headers": json.dumps({"Authorization": CANARY, "X-Prompt": PROMPT}),
}


Built = tuple[Path, subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("payloads")
    raw = folder / "raw"
    for source, record in {"litellm": SPEND_LOG, "gateway": GATEWAY}.items():
        lines = [
            json.dumps(record),
            # cut within the prompt, as a full disk leaves it
            json.dumps({**record, "broken": PROMPT})[:-20],
            json.dumps([PROMPT]),
            PROMPT,
        ]
        (raw / source).mkdir(parents=True)
        (raw / source / "day.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    names = [name for name in GATEWAY if name not in ("headers", CANARY)]
    values = [GATEWAY[name].replace('"', '""') for name in names]
    good = ",".join(f'"{value}"' for value in ["in a table", *values[1:]])
    broken = [f'"{PROMPT}', f'x,"{PROMPT}",{CANARY},{CANARY}', CANARY]
    text = "\n".join([",".join(names), good, *broken]) + "\n"
    (raw / "gateway" / "table.csv").write_text(text, encoding="utf-8")
    result = focus_export("run", "--home", folder / "home", "--raw-dir", raw, "-v", timeout=600)
    assert result.returncode == 0, result.stderr
    return folder / "home", result


def test_payloads_reach_no_table_file_message_or_log(built: Built) -> None:
    home, result = built
    assert CANARY not in result.stdout + result.stderr
    database = home / "ai_focus.duckdb"
    tables = rows_of(
        database, "select schema_name, table_name from duckdb_tables() where not internal"
    )
    tables += rows_of(
        database, "select schema_name, view_name from duckdb_views() where not internal"
    )
    assert len(tables) > 50
    holding = [
        name
        for schema, name in tables
        if rows_of(
            database,
            f'select 1 from "{schema}"."{name}" as found'
            " where contains(cast(found as varchar), ?) limit 1",
            [CANARY],
        )
    ]
    assert holding == []
    files = [path for path in home.rglob("*") if path.is_file() and path.suffix != ".duckdb"]
    assert [path.name for path in files if CANARY.encode() in path.read_bytes()] == []
    assert {"exports", "logs"} <= {path.relative_to(home).parts[0] for path in files}


def test_a_number_that_nothing_reads_is_named_in_the_summary(built: Built) -> None:
    home, result = built
    assert (
        "Numbers in the log that nothing here reads: "
        "additional_usage_values.nested.glyphs (1 call), "
        "usage_object.? (1 call), usage_object.holograms (1 call), usage_object.more (1 call); "
        "see the table ai_usage_findings."
    ) in " ".join(result.stdout.split())
    query = "select hold_reason, billed_cost from ai_calls where source_name = 'litellm'"
    ((reason, cost),) = rows_of(home / "ai_focus.duckdb", query)
    assert reason is None
    assert f"{cost.normalize():f}" == "0.00045"
