"""A home lives on: an older version's build, the daily job, a backup, another DuckDB.

One home goes through all of it. It begins with what an older version built of two priced calls,
one without a price and one that can't be read (tests/data/older_build.sql); its raw folder has the
priced ones.
"""

from __future__ import annotations

import csv
import gzip
import shutil
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import duckdb
import httpx
import pytest
from api_client import Server, serve
from conftest import ROOT, assert_one_sentence, focus_export, rows_of
from shared import key_of_build, parsed_once
from test_build import build
from test_operations import HOME, PROGRAM, crontab

from exporter.duck import open_database
from exporter.errors import UserError
from exporter.extract.coverage import COVERAGE_RELATIONS

OLD_BUILD = "20261127T230825170531Z"
CALLS = """\
call_id,provider,model,started_at,latency_ms,prompt_tokens,completion_tokens,customer_id,ingested_at
old-1,openai,gpt-5-mini,2026-10-02T09:30:00Z,840,2000,500,acme,2026-10-02T09:31:00Z
old-2,anthropic,claude-sonnet-5,2026-10-31T23:59:00Z,1200,1200,80,acme,2026-11-05T10:00:00Z
"""
CLOSED = """\
issuer,billing_period,closed_at
anthropic,2026-10,2026-11-04T09:00:00Z
"""
AGAIN = "run `focus-export build`"


class Life(NamedTuple):
    """The home after its days, and what was seen of the first one's build."""

    home: Path
    old_charges: dict[str, Decimal]
    old_export: subprocess.CompletedProcess[str]
    old_answers: dict[str, httpx.Response]
    new_answers: dict[str, httpx.Response]
    job: subprocess.CompletedProcess[str]


def write_raw(raw: Path) -> None:
    for name, content in (("gateway/calls.csv", CALLS), ("billing_periods/closed.csv", CLOSED)):
        (raw / name).parent.mkdir(parents=True)
        (raw / name).write_text(content)


def write_old_build(home: Path) -> Path:
    """Publish what the older version made, as that version did."""
    folder = home / "builds" / OLD_BUILD
    folder.mkdir(parents=True)
    database = folder / "ai_focus.duckdb"
    with duckdb.connect(str(database)) as connection:
        connection.execute((ROOT / "tests/data/older_build.sql").read_text(encoding="utf-8"))
    (folder / "build.json").write_text(
        f'{{"build_id": "{OLD_BUILD}", "finished_at": "2026-11-27T23:10:04Z", '
        '"tool_version": "0.1.0"}\n'
    )
    (home / "ai_focus.duckdb").symlink_to(Path("builds", OLD_BUILD, "ai_focus.duckdb"))
    return database


def run_job(home: Path, programs: Path) -> subprocess.CompletedProcess[str]:
    """Run the command of the crontab as cron does: by sh, with few variables."""
    programs.mkdir()
    (programs / "focus-export").write_text(
        f'#!/bin/sh\nexec "{sys.executable}" -m exporter.cli "$@"\n'
    )
    (programs / "focus-export").chmod(0o755)
    variables, _, command = crontab()
    assert variables["SHELL"] == "/bin/sh"
    path = variables["PATH"].replace(str(Path(PROGRAM).parent), str(programs))
    given = {**variables, "PATH": path, "AI_FOCUS_HOME": str(home), "PYTHONPATH": str(ROOT)}
    key = key_of_build(["--raw-dir", str(home / "raw")])
    with parsed_once(key, home / "target") as parsed:
        return subprocess.run(
            ["/bin/sh", "-c", command.replace(HOME, str(home))],
            env={**given, "HOME": str(home), "LOGNAME": "focus", **parsed},
            cwd=home,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )


def charges(database: Path) -> dict[str, Decimal]:
    return dict(
        rows_of(database, "select x_ChargeId, BilledCost from focus_cost_and_usage order by 1")
    )


def ask(server: Server) -> dict[str, httpx.Response]:
    paths = ("/readyz", "/focus/v1/cost-and-usage", "/api/spend")
    return {path: httpx.get(f"{server.url}{path}", timeout=60) for path in paths}


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    folder = tmp_path_factory.mktemp("life")
    home = folder / "home"
    write_raw(home / "raw")
    database = write_old_build(home)
    old_charges = charges(database)
    old_export = focus_export("export", "--home", home)
    with serve(home) as server:
        old_answers = ask(server)
        job = run_job(home, folder / "bin")
        new_answers = ask(server)
    yield Life(home, old_charges, old_export, old_answers, new_answers, job)


def test_the_job_of_the_crontab_builds_and_says_nothing_when_all_is_well(life: Life) -> None:
    assert (life.job.returncode, life.job.stdout, life.job.stderr) == (0, "", "")
    with (life.home / "exports" / "focus_cost_and_usage.csv").open(newline="") as file:
        costs = [Decimal(row["BilledCost"]) for row in csv.DictReader(file)]
    # 2,000 x 0.25 + 500 x 2 and 1,200 x 2 + 80 x 10 USD a million
    assert sum(costs) == Decimal("0.0047")


