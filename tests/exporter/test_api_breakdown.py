"""Sums by dimensions and tags add up to the total; compact rows lack what is null in all rows."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from api_client import COMMITMENTS, LIST, copy_home, open_client, read_all
from charges_table import store_charges
from conftest import rows_of
from hypothesis import example, given, settings
from hypothesis import strategies as st
from shared import examples
from starlette.testclient import TestClient

from exporter.api.datasets import API_DATASETS
from exporter.api.jobs.orders import Jobs
from exporter.api.parameters import MOST_NAMES, read_names, write_names
from exporter.api.principal import LOCAL
from exporter.api.problems import RequestError
from exporter.api.service import Service
from exporter.datasets import DATASETS
from exporter.extract import pages
from exporter.extract.pages import Group, PagedExtract
from exporter.extract.writer import Selection
from exporter.home import Home

ENTRY = API_DATASETS["cost-and-usage"]
SPEND = "/api/spend"
# what a JSON path, a pointer, SQL or a list of names could take for something else
HOSTILE = [
    *(
        "",
        "a",
        "a.b",
        "$",
        "$.a",
        "/",
        "//",
        "~",
        "~1",
        "~0",
        "*",
        "#",
        "0",
        "-",
        "[0]",
        "?",
        "a b",
    ),
    *("a,b", "a'b", "' or 1=1 --", 'a"b', '"', '""', "a\\b", "é", "\u0000", "a\nb", "😀", "tag:"),
]
MOMENTS = [datetime(2026, 8, 31, 23, 59, 59), datetime(2026, 9, 1), datetime(2026, 9, 2, 12)]
COLUMNS = {
    "BilledCost": "decimal(38,18)",
    "BillingCurrency": "varchar",
    "ChargeCategory": "varchar",
    "ChargePeriodStart": "timestamp",
    "ProviderName": "varchar",
    "ServiceName": "varchar",
    "SubAccountId": "varchar",
    "SubAccountName": "varchar",
    "x_ModelId": "varchar",
    "Tags": "varchar",
    "x_ChargeId": "varchar",
}
TAGS = st.none() | st.dictionaries(
    st.sampled_from(HOSTILE) | st.text(st.characters(codec="utf-8"), max_size=4),
    st.none() | st.sampled_from(["", "v", "null", "' --", "1"]),
    max_size=5,
)
NAME = st.none() | st.sampled_from(["", "Marketing", "a'b", "{}"])
ROW = st.tuples(
    st.sampled_from(["-1.5", "0", "0.000000000000000001", "-0.1", "99999999.25"]),
    st.sampled_from(["USD", "EUR"]),
    st.sampled_from(["Usage", "Credit"]),
    st.sampled_from(MOMENTS),
    NAME,
    NAME,
    NAME,
    st.just("name"),
    NAME,
    TAGS,
)


def make(rows: list[tuple[Any, ...]]) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("set timezone = 'UTC'")
    columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    columns += ", EffectiveCost decimal(38,18) as (BilledCost)"
    connection.execute(f"create table focus_cost_and_usage_v1_3 ({columns})")
    for number, (*row, tags) in enumerate(rows):
        text = None if tags is None else json.dumps(tags, ensure_ascii=number % 2 == 0)
        places = ", ".join("?" * len(COLUMNS))
        connection.execute(
            f"insert into focus_cost_and_usage_v1_3 values ({places})",
            [*row, text, f"charge {number}"],
        )
    return connection


def key_of(row: tuple[Any, ...], dimension: str) -> str | None:
    """Work out by hand what a row is summed under."""
    if dimension.startswith("tag:"):
        return (row[9] or {}).get(dimension[4:])
    if dimension in ("day", "month"):
        return f"{row[3]:%Y-%m-%d}" if dimension == "day" else f"{row[3]:%Y-%m}"
    places = {"chargeCategory": 2, "providerName": 4, "serviceName": 5, "subAccountId": 6}
    return row[{**places, "modelId": 8}[dimension]]


def add_up(totals: list[tuple[Any, int, str | None]]) -> dict[Any, tuple[int, Decimal]]:
    sums: dict[Any, tuple[int, Decimal]] = defaultdict(lambda: (0, Decimal(0)))
    for key, rows, cost in totals:
        sums[key] = (sums[key][0] + rows, sums[key][1] + Decimal(cost or "nan"))
    return dict(sums)


@settings(max_examples=examples(20, 60), deadline=None)
@given(
    rows=st.lists(ROW, max_size=30),
    dimensions=st.lists(
        st.sampled_from(["day", "month", "providerName", "serviceName", "subAccountId", "modelId"])
        | st.sampled_from([f"tag:{key}" for key in HOSTILE]),
        min_size=1,
        max_size=4,
        unique=True,
    ),
)
@example(
    rows=[("1", "USD", "Usage", MOMENTS[0], *["a"] * 5, dict.fromkeys(HOSTILE, "v"))],
    dimensions=[f"tag:{key}" for key in HOSTILE],
)
def test_every_grouping_adds_up_to_the_total(
    rows: list[tuple[Any, ...]], dimensions: list[str]
) -> None:
    with make(rows) as connection:
        extract = PagedExtract(connection, Selection(DATASETS["cost-and-usage"], "1.3"))
        wanted = [ENTRY.dimension(name, "1.3") for name in dimensions]
        groups: list[Group] = extract.break_down(wanted, 1000)
        measure = extract.measure()
    expected = add_up(
        [((*(key_of(row, it) for it in dimensions), row[1]), 1, row[0]) for row in rows]
    )
    found = add_up(
        [
            (
                (*(group.keys[it] for it in dimensions), group.total.currency),
                group.total.rows,
                group.total.costs["BilledCost"],
            )
            for group in groups
        ]
    )
    assert len(groups) == len(found)
    assert found == expected
    # the groups, and the categories within them, are parts of the whole
    whole = [(it.currency, it.rows, it.costs["BilledCost"]) for it in measure.currencies]
    for parts in (
        [group.total for group in groups],
        [part for group in groups for part in group.categories],
    ):
        assert add_up([(it.currency, it.rows, it.costs["BilledCost"]) for it in parts]) == (
            add_up(whole)
        )


@given(keys=st.lists(st.sampled_from(HOSTILE) | st.text(min_size=1), min_size=1, max_size=5))
def test_a_list_of_names_is_read_as_it_was_written(keys: list[str]) -> None:
    names = [f"tag:{key}" for key in keys if key]
    assert read_names("groupBy", write_names(names) if names else None, (), "tag:") == names
    plain = [name for name in names if "," not in name]
    assert read_names("groupBy", ",".join(plain) if plain else None, (), "tag:") == plain


@pytest.mark.parametrize(
    "value",
    ["", ",", "day,", '"day', 'day"x",', "tag:", '"tag:"', "tags:a", ",".join(["day"] * 13)],
)
def test_a_list_of_names_that_is_none_is_refused(value: str) -> None:
    assert MOST_NAMES == 12
    with pytest.raises(RequestError, match="groupBy"):
        read_names("groupBy", value, ("day",), "tag:")


@pytest.fixture(scope="module")
def world(demo_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The demo, where each charge of a department has all hostile tags, and some have none."""
    home = copy_home(demo_home, tmp_path_factory.mktemp("world") / "home")
    tags = json.dumps({key: f"{key}!" for key in HOSTILE})
    with duckdb.connect(str(home.database.resolve())) as connection:
        store_charges(connection)
        connection.execute(
            "update int_charges set tags_json = ? where sub_account_id = 'Legal'", [tags]
        )
        connection.execute(
            "update int_charges set tags_json = null where sub_account_id = 'Finance'"
        )
        connection.execute("force checkpoint")
    return home


