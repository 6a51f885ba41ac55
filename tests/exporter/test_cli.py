"""The command line itself: help, versions, mistakes, and the one sentence that each gets."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, DemoRun, assert_one_sentence, environment, focus_export, rows_of
from shared import run_demo

from exporter.cli import COMMANDS


def test_help_lists_every_command() -> None:
    result = focus_export("--help")
    assert result.returncode == 0
    for name, (_, text) in COMMANDS.items():
        assert name in result.stdout
        assert text in result.stdout


def test_help_imports_neither_dbt_nor_duckdb() -> None:
    code = (
        "import sys\nfrom exporter.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "print(sorted({'dbt', 'duckdb', 'pyarrow', 'yaml'} & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=environment(),
        cwd=ROOT,
        check=True,
    )
    assert result.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_help(name: str) -> None:
    result = focus_export(name, "--help")
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(f"Usage: focus-export {name}")
    assert "--help" in result.stdout


def test_version_is_the_projects_version() -> None:
    result = focus_export("--version")
    assert result.returncode == 0
    assert result.stdout.startswith("focus-export ")


def test_unknown_command_and_option_are_the_users_mistake() -> None:
    assert_one_sentence(focus_export("biuld"), 2, "biuld")
    assert_one_sentence(focus_export("build", "--colour"), 2, "--colour")


def test_from_after_to_says_which_is_which(tmp_path: Path) -> None:
    result = focus_export("run", "--home", tmp_path, "--from", "2026-02-01", "--to", "2026-01-31")
    assert_one_sentence(result, 2, "--from 2026-02-01 lies after --to 2026-01-31")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("date", ["2026-02-30", "01.02.2026", "yesterday"])
def test_a_date_that_is_none_is_named(tmp_path: Path, date: str) -> None:
    result = focus_export("run", "--home", tmp_path, "--from", date)
    assert_one_sentence(result, 2, "--from", date)


@pytest.mark.parametrize("month", ["2026-13", "10/2026", "2026-10-01"])
def test_a_wrong_month_is_said_before_the_build(tmp_path: Path, month: str) -> None:
    result = focus_export("run", "--home", tmp_path, "--billing-period", month)
    assert result.returncode == 2
    assert result.stderr.splitlines() == [
        f"Error: --billing-period {month!r} is no month: write YYYY-MM."
    ]
    assert not list(tmp_path.iterdir())


def test_a_focus_version_that_does_not_exist_is_said_before_the_build(tmp_path: Path) -> None:
    result = focus_export("run", "--home", tmp_path, "--focus-version", "2.0")
    assert_one_sentence(result, 2, "2.0", "1.4")
    assert list(tmp_path.iterdir()) == []


def test_vars_that_are_no_mapping_are_refused(tmp_path: Path) -> None:
    for text in ("just text", "[1, 2]", "{a: "):
        assert_one_sentence(focus_export("build", "--home", tmp_path, "--vars", text), 2, "--vars")


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ("2026-02-31", ["--vars can't be read", "day is out of range"]),
        ("'2026-02-31'", ["price_book_as_of is '2026-02-31'", "a date or timestamp"]),
    ],
)
def test_an_instant_that_no_calendar_has_is_refused(
    small_checkout: Path, tmp_path: Path, value: str, parts: list[str]
) -> None:
    """The book of such a day would be empty, and every model unknown."""
    result = focus_export(
        *("build", "--vars", f"{{price_book_as_of: {value}}}"),
        cwd=tmp_path,
        variables={"PYTHONPATH": str(small_checkout)},
    )
    assert_one_sentence(result, 2, *parts)


def test_what_is_an_instant_and_what_is_none(small_checkout: Path, tmp_path: Path) -> None:
    """The project is read once, since that takes most of the time."""
    code = """
from dbt.cli.main import dbtRunner
project = dbtRunner().invoke(["--quiet", "parse"]).result
good = ("2026-12-31", "2024-02-29T23:59:59Z")
for value in (*good, "2026-02-29", "2025-02-29 10:00", "2026-12-01 25:00", "soon"):
    check = ["--quiet", "run-operation", "check_vars"]
    outcome = dbtRunner(manifest=project).invoke(check, vars={"price_book_as_of": value})
    print(value, outcome.success)
