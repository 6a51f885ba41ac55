"""What one token does leaves room for another: turns at queries and files, deadlines, builds."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest
from api_client import FILE, LIST, bearer, copy_home, open_client, publish, write_tokens
from starlette.testclient import TestClient

from exporter.api import service
from exporter.api.principal import LOCAL
from exporter.api.problems import RequestError
from exporter.api.turns import Turns
from exporter.errors import UserError
from exporter.extract.pages import PagedExtract
from exporter.home import Home

SPEND = "/api/spend"
TOKENS: dict[str, dict[str, Any]] = {
    "all": {},
    "acme": {"billing_accounts": ["org-acme"]},
    "globex": {"billing_accounts": ["org-globex"]},
}
ENDLESS = "select count(*) from range(1000000000) a, range(1000000000) b"


@pytest.fixture
def client(demo_home: Path, tmp_path: Path) -> Iterator[TestClient]:
    with open_client(demo_home, write_tokens(tmp_path / "tokens.json", TOKENS)) as opened:
        yield opened


def ask(client: TestClient, name: str, path: str = LIST, **parameters: Any) -> httpx.Response:
    given = {"pageSize": 1} if path == LIST and not parameters else parameters
    return client.get(path, params=given, headers=bearer(name))


class Held:
    """Lets acme's calls of a function begin, but not end."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.begun: list[threading.Event] = [threading.Event() for _ in range(100)]
        self.may_end = threading.Event()
        self.count = itertools.count()
        self.number = 0
        self._function = function

    def wrap(self) -> Callable[..., Any]:
        def call(extract: PagedExtract, *arguments: Any, **options: Any) -> Any:
            if "org-acme" in extract._parameters:
                self.number = next(self.count) + 1
                self.begun[self.number - 1].set()
                self.may_end.wait(60)
            return self._function(extract, *arguments, **options)

        return call


@contextmanager
def held(name: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Held]:
    calls = Held(getattr(PagedExtract, name))
    monkeypatch.setattr(PagedExtract, name, calls.wrap())
    try:
        yield calls
    finally:
        calls.may_end.set()


def statuses(futures: list[Future[httpx.Response]]) -> dict[int, int]:
    found = [future.result().status_code for future in futures]
    return {status: found.count(status) for status in set(found)}


