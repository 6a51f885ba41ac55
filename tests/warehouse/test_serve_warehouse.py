"""`serve` and `mcp` with `--target` answer from a warehouse as they do from DuckDB, byte for byte.

The demo lies in an emulator as dbt built it there, with a record of the build that names it as
DuckDB's does. So whole answers can be compared: rows, totals, coverage and recency.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from builds import Engines, Target
from mcp import Client, StdioServerParameters
from shared import run_demo
from wrapper import ROOT, Emulated, emulate, make_schema, recorded, write_record

from exporter.duck import open_database
from exporter.extract.manifest import read_build
from exporter.home import Home
from exporter.project import load_project, tool_version
from exporter.warehouse.adapters import MissingTableError, Warehouse
from exporter.warehouse.connection import open_warehouse
from exporter.warehouse.mirror import copy_build, find_finished
from exporter.warehouse.record import BuildRecord, ChangedError, read_record

LIST = "/focus/v1/cost-and-usage"
COMMITMENTS = "/focus/v1/contract-commitments"
SCHEMA = "/focus/v1/schema"
FILE = "/api/exports/focus"
CURRENT = "focus_warehouse_current_timestamp_seconds"
NEXT = "20991231T000000000000Z"
SECRET = "a-secret-that-no-log-may-hold"


@dataclass(frozen=True)
class Place:
    """An emulator with the demo's tables, DuckDB's home of the demo, and a home with a copy."""

    emulated: Emulated
    demo: Home
    record: BuildRecord
    copied: Path

    def fresh_home(self, folder: Path) -> Home:
        """A home of one's own that has the copy already."""
        shutil.copytree(self.copied, folder / "home", symlinks=True)
        return Home(folder / "home")


