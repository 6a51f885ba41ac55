"""`focus-export doctor` on emulated warehouses: what is there, what is missing, what it leaves."""

from __future__ import annotations

from pathlib import Path

import pytest
from wrapper import Emulated

from exporter.project import load_project
from exporter.warehouse.connection import open_warehouse

PROJECT = load_project()
# nobody has to have usage reports beside logs
LOGS, OTHERS = (
    sorted(
        f"raw table {table.name}"
        for table in PROJECT.raw_tables()
        if (table.folder in PROJECT.usage_sources and table.folder != "provider_usage") is is_log
    )
    for is_log in (True, False)
)
ALWAYS = ["adapter", "settings", "connection", "rights", "column names", "money", "time", "json"]
CALLS = (
    "call_id,provider,model,started_at,latency_ms,prompt_tokens,completion_tokens\n"
    "c-1,openai,gpt-5-mini,2026-11-02T09:30:00+01:00,840,2000,500\n"
)


@pytest.fixture
def checked(emulated: Emulated) -> Emulated:
    return emulated.in_schema("checked")


def checks(output: str) -> dict[str, bool]:
    """Name -> ok, of the lines of a result."""
    lines = [line for line in output.splitlines() if line.startswith(("ok ", "failed "))]
    return {line[8:].partition(":")[0]: line.startswith("ok") for line in lines}


def test_an_empty_target_lacks_logs_and_datasets_alone(
    checked: Emulated, home_of_tools: Path, tmp_path: Path
) -> None:
    result = checked.run("doctor", "--home", home_of_tools, code=1)
    found = checks(result.stdout)
    assert [name for name, ok in found.items() if ok] == [*ALWAYS, *OTHERS, "load", "read"]
    missing = [name for name, ok in found.items() if not ok]
    assert sorted(missing) == sorted([*LOGS, "datasets"])
    assert result.stdout.count(" is not there, so it is empty") == len(OTHERS) > 5
    # a remedy once for all tables, and one for the datasets
    assert result.stdout.count("focus-export load") == 1
    assert f"focus-export build --target {checked.target}" in result.stdout

    (tmp_path / "calls.csv").write_text(CALLS)
    checked.run("load", "gateway", tmp_path / "calls.csv", "--home", home_of_tools)
    result = checked.run("doctor", "--home", home_of_tools, code=1)
    assert [name for name, ok in checks(result.stdout).items() if not ok] == ["datasets"]

    place = {"snowflake": "information_schema", "bigquery": "checked.INFORMATION_SCHEMA"}
    with checked.in_process(), open_warehouse(checked.target, PROJECT) as warehouse:
        left = warehouse.fetch(
            f"select table_name from {place[checked.target]}.TABLES"
            " where lower(table_name) like 'ai_focus_doctor%'"
        )
    assert left == []


@pytest.mark.of_any_target
def test_only_the_sources_that_are_built_need_tables(
    checked: Emulated, home_of_tools: Path
) -> None:
    result = checked.run(
        *("doctor", "--home", home_of_tools),
        *("--vars", "{usage_sources: [gateway], raw_schema: elsewhere}"),
        code=1,
    )
    assert "raw table gateway_calls" in result.stdout
    assert "elsewhere" in result.stdout
    assert "litellm_spend_logs" not in result.stdout