@pytest.fixture(scope="module")
def client(world: Home) -> Iterator[TestClient]:
    with open_client(world.path) as opened:
        yield opened


def sum_by(client: TestClient, *names: str, **parameters: str) -> dict[str, Any]:
    given = {"groupBy": write_names(names), **parameters}
    response = client.get(SPEND, params=given)
    assert response.status_code == 200, response.text
    return dict(response.json())


def test_a_tag_sums_the_charges_that_have_it(client: TestClient, world: Home) -> None:
    found = sum_by(client, "tag:x-cost-feature", "month")
    assert found["groupBy"] == ["tag:x-cost-feature", "month"]
    expected = rows_of(
        world.database,
        "select Tags ->> '$.\"x-cost-feature\"', strftime(ChargePeriodStart, '%Y-%m'), count(*),"
        " sum(BilledCost) from focus_cost_and_usage_v1_3 group by 1, 2",
    )
    assert {
        (*group["keys"].values(), group["rows"], Decimal(group["BilledCost"]))
        for group in found["groups"]
    } == set(expected)
    assert None in {key for key, *_ in expected}
    # a plain list, as a person types it
    plain = client.get(SPEND, params={"groupBy": "tag:x-cost-feature,month"}).json()
    assert plain["groups"] == found["groups"]


@pytest.mark.parametrize("key", [key for key in HOSTILE if key])
def test_a_hostile_tag_is_a_key_and_nothing_else(client: TestClient, key: str) -> None:
    name = f"tag:{key}"
    groups = sum_by(client, name)["groups"]
    rows = Counter({group["keys"][name]: group["rows"] for group in groups})
    assert set(rows) == {None, f"{key}!"}
    [legal] = sum_by(client, "subAccountId", subAccountId="Legal")["groups"]
    assert rows[f"{key}!"] == legal["rows"]
    # a filter's value stays the filter's
    [group] = sum_by(client, name, subAccountId="Legal")["groups"]
    assert (group["keys"], group["rows"]) == ({name: f"{key}!"}, legal["rows"])


