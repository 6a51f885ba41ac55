"""What is kept of int_usage_priced is really kept; all that charges are made of is compared.

And a comparison that is broken is noticed.
"""

from __future__ import annotations

import copy
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kept_charges import PRICED, KeptCharges, kept_build, with_macro
from priced_calls import completed, litellm_rows, write_raw
from reference import Row

MARK = "marked by hand"
INPUTS = "int_charge_inputs"
MONTHS = ["2026-08", "2026-09", "2026-10"]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeptCharges]:
    for made in kept_build(tmp_path_factory.mktemp("kept")):
        # a small book is enough, and quick
        book = made.seed("ai_list_prices")
        made.load_seed("ai_list_prices", [row for row in book if row["model"] == "gpt-5-mini"])
        made.load_seed("ai_price_multipliers", made.seed("ai_price_multipliers")[:1])
        yield made


def call(number: int, month: str, **values: str) -> Row:
    return {
        "call_id": f"call-{number}",
        "customer_id": "org-acme",
        "provider": "openai",
        "model": "gpt-5-mini",
        "started_at": f"{month}-{number + 1:02}T12:00:00Z",
        "latency_ms": "100",
        "prompt_tokens": "1000",
        "completion_tokens": "500",
        **values,
    }


def three_months() -> list[Row]:
    return [call(number, month) for number, month in enumerate(MONTHS)]


def write(kept: KeptCharges, rows: list[Row], closings: list[Row] | None = None) -> None:
    write_raw(kept.raw, completed(rows), litellm_rows([]), [], closings or [])


def start(kept: KeptCharges, rows: list[Row]) -> None:
    write(kept, rows)
    kept.start(hashlib.sha256(json.dumps(rows).encode()).hexdigest())


def mark_all(kept: KeptCharges) -> None:
    kept.connection.execute(f"update {PRICED} set model_as_sent = '{MARK}'")


def marked_months(kept: KeptCharges) -> list[str]:
    rows = kept.rows(
        f"""
        select distinct strftime(booked_in, '%Y-%m') from {PRICED}
        where model_as_sent = '{MARK}' order by 1
        """
    )
    return [month for (month,) in rows]


# ---------------------------------------------------------------- what is kept


@pytest.mark.parametrize(
    ("month", "untouched"), [("2026-10", MONTHS[:2]), ("2026-09", MONTHS[:1]), ("2026-08", [])]
)
def test_months_before_the_first_changed_one_are_not_written(
    kept: KeptCharges, month: str, untouched: list[str]
) -> None:
    start(kept, three_months())
    mark_all(kept)
    write(kept, [*three_months(), call(7, month)])
    kept.build()
    assert marked_months(kept) == untouched
    kept.connection.execute(
        f"update {PRICED} set model_as_sent = 'gpt-5-mini' where model_as_sent = '{MARK}'"
    )
    assert not kept.differences()


def test_nothing_is_written_where_nothing_changed(kept: KeptCharges) -> None:
    start(kept, three_months())
    mark_all(kept)
    write(kept, three_months()[::-1])
    assert kept.build() == "UNCHANGED"
    assert marked_months(kept) == MONTHS


def test_a_column_that_no_charge_is_made_of_changes_nothing(kept: KeptCharges) -> None:
    start(kept, three_months())
    write(kept, [{**row, "latency_ms": "101", "ended_at": ""} for row in three_months()])
    # the end of a call is its start and its latency
    assert kept.build() != "UNCHANGED"
    assert not kept.differences()


def test_a_new_price_makes_all_months_again(kept: KeptCharges) -> None:
    start(kept, three_months())
    mark_all(kept)
    book = kept.seed("ai_list_prices")
    old = next(row for row in book if (row["model"], row["meter"]) == ("gpt-5-mini", "output"))
    again = {**old, "price_id": "again", "unit_price": "77", "recorded_at": "2026-12-01"}
    kept.load_seed("ai_list_prices", [*book, again])
    try:
        kept.build()
        assert marked_months(kept) == []
        assert not kept.differences()
    finally:
        kept.load_seed("ai_list_prices", book)


