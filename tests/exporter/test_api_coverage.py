"""What is in no total stands beside every answer, in money: in its coverage, in headers."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from api_client import FILE, LIST, SCHEMA, bearer, copy_home, open_client, publish, write_tokens
from conftest import rows_of
from starlette.testclient import TestClient

from exporter.api.answers import COVERAGE_HEADERS
from exporter.api.app import create_app
from exporter.api.service import Service
from exporter.build import report
from exporter.build.totals import read_totals
from exporter.extract.coverage import read_usage_coverage
from exporter.extract.manifest import describe_coverage
from exporter.home import Home

# what the source says of one call of October and of two of August that are held back; of a third 0
STATED = {
    "2026-10-01": ["0.000000000000000001"],
    "2026-08-01": ["1239.37", "0.75", "0"],
}


@pytest.fixture(scope="module")
def home(demo_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The demo, whose held calls have costs of their source."""
    made = copy_home(demo_home, tmp_path_factory.mktemp("stated") / "home")
    with duckdb.connect(str(made.database.resolve())) as connection:
        for month, costs in STATED.items():
            held = connection.execute(
                "select call_key from int_held_calls"
                " join stg_gateway__usage on call_key = replaces_key"
                " where date_trunc('month', started_at) = cast(? as timestamp) order by 1",
                [month],
            ).fetchall()
            assert len(held) >= len(costs)
            for (key,), cost in zip(held, costs, strict=False):
                connection.execute(
                    "update stg_gateway__usage set source_cost = cast(? as decimal(38, 18))"
                    " where replaces_key = ?",
                    [cost, key],
                )
        # of the 244 calls whose log tells a cost 61 have another for a reason, one for none
        for reason, calls in (("own_price", 61), ("unexplained", 1)):
            connection.execute(
                "update ai_cost_comparison set is_different = true, reason = $1"
                " where call_key in (select call_key from ai_cost_comparison"
                " where not is_different order by call_key limit $2)",
                [reason, calls],
            )
        connection.execute("force checkpoint")
    return made


@pytest.fixture(scope="module")
def client(home: Home) -> Iterator[TestClient]:
    with tempfile.TemporaryDirectory() as folder:
        tokens = write_tokens(
            Path(folder) / "tokens.yml",
            {"all": {}, "acme": {"billing_accounts": ["org-acme"]}},
        )
        with open_client(home.path, tokens) as opened:
            opened.headers.update(bearer("all"))
            yield opened


def coverage_of(client: TestClient, path: str = LIST, **parameters: Any) -> dict[str, Any]:
    parameters = {"pageSize": 1, **parameters} if path == LIST else parameters
    return dict(client.get(path, params=parameters).json()["coverage"])


def test_coverage_leads_with_what_is_missing_and_what_it_costs(
    client: TestClient, home: Home
) -> None:
    found = coverage_of(client)
    assert list(found)[:5] == [
        *("missingCalls", "missingTokens", "missingStatedCost", "statedCostCurrency"),
        "unknownCostCalls",
    ]
    # 44 calls are held back: three have a cost, which make 1240.12 and the smallest part of it
    assert found["missingCalls"] == 44
    assert found["missingStatedCost"] == "1240.120000000000000001"
    assert (found["statedCostCurrency"], found["unknownCostCalls"]) == ("USD", 41)
    assert found["usageUntil"] == "2026-10-31T23:59:50Z"
    assert found["waitingFor"] == {"2026-10": ["litellm"]}
    assert found["rejectedRecords"] == 2
    # the mart says the same
    mart = rows_of(
        home.database,
        "select sum(missing_calls), sum(missing_tokens), sum(missing_stated_cost),"
        " max(stated_cost_currency), sum(unknown_cost_calls) from ai_coverage",
    )
    assert mart == [
        (44, found["missingTokens"], Decimal(found["missingStatedCost"]), "USD", 41),
    ]
    assert coverage_of(client, "/api/spend") == found


def test_coverage_says_how_many_costs_are_those_of_the_log(client: TestClient, home: Home) -> None:
    found = coverage_of(client)
    names = ("comparedCalls", "differingCalls", "unexplainedCalls")
    assert [found[name] for name in names] == [244, 62, 1]
    # 182, 61 and 1 of 244
    assert found["equalCallsShare"] == "0.745901"
    assert found["explainedCallsShare"] == "0.25"
    assert found["unexplainedCallsShare"] == "0.004098"
    costs = dict(
        rows_of(
            home.database, "select reason, sum(stated_cost) from ai_cost_comparison group by reason"
        )
    )
    whole = sum(costs.values())
    assert Decimal(found["comparedStatedCost"]) == whole
    for kind, reason in (
        ("equal", "equal"),
        ("explained", "own_price"),
        ("unexplained", "unexplained"),
    ):
        share = Decimal(found[f"{kind}StatedCostShare"])
        assert 0 <= costs[reason] / whole - share < Decimal("0.000001")
    mart = "select sum(compared_stated_cost), sum(equal_stated_cost), sum(explained_stated_cost),"
    [row] = rows_of(home.database, f"{mart} sum(unexplained_stated_cost) from ai_coverage")
    assert row == (whole, costs["equal"], costs["own_price"], costs["unexplained"])
    # of a month its own
    october = coverage_of(client, billingPeriodStart="2026-10-01")
    assert 0 < october["comparedCalls"] < 244
    assert coverage_of(client, subAccountId="nobody")["equalCallsShare"] is None


