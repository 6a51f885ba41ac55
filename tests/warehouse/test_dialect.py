"""The SQL compiled for Snowflake and BigQuery is theirs, by name, type and order of arguments."""

from __future__ import annotations

from pathlib import Path

import pytest
from compiled import compiled
from dialect import DIALECTS, findings


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_model_and_test_is_the_dialects_own(dialect: str) -> None:
    nodes = compiled(dialect)
    assert {node.kind for node in nodes} == {"model", "test", "operation"}
    assert len(nodes) > 250
    found = [str(one) for node in nodes for one in findings(node.name, node.sql, dialect)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("target", ["duckdb", *DIALECTS])
def test_every_hook_is_a_statement(target: str) -> None:
    hooks = [node.sql.strip() for node in compiled(target) if node.kind == "operation"]
    assert len(hooks) == 3
    assert [hook for hook in hooks if not hook.startswith("select 1 as ")] == []


# construct, a part of what is said of it, a part of the remedy
EVERYWHERE = [
    ("strftime(max(called_at), '%Y-%m')", "strftime()", "year_and_month()"),
    ("(select count(*) from range(3))", "range()", "dbt.generate_series()"),
    ("epoch(max(called_at))", "epoch()", "dbt.datediff()"),
    ("cast(max(cost) as numeric)", "a bare numeric", "price_type()"),
    ("cast(max(cost) as decimal)", "a bare decimal", "price_type()"),
    ("max(cost)::date", "a cast by ::", "cast(… as …)"),
    ("count(*) filter (where cost > 0)", "filter (where …)", "sum(case"),
    ("json_extract_string(max(tags), '$.a')", "json_extract_string()", "json_text()"),
    ("list_value(1, 2)", "list_value()", "union all"),
    ("struct_pack(a := 1)", "struct_pack()", "columns of their own"),
    ("arg_max(model, cost)", "arg_max()", "max_by"),
    ("max(tags)->>'a'", "the operator ->>", "json_text()"),
    ("cast(max(cost) as double)", "a cast to double", "a decimal"),
    ("(select 1 union select 2)", "a bare union", "union distinct"),
]
PLANTED = {
    "snowflake": [
        *EVERYWHERE,
        ("date_trunc(max(called_at), month)", "date_trunc()", "dbt.date_trunc"),
        ("date_trunc(max(called_at), 'month')", "date_trunc()", "dbt.date_trunc"),
        ("string_agg(model, ',')", "string_agg()", "dbt.listagg()"),
        ("safe_cast(max(cost) as number(38, 18))", "safe_cast()", "try_cast()"),
        ("cast(max(called_at) as timestamp)", "timestamp is no type", "timestamp_type()"),
        ("parse_timestamp('%Y', max(called_at))", "parse_timestamp()", "a dispatched macro"),
    ],
    "bigquery": [
        *EVERYWHERE,
        ("date_trunc('month', max(called_at))", "date_trunc()", "dbt.date_trunc"),
        ("timestamp_trunc(month, max(called_at))", "timestamp_trunc()", "dbt.date_trunc"),
        ("iff(max(cost) > 0, 1, 0)", "iff()", "case when"),
        ("dateadd(day, 1, max(called_at))", "dateadd()", "dbt.dateadd()"),
        ("listagg(model, ',')", "listagg()", "dbt.listagg()"),
        ("try_cast(max(cost) as bignumeric)", "try_cast()", "macros/types.sql"),
        ("cast(max(model) as varchar)", "varchar is no type", "text_type()"),
        ("'it''s'", "'' inside of a text", "sql_text()"),
        ("max(model) ilike 'gpt%'", "ilike", "lower"),
        ("cast(max(cost) as numeric(9, 6))", "a type with parameters", "decimal_type()"),
    ],
}


@pytest.mark.parametrize(
    ("dialect", "construct", "said", "remedy"),
    [(dialect, *planted) for dialect in DIALECTS for planted in PLANTED[dialect]],
)
def test_a_planted_construct_is_found(dialect: str, construct: str, said: str, remedy: str) -> None:
    coverage = next(node.sql for node in compiled(dialect) if node.name == "ai_coverage")
    assert not findings("ai_coverage", coverage, dialect)
    before, begin, rest = coverage.partition("with ")
    planted = f"planted as (\n\n    select {construct} as planted from calls\n\n),\n\n"
    mutated = before + begin + planted + rest
    line = mutated[: mutated.index(construct)].count("\n") + 1
    found = [one for one in findings("ai_coverage", mutated, dialect) if said in one.construct]
    assert found, findings("ai_coverage", mutated, dialect)
    assert [(one.model, one.line) for one in found] == [("ai_coverage", line)]
    assert remedy in found[0].remedy


def test_functions_are_listed_once() -> None:
    for dialect in DIALECTS:
        lines = Path(__file__).with_name(f"{dialect}_functions.txt").read_text().splitlines()
        names = [name for line in lines if not line.startswith("#") for name in line.split()]
        assert len(names) == len(set(names))