def test_a_flood_of_one_token_leaves_a_turn_for_another(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ThreadPoolExecutor(60) as pool, held("read", monkeypatch) as reads:
        flood = [pool.submit(ask, client, "acme") for _ in range(60)]
        # two are read and fifty wait
        refused = [future.result() for future in itertools.islice(as_completed(flood), 8)]
        for response in refused:
            assert response.status_code == 429
            assert int(response.headers["retry-after"]) > 0
            assert "your queries" in response.json()["detail"]
        for event in reads.begun[:2]:
            assert event.wait(60)
        assert ask(client, "globex").status_code == 200
        assert reads.number == 2
        # nothing but the flood waits
        assert "focus_requests_waiting 50.0" in ask(client, "all", "/metrics").text
        reads.may_end.set()
        assert statuses(flood) == {429: 8, 200: 52}


def test_what_is_kept_waits_for_nobody(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = ask(client, "globex", SPEND, groupBy="day").json()
    totals = ask(client, "globex", SPEND).json()
    turns = Turns("queries", at_once=0, each=2, queue=0, own_queue=0)
    monkeypatch.setattr(client.app.state.service, "_queries", turns)  # type: ignore[attr-defined]
    assert ask(client, "globex", SPEND, groupBy="day").json() == kept
    assert ask(client, "globex", SPEND).json() == totals
    response = ask(client, "globex", SPEND, groupBy="month")
    assert response.status_code in (429, 503) and "retry-after" in response.headers


def test_one_token_has_one_file_at_a_time(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ThreadPoolExecutor(8) as pool, held("stage", monkeypatch) as stages:
        files = [pool.submit(ask, client, "acme", FILE) for _ in range(7)]
        # one is made and four wait
        for future in itertools.islice(as_completed(files), 2):
            assert future.result().status_code == 429
            assert int(future.result().headers["retry-after"]) > 0
        assert stages.begun[0].wait(60)
        assert stages.number == 1
        stages.may_end.set()
        assert statuses(files) == {429: 2, 200: 5}


def test_turns_go_round_between_those_who_wait() -> None:
    turns = Turns("queries", at_once=1, each=1, queue=8, own_queue=8)
    order: list[str] = []

    def work(name: str) -> None:
        with turns.take(name, 60):
            order.append(name)

    with ThreadPoolExecutor(6) as pool, turns.take("acme", 60):
        for number, name in enumerate(("acme", "acme", "acme", "globex", "globex", "other"), 1):
            pool.submit(work, name)
            while turns.count_waiting() < number:
                time.sleep(0.001)
    assert order == ["globex", "other", "acme", "globex", "acme", "acme"]


def test_a_queue_of_all_is_bounded_too() -> None:
    turns = Turns("files", at_once=0, each=1, queue=0, own_queue=5)
    with pytest.raises(RequestError, match="Too many files") as refusal, turns.take("acme", 60):
        pass
    assert (refusal.value.kind, refusal.value.retry_after) == ("busy", 5)


def test_who_waits_too_long_is_told_to_come_again() -> None:
    turns = Turns("files", at_once=0, each=1, queue=5, own_queue=5)
    with pytest.raises(RequestError, match="try again") as refusal, turns.take("acme", 0):
        pass
    assert refusal.value.kind == "busy"
    # nobody is left in the queue
    turns = Turns("files", at_once=1, each=1, queue=1, own_queue=1)
    with turns.take("acme", 60):
        for _ in range(3):
            with pytest.raises(RequestError, match="your files"), turns.take("acme", 0):
                pass
    with turns.take("acme", 60):
        pass


def run_endlessly(extract: PagedExtract, *_arguments: Any) -> Any:
    return extract._connection.execute(ENDLESS).fetchall()


def test_a_query_that_takes_too_long_is_ended(
    demo_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AI_FOCUS_QUERY_SECONDS", "3")
    with open_client(demo_home) as client:
        for name, path in (("read", LIST), ("measure", f"{SPEND}?subAccountId=Legal")):
            with monkeypatch.context() as patch:
                patch.setattr(PagedExtract, name, run_endlessly)
                response = client.get(path)
            assert response.status_code == 503, path
            assert "longer than 3 s" in response.json()["detail"]
            assert "order a file" in response.json()["detail"]
            assert int(response.headers["retry-after"]) > 0
        assert client.get(LIST).status_code == 200


def test_a_deadline_that_is_no_number_is_the_users_mistake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AI_FOCUS_QUERY_SECONDS", "soon")
    with pytest.raises(UserError, match="AI_FOCUS_QUERY_SECONDS"):
        service.Service(Home(tmp_path))


def leave(client: TestClient, path: str, when: str) -> list[Any]:
    """Ask without a client library, and leave: at once, or when the answer has begun."""
    begun = asyncio.Event()
    sent: list[Any] = []
    scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode()}
    scope |= {"headers": [(b"host", b"127.0.0.1")], "query_string": b"", "root_path": ""}
    scope |= {"asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1"}
    messages = iter([{"type": "http.request", "body": b""}])

    async def receive() -> Any:
        for message in messages:
            return message
        if when == "begun":
            await begun.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)
        if message.get("body"):
            begun.set()

    asyncio.run(client.app(scope, receive, send))
    return sent


@pytest.mark.parametrize(("name", "path"), [("read", LIST), ("measure", FILE)])
def test_what_nobody_waits_for_is_ended(
    demo_home: Path, monkeypatch: pytest.MonkeyPatch, name: str, path: str
) -> None:
    monkeypatch.setenv("AI_FOCUS_QUERY_SECONDS", "3600")
    with open_client(demo_home) as client:
        with monkeypatch.context() as patch:
            patch.setattr(PagedExtract, name, run_endlessly)
            sent = leave(client, path, "at once")
        assert sent[0]["status"] == 503
        assert client.get(path).status_code == 200


def test_a_file_whose_client_left_is_ended(
    demo_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = threading.Event()

    def stream(_extract: PagedExtract, *_arguments: Any, **_options: Any) -> Iterator[bytes]:
        try:
            while True:
                yield b"a" * 100_000
        finally:
            ended.set()

    with open_client(demo_home) as client:
        with monkeypatch.context() as patch:
            patch.setattr(PagedExtract, "stream", stream)
            sent = leave(client, FILE, "begun")
        assert sent[0]["status"] == 200
        assert ended.is_set()
        # its place is free
        assert client.get(FILE).status_code == 200


def test_the_pages_of_a_list_are_over_together(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = service.time.time()
    token = ask(client, "acme", pageSize=5).json()["nextPageToken"]
    monkeypatch.setattr(service.time, "time", lambda: now + 3000)
    response = ask(client, "acme", pageToken=token)
    assert response.status_code == 200
    token = response.json()["nextPageToken"]
    monkeypatch.setattr(service.time, "time", lambda: now + 3700)
    response = ask(client, "acme", pageToken=token)
    assert response.status_code == 410
    assert "first page" in response.json()["detail"]


@pytest.mark.parametrize(
    "error",
    [
        OSError(28, "No space left on device"),
        duckdb.IOException("Could not write file: No space left on device"),
        duckdb.OutOfMemoryException("failed to offload: the 'max_temp_directory_size' setting"),
    ],
)
def test_a_full_disk_is_said_in_a_sentence(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_arguments: Any) -> None:
        raise error

    monkeypatch.setattr(PagedExtract, "measure", fail)
    monkeypatch.setattr("exporter.duck._MEMORY_WAIT", 0)
    for path in (LIST, FILE, SPEND):
        response = client.get(path, headers=bearer("acme"))
        assert response.status_code == 507, path
        assert response.json()["type"] == "urn:ai-focus:problem:no-space"
        assert "no space left on the server's disk" in response.json()["detail"].lower()


def test_an_old_build_that_was_deleted_is_gone(demo_home: Path, tmp_path: Path) -> None:
    seed = copy_home(demo_home, tmp_path / "seed")
    home = copy_home(demo_home, tmp_path / "home")
    served = service.Service(home)
    try:
        parameters = {"pageSize": "5"}
        first = served.list_rows(LOCAL, "cost-and-usage", parameters)
        old = home.database.resolve().parent
        publish(home, "20300101T000000000000Z", seed, 500)
        given = {"pageToken": str(first.next_page_token)}
        assert served.list_rows(LOCAL, "cost-and-usage", given).build_id == old.name
        for file in old.iterdir():
            file.unlink()
        old.rmdir()
        with pytest.raises(RequestError, match="no longer there") as refusal:
            served.list_rows(LOCAL, "cost-and-usage", given)
        assert refusal.value.kind == "gone"
    finally:
        served.close()
