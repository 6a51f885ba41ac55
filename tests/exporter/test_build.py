"""Decision 13: a build is published whole or not at all, also when it fails or is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import pytest
from conftest import ROOT, assert_one_sentence, environment, rows_of

from exporter.build.report import describe_incomplete
from exporter.build.totals import Totals
from exporter.extract.coverage import Compared, Missing
from exporter.home import Home

# the real command line on the toy project
_TOY_CLI = """
import sys
from pathlib import Path
import yaml
import exporter.build.build, exporter.project
path = Path(sys.argv[1])
settings = yaml.safe_load((path / "dbt_project.yml").read_text())
toy = exporter.project.Project(path, settings)
exporter.build.build.load_project = exporter.project.load_project = lambda: toy
from exporter.cli import main
main(sys.argv[2:])
"""


def start(
    toy: Path, home: Path, *arguments: str, variables: dict[str, str] | None = None
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _TOY_CLI, str(toy), "build", "--home", str(home), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**environment(), **(variables or {})},
        cwd=ROOT,
    )


def build(
    toy: Path, home: Path, *arguments: str, variables: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    process = start(toy, home, *arguments, variables=variables)
    out, errors = process.communicate(timeout=120)
    return subprocess.CompletedProcess(process.args, process.returncode, out, errors)


def cost_of(home: Path) -> Decimal:
    return rows_of(home / "ai_focus.duckdb", "select BilledCost from focus_cost_and_usage")[0][0]


def build_folders(home: Path) -> list[str]:
    return sorted(path.name for path in (home / "builds").iterdir() if path.is_dir())


def processes_with(text: str) -> list[int]:
    """Running processes in whose environment a text stands (Linux)."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            try:
                if text.encode() in (folder / "environ").read_bytes():
                    found.append(int(folder.name))
            except OSError:
                continue
    return found


