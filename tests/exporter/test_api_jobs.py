"""Export jobs: their files are the extracts, they outlive the server, and none sees another's."""

from __future__ import annotations

import contextlib
import csv
import errno
import hashlib
import io
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Collection, Iterator
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import httpx
import pytest
from api_client import FILE, Server, bearer, copy_home, serve, write_tokens
from conftest import ROOT, children_of, environment, focus_export
from starlette.testclient import TestClient

from exporter.api.app import create_app
from exporter.api.auth import Authenticator
from exporter.api.jobs import child as job_process
from exporter.api.jobs.child import Task, describe_caller
from exporter.api.jobs.orders import Jobs
from exporter.api.jobs.store import STATES, Job, JobStore
from exporter.api.jobs.workers import JobSettings
from exporter.api.principal import LOCAL
from exporter.api.service import Service
from exporter.errors import UserError
from exporter.home import Home

EXPORT = "/focus/v1/cost-and-usage/export"
TOKENS: dict[str, dict[str, Any]] = {
    "acme": {"billing_accounts": ["org-acme"]},
    "globex": {"billing_accounts": ["org-globex"]},
    "commitments": {"datasets": ["contract-commitment"]},
}


@pytest.fixture
def home(demo_home: Path, tmp_path: Path) -> Path:
    """A home of a test's own, with the demo's build."""
    return copy_home(demo_home, tmp_path / "home").path


@contextlib.contextmanager
def open_client(
    home: Path,
    settings: JobSettings | None = None,
    tokens: Path | None = None,
    *,
    works: bool = True,
) -> Iterator[TestClient]:
    """Give a client of an application in this process; without workers jobs stay queued."""
    with (
        contextlib.closing(Service(Home(home))) as service,
        contextlib.closing(Jobs(service, settings)) as jobs,
    ):
        if works:
            jobs.start()
        app = create_app(service, Authenticator(tokens, ""), rate=0, jobs=jobs)
        with TestClient(app, base_url="http://127.0.0.1") as client:
            yield client


def order(client: TestClient | httpx.Client, headers: Any = None, **parameters: str) -> str:
    """Order a file; gives the job's route."""
    response = client.post(EXPORT, json=parameters, headers=headers)
    assert response.status_code == 202, response.text
    assert response.headers["location"] == f"{EXPORT}/{response.json()['jobId']}"
    return str(response.headers["location"])


def await_job(
    client: TestClient | httpx.Client, route: str, state: str = "succeeded", headers: Any = None
) -> dict[str, Any]:
    """Wait until a job is in a state; another end is a failure."""
    for _ in range(1200):
        job: dict[str, Any] = client.get(route, headers=headers).json()
        if job["state"] == state:
            return job
        assert job["state"] in ("queued", "running"), job
        time.sleep(0.1)
    raise AssertionError(job)


