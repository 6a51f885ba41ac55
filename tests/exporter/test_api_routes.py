"""The routes of the API: rows, pages, totals, coverage, the file, problems, documents."""

from __future__ import annotations

import asyncio
import csv
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from api_client import COMMITMENTS, FILE, LIST, SCHEMA, copy_home, open_client, read_all
from conftest import ROOT, focus_export, rows_of
from starlette.testclient import TestClient

from exporter.api import service
from exporter.api.answer_examples import read_examples
from exporter.api.datasets import API_DATASETS
from exporter.api.service import Service
from exporter.datasets import DATASETS
from exporter.extract.pages import PagedExtract, Part
from exporter.focus.schemas import VERSIONS

FILTERS = [
    ({"chargeCategory": "Usage"}, "ChargeCategory = 'Usage'"),
    ({"providerName": "Anthropic"}, "ServiceProviderName = 'Anthropic'"),
    ({"serviceName": "OpenAI API"}, "ServiceName = 'OpenAI API'"),
    ({"serviceCategory": "AI and Machine Learning"}, "true"),
    ({"region": "us-east-1"}, "RegionId = 'us-east-1'"),
    ({"resourceId": "req_0588a82e61"}, "ResourceId = 'req_0588a82e61'"),
    ({"subAccountId": "Marketing"}, "SubAccountId = 'Marketing'"),
    ({"subAccountId": ""}, "SubAccountId is null"),
    ({"billingCurrency": "USD"}, "BillingCurrency = 'USD'"),
    ({"billingPeriodStart": "2026-10-01T00:00:00Z"}, "BillingPeriodStart >= '2026-10-01'"),
    ({"billingPeriodEnd": "2026-10-01"}, "BillingPeriodStart < '2026-10-01'"),
    # the first moment of October in Berlin lies in September
    ({"billingPeriodEnd": "2026-10-01T00:00:00+02:00"}, "BillingPeriodStart < '2026-10-01'"),
    ({"billingPeriodStart": "2026-10-01T02:00:00+02:00"}, "BillingPeriodStart >= '2026-10-01'"),
    (
        {"providerName": "AWS", "subAccountId": "Legal", "region": "US East (N. Virginia)"},
        "ServiceProviderName = 'AWS' and SubAccountId = 'Legal' and RegionId = 'us-east-1'",
    ),
    ({"serviceName": "nobody's"}, "false"),
]
SQL = [
    "' or 1=1 --",
    "'; drop table int_charges; --",
    '"; select * from ai_calls; --',
    "x') or ('1'='1",
    "1 union all select * from int_charges",
    "%",
    "*",
    "\x00",
    "${x}",
]


@pytest.fixture(scope="module")
def client(demo_home: Path) -> Iterator[TestClient]:
    with open_client(demo_home) as opened:
        yield opened


@pytest.fixture(scope="module")
def database(demo_home: Path) -> Path:
    return demo_home / "ai_focus.duckdb"


def export(home: Path, *options: str) -> bytes:
    result = focus_export("export", *options, "--output", "-", cwd=home)
    assert result.returncode == 0, result.stderr
    return result.stdout.encode()