def test_totals_say_how_much_of_the_cost_has_a_department(client: TestClient, home: Home) -> None:
    for path in (LIST, "/api/spend"):
        [total] = client.get(path).json()["totals"]["currencies"]
        [(cost, allocated)] = rows_of(
            home.database,
            "select sum(EffectiveCost), sum(EffectiveCost) filter (SubAccountId is not null)"
            " from focus_cost_and_usage",
        )
        assert Decimal(total["AllocatedCost"]) == allocated < cost
        share = Decimal(total["allocatedCostShare"])
        assert 0 <= allocated / cost - share < Decimal("0.000001")
        assert sum(Decimal(it["AllocatedCost"]) for it in total["byChargeCategory"]) == allocated
        [own] = client.get(path, params={"subAccountId": "Legal"}).json()["totals"]["currencies"]
        assert own["allocatedCostShare"] == "1"


def test_coverage_is_of_the_calls_that_fit(client: TestClient) -> None:
    august = coverage_of(client, billingPeriodEnd="2026-09-01")
    assert august["missingStatedCost"] == "1240.12"
    assert (august["usageUntil"], august["waitingFor"]) == ("2026-08-31T23:59:58Z", {})
    september = coverage_of(client, billingPeriodStart="2026-09-01", billingPeriodEnd="2026-10-01")
    assert september["missingStatedCost"] is september["statedCostCurrency"] is None
    assert september["unknownCostCalls"] == september["missingCalls"] > 0
    nobody = coverage_of(client, subAccountId="nobody")
    assert (nobody["missingCalls"], nobody["usageUntil"], nobody["waitingFor"]) == (0, None, {})


def test_the_summary_says_it_in_words(home: Home) -> None:
    totals = read_totals(home.database.resolve())
    lines = report.describe(totals, (), "2026-11-27T06:00:00Z")
    [missing] = [line for line in lines if line.startswith("Not priced yet")]
    assert (
        missing.split()
        == (
            f"Not priced yet 44 calls ({totals.missing.tokens:,} tokens),"
            " about 1,240.12 USD as the source states; 41 of unknown cost"
        ).split()
    )
    assert lines.index(missing) < next(
        number for number, line in enumerate(lines) if line.startswith("Priced")
    )
    # apart from the table, since the day of the build is another each time
    assert lines[-1].startswith(
        "Costs in the log: of 244 calls with one 74.5 % have that list cost ("
    )
    assert lines[-5:-1] == [
        "",
        "Usage until 31 Oct 2026 23:59 UTC, built 27 Nov 2026.",
        "Not complete yet: 2026-10 waits for litellm.",
        "Delivered more than once: 13 records differ from the one that took their place "
        "(13 superseded); see the table ai_repeated_records.",
    ]


def test_a_sum_too_small_to_write_is_not_nothing(home: Home) -> None:
    with duckdb.connect(str(home.database.resolve()), read_only=True) as connection:
        coverage = read_usage_coverage(connection, [("charge_period_start", ">=", ("2026-10-01",))])
    assert describe_coverage(coverage)["missing_stated_cost"] == "0.000000000000000001"
    from exporter.extract.missing import describe_cost

    assert describe_cost(coverage.missing).startswith("about < 0.01 USD as the source states; ")


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"from": "2026-08-01", "to": "2026-08-31", "format": "jsonl"},
        {"from": "2026-09-01", "to": "2026-09-30", "focusVersion": "1.3", "safeCsv": "true"},
    ],
)
def test_a_streamed_file_says_what_it_lacks_and_where_its_manifest_is(
    client: TestClient, parameters: dict[str, str]
) -> None:
    days = {
        "chargePeriodStart": parameters.get("from", "2026-08-01"),
        "chargePeriodEnd": {"2026-08-31": "2026-09-01", "2026-09-30": "2026-10-01"}.get(
            parameters.get("to", ""), "2027-01-01"
        ),
    }
    expected = coverage_of(client, "/api/spend", **days)
    answer = client.get(FILE, params=parameters)
    assert answer.status_code == 200
    for header, name in COVERAGE_HEADERS.items():
        value = expected[name]
        if name == "missingStatedCost" and value is not None:
            value = f"{value} USD"
        assert answer.headers.get(header) == (None if value is None else str(value)), header
    assert all(value.isascii() for value in answer.headers.values())
    head = client.head(FILE, params=parameters)
    for header in ("Link", *COVERAGE_HEADERS):
        assert head.headers.get(header) == answer.headers.get(header)
    assert not head.content
    # the link leads to the manifest of that very query
    link = answer.links["describedby"]
    assert link["type"] == "application/json"
    manifest = client.get(link["url"]).json()
    assert (manifest["from"], manifest["to"]) == (parameters.get("from"), parameters.get("to"))
    assert manifest["format"] == parameters.get("format", "csv")
    assert manifest["focus_version"] == parameters.get("focusVersion", "1.1")
    assert manifest["coverage"]["missing_calls"] == expected["missingCalls"]
    assert manifest["coverage"]["missing_stated_cost"] == expected["missingStatedCost"]
    assert manifest["rejected_rows"] == 2
    if manifest["format"] == "jsonl":
        assert len(answer.text.splitlines()) == manifest["rows"]
    assert f'filename="{manifest["file"]}"' in answer.headers["Content-Disposition"]