def detail(response: httpx.Response, status: int) -> str:
    """Check a refusal; gives its problem's sentence and the fields at fault."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    document = response.json()
    assert document["status"] == status
    named = ", ".join(fault["parameter"] for fault in document.get("errors", []))
    return f"{document['detail']} [{named}]"


def files_of(home: Path) -> list[str]:
    return sorted(file.name for file in (home / "jobs" / "files").iterdir())


@pytest.mark.parametrize(
    ("parameters", "options"),
    [
        ({}, ["--focus-version", "1.3"]),
        ({"format": "parquet", "focusVersion": "1.4"}, ["--format", "parquet"]),
        (
            {"format": "jsonl", "grain": "day", "chargeCategory": "Usage"},
            [
                "--focus-version=1.3",
                "--format=jsonl",
                "--grain=day",
                "--filter=ChargeCategory=Usage",
            ],
        ),
        ({"dataset": "ai-calls"}, ["--dataset", "ai-calls"]),
        (
            {"dataset": "contract-commitment", "format": "json"},
            ["--dataset", "contract-commitment", "--focus-version", "1.3", "--format", "json"],
        ),
    ],
)
def test_a_job_makes_the_file_of_an_export(
    home: Path, parameters: dict[str, str], options: list[str]
) -> None:
    with open_client(home) as client:
        job = await_job(client, order(client, **parameters))
        response = client.get(job["file"]["url"])
    expected = home / "expected"
    assert focus_export("export", "--home", home, *options, "--output", expected).returncode == 0
    assert response.content == expected.read_bytes()
    manifest = json.loads((home / "expected.manifest.json").read_text())
    file = job["file"]
    assert file["sha256"] == manifest["sha256"] == hashlib.sha256(response.content).hexdigest()
    assert file["bytes"] == manifest["bytes"] == len(response.content)
    assert file["rows"] == manifest["rows"] == file["totals"]["rows"] > 0
    assert file["build"]["id"] == manifest["build"]["build_id"]
    assert response.headers["content-disposition"] == f'attachment; filename="{file["name"]}"'
    assert response.headers["content-type"] == file["mediaType"]
    assert job["progress"] == 1 and job["error"] is None
    assert job["createdAt"] <= job["startedAt"] <= job["endedAt"] < job["expiresAt"]


def test_spend_is_exported_by_its_own_filters(home: Path) -> None:
    filters = {
        "modelId": "gpt-5-mini",
        "chargePeriodStart": "2026-10-01",
        "chargePeriodEnd": "2026-11-01",
    }
    with open_client(home) as client:
        response = client.post("/api/spend/export", json=filters)
        assert response.status_code == 202, response.text
        job = await_job(client, response.headers["location"])
        content = client.get(job["file"]["url"]).content
        # the capability's own order takes what the capability names
        refused = detail(client.post(EXPORT, json=filters), 400)
    options = ["--focus-version=1.3", "--filter=x_ModelId=gpt-5-mini", "--from=2026-10-01"]
    expected = home / "expected"
    result = focus_export(
        "export", "--home", home, *options, "--to=2026-10-31", "--output", expected
    )
    assert result.returncode == 0, result.stderr
    assert content == expected.read_bytes()
    assert job["file"]["rows"] > 0
    assert "[modelId, chargePeriodStart, chargePeriodEnd]" in refused


def test_a_part_of_a_file_can_be_asked_for(home: Path) -> None:
    with open_client(home) as client:
        url = await_job(client, order(client))["file"]["url"]
        whole = client.get(url).content
        part = client.get(url, headers={"Range": "bytes=100-199"})
        assert part.status_code == 206 and part.content == whole[100:200]


def test_a_tenant_gets_its_rows_and_no_job_of_another(home: Path) -> None:
    tokens = write_tokens(home / "tokens.json", TOKENS)
    with open_client(home, tokens=tokens) as client:
        routes = {name: order(client, bearer(name), format="jsonl") for name in ("acme", "globex")}
        rows: dict[str, set[str]] = {}
        for name, other in (("acme", "globex"), ("globex", "acme")):
            job = await_job(client, routes[name], headers=bearer(name))
            text = client.get(job["file"]["url"]).text
            accounts = {json.loads(line)["BillingAccountId"] for line in text.splitlines()}
            assert accounts == {f"org-{name}"}
            rows[name] = set(text.splitlines())
            for method in ("GET", "DELETE"):
                response = client.request(method, routes[name], headers=bearer(other))
                assert "no such job" in detail(response, 404)
            detail(client.get(routes[name]), 401)
        assert not rows["acme"] & rows["globex"]
        # a scope that was narrowed since: the job is of the wider one
        write_tokens(tokens, {"acme": {"billing_accounts": ["org-acme"], "sub_accounts": ["x"]}})
        assert "no such job" in detail(client.get(routes["acme"], headers=bearer("acme")), 404)


def test_a_token_without_the_dataset_orders_nothing(home: Path) -> None:
    tokens = write_tokens(home / "tokens.json", TOKENS)
    with open_client(home, tokens=tokens, works=False) as client:
        response = client.post(EXPORT, json={}, headers=bearer("commitments"))
        assert "cost-and-usage" in detail(response, 403)
        order(client, bearer("commitments"), dataset="contract-commitment")


def test_an_order_sent_again_is_the_same_job(home: Path) -> None:
    tokens = write_tokens(home / "tokens.json", TOKENS)
    with open_client(home, tokens=tokens, works=False) as client:
        mine = {**bearer("acme"), "Idempotency-Key": "october"}
        first = client.post(EXPORT, json={"format": "csv"}, headers=mine)
        again = client.post(EXPORT, json={}, headers=mine)
        assert (first.status_code, again.status_code) == (202, 200)
        assert first.json() == again.json()
        other = client.post(EXPORT, json={"format": "json"}, headers=mine)
        assert "[Idempotency-Key]" in detail(other, 409)
        theirs = {**bearer("globex"), "Idempotency-Key": "october"}
        response = client.post(EXPORT, json={}, headers=theirs)
        assert response.status_code == 202
        assert response.json()["jobId"] != first.json()["jobId"]
        for key in ("", "k" * 256):
            response = client.post(
                EXPORT, json={}, headers={**bearer("acme"), "Idempotency-Key": key}
            )
            assert "[Idempotency-Key]" in detail(response, 400)


def test_a_full_queue_says_when_to_come_again(home: Path) -> None:
    tokens = write_tokens(home / "tokens.json", TOKENS)
    with open_client(home, JobSettings(queue=3), tokens, works=False) as client:
        routes = [order(client, bearer("acme")) for _ in range(2)]
        own = client.post(EXPORT, json={}, headers=bearer("acme"))
        assert "your jobs" in detail(own, 429)
        assert int(own.headers["retry-after"]) > 0
        order(client, bearer("globex"))
        full = client.post(EXPORT, json={}, headers=bearer("globex"))
        assert "jobs are waiting" in detail(full, 429)
        assert client.delete(routes[0], headers=bearer("acme")).status_code == 200
        order(client, bearer("globex"))


def test_a_queued_job_can_be_cancelled(home: Path) -> None:
    with open_client(home, works=False) as client:
        route = order(client)
        for _ in range(2):
            response = client.delete(route)
            assert response.status_code == 200 and response.json()["state"] == "cancelled"
        assert client.get(route).json()["file"] is None
    with open_client(home) as client:
        await_job(client, order(client))
        assert client.get(route).json()["state"] == "cancelled"


def test_an_ended_job_without_a_file_is_not_cancelled(home: Path) -> None:
    with open_client(home, JobSettings(keep=0)) as client:
        route = order(client, dataset="contract-commitment")
        await_job(client, route, "expired")
        assert "expired" in detail(client.delete(route), 409)


def test_the_file_of_a_job_is_removed_with_it(home: Path) -> None:
    with open_client(home) as client:
        job = await_job(client, route := order(client))
        assert client.get(job["file"]["url"]).status_code == 200
        response = client.delete(route)
        assert (response.status_code, response.json()["state"]) == (200, "expired")
        assert client.get(job["file"]["url"]).status_code == 410
        assert files_of(home) == []
        assert "expired" in detail(client.delete(route), 409)


def make_job(owner: str, number: int, created_at: float) -> Job:
    ends = dict.fromkeys(("worker", "result", "error", "started_at", "ended_at", "expires_at"))
    request = {"format": "csv", "number": number}
    return Job(f"{owner}-{number}", owner, request, "queued", 0, 0, created_at=created_at, **ends)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[JobStore]:
    with contextlib.closing(JobStore(tmp_path / "jobs.sqlite")) as opened:
        yield opened


def test_owners_are_served_in_turn(store: JobStore) -> None:
    for moment, (owner, number) in enumerate(
        [*(("acme", number) for number in range(20)), ("globex", 0), ("globex", 1), ("other", 0)]
    ):
        store.add(make_job(owner, number, moment), None, 50, 50)

    def claim(now: float) -> str | None:
        job = store.claim("w", now, most_own=2)
        return job and job.id

    found = [claim(now) for now in range(100, 105)]
    assert found == ["acme-0", "globex-0", "other-0", "acme-1", "globex-1"]
    # nobody has more than two, however many workers are free
    assert claim(105) is None
    for number, now in ((0, 106), (1, 107)):
        assert store.finish(f"acme-{number}", "w", "failed", now)
    store.add(make_job("other", 1, 108), None, 50, 50)
    store.finish("other-0", "w", "failed", 109)
    # of those with nothing under way the one whose last turn is the longest ago
    assert [claim(now) for now in (110, 111)] == ["other-1", "acme-2"]


def test_an_owner_is_told_of_its_last_hundred_jobs(store: JobStore) -> None:
    for number in range(150):
        store.add(make_job("acme", number, number), None, 200, 200)
        store.cancel(f"acme-{number}", number)
    store.add(make_job("globex", 0, 0), None, 200, 200)
    store.cancel("globex-0", 1)
    store.forget(-1)
    assert store.count("acme")["cancelled"] == 100
    assert store.count()["cancelled"] == 101
    assert store.find("acme-49") is None and store.find("acme-50") is not None


def test_one_owner_leaves_a_worker_to_others(home: Path) -> None:
    tokens = write_tokens(home / "tokens.json", TOKENS)
    with (
        serve(home, "--tokens", tokens) as server,
        httpx.Client(base_url=server.url) as client,
    ):
        flood = [order(client, bearer("acme")) for _ in range(20)]
        with frozen_job(server.process.pid):
            await_job(client, order(client, bearer("globex")), headers=bearer("globex"))
            states = [client.get(route, headers=bearer("acme")).json()["state"] for route in flood]
            assert states == ["running", *["queued"] * 19]


def test_files_that_take_too_much_are_told_to_go_first(home: Path) -> None:
    with open_client(home) as client:
        job = await_job(client, route := order(client))
        assert client.post(EXPORT, headers={"Idempotency-Key": "a"}, json={}).status_code == 202
    with open_client(home, JobSettings(owner_bytes=job["file"]["bytes"]), works=False) as client:
        refused = client.post(EXPORT, json={})
        said = detail(refused, 429)
        assert "delete a job" in said and "expires" in said
        assert 0 < int(refused.headers["retry-after"]) <= 86_400
        # what was ordered already is told of
        again = client.post(EXPORT, headers={"Idempotency-Key": "a"}, json={})
        assert again.status_code == 200
        assert client.delete(route).status_code == 200
        client.delete(f"{EXPORT}/{again.json()['jobId']}")
        order(client)


def test_a_file_that_grows_too_large_is_ended(home: Path) -> None:
    variables = {"AI_FOCUS_JOB_OWNER_BYTES": "1000000000"}
    with (
        serve(home, variables=variables) as server,
        httpx.Client(base_url=server.url) as client,
    ):
        route = order(client)
        with frozen_job(server.process.pid):
            # as large a file as no test writes; it takes no room
            job = job_of(home, route)
            part = home / "jobs" / "files" / f".{job.id}.csv.{job.worker}.part"
            part.touch()
            os.truncate(part, 1_000_000_000)
            error = await_job(client, route, "failed")["error"]
    assert "1000000000 bytes" in error and "delete a job" in error


def test_a_full_disk_is_said_before_and_while_a_file_is_made(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "no space left on the server's disk"
    with open_client(home, works=False) as client:
        route = order(client)
        monkeypatch.setattr(
            "exporter.api.jobs.room.shutil.disk_usage", lambda _: SimpleNamespace(free=0)
        )
        assert said in detail(client.post(EXPORT, json={}), 507)
    with open_client(home) as client:
        assert said in await_job(client, route, "failed")["error"]
    monkeypatch.undo()

    def fail(*_arguments: Any) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with open_client(home) as client:
        monkeypatch.setattr(JobStore, "add", fail)
        assert said in detail(client.post(EXPORT, json={}), 507)
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(job_process, "write_file", raise_full)
    task = Task(str(home), "", {}, "cost-and-usage", {}, "call", "csv")
    job_process._run(asdict(task), lambda event, **rest: sent.append({"event": event, **rest}))
    assert [event["event"] for event in sent] == ["failed"]
    assert said in sent[0]["error"]


def raise_full(*_arguments: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_link_that_was_altered_leads_nowhere(home: Path) -> None:
    with open_client(home) as client:
        jobs = [await_job(client, order(client, format=fmt)) for fmt in ("csv", "json")]
        url, other = (job["file"]["url"] for job in jobs)
        signature = url[-1]
        for altered in (
            url[:-1] + ("0" if signature != "0" else "1"),
            url.replace("expires=", "expires=9"),
            url.replace(jobs[0]["jobId"], jobs[1]["jobId"]),
            url.replace(".csv?", ".txt?"),
            other.partition("?")[0] + "?" + url.partition("?")[2],
            url.replace("signature=", "signature=%C3%A9"),
        ):
            assert altered != url
            assert "not given out" in detail(client.get(altered), 403)
        assert "[expires]" in detail(client.get(url.partition("?")[0]), 400)
        assert "[also]" in detail(client.get(f"{url}&also=this"), 400)
        assert "[expires]" in detail(client.get(f"{url}&expires=1"), 400)


def test_a_file_of_calls_has_no_formula_for_a_spreadsheet(home: Path) -> None:
    starts = ("=", "+", "-", "@", "\t", "\r", "\n")
    with duckdb.connect(str((home / "ai_focus.duckdb").resolve())) as connection:
        for number, start in enumerate(starts):
            connection.execute(
                "update stg_gateway__usage set user_id = ? where replaces_key ="
                " (select call_key from ai_calls where source_name = 'gateway' and billed_cost > 0"
                f" order by call_key offset {number} limit 1)",
                [f"{start}SUM(A1)"],
            )
    with open_client(home) as client:
        ordered = await_job(client, order(client, dataset="ai-calls", format="csv"))
        for url in ("/api/exports/focus", ordered["file"]["url"]):
            rows = csv.DictReader(io.StringIO(client.get(url).text, newline=""))
            found = {row["Tags/x-cost-user"] for row in rows}
            assert {user for user in found if "SUM" in user} == {f"'{it}SUM(A1)" for it in starts}
            assert not {user for user in found if user.startswith(starts)}


def test_a_link_is_good_for_its_time_only(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_client(home, JobSettings(link=60)) as client:
        url = await_job(client, route := order(client))["file"]["url"]
        assert client.get(url).status_code == 200
        later = SimpleNamespace(time=lambda: time.time() + 60)
        monkeypatch.setattr("exporter.api.jobs.orders.time", later)
        assert "expired" in detail(client.get(url), 410)
        # the file is still there: the job gives a new link
        assert client.get(client.get(route).json()["file"]["url"]).status_code == 200


def test_files_go_when_their_time_is_over(home: Path) -> None:
    with open_client(home, JobSettings(keep=3)) as client:
        url = await_job(client, route := order(client))["file"]["url"]
        assert len(files_of(home)) == 1
        job = {}
        for _ in range(200):
            job = client.get(route).json()
            if job["state"] == "expired" and not files_of(home):
                break
            time.sleep(0.1)
        assert job["state"] == "expired" and job["file"] is None
        assert files_of(home) == []
        assert "expired" in detail(client.get(url), 410)


def test_a_job_that_fails_says_why(home: Path) -> None:
    with open_client(home, works=False) as client:
        route = order(client)
    (home / "ai_focus.duckdb").unlink()
    with open_client(home) as client:
        job = await_job(client, route, "failed")
        assert "There is no build" in job["error"]
        assert job["file"] is None and files_of(home) == []
        # nothing can be ordered where there is nothing to read
        detail(client.post(EXPORT, json={}), 503)


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"format": "xlsx"}, "format"),
        ({"grain": "year"}, "grain"),
        ({"grain": "day", "dataset": "ai-calls"}, "grain"),
        ({"dataset": "calls"}, "dataset"),
        ({"focusVersion": "2.0"}, "focusVersion"),
        ({"pageSize": "10"}, "pageSize"),
        ({"modelId": "openai/gpt-5"}, "modelId"),
        ({"commitmentDiscountId": "x"}, "commitmentDiscountId"),
        ({"subAccountId": 3}, "subAccountId"),
        ({"subAccountId": None}, "subAccountId"),
        ({"billingPeriodStart": "yesterday"}, "billingPeriodStart"),
        (
            {"billingPeriodStart": "2026-10-01", "billingPeriodEnd": "2026-09-01"},
            "billingPeriodEnd",
        ),
        ({"region": "x" * 2000}, "region"),
    ],
)
def test_an_order_that_is_not_valid_names_the_field(
    home: Path, body: dict[str, Any], named: str
) -> None:
    with open_client(home, works=False) as client:
        assert f"[{named}]" in detail(client.post(EXPORT, json=body), 400)


def test_a_body_that_is_no_order_is_refused(home: Path) -> None:
    kind = {"Content-Type": "application/json"}
    with open_client(home, works=False) as client:
        for content in ("{", "[]", "3", "[" * 60_000):
            detail(client.post(EXPORT, content=content, headers=kind), 400)
        twice = client.post(EXPORT, content='{"format":"csv","format":"json"}', headers=kind)
        assert "[format]" in detail(twice, 400)
        # what a form of a foreign page can send
        detail(client.post(EXPORT, content="{}", headers={"Content-Type": "text/plain"}), 400)
        detail(client.post(EXPORT, content=" " * 70_000, headers=kind), 413)
        assert "[now]" in detail(client.post(f"{EXPORT}?now=1", json={}), 400)
        for job_id in ("unknown", "%27%20or%201=1", "x" * 500):
            for method in ("GET", "DELETE"):
                detail(client.request(method, f"{EXPORT}/{job_id}"), 404)


def test_without_a_place_for_jobs_lists_are_answered(home: Path) -> None:
    (home / "jobs").write_text("no folder")
    with open_client(home) as client:
        assert "jobs" in detail(client.post(EXPORT, json={}), 503)
        assert client.get("/focus/v1/cost-and-usage?pageSize=1").status_code == 200


def test_a_setting_that_is_no_number_is_the_users_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AI_FOCUS_JOB_QUEUE", "many")
    with pytest.raises(UserError, match="AI_FOCUS_JOB_QUEUE is 'many'"):
        JobSettings.from_environment()
    monkeypatch.setenv("AI_FOCUS_JOB_QUEUE", "7")
    monkeypatch.setenv("AI_FOCUS_JOB_OWNER_BYTES", "1000000000000")
    assert JobSettings.from_environment() == JobSettings(queue=7, owner_bytes=10**12)


def workers_of(server: int) -> list[int]:
    """Find the processes of a server's jobs; one that has only just been forked is none yet."""
    return children_of(server, "exporter.api.jobs.child")


