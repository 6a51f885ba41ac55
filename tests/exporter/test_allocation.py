"""Departments and allocation rules: the first match of many rules, against plain Python."""

from __future__ import annotations

import csv
import random
from collections import Counter
from pathlib import Path
from typing import Any

from pipeline import Pipeline
from priced_calls import PRICED_MODELS

Row = dict[str, str]
CONDITIONS = {
    "key_alias": "key_alias",
    "user": "cost_user",
    "project": "project_id",
    "agent": "agent_id",
    "end_user": "end_user_id",
    "feature": "cost_feature",
    "model": "model",
    "sub_account": "cost_department",
}
VALUES = {
    "key_alias": ["key-a", "Key-B", "key-c", ""],
    "cost_user": ["ann@x.org", "Ben", "cy", ""],
    "project_id": ["p-1", "p-2", ""],
    "agent_id": ["a-1", "a-2", "", ""],
    "end_user_id": ["c-1", "c-2", "c-3", ""],
    "cost_feature": ["chat", "search", ""],
    "model": ["gpt-5-mini", "gpt-5"],
    "cost_department": ["Sales", "Risk", "Legal Affairs", ""],
}
TAGS = ["red", 'say "hi", you', ""]
MONTHS = ["2026-08", "2026-09", "2026-10"]
DEPARTMENTS = [
    {"department_id": "d-1", "name": "Sales", "parent_id": "d-3", "cost_centre": "110"},
    {"department_id": "d-2", "name": "Legal Affairs", "parent_id": "D-3", "cost_centre": "120"},
    {"department_id": "d-3", "name": "Board", "parent_id": "", "cost_centre": "100"},
]

# as in docs/sources.md
COST_CENTRES = """
    select cost_centre, count(distinct x_CallId)
    from focus_cost_and_usage_v1_4
    left join ai_departments
        on
            SubAccountId = department_id
            and ChargePeriodStart >= valid_from
            and ChargePeriodStart < valid_to
    group by cost_centre
"""


