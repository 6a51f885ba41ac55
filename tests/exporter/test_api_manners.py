"""HTTP as clients and proxies expect it: HEAD, Allow, ETags, gzip, problem documents, addresses."""

from __future__ import annotations

import csv
import gzip
import io
import json
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest
from api_client import (
    COMMITMENTS,
    FILE,
    LIST,
    SCHEMA,
    bearer,
    copy_home,
    open_client,
    publish,
    serve,
    write_tokens,
)
from charges_table import store_charges
from click.testing import CliRunner
from conftest import focus_export
from starlette.testclient import TestClient

from exporter.api import routes
from exporter.api.app import create_app
from exporter.api.auth import Authenticator
from exporter.api.jobs.orders import Jobs
from exporter.api.jobs.workers import JobSettings
from exporter.api.page_tokens import LIFETIME
from exporter.api.service import Service
from exporter.cli import cli
from exporter.errors import UserError
from exporter.home import Home

EXPORT = f"{LIST}/export"
SPEND = "/api/spend?groupBy=month"
TOKENS: dict[str, dict[str, Any]] = {
    "all": {},
    "acme": {"billing_accounts": ["org-acme"]},
}
PLAIN = {"Accept-Encoding": "identity"}


@pytest.fixture(scope="module")
def client(demo_home: Path) -> Iterator[TestClient]:
    with open_client(demo_home) as opened:
        yield opened


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tokens(tmp_path_factory.mktemp("tokens") / "tokens.json", TOKENS)


def problem_of(response: Any, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert problem["status"] == status and problem["detail"]
    return problem


# a server of its own for what only a server shows, with a finished file in it


@pytest.fixture(scope="module")
def server(demo_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    home = copy_home(demo_home, tmp_path_factory.mktemp("manners") / "home")
    with serve(home.path) as running, httpx.Client(base_url=running.url, timeout=60) as opened:
        yield opened


@pytest.fixture(scope="module")
def link(server: httpx.Client) -> str:
    return str(await_file(server, server.post(EXPORT, json={"subAccountId": "Legal"}))["url"])


def await_file(server: httpx.Client, ordered: httpx.Response) -> dict[str, Any]:
    for _ in range(1_200):
        job = server.get(ordered.headers["location"]).json()
        if job["state"] not in ("queued", "running"):
            break
        time.sleep(0.05)
    file: dict[str, Any] = job["file"]
    assert file, job
    return file


@pytest.mark.parametrize(
    "path",
    [
        f"{LIST}?pageSize=50",
        COMMITMENTS,
        SCHEMA,
        f"{FILE}?to=2026-08-31",
        f"{FILE}?to=2026-08-31&focusVersion=1.3&format=jsonl",
        SPEND,
        "/api/spend/charges?pageSize=5",
        "/cost-and-usage?pageSize=5",
        "/healthz",
        "/readyz",
        "/openapi.json",
        "/docs",
        "/docs/swagger-ui-bundle.js",
        "/",
        "/static/page.js",
        "/metrics",
        "/nowhere",
        "/focus/v1/cost-and-usage?pageSize=0",
        "link",
    ],
)
@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_head_gives_the_headers_of_get_and_no_body(
    server: httpx.Client, link: str, path: str, encoding: str
) -> None:
    url = link if path == "link" else path
    headers = {"Accept-Encoding": encoding}
    got, head = server.get(url, headers=headers), server.head(url, headers=headers)
    assert head.status_code == got.status_code
    assert head.content == b""
    own = {"x-request-id", "date"}
    if path == "/metrics" or "pageSize" in path:
        # counters move on, and a page token is written anew
        own.add("content-length")
    assert {name: head.headers[name] for name in head.headers if name not in own} == {
        name: got.headers[name] for name in got.headers if name not in own
    }
    # nothing is left open, and the next request of the connection is answered
    assert server.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        (LIST, "GET, HEAD, OPTIONS"),
        ("/cost-and-usage", "GET, HEAD, OPTIONS"),
        (EXPORT, "OPTIONS, POST"),
        (f"{EXPORT}/some-job", "DELETE, GET, HEAD, OPTIONS"),
        ("/api/spend/export", "OPTIONS, POST"),
        ("/healthz", "GET, HEAD, OPTIONS"),
        ("/", "GET, HEAD, OPTIONS"),
        ("/static/page.js", "GET, HEAD, OPTIONS"),
        ("/downloads/a/b", "GET, HEAD, OPTIONS"),
    ],
)
def test_a_path_names_all_of_its_methods(server: httpx.Client, path: str, methods: str) -> None:
    refused = server.request("PUT", path)
    problem_of(refused, 405)
    assert refused.headers["allow"] == methods
    told = server.options(path)
    assert (told.status_code, told.content, told.headers["allow"]) == (204, b"", methods)