@pytest.fixture(scope="module")
def place(demo: Engines, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("serve")
    # servers leave files in their home
    shutil.copytree(run_demo().home, folder / "duckdb", symlinks=True)
    home = Home(folder / "duckdb")
    build = read_build(home.published())
    record = BuildRecord(
        build_id=build["build_id"],
        finished_at=build["finished_at"],
        tool_version=tool_version(),
        variables="{}",
        invocation_id="first",
    )
    with demo.emulated.in_process() as emulated, recorded(emulated, record):
        yield Place(emulated, home, record, folder / "warehouse")


@pytest.fixture(scope="module")
def first_words(place: Place) -> list[str]:
    """What an MCP client is told by a server that has to make the first copy: its tools."""
    tools: list[str] = []

    async def ask() -> None:
        async with Client(stdio(place.emulated, place.copied)) as client:
            tools.extend(tool.name for tool in (await client.list_tools()).tools)

    asyncio.run(ask())
    return tools


@pytest.fixture(scope="module")
def urls(
    place: Place, first_words: list[str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, str]]:
    """A server on DuckDB and one on the warehouse, each on a home of its own."""
    assert first_words
    tokens = tmp_path_factory.mktemp("tokens") / "tokens.yml"
    scopes: dict[str, dict[str, Any]] = {"all": {}, "one": {"sub_accounts": ["Marketing"]}}
    tokens.write_text(
        json.dumps(
            {
                "tokens": [
                    {
                        "name": name,
                        "sha256": hashlib.sha256(f"{name}-token".encode()).hexdigest(),
                        **scope,
                    }
                    for name, scope in scopes.items()
                ]
            }
        )
    )
    duckdb = Emulated("duckdb", {})
    with (
        serve(duckdb, place.demo, "--tokens", tokens) as (first, _),
        serve(place.emulated, Home(place.copied), "--tokens", tokens, "--refresh", "86400") as (
            second,
            log,
        ),
    ):
        # once it has looked it never does again: other tests change the target's record
        headers = {"Authorization": "Bearer all-token"}
        wait_until(lambda: CURRENT in httpx.get(f"{second}/metrics", headers=headers).text, log)
        yield first, second


def stdio(emulated: Emulated, home: Path) -> StdioServerParameters:
    arguments = ["mcp", "--target", emulated.target, "--home", str(home)]
    return StdioServerParameters(
        command=sys.executable,
        args=["-m", "exporter.cli", *arguments],
        env=emulated.environment(),
        cwd=ROOT,
    )


@contextlib.contextmanager
def serve(emulated: Emulated, home: Home, *options: str | Path) -> Iterator[tuple[str, Path]]:
    """Run a server until the block ends; gives its address and its log."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = int(listener.getsockname()[1])
    arguments = ["serve", "--port", str(port), "--rate", "0", "--home", str(home.path)]
    log = home.path / "serve.log"
    with log.open("w") as stream:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "exporter.cli", *arguments),
                *("--target", emulated.target, *map(str, options)),
            ],
            env=emulated.environment(),
            stdout=subprocess.DEVNULL,
            stderr=stream,
        )
    try:
        wait_until(lambda: is_ready(port) or process.poll() is not None, log)
        assert process.poll() is None, log.read_text()
        yield f"http://127.0.0.1:{port}", log
        process.terminate()
        assert process.wait(30) in (0, -15, 143)
    finally:
        process.kill()
        process.wait()


def is_ready(port: int) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200
    return False


def wait_until(is_so: Any, log: Path, seconds: float = 300) -> None:
    until = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.2)


def ask(url: str, path: str, token: str = "all", **parameters: Any) -> httpx.Response:
    response = httpx.get(
        url + path,
        params=parameters,
        headers={"Authorization": f"Bearer {token}-token"},
        timeout=120,
    )
    assert response.status_code == 200, response.text
    return response


def read_pages(url: str, path: str, token: str = "all", **parameters: Any) -> list[bytes]:
    """All pages as they were sent, but for the token of the next, which is sealed anew."""
    pages = []
    while True:
        content = ask(url, path, token, **parameters).content
        following = json.loads(content)["nextPageToken"]
        if following is None:
            return [*pages, content]
        pages.append(content.replace(following.encode(), b"-"))
        parameters["pageToken"] = following


def metric(url: str, name: str) -> float:
    found = re.search(rf"^{name} (\S+)$", httpx.get(f"{url}/metrics").text, re.MULTILINE)
    assert found, name
    return float(found[1])


def test_the_first_copy_is_made_before_an_mcp_client_is_answered(first_words: list[str]) -> None:
    # the client reads standard output: anything but the protocol there would have failed it
    assert "listcostandusage" in first_words


@pytest.mark.parametrize(
    ("path", "version", "count"),
    [(LIST, "1.3", 7), (LIST, "1.4", 7), (LIST, "1.0", 7), (COMMITMENTS, "1.4", 1)],
)
def test_pages_are_those_of_duckdb(
    path: str, version: str, count: int, urls: tuple[str, str]
) -> None:
    pages = [read_pages(url, path, focusVersion=version, pageSize=1500) for url in urls]
    assert pages[0] == pages[1]
    assert len(pages[0]) == count
    assert json.loads(pages[0][0])["totals"]["rows"] > 10


def test_schema_and_recency_are_those_of_duckdb(urls: tuple[str, str]) -> None:
    first, second = (ask(url, SCHEMA).content for url in urls)
    assert first == second
    assert b"TimeSectorComplete" in first


def test_a_scoped_token_sees_its_rows_alone(urls: tuple[str, str]) -> None:
    pages = [read_pages(url, LIST, "one", pageSize=1000) for url in urls]
    assert pages[0] == pages[1]
    rows = [row for page in pages[1] for row in json.loads(page)["records"]]
    assert {row["SubAccountId"] for row in rows} == {"Marketing"}
    assert 0 < len(rows) < json.loads(ask(urls[1], LIST).content)["totals"]["rows"]
    files = [ask(url, FILE, "one", **{"from": "2026-10-01", "to": "2026-10-31"}) for url in urls]
    assert files[0].content == files[1].content
    assert files[1].content.count(b"\n") > 100


@pytest.mark.parametrize("options", [{}, {"format": "json"}, {"focusVersion": "1.2"}])
def test_the_file_of_some_days_is_that_of_duckdb(
    options: dict[str, str], urls: tuple[str, str]
) -> None:
    days = {"from": "2026-10-03", "to": "2026-10-20"}
    first, second = (ask(url, FILE, **days, **options).content for url in urls)
    assert first == second
    assert first.count(b"\n") > 500


@pytest.mark.parametrize("order", [{"format": "parquet"}, {"dataset": "ai-calls"}])
def test_the_file_of_a_job_is_that_of_duckdb(order: dict[str, str], urls: tuple[str, str]) -> None:
    files = []
    for url in urls:
        headers = {"Authorization": "Bearer all-token"}
        job = httpx.post(f"{url}{LIST}/export", json=order, headers=headers).json()
        for _ in range(600):
            job = ask(url, f"{LIST}/export/{job['jobId']}").json()
            if job["state"] not in ("queued", "running"):
                break
            time.sleep(0.2)
        assert job["state"] == "succeeded", job
        content = httpx.get(job["file"]["url"]).content
        assert hashlib.sha256(content).hexdigest() == job["file"]["sha256"]
        files.append((content, job["file"]["rows"], job["file"]["totals"], job["file"]["coverage"]))
    assert files[0] == files[1]
    assert files[0][1] > 1000


@pytest.mark.of_any_target
def test_an_mcp_client_is_told_what_duckdb_tells(place: Place, first_words: list[str]) -> None:
    assert first_words
    answers = []

    async def ask_tool(parameters: StdioServerParameters) -> None:
        async with Client(parameters) as client:
            result = await client.call_tool(
                "listcostandusage", {"providerName": "OpenAI", "pageSize": 50}
            )
            assert not result.is_error
            text = result.content[0].text
            following = json.loads(text)["nextPageToken"]
            answers.append(text.replace(following, "-"))

    for emulated, home in (
        (Emulated("duckdb", {}), place.demo.path),
        (place.emulated, place.copied),
    ):
        asyncio.run(ask_tool(stdio(emulated, home)))
    assert answers[0] == answers[1]
    assert json.loads(answers[0])["truncated"] is True


def test_the_copy_has_the_types_of_duckdb_and_is_for_its_owner(
    place: Place, urls: tuple[str, str]
) -> None:
    assert urls
    (folder,) = (place.copied / "warehouses").iterdir()
    assert folder.stat().st_mode & 0o777 == 0o700
    kinds = []
    for home in (place.demo, Home(folder)):
        with open_database(home.published()) as connection:
            columns = connection.execute(
                "select table_name, column_name, data_type from information_schema.columns"
                " where table_schema = 'main' order by all"
            ).fetchall()
            kinds.append(columns)
    assert set(kinds[1]) < set(kinds[0])
    assert not [column for column in kinds[1] if column[2] in ("DOUBLE", "FLOAT")]
    with open_database(Home(folder).published()) as connection:
        times = "select charge_period_start from int_usage_priced"
        found = [row[0] for row in connection.execute(times).fetchall()]
    assert found == sorted(found)


@pytest.mark.of_any_target
@pytest.mark.parametrize("command", ["serve", "mcp"])
def test_without_a_finished_build_one_sentence_says_what_to_do(
    command: str, place: Place, tmp_path: Path
) -> None:
    running = BuildRecord(started_at="2026-11-22T10:00:00Z", invocation_id="other")
    for record, sentence in (
        (BuildRecord(invocation_id="other"), "names no finished build"),
        (running, "that began at 2026-11-22T10:00:00Z has not ended"),
        (replace(place.record, tool_version="0.0.1"), "was made by ai-focus 0.0.1"),
        (None, "names no finished build"),
    ):
        with recorded(place.emulated, record):
            result = place.emulated.run(command, "--home", tmp_path, code=2)
        errors = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
        assert len(errors) == 1
        assert sentence in errors[0]
        assert f"focus-export build --target {place.emulated.target}" in errors[0]
        assert "Traceback" not in result.stderr
        assert result.stdout == ""


@pytest.mark.of_any_target
def test_a_build_that_begins_while_it_is_copied_is_not_mixed_with_it(
    place: Place, urls: tuple[str, str], tmp_path: Path
) -> None:
    assert urls
    (folder,) = (place.fresh_home(tmp_path).path / "warehouses").iterdir()
    home, project = Home(folder), load_project()
    before = home.published()
    new = replace(place.record, build_id=NEXT)
    begun = BuildRecord(started_at="2026-11-22T10:00:00Z", invocation_id="other")
    with recorded(place.emulated, new), open_warehouse(place.emulated.target, project) as opened:
        record = find_finished(opened)
        assert record == new
        for change in (lambda: write_record(opened, begun), lambda: lose_table(opened, begun)):

            def say(text: str, change: Any = change) -> None:
                if text.startswith("copying"):
                    change()

            write_record(opened, new)
            with pytest.raises(ChangedError, match="A build began"):
                copy_build(home, project, opened, record, say)
            assert home.published() == before
            assert [it.name for it in home.builds.iterdir() if it.is_dir()] == [before.parent.name]
        # no other build is to blame now
        write_record(opened, new)
        with pytest.raises(MissingTableError, match=r"(?i)int_held_calls"):
            copy_build(home, project, opened, record, lambda _text: None)
        opened.fetch("create table int_held_calls as select * from kept_aside")
    assert home.published() == before


def lose_table(opened: Warehouse, record: BuildRecord) -> None:
    """Do what a build does that makes a table anew and is not done with it."""
    opened.fetch("create or replace table kept_aside as select * from int_held_calls")
    opened.fetch("drop table int_held_calls")
    write_record(opened, record)


@pytest.mark.of_any_target
def test_a_new_build_is_served_without_a_failed_request(
    place: Place, urls: tuple[str, str], tmp_path: Path
) -> None:
    assert urls
    home = place.fresh_home(tmp_path)
    text = place.emulated
    answers: list[tuple[str, int]] = []
    ended = threading.Event()
    with serve(text, home, "--refresh", "1") as (url, log):

        def read() -> None:
            with httpx.Client(timeout=120) as client:
                while not ended.is_set():
                    body = client.get(url + LIST, params={"pageSize": 10}).raise_for_status().json()
                    answers.append((body["build"]["id"], body["totals"]["rows"]))

        first = httpx.get(url + LIST, params={"pageSize": 100}, timeout=120).json()
        reader = threading.Thread(target=read)
        reader.start()
        with open_warehouse(text.target, load_project()) as opened:
            marketing = "int_usage_priced where sub_account_id = 'Marketing'"
            opened.fetch(f"create or replace table kept_aside as select * from {marketing}")
            # a build begins …
            write_record(opened, BuildRecord(started_at="2026-11-22T10:00:00Z"))
            wait_until(lambda: metric(url, "focus_warehouse_failing") == 1, log)
            opened.fetch(f"delete from {marketing}")
            opened.fetch("create or replace table held_aside as select * from int_held_calls")
            opened.fetch("delete from int_held_calls")
            # … fails, which leaves no name …
            write_record(opened, BuildRecord(invocation_id="failed"))
            wait_until(lambda: "names no finished build" in log.read_text(), log)
            assert {answer[0] for answer in answers} == {place.record.build_id}
            # … and succeeds
            variables = json.dumps({"resource_id": "none"})
            write_record(opened, replace(place.record, build_id=NEXT, variables=variables))
            wait_until(lambda: answers[-1][0] == NEXT or not reader.is_alive(), log)
            opened.fetch("insert into int_usage_priced select * from kept_aside")
            opened.fetch("insert into int_held_calls select * from held_aside")
        # an empty table has come too
        (folder,) = (home.path / "warehouses").iterdir()
        with open_database(Home(folder).published()) as connection:
            held = connection.execute("select count(*) from int_held_calls").fetchall()
        assert held == [(0,)]
        ended.set()
        reader.join(60)
        assert answers[-1][0] == NEXT
        assert first["totals"]["rows"] == answers[0][1] > answers[-1][1] > 1000
        assert metric(url, "focus_warehouse_failing") == 0
        assert time.time() - metric(url, CURRENT) < 60
        # the views were made with the variables of that build
        rows = httpx.get(url + LIST, params={"pageSize": 500}, timeout=120).json()["records"]
        assert {row["ResourceId"] for row in rows} == {None}
        assert {row["ResourceId"] for row in first["records"]} != {None}
        # the build before is there for those who are reading it
        following = {"pageToken": first["nextPageToken"]}
        second = httpx.get(url + LIST, params=following, timeout=120).json()
        assert second["build"]["id"] == place.record.build_id
        assert second["totals"] == first["totals"]
        with open_warehouse(text.target, load_project()) as opened:
            write_record(opened, place.record)
    assert "Traceback" not in log.read_text()


@pytest.mark.of_any_target
def test_a_warehouse_that_goes_away_leaves_the_last_copy(
    place: Place, urls: tuple[str, str], tmp_path: Path
) -> None:
    assert urls
    home = place.fresh_home(tmp_path)
    (tmp_path / "other").mkdir()
    with emulate(place.emulated.target, tmp_path / "other") as server:
        other = server.in_schema("demo")
        key = {"snowflake": "SNOWFLAKE_PASSWORD", "bigquery": "BIGQUERY_TOKEN"}[other.target]
        other = Emulated(other.target, {**other.settings, key: SECRET})
        with other.in_process(), open_warehouse(other.target, load_project()) as opened:
            # nothing but the record: a new build whose tables can't be copied
            make_schema(opened)
            write_record(opened, replace(place.record, build_id=NEXT))
        stack = contextlib.ExitStack()
        url, log = stack.enter_context(serve(other, home, "--refresh", "1"))
        wait_until(lambda: "lacks a table" in log.read_text(), log)
        assert metric(url, "focus_warehouse_failing") == 1
    with stack:
        # the emulator has ended
        said = ("can't be opened", "refused a query")
        wait_until(lambda: any(words in log.read_text() for words in said), log)
        body = httpx.get(url + LIST, timeout=120).json()
        assert body["build"]["id"] == place.record.build_id
        assert httpx.get(f"{url}/readyz").status_code == 200
        assert metric(url, "focus_warehouse_failing") == 1
    text = log.read_text()
    assert "the last copy is served" in text
    assert SECRET not in text
    assert not [it for it in home.path.rglob(f"{NEXT}*") if "target" not in it.parts]


def test_every_table_is_copied_as_duckdbs_is(place: Place, urls: tuple[str, str]) -> None:
    assert urls
    (folder,) = (place.copied / "warehouses").iterdir()
    with (
        open_database(place.demo.published()) as expected,
        open_database(Home(folder).published()) as found,
    ):
        names = [row[0] for row in found.execute("show tables").fetchall()]
        assert len(names) > 60
        for name in names:
            contents = [
                (
                    connection.execute(f"describe {name}").fetchall(),
                    sorted(map(repr, connection.execute(f"from {name}").fetchall())),
                )
                for connection in (expected, found)
            ]
            assert contents[0] == contents[1], name


@pytest.mark.of_any_target
def test_dbt_records_which_build_the_tables_are_of(place: Place, tmp_path: Path) -> None:
    emulated = place.emulated.in_schema("recorded")
    variables = {"billing_account_name": 'it\'s \\ "new"'}
    own = {
        "AI_FOCUS_BUILD_ID": NEXT,
        "AI_FOCUS_BUILD_VERSION": "1.2.3",
        "AI_FOCUS_BUILD_VARIABLES": json.dumps(variables),
    }
    with emulated.in_process():
        with open_warehouse(emulated.target, load_project()) as opened:
            make_schema(opened)
        plain = Target(emulated.target, tmp_path, emulated.settings)
        named = Target(emulated.target, tmp_path, {**emulated.settings, **own})

        def record() -> BuildRecord:
            with open_warehouse(emulated.target, load_project()) as opened:
                return read_record(opened)

        plain.build("--select", "ai_currencies")
        assert record() == BuildRecord()
        named.build("--select", "ai_currencies")
        first = record()
        assert (first.build_id, first.started_at, first.tool_version) == (NEXT, None, "1.2.3")
        assert first.finished_at is not None
        assert json.loads(first.variables or "") == variables
        with pytest.raises(AssertionError, match="dbt on"):
            named.build("--select", "stg_pricing__provider_aliases")
        failed = record()
        assert failed == BuildRecord(invocation_id=failed.invocation_id)
        named.build("--select", "ai_currencies")
        plain.build("--select", "ai_currencies")
        after_plain = record()
        assert after_plain == BuildRecord(invocation_id=after_plain.invocation_id)
        assert len({it.invocation_id for it in (first, failed, after_plain)}) == 3
        kill_in_the_middle(emulated, tmp_path, lambda: record().started_at is not None)
        killed = record()
        assert killed == BuildRecord(
            started_at=killed.started_at, invocation_id=killed.invocation_id
        )
        result = emulated.run("export", "--home", tmp_path, code=2)
        assert f"A build that began at {killed.started_at} has not ended" in result.stderr


def kill_in_the_middle(emulated: Emulated, folder: Path, has_begun: Any) -> None:
    command = ["seed", "--target", emulated.target, "--project-dir", str(ROOT), "--threads", "1"]
    process = subprocess.Popen(
        [sys.executable, "-m", "dbt.cli.main", "--quiet", *command],
        env={
            **os.environ,
            **emulated.settings,
            "DBT_PROFILES_DIR": str(ROOT),
            "DBT_TARGET_PATH": str(folder / "target"),
            "DBT_LOG_PATH": str(folder / "logs"),
        },
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while process.poll() is None and not has_begun():
            time.sleep(0.1)
        assert process.poll() is None, "dbt ended before its start was seen"
    finally:
        process.kill()
        process.wait()
