"""A server in a process of its own: where it listens, how it moves to a new build, how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from api_client import LIST, bearer, copy_home, free_port, publish, serve, write_tokens
from conftest import assert_one_sentence, focus_export
from uvicorn.server import ServerState

from exporter.api import server as api_server
from exporter.home import LEASE, Home

TOTALS_OF = "Engineering"


@pytest.fixture
def home(demo_home: Path, tmp_path: Path) -> Home:
    return copy_home(demo_home, tmp_path / "home")


def page(url: str, **parameters: Any) -> dict[str, Any]:
    response = httpx.get(f"{url}{LIST}", params=parameters, timeout=60)
    assert response.status_code == 200, response.text
    return dict(response.json())


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_without_a_token_it_listens_on_this_machine_only(home: Home, host: str) -> None:
    result = focus_export("serve", "--host", host, "--port", str(free_port()), cwd=home.path)
    assert_one_sentence(result, 2, "this machine only", "FINOPS_FOUNDATION_TOKEN")


def test_a_token_that_can_be_guessed_is_for_this_machine_only(home: Home) -> None:
    variables = {"FINOPS_FOUNDATION_TOKEN": "a" * 15}
    arguments = ("serve", "--home", home.path, "--host", "0.0.0.0")
    result = focus_export(*arguments, variables=variables)
    assert_one_sentence(result, 2, "fewer than 16 characters")
    with serve(home.path, variables=variables) as server:
        headers = {"Authorization": f"Bearer {'a' * 15}"}
        assert httpx.get(server.url + LIST, headers=headers).status_code == 200
        assert "fewer than 16 characters" in server.log.read_text()


@pytest.mark.parametrize(
    ("origin", "part"),
    [("*", "every web page"), ("example.com", "no origin"), ("null", "no origin")],
)
def test_an_origin_that_opens_the_door_is_refused(home: Home, origin: str, part: str) -> None:
    result = focus_export("serve", "--home", home.path, "--cors-origin", origin)
    assert_one_sentence(result, 2, part)


def test_a_warehouse_that_is_not_set_up_is_said_in_one_sentence(home: Home) -> None:
    # without the extra it lacks the adapter, with it the settings
    for variables, options in (
        ({"AI_FOCUS_TARGET": "snowflake"}, ()),
        ({}, ("--target", "snowflake")),
    ):
        result = focus_export("serve", *options, cwd=home.path, variables=variables)
        assert_one_sentence(result, 2, "snowflake")
    result = focus_export("serve", "--target", "oracle", cwd=home.path)
    assert_one_sentence(result, 2, "There is no target 'oracle'")


def test_a_port_in_use_is_said_in_one_sentence(home: Home) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = focus_export("serve", "--port", str(taken.getsockname()[1]), cwd=home.path)
    assert result.returncode == 2, result.stderr
    assert "another program may use the port" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_token_file_that_is_not_there_is_said_in_one_sentence(home: Home) -> None:
    result = focus_export("serve", "--tokens", "none.yml", cwd=home.path)
    assert_one_sentence(result, 2, "token file", "can't be read")


def test_it_moves_to_a_new_build_without_a_failed_request(home: Home, tmp_path: Path) -> None:
    seed = copy_home(home.path, tmp_path / "seed")
    with serve(home.path) as server:
        first = page(server.url, pageSize=100)
        old = first["build"]["id"]
        answers: list[tuple[int, str, int]] = []
        ended = threading.Event()

        def read() -> None:
            with httpx.Client(timeout=60) as client:
                while not ended.is_set():
                    response = client.get(f"{server.url}{LIST}", params={"pageSize": 10})
                    body = response.json()
                    known = response.status_code == 200
                    answers.append(
                        (
                            response.status_code,
                            body["build"]["id"] if known else response.text,
                            body["totals"]["rows"] if known else 0,
                        )
                    )

        readers = [threading.Thread(target=read) for _ in range(4)]
        for reader in readers:
            reader.start()
        sizes = {old: first["totals"]["rows"]}
        for number in range(1, 4):
            name = f"2030010{number}T000000000000Z"
            sizes[name] = 1000 * number
            publish(home, name, seed, 1000 * number)
            for _ in range(300):
                if answers and answers[-1][1] == name:
                    break
                time.sleep(0.1)
        # as the build does with all but the last two, unless a page token names them
        shutil.rmtree(home.builds / "20300101T000000000000Z")
        seen = len(answers)
        for _ in range(300):
            if len(answers) >= seen + 8:
                break
            time.sleep(0.1)
        ended.set()
        for reader in readers:
            reader.join()
        assert {status for status, _, _ in answers} == {200}
        assert {name for _, name, _ in answers} == sizes.keys()
        # each answer is of one build as a whole
        assert all(sizes[name] == rows for _, name, rows in answers)
        # the page token goes on reading the build that it began with
        second = page(server.url, pageToken=first["nextPageToken"])
        assert second["build"]["id"] == old
        assert second["totals"] == first["totals"]
        both = [record["x_ChargeId"] for record in first["records"] + second["records"]]
        assert len(set(both)) == 200
        lease = home.builds / old / LEASE
        assert lease.stat().st_mtime > time.time() + 3000


def test_a_page_token_outlives_a_restart_but_not_its_build(home: Home, tmp_path: Path) -> None:
    seed = copy_home(home.path, tmp_path / "seed")
    tokens = write_tokens(tmp_path / "tokens.json", {"one": {}, "two": {}})
    old = home.database.resolve().parent

    def ask(url: str, token: str | None = None, name: str = "one") -> httpx.Response:
        parameters = {"pageSize": 10, **({"pageToken": token} if token else {})}
        return httpx.get(f"{url}{LIST}", params=parameters, headers=bearer(name), timeout=60)

    with serve(home.path, "--tokens", tokens) as server:
        token = ask(server.url).json()["nextPageToken"]
        expected = ask(server.url, token).json()["records"]
        assert server.stop() in (0, 143)
    publish(home, "20300101T000000000000Z", seed, 500)
    with serve(home.path, "--tokens", tokens) as server:
        assert ask(server.url, token).json()["records"] == expected
        assert ask(server.url, token, "two").status_code == 400
    shutil.rmtree(old)
    with serve(home.path, "--tokens", tokens) as server:
        response = ask(server.url, token)
        assert response.status_code == 410
        assert "first page" in response.json()["detail"]
        assert ask(server.url).json()["totals"]["rows"] == 500


def test_a_leased_build_outlives_later_builds(home: Home) -> None:
    from exporter.build.builds import remove_leftovers

    for name, until in (("20200101T0Z", 100), ("20200102T0Z", -100), ("20200103T0Z", None)):
        folder = home.builds / name
        shutil.copytree(home.database.resolve().parent, folder)
        if until is not None:
            (folder / LEASE).touch()
            os.utime(folder / LEASE, (time.time() + until, time.time() + until))
    remove_leftovers(home)
    left = {folder.name for folder in home.builds.iterdir()}
    assert left == {home.database.resolve().parent.name, "20200101T0Z", "20200103T0Z"}


def test_of_many_leased_builds_the_oldest_goes(home: Home) -> None:
    from exporter.build.builds import remove_leftovers

    names = [f"2020010{number}T0Z" for number in range(1, 8)]
    for name in names:
        shutil.copytree(home.database.resolve().parent, home.builds / name)
        (home.builds / name / LEASE).touch()
        os.utime(home.builds / name / LEASE, (time.time() + 100,) * 2)
    remove_leftovers(home)
    left = {folder.name for folder in home.builds.iterdir()}
    assert left == {home.database.resolve().parent.name, *names[-4:]}


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET /healthz HTTP/1.1\r\nHost: a",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{",
    ],
)
def test_who_sends_half_a_request_is_hung_up_on(
    monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(api_server, "_REQUEST_SECONDS", 0.1)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    async def talk() -> bytes:
        config = uvicorn.Config(app, lifespan="off", log_config=None)
        config.load()
        state = ServerState()
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: api_server._Protocol(config, state, {}), "127.0.0.1", 0
        )
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            # a whole one is answered first, in the time that it takes
            writer.write(b"GET /whole HTTP/1.1\r\nHost: a\r\n\r\n" if sent else b"")
            writer.write(sent)
            received = await asyncio.wait_for(reader.read(), 60)
            writer.close()
        return received

    received = asyncio.run(talk())
    assert received.count(b"HTTP/1.1 204") == (1 if sent else 0)


def test_more_connections_than_it_holds_are_answered_with_503(home: Home) -> None:
    with serve(home.path) as server, contextlib.ExitStack() as opened:
        for _ in range(api_server._CONNECTIONS):
            connection = socket.create_connection(("127.0.0.1", server.port), timeout=30)
            opened.enter_context(connection).sendall(b"GET /healthz HTTP/1.1\r\n")
        assert httpx.get(f"{server.url}/healthz", timeout=30).status_code == 503
        opened.close()
        server.wait()


def test_headers_without_end_are_cut_off_and_harm_nobody(home: Home) -> None:
    with serve(home.path) as server:
        for head in (
            b"X-Large: " + b"a" * 1_000_000,
            b"\r\n".join(b"X-%d: %s" % (number, b"a" * 1000) for number in range(1000)),
            b"Authorization: Bearer " + b"a" * 1_000_000,
        ):
            with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
                request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + head + b"\r\n\r\n"
                try:
                    connection.sendall(request)
                    answer = connection.recv(1000)
                except OSError:
                    # it hung up before all was said
                    answer = b""
            assert answer == b"" or answer.split()[1] in (b"400", b"431")
        assert httpx.get(f"{server.url}{LIST}?x={'a' * 60_000}").status_code == 400
        assert httpx.get(f"{server.url}/healthz").status_code == 200


def test_a_download_that_is_broken_off_leaves_nothing(home: Home) -> None:
    with serve(home.path) as server:
        for _ in range(8):
            with httpx.stream("GET", f"{server.url}/api/exports/focus?focusVersion=1.3") as answer:
                next(answer.iter_bytes(1024))
        for _ in range(100):
            [scratch] = (path for path in home.path.glob(".export.*") if path.is_dir())
            if not list(scratch.iterdir()):
                break
            time.sleep(0.1)
        assert not list(scratch.iterdir())
        # no place in the queue is lost
        assert httpx.get(f"{server.url}/api/exports/focus", timeout=60).status_code == 200
        assert server.stop() in (0, 143)
        assert not list(home.path.glob(".export.*"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_at_once(home: Home, number: int) -> None:
    with serve(home.path) as server:
        page(server.url, pageSize=1)
        server.process.send_signal(number)
        assert server.process.wait(20) in (0, 130, 143)
        assert "Traceback" not in server.log.read_text()
