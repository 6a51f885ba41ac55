"""The sums behind the page for people: exact, per currency, credits apart, within the scope."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from api_client import LIST, bearer, open_client, read_all, write_tokens
from conftest import rows_of
from spend_world import CREDITED, HOSTILE, TINY, TINY_COST, make_world
from starlette.testclient import TestClient

from exporter.api import service
from exporter.api.datasets import API_DATASETS
from exporter.extract.pages import Group, PagedExtract
from exporter.home import Home

SPEND = "/api/spend"
CHARGES = "/api/spend/charges"
TOKENS: dict[str, dict[str, Any]] = {
    "all": {},
    "acme": {"billing_accounts": ["org-acme"]},
    "globex": {"billing_accounts": ["org-globex"]},
    "marketing": {"sub_accounts": ["Marketing"]},
    "commitments": {"datasets": ["contract-commitment"]},
}
COLUMNS = {
    "day": "strftime(ChargePeriodStart, '%Y-%m-%d')",
    "month": "strftime(ChargePeriodStart, '%Y-%m')",
    "chargeCategory": "ChargeCategory",
    "providerName": "ProviderName",
    "serviceName": "ServiceName",
    "serviceCategory": "ServiceCategory",
    "region": "RegionId",
    "subAccountId": "SubAccountId",
    "modelId": "x_ModelId",
}
COSTS = ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost")
OCTOBER = {"chargePeriodStart": "2026-10-01", "chargePeriodEnd": "2026-11-01"}


@pytest.fixture(scope="module")
def world(demo_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Home:
    return make_world(demo_home, tmp_path_factory.mktemp("world") / "home")


@pytest.fixture(scope="module")
def client(world: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    tokens = write_tokens(tmp_path_factory.mktemp("tokens") / "tokens.json", TOKENS)
    with open_client(world.path, tokens) as opened:
        yield opened


def ask(client: TestClient, name: str = "all", **parameters: str) -> dict[str, Any]:
    response = client.get(SPEND, params=parameters, headers=bearer(name))
    assert response.status_code == 200, response.text
    return dict(response.json())


def text_of(sum_of: str) -> str:
    """SQL of a sum as decimal text without needless zeros."""
    return f"rtrim(rtrim(cast(sum({sum_of}) as varchar), '0'), '.')"


@pytest.mark.parametrize("dimension", COLUMNS)
@pytest.mark.parametrize(
    ("filters", "condition"),
    [
        ({}, "true"),
        (OCTOBER, "ChargePeriodStart >= '2026-10-01' and ChargePeriodStart < '2026-11-01'"),
        (
            {"modelId": "gpt-5-mini", "providerName": "OpenAI"},
            "x_ModelId = 'gpt-5-mini' and ProviderName = 'OpenAI'",
        ),
        ({"subAccountId": HOSTILE}, f"SubAccountId = '{HOSTILE.replace(chr(39), chr(39) * 2)}'"),
        ({"subAccountId": "", "billingCurrency": "USD"}, "SubAccountId is null"),
    ],
)
def test_sums_are_those_of_sql(
    client: TestClient,
    world: Home,
    dimension: str,
    filters: dict[str, str],
    condition: str,
) -> None:
    if "billingCurrency" in filters:
        condition += " and BillingCurrency = 'USD'"
    relation = "focus_cost_and_usage_v1_3"
    sums = ", ".join(text_of(cost) for cost in COSTS)
    expected: dict[tuple[str | None, str], tuple[Any, ...]] = {
        (key, currency): tuple(rest)
        for key, currency, *rest in rows_of(
            world.database,
            f"select {COLUMNS[dimension]}, BillingCurrency, count(*), {sums} from {relation}"
            f" where {condition} group by 1, 2",
        )
    }
    parts = {
        (key, currency, category): tuple(rest)
        for key, currency, category, *rest in rows_of(
            world.database,
            f"select {COLUMNS[dimension]}, BillingCurrency, ChargeCategory, count(*), {sums}"
            f" from {relation} where {condition} group by 1, 2, 3",
        )
    }
    found = ask(client, groupBy=dimension, **filters)
    assert found["groups"]
    assert not found["truncated"]
    assert {
        (group["keys"][dimension], group["billingCurrency"]): (
            group["rows"],
            *(group[cost] for cost in COSTS),
        )
        for group in found["groups"]
    } == expected
    assert {
        (group["keys"][dimension], group["billingCurrency"], part["chargeCategory"]): (
            part["rows"],
            *(part[cost] for cost in COSTS),
        )
        for group in found["groups"]
        for part in group["byChargeCategory"]
    } == parts
    totals = {
        entry["billingCurrency"]: entry["BilledCost"] for entry in found["totals"]["currencies"]
    }
    assert totals == dict(
        rows_of(
            world.database,
            f"select BillingCurrency, {text_of('BilledCost')} from {relation}"
            f" where {condition} group by 1",
        )
    )


def test_a_charge_that_starts_at_a_bound_belongs_to_the_time_after_it(
    client: TestClient, world: Home
) -> None:
    relation = "focus_cost_and_usage_v1_3"
    starts = rows_of(
        world.database, f"select distinct ChargePeriodStart from {relation} order by 1"
    )
    (first,), (last,) = starts[100], starts[300]
    [(expected,)] = rows_of(
        world.database,
        f"select count(*) from {relation} where ChargePeriodStart >= ? and ChargePeriodStart < ?",
        [first, last],
    )
    bounds = {"chargePeriodStart": f"{first:%Y-%m-%dT%H:%M:%SZ}"}
    bounds["chargePeriodEnd"] = f"{last:%Y-%m-%dT%H:%M:%SZ}"
    totals = ask(client, **bounds)["totals"]["currencies"]
    assert sum(int(total["rows"]) for total in totals) == expected


def test_currencies_and_credits_stand_apart(client: TestClient) -> None:
    found = ask(client, groupBy="subAccountId", subAccountId=CREDITED)
    assert {entry["billingCurrency"] for entry in found["totals"]["currencies"]} == {"USD", "EUR"}
    credited = [
        part["BilledCost"]
        for group in found["groups"]
        for part in group["byChargeCategory"]
        if part["chargeCategory"] == "Credit"
    ]
    assert credited
    assert all(cost.startswith("-") for cost in credited)


def test_the_smallest_cost_is_told(client: TestClient) -> None:
    [group] = ask(client, groupBy="subAccountId", subAccountId=TINY)["groups"]
    assert group["BilledCost"] == TINY_COST


def test_names_stand_beside_ids(client: TestClient) -> None:
    groups = ask(client, groupBy="subAccountId,month")["groups"]
    named = {group["keys"]["subAccountId"]: group["names"]["subAccountId"] for group in groups}
    assert named["team-ds"] == "Data Science"
    assert named[None] is None
    assert all(group["names"].keys() == {"subAccountId"} for group in groups)


def test_times_come_in_their_order_and_others_by_cost(client: TestClient) -> None:
    days = [group["keys"]["day"] for group in ask(client, groupBy="day")["groups"]]
    assert days == sorted(days)
    costs = [float(group["BilledCost"]) for group in ask(client, groupBy="modelId")["groups"]]
    assert costs == sorted(costs, reverse=True)


def test_two_dimensions_are_summed_by_both(client: TestClient, world: Home) -> None:
    found = ask(client, groupBy="month,subAccountId", billingCurrency="USD")
    assert found["groupBy"] == ["month", "subAccountId"]
    assert {(*group["keys"].values(), group["BilledCost"]) for group in found["groups"]} == set(
        rows_of(
            world.database,
            f"select strftime(ChargePeriodStart, '%Y-%m'), SubAccountId, {text_of('BilledCost')}"
            " from focus_cost_and_usage where BillingCurrency = 'USD' group by 1, 2",
        )
    )


def test_without_a_dimension_there_are_totals_alone(client: TestClient) -> None:
    found = ask(client)
    listed = client.get(LIST, params={"pageSize": 1}, headers=bearer("all")).json()
    assert (found["groups"], found["groupBy"]) == ([], [])
    for part in ("totals", "coverage", "build"):
        assert found[part] == listed[part]


def test_a_selection_without_rows_has_no_groups(client: TestClient) -> None:
    found = ask(client, groupBy="day", modelId="nobody's")
    assert (found["groups"], found["totals"]["rows"]) == ([], 0)


def test_more_groups_than_an_answer_holds_are_told(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = ask(client, groupBy="day,modelId", chargePeriodStart="2026-10-02")
    monkeypatch.setattr(service, "MOST_GROUPS", 10)
    cut = ask(client, groupBy="day,modelId", chargePeriodStart="2026-10-02T00:00:00Z", region="")
    assert (len(cut["groups"]), cut["truncated"]) == (10, True)
    assert not whole["truncated"]


def test_coverage_goes_by_the_period(client: TestClient, world: Home) -> None:
    [(calls, priced)] = rows_of(
        world.database,
        "select count(*), count(*) filter (hold_reason is null) from ai_calls where is_billable"
        " and charge_period_start >= '2026-10-05' and charge_period_start < '2026-10-06'",
    )
    coverage = ask(client, chargePeriodStart="2026-10-05", chargePeriodEnd="2026-10-06")["coverage"]
    assert (coverage["calls"], coverage["pricedCalls"]) == (calls, priced)
    assert coverage["countedBy"] == ["chargePeriodStart", "chargePeriodEnd"]


def test_a_token_sums_its_rows_alone(client: TestClient, world: Home) -> None:
    for name, condition in (
        ("acme", "BillingAccountId = 'org-acme'"),
        ("globex", "BillingAccountId = 'org-globex'"),
        ("marketing", "SubAccountId = 'Marketing'"),
    ):
        # asked by all first, so that what is kept for one could reach another
        ask(client, groupBy="subAccountId")
        found = ask(client, name, groupBy="subAccountId")
        expected = rows_of(
            world.database,
            f"select SubAccountId, BillingCurrency, {text_of('BilledCost')}"
            f" from focus_cost_and_usage where {condition} group by 1, 2",
        )
        assert {
            (group["keys"]["subAccountId"], group["billingCurrency"], group["BilledCost"])
            for group in found["groups"]
        } == set(expected)
        assert found["totals"]["rows"] < ask(client)["totals"]["rows"]
        assert found["coverage"]["calls"] < ask(client)["coverage"]["calls"]


@pytest.mark.parametrize("path", [SPEND, CHARGES])
def test_tokens_and_scopes_hold(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 401
    assert client.get(path, headers=bearer("commitments")).status_code == 403


def test_the_rows_are_those_that_are_summed(client: TestClient) -> None:
    filters = {"modelId": "gpt-5", "subAccountId": "Marketing", **OCTOBER}
    pages = read_all(client, CHARGES, pageSize=50, headers=bearer("all"), **filters)
    records = [record for page in pages for record in page["records"]]
    assert records
    assert {(record["x_ModelId"], record["SubAccountId"]) for record in records} == {
        ("gpt-5", "Marketing")
    }
    assert all("2026-10" in record["ChargePeriodStart"] for record in records)
    assert ask(client, **filters)["totals"] == pages[0]["totals"]
    assert len(records) == pages[0]["totals"]["rows"]


def test_a_page_token_of_the_rows_keeps_its_filters_and_its_caller(client: TestClient) -> None:
    first = client.get(CHARGES, params={"modelId": "gpt-5", "pageSize": 5}, headers=bearer("acme"))
    token = first.json()["nextPageToken"]
    for name, parameters in (("globex", {}), ("acme", {"modelId": "gpt-5-mini"})):
        response = client.get(
            CHARGES, params={"pageToken": token, **parameters}, headers=bearer(name)
        )
        assert response.status_code == 400
        assert response.json()["errors"][0]["parameter"] == "pageToken"


@pytest.mark.parametrize(
    ("path", "parameters", "field"),
    [
        (SPEND, {"groupBy": "x_CallId"}, "groupBy"),
        (SPEND, {"groupBy": ""}, "groupBy"),
        (SPEND, {"groupBy": "day,"}, "groupBy"),
        (SPEND, {"groupBy": "BilledCost) --"}, "groupBy"),
        (SPEND, {"groupBy": "resourceId"}, "groupBy"),
        (SPEND, {"pageSize": "5"}, "pageSize"),
        (SPEND, {"chargePeriodStart": "soon"}, "chargePeriodStart"),
        (
            SPEND,
            {"chargePeriodStart": "2026-10-02", "chargePeriodEnd": "2026-10-02"},
            "chargePeriodEnd",
        ),
        (CHARGES, {"groupBy": "day"}, "groupBy"),
        (CHARGES, {"chargePeriodEnd": "2026-02-30"}, "chargePeriodEnd"),
        # the list of the capability takes what the capability names
        (LIST, {"chargePeriodStart": "2026-10-01"}, "chargePeriodStart"),
    ],
)
def test_a_parameter_that_is_not_right_is_named(
    client: TestClient, path: str, parameters: dict[str, str], field: str
) -> None:
    response = client.get(path, params=parameters, headers=bearer("all"))
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"
    assert [fault["parameter"] for fault in response.json()["errors"]] == [field]


@pytest.mark.parametrize("text", ["' or 1=1 --", '"; drop table int_charges; --', "%", "\x00"])
def test_sql_in_a_parameter_is_a_value_and_nothing_else(client: TestClient, text: str) -> None:
    before = ask(client)["totals"]
    for name in (*(it.name for it in API_DATASETS["cost-and-usage"].parameters), "groupBy"):
        response = client.get(SPEND, params={name: text}, headers=bearer("all"))
        if response.status_code == 200:
            assert response.json()["totals"]["rows"] == 0, name
        else:
            assert [fault["parameter"] for fault in response.json()["errors"]] == [name]
    assert ask(client)["totals"] == before


@pytest.fixture
def summed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the departments whose charges were summed, each time."""
    names: list[str] = []
    break_down = PagedExtract.break_down

    def count(extract: PagedExtract, *arguments: Any) -> list[Group]:
        names.append(str(extract._parameters[0]))
        return break_down(extract, *arguments)

    monkeypatch.setattr(PagedExtract, "break_down", count)
    return names


