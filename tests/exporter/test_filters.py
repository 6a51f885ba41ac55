"""Filters' values: any case of a listed one, a provider's key, and what an empty answer says."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import jsonschema
import pytest
from api_client import COMMITMENTS, LIST, bearer, copy_home, open_client, write_tokens
from conftest import assert_one_sentence, focus_export
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exporter.api import openapi
from exporter.api.answer_schemas import UNMATCHED
from exporter.api.datasets import API_DATASETS
from exporter.api.filters import read_provider_names
from exporter.api.jobs.child import Task, describe_caller, write_file
from exporter.api.principal import LOCAL, Caller
from exporter.api.problems import RequestError
from exporter.api.queries import read_query
from exporter.api.service import Service
from exporter.datasets import DATASETS
from exporter.errors import UserError
from exporter.extract import unmatched
from exporter.extract.selection import Term, read_filters
from exporter.extract.unmatched import Unmatched, Wanted, find_unmatched
from exporter.focus.values import allowed_values, find_listed
from exporter.project import load_project

PROJECT = load_project()
SPEND = "/api/spend"
LISTS = {
    (entry.name, version): allowed_values(PROJECT, entry.focus_id, version)
    for entry in DATASETS.values()
    for version in entry.versions
}
LISTED = [
    (dataset, version, column, value)
    for (dataset, version), lists in LISTS.items()
    for column, values in lists.items()
    for value in values
]
HOSTILE = [
    *("' or 1=1 --", '"; drop table rows; --', "%", "_", "\u0000", "é\n", "x" * 1024, "?", "$1"),
]


def in_any_case(text: str, upper: list[bool]) -> str:
    flags = upper or [True]
    return "".join(
        letter.upper() if flags[place % len(flags)] else letter.lower()
        for place, letter in enumerate(text)
    )


def test_the_lists_are_those_of_the_reference() -> None:
    assert LISTS["cost-and-usage", "1.0"]["ChargeCategory"] == (
        *("Usage", "Purchase", "Tax", "Credit", "Adjustment"),
    )
    assert LISTS["cost-and-usage", "1.4"]["ChargeClass"] == ("Correction",)
    assert LISTS["contract-commitment", "1.4"]["ContractCommitmentModel"] == (
        *("Continuous", "Discontinuous"),
    )
    # which FOCUS 1.0 does not have
    assert "ServiceSubcategory" not in LISTS["cost-and-usage", "1.0"]
    assert "Generative AI" in LISTS["cost-and-usage", "1.1"]["ServiceSubcategory"]
    assert LISTS["ai-calls", "1.1"] == {}
    for lists in LISTS.values():
        for values in lists.values():
            assert len({value.casefold() for value in values}) == len(values)


@given(st.sampled_from(LISTED), st.lists(st.booleans(), max_size=8))
def test_a_listed_value_is_found_in_any_case(
    listed: tuple[str, str, str, str], upper: list[bool]
) -> None:
    dataset, version, column, value = listed
    written = in_any_case(value, upper)
    lists = LISTS[dataset, version]
    assert read_filters([(column, written)], lists) == [(column, value)]
    for parameter in API_DATASETS[dataset].parameters:
        if parameter.columns_of(version)[0] == column:
            query = read_query(LOCAL, dataset, {parameter.name: written, "focusVersion": version})
            assert query.selection.terms == (Term((column,), (value,)),)


@given(st.text(max_size=12))
@example(" Usage")
@example("Usages")
@example("Us")
@example("")
def test_another_value_is_refused_with_the_list(text: str) -> None:
    listed = LISTS["cost-and-usage", "1.3"]["ChargeCategory"]
    if text.casefold() in {"", *(value.casefold() for value in listed)}:
        assert find_listed(listed, text) is not None
        return
    for ask, error in (
        (lambda: read_filters([("ChargeCategory", text)], {"ChargeCategory": listed}), UserError),
        (lambda: read_query(LOCAL, "cost-and-usage", {"chargeCategory": text}), RequestError),
    ):
        with pytest.raises(error, match="Usage, Purchase, Tax, Credit, Adjustment"):
            ask()


def test_the_document_lists_the_values() -> None:
    [category] = [
        described
        for described in openapi.filter_parameters(API_DATASETS["cost-and-usage"])
        if described["name"] == "chargeCategory"
    ]
    listed = LISTS["cost-and-usage", "1.3"]["ChargeCategory"]
    # the empty text finds rows without one
    assert category["schema"] == {"type": "string", "enum": [*listed, ""]}


def test_a_provider_is_found_by_key_and_by_name_in_any_case() -> None:
    names = read_provider_names(
        [("openai", "OpenAI"), ("aws_bedrock", "AWS"), ("google", "Google"), ("aws", "Another")]
    )
    assert {text: names.get(text.casefold()) for text in ("openai", "OPENAI", "Google", "x")} == {
        "openai": "OpenAI",
        "OPENAI": "OpenAI",
        "Google": "Google",
        "x": None,
    }
    # a name goes before the key of another
    assert names["aws"] == "AWS"


@pytest.fixture
def rows() -> Iterator[duckdb.DuckDBPyConnection]:
    with closing(duckdb.connect()) as connection:
        connection.execute(
            "create table rows as select * from (values"
            " ('s', 'Sales', 'acme', 1), ('m', 'Marketing', 'acme', 2),"
            " ('f', 'Finance', 'zeta', 3),"
            " (null, null, 'acme', 4), ('', 'Empty', 'zeta', 5)) as v (id, name, account, number)"
        )
        yield connection


KINDS = {"id": "VARCHAR", "name": "VARCHAR", "account": "VARCHAR", "number": "INTEGER"}


def wanted(column: str, *values: str, label: str | None = None) -> Wanted:
    return Wanted(column, Term((column,), values), label)


def test_a_value_without_a_row_is_named_with_the_nearest(rows: duckdb.DuckDBPyConnection) -> None:
    asked = [
        wanted("name", "sales", "Marketing"),
        # by the name beside it
        wanted("id", "market", label="name"),
        wanted("number", "7", "1"),
        wanted("account", ""),
        wanted("id", ""),
    ]
    found = find_unmatched(rows, "rows", KINDS, asked)
    assert [(it.name, it.value) for it in found] == [
        *(("name", "sales"), ("id", "market"), ("number", "7"), ("account", "")),
    ]
    by_name = {it.name: it.nearest for it in found}
    assert by_name["name"][0] == ("Sales", None) and len(by_name["name"]) == 3
    assert by_name["id"][0] == ("m", "Marketing")
    # a number is like no other, and nothing is like no value
    assert by_name["number"] == by_name["account"] == []


def test_only_rows_of_the_scope_are_told_of(rows: duckdb.DuckDBPyConnection) -> None:
    scope = [Term(("account",), ("acme",))]
    [missing] = find_unmatched(rows, "rows", KINDS, [wanted("name", "Finance")], scope)
    assert missing == Unmatched("name", "Finance", missing.nearest)
    assert {value for value, _ in missing.nearest} == {"Sales", "Marketing"}
    [nothing] = find_unmatched(rows, "rows", KINDS, [wanted("name", "Sales")], [Term((), ())])
    assert nothing == Unmatched("name", "Sales", [])


def test_among_many_values_none_is_looked_for(
    rows: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unmatched, "_MOST_VALUES", 2)
    assert find_unmatched(rows, "rows", KINDS, [wanted("name", "nope")]) == [
        Unmatched("name", "nope", [])
    ]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from(HOSTILE) | st.text(max_size=4), max_size=5),
    st.sampled_from(HOSTILE) | st.text(min_size=1, max_size=4),
)
@example([], "x")
def test_a_hostile_value_is_a_value(texts: list[str], asked: str) -> None:
    with closing(duckdb.connect()) as connection:
        connection.execute("create table rows (text varchar)")
        for text in texts:
            connection.execute("insert into rows values (?)", [text])
        found = find_unmatched(connection, "rows", {"text": "VARCHAR"}, [wanted("text", asked)])
    assert [it.value for it in found] == ([] if asked in texts else [asked])
    for it in found:
        assert {value for value, _ in it.nearest} <= {*texts} - {""}
        assert len(it.nearest) == min(3, len({*texts} - {""}))


def ask(client: Any, path: str, name: str | None = None, **parameters: str) -> dict[str, Any]:
    headers = bearer(name) if name else None
    response = client.get(path, params=parameters, headers=headers)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    if "unmatched" in answer:
        jsonschema.validate(answer["unmatched"], UNMATCHED)
    return answer


@pytest.mark.parametrize("path", [LIST, SPEND, "/api/spend/charges"])
def test_an_empty_answer_says_which_value_has_no_row(demo_home: Path, path: str) -> None:
    with open_client(demo_home) as client:
        # any case and keys are as good as the names
        plain = ask(client, path, chargeCategory="Usage", providerName="OpenAI")
        other = ask(client, path, chargeCategory="uSAGE", providerName="openai")
        assert other["totals"] == plain["totals"] and plain["totals"]["rows"] > 0
        assert other["coverage"] == plain["coverage"]
        assert "unmatched" not in plain and "unmatched" not in other
        bedrock = ask(client, path, providerName="aws_bedrock", focusVersion="1.4")
        assert bedrock["totals"]["rows"] == ask(client, path, providerName="AWS")["totals"]["rows"]
        # independent of the other filters
        empty = ask(client, path, subAccountId="marketng", providerName="openai", region="nowhere")
        assert [(it["parameter"], it["value"]) for it in empty["unmatched"]] == [
            *(("region", "nowhere"), ("subAccountId", "marketng")),
        ]
        assert empty["unmatched"][1]["nearest"][0] == {"value": "Marketing"}
        named = ask(client, path, subAccountId="data science")["unmatched"][0]["nearest"][0]
        assert named == {"value": "team-ds", "name": "Data Science"}
        # a value that has rows, at another time or with none of the others
        assert ask(client, path, chargeCategory="tax")["unmatched"][0]["value"] == "Tax"
        assert ask(client, path, billingPeriodStart="2031-01-01")["unmatched"] == []
        together = ask(client, path, subAccountId="team-ds", region="eastus2", providerName="AWS")
        assert together["totals"]["rows"] == 0 and together["unmatched"] == []
        refused = client.get(path, params={"serviceCategory": "AI"})
        assert refused.status_code == 400
        [fault] = refused.json()["errors"]
        assert fault["parameter"] == "serviceCategory"
        assert "'AI' is none of AI and Machine Learning, Analytics" in fault["detail"]


def test_an_empty_list_of_commitments_says_so_too(demo_home: Path) -> None:
    with open_client(demo_home) as client:
        missing = ask(client, COMMITMENTS, commitmentDiscountId="OAI-prepaid")["unmatched"]
        assert [it["parameter"] for it in missing] == ["commitmentDiscountId"]
        assert missing[0]["nearest"][0] == {"value": "oai-prepaid-2026"}


def test_a_token_hears_of_its_own_scope_alone(demo_home: Path, tmp_path: Path) -> None:
    scopes = {"all": {}, "sales": {"sub_accounts": ["Sales"]}, "legal": {"sub_accounts": ["Legal"]}}
    with open_client(demo_home, write_tokens(tmp_path / "tokens.json", scopes)) as client:
        # the same condition as the scope of the next, whose answer is not this one's
        whole = ask(client, SPEND, "all", subAccountId="Sales")
        assert [it["value"] for it in whole["unmatched"]] == ["Sales"]
        assert whole["unmatched"][0]["nearest"]
        assert ask(client, SPEND, "sales")["unmatched"] == []
        own = ask(client, SPEND, "legal", subAccountId="Finance")["unmatched"]
        assert own == [
            {"parameter": "subAccountId", "value": "Finance", "nearest": [{"value": "Legal"}]}
        ]


def test_a_file_takes_a_providers_key(demo_home: Path, tmp_path: Path) -> None:
    home = copy_home(demo_home, tmp_path / "home").path
    rows = []
    for number, name in enumerate(("openai", "OpenAI")):
        task = Task(
            home=str(home),
            path=str(tmp_path / f"{number}.csv"),
            caller=describe_caller(Caller("t", "t")),
            dataset="cost-and-usage",
            parameters={"providerName": name, "chargeCategory": "USAGE", "focusVersion": "1.3"},
            grain="day",
            format="csv",
        )
        rows.append(write_file(task, lambda _share: None)["rows"])
    assert rows[0] == rows[1] > 0


def test_a_build_without_the_table_of_providers_takes_names_as_they_are(
    demo_home: Path, tmp_path: Path
) -> None:
    home = copy_home(demo_home, tmp_path / "home")
    with duckdb.connect(str(home.database.resolve())) as connection:
        connection.execute("drop table stg_pricing__providers")
    with closing(Service(home)) as service, service.builds.current() as build:
        assert build.providers == {}


def test_the_command_line_says_what_no_row_has(demo_home: Path, tmp_path: Path) -> None:
    home = copy_home(demo_home, tmp_path / "home").path

    output = tmp_path / "out.csv"

    def export(*filters: str) -> subprocess.CompletedProcess[str]:
        options = [option for one in filters for option in ("--filter", one)]
        return focus_export("export", "--home", home, "--output", output, *options)

    done = export("SubAccountName=marketng", "SubAccountName=Legal", "RegionId=x")
    said = done.stderr
    assert done.returncode == 0
    assert "No row has SubAccountName=marketng: the nearest values are Marketing, " in said
    assert "No row has RegionId=x: the nearest values are " in said
    assert "Legal:" not in said
    assert len(output.read_text(encoding="utf-8").splitlines()) == 1
    done = export("ChargeCategory=uSAGE", "SubAccountName=Legal")
    assert done.returncode == 0 and "No row has" not in done.stderr
    manifest = json.loads((tmp_path / "out.csv.manifest.json").read_text(encoding="utf-8"))
    assert manifest["rows"] > 0
    done = export("ChargeCategory=Usages")
    assert_one_sentence(
        done, 2, "'Usages' is none of its values: choose Usage, Purchase, Tax, Credit"
    )