@contextlib.contextmanager
def frozen_job(server: int, ended: Collection[int] = ()) -> Iterator[int]:
    """Hold the process of a server's job, so that the job goes on running as long as it takes."""
    found: list[int] = []
    for _ in range(600):
        if found := [worker for worker in workers_of(server) if worker not in ended]:
            break
        time.sleep(0.02)
    os.kill(found[0], signal.SIGSTOP)
    try:
        yield found[0]
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(found[0], signal.SIGCONT)


def assert_ends(process: int) -> None:
    """The process goes within seconds; one that nobody asked for its exit code is gone too."""
    for _ in range(300):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if "State:\tZ" not in Path(f"/proc/{process}/status").read_text():
                time.sleep(0.1)
                continue
        return
    raise AssertionError(f"process {process} still runs")


@pytest.mark.parametrize("way", ["kill -9", "SIGTERM", "Ctrl-C", "SIGTERM to all"])
def test_a_job_outlives_its_server(home: Path, way: str) -> None:
    with serve(home) as server, httpx.Client(base_url=server.url) as client:
        route = order(client, format="csv")
        with frozen_job(server.process.pid) as worker:
            await_job(client, route, "running")
            if way == "kill -9":
                server.process.kill()
                server.process.wait(30)
            else:
                stop_slowly(server, way, worker)
                # nothing interrupted it but the server's own end, which doesn't count
                job = job_of(home, route)
                assert job.attempts == {"queued": 0, "succeeded": 1}[job.state]
        assert_ends(worker)
    with serve(home) as server, httpx.Client(base_url=server.url) as client:
        job = await_job(client, route)
        content = client.get(job["file"]["url"]).content
    expected = home / "expected.csv"
    options = ("--home", home, "--focus-version", "1.3", "--output", expected)
    assert focus_export("export", *options).returncode == 0
    assert content == expected.read_bytes()
    assert files_of(home) == [f"{job['jobId']}.csv"]


