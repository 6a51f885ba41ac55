"""Who may see what: tokens, scopes on every route, page tokens, rates, and what the log keeps."""

from __future__ import annotations

import base64
import datetime
import io
import json
import logging
import os
import threading
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from api_client import (
    COMMITMENTS,
    FILE,
    LIST,
    SCHEMA,
    bearer,
    open_client,
    read_all,
    write_tokens,
)
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from exporter.api import page_tokens, service
from exporter.api.auth import Authenticator, read_tokens
from exporter.api.problems import RequestError
from exporter.api.rate_limit import RateLimit
from exporter.errors import UserError

TOKENS: dict[str, dict[str, Any]] = {
    "all": {},
    "acme": {"billing_accounts": ["org-acme"]},
    "globex": {"billing_accounts": ["org-globex"]},
    "marketing": {"billing_accounts": ["org-acme"], "sub_accounts": ["Marketing"]},
    "unallocated": {"sub_accounts": [""]},
    "costs": {"datasets": ["cost-and-usage"]},
    "nobody": {"billing_accounts": []},
    "old": {"expires": "2026-01-01T00:00:00Z"},
}
TENANTS = ("acme", "globex")


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tokens(tmp_path_factory.mktemp("tokens") / "tokens.json", TOKENS)


@pytest.fixture(scope="module")
def client(demo_home: Path, tokens: Path) -> Iterator[TestClient]:
    with open_client(demo_home, tokens, "from the environment") as opened:
        yield opened


def get(client: TestClient, path: str, name: str, **parameters: Any) -> Any:
    return client.get(path, params=parameters, headers=bearer(name))


@pytest.mark.parametrize("path", [LIST, COMMITMENTS, SCHEMA, FILE, "/metrics", "/nowhere"])
def test_without_a_good_token_nothing_is_told(client: TestClient, path: str) -> None:
    for headers, reason in (
        ({}, "Send the header"),
        ({"Authorization": "Bearer"}, "Send the header"),
        ({"Authorization": "Basic YTpi"}, "Send the header"),
        ({"Authorization": "Bearer wrong"}, "not known"),
        ({"Authorization": "Bearer all"}, "not known"),
        (bearer("old"), "expired"),
    ):
        response = client.get(path, headers=headers)
        assert response.status_code == 401, headers
        assert reason in response.json()["detail"]
        assert response.headers["www-authenticate"].startswith("Bearer")


def test_a_stored_hash_is_no_token(client: TestClient, tokens: Path) -> None:
    for entry in json.loads(tokens.read_text())["tokens"]:
        response = client.get(LIST, headers={"Authorization": f"Bearer {entry['sha256']}"})
        assert response.status_code == 401


def test_health_and_documents_need_no_token(client: TestClient) -> None:
    for path in ("/healthz", "/readyz", "/docs", "/openapi.json"):
        assert client.get(path).status_code == 200


def test_the_token_of_the_environment_sees_all(client: TestClient) -> None:
    headers = {"Authorization": "bearer from the environment"}
    every = client.get(LIST, params={"pageSize": 1}, headers=headers).json()
    assert every["totals"] == get(client, LIST, "all", pageSize=1).json()["totals"]


def test_two_tenants_share_no_row_total_or_coverage(client: TestClient) -> None:
    accounts: dict[str, set[str]] = {}
    totals: dict[str, dict[str, Any]] = {}
    for name in ("all", *TENANTS):
        pages = read_all(client, LIST, pageSize=3000, headers=bearer(name))
        records = [record for page in pages for record in page["records"]]
        accounts[name] = {record["BillingAccountId"] for record in records}
        totals[name] = pages[0]["totals"]
        assert totals[name]["rows"] == len(records)
        text = client.get(LIST, params={"pageSize": 10_000}, headers=bearer(name)).text
        exact = json.loads(text, parse_float=Decimal)
        [currency] = exact["totals"]["currencies"]
        billed = sum((Decimal(record["BilledCost"]) for record in exact["records"]), Decimal(0))
        assert Decimal(currency["BilledCost"]) == billed
    assert accounts["acme"] == {"org-acme"}
    assert accounts["globex"] == {"org-globex"}
    assert accounts["all"] > accounts["acme"] | accounts["globex"]
    coverage = {
        name: get(client, LIST, name, pageSize=1).json()["coverage"] for name in ("all", *TENANTS)
    }
    assert coverage["acme"]["quarantinedCalls"] == {"unknown_model": 16}
    assert coverage["globex"]["quarantinedCalls"] == {"unknown_model": 10}
    assert coverage["all"]["calls"] > coverage["acme"]["calls"] + coverage["globex"]["calls"]


