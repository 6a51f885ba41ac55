"""Logs of other gateways: Portkey, Kong, Cloudflare and Vercel as they are, any other by a mapping.

The samples (tests/data/gateways) are built once, and what their calls cost is worked out by hand.
"""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from conftest import focus_export, rows_of

from exporter.errors import UserError
from exporter.project import Project, RawTable, load_project
from exporter.raw.expressions import FUNCTIONS, Expression, ExpressionError, parse, to_sql
from exporter.raw.mapping import read_mappings, shipped_mappings
from exporter.raw.plan import plan_files, plan_raw_files

SAMPLES = Path(__file__).parents[1] / "data" / "gateways" / "raw"
CALLS = SAMPLES / "gateway"
# USD per million tokens: gpt-5-mini 0.25, cached 0.025, out 2; gpt-5 1.25, 0.125, 10;
# claude-sonnet-4-5 3, 0.30, written 3.75, out 15; gemini-2.5-flash 0.30, out 2.50; a search 0.01
COSTS = {
    # 4,000 + 8,000 cached + 2,000 out
    "pk-0001": "0.0052",
    # total_units has 4,000 cached and 1,000 written tokens more than req_units; 500 + 800 out
    "pk-0002": "0.01845",
    # 6,000 + 3,000 cached + 700 out of gpt-5
    "kong0001/proxy": "0.014875",
    # one request, two calls: 400 + 100 of gpt-5-mini, 2,000 + 500 of Claude
    "kong0002/ai-request-transformer": "0.0003",
    "kong0002/ai-proxy": "0.0135",
    # 10,000 + 1,000 of gpt-5-mini; 20,000 + 3,000 of Gemini
    "01CF0001": "0.0045",
    "01CF0002": "0.0135",
    # 3,000 + 1,000 cached + 600 of gpt-5-mini; 2,600 + 1,000 cached + 400 written + 600 of Claude;
    # 4,000 + 600 of gpt-5 and 3 searches
    "gen_01V0001": "0.001975",
    "gen_01V0002": "0.0186",
    "gen_01V0003": "0.041",
    # 1,000 + 100 of gpt-5-mini; 2,000 + 100 of Claude
    "h-1": "0.00045",
    "h-2": "0.0075",
}
# the same logs in other forms: 1,000 + 100 of gpt-5-mini each
OTHER_FORMS = {"pk-array", "cf-answer", "h-parquet", "kong-old/ai-proxy", "log-lines"}
# answered by the gateway's own cache
CACHED = {"pk-0003", "kong0003/proxy", "01CF0003"}
# failed before anybody answered
FAILED = {"pk-0004", "01CF0004"}
UNKNOWN = {"01CF0005"}


def write_other_forms(folder: Path) -> None:
    """Add a JSON array, an answer of an API, Parquet, and names of older versions, as CSV too."""

    def calls_of(name: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (CALLS / name).read_text().splitlines()]

    portkey = calls_of("portkey-logs.jsonl")[0]
    usage = {"req_units": 1000, "res_units": 100, "total_units": 1100, "response": None}
    (folder / "portkey.json").write_text(
        json.dumps([portkey | usage | {"id": "pk-array"}], indent=1)
    )
    call = calls_of("cloudflare-logs.jsonl")[0] | {"tokens_in": 1000, "tokens_out": 100}
    answer = {"result": [call | {"id": "cf-answer"}], "success": True, "errors": []}
    (folder / "answer.json").write_text(json.dumps(answer))
    kong = calls_of("kong-file.log")[1]
    kong["request"]["id"] = "kong-old"
    del kong["ai"]["ai-request-transformer"]
    kong["ai"]["ai-proxy"]["meta"] |= {"provider_name": "openai", "response_model": "gpt-5-mini"}
    kong["ai"]["ai-proxy"]["usage"] = {"prompt_token": 1000, "completion_token": 100}
    (folder / "kong.jsonl").write_text(json.dumps(kong))
    with (CALLS / "house-gateway.csv").open(newline="") as file:
        house = next(csv.DictReader(file)) | {"Request ID": "h-parquet"}
    columns = ", ".join(f"'{value}' as \"{name}\"" for name, value in house.items())
    duckdb.sql(f"select {columns}").write_parquet(str(folder / "house.parquet"))
    logpush = {
        "Timestamp": "2026-11-20T14:00:00Z",
        "Provider": "openai",
        "Model": "gpt-5-mini",
        "Metrics": {"cost": 0.00045, "durationMs": 900},
        "Cached": False,
    }
    read = {"usage": {"prompt_tokens": 1000, "completion_tokens": 100}}
    encrypted = {"type": "encrypted", "data": "AAAA"}
    lines = [logpush | {"ResponseBody": body} for body in (read, encrypted)]
    (folder / "logpush.log").write_text("\n".join(map(json.dumps, lines)))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    home = tmp_path_factory.mktemp("gateways")
    shutil.copytree(SAMPLES, home / "raw")
    write_other_forms(home / "raw" / "gateway")
    result = focus_export("build", "--home", home, "--raw-dir", home / "raw")
    assert result.returncode == 0, result.stderr
    return home / "ai_focus.duckdb", result.stdout