"""
    settings = {
        "DBT_PROJECT_DIR": str(small_checkout),
        "DBT_PROFILES_DIR": str(small_checkout),
        "DBT_TARGET_PATH": str(tmp_path / "target"),
        "DBT_LOG_PATH": str(tmp_path / "logs"),
        "AI_FOCUS_DATABASE": str(tmp_path / "a.duckdb"),
    }
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**environment(), **settings},
        cwd=tmp_path,
        check=True,
    )
    said = [line for line in result.stdout.splitlines() if line.endswith((" True", " False"))]
    assert said == [
        "2026-12-31 True",
        "2024-02-29T23:59:59Z True",
        "2026-02-29 False",
        "2025-02-29 10:00 False",
        "2026-12-01 25:00 False",
        "soon False",
    ]


def test_a_variable_that_nothing_reads_is_refused(tmp_path: Path) -> None:
    typo = focus_export("build", "--home", tmp_path, "--vars", "{resourceid: none}")
    assert_one_sentence(typo, 2, "resourceid", "did you mean resource_id?")
    unlike = focus_export("doctor", "--home", tmp_path, "--vars", "{zzz: 1}")
    assert_one_sentence(unlike, 2, "zzz", "usage_sources", "reprice_models")
    assert list(tmp_path.iterdir()) == []


def test_home_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    assert_one_sentence(focus_export("build", "--home", file / "home"), 2, str(file), "--home")
    assert_one_sentence(focus_export("export", "--home", file), 2, "There is no build", "--home")


def test_an_unexpected_error_is_one_sentence_and_its_traceback_is_logged(tmp_path: Path) -> None:
    code = (
        "import exporter.build.build\n"
        "def broken(*_): raise ValueError('something odd')\n"
        "exporter.build.build.run_build = broken\n"
        f"from exporter.cli import main\nmain(['build', '--home', {json.dumps(str(tmp_path))}])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=environment(),
        cwd=ROOT,
        check=False,
    )
    log = tmp_path / "logs" / "focus-export.log"
    assert_one_sentence(result, 1, "something odd", str(log))
    assert "Traceback" in log.read_text()


def test_home_may_come_from_the_environment(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "exporter.cli", "build", "--raw-dir", "nowhere"],
        capture_output=True,
        text=True,
        env={**environment(), "AI_FOCUS_HOME": str(tmp_path / "elsewhere")},
        cwd=tmp_path,
        check=False,
    )
    assert_one_sentence(result, 2, str(tmp_path / "nowhere"))


def test_run_writes_both_extracts_and_says_what_is_in_them(demo_run: DemoRun) -> None:
    home, result = demo_run
    # in the copy, servers may have left files
    assert sorted(path.name for path in run_demo().home.iterdir()) == [
        *("ai_focus.duckdb", "builds", "exports", "logs", "target"),
    ]
    for name in ("focus_cost_and_usage", "focus_contract_commitment"):
        file = home / "exports" / f"{name}.csv"
        (rows,) = rows_of(home / "ai_focus.duckdb", f"select count(*) from {name}")[0]
        with file.open(newline="") as stream:
            assert sum(1 for _ in csv.reader(stream)) == rows + 1
        # the home is a copy of the one that the run wrote
        assert f"{rows:,} rows in {run_demo().home / 'exports' / file.name}" in result.stdout
        manifest = json.loads(file.with_name(f"{file.name}.manifest.json").read_text())
        assert manifest["rows"] == rows
    assert "of the synthetic demo" in result.stdout
    for word in ("Rows", "Calls", "Priced", "Computed cost", "USD  OpenAI"):
        assert word in result.stdout
    (held_back,) = rows_of(
        home / "ai_focus.duckdb", "select count(*) from ai_calls where hold_reason is not null"
    )[0]
    assert held_back
    assert f"{held_back:,}  calls" in result.stdout
    # what is there on purpose is one line
    _, _, said = result.stderr.rpartition("nodes, ")
    assert said.splitlines()[1:] == [
        "The demo holds 44 calls without a price and 2 unreadable lines on purpose. -v names them."
    ]


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("AI_FOCUS_THREADS", "none", "AI_FOCUS_THREADS is 'none': give a whole number"),
        ("AI_FOCUS_MEMORY_LIMIT", "lots", "AI_FOCUS_MEMORY_LIMIT is 'lots': give an amount"),
        ("AI_FOCUS_TARGET", "oracle", "There is no target 'oracle': choose duckdb, snowflake"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named(
    name: str, value: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DBT_PROFILES_DIR", raising=False)
    result = focus_export("build", "--home", tmp_path, variables={name: value})
    assert_one_sentence(result, 2, sentence)


def test_run_takes_no_other_target_than_duckdb(tmp_path: Path) -> None:
    result = focus_export("run", "--home", tmp_path, variables={"AI_FOCUS_TARGET": "snowflake"})
    assert_one_sentence(result, 2, "AI_FOCUS_TARGET is 'snowflake'", "DuckDB only")
    assert list(tmp_path.iterdir()) == []


def schema_into(redirection: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", f"{sys.executable} -m exporter.cli schema {redirection}"],
        capture_output=True,
        text=True,
        env=environment(),
        cwd=folder,
        check=False,
    )


def test_a_closed_standard_output_shows_no_traceback(tmp_path: Path) -> None:
    result = schema_into(">&-", tmp_path)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_a_full_standard_output_is_one_sentence(tmp_path: Path) -> None:
    result = schema_into("> /dev/full", tmp_path)
    assert_one_sentence(result, 5, "No space left")
    assert len(result.stderr.splitlines()) == 1


def test_a_reader_that_goes_away_ends_the_command_quietly(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    process = subprocess.run(
        [sys.executable, "-m", "exporter.cli", "schema"],
        stdout=writer,
        stderr=subprocess.PIPE,
        env=environment(),
        cwd=tmp_path,
        check=False,
    )
    os.close(writer)
    assert (process.returncode, process.stderr) == (141, b"")


def test_a_variable_that_no_model_knows_is_named(tmp_path: Path) -> None:
    result = focus_export("build", "--home", tmp_path, "--vars", "{service_name: produkt}")
    assert_one_sentence(result, 2, "service_name is 'produkt': it must be one of product, model.")
    assert not (tmp_path / "ai_focus.duckdb").exists()