# ---------------------------------------------------------------- what makes everything again


def without_inputs(kept: KeptCharges) -> None:
    kept.connection.execute(f"drop table {PRICED}__built_from")


def with_older_inputs(kept: KeptCharges) -> None:
    kept.connection.execute(f"alter table {PRICED}__built_from rename column input to name")


def with_a_column_more(kept: KeptCharges) -> None:
    kept.connection.execute(f"alter table {PRICED} add column another varchar")


def with_a_column_less(kept: KeptCharges) -> None:
    kept.connection.execute(f"alter table {PRICED} drop column price_rule")


def without_charges(kept: KeptCharges) -> None:
    kept.connection.execute(f"drop table {PRICED}")


@pytest.mark.parametrize(
    "damage",
    [
        without_inputs,
        with_older_inputs,
        with_a_column_more,
        with_a_column_less,
        without_charges,
    ],
)
def test_what_does_not_fit_is_made_again(
    kept: KeptCharges, damage: Callable[[KeptCharges], None]
) -> None:
    start(kept, three_months())
    mark_all(kept)
    damage(kept)
    kept.build()
    assert not kept.differences()
    assert kept.build() == "UNCHANGED"


def test_a_run_of_some_models_alone_makes_everything_again_and_the_next_run_too(
    kept: KeptCharges,
) -> None:
    start(kept, three_months())
    for selected in ([f"model.ai_focus.{PRICED}"], None):
        mark_all(kept)
        kept.selected = selected
        kept.build()
        assert not kept.differences()
    assert kept.build() == "UNCHANGED"


# ---------------------------------------------------------------- what is compared


def test_whatever_charges_are_made_of_is_an_input(kept: KeptCharges) -> None:
    nodes = kept.manifest.nodes
    inputs = set(nodes[f"model.ai_focus.{INPUTS}"].depends_on.nodes)
    waiting, seen = [f"model.ai_focus.{PRICED}"], set()
    while waiting:
        key = waiting.pop()
        if key in inputs or key in seen or key == f"model.ai_focus.{INPUTS}":
            continue
        assert key.startswith("model."), f"{key} is read past the inputs"
        seen.add(key)
        waiting += nodes[key].depends_on.nodes
    assert len(seen) > 4


def test_raw_rows_are_read_once_in_a_build(kept: KeptCharges) -> None:
    """Fingerprints and charges are of the same rows, though a raw table may get more meanwhile."""
    readers = [
        node for key in kept.upstream if "raw(" in (node := kept.manifest.nodes[key]).raw_code
    ]
    assert len(readers) >= 7
    assert {node.config.materialized for node in readers} == {"table"}


def test_inputs_are_compared_in_all_their_columns(kept: KeptCharges) -> None:
    for key in kept.manifest.nodes[f"model.ai_focus.{INPUTS}"].depends_on.nodes:
        node = kept.manifest.nodes[key]
        found = kept.rows(f"select name from pragma_table_info('{node.alias}')")
        assert {name.lower() for (name,) in found} == set(node.columns), node.alias


def test_no_charge_is_made_of_the_columns_that_are_left_out(kept: KeptCharges) -> None:
    macro = kept.manifest.macros["macro.ai_focus.columns_beside_charges"].macro_sql
    columns = re.findall(r"'(\w+)'", macro)
    assert "status" in columns
    rows = [{**row, "status": "success", "cost_user": "ann"} for row in three_months()]
    start(kept, rows)
    nothing = ", ".join(f"case when false then {name} end as {name}" for name in columns)
    kept.run({"int_usage_counted": lambda code: f"select * replace ({nothing}) from ({code})"})
    assert not kept.differences()
    kept.run()