def test_every_call_costs_what_was_worked_out_by_hand(built: tuple[Path, str]) -> None:
    rows = rows_of(
        built[0],
        "select x_CallId, sum(ListCost) from focus_cost_and_usage where ListCost <> 0 group by 1",
    )
    found = dict(rows)
    # Logpush tells no id: a hash of the record stands for it
    found["log-lines"] = found.pop(next(call for call in found if len(call) == 32))
    others = dict.fromkeys(OTHER_FORMS, Decimal("0.00045"))
    assert found == {call: Decimal(cost) for call, cost in COSTS.items()} | others
    assert sum(map(Decimal, COSTS.values())) == Decimal("0.13985")


def test_what_the_gateway_says_a_call_cost_is_kept_in_dollars(built: tuple[Path, str]) -> None:
    rows = dict(rows_of(built[0], "select call_id, source_cost from ai_calls"))
    # the samples state list prices: Portkey in cents, Vercel apart for a key of one's own
    assert {call: rows[call] for call in COSTS} == {
        call: Decimal(cost) for call, cost in COSTS.items()
    }


def test_no_call_is_lost_or_merged(built: tuple[Path, str]) -> None:
    calls = {row[0] for row in rows_of(built[0], "select call_id from ai_calls")}
    named = {call for call in calls if len(call) < 32}
    assert named == set(COSTS) | CACHED | FAILED | UNKNOWN | OTHER_FORMS - {"log-lines"}
    assert len(calls) == len(named) + 1
    held = rows_of(built[0], "select distinct call_id, hold_reason from ai_unpriced_usage")
    assert held == [("01CF0005", "unknown_model")]
    faults = rows_of(built[0], "select file, line, reason from ai_unreadable_records order by 1")
    assert faults == [
        # a request that called no model
        ("gateway/kong-file.log", 4, "The record has nothing under ai.*.usage"),
        ("gateway/logpush.log", 2, "prompt_tokens is missing."),
    ]


def test_dimensions_of_each_gateway_are_kept(built: tuple[Path, str]) -> None:
    rows = {
        call: (department, json.loads(tags or "{}"))
        for call, department, tags in rows_of(
            built[0], "select distinct x_CallId, SubAccountId, Tags from focus_cost_and_usage"
        )
    }
    assert rows["kong0001/proxy"][0] == "Support"
    assert rows["kong0001/proxy"][1]["x-cost-project"] == "helpdesk"
    assert rows["pk-0001"][1]["metadata/team"] == "search"
    assert rows["pk-0001"][1]["x-cost-user"] == "u-17"
    assert rows["01CF0001"][1]["metadata/team"] == "web"
    assert rows["h-1"][0] == "Payments"
    keys = dict(rows_of(built[0], "select call_id, key_alias from ai_calls"))
    assert keys["h-1"] == "payments-prod"
    assert keys["kong0001/proxy"] == "helpdesk-bot"