@pytest.mark.parametrize("version", DATASETS["cost-and-usage"].versions)
def test_every_version_sums_by_tag(client: TestClient, version: str) -> None:
    groups = sum_by(client, "tag:x-cost-feature", focusVersion=version)["groups"]
    assert groups == sum_by(client, "tag:x-cost-feature")["groups"]


def test_a_limit_keeps_the_largest_and_says_that_there_are_more(client: TestClient) -> None:
    whole = sum_by(client, "modelId")
    cut = sum_by(client, "modelId", limit="2")
    assert not whole["truncated"] and len(whole["groups"]) > 2
    assert (cut["groups"], cut["truncated"]) == (whole["groups"][:2], True)
    assert cut["totals"] == whole["totals"]
    exact = sum_by(client, "modelId", limit=str(len(whole["groups"])))
    assert exact == whole
    for wrong in ("0", "1001", "many", "-1", ""):
        response = client.get(SPEND, params={"groupBy": "day", "limit": wrong})
        assert response.status_code == 400
        assert [it["parameter"] for it in response.json()["errors"]] == ["limit"]


@pytest.mark.parametrize(
    ("path", "filters"),
    [(LIST, {"subAccountId": "Finance"}), (LIST, {"region": ""}), (COMMITMENTS, {}), (LIST, {})],
)
@pytest.mark.parametrize("glance", [1, 2000])
def test_compact_rows_lack_what_is_null_in_all_pages(
    world: Home,
    path: str,
    filters: dict[str, str],
    glance: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pages, "_GLANCE", glance)
    size = 1 if path == COMMITMENTS else 300 if filters else 3000
    with open_client(world.path) as client:
        plain = read_all(client, path, pageSize=size, **filters)
        compact = read_all(client, path, pageSize=size, compact="true", **filters)
    rows = [row for page in plain for row in page["records"]]
    empty = [name for name in rows[0] if all(row[name] is None for row in rows)]
    assert (empty or path == COMMITMENTS) and len(compact) == len(plain) > 1
    for page, whole in zip(compact, plain, strict=True):
        assert page["omittedColumns"] == empty
        # in the same order, and not the nulls of a page
        assert [list(row.items()) for row in page["records"]] == [
            [(name, value) for name, value in row.items() if name not in empty]
            for row in whole["records"]
        ]
        assert page["totals"] == whole["totals"] and "omittedColumns" not in whole


def test_compact_is_computed_once_and_goes_on_with_the_page_token(
    world: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []
    find = PagedExtract.find_empty
    monkeypatch.setattr(
        PagedExtract, "find_empty", lambda self: looked.append("") or find(self), raising=True
    )
    with open_client(world.path) as client:
        first = client.get(LIST, params={"pageSize": 3, "compact": "true"}).json()
        token = first["nextPageToken"]
        for again in ({}, {"compact": "true"}):
            page = client.get(LIST, params={"pageToken": token, **again}).json()
            assert page["omittedColumns"] == first["omittedColumns"]
            assert page["records"][0].keys() == first["records"][0].keys()
        assert len(looked) == 1
        changed = client.get(LIST, params={"pageToken": token, "compact": "false"})
        assert changed.json()["errors"][0]["parameter"] == "pageToken"
        plain = client.get(LIST, params={"pageSize": 3}).json()["nextPageToken"]
        changed = client.get(LIST, params={"pageToken": plain, "compact": "true"})
        assert changed.json()["errors"][0]["parameter"] == "pageToken"
        # nobody who does not ask for it pays
        assert len(looked) == 1
        nothing = client.get(LIST, params={"compact": "true", "subAccountId": "nobody"}).json()
        assert (nothing["records"], nothing["omittedColumns"]) == ([], [])
        for wrong in ("1", "yes", "True", ""):
            refused = client.get(LIST, params={"compact": wrong})
            assert refused.json()["errors"][0]["parameter"] == "compact"


def test_what_is_no_list_knows_no_compact(world: Home, client: TestClient) -> None:
    refused = client.get(SPEND, params={"compact": "true"})
    assert refused.json()["errors"][0]["parameter"] == "compact"
    with (
        closing(Service(world)) as service,
        closing(Jobs(service)) as jobs,
        pytest.raises(RequestError, match="compact is no parameter here"),
    ):
        jobs.submit(LOCAL, {"compact": "true"})


def test_compact_goes_by_the_rows_that_a_caller_may_read(world: Home) -> None:
    finance = replace(LOCAL, sub_accounts=frozenset({"Finance"}))
    with closing(Service(world)) as service:
        for caller, is_omitted in ((LOCAL, False), (finance, True), (LOCAL, False)):
            page = service.list_rows(caller, "cost-and-usage", {"compact": "true"})
            assert page.omitted and ("Tags" in page.omitted) == is_omitted