@pytest.fixture(scope="module")
def published(toy_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with one published build of the toy project; its cost is 1.25."""
    home = tmp_path_factory.mktemp("toy_home")
    result = build(toy_project, home)
    assert result.returncode == 0, result.stderr
    return home


def assert_untouched(home: Path, before: Path) -> None:
    """The build before is still published, readable and complete, and nothing else is left."""
    assert (home / "ai_focus.duckdb").readlink() == before
    assert cost_of(home) == Decimal("1.25")
    assert not list(home.glob("*.wal"))


def test_a_build_is_published_behind_a_relative_link(published: Path) -> None:
    link = (published / "ai_focus.duckdb").readlink()
    assert not link.is_absolute()
    folder = published / link.parent
    assert sorted(path.name for path in folder.iterdir()) == ["ai_focus.duckdb", "build.json"]
    description = json.loads((folder / "build.json").read_text())
    assert description["build_id"] == folder.name
    assert description["started_at"] <= description["finished_at"]
    assert description["dbt_version"].startswith("1.11")
    assert description["sources"] == ["gateway", "litellm"]
    assert description["counts"] == {"model": 12, "test": 1}
    assert (published / "logs" / "dbt.log").stat().st_size > 0
    assert Home(published).published() == (published / link).resolve()


def test_the_summary_stands_on_stdout_and_progress_on_stderr(
    toy_project: Path, tmp_path: Path
) -> None:
    files = sorted(toy_project.rglob("*"))
    result = build(toy_project, tmp_path, "--verbose")
    assert result.returncode == 0
    assert "Published build" in result.stdout
    assert "100.0 %  of calls, 100.0 % of tokens" in result.stdout
    assert "1.25  USD  OpenAI" in result.stdout
    prices = "Prices: list of 2026-11-21; start date unpublished for 0.0 % of USD cost"
    assert prices in result.stdout
    assert "published for 100.0 %." in result.stdout
    assert "13 of 13 nodes" in result.stderr
    assert "model focus_cost_and_usage: success" in result.stderr
    quiet = build(toy_project, tmp_path, "--quiet", "--source", "gateway")
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "", "")
    query = "select sources from slow"
    assert rows_of(tmp_path / "ai_focus.duckdb", query) == [("gateway",)]
    description = json.loads(Home(tmp_path).published().with_name("build.json").read_text())
    assert description["sources"] == ["gateway"]
    # the project's folder is only read
    assert sorted(toy_project.rglob("*")) == files


def test_the_last_two_builds_stay_and_leftovers_go(toy_project: Path, tmp_path: Path) -> None:
    leftover = tmp_path / "builds" / "20200101T000000Z-abcdef"
    leftover.mkdir(parents=True)
    (leftover / "ai_focus.duckdb").write_text("half")
    # killed after the build was described and before it had its name
    described = Home(tmp_path).building
    described.mkdir()
    (described / "build.json").write_text("{}")
    targets = []
    for cost in ("1", "2", "3"):
        result = build(toy_project, tmp_path, "--quiet", "--vars", f"{{cost: '{cost}'}}")
        assert result.returncode == 0, result.stderr
        targets.append((tmp_path / "ai_focus.duckdb").readlink().parent.name)
    assert build_folders(tmp_path) == sorted(targets[1:])
    assert cost_of(tmp_path) == 3


def test_what_stands_in_the_way_of_a_build_is_named(toy_project: Path, tmp_path: Path) -> None:
    Home(tmp_path).builds.mkdir()
    Home(tmp_path).building.write_text("no folder")
    result = build(toy_project, tmp_path, "--quiet")
    assert_one_sentence(result, 2, str(Home(tmp_path).building), "remove what is left there")


def test_a_reader_keeps_the_build_it_opened(toy_project: Path, tmp_path: Path) -> None:
    import duckdb

    assert build(toy_project, tmp_path, "--quiet").returncode == 0
    with duckdb.connect(str(Home(tmp_path).published()), read_only=True) as reader:
        assert build(toy_project, tmp_path, "--quiet", "--vars", "{cost: 9}").returncode == 0
        query = "select BilledCost from focus_cost_and_usage"
        assert reader.execute(query).fetchone() == (Decimal("1.25"),)
    assert cost_of(tmp_path) == 9


def test_a_file_of_plain_dbt_is_kept_as_the_build_before(toy_project: Path, tmp_path: Path) -> None:
    import duckdb

    with duckdb.connect(str(tmp_path / "ai_focus.duckdb")) as connection:
        connection.execute("create table mine as select 1 as value")
    assert build(toy_project, tmp_path, "--quiet").returncode == 0
    assert (tmp_path / "ai_focus.duckdb").is_symlink()
    assert len(build_folders(tmp_path)) == 2
    older = tmp_path / "builds" / build_folders(tmp_path)[0] / "ai_focus.duckdb"
    assert rows_of(older, "select value from mine") == [(1,)]


@pytest.mark.parametrize(
    ("variables", "sentence", "detail"),
    [
        (
            "{cost: 500}",
            "test assert_cost_is_small (tests/assert_cost_is_small.sql): Got 1 result",
            "cost=500.000000000000000000",
        ),
        ("{broken: true}", "model broken (models/broken.sql): ", "Could not convert string 'x'"),
    ],
)
def test_a_failure_is_named_and_publishes_nothing(
    toy_project: Path, published: Path, variables: str, sentence: str, detail: str
) -> None:
    before, folders = (published / "ai_focus.duckdb").readlink(), build_folders(published)
    result = build(toy_project, published, "--vars", variables)
    assert result.returncode == 1
    assert sentence in result.stderr
    assert detail in result.stderr
    assert "Nothing was published" in result.stderr
    assert "Traceback" not in result.stderr
    assert build_folders(published) == folders
    assert (published / "logs" / "dbt.log").is_file()
    assert_untouched(published, before)


def test_a_project_that_cannot_be_compiled_is_said_in_one_sentence(
    toy_project: Path, published: Path
) -> None:
    before = (published / "ai_focus.duckdb").readlink()
    broken = toy_project / "models" / "no_such_ref.sql"
    broken.write_text("select * from {{ ref('nowhere') }}")
    try:
        result = build(toy_project, published)
    finally:
        broken.unlink()
    assert_one_sentence(result, 1, "nowhere", "Nothing was published")
    assert_untouched(published, before)


def wait_for(process: subprocess.Popen[str], text: str) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if text in line:
            return
    raise AssertionError(f"{text!r} was never said")


def wait_for_dbt(home: Path, text: str) -> None:
    deadline = time.monotonic() + 60
    while text not in (home / "logs" / "dbt.log").read_text(encoding="utf-8"):
        assert time.monotonic() < deadline, f"{text!r} is not in dbt's log"
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("number", "moment"),
    [
        (signal.SIGKILL, "starting dbt"),
        (signal.SIGKILL, "reading the project"),
        (signal.SIGKILL, "building and testing"),
        (signal.SIGTERM, "building and testing"),
        (signal.SIGINT, "reading the project"),
        (signal.SIGINT, "building and testing"),
    ],
)
def test_a_killed_build_leaves_the_published_one(
    toy_project: Path, published: Path, number: signal.Signals, moment: str
) -> None:
    before = (published / "ai_focus.duckdb").readlink()
    # hours of work, if nobody stopped it
    process = start(toy_project, published, "--vars", "{slow: 100000000}")
    wait_for(process, moment)
    if moment == "building and testing":
        wait_for_dbt(published, "START sql table model main.slow")
    process.send_signal(number)
    out, errors = process.communicate(timeout=30)
    expected = {signal.SIGKILL: -9, signal.SIGTERM: 143, signal.SIGINT: 130}[number]
    assert process.returncode == expected, errors
    assert "Traceback" not in errors
    assert_untouched(published, before)
    if number != signal.SIGKILL:
        assert out == ""
        assert len(build_folders(published)) == 1
    # dbt does not outlive the command
    deadline = time.monotonic() + 10
    while processes_with(f"AI_FOCUS_HOME={published}"):
        assert time.monotonic() < deadline, "dbt is still running"
        time.sleep(0.1)


def test_the_build_after_a_kill_works(toy_project: Path, tmp_path: Path) -> None:
    process = start(toy_project, tmp_path, "--vars", "{slow: 100000000}")
    wait_for(process, "building and testing")
    process.kill()
    process.communicate()
    assert not (tmp_path / "ai_focus.duckdb").exists()
    assert build(toy_project, tmp_path, "--quiet").returncode == 0
    assert cost_of(tmp_path) == Decimal("1.25")
    assert len(build_folders(tmp_path)) == 1


def test_a_kill_at_any_time_after_dbt_shows_one_of_two_whole_builds(
    toy_project: Path, tmp_path: Path
) -> None:
    assert build(toy_project, tmp_path, "--quiet").returncode == 0
    for round_number, delay in enumerate((0.0, 0.05, 0.2), start=1):
        process = start(toy_project, tmp_path, "--vars", f"{{cost: {round_number}}}")
        wait_for(process, "13 of 13 nodes")
        time.sleep(delay)
        process.kill()
        process.communicate()
        assert cost_of(tmp_path) in {Decimal("1.25"), *map(Decimal, range(1, round_number + 1))}
    assert build(toy_project, tmp_path, "--quiet", "--vars", "{cost: 50}").returncode == 0
    assert cost_of(tmp_path) == 50
    assert len(build_folders(tmp_path)) == 2


def test_a_second_build_is_told_to_wait(toy_project: Path, published: Path) -> None:
    before = (published / "ai_focus.duckdb").readlink()
    first = start(toy_project, published, "--vars", "{slow: 100000000}")
    try:
        wait_for(first, "building and testing")
        second = build(toy_project, published)
        assert_one_sentence(second, 4, "Another build is running", str(published), str(first.pid))
    finally:
        first.terminate()
        first.communicate()
    assert_untouched(published, before)


def test_vars_may_not_say_again_what_source_says(toy_project: Path, tmp_path: Path) -> None:
    result = build(
        toy_project, tmp_path, "--source", "gateway", "--vars", "{usage_sources: [litellm]}"
    )
    assert_one_sentence(result, 2, "usage_sources")


@pytest.mark.parametrize(
    ("threads", "arguments"), [("", []), ("none", ["--threads", "1"])], ids=["empty", "overruled"]
)
def test_a_setting_that_is_empty_or_overruled_is_not_checked(
    toy_project: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    threads: str,
    arguments: list[str],
) -> None:
    settings = {**environment(), "AI_FOCUS_THREADS": threads, "AI_FOCUS_MEMORY_LIMIT": ""}
    monkeypatch.setattr(sys.modules[__name__], "environment", lambda: settings)
    assert build(toy_project, tmp_path, "--quiet", *arguments).returncode == 0


def test_raw_dir_needs_duckdb(toy_project: Path, tmp_path: Path) -> None:
    for more in ([], ["--dry-run"]):
        place = ["--target", "snowflake", "--raw-dir", str(tmp_path)]
        result = build(toy_project, tmp_path, *place, *more)
        assert_one_sentence(result, 2, "--raw-dir works with DuckDB only", "snowflake")


def test_a_build_without_a_call_is_not_complete() -> None:
    missing = Missing(0, 0, None, None, 0)
    totals = Totals(0, 0, 0, 0, 0, Compared(), missing, None, [], [], [], [], [], 0, [], {}, None)
    assert describe_incomplete(totals) == [
        "These totals are empty: there is no call that a provider can charge for."
    ]
