"""`focus-export load` on a target whose raw tables can't be made; tests/warehouse loads."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from conftest import assert_one_sentence, focus_export
from shared import whole_from

from exporter.project import load_project

TABLES = [table.name for table in load_project().raw_tables()]
CALLS = (
    "call_id,provider,model,started_at,latency_ms,prompt_tokens,completion_tokens\n"
    "c-1,openai,gpt-5-mini,2026-11-02T09:30:00+01:00,840,2000,500\n"
)


def load(
    checkout: Path, folder: Path, database: Path, *arguments: str
) -> subprocess.CompletedProcess[str]:
    """Load a call into a target of the user's own, which dbt reaches as it does a warehouse."""
    (folder / "profiles.yml").write_text(
        f"ai_focus:\n  target: mine\n  outputs:\n    mine: {{type: duckdb, path: {database}}}\n"
    )
    (folder / "calls.csv").write_text(CALLS)
    return focus_export(
        *("load", "gateway", folder / "calls.csv", "--target", "mine", *arguments),
        cwd=folder,
        variables={
            "DBT_PROFILES_DIR": str(folder),
            "PYTHONPATH": str(checkout),
            "SNOWFLAKE_PASSWORD": "hunter2-hunter2",
        },
    )


@pytest.mark.parametrize("number", whole_from([3, 0], 1, "the first table is that of the secret"))
def test_the_table_that_cannot_be_made_is_named(
    small_checkout: Path, tmp_path: Path, number: int
) -> None:
    places = {TABLES[number]: {"database": "nowhere", "identifier": "calls"}}
    variables = json.dumps({"raw_tables": places})
    result = load(small_checkout, tmp_path, tmp_path / "x.duckdb", "--vars", variables)
    said = f"The table {TABLES[number]} can't be prepared in the target mine"
    assert_one_sentence(result, 2, said, "nowhere", "focus-export doctor --target mine")


def test_what_a_target_says_is_shown_without_secrets(small_checkout: Path, tmp_path: Path) -> None:
    result = load(small_checkout, tmp_path, tmp_path / "hunter2-hunter2" / "x.duckdb")
    assert_one_sentence(result, 2, f"The table {TABLES[0]} can't be prepared", "/***/x.duckdb")
    assert "hunter2" not in result.stdout + result.stderr