def test_a_build_of_the_older_version_is_read_or_it_is_said_to_build_again(life: Life) -> None:
    assert len(life.old_charges) == 4
    if life.old_export.returncode:
        assert_one_sentence(life.old_export, 2, AGAIN)
    else:
        assert "4 rows" in life.old_export.stderr
    assert life.old_answers["/readyz"].status_code == 200
    for path, answer in life.old_answers.items():
        assert answer.status_code == 200 or (
            answer.status_code == 503 and AGAIN in answer.json()["detail"]
        ), path


def test_a_build_over_it_has_the_same_charges_and_a_server_moves_on(life: Life) -> None:
    assert charges(life.home / "ai_focus.duckdb") == life.old_charges
    # the last two builds are kept
    assert (life.home / "builds" / OLD_BUILD / "ai_focus.duckdb").is_file()
    assert {answer.status_code for answer in life.new_answers.values()} == {200}
    rows = life.new_answers["/focus/v1/cost-and-usage"].json()["records"]
    assert {row["x_ChargeId"] for row in rows} == life.old_charges.keys()


def test_a_copy_of_the_home_elsewhere_gives_the_same_bytes(life: Life, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(life.home, tmp_path / "elsewhere", symlinks=True))
    assert (copy / "ai_focus.duckdb").resolve().is_relative_to(copy)
    before = (copy / "exports" / "focus_cost_and_usage.csv").read_bytes()
    (copy / "exports" / "focus_cost_and_usage.csv").unlink()
    assert focus_export("export", "--home", copy).returncode == 0
    assert (copy / "exports" / "focus_cost_and_usage.csv").read_bytes() == before


@pytest.mark.whole("test_pipeline_invariants builds from packed files and gets the same bytes")
def test_the_raw_files_alone_packed_give_the_same_bytes(life: Life, tmp_path: Path) -> None:
    shutil.copytree(life.home / "raw", tmp_path / "raw")
    plain = tmp_path / "raw" / "gateway" / "calls.csv"
    plain.with_name("2026.csv.gz").write_bytes(gzip.compress(plain.read_bytes()))
    plain.unlink()
    # also for older clients
    result = focus_export(
        *("run", "--home", tmp_path, "--raw-dir", tmp_path / "raw", "--quiet"),
        variables={"AI_FOCUS_STORAGE_VERSION": "v1.0.0"},
        timeout=600,
    )
    assert result.returncode == 0, result.stderr
    for name in ("focus_cost_and_usage.csv", "focus_contract_commitment.csv"):
        rebuilt = (tmp_path / "exports" / name).read_bytes()
        assert rebuilt == (life.home / "exports" / name).read_bytes()
    assert storage_of(life.home / "ai_focus.duckdb") == "v1.4.0+"
    assert storage_of(tmp_path / "ai_focus.duckdb") == "v1.0.0+"


def storage_of(database: Path) -> str:
    query = "select tags['storage_version'] from duckdb_databases() where not internal"
    return str(rows_of(database, query)[0][0])


def test_the_storage_version_comes_from_environment_or_file(
    toy_project: Path, tmp_path: Path
) -> None:
    for name, variables in (("file", {}), ("both", {"AI_FOCUS_STORAGE_VERSION": "latest"})):
        home = tmp_path / name
        home.mkdir()
        (home / "ai_focus.yml").write_text("storage_version: v1.2.0\n")
        assert build(toy_project, home, "--quiet", variables=variables).returncode == 0
        assert (storage_of(home / "ai_focus.duckdb") == "v1.2.0+") == (name == "file")


def test_a_storage_version_that_duckdb_does_not_know_is_said(
    toy_project: Path, tmp_path: Path
) -> None:
    unknown = {"AI_FOCUS_STORAGE_VERSION": "v99.0.0"}
    result = build(toy_project, tmp_path, variables=unknown)
    assert_one_sentence(result, 2, "'v99.0.0': name a release of DuckDB that", "such as v1.4.0")
    assert not (tmp_path / "builds").exists()


def test_a_build_that_lacks_what_is_read_is_said_to_be_made_again(tmp_path: Path) -> None:
    home = tmp_path / "home"
    database = write_old_build(home)
    with duckdb.connect(str(database)) as connection:
        for name in COVERAGE_RELATIONS:
            connection.execute(f"drop table if exists {name}")
    assert_one_sentence(focus_export("export", "--home", home), 2, "The build lacks", AGAIN)
    result = focus_export("export", "--home", home, "--focus-version", "1.2")
    assert_one_sentence(result, 2, "FOCUS 1.2 is not in the build")
    with serve(home) as server:
        answer = httpx.get(f"{server.url}/api/spend", timeout=60)
        assert answer.status_code == 503
        assert AGAIN in answer.json()["detail"]
        assert "Traceback" not in server.log.read_text()


def test_a_build_of_a_newer_duckdb_is_said_to_be_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # as DuckDB 1.5 says it of a file of DuckDB 2
    said = (
        "IO Error: Trying to read a database file with version number 69, but we can only read "
        "versions between 64 and 68.\nThe database file was created with a newer version of DuckDB."
    )
    database = write_old_build(tmp_path)

    def refuse(*_arguments: object, **_options: object) -> None:
        raise duckdb.IOException(said)

    monkeypatch.setattr("exporter.duck.check_memory_limit", lambda: "1GB")
    monkeypatch.setattr(duckdb, "connect", refuse)
    with (
        pytest.raises(UserError, match=r"newer DuckDB than .* reads: .*storage_version: v1\.4\.0"),
        open_database(database),
    ):
        pass