def test_options_of_nothing_is_not_found(server: httpx.Client) -> None:
    problem_of(server.options("/nowhere"), 404)


@pytest.mark.parametrize("path", [f"{LIST}?pageSize=3", COMMITMENTS, SPEND, "/api/spend/charges"])
def test_what_a_client_has_already_is_not_sent_again(
    client: TestClient, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = client.get(path)
    tag = first.headers["etag"]
    assert first.headers["cache-control"] == "private, no-cache"
    assert "Authorization" in first.headers["vary"]
    # it is not even read
    monkeypatch.setattr(Service, "list_rows", None)
    monkeypatch.setattr(Service, "break_down", None)
    for known in (tag, tag.removeprefix("W/"), f'"other", {tag}'):
        again = client.get(path, headers={"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag
        assert again.headers["cache-control"] == "private, no-cache"
        assert "content-type" not in again.headers
    monkeypatch.undo()
    assert client.get(path, headers={"If-None-Match": "*"}).status_code == 304
    wrong = client.get(path.partition("?")[0], params={"x": 1}, headers={"If-None-Match": "*"})
    assert problem_of(wrong, 400)
    size = client.get(f"{LIST}?pageSize=0", headers={"If-None-Match": "*"})
    assert problem_of(size, 400)
    other = client.get(path, headers={"If-None-Match": '"other"'})
    assert (other.status_code, other.json().keys()) == (200, first.json().keys())


def test_a_tag_is_of_the_query_the_caller_and_its_scope(demo_home: Path, tmp_path: Path) -> None:
    tokens = write_tokens(tmp_path / "tokens.json", TOKENS)

    def tag_of(name: str, query: str) -> str:
        return str(client.get(f"{LIST}?{query}", headers=bearer(name)).headers["etag"])

    with open_client(demo_home, tokens) as client:
        tags = [
            tag_of("all", "pageSize=2"),
            tag_of("all", "pageSize=3"),
            tag_of("all", "pageSize=2&region=us-east-1"),
            tag_of("acme", "pageSize=2"),
            tag_of("all", "pageSize=2&compact=true"),
        ]
        assert len(set(tags)) == len(tags)
        assert tag_of("all", "region=us-east-1&pageSize=2") == tags[2]
        write_tokens(tokens, {**TOKENS, "acme": {"sub_accounts": ["Marketing"]}})
        assert tag_of("acme", "pageSize=2") != tags[3]
        refused = client.get(f"{LIST}?pageSize=2", headers={"If-None-Match": tags[0]})
        assert refused.status_code == 401


def test_a_tag_is_over_with_its_build_and_with_its_page_tokens_time(
    demo_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = copy_home(demo_home, tmp_path / "home")
    with (
        closing(Service(home)) as service,
        TestClient(create_app(service, Authenticator(token=""))) as client,
    ):
        client.headers["host"] = "127.0.0.1"
        old = client.get(f"{LIST}?pageSize=1").headers["etag"]
        publish(home, "20991231T000000000000Z", copy_home(demo_home, tmp_path / "seed"), 10)
        newer = client.get(f"{LIST}?pageSize=1", headers={"If-None-Match": old})
        assert newer.status_code == 200 and newer.json()["totals"]["rows"] == 10
        known = {"If-None-Match": newer.headers["etag"]}
        now = routes.requests.time.time()
        monkeypatch.setattr(routes.requests.time, "time", lambda: now + LIFETIME / 2)
        later = client.get(f"{LIST}?pageSize=1", headers=known)
        # a 304 would leave the client with a page token that is soon over
        assert later.status_code == 200 and later.headers["etag"] != known["If-None-Match"]


def test_an_old_build_is_read_beside_the_one_that_tags_are_of(
    demo_home: Path, tmp_path: Path
) -> None:
    home = copy_home(demo_home, tmp_path / "home")
    seed = copy_home(demo_home, tmp_path / "seed")

    def ask(token: str | None = None) -> Any:
        with (
            closing(Service(home)) as service,
            TestClient(create_app(service, Authenticator(token=""))) as client,
        ):
            parameters = {"pageSize": "2", **({"pageToken": token} if token else {})}
            # the newer build is open already
            assert client.get("/readyz", headers={"host": "127.0.0.1"}).status_code == 200
            return client.get(LIST, params=parameters, headers={"host": "127.0.0.1"}).json()

    first = ask()
    publish(home, "20991231T000000000000Z", seed, 10)
    assert ask(first["nextPageToken"])["build"] == first["build"]


def test_a_file_that_a_client_has_is_not_sent_again(server: httpx.Client, link: str) -> None:
    first = server.get(link)
    tag = first.headers["etag"]
    assert tag.strip('"') and not tag.startswith("W/")
    for headers in ({}, {"Range": "bytes=5-9"}):
        again = server.get(link, headers={"If-None-Match": tag, **headers})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    part = server.get(link, headers={"Range": "bytes=5-9", "If-Range": tag})
    assert (part.status_code, part.content) == (206, first.content[5:10])
    whole = server.get(link, headers={"Range": "bytes=5-9", "If-Range": '"other"'})
    assert (whole.status_code, whole.content) == (200, first.content)


@pytest.mark.parametrize("path", ["/", "/static/page.js", "/docs/swagger-ui-bundle.js"])
def test_the_pages_own_files_are_asked_for_again_but_not_sent_again(
    server: httpx.Client, path: str
) -> None:
    for encoding in ("gzip", "identity"):
        first = server.get(path, headers={"Accept-Encoding": encoding})
        assert first.headers["cache-control"] == "private, no-cache"
        known = {"If-None-Match": first.headers["etag"], "Accept-Encoding": encoding}
        again = server.get(path, headers=known)
        assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("path", [f"{LIST}?pageSize=1000", SPEND, SCHEMA, "/static/page.js", "/"])
def test_text_is_packed_for_who_takes_it(client: TestClient, path: str) -> None:
    plain = client.get(path, headers=PLAIN)
    assert "content-encoding" not in plain.headers
    assert "Accept-Encoding" in plain.headers["vary"]
    with client.stream("GET", path, headers={"Accept-Encoding": "br, gzip;q=0.5"}) as packed:
        raw = b"".join(packed.iter_raw())
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) == len(raw) < len(plain.content) / 2
    unpacked = gzip.decompress(raw)
    if "pageSize" in path:
        pages = [{**json.loads(it), "nextPageToken": ""} for it in (unpacked, plain.content)]
        assert pages[0] == pages[1]
        assert len(raw) < len(plain.content) / 10
    else:
        assert unpacked == plain.content
    tag = packed.headers.get("etag")
    assert tag is None or tag.startswith("W/")
    for refused in ("gzip;q=0", "gzip; q=0.00, br", "br", ""):
        response = client.get(path, headers={"Accept-Encoding": refused})
        assert "content-encoding" not in response.headers


def test_files_are_sent_as_they_are(server: httpx.Client, link: str) -> None:
    ordered = server.post(EXPORT, json={"dataset": "contract-commitment"})
    # one that is sent at once
    small = await_file(server, ordered)
    assert 1_000 < small["bytes"] < 60_000
    for path in (link, f"{FILE}?to=2026-08-31", small["url"]):
        response = server.get(path, headers={"Accept-Encoding": "gzip"})
        assert response.status_code == 200
        assert "content-encoding" not in response.headers
    part = server.get(link, headers={"Accept-Encoding": "gzip", "Range": "bytes=0-4999"})
    assert (part.status_code, len(part.content)) == (206, 5_000)


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ("bytes=999999999-", 416),
        ("bytes=5-1", 400),
        ("bytes=x", 400),
        ("x", 200),
        ("rows=1-2", 200),
        ("bytes=0-4", 206),
    ],
)
@pytest.mark.parametrize("path", ["link", "/static/page.js"])
def test_a_range_that_cannot_be_is_a_problem_document(
    server: httpx.Client, link: str, path: str, asked: str, status: int
) -> None:
    url = link if path == "link" else path
    response = server.get(url, headers={"Range": asked})
    if status < 400:
        assert response.status_code == status
        return
    problem_of(response, status)
    if status == 416:
        size = len(server.get(url, headers=PLAIN).content)
        assert response.headers["content-range"] == f"bytes */{size}"


def test_links_are_those_of_the_public_address(demo_home: Path, tmp_path: Path) -> None:
    home = copy_home(demo_home, tmp_path / "home")
    settings = JobSettings(workers=1)
    with (
        closing(Service(home)) as service,
        closing(Jobs(service, settings)) as jobs,
        TestClient(
            create_app(
                service,
                Authenticator(token="long-enough-for-anybody"),
                jobs=jobs,
                public_url="https://focus.example/finance/",
            ),
            base_url="http://elsewhere.example",
            headers={"Authorization": "Bearer long-enough-for-anybody"},
        ) as client,
    ):
        jobs.start()
        ordered = client.post(EXPORT, json={"format": "csv", "subAccountId": "Legal"})
        assert ordered.headers["location"].startswith(f"/finance{EXPORT}/")
        route = ordered.headers["location"].removeprefix("/finance")
        for _ in range(1_200):
            job = client.get(route).json()
            if job["state"] == "succeeded":
                break
            time.sleep(0.05)
        url = job["file"]["url"]
        assert url.startswith("https://focus.example/finance/downloads/")
        path = url.removeprefix("https://focus.example/finance")
        assert client.get(path).status_code == 200
        servers = client.get("/openapi.json").json()["servers"]
        assert servers == [{"url": "https://focus.example/finance"}]
        # the page of the document finds it behind the prefix
        assert '"/' not in client.get("/docs").text.replace('"/docs/', "")


def test_without_a_public_address_the_document_names_where_it_lies(client: TestClient) -> None:
    assert client.get("/openapi.json").json()["servers"] == [{"url": "."}]


@pytest.mark.parametrize("command", ["serve", "mcp"])
@pytest.mark.parametrize(
    "url",
    ["focus.example", "ftp://focus.example", "https://", "https://a.example/?x=1", "https://u@h"],
)
def test_a_public_address_that_is_none_is_named(command: str, url: str, tmp_path: Path) -> None:
    arguments = [command, "--home", str(tmp_path), "--public-url", url]
    for given, variables in ((arguments, {}), (arguments[:3], {"AI_FOCUS_PUBLIC_URL": url})):
        refusal = CliRunner().invoke(cli, given, env=variables).exception
        assert isinstance(refusal, UserError)
        assert f"--public-url '{url}'" in str(refusal) and "https://example.com" in str(refusal)


def test_answers_stay_within_their_own_origin(server: httpx.Client) -> None:
    for path in ("/", LIST, "/nowhere", "/static/page.js"):
        headers = server.get(path).headers
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["cross-origin-opener-policy"] == "same-origin"


def test_an_open_server_answers_no_foreign_page(demo_home: Path, tokens: Path) -> None:
    foreign = {"Sec-Fetch-Site": "cross-site"}
    with open_client(demo_home) as client:
        for path in (LIST, FILE, SPEND, SCHEMA, "/metrics"):
            assert "origin" in problem_of(client.get(path, headers=foreign), 403)["detail"]
        for site in ("same-origin", "same-site", "none"):
            assert client.get(LIST, headers={"Sec-Fetch-Site": site}).status_code == 200
        # a link leads to the page
        assert client.get("/", headers=foreign).status_code == 200
    with open_client(demo_home, tokens) as client:
        assert client.get(LIST, headers={**foreign, **bearer("all")}).status_code == 200


def test_a_page_that_was_let_in_may_ask_an_open_server(demo_home: Path, tmp_path: Path) -> None:
    home = copy_home(demo_home, tmp_path / "home")
    origin = "https://board.example"
    with closing(Service(home)) as service:
        app = create_app(service, Authenticator(token=""), cors_origins=[origin])
        client = TestClient(app, base_url="http://127.0.0.1")
        foreign = {"Sec-Fetch-Site": "cross-site", "Origin": origin}
        allowed = client.get(LIST, headers=foreign)
        assert allowed.status_code == 200
        assert allowed.headers["access-control-allow-origin"] == origin
        assert "ETag" in allowed.headers["access-control-expose-headers"]
        asked = {"Origin": origin, "Access-Control-Request-Method": "GET"}
        assert client.options(LIST, headers=asked).status_code == 200
        other = {**foreign, "Origin": "https://other.example"}
        assert client.get(LIST, headers=other).status_code == 403


def test_a_home_that_others_can_read_is_warned_of(demo_home: Path, tmp_path: Path) -> None:
    home = copy_home(demo_home, tmp_path / "home")
    token = {"FINOPS_FOUNDATION_TOKEN": "long-enough-for-anybody"}
    for mode, variables, is_warned in (
        (0o755, token, True),
        (0o700, token, False),
        (0o755, {}, False),
    ):
        home.path.chmod(mode)
        with serve(home.path, variables=variables) as running:
            log = running.log.read_text()
        assert (f"chmod 700 {home.path}" in log) is is_warned


@pytest.fixture(scope="module")
def formulas_home(demo_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Calls whose department is a formula."""
    home = copy_home(demo_home, tmp_path_factory.mktemp("formulas") / "home")
    with duckdb.connect(str(home.database.resolve())) as connection:
        store_charges(connection)
        connection.execute(
            "update int_charges set sub_account_id = '=1+1', sub_account_name = '=1+1'"
            " where sub_account_id = 'Legal'"
        )
        connection.execute("force checkpoint")
    return home


@pytest.fixture(scope="module")
def formulas(formulas_home: Home) -> Iterator[httpx.Client]:
    with (
        serve(formulas_home.path) as running,
        httpx.Client(base_url=running.url, timeout=60) as opened,
    ):
        yield opened


@pytest.mark.parametrize("path", [EXPORT, "/api/spend/export"])
def test_an_order_may_keep_formulas_from_spreadsheets(formulas: httpx.Client, path: str) -> None:
    names = {}
    for safe in (None, False, True):
        order = {"format": "csv", "subAccountId": "=1+1"}
        if safe is not None:
            order["safeCsv"] = safe
        file = await_file(formulas, formulas.post(path, json=order))
        rows = list(csv.DictReader(io.StringIO(formulas.get(file["url"]).text)))
        assert len(rows) == file["rows"] > 0
        [names[safe]] = {(row["SubAccountId"], row["SubAccountName"]) for row in rows}
    assert names[None] == names[False] == ("=1+1", "=1+1")
    assert names[True] == ("'=1+1", "'=1+1")


def test_a_stream_may_keep_formulas_from_spreadsheets(formulas: httpx.Client) -> None:
    def names_of(query: str) -> set[str]:
        text = formulas.get(f"{FILE}?focusVersion=1.3&to=2026-08-31&{query}").text
        return {row["SubAccountId"] for row in csv.DictReader(io.StringIO(text))}

    assert "=1+1" in names_of("") == names_of("safeCsv=false")
    assert "'=1+1" in names_of("safeCsv=true") and "=1+1" not in names_of("safeCsv=true")


def test_the_choice_gives_the_bytes_of_the_command(
    formulas: httpx.Client, formulas_home: Home
) -> None:
    for version, options in (
        ("1.3", ("--focus-version", "1.3")),
        (None, ("--dataset", "ai-calls")),
    ):
        for safe, option in (("true", "--safe-csv"), ("false", "--no-safe-csv")):
            given = {"to": "2026-08-31", "safeCsv": safe}
            given |= {"focusVersion": version} if version else {}
            made = focus_export(
                "export",
                *options,
                "--to",
                "2026-08-31",
                option,
                "--output",
                "-",
                cwd=formulas_home.path,
            )
            assert made.returncode == 0, made.stderr
            assert formulas.get(FILE, params=given).text == made.stdout


@pytest.mark.parametrize("fmt", ["json", "jsonl"])
def test_what_is_no_csv_has_no_formulas_to_keep(formulas: httpx.Client, fmt: str) -> None:
    for refused in (
        formulas.get(FILE, params={"format": fmt, "safeCsv": "true"}),
        formulas.post(EXPORT, json={"format": fmt, "safeCsv": True}),
    ):
        problem = problem_of(refused, 400)
        fault = {"parameter": "safeCsv", "detail": f"is for CSV, not for {fmt}: leave it away"}
        assert problem["errors"] == [fault]
    assert formulas.post(EXPORT, json={"format": fmt, "safeCsv": False}).status_code == 202


def test_the_choice_is_true_or_false(formulas: httpx.Client) -> None:
    problem_of(formulas.get(FILE, params={"safeCsv": "yes"}), 400)
    for value in ("true", 1, None):
        problem = problem_of(formulas.post(EXPORT, json={"safeCsv": value}), 400)
        assert problem["errors"] == [{"parameter": "safeCsv", "detail": "must be true or false"}]


def test_an_order_with_another_choice_is_another_order(formulas: httpx.Client) -> None:
    key = {"Idempotency-Key": "formulas"}
    first = formulas.post(EXPORT, json={"safeCsv": True}, headers=key)
    assert first.status_code == 202
    assert formulas.post(EXPORT, json={"safeCsv": True}, headers=key).status_code == 200
    assert formulas.post(EXPORT, json={}, headers=key).status_code == 409


def test_a_plus_that_an_address_made_a_blank_is_explained(client: TestClient) -> None:
    response = client.get(f"{LIST}?billingPeriodStart=2026-10-01T00:00:00+02:00")
    assert "%2B" in problem_of(response, 400)["detail"]
    right = f"{LIST}?billingPeriodStart=2026-10-01T00:00:00%2B02:00&pageSize=1"
    assert client.get(right).status_code == 200