@pytest.mark.parametrize("name", TENANTS)
def test_asking_for_another_tenants_rows_gives_none(client: TestClient, name: str) -> None:
    [other] = set(TENANTS) - {name}
    commitments = get(client, COMMITMENTS, name, billingAccountId=f"org-{other}").json()
    assert (commitments["records"], commitments["totals"]["rows"]) == ([], 0)
    for record in get(client, LIST, other, pageSize=200).json()["records"][::40]:
        page = get(client, LIST, name, resourceId=record["ResourceId"]).json()
        assert page["records"] == []
        assert page["totals"] == {"exact": True, "rows": 0, "currencies": []}
        # a resource narrows the rows, not the calls that are counted
        assert page["coverage"] == get(client, LIST, name, pageSize=1).json()["coverage"]


@pytest.mark.parametrize("name", TENANTS)
def test_the_file_of_a_tenant_holds_its_rows_alone(client: TestClient, name: str) -> None:
    for parameters in ({"format": "json"}, {"format": "json", "focusVersion": "1.2"}):
        records = get(client, FILE, name, **parameters).json()["records"]
        assert {record["BillingAccountId"] for record in records} == {f"org-{name}"}


def test_commitments_and_their_recency_go_by_account(client: TestClient) -> None:
    records = get(client, COMMITMENTS, "acme").json()["records"]
    assert {record["x_BillingAccountId"] for record in records} == {"org-acme"}
    assert get(client, COMMITMENTS, "globex").json()["totals"]["rows"] == 0
    # commitments are of no sub account
    assert get(client, COMMITMENTS, "marketing").json()["totals"]["rows"] == 0


def test_a_sub_account_is_seen_without_its_neighbours(client: TestClient) -> None:
    for path, parameters in ((LIST, {"pageSize": 5000}), (FILE, {"format": "json"})):
        records = get(client, path, "marketing", **parameters).json()["records"]
        assert {record["BillingAccountId"] for record in records} == {"org-acme"}
        assert {record["SubAccountName"] for record in records} == {"Marketing"}
    records = get(client, LIST, "unallocated", pageSize=5000).json()["records"]
    assert {record["SubAccountId"] for record in records} == {None}
    assert get(client, LIST, "marketing", subAccountId="Legal").json()["records"] == []


def test_a_token_without_accounts_sees_nothing(client: TestClient) -> None:
    page = get(client, LIST, "nobody").json()
    assert (page["records"], page["totals"]["rows"], page["coverage"]["calls"]) == ([], 0, 0)
    assert get(client, FILE, "nobody", format="json").json()["records"] == []
    described = get(client, SCHEMA, "nobody", dataset="cost-and-usage").json()
    # no month is told that others have used
    assert described["Recency"] == []


def test_a_dataset_beyond_the_scope_is_forbidden(client: TestClient) -> None:
    assert get(client, LIST, "costs", pageSize=1).status_code == 200
    assert get(client, COMMITMENTS, "costs").status_code == 403
    # the flat layout is a dataset of its own
    assert get(client, FILE, "costs").status_code == 403
    assert get(client, FILE, "costs", focusVersion="1.4", to="2026-08-01").status_code == 200
    assert get(client, SCHEMA, "costs", dataset="contract-commitment").status_code == 403
    described = get(client, SCHEMA, "costs").json()
    names = {entry["DatasetInstanceName"] for entry in described["DatasetInstance"]}
    assert names == {f"Cost and Usage {grain}" for grain in ("by Call", "Daily", "Monthly")}
    assert len(described["Schema"]) == len(described["Recency"]) == 3