def test_every_variable_that_charges_are_made_of_is_compared(kept: KeptCharges) -> None:
    manifest = kept.manifest
    texts = [manifest.nodes[key].raw_code for key in kept.upstream]
    waiting = [name for key in kept.upstream for name in manifest.nodes[key].depends_on.macros]
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in seen and name.startswith("macro.ai_focus."):
            seen.add(name)
            texts.append(manifest.macros[name].macro_sql)
            waiting += manifest.macros[name].depends_on.macros
    read = set(re.findall(r"var\('(\w+)'", "\n".join(texts)))
    compared = re.findall(r"'(\w+)'", manifest.macros["macro.ai_focus.charge_vars"].macro_sql)
    # where rows come from: the rows themselves are compared
    places = {"usage_sources", "raw_origin", "raw_files", "raw_tables", "raw_has_lines"}
    places |= {"charges_materialization", "price_book"}
    assert read - places == set(compared)


def version(kept: KeptCharges, manifest: Any = None, **variables: object) -> str:
    """Give the fingerprint that dbt writes for the SQL and the variables."""
    kept.connection.close()
    try:
        command = ("compile", "--select", INPUTS, "--no-write-json")
        outcome = kept.dbt(*command, manifest=manifest or kept.manifest, **variables)
    finally:
        kept.connect()
    assert outcome.success, outcome.exception
    code = outcome.result.results[0].node.compiled_code
    return re.findall(r"'([0-9a-f]{32})' as fingerprint", code)[0]


def test_another_version_of_the_models_is_another_input(kept: KeptCharges) -> None:
    first = version(kept)
    assert version(kept) == first
    changed = {first}
    for name in ("macro.ai_focus.price_fits", "macro.dbt.default__dateadd"):
        manifest = copy.deepcopy(kept.manifest)
        manifest.macros[name].macro_sql += " "
        changed.add(version(kept, manifest))
    manifest = copy.deepcopy(kept.manifest)
    manifest.nodes["model.ai_focus.int_usage_meters"].checksum.checksum = "another"
    manifest.build_flat_graph()
    changed.add(version(kept, manifest))
    assert len(changed) == 4
    # what no charge is made of
    manifest = copy.deepcopy(kept.whole_manifest)
    manifest.nodes["model.ai_focus.ai_calls"].checksum.checksum = "another"
    manifest.build_flat_graph()
    assert version(kept, manifest) == first


def test_another_variable_is_another_input(kept: KeptCharges) -> None:
    assert version(kept, exchange_rate_days=8) != version(kept)


# ---------------------------------------------------------------- broken comparisons are noticed


def late_in_the_first_changed_month(kept: KeptCharges, manifest: Any) -> None:
    start(kept, three_months())
    write(kept, [*three_months(), call(7, "2026-09")])
    kept.build(manifest=manifest)


def a_month_that_comes(kept: KeptCharges, manifest: Any) -> None:
    start(kept, three_months())
    write(kept, [*three_months(), call(7, "2026-11")])
    kept.build(manifest=manifest)


def a_month_that_vanishes(kept: KeptCharges, manifest: Any) -> None:
    start(kept, three_months())
    write(kept, three_months()[:2])
    kept.build(manifest=manifest)


def a_month_that_closes(kept: KeptCharges, manifest: Any) -> None:
    late = call(7, "2026-08", ingested_at="2026-11-20T00:00:00Z")
    closing = {"issuer": "OpenAI", "billing_period": "2026-08", "closed_at": "2026-09-05"}
    start(kept, [*three_months(), late])
    write(kept, [*three_months(), late], [closing])
    kept.build(manifest=manifest)


def failing(code: str) -> str:
    # a hash is no number
    return f"select * from ({code}) where cast(call_key as integer) is null"


def a_run_that_fails(kept: KeptCharges, manifest: Any) -> None:
    """What did not come into the table must not count as what it was made of."""
    start(kept, three_months())
    write(kept, [*three_months(), call(7, "2026-09")])
    kept.build(manifest=manifest, rewrites={"int_usage_meters": failing}, fails=True)
    kept.build(manifest=manifest)


def a_run_that_ends_before_its_inputs_are_stored(kept: KeptCharges, manifest: Any) -> None:
    """And the raw rows are what they were again, so that the inputs of the run before fit them."""
    start(kept, three_months())
    write(kept, [*three_months(), call(7, "2026-09")])
    stored = "create or replace table {{ built_from }} as select * from {{ inputs }}"
    failing_there = "select * from no_such_table"
    ending = with_macro(manifest or kept.manifest, MATERIALIZATION, stored, failing_there)
    kept.build("--full-refresh", manifest=ending, fails=True)
    write(kept, three_months())
    kept.build(manifest=manifest)