def sum_of(client: TestClient, name: str) -> Any:
    return ask(client, groupBy="chargeCategory,day", subAccountId=name)["groups"]


def test_sums_are_computed_once_for_those_who_wait(
    world: Home, monkeypatch: pytest.MonkeyPatch, summed: list[str]
) -> None:
    monkeypatch.setattr(service, "_KEPT", 2)
    together = threading.Barrier(8)

    def wait(_number: int) -> Any:
        together.wait()
        return sum_of(client, "Marketing")

    with open_client(world.path, token="all-token") as client, ThreadPoolExecutor(8) as pool:
        found = list(pool.map(wait, range(8)))
        assert found == [found[0]] * 8
        assert summed == ["Marketing"]
        # the third pushes out what was not asked for the longest
        for name in ("Finance", "Marketing", "Research", "Marketing", "Finance"):
            sum_of(client, name)
    assert summed == ["Marketing", "Finance", "Research", "Finance"]


def test_no_more_groups_are_kept_than_the_memory_holds(
    world: Home, monkeypatch: pytest.MonkeyPatch, summed: list[str]
) -> None:
    monkeypatch.setattr(service, "_KEPT_GROUPS", 8)
    monkeypatch.setattr(service, "_KEPT", 8)
    with open_client(world.path, token="all-token") as client:
        for _ in range(2):
            many = ask(client, groupBy="day,modelId", subAccountId="Marketing")["groups"]
            few = ask(client, groupBy="chargeCategory", subAccountId="Finance")["groups"]
    assert len(many) > 8 >= len(few)
    assert summed == ["Marketing", "Finance", "Marketing"]


def test_what_could_not_be_computed_is_tried_again(
    world: Home, monkeypatch: pytest.MonkeyPatch, summed: list[str]
) -> None:
    with open_client(world.path, token="all-token") as client:
        with monkeypatch.context() as patch:
            patch.setattr(PagedExtract, "break_down", lambda *_arguments: 1 / 0)
            parameters = {"groupBy": "chargeCategory,day", "subAccountId": "Marketing"}
            response = client.get(SPEND, params=parameters, headers=bearer("all"))
            assert response.status_code == 500
        assert sum_of(client, "Marketing")
    assert summed == ["Marketing"]