def first_token(client: TestClient, name: str, **parameters: Any) -> str:
    token = get(client, LIST, name, pageSize=5, **parameters).json()["nextPageToken"]
    assert isinstance(token, str)
    return token


def test_a_page_token_replays_its_page(client: TestClient) -> None:
    token = first_token(client, "acme", subAccountId="Legal")
    pages = [get(client, LIST, "acme", pageToken=token).json() for _ in range(2)]
    assert pages[0]["records"] == pages[1]["records"]
    assert len(pages[0]["records"]) == pages[0]["pageSize"] == 5
    assert {record["SubAccountId"] for record in pages[0]["records"]} == {"Legal"}
    again = get(client, LIST, "acme", pageToken=token, subAccountId="Legal", pageSize=2).json()
    assert again["records"] == pages[0]["records"][:2]


def test_a_page_token_is_good_for_its_filters_and_its_caller_alone(client: TestClient) -> None:
    token = first_token(client, "acme", subAccountId="Legal")
    for name, path, parameters in (
        ("globex", LIST, {}),
        ("all", LIST, {}),
        ("acme", COMMITMENTS, {}),
        ("acme", LIST, {"subAccountId": "Finance"}),
        ("acme", LIST, {"subAccountId": "Legal", "region": "us-east-1"}),
        ("acme", LIST, {"region": "us-east-1"}),
        ("acme", LIST, {"focusVersion": "1.2"}),
    ):
        response = get(client, path, name, pageToken=token, **parameters)
        assert response.status_code == 400, (name, parameters)
        assert response.json()["errors"][0]["parameter"] == "pageToken"