def job_of(home: Path, route: str) -> Job:
    with contextlib.closing(JobStore(home / "jobs" / "jobs.sqlite")) as store:
        job = store.find(route.rpartition("/")[2])
    assert job is not None
    return job


def stop_slowly(server: Server, way: str, worker: int) -> None:
    """Stop a server while somebody reads, for whom it waits: the job's process is alive meanwhile.

    A terminal signals the whole group of processes, what stops a service all that it ever started.
    """
    with socket.create_connection(("127.0.0.1", server.port)) as reader:
        reader.sendall(f"GET {FILE} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        assert reader.recv(20).startswith(b"HTTP/1.1 200")
        if way == "SIGTERM":
            server.process.terminate()
        elif way == "Ctrl-C":
            os.killpg(server.process.pid, signal.SIGINT)
            os.kill(worker, signal.SIGCONT)
        else:
            os.killpg(server.process.pid, signal.SIGTERM)
            os.kill(worker, signal.SIGTERM)
            os.kill(worker, signal.SIGCONT)
        server.process.wait(30)
    assert "Traceback" not in server.log.read_text()


def test_the_process_of_a_job_ends_with_whoever_started_it(home: Path) -> None:
    # nobody reads from it: the writer waits
    os.mkfifo(home / "pipe")
    task = Task(
        home=str(home),
        path=str(home / "pipe"),
        caller=describe_caller(LOCAL),
        dataset="cost-and-usage",
        parameters={},
        grain="call",
        format="csv",
    )
    with subprocess.Popen(
        [sys.executable, "-m", "exporter.api.jobs.child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment(),
        cwd=ROOT,
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(json.dumps(asdict(task)).encode() + b"\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["event"] == "progress"
            # signals are for whoever started it, who decides what ends
            process.terminate()
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.5)
            process.stdin.close()
            assert process.wait(30) == 1
        finally:
            process.kill()


def test_a_running_job_can_be_cancelled(home: Path) -> None:
    with serve(home) as server, httpx.Client(base_url=server.url) as client:
        route = order(client)
        with frozen_job(server.process.pid) as worker:
            await_job(client, route, "running")
            assert client.delete(route).json()["state"] == "cancelled"
            assert_ends(worker)
        # the worker takes the next one, and nothing of the first is left
        job = await_job(client, order(client))
        assert files_of(home) == [f"{job['jobId']}.csv"]
        assert client.get(route).json()["state"] == "cancelled"


@pytest.mark.parametrize(("times", "state"), [(1, "succeeded"), (3, "failed")])
def test_a_job_whose_process_is_killed_starts_again(home: Path, times: int, state: str) -> None:
    killed: set[int] = set()
    with serve(home) as server, httpx.Client(base_url=server.url) as client:
        route = order(client)
        while len(killed) < times:
            with frozen_job(server.process.pid, killed) as worker:
                os.kill(worker, signal.SIGKILL)
                killed.add(worker)
        error = await_job(client, route, state)["error"]
    expected = "The job was interrupted 3 times while it was running."
    assert error == (expected if state == "failed" else None)


def test_a_process_that_is_killed_ends_no_other_job(home: Path) -> None:
    variables = {"AI_FOCUS_JOB_WORKERS": "3"}
    with (
        serve(home, variables=variables) as server,
        httpx.Client(base_url=server.url) as client,
    ):
        routes = [order(client), order(client)]
        process = server.process.pid
        with frozen_job(process) as one, frozen_job(process, {one}) as other:
            os.kill(one, signal.SIGKILL)
            with frozen_job(process, {one, other}):
                # several looks at what runs
                time.sleep(1)
                assert other in workers_of(process)
                assert sorted(job_of(home, route).attempts for route in routes) == [1, 2]
        for route in routes:
            await_job(client, route)


def test_a_job_whose_process_dies_before_it_reads_fails(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/true")
    with open_client(home) as client:
        job = await_job(client, order(client), "failed")
    assert job["error"] == "The job was interrupted 3 times while it was running."


def test_a_job_that_takes_too_long_is_ended(home: Path) -> None:
    variables = {"AI_FOCUS_JOB_LIMIT_SECONDS": "2"}
    with (
        serve(home, variables=variables) as server,
        httpx.Client(base_url=server.url) as client,
    ):
        route = order(client)
        with frozen_job(server.process.pid):
            error = await_job(client, route, "failed")["error"]
    assert error == "The job took longer than 2 s, the most that one may take here."


def test_what_a_library_prints_is_no_event(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # a module that every process of Python imports at its start
    (home / "sitecustomize.py").write_text("print('hello')\nimport atexit\n")
    monkeypatch.setenv("PYTHONPATH", f"{home}{os.pathsep}{ROOT}")
    with open_client(home) as client:
        assert await_job(client, order(client))["file"]["rows"] > 0


def test_the_lock_of_a_killed_server_is_swept_up(home: Path) -> None:
    with serve(home) as server, httpx.Client(base_url=server.url):
        server.process.kill()
        server.process.wait(30)
    (left,) = (home / "jobs").glob(".*.lock")
    with serve(home), contextlib.suppress(FileNotFoundError):
        for _ in range(100):
            left.stat()
            time.sleep(0.1)
    assert not left.exists()


def test_what_a_revoked_token_ordered_is_neither_made_nor_given_out(home: Path) -> None:
    tokens = write_tokens(home / "tokens.json", TOKENS)
    variables = {"AI_FOCUS_JOB_WORKERS": "1"}
    acme, globex = bearer("acme"), bearer("globex")
    with (
        serve(home, "--tokens", tokens, variables=variables) as server,
        httpx.Client(base_url=server.url) as client,
    ):
        link = await_job(client, order(client, acme), headers=acme)["file"]["url"]
        assert client.get(link).status_code == 200
        order(client, acme)
        order(client, acme)
        with frozen_job(server.process.pid) as worker:
            narrowed = {"acme": {"billing_accounts": []}, "globex": TOKENS["globex"]}
            write_tokens(tokens, narrowed)
            assert_ends(worker)
        assert client.get(link).status_code == 403
        # the next in the queue is another's
        await_job(client, order(client, globex), headers=globex)
        states = client.get("/metrics", headers=globex).text
        assert 'focus_jobs{state="failed"} 0.0' in states
    with contextlib.closing(JobStore(home / "jobs" / "jobs.sqlite")) as store:
        assert store.count() == {**dict.fromkeys(STATES, 0), "succeeded": 2, "failed": 2}


@pytest.mark.parametrize("content", [None, b"", b" "])
def test_an_order_of_nothing_is_every_row_as_json(home: Path, content: bytes | None) -> None:
    with open_client(home, works=False) as client:
        headers = {} if content is None else {"Content-Type": "Application/JSON; charset=utf-8"}
        response = client.post(EXPORT, content=content, headers=headers)
        assert response.status_code == 202, response.text
        assert response.json()["format"] == "json"
        assert response.json()["filters"] == {}
        # a form of another site can send nothing as well
        for headers, status in (
            ({"Sec-Fetch-Site": "same-site"}, 400),
            ({"Sec-Fetch-Site": "cross-site"}, 403),
            ({"Origin": "http://evil.example"}, 400),
        ):
            assert client.post(EXPORT, headers=headers).status_code == status


@pytest.mark.parametrize("text", ['{"serviceName": "\\ud800"}', '{"\\ud800": "x"}'])
def test_half_a_character_is_no_order(home: Path, text: str) -> None:
    with open_client(home, works=False) as client:
        headers = {"Content-Type": "application/json"}
        assert "valid JSON" in detail(client.post(EXPORT, content=text, headers=headers), 400)


def test_no_more_jobs_run_at_once_than_allowed(home: Path) -> None:
    variables = {"AI_FOCUS_JOB_WORKERS": "1"}
    with (
        serve(home, variables=variables) as server,
        httpx.Client(base_url=server.url) as client,
    ):
        routes = [order(client) for _ in range(3)]
        with frozen_job(server.process.pid):
            states = [client.get(route).json()["state"] for route in routes]
            assert states == ["running", "queued", "queued"]
            counted = client.get("/metrics").text.splitlines()
            assert 'focus_jobs{state="running"} 1.0' in counted
            assert 'focus_jobs{state="queued"} 2.0' in counted
            assert 'focus_jobs{state="failed"} 0.0' in counted
            assert len(workers_of(server.process.pid)) == 1
        jobs = [await_job(client, route) for route in routes]
        assert all(one["endedAt"] <= other["startedAt"] for one, other in pairwise(jobs))


def test_the_token_and_the_link_are_not_in_the_log(home: Path) -> None:
    tokens = write_tokens(home / "tokens.json", TOKENS)
    with (
        serve(home, "--tokens", tokens) as server,
        httpx.Client(base_url=server.url) as client,
    ):
        job = await_job(client, order(client, bearer("acme")), headers=bearer("acme"))
        assert client.get(job["file"]["url"]).status_code == 200
        server.stop()
        log = server.log.read_text()
    assert "acme-token" not in log
    assert job["file"]["url"].rpartition("=")[2] not in log


def test_what_is_kept_is_for_the_owner_of_the_home_alone(home: Path) -> None:
    with open_client(home) as client:
        await_job(client, order(client))
    assert (home / "jobs").stat().st_mode & 0o077 == 0
    listed = subprocess.run(["ls", "-a", home / "jobs"], capture_output=True, text=True, check=True)
    assert ".lock" not in listed.stdout