def write(file: Path, rows: list[Row]) -> None:
    """Write rows as CSV; the first has all columns."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def random_calls(rng: random.Random, count: int) -> list[Row]:
    """Give calls with any values of what rules ask for."""
    calls = []
    for number in range(count):
        values = {column: rng.choice(choices) for column, choices in VALUES.items()}
        tag = rng.choice(TAGS).replace('"', '\\"')
        calls.append(
            {
                "call_id": f"call-{number}",
                "provider": "openai",
                **values,
                "started_at": f"{rng.choice(MONTHS)}-{rng.randint(1, 28):02}T10:00:00Z",
                "latency_ms": "1000",
                "prompt_tokens": "1000",
                "completion_tokens": "100",
                "headers": f'{{"X-Cost-Colour": "{tag}"}}' if tag else "",
                "ingested_at": "",
            }
        )
    return calls


def random_rules(rng: random.Random, count: int) -> list[Row]:
    """Give rules of one to three conditions, some with dates."""
    rules = []
    for number in range(count):
        asked = rng.sample(list(CONDITIONS), rng.randint(1, 3))
        rule = dict.fromkeys(CONDITIONS, "")
        for condition in asked:
            value = rng.choice([value for value in VALUES[CONDITIONS[condition]] if value])
            rule[condition] = rng.choice([value, value.upper(), value.lower()])
        tag = rng.choice(TAGS) if rng.random() < 0.2 else ""
        begins = f"{rng.choice(MONTHS)}-10" if rng.random() < 0.3 else ""
        rules.append(
            {
                "rule_id": f"r-{number:03}",
                "priority": str(rng.randint(1, 9)),
                **rule,
                "tag_key": "x-cost-colour" if tag or rng.random() < 0.05 else "",
                "tag_value": tag,
                "department": rng.choice(["d-1", "legalaffairs", "Board", "elsewhere", "SALES"]),
                "valid_from": begins,
                "valid_to": "2026-10-20" if rng.random() < 0.1 else "",
            }
        )
    return rules


def key(text: str) -> str:
    """Tell departments apart."""
    return text.replace(" ", "").lower()


def department_of(text: str) -> str:
    """Give the id of a department that is told by id or name, or the text."""
    for of in ("department_id", "name"):
        for row in DEPARTMENTS:
            if key(row[of]) == key(text):
                return row["department_id"]
    return text


def expected(call: Row, rules: list[Row]) -> tuple[str | None, str | None]:
    """Give the rule and the department of a call: the first match, one rule after another."""
    day = call["started_at"][:10]
    for rule in sorted(rules, key=lambda rule: (int(rule["priority"]), rule["rule_id"])):
        same = all(
            not rule[condition]
            or (
                key(rule[condition]) == key(call[column])
                if condition == "sub_account"
                else rule[condition].lower() == call[column].lower()
            )
            for condition, column in CONDITIONS.items()
        )
        colour = call["headers"][len('{"X-Cost-Colour": "') : -len('"}')].replace('\\"', '"')
        tagged = not rule["tag_key"] or (bool(colour) and rule["tag_value"] in ("", colour))
        holds = rule["valid_from"] <= day and (not rule["valid_to"] or day < rule["valid_to"])
        if same and tagged and holds:
            return rule["rule_id"], department_of(rule["department"])
    sent = call["cost_department"]
    if sent and department_of(sent) != sent:
        return "departments", department_of(sent)
    return None, sent or None


def test_the_first_rule_that_matches_says_who_pays(tmp_path: Path) -> None:
    """3,000 random calls against 120 random rules, and the same in Python."""
    rng = random.Random(17)
    calls, rules = random_calls(rng, 3000), random_rules(rng, 120)
    write(tmp_path / "raw/gateway/calls.csv", calls)
    write(tmp_path / "raw/allocation_rules/rules.csv", rules)
    write(tmp_path / "raw/departments/departments.csv", DEPARTMENTS)
    pipeline = Pipeline(
        tmp_path / "raw", tmp_path / "build", select=[*PRICED_MODELS, "+ai_departments"]
    )
    charged = pipeline.connection.execute(
        "select distinct x_CallId, x_AllocationRule, SubAccountId from focus_cost_and_usage_v1_4"
    ).fetchall()
    told = pipeline.connection.execute("select call_id, sub_account_id from ai_calls").fetchall()
    faults = pipeline.connection.execute("select * from ai_unreadable_records").fetchall()
    centres = pipeline.connection.execute(COST_CENTRES).fetchall()
    pipeline.close()
    right = {call["call_id"]: expected(call, rules) for call in calls}
    assert not faults
    assert len(charged) == len(calls)
    assert {call_id: found for call_id, *found in charged} == {
        call_id: list(found) for call_id, found in right.items()
    }
    centre_of = {row["department_id"]: row["cost_centre"] for row in DEPARTMENTS}
    assert dict(centres) == Counter(
        centre_of.get(department or "") for _, department in right.values()
    )
    assert dict(told) == {call_id: department for call_id, (_, department) in right.items()}
    assert len({rule for rule, _ in right.values()}) > 40


def test_a_rule_that_is_recorded_after_a_closing_moves_cost_in_the_open_month(
    tmp_path: Path,
) -> None:
    """A call of a closed month: booked as sent, turned round and charged to whom the rule says."""
    call = {
        "call_id": "1",
        "provider": "openai",
        "model": "gpt-5-mini",
        "started_at": "2026-08-05T10:00:00Z",
        "latency_ms": "1000",
        "prompt_tokens": "1000",
        "completion_tokens": "0",
        "cost_department": "Sales",
    }
    rule = {
        "rule_id": "r",
        "priority": "1",
        "sub_account": "SALES",
        "department": "Risk",
        "recorded_at": "2026-09-15T00:00:00Z",
    }
    closed = {
        "issuer": "openai",
        "billing_period": "2026-08",
        "closed_at": "2026-09-03T00:00:00Z",
    }
    write(tmp_path / "raw/gateway/calls.csv", [call])
    write(tmp_path / "raw/allocation_rules/rules.csv", [rule])
    write(tmp_path / "raw/billing_periods/closed.csv", [closed])
    pipeline = Pipeline(tmp_path / "raw", tmp_path / "build", select=PRICED_MODELS)
    booked = pipeline.connection.execute(
        "select strftime(BillingPeriodStart, '%Y-%m'), ChargeClass, SubAccountId, "
        "x_AllocationRule, cast(BilledCost as varchar) from focus_cost_and_usage_v1_4 "
        "order by 1, 5"
    ).fetchall()
    pipeline.close()
    # 1,000 tokens at 0.25 USD per million
    assert booked == [
        ("2026-08", None, "Sales", None, "0.000250000000000000"),
        ("2026-09", "Correction", "Sales", None, "-0.000250000000000000"),
        ("2026-09", "Correction", "Risk", "r", "0.000250000000000000"),
    ]


def test_departments_in_a_circle_and_odd_rules_are_named(tmp_path: Path) -> None:
    """Each fault says which row, which column and what is wrong."""
    call = dict.fromkeys(("call_id", "provider", "model", "started_at", "latency_ms"), "1")
    call |= {"prompt_tokens": "1", "completion_tokens": "1", "started_at": "2026-08-05T10:00:00Z"}
    write(tmp_path / "raw/gateway/calls.csv", [call])
    write(
        tmp_path / "raw/departments/departments.csv",
        [
            {"department_id": "a", "name": "A", "parent_id": "b"},
            {"department_id": "b", "name": "B", "parent_id": "a"},
            {"department_id": "c", "name": "C", "parent_id": "nobody"},
        ],
    )
    rule = {"rule_id": "r", "priority": "first", "tag_key": "", "tag_value": "", "department": "A"}
    write(
        tmp_path / "raw/allocation_rules/rules.csv",
        [rule, {**rule, "rule_id": "s", "priority": "1", "tag_value": "x"}],
    )
    pipeline = Pipeline(tmp_path / "raw", tmp_path / "build", select=PRICED_MODELS)
    faults: list[Any] = pipeline.connection.execute(
        "select raw_table, record_key, reason from ai_unreadable_records order by 1, 2"
    ).fetchall()
    pipeline.close()
    circle = "leads back to the department itself, or stands below more than 12 others."
    assert faults == [
        ("allocation_rules", "r", "priority 'first' is not a whole number of zero or more."),
        ("allocation_rules", "s", "tag_key is missing."),
        ("departments", "a", f"parent_id 'b' {circle}"),
        ("departments", "b", f"parent_id 'a' {circle}"),
        ("departments", "c", "parent_id 'nobody' is no department_id of departments."),
    ]