def test_an_altered_page_token_is_refused(client: TestClient) -> None:
    token = first_token(client, "acme")
    content, _, signature = token.removeprefix(".").partition(".")
    raw = zlib.decompress(base64.urlsafe_b64decode(content + "=" * (-len(content) % 4)))
    forged = raw.replace(b'"page_size":5', b'"page_size":6')
    assert forged != raw
    written = base64.urlsafe_b64encode(zlib.compress(forged)).decode().rstrip("=")
    broken = [f".{written}.{signature}"]
    step = max(1, len(token) // 40)
    for place in range(0, len(token), step):
        other = "A" if token[place] != "A" else "B"
        broken.append(token[:place] + other + token[place + 1 :])
    broken += [token[:-1], token + "A", token + "=", "", "a", "é", "0" * 20_000, "../../etc"]
    for text in broken:
        response = get(client, LIST, "acme", pageToken=text)
        assert response.status_code == 400, text
        assert response.json()["errors"] == [
            {"parameter": "pageToken", "detail": response.json()["errors"][0]["detail"]}
        ]


def test_an_expired_page_token_is_gone(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    token = first_token(client, "acme")
    later = time.time() + page_tokens.LIFETIME + 5
    monkeypatch.setattr(service.time, "time", lambda: later)
    response = get(client, LIST, "acme", pageToken=token)
    assert response.status_code == 410
    assert "first page" in response.json()["detail"]


def test_a_scope_that_shrinks_holds_for_older_page_tokens(demo_home: Path, tmp_path: Path) -> None:
    file = write_tokens(tmp_path / "tokens.json", {"one": {}})
    with open_client(demo_home, file) as client:
        token = first_token(client, "one")
        write_tokens(file, {"one": {"billing_accounts": ["org-globex"]}})
        page = get(client, LIST, "one", pageToken=token, pageSize=500).json()
        assert {record["BillingAccountId"] for record in page["records"]} == {"org-globex"}
        write_tokens(file, {})
        assert get(client, LIST, "one").status_code == 401


def test_a_token_file_that_goes_wrong_lets_nobody_in(demo_home: Path, tmp_path: Path) -> None:
    file = write_tokens(tmp_path / "tokens.json", {"one": {}})
    with open_client(demo_home, file) as client:
        assert get(client, LIST, "one", pageSize=1).status_code == 200
        file.write_text("tokens: [")
        assert get(client, LIST, "one", pageSize=1).status_code == 401
        write_tokens(file, {"one": {}})
        os.utime(file, (1, 1))
        assert get(client, LIST, "one", pageSize=1).status_code == 200


def test_a_token_file_that_was_away_is_good_again_when_it_is_back(
    demo_home: Path, tmp_path: Path
) -> None:
    file = write_tokens(tmp_path / "tokens.json", {"one": {}})
    with open_client(demo_home, file) as client:
        statuses = []
        for source, target in ((file, tmp_path / "away"), (tmp_path / "away", file)):
            statuses.append(get(client, LIST, "one", pageSize=1).status_code)
            source.rename(target)
            statuses.append(get(client, LIST, "one", pageSize=1).status_code)
        assert statuses == [200, 401, 401, 200]


def test_a_revocation_is_seen_in_a_file_of_the_same_size_and_time(
    demo_home: Path, tmp_path: Path
) -> None:
    file = write_tokens(tmp_path / "tokens.json", {"one": {}})
    before = file.stat()
    with open_client(demo_home, file) as client:
        assert get(client, LIST, "one", pageSize=1).status_code == 200
        write_tokens(file, {"two": {}})
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert file.stat().st_size == before.st_size
        assert get(client, LIST, "one", pageSize=1).status_code == 401
        assert get(client, LIST, "two", pageSize=1).status_code == 200


def test_servers_that_start_together_sign_with_one_key(tmp_path: Path) -> None:
    for number in range(100):
        home = tmp_path / str(number)
        home.mkdir()
        if number % 2:
            # what a server of an older version left on a full disk
            (home / page_tokens.KEY_FILE).touch()
        barrier = threading.Barrier(4)

        def read(home: Path = home, barrier: threading.Barrier = barrier) -> bytes:
            barrier.wait()
            return page_tokens.read_secret(home)

        with ThreadPoolExecutor(4) as pool:
            keys = {task.result() for task in [pool.submit(read) for _ in range(4)]}
        kept = home / page_tokens.KEY_FILE
        assert keys == {kept.read_bytes()} or number % 2
        assert page_tokens.read_secret(home) == kept.read_bytes()
        assert kept.stat().st_mode & 0o777 == 0o600
        assert list(home.iterdir()) == [kept]


def test_the_environments_token_is_one_that_a_header_can_carry(demo_home: Path) -> None:
    with open_client(demo_home, token="long-enough-and-good\n") as client:
        headers = {"Authorization": "Bearer long-enough-and-good"}
        assert client.get(LIST, params={"pageSize": 1}, headers=headers).status_code == 200
    for token in ("schlüssel-aus-metall", "two\nlines-of-a-token"):
        with pytest.raises(UserError, match="printable ASCII"):
            Authenticator(None, token)
    with pytest.raises(UserError, match="nothing but blanks"):
        Authenticator(None, " \n")


def test_a_web_socket_is_closed_without_a_word(client: TestClient) -> None:
    with pytest.raises(WebSocketDisconnect), client.websocket_connect(LIST):
        pass


def test_the_metrics_of_a_token_with_a_scope_are_its_own(client: TestClient) -> None:
    get(client, LIST, "acme", pageSize=1)
    for name in ("globex", "costs"):
        told = get(client, "/metrics", name).text
        assert "focus_build_finished_timestamp_seconds 1." in told
        assert "focus_requests" not in told
        assert "focus_rows_listed" not in told
    headers = {"Authorization": "bearer from the environment"}
    assert "focus_rows_listed_total{" in client.get("/metrics", headers=headers).text


HASH = "0" * 64


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ("tokens: [", "neither YAML nor JSON"),
        ("a: 1", "list named tokens"),
        ("tokens: [1]", "name and sha256"),
        (f"tokens: [{{name: a, sha256: '{HASH}', billing_account: [x]}}]", "billing_account is no"),
        (
            f"tokens: [{{name: a, sha256: '{HASH}', sub_accounts: x}}]",
            "sub_accounts must be a list",
        ),
        (f"tokens: [{{name: a, sha256: '{HASH}', sub_accounts: }}]", "sub_accounts must be a list"),
        (f"tokens: [{{name: a, sha256: '{HASH}', billing_accounts: [1]}}]", "numbers in quotes"),
        (f"tokens: [{{name: a, sha256: '{HASH}', datasets: [costs]}}]", "no dataset costs"),
        (f"tokens: [{{name: a, sha256: '{HASH}', expires: soon}}]", "expires must be"),
        ("tokens: [{name: a, sha256: secret}]", "64 hexadecimal digits"),
        (f"tokens: [{{name: '', sha256: '{HASH}'}}]", "name must be"),
        (f"tokens: [{{name: a, sha256: '{HASH}'}}, {{name: b, sha256: '{HASH}'}}]", "twice"),
    ],
)
def test_a_token_file_with_a_mistake_is_refused(tmp_path: Path, content: str, part: str) -> None:
    file = tmp_path / "tokens.yml"
    file.write_text(content)
    with pytest.raises(UserError, match=part):
        Authenticator(file, "")
    with pytest.raises(UserError, match="can't be read"):
        Authenticator(tmp_path / "none.yml", "")