MATERIALIZATION = "materialization_changed_months_default"
SCENARIOS = {
    scenario.__name__: scenario
    for scenario in (
        late_in_the_first_changed_month,
        a_month_that_comes,
        a_month_that_vanishes,
        a_month_that_closes,
        a_run_that_fails,
        a_run_that_ends_before_its_inputs_are_stored,
    )
}
STORED_FIRST = """
        {%- call statement('store_inputs_first') -%}
            create or replace table {{ built_from }} as select * from {{ inputs }}
        {%- endcall -%}
        {%- do adapter.commit() -%}
        {%- if month == 190001 -%}"""
MUTATIONS: dict[str, tuple[str, str, str, str]] = {
    "the first changed month itself stays": (
        "late_in_the_first_changed_month",
        MATERIALIZATION,
        "booked_in >= cast",
        "booked_in > cast",
    ),
    "inputs of all months are left out": (
        "a_month_that_closes",
        "first_changed_month",
        "from changed\n",
        "from changed where billing_period_start > {{ begin_of_time() }}\n",
    ),
    "months that vanish are left out": (
        "a_month_that_vanishes",
        "first_changed_month",
        "(select * from inputs_then {{ dbt.except() }} select * from inputs_now)",
        "(select * from inputs_now where 1 = 0)",
    ),
    "months that come are left out": (
        "a_month_that_comes",
        "first_changed_month",
        "(select * from inputs_now {{ dbt.except() }} select * from inputs_then)",
        "(select * from inputs_then where 1 = 0)",
    ),
    "the last changed month counts": (
        "late_in_the_first_changed_month",
        "first_changed_month",
        "min(extract",
        "1 + max(extract",
    ),
    "rows are added to those that stand": (
        "late_in_the_first_changed_month",
        "default__replace_rows",
        "delete from {{ relation }} where {{ condition }};",
        "",
    ),
    "inputs are stored before the charges": (
        "a_run_that_fails",
        MATERIALIZATION,
        "\n        {%- if month == 190001 -%}",
        STORED_FIRST,
    ),
    "the inputs of the run before stay while the charges change": (
        "a_run_that_ends_before_its_inputs_are_stored",
        MATERIALIZATION,
        "drop table if exists {{ built_from }}",
        "select 1",
    ),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_change_gives_the_rows_of_a_full_refresh(kept: KeptCharges, name: str) -> None:
    SCENARIOS[name](kept, None)
    assert not kept.differences()


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_broken_comparison_is_noticed(kept: KeptCharges, name: str) -> None:
    scenario, macro, old, new = MUTATIONS[name]
    try:
        SCENARIOS[scenario](kept, with_macro(kept.manifest, macro, old, new))
    except AssertionError as error:
        pytest.fail(f"{name}: the mutation is no valid macro: {error}")
    assert kept.differences(), f"{name}, and no row tells"


def test_a_call_that_came_again_in_another_month_is_an_input_of_both(kept: KeptCharges) -> None:
    first = call(0, "2026-08", ingested_at="2026-08-02T00:00:00Z")
    again = {**call(0, "2026-10"), "ingested_at": "2026-10-03T00:00:00Z"}
    others = three_months()[1:]
    start(kept, [first, *others])
    mark_all(kept)
    write(kept, [first, again, *others])
    kept.build()
    # it left the first one
    assert marked_months(kept) == []
    assert not kept.differences()
    mark_all(kept)
    write(kept, [first, {**again, "completion_tokens": "9"}, *others])
    kept.build()
    # where it was is as before
    assert marked_months(kept) == ["2026-09"]
    kept.connection.execute(
        f"update {PRICED} set model_as_sent = 'gpt-5-mini' where model_as_sent = '{MARK}'"
    )
    assert not kept.differences()