def problem_of(response: Any, status: int, *parameters: str) -> dict[str, Any]:
    """A refusal is a problem document that names the parameters."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    document = response.json()
    assert {"type", "title", "status", "detail"} <= document.keys()
    assert document["status"] == status
    assert [fault["parameter"] for fault in document.get("errors", [])] == list(parameters)
    return dict(document)


@pytest.mark.parametrize("page_size", [997, 10_000])
@pytest.mark.parametrize(
    ("path", "dataset"), [(LIST, "cost-and-usage"), (COMMITMENTS, "contract-commitment")]
)
def test_the_pages_put_together_are_the_extract(
    client: TestClient, demo_home: Path, path: str, dataset: str, page_size: int
) -> None:
    lines = export(demo_home, "--dataset", dataset, "--focus-version", "1.3", "--format", "jsonl")
    expected = [json.loads(line, parse_float=Decimal) for line in lines.splitlines()]
    records, token = [], None
    while True:
        parameters = {"pageSize": page_size, **({"pageToken": token} if token else {})}
        text = client.get(path, params=parameters).text
        page = json.loads(text, parse_float=Decimal)
        records += page["records"]
        token = page["nextPageToken"]
        if token is None:
            break
    assert records == expected


def test_a_row_of_a_page_is_the_very_text_of_the_extract(
    client: TestClient, demo_home: Path
) -> None:
    lines = export(demo_home, "--focus-version", "1.3", "--format", "jsonl").decode().splitlines()
    body = client.get(LIST, params={"pageSize": 3}).text
    assert body.endswith(f'"records": [{",".join(lines[:3])}]}}')


def test_the_default_is_a_thousand_rows_of_focus_1_3(client: TestClient) -> None:
    page = client.get(LIST).json()
    assert (len(page["records"]), page["pageSize"], page["focusVersion"]) == (1000, 1000, "1.3")


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_gives_its_own_columns(
    client: TestClient, demo_home: Path, version: str
) -> None:
    [record] = client.get(LIST, params={"pageSize": 1, "focusVersion": version}).json()["records"]
    head = export(demo_home, "--focus-version", version, "--to", "2026-08-01").decode()
    assert list(record) == head.splitlines()[0].split(",")


@pytest.mark.parametrize(("filters", "condition"), FILTERS)
def test_a_filter_gives_its_rows_and_their_exact_totals(
    client: TestClient, database: Path, filters: dict[str, str], condition: str
) -> None:
    pages = read_all(client, LIST, pageSize=2500, **filters)
    found = [record["x_ChargeId"] for page in pages for record in page["records"]]
    expected = rows_of(
        database,
        f"select x_ChargeId, BilledCost from focus_cost_and_usage where {condition}"
        " order by ChargePeriodStart, x_ChargeId",
    )
    assert found == [row[0] for row in expected]
    totals = pages[0]["totals"]
    assert (totals["exact"], totals["rows"]) == (True, len(expected))
    assert all(page["totals"] == totals for page in pages)
    by_currency = {entry["billingCurrency"]: entry for entry in totals["currencies"]}
    assert Decimal(by_currency.get("USD", {}).get("BilledCost", "0")) == sum(
        (row[1] for row in expected), Decimal(0)
    )
    assert pages[0]["filters"] == filters


def test_provider_name_goes_by_the_column_of_the_version(client: TestClient) -> None:
    for version, column in (("1.3", "ProviderName"), ("1.4", "ServiceProviderName")):
        page = client.get(
            LIST, params={"providerName": "AWS", "focusVersion": version, "pageSize": 5}
        ).json()
        assert {record[column] for record in page["records"]} == {"AWS"}


def test_credits_and_usage_are_summed_apart(client: TestClient) -> None:
    [currency] = client.get(LIST, params={"pageSize": 1}).json()["totals"]["currencies"]
    parts = {part["chargeCategory"]: part for part in currency["byChargeCategory"]}
    assert parts.keys() == {"Usage"}
    assert parts["Usage"]["BilledCost"] == currency["BilledCost"]


@pytest.mark.parametrize(
    ("filters", "condition"),
    [
        ({}, "true"),
        ({"subAccountId": "Marketing"}, "sub_account_id = 'Marketing'"),
        ({"providerName": "OpenAI"}, "service_provider_name = 'OpenAI'"),
        ({"billingPeriodStart": "2026-10-01"}, "usage_month >= '2026-10-01'"),
        # an unpriced call has no service: the filter does not narrow the coverage
        ({"serviceName": "OpenAI API"}, "true"),
    ],
)
def test_coverage_counts_the_calls_that_fit_the_filters(
    client: TestClient, database: Path, filters: dict[str, str], condition: str
) -> None:
    coverage = client.get(LIST, params={"pageSize": 1, **filters}).json()["coverage"]
    [(calls, priced, tokens)] = rows_of(
        database,
        "select count(*), count(*) filter (hold_reason is null), sum(total_tokens)::bigint"
        f" from ai_calls where is_billable and {condition}",
    )
    assert (coverage["calls"], coverage["pricedCalls"], coverage["tokens"]) == (
        calls,
        priced,
        tokens,
    )
    assert priced < calls
    assert coverage["countedBy"] == [name for name in filters if name != "serviceName"]


def test_commitments_are_found_by_id_and_account(client: TestClient, database: Path) -> None:
    [first, *_] = rows_of(
        database,
        "select ContractCommitmentId, x_BillingAccountId from focus_contract_commitment"
        " where x_BillingAccountId is not null order by 1",
    )
    by_id = client.get(COMMITMENTS, params={"commitmentDiscountId": first[0]}).json()
    assert [row["ContractCommitmentId"] for row in by_id["records"]] == [first[0]]
    by_account = client.get(COMMITMENTS, params={"billingAccountId": first[1]}).json()
    assert {row["x_BillingAccountId"] for row in by_account["records"]} == {first[1]}
    assert by_id["coverage"] is None


@pytest.mark.parametrize(
    ("parameters", "options"),
    [
        ({"from": "2026-10-01", "to": "2026-10-31"}, ["--dataset", "ai-calls"]),
        ({"format": "json", "to": "2026-08-31"}, ["--dataset", "ai-calls"]),
        ({"format": "jsonl", "from": "2026-10-20"}, ["--dataset", "ai-calls"]),
        ({"focusVersion": "1.3", "to": "2026-08-31"}, ["--focus-version", "1.3"]),
        ({"focusVersion": "1.0", "format": "json", "from": "2030-01-01"}, []),
    ],
)
def test_the_file_is_the_one_of_the_command(
    client: TestClient, demo_home: Path, parameters: dict[str, str], options: list[str]
) -> None:
    names = {
        "from": "--from",
        "to": "--to",
        "format": "--format",
        "focusVersion": "--focus-version",
    }
    for name, value in parameters.items():
        if names[name] not in options:
            options = [*options, names[name], value]
    response = client.get(FILE, params=parameters)
    assert response.status_code == 200
    assert response.content == export(demo_home, *options)
    disposition = response.headers["content-disposition"]
    stem = "ai_calls" if "focusVersion" not in parameters else "focus_cost_and_usage"
    assert re.fullmatch(rf'attachment; filename="{stem}[-_0-9]*\.\w+"', disposition)


def test_the_schema_is_the_one_of_the_command(client: TestClient, demo_home: Path) -> None:
    for version in VERSIONS:
        result = focus_export("schema", "--focus-version", version, cwd=demo_home)
        response = client.get(SCHEMA, params={"focusVersion": version})
        assert response.json() == json.loads(result.stdout), version
    one = client.get(SCHEMA, params={"dataset": "contract-commitment"}).json()
    assert len(one["Schema"]) == len(one["DatasetInstance"]) == len(one["Recency"]) == 1


@pytest.mark.parametrize(
    ("path", "parameters", "fields"),
    [
        (LIST, {"pageSize": "0"}, ["pageSize"]),
        (LIST, {"pageSize": "10001"}, ["pageSize"]),
        (LIST, {"pageSize": "-1"}, ["pageSize"]),
        (LIST, {"pageSize": "1e3"}, ["pageSize"]),
        (LIST, {"pageSize": "٣"}, ["pageSize"]),
        (LIST, {"pageSize": ""}, ["pageSize"]),
        (LIST, {"billingPeriodStart": "yesterday"}, ["billingPeriodStart"]),
        (LIST, {"billingPeriodStart": "2026-02-30T00:00:00Z"}, ["billingPeriodStart"]),
        (LIST, {"billingPeriodStart": "2026-02-01T00:00:00"}, ["billingPeriodStart"]),
        (LIST, {"billingPeriodEnd": "2026-13-01"}, ["billingPeriodEnd"]),
        (
            LIST,
            {"billingPeriodStart": "2026-10-01", "billingPeriodEnd": "2026-09-01"},
            ["billingPeriodEnd"],
        ),
        (
            LIST,
            {"billingPeriodStart": "2026-10-01", "billingPeriodEnd": "2026-10-01"},
            ["billingPeriodEnd"],
        ),
        (LIST, {"focusVersion": "2.0"}, ["focusVersion"]),
        (LIST, {"subaccountid": "Marketing"}, ["subaccountid"]),
        (LIST, {"modelId": "gpt-5"}, ["modelId"]),
        (LIST, {"a": "1", "b": "2"}, ["a", "b"]),
        (LIST, {"serviceName": "x" * 1025}, ["serviceName"]),
        (COMMITMENTS, {"subAccountId": "Marketing"}, ["subAccountId"]),
        (COMMITMENTS, {"focusVersion": "1.2"}, ["focusVersion"]),
        (SCHEMA, {"dataset": "ai-calls"}, ["dataset"]),
        (SCHEMA, {"focusVersion": "1.5"}, ["focusVersion"]),
        (SCHEMA, {"focusVersion": "1.2", "dataset": "contract-commitment"}, ["dataset"]),
        (FILE, {"from": "2026-10-32"}, ["from"]),
        (FILE, {"from": "20261001"}, ["from"]),
        (FILE, {"from": "2026-10-02", "to": "2026-10-01"}, ["to"]),
        (FILE, {"format": "parquet"}, ["format"]),
        (FILE, {"focusVersion": "9"}, ["focusVersion"]),
        (FILE, {"pageSize": "5"}, ["pageSize"]),
        ("/metrics", {"x": "1"}, ["x"]),
    ],
)
def test_a_parameter_that_is_not_right_is_named(
    client: TestClient, path: str, parameters: dict[str, str], fields: list[str]
) -> None:
    problem_of(client.get(path, params=parameters), 400, *fields)


def test_a_parameter_that_is_given_twice_is_named(client: TestClient) -> None:
    response = client.get(f"{LIST}?serviceName=a&serviceName=b")
    problem_of(response, 400, "serviceName")


@pytest.mark.parametrize("text", SQL)
@pytest.mark.parametrize("path", [LIST, COMMITMENTS, SCHEMA, FILE])
def test_sql_in_a_parameter_is_a_value_and_nothing_else(
    client: TestClient, path: str, text: str
) -> None:
    document = client.get("/openapi.json").json()
    names = [entry["name"] for entry in document["paths"][path]["get"]["parameters"]]
    before = client.get(LIST, params={"pageSize": 1}).json()["totals"]
    for name in names:
        response = client.get(path, params={name: text})
        if response.status_code == 200:
            page = response.json()
            assert page["records"] == [] and page["totals"]["rows"] == 0, name
        else:
            problem_of(response, 400, name)
    assert client.get(LIST, params={"pageSize": 1}).json()["totals"] == before


def test_totals_are_computed_once_and_few_are_kept(
    demo_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[object] = []
    measure = Service._measure

    def count(self: Service, cursor: Any, query: Any) -> Any:
        measured.append(query.filters)
        time.sleep(0.05)
        return measure(self, cursor, query)

    monkeypatch.setattr(Service, "_measure", count)
    monkeypatch.setattr(service, "_KEPT", 2)
    with open_client(demo_home) as client, ThreadPoolExecutor(8) as pool:

        def ask(name: str) -> int:
            return client.get(LIST, params={"subAccountId": name, "pageSize": 1}).status_code

        assert set(pool.map(ask, ["Legal"] * 8)) == {200}
        assert len(measured) == 1
        for name, times in (("Legal", 1), ("Finance", 2), ("Legal", 2), ("Research", 3)):
            ask(name)
            assert len(measured) == times, name
        # Finance was not asked for the longest
        ask("Legal")
        assert len(measured) == 3
        ask("Finance")
        assert len(measured) == 4


def test_unknown_paths_and_methods_are_problems(client: TestClient) -> None:
    problem_of(client.get("/focus/v1/invoice"), 404)
    response = client.post(LIST)
    problem_of(response, 405)
    assert response.headers["allow"] == "GET, HEAD, OPTIONS"
    problem_of(client.get("/docs/../../pyproject.toml"), 404)
    problem_of(client.get("/docs/%2e%2e/%2e%2e/__init__.py"), 404)


@pytest.mark.parametrize(
    "path",
    ["/cost-and-usage?pageSize=3", "/contract-commitments", "/schema", "/cost-and-usage/export/x"],
)
def test_the_paths_of_the_capability_answer_without_a_prefix(client: TestClient, path: str) -> None:
    plain, prefixed = client.get(path), client.get(f"/focus/v1{path}")
    assert plain.status_code == prefixed.status_code
    assert plain.json().keys() == prefixed.json().keys()
    assert plain.json().get("records") == prefixed.json().get("records")
    assert client.get("/cost-and-usages").status_code == 404
    # one route in metrics and log
    assert 'route="unknown",status="200"' not in client.get("/metrics").text


@pytest.mark.parametrize("path", ["*", "", "//schema"])
def test_an_odd_path_is_no_error_of_the_server(client: TestClient, path: str) -> None:
    scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode()}
    scope |= {"headers": [(b"host", b"127.0.0.1")], "query_string": b"", "root_path": ""}
    started: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        started.extend([message["status"]] if message["type"] == "http.response.start" else [])

    asyncio.run(client.app(scope, receive, send))
    assert started == [404]


def test_health_and_metrics_are_told(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"status": "ready"}
    client.get(LIST, params={"pageSize": 7})
    text = client.get("/metrics").text
    assert re.search(rf'focus_requests_total{{method="GET",route="{LIST}",status="200"}} \d', text)
    assert 'focus_rows_listed_total{dataset="cost-and-usage"}' in text
    assert "focus_build_finished_timestamp_seconds 1." in text


def test_without_a_build_the_server_runs_but_is_not_ready(tmp_path: Path) -> None:
    with open_client(tmp_path) as client:
        assert client.get("/healthz").status_code == 200
        for path in ("/readyz", LIST, COMMITMENTS, FILE):
            assert "focus-export build" in problem_of(client.get(path), 503)["detail"]
        # the structures are known before the first build
        assert "Recency" not in client.get(SCHEMA).json()


def test_the_document_describes_every_column_and_every_parameter(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    schemas = document["components"]["schemas"]
    with (ROOT / "seeds/reference/focus_columns.csv").open(encoding="utf-8") as file:
        reference = list(csv.DictReader(file))
    for entry in API_DATASETS.values():
        if entry.path is None:
            continue
        dataset = DATASETS[entry.name]
        operation = document["paths"][f"/focus/v1/{entry.path}"]["get"]
        assert operation["operationId"] == entry.tool
        for parameter in operation["parameters"]:
            assert parameter["description"], parameter["name"]
        answer = operation["responses"]["200"]["content"]["application/json"]
        assert answer["example"]["records"]
        for version in dataset.versions:
            properties = schemas[f"{dataset.focus_id}_{version.replace('.', '_')}"]["properties"]
            expected = {
                row["column_name"]: row["description"]
                for row in reference
                if row["dataset"] == dataset.focus_id and row["focus_version"] in (version, "")
            }
            assert {name: entry["description"] for name, entry in properties.items()} == expected
            assert all("examples" in entry for entry in properties.values())


def test_the_examples_are_rows_of_the_demo(client: TestClient) -> None:
    for name, filters in (
        ("cost-and-usage", {"resourceId": "req_0588a82e61"}),
        ("contract-commitment", {}),
    ):
        example = read_examples()[name]
        entry = API_DATASETS[name]
        for version in DATASETS[name].versions:
            parameters = {**filters, "focusVersion": version, "pageSize": 1}
            page = client.get(f"/focus/v1/{entry.path}", params=parameters).json()
            [record] = page["records"]
            assert record == {column: example[column] for column in record}


def test_the_docs_load_nothing_from_elsewhere(client: TestClient) -> None:
    page = client.get("/docs").text
    assert "://" not in page
    for path in set(re.findall(r'(?:src|href)="([^"]+)"', page)):
        assert client.get(path).status_code == 200, path
    policy = client.get("/docs").headers["content-security-policy"]
    assert policy.startswith("default-src 'self'")


def test_what_the_memory_does_not_hold_is_refused_for_a_while(
    demo_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AI_FOCUS_MEMORY_LIMIT", "30MB")
    with open_client(demo_home) as client:
        refused = client.get(LIST, params={"pageSize": 10_000})
        assert refused.status_code == 503
        assert refused.headers["retry-after"] == "2"
        assert refused.json()["type"] == "urn:ai-focus:problem:busy"
        assert "pageSize" in refused.json()["detail"]


def test_a_download_that_the_memory_does_not_hold_is_refused_before_it_begins(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measure(_extract: PagedExtract) -> None:
        raise duckdb.OutOfMemoryException("could not allocate block")

    monkeypatch.setattr(PagedExtract, "measure", measure)
    monkeypatch.setattr("exporter.duck._MEMORY_WAIT", 0)
    assert client.get(FILE).status_code == 503


def test_a_download_that_fails_midway_breaks_off(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stream(_extract: PagedExtract, *_args: object, **_options: object) -> Iterator[bytes]:
        yield b"TimestampUtc\n"
        raise OSError("no space left")

    monkeypatch.setattr(PagedExtract, "stream", stream)
    # an answer that began is not answered again: the client would take it for a whole one
    with pytest.raises(OSError, match="no space left"):
        client.get(FILE)


def test_no_statement_reaches_beyond_the_servers_scratch(demo_home: Path, tmp_path: Path) -> None:
    home = copy_home(demo_home, tmp_path / "home")
    with closing(Service(home)) as service, service.builds.current() as build:
        scratch = service.builds.scratch
        with build.cursor() as cursor:
            cursor.execute(f"copy (select 1 as a) to '{scratch}/a.csv'")
            assert cursor.execute(f"from read_csv('{scratch}/a.csv')").fetchall() == [(1,)]
            # a cursor's zone is the server's
            zone = cursor.execute("select current_setting('TimeZone')").fetchall()
            assert zone == [("UTC",)]
            for statement in (
                "from read_csv('/etc/passwd')",
                f"copy (select 1) to '{tmp_path}/a.csv'",
                f"attach '{tmp_path}/b.duckdb' as b",
                "install httpfs",
                "set memory_limit = '8GB'",
                "set enable_external_access = true",
            ):
                with pytest.raises((duckdb.PermissionException, duckdb.InvalidInputException)):
                    cursor.execute(statement)


def test_files_that_are_made_together_all_come_whole(
    demo_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # more than one of them needs, less than all do
    monkeypatch.setenv("AI_FOCUS_MEMORY_LIMIT", "200MB")
    paths = [FILE, f"{FILE}?focusVersion=1.3", f"{FILE}?format=json", f"{FILE}?focusVersion=1.4"]
    with open_client(demo_home) as client, ThreadPoolExecutor(8) as pool:
        pages = [
            pool.submit(client.get, LIST, params={"pageSize": 2000, "subAccountId": name})
            for name in ("Legal", "Finance", "Research", "Sales")
        ]
        files = list(pool.map(client.get, paths))
        assert {page.result().status_code for page in pages} <= {200, 503}
        alone = [client.get(path) for path in paths]
    assert [file.status_code for file in files] == [200] * 4
    assert [file.content for file in files] == [file.content for file in alone]


def test_files_are_made_one_slice_at_a_time(
    demo_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    making = most = slices = 0

    def copy(work: Callable[[], object]) -> None:
        nonlocal making, most, slices
        making += 1
        most, slices = max(most, making), slices + 1
        work()
        making -= 1

    monkeypatch.setattr("exporter.duck.wait_for_memory", copy)
    with open_client(demo_home) as client, ThreadPoolExecutor(4) as pool:
        assert {file.status_code for file in pool.map(client.get, [FILE] * 4)} == {200}
    assert (most, slices) == (1, 4)


def test_no_more_readers_than_the_memory_holds_read_at_once(
    demo_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, pair = threading.Lock(), threading.Barrier(2, timeout=60)
    reading = most = 0
    read = PagedExtract.read

    def count(extract: PagedExtract, *arguments: Any) -> Part:
        nonlocal reading, most
        with lock:
            reading += 1
            most = max(most, reading)
        # nobody reads alone: each waits for the other place to be taken
        pair.wait()
        try:
            return read(extract, *arguments)
        finally:
            with lock:
                reading -= 1

    monkeypatch.setattr(PagedExtract, "read", count)
    with open_client(demo_home) as client, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: client.get(LIST, params={"pageSize": 5}), range(16)))
    assert {answer.status_code for answer in answers} == {200}
    assert most == 2