def test_yaml_gives_dates_and_moments(tmp_path: Path) -> None:
    file = tmp_path / "tokens.yml"
    later = datetime.date.today() + datetime.timedelta(days=2)
    for expires, good in ((later, True), (f"{later}T00:00:00Z", True), ("2020-01-01", False)):
        write = f"tokens: [{{name: a, sha256: '{HASH}', expires: {expires}}}]"
        file.write_text(write)
        [entry] = read_tokens(file, file.read_bytes())
        assert entry.expires is not None
        assert (entry.expires > time.time()) is good


def test_each_token_has_its_own_rate(demo_home: Path, tokens: Path) -> None:
    with open_client(demo_home, tokens, rate=3) as client:
        statuses = [get(client, "/metrics", "acme").status_code for _ in range(4)]
        assert statuses == [200, 200, 200, 429]
        refused = get(client, LIST, "acme")
        assert refused.headers["content-type"] == "application/problem+json"
        assert 1 <= int(refused.headers["retry-after"]) <= 20
        assert get(client, "/metrics", "globex").status_code == 200
        assert client.get("/healthz").status_code == 200


def test_a_bucket_fills_again() -> None:
    now = [0.0]
    rate = RateLimit(60, clock=lambda: now[0])
    for _ in range(60):
        rate.take("a")
    with pytest.raises(RequestError) as refused:
        rate.take("a")
    assert refused.value.retry_after == 1
    now[0] = 1.0
    rate.take("a")
    with pytest.raises(RequestError):
        rate.take("a")


def test_no_token_stands_in_the_log_or_the_metrics(demo_home: Path, tokens: Path) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logger = logging.getLogger()
    level = logging.getLogger("focus_export.api").level
    logging.getLogger("focus_export.api").setLevel(logging.DEBUG)
    logger.addHandler(handler)
    try:
        with open_client(demo_home, tokens) as client:
            page = first_token(client, "acme")
            get(client, LIST, "acme", pageToken=page, region="secret-region")
            get(client, LIST, "acme", acme_token="acme-token")
            get(client, "/acme-token", "acme")
            client.get(LIST, headers={"Authorization": "Bearer not-known-token"})
            metrics = get(client, "/metrics", "all").text
    finally:
        logger.removeHandler(handler)
        logging.getLogger("focus_export.api").setLevel(level)
    log = stream.getvalue()
    assert "/focus/v1/cost-and-usage 200" in log
    for secret in ("acme-token", "not-known-token", page[:40], "secret-region"):
        assert secret not in log
        assert secret not in metrics


def test_a_foreign_host_name_is_refused_where_no_token_is(demo_home: Path, tokens: Path) -> None:
    with open_client(demo_home) as client:
        assert client.get(LIST, headers={"Host": "rebound.example"}).status_code == 403
        for host in ("localhost:8080", "127.0.0.1", "[::1]:8080", "127.0.0.1:1"):
            assert client.get("/healthz", headers={"Host": host}).status_code == 200
    with open_client(demo_home, tokens) as client:
        headers = {**bearer("all"), "Host": "focus.example"}
        assert client.get("/metrics", headers=headers).status_code == 200


def test_no_other_origin_may_read(client: TestClient) -> None:
    headers = {**bearer("all"), "Origin": "https://elsewhere.example"}
    response = client.get("/metrics", headers=headers)
    assert not [name for name in response.headers if name.startswith("access-control")]