def test_a_token_with_a_scope_is_told_of_its_own_calls_and_of_no_line(client: TestClient) -> None:
    own = client.get(LIST, params={"pageSize": 1}, headers=bearer("acme")).json()["coverage"]
    every = coverage_of(client)
    assert own["missingCalls"] < every["missingCalls"]
    assert own["rejectedRecords"] is None
    answer = client.get(FILE, headers=bearer("acme"))
    assert answer.headers["X-Coverage-Missing-Calls"] == str(own["missingCalls"])
    assert "X-Coverage-Rejected-Records" not in answer.headers
    manifest = client.get(answer.links["describedby"]["url"], headers=bearer("acme")).json()
    assert manifest["rejected_rows"] is None
    assert manifest["coverage"]["calls"] == own["calls"]
    recency = client.get(SCHEMA, headers=bearer("acme")).json()["Recency"]
    usage = [entry["x_UsageUntil"] for entry in recency if "TimeSectors" in entry]
    assert usage == [own["usageUntil"]] * len(usage)


def test_a_manifest_of_a_build_that_is_gone_or_none_is_refused(client: TestClient) -> None:
    gone = client.get(f"{FILE}/manifest", params={"build": "20200101T000000000000Z"})
    assert gone.status_code == 410
    assert "ask for the file again" in gone.json()["detail"]
    for build in ("../../etc", "a\x00b", "", "x" * 65):
        answer = client.get(f"{FILE}/manifest", params={"build": build})
        assert answer.status_code == 400, build
        assert [it["parameter"] for it in answer.json()["errors"]] == ["build"]
    assert client.get(f"{FILE}/manifest", params={"to": "x"}).status_code == 400


def test_the_manifest_is_of_the_build_that_the_file_was_of(demo_home: Path, tmp_path: Path) -> None:
    home = copy_home(demo_home, tmp_path / "home")
    service = Service(home)
    try:
        with TestClient(create_app(service, rate=0), base_url="http://127.0.0.1") as client:
            before = client.get(FILE, params={"focusVersion": "1.3", "to": "2026-08-03"})
            publish(home, "30000101T000000000000Z", Home(demo_home), 5)
            manifest = client.get(before.links["describedby"]["url"]).json()
            assert manifest["build"]["build_id"] != "30000101T000000000000Z"
            assert manifest["rows"] == len(before.text.splitlines()) - 1 > 5
            now = client.get(f"{FILE}/manifest", params={"focusVersion": "1.3"}).json()
            assert (now["build"]["build_id"], now["rows"]) == ("30000101T000000000000Z", 5)
    finally:
        service.close()


def test_a_build_of_before_has_no_complete_month(demo_home: Path, tmp_path: Path) -> None:
    home = copy_home(demo_home, tmp_path / "home")
    with duckdb.connect(str(home.database.resolve())) as connection:
        connection.execute("drop view ai_month_completeness")
        connection.execute("force checkpoint")
    service = Service(home)
    try:
        with TestClient(create_app(service, rate=0), base_url="http://127.0.0.1") as client:
            assert coverage_of(client)["waitingFor"] == {}
            described = client.get(SCHEMA).json()
            sectors = [it for entry in described["Recency"] for it in entry.get("TimeSectors", [])]
            assert sectors
            assert not any(it["TimeSectorComplete"] for it in sectors)
    finally:
        service.close()


def test_the_headers_stand_in_the_openapi_document(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    answer = document["paths"][FILE]["get"]["responses"]["200"]
    assert set(answer["headers"]) == {"Link", *COVERAGE_HEADERS}
    assert f"{FILE}/manifest" in document["paths"]
    json.dumps(document, allow_nan=False)
