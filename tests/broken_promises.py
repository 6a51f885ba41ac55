"""Every promise that a data test keeps, with statements that break it in a copy of the demo."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

# Relations that a case breaks: tables in the copy, whatever they are in the project.
BROKEN_RELATIONS = (
    "int_usage",
    "int_charges",
    "int_charges_daily",
    "int_charges_monthly",
    "ai_calls",
    "ai_calls_booked",
    "cloudzero_cbf",
    "ai_coverage",
    "stg_billing__billing_periods",
    "stg_contracts__commitment_checks",
    "stg_pricing__provisioned_deployments",
    "focus_contract_commitment_v1_4",
)

# one charge of a call, the same one each time
ONE = "(select min({column}) from {table})"
A_CHARGED_CALL = "(select min(call_key) from int_charges)"
A_HELD_CALL = "(select min(call_key) from int_held_calls)"
A_CACHED_CALL = "(select min(call_key) from int_usage where is_cache_hit)"
# two prices of one key, of which the second begins on 2026-08-21
LONG_INPUT = "price_id like 'openai/gpt-5.6-sol/input/standard/realtime/gt272000/from-%'"
LONG_INPUT_AT_FIRST = LONG_INPUT.replace("like", "=").replace("%", "open")
ONE_CHARGE = (
    f"rowid = (select min(rowid) from int_charges where call_key = {A_CHARGED_CALL})"
    " and charge_category = 'Usage'"
)
A_BOOKED_CALL = f"call_key = {A_CHARGED_CALL}"
CLOSED_PERIODS = (
    "insert into int_closings by name"
    " select distinct int_sku_prices.provider, int_charges.billing_period_start,"
    " 0 as booking_number, timestamp '2026-12-01' as known_at,"
    " timestamp '1900-01-01' as prices_as_of"
    " from int_charges inner join int_sku_prices using (meter_price_id)"
)
SECOND_PRICE = (
    "insert into int_meter_prices select * replace (price_id || '+' as price_id,"
    " meter_price_id || '+' as meter_price_id) from int_meter_prices limit 1"
)

BREAKS: dict[str, list[str]] = {
    "assert_stated_amounts_are_charged_once": [
        f"update int_usage set stated_tool_cost = 0.5 where call_key = {A_CHARGED_CALL}",
        "update int_charges set cost_basis = 'stated', meter = 'stated_fee'"
        f" where call_key = {A_CHARGED_CALL}",
    ],
    "assert_no_call_is_lost": [
        f"delete from int_usage where call_key = {A_CHARGED_CALL}",
        "insert into int_usage select * from int_usage limit 1",
        "update int_usage set call_key ="
        " (select max(call_key) from int_usage where source_name = 'gateway')"
        " where call_key = (select min(call_key) from int_usage where source_name = 'gateway')",
        # what a source delivered is said to be a reject, but stands in no list of them
        "update stg_gateway__usage set fault_reason = 'Something is wrong.' where rowid = 0",
        "delete from stg_gateway__usage where fault_reason is null"
        " and rowid = (select max(rowid) from stg_gateway__usage where fault_reason is null)",
        # no call of a source arrives
        "delete from int_usage where source_name = 'litellm'",
    ],
    "assert_meters_sum_to_call_totals": [
        f"delete from int_charges where {ONE_CHARGE}",
        f"insert into int_charges select * from int_charges where {ONE_CHARGE}",
        f"update int_charges set consumed_quantity = consumed_quantity + 1 where {ONE_CHARGE}",
        "update int_charges set meter = 'output' where rowid ="
        " (select min(rowid) from int_charges where meter = 'input' and call_id is not null)",
        "update int_charges set meter = 'input' where rowid ="
        " (select min(rowid) from int_charges where meter = 'cache_read' and call_id is not null)",
        "update int_charges set meter = 'input' where rowid ="
        " (select min(rowid) from int_charges where meter = 'cache_write' and call_id is not null)",
        f"delete from int_usage where call_key = {A_CHARGED_CALL}",
        "delete from int_charges where meter = 'web_search'",
        f"delete from int_held_calls where call_key = {A_HELD_CALL}",
        f"insert into int_charges select * replace ({A_HELD_CALL} as call_key)"
        f" from int_charges where {ONE_CHARGE}",
        f"insert into int_charges select * replace ({A_CACHED_CALL} as call_key)"
        f" from int_charges where {ONE_CHARGE}",
    ],
    "assert_costs_are_exact": [
        f"update int_charges set {cost} = {wrong} where {ONE_CHARGE}"
        for cost in ("list_cost", "contracted_cost", "billed_cost", "effective_cost")
        for wrong in ("null", f"{cost} + 0.000000000000000001")
    ]
    + [
        f"update int_charges set {of_pricing} where {ONE_CHARGE}"
        for of_pricing in (
            "pricing_currency = billing_currency, pricing_currency_effective_cost = 1",
            "pricing_currency = 'EUR'",
            "pricing_currency = 'EUR', pricing_currency_contracted_unit_price = 1,"
            " pricing_currency_effective_cost = pricing_quantity + 0.000000000000000001",
        )
    ],
    "assert_no_charge_is_zero_unless_price_is_zero": [
        f"update int_charges set {column} = {wrong} where {ONE_CHARGE}"
        for column in (
            "list_cost",
            "contracted_cost",
            "billed_cost",
            "consumed_quantity",
            "pricing_quantity",
        )
        for wrong in ("0", "null")
    ],
    "assert_grains_sum_to_call_grain": [
        f"delete from int_charges where {ONE_CHARGE}",
        *(
            broken
            for grain in ("int_charges_daily", "int_charges_monthly")
            for one in (f"where rowid = (select min(rowid) from {grain})",)
            for broken in (
                f"delete from {grain} {one}",
                f"update {grain} set charge_id = 'one id for all'",
                f"update {grain} set pricing_currency_effective_cost = 1 {one}",
                # booked in another month than its charges are
                f"update {grain} set billing_period_start = timestamp '2027-01-01' {one}",
                *(
                    f"update {grain} set {column} = {column} + 0.000001 {one}"
                    for column in (
                        "consumed_quantity",
                        "pricing_quantity",
                        "list_cost",
                        "contracted_cost",
                        "billed_cost",
                        "effective_cost",
                    )
                ),
            )
        ),
    ],
    "assert_ai_calls_booked_sum_to_focus": [
        f"delete from int_charges where {ONE_CHARGE}",
        f"delete from ai_calls_booked where {A_BOOKED_CALL}",
        f"insert into ai_calls_booked select * from ai_calls_booked where {A_BOOKED_CALL}",
        "update ai_calls_booked set billing_period_start = timestamp '2027-01-01'"
        f" where {A_BOOKED_CALL}",
        *(
            f"update ai_calls_booked set {change} where {A_BOOKED_CALL}"
            for change in (
                "billed_cost = billed_cost + 0.000000000000000001",
                "total_tokens = total_tokens + 1",
                "billing_account_id = 'another'",
                "sub_account_id = 'another'",
                "billing_currency = 'CHF'",
            )
        ),
    ],
    "assert_ai_calls_sum_to_focus": [
        f"delete from int_charges where {ONE_CHARGE}",
        f"update ai_calls set billed_cost = billed_cost + 0.000000000000000001"
        f" where call_key = {A_CHARGED_CALL}",
        f"update ai_calls set billing_account_id = 'another' where call_key = {A_CHARGED_CALL}",
        "insert into ai_calls select * from ai_calls where billed_cost > 0 limit 1",
        f"update ai_calls set billed_cost = 1 where call_key = {A_HELD_CALL}",
    ],
    "assert_cloudzero_gets_every_cost": [
        *(
            f"update cloudzero_cbf set {cost} = {cost} + 0.000000000000000001 where rowid = 0"
            for cost in (
                *("cost", "discounted_cost", "amortized_cost"),
                *("discounted_amortized_cost", "on_demand_cost"),
            )
        ),
        "delete from cloudzero_cbf where cost > 0",
        "update cloudzero_cbf set billing_period_start = billing_period_start + interval 1 month"
        " where rowid = (select max(rowid) from cloudzero_cbf where cost > 0)",
        "update cloudzero_cbf set billing_currency = 'EUR' where rowid ="
        " (select max(rowid) from cloudzero_cbf where cost > 0)",
    ],
    # version by version: a row filter, a mixed-up cost, another grain
    **{
        f"assert_focus_versions_of_{grain}s_have_equal_totals": [
            f"create or replace view focus_cost_and_usage{suffix}_v{version} as"
            f" select * {change} from int_focus_cost_and_usage where grain = '{of_grain}'{keep}"
            for version in ("1_0", "1_1", "1_2", "1_3", "1_4")
            for change, of_grain, keep in (
                ("", name, " and ListCost > 0.001"),
                ("replace (ListCost as ContractedCost)", name, ""),
                (
                    "replace (cast(BilledCost + 1 as decimal(38, 18)) as EffectiveCost)",
                    name,
                    "",
                ),
                ("", other, ""),
            )
        ]
        for grain, name, suffix, other in (
            ("call", "call", "", "day"),
            ("day", "day", "_daily", "month"),
            ("month", "month", "_monthly", "call"),
        )
    },
    "assert_no_charge_is_lost_on_the_way_to_focus": [
        f"update int_charges set meter_price_id = 'none' where {ONE_CHARGE}",
        f"update int_charges set meter_price_id = null where {ONE_CHARGE}",
        "delete from int_sku_prices where meter_price_id ="
        " (select min(meter_price_id) from int_charges)",
    ],
    "assert_held_calls_have_no_charges": [
        f"insert into int_charges select * replace ({A_HELD_CALL} as call_key)"
        f" from int_charges where {ONE_CHARGE}",
    ],
    "assert_every_unpriced_meter_holds_its_call": [
        f"delete from int_held_calls where call_key = {A_HELD_CALL}",
        f"update int_held_calls set hold_reason = null where call_key = {A_HELD_CALL}",
        f"delete from int_unpriced_usage where call_key = {A_HELD_CALL}",
    ],
    "assert_no_call_can_have_two_list_prices": [
        SECOND_PRICE,
        # two context bands that meet, made to overlap
        "update int_meter_prices set context_tokens_up_to = 9223372036854775807"
        " where context_tokens_gt = 0",
        # two windows of time that meet, made to overlap
        "update int_meter_prices set valid_to = timestamp '9999-12-31'",
        # two hourly prices at the same hours
        "update int_meter_prices set daily_window_from = 0, daily_window_to = 86400"
        " where daily_window is not null",
    ],
    "assert_every_price_window_can_hold": [
        "update ai_list_prices set daily_window_start = '22:00', daily_window_end = '02:00'"
        " where rowid = 0",
        "update ai_list_prices set daily_window_start = '22:00' where rowid = 0",
        "update ai_list_prices set weekdays = '1-5' where rowid = 0",
    ],
    "assert_list_prices_follow_without_gap": [
        f"update ai_list_prices set {apart} where {LONG_INPUT};"
        f" update ai_list_prices set valid_to = '2026-08-01' where {LONG_INPUT_AT_FIRST}"
        for apart in (
            "region_id = ''",
            "context_threshold = '0', region_id = 'eu'",
            "context_threshold = '0', weekdays = '67'",
            "context_threshold = '0', daily_window_start = '01:00', daily_window_end = '02:00'",
        )
    ]
    + [
        "insert into ai_price_multipliers select * from ai_price_multipliers where rowid = 0;"
        " update ai_price_multipliers set valid_to = '2026-08-01' where rowid = 0;"
        " update ai_price_multipliers set valid_from = '2026-09-01' where multiplier_id ="
        " (select multiplier_id from ai_price_multipliers where rowid = 0) and rowid <> 0",
    ],
    "assert_every_price_is_in_the_catalogue": [
        f"delete from ai_models where model = {ONE.format(column='model', table='ai_list_prices')}",
        f"delete from ai_meters where meter = {ONE.format(column='meter', table='ai_list_prices')}",
        "delete from stg_pricing__providers where provider = 'openai'",
        "update ai_list_prices set model = null where rowid = 0",
        "delete from int_sku_prices where rowid = 0",
    ],
    "assert_every_seed_price_is_in_force_once": [
        "update ai_list_prices set unit_price = '123' where rowid = 0",
        "update ai_list_prices set unit_price = null where rowid = 0",
        "delete from int_meter_prices where price_id = (select min(price_id) from ai_list_prices)",
        # a correction that is not in force
        "insert into ai_list_prices select * replace ('~' as price_id, '99' as unit_price)"
        " from ai_list_prices where rowid = 0",
    ],
    "assert_every_price_has_its_meters_block": [
        "update ai_list_prices set pricing_block = '1000' where meter = 'input'",
        "update ai_list_prices set pricing_block = '1000000' where meter = 'web_search'",
        "update ai_list_prices set pricing_block = null where rowid = 0",
    ],
    "assert_closed_periods_have_no_later_price": [
        f"{CLOSED_PERIODS}; update ai_list_prices set recorded_at = '2026-12-31' where price_id = ("
        " select min(price_id) from int_sku_prices inner join int_charges using (meter_price_id)"
        " where price_id not like '%*%')",
        f"{CLOSED_PERIODS}; update int_sku_prices set price_id = 'none'",
    ],
    "assert_coverage_counts_every_held_call": [
        "update ai_coverage set priced_calls = priced_calls - 1 where rowid = 0",
        "update ai_coverage set tokens = tokens + 1 where rowid = 0",
        "delete from ai_coverage where calls > priced_calls",
        "update ai_coverage set missing_calls = missing_calls + 1 where rowid = 0",
        "update ai_coverage set missing_tokens = missing_tokens + 1 where rowid = 0",
        "update ai_coverage set missing_stated_cost = 0.01 where rowid = 0",
        "update ai_coverage set unknown_cost_calls = unknown_cost_calls + 1 where rowid = 0",
        f"update int_usage set source_cost = 0.01 where call_key = {A_HELD_CALL}",
        f"delete from int_held_calls where call_key = {A_HELD_CALL}",
        f"update int_usage set prompt_tokens = prompt_tokens + 1 where call_key = {A_HELD_CALL}",
    ],
    "assert_every_booked_month_is_judged": [
        "delete from int_month_sources where billing_period_start = timestamp '2026-09-01'",
        "delete from int_source_days where source_name = 'gateway';"
        " delete from int_month_sources where source_name <> 'gateway'",
        "update int_charges set billing_period_start = timestamp '2026-12-01'"
        f" where call_key = {A_CHARGED_CALL}",
    ],
    "assert_every_call_counts_in_freshness": [
        "update int_source_days set calls = calls - 1 where rowid = 0",
        "delete from int_source_days where billing_account_id = 'org-acme'",
        f"delete from int_usage where call_key = {A_CHARGED_CALL}",
    ],
    "assert_every_sub_account_has_a_department_tag": [
        f"update {table} set tags_json = {wrong} where rowid ="
        f" (select min(rowid) from {table} where sub_account_id is not null)"
        for table in ("ai_calls", "int_charges", "int_charges_daily")
        for wrong in (
            "null",
            '\'{"app":"x"}\'',
            # the name of the tag in a text, and in another name
            '\'{"app":",\\"x-cost-department\\":"}\'',
            '\'{"x-cost-department-2":"x"}\'',
        )
    ],
    "assert_every_commitment_is_mapped_or_rejected": [
        "delete from focus_contract_commitment_v1_4 where rowid = 0",
        "update focus_contract_commitment_v1_4 set ServiceProviderName = 'nobody' where rowid = 0",
    ],
    # generic tests, one of each kind at least
    "a_version_of_the_book_has_a_meters_price_once": [
        "insert into int_meter_prices select * from int_meter_prices limit 1",
        "update int_meter_prices set meter_price_id = 'one for all'",
        "insert into int_meter_prices select * replace"
        " (valid_from + interval 1 day as valid_from) from int_meter_prices limit 1",
    ],
    "not_null_int_meter_prices_meter_price_id": [
        "update int_meter_prices set meter_price_id = null where rowid = 0",
    ],
    "a_version_of_the_book_has_a_list_price_once": [
        "update ai_list_prices set price_id = 'one for all'",
    ],
    "row_key_int_price_snapshots_known_at": [
        "insert into int_price_snapshots select * from int_price_snapshots limit 1",
        "update int_price_snapshots set known_at = null",
    ],
    "not_null_int_price_snapshots_prices_as_of": [
        "update int_price_snapshots set prices_as_of = null",
    ],
    "a_closed_period_is_booked_once_per_closing": [
        f"{CLOSED_PERIODS}; insert into int_closings select * from int_closings",
    ],
    "not_null_int_closings_prices_as_of": [
        f"{CLOSED_PERIODS}; update int_closings set prices_as_of = null",
    ],
    "a_billing_period_is_closed_once": [
        "insert into stg_billing__billing_periods by name"
        " select 'OpenAI' as invoice_issuer_name, timestamp '2026-08-01' as billing_period_start"
        " from range(2)",
    ],
    "a_call_is_booked_once_per_later_closing": [
        "insert into int_rebooked_calls by name"
        " select 'a call' as call_key, 1 as booking_number from range(2)",
    ],
    "a_charge_is_restated_once_a_month": [
        f"update int_charges set charge_class = 'Correction', correction_kind = 'correction'"
        f" where {ONE_CHARGE};"
        f" insert into int_charges select * from int_charges where {ONE_CHARGE}",
    ],
    "not_null_ai_restatements_call_key": [
        f"update int_charges set charge_class = 'Correction', correction_kind = 'correction',"
        f" call_key = null where {ONE_CHARGE}",
    ],
    "assert_restatements_come_to_the_corrections": [
        f"update int_charges set charge_class = 'Correction' where {ONE_CHARGE}",
    ],
    "assert_months_of_a_call_sum_to_what_is_known_now": [
        f"insert into int_rebooked_calls by name select {A_CHARGED_CALL} as call_key,"
        f" 0 as booking_number; update int_charges set {wrong} where {ONE_CHARGE}"
        for wrong in ("billed_cost = billed_cost + 1e-18", "consumed_quantity = 0", "list_cost = 0")
    ],
    "row_key_int_sku_prices_meter_price_id": [
        "insert into int_sku_prices select * from int_sku_prices limit 1",
    ],
    "accepted_range_int_meter_prices_unit_price__0": [
        "update int_meter_prices set unit_price = -0.000000000001 where rowid = 0",
    ],
    "a_list_price_is_recorded_once_a_day": [
        "insert into ai_list_prices select * replace (price_id || '+' as price_id)"
        " from ai_list_prices limit 1",
    ],
    "list_prices_do_not_overlap": [
        "update ai_list_prices set valid_to = '1800-01-01' where rowid = 0",
    ],
    "a_contract_price_is_recorded_once_at_an_instant": [
        "insert into stg_pricing__contract_prices_checked select * replace"
        " (cast(discount + 1 as decimal(9, 6)) as discount)"
        " from stg_pricing__contract_prices_checked"
        " where discount is not null limit 1",
    ],
    "contract_prices_do_not_overlap": [
        "insert into int_contract_prices select * from int_contract_prices limit 1",
        "insert into int_contract_prices select * replace"
        " (valid_from + interval 1 day as valid_from) from int_contract_prices limit 1",
        "update int_contract_prices set valid_to = valid_from where rowid = 0",
        "update int_contract_prices set valid_to = null where rowid = 0",
    ],
    "provisioned_deployments_do_not_overlap": [
        "insert into stg_pricing__provisioned_deployments"
        " select * from stg_pricing__provisioned_deployments limit 1",
    ],
    "model_names_lead_to_one_model": [
        "insert into int_model_names select * replace ('another' as model) from int_model_names"
        " limit 1",
        "insert into int_model_names select * replace"
        " ('another' as model, valid_from + interval 1 day as valid_from) from int_model_names"
        " limit 1",
        "update int_model_names set valid_to = valid_from where rowid = 0",
    ],
    "not_null_int_model_names_is_latest": [
        "update int_model_names set is_latest = null where rowid = 0",
    ],
    "a_meter_is_unpriced_once": [
        "insert into int_unpriced_usage select * from int_unpriced_usage limit 1",
    ],
}


@contextmanager
def breakable(database: Path, copy: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a copy of a build whose relations the cases can break.

    It needs the build's own file name, since views name their database.
    """
    shutil.copyfile(database, copy)
    with duckdb.connect(str(copy)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        for relation in BROKEN_RELATIONS:
            connection.execute(f"create table broken as select * from {relation}")
            (kind,) = connection.execute(
                "select table_type from information_schema.tables where table_name = ?", [relation]
            ).fetchall()[0]
            connection.execute(f"drop {'view' if kind == 'VIEW' else 'table'} {relation}")
            connection.execute(f"alter table broken rename to {relation}")
        yield connection


@contextmanager
def broken(connection: duckdb.DuckDBPyConnection, statement: str) -> Iterator[None]:
    """Have a promise broken until the block ends."""
    connection.execute("begin")
    try:
        connection.execute(statement)
        yield
    finally:
        connection.execute("rollback")