@pytest.fixture(scope="module")
def project() -> Project:
    return load_project()


@pytest.fixture(scope="module")
def table(project: Project) -> RawTable:
    return next(table for table in project.raw_tables() if table.name == "gateway_calls")


def test_the_mappings_that_are_shipped_are_sound(table: RawTable) -> None:
    names = {mapping.name for mapping in shipped_mappings(table)}
    assert names == {"cloudflare", "kong", "portkey", "vercel"}


def test_a_log_is_known_by_its_names(project: Project) -> None:
    plan = plan_raw_files(SAMPLES, project)
    assert {
        file.path.name.split("-")[0]: file.mapping.name for file in plan.read if file.mapping
    } == {
        "cloudflare": "cloudflare",
        "house": "gateway/mapping.yml",
        "kong": "kong",
        "portkey": "portkey",
        "vercel": "vercel",
    }


def test_single_files_take_the_mapping_beside_them(project: Project) -> None:
    plan = plan_files("gateway", [CALLS / "house-gateway.csv"], project)
    assert [file.mapping.name for file in plan.read if file.mapping] == ["mapping.yml"]


def evaluate(text: str, **values: str | None) -> Any:
    def column(name: tuple[str, ...]) -> str:
        value = values[".".join(name)]
        return "cast(null as varchar)" if value is None else "'" + value.replace("'", "''") + "'"

    return duckdb.sql("select " + to_sql(parse(text), column)).fetchall()[0][0]


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("cost / 100", {"cost": "1.25"}, "0.0125"),
        ("cost / 100", {"cost": "1.2e-05"}, "0.00000012"),
        ("a - b * 2", {"a": "7", "b": "2"}, "3"),
        ("(a + b) / 1000", {"a": "1000", "b": "500"}, "1.5"),
        # a part that is not there makes no number, and a word is no zero
        ("a + b", {"a": "1", "b": None}, None),
        ("a + coalesce(b, 0)", {"a": "1", "b": None}, "1"),
        ("a + b", {"a": "many", "b": "1"}, "many (no number)"),
        ("a * 1000000", {"a": "9999999999999999"}, "too large a number"),
        ("before(m, '/')", {"m": "openai/gpt/5"}, "openai"),
        ("after(m, '/')", {"m": "openai/gpt/5"}, "gpt/5"),
        ("after(m, '/')", {"m": "gpt-5"}, "gpt-5"),
        ("recode(x, 'HIT', 'true', 'MISS', 'false')", {"x": "Hit"}, "true"),
        ("recode(x, 'HIT', 'true', 'MISS', 'false')", {"x": "stale"}, "stale"),
        ("recode(x, 'HIT', 'true', 'false')", {"x": "stale"}, "false"),
        ("recode(x, 'HIT', 'true', 'false')", {"x": None}, None),
        ("replace(m, '.', '-')", {"m": "claude-4.5"}, "claude-4-5"),
        ("epoch(t)", {"t": "1795168801"}, "2026-11-20 10:00:01.000000"),
        ("epoch(t)", {"t": "1795168801250"}, "2026-11-20 10:00:01.250000"),
        ("epoch(t)", {"t": "1795168801.25"}, "2026-11-20 10:00:01.250000"),
        ("epoch(t)", {"t": "1795168801250000000"}, "2026-11-20 10:00:01.250000"),
        ("epoch(t)", {"t": "2026-11-20"}, "2026-11-20"),
        ("concat(a, '/', 'it''s')", {"a": "x"}, "x/it's"),
        ("lower('A')", {}, "a"),
    ],
)
def test_expressions(text: str, values: dict[str, str | None], expected: str | None) -> None:
    assert evaluate(text, **values) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("read_csv('/etc/passwd')", "no function read_csv"),
        ("lower(name); drop table x", "'; drop table x' can't be read"),
        ("(select 1)", "a bracket is not closed"),
        ("a b", "'b' stands where nothing may follow"),
        ("a * b", "* takes a number"),
        ("a / 3", "/ takes 10, 100"),
        ("'open", "can't be read"),
        ("lower(a, b)", "lower takes 1 arguments, not 2"),
        ("coalesce(", "is missing"),
    ],
)
def test_what_is_no_expression_is_refused(text: str, words: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    assert words in str(caught.value)


def test_a_function_says_what_it_does_to_text_alone() -> None:
    # none takes the name of a file, a table or an SQL function from the mapping
    every: list[Expression] = [
        parse(f"{name}({', '.join(['a'] * fewest)})") for name, (fewest, _, _) in FUNCTIONS.items()
    ]
    for expression in every:
        to_sql(expression, lambda name: "'1'")


GOOD = (CALLS / "mapping.yml").read_text()
Write = Callable[[str], Path]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("Seconds * 1000", "Seconds * seconds_per", "mapping.yml, line 6: latency_ms: * takes"),
        ("cost_department: Team", "cost_departmnt: Team", "line 10: gateway_calls has no column"),
        ("cost_department: Team", "cost_departmnt: Team", "did you mean cost_department?"),
        ("cost_department: Team", "source_cost: Team", "line 10: source_cost stands here twice"),
        ("cost_department: Team", "cost_department: [Team]", "line 10: cost_department needs one"),
        ("cost_department: Team", "rows: calls", "line 10: rows: takes where they are"),
        (
            "cost_department: Team",
            "cost_department: lower(read_text(Team))",
            "no function read_text",
        ),
        ("cost_department: Team", "cost_department: 'Team", "is no YAML (line"),
        ("cost_department: Team", "cost_department: cents", "Cents and cents differ in case alone"),
        ("started_at: '\"When (UTC)\"'", "", "line 2: a mapping needs started_at too"),
    ],
)
def test_a_fault_of_a_mapping_is_named_with_its_line(
    tmp_path: Path, table: RawTable, old: str, new: str, words: str
) -> None:
    assert old in GOOD
    file = tmp_path / "mapping.yml"
    file.write_text(GOOD.replace(old, new))
    with pytest.raises(UserError) as caught:
        read_mappings(file, "gateway/mapping.yml", table)
    assert words in str(caught.value)


