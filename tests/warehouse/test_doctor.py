"""`focus-export doctor` on emulated warehouses: what is there, what is missing, what it leaves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from wrapper import Emulated, emulate

from exporter.project import load_project
from exporter.warehouse import open_warehouse

TABLES = [f"raw table {table.name}" for table in load_project().raw_tables()]
ALWAYS = ["adapter", "settings", "connection", "rights", "column names", "money", "time", "json"]
CALLS = (
    "call_id,provider,model,started_at,latency_ms,prompt_tokens,completion_tokens\n"
    "c-1,openai,gpt-5-mini,2026-11-02T09:30:00+01:00,840,2000,500\n"
)


@pytest.fixture(scope="module", params=["snowflake", "bigquery"])
def emulated(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Emulated]:
    with emulate(request.param, tmp_path_factory.mktemp(request.param)) as server:
        yield server.in_schema("checked")


def checks(output: str) -> dict[str, bool]:
    """Name -> ok, of the lines of a result."""
    lines = [line for line in output.splitlines() if line.startswith(("ok ", "failed "))]
    return {line[8:].partition(":")[0]: line.startswith("ok") for line in lines}


def test_an_empty_target_lacks_raw_tables_and_datasets_alone(
    emulated: Emulated, tmp_path: Path
) -> None:
    result = emulated.run("doctor", "--home", tmp_path, code=1)
    found = checks(result.stdout)
    assert [name for name, ok in found.items() if ok] == [*ALWAYS, "load", "read"]
    missing = [name for name, ok in found.items() if not ok]
    assert sorted(missing) == sorted([*TABLES, "datasets"])
    # a remedy once for all tables, and one for the datasets
    assert result.stdout.count("focus-export load") == 1
    assert f"focus-export build --target {emulated.target}" in result.stdout

    (tmp_path / "calls.csv").write_text(CALLS)
    emulated.run("load", "gateway", tmp_path / "calls.csv", "--home", tmp_path)
    result = emulated.run("doctor", "--home", tmp_path, code=1)
    assert [name for name, ok in checks(result.stdout).items() if not ok] == ["datasets"]

    place = {"snowflake": "information_schema", "bigquery": "checked.INFORMATION_SCHEMA"}
    with emulated.in_process(), open_warehouse(emulated.target, load_project()) as warehouse:
        left = warehouse.fetch(
            f"select table_name from {place[emulated.target]}.TABLES"
            " where lower(table_name) like 'ai_focus_doctor%'"
        )
    assert left == []


def test_only_the_sources_that_are_built_need_tables(emulated: Emulated, tmp_path: Path) -> None:
    result = emulated.run(
        *("doctor", "--home", tmp_path),
        *("--vars", "{usage_sources: [gateway], raw_schema: elsewhere}"),
        code=1,
    )
    assert "raw table gateway_calls" in result.stdout
    assert "elsewhere" in result.stdout
    assert "litellm_spend_logs" not in result.stdout
