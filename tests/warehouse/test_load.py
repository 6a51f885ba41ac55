"""`focus-export load`: files by the bulk path, and from there to the same extracts as on DuckDB."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from builds import WITHOUT_TESTS, Target
from wrapper import ROOT, Emulated, only_whole

from exporter.project import load_project
from exporter.warehouse.connection import open_warehouse

ALL_TABLES = [table.name for table in load_project().raw_tables()]
HEADER = "call_id,provider,model,started_at,latency_ms,prompt_tokens,completion_tokens\n"
CALL = "{},openai,gpt-5-mini,2026-11-02T09:30:00+01:00,840,2000,500\n"
BROKEN = 'c-9,"openai,gpt-5-mini,2026-11-02T09:30:00+01:00,840,2000,500\n'


@pytest.fixture
def loaded(emulated: Emulated) -> Iterator[Emulated]:
    """A schema of its own; the process has its settings."""
    with emulated.in_schema("loaded").in_process() as own:
        yield own


def ask(emulated: Emulated, query: str) -> list[tuple]:
    with open_warehouse(emulated.target, load_project()) as warehouse:
        return warehouse.fetch(query)


def test_rows_are_added_and_replaced_and_know_their_line(
    loaded: Emulated, home_of_tools: Path, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text(HEADER + CALL.format("c-1") + CALL.format("c-2"))
    load = ("load", "gateway", tmp_path / "a.csv", "--home", home_of_tools)

    result = loaded.run(*load)
    assert "gateway_calls: loaded 2 rows." in result.stdout.replace("`", "")
    assert f"Made {len(ALL_TABLES)} empty raw tables" in result.stderr
    assert "raw_has_lines: true" in result.stderr
    rows = "select call_id, provider, started_at, _file, _line, _fault from gateway_calls"
    first = [
        (call, "openai", "2026-11-02T09:30:00+01:00", "a.csv", line, None)
        for call, line in (("c-1", 2), ("c-2", 3))
    ]
    assert ask(loaded, f"{rows} order by _line") == first

    # again, with what no reader could use: added, the fault beside it
    (tmp_path / "a.csv").write_text(HEADER + CALL.format("c-3") + BROKEN)
    result = loaded.run(*load)
    assert "loaded 2 rows." in result.stdout
    assert "empty raw tables" not in result.stderr
    assert "raw_has_lines: [gateway_calls]" in result.stderr
    found = ask(loaded, f"{rows} where _line = 3 and call_id is null")
    assert [row[:5] for row in found] == [(None, None, None, "a.csv", 3)]
    assert found[0][5].startswith("A quote is opened and never closed in lines 3 to")
    assert ask(loaded, "select count(*) as n from gateway_calls") == [(4,)]

    result = loaded.run(*load, "--replace")
    assert "loaded 2 rows in place of 4." in result.stdout
    assert ask(loaded, "select count(*) as n from gateway_calls") == [(2,)]


@pytest.mark.of_any_target
def test_tables_of_another_shape_are_refused(
    loaded: Emulated, home_of_tools: Path, tmp_path: Path
) -> None:
    own = loaded.in_schema("shapes")
    (tmp_path / "a.csv").write_text(HEADER + CALL.format("c-1"))
    load = ("load", "gateway", tmp_path / "a.csv", "--home", home_of_tools)
    own.run(*load)
    schema = {"snowflake": "shapes.ai_focus", "bigquery": "shapes"}[own.target]
    ask(own, f"drop table {schema}.gateway_calls")
    text = {"snowflake": "varchar", "bigquery": "string"}[own.target]
    ask(own, f"create table {schema}.gateway_calls (call_id {text}, provider {text})")
    result = own.run(*load, code=2)
    assert "gateway_calls lacks customer_id" in result.stderr.replace("`", "")
    assert "raw_schema" in result.stderr
    ask(own, f"drop table {schema}.gateway_calls")
    ask(own, f"create view {schema}.gateway_calls as select 1 as call_id")
    result = own.run(*load, code=2)
    assert "gateway_calls is a view" in result.stderr.replace("`", "")


def raw_folder(folder: Path) -> Path:
    """The demo as files, with two that have faults."""
    for table in ALL_TABLES:
        place = {"gateway_calls": "gateway", "litellm_spend_logs": "litellm"}.get(table, table)
        (folder / place).mkdir(parents=True)
        shutil.copy(ROOT / "seeds" / "sample" / f"raw_{table}.csv", folder / place / "demo.csv")
    (folder / "gateway" / "broken.csv").write_text(HEADER + CALL.format("f-1") + BROKEN)
    (folder / "litellm" / "broken.jsonl").write_text(
        '{"request_id": "f-2", "startTime": "2026-11-02 08:31:10",'
        ' "endTime": "2026-11-02 08:31:12", "model": "gpt-5-mini",'
        ' "custom_llm_provider": "openai", "prompt_tokens": 1200, "completion_tokens": 80}\n'
        '{"request_id": \n'
    )
    return folder


@pytest.fixture(scope="module")
def from_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a build on DuckDB from the raw folder beside it, and its extracts."""
    home = tmp_path_factory.mktemp("from_files")
    raw = raw_folder(home / "raw")
    subprocess.run(
        [sys.executable, "-m", "exporter.cli", "run", "--raw-dir", raw, "--home", home],
        env=Emulated("duckdb", {}).environment(),
        capture_output=True,
        timeout=900,
        check=True,
    )
    return home


@only_whole
@pytest.mark.of_any_target
def test_files_that_are_loaded_and_built_give_the_same_extracts(
    emulated: Emulated, from_files: Path, home_of_tools: Path, tmp_path: Path
) -> None:
    own = emulated.in_schema("whole")
    own.run("load", "--raw-dir", from_files / "raw", "--home", home_of_tools)
    # delivered twice, counted once; under the same name, as in the folder
    for source, name in (("gateway", "demo.csv"), ("contracts", "demo.csv")):
        own.run("load", source, from_files / "raw" / source / name, "--home", home_of_tools)
    build_id = "20991231T000000000000Z"
    target = Target(own.target, tmp_path, {**own.settings, "AI_FOCUS_BUILD_ID": build_id})
    target.build(*WITHOUT_TESTS, variables={"raw_origin": "source", "raw_has_lines": True})

    for dataset in ("cost-and-usage", "contract-commitment"):
        own.run("export", "--dataset", dataset, "--home", tmp_path)
        name = f"focus_{dataset.replace('-', '_')}.csv.manifest.json"
        manifest = json.loads((tmp_path / "exports" / name).read_text("utf-8"))
        expected = json.loads((from_files / "exports" / name).read_text("utf-8"))
        assert manifest["sha256"] == expected["sha256"]
        assert manifest["rows"] == expected["rows"] > 10
        assert manifest["coverage"] == expected["coverage"]
        assert manifest["build"]["build_id"] == build_id

    rejected = "select raw_table, line, reason from ai_unreadable_records where line is not null"
    with duckdb.connect(
        str((from_files / "ai_focus.duckdb").resolve()), read_only=True
    ) as connection:
        expected_rows = sorted(connection.execute(f"{rejected} and line <= 3").fetchall())
    with own.in_process():
        found = {row for row in ask(own, rejected) if row[1] <= 3}
    assert sorted(found) == expected_rows
    assert len(expected_rows) >= 2