def test_a_file_that_lacks_what_the_mapping_reads_is_named(
    tmp_path: Path, project: Project
) -> None:
    shutil.copytree(SAMPLES, tmp_path / "raw")
    file = tmp_path / "raw" / "gateway" / "house-gateway.csv"
    file.write_text(file.read_text().replace("Tokens in", "Tokens"))
    with pytest.raises(UserError) as caught:
        plan_raw_files(tmp_path / "raw", project)
    sentence = str(caught.value)
    assert "gateway/house-gateway.csv has not what gateway/mapping.yml reads" in sentence
    assert "lacks Tokens in" in sentence


def test_an_unknown_log_is_told_of_mappings(tmp_path: Path, project: Project) -> None:
    (tmp_path / "gateway").mkdir()
    # Portkey's export without its ids
    call = json.loads((CALLS / "portkey-logs.jsonl").read_text().splitlines()[0])
    del call["id"]
    (tmp_path / "gateway" / "a.jsonl").write_text(json.dumps(call))
    with pytest.raises(UserError) as caught:
        plan_raw_files(tmp_path, project)
    assert "or say in mapping.yml which column is which." in str(caught.value)


def test_a_faulty_mapping_stops_a_build_that_sets_files_aside(
    tmp_path: Path, project: Project
) -> None:
    shutil.copytree(SAMPLES, tmp_path / "raw")
    (tmp_path / "raw" / "gateway" / "mapping.yml").write_text("call_id: id\n")
    with pytest.raises(UserError) as caught:
        plan_raw_files(tmp_path / "raw", project, set_aside=True)
    assert "gateway/mapping.yml, line 1: a mapping needs provider" in str(caught.value)
