"""Bills in another currency than the prices: rates by day, one rounding, nothing without a rate.

The prices are those of gpt-5-mini, 0.25 USD for a million input tokens and 2 USD for a million
output tokens. All expected values are worked out by hand from them.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import pytest
from conftest import assert_one_sentence, focus_export
from pipeline import Pipeline

from exporter.build.totals import ask_totals
from exporter.datasets import DATASETS
from exporter.extract.pages import PagedExtract
from exporter.extract.selection import Selection
from exporter.sql import DuckDB

D = Decimal

ACCOUNTS = """billing_account_id,billing_account_name,billing_currency
europe,Europe GmbH,EUR
partner,Partner GmbH,eur
partner,Partner GmbH,EUR
america,America Inc,USD
britain,Britain Ltd,GBP
named,Named only,
twice,Twice,EUR
twice,Twice,CHF
"""

# October 31 and November 1 are a weekend. Nobody delivers a rate from October 31 on but one that
# contradicts itself.
RATES = """rate_date,from_currency,to_currency,rate,source
2026-10-28,USD,EUR,0.857912345674,ECB
2026-10-29,USD,EUR,0.8603,ECB
2026-10-29,usd,eur,0.86030,a copy
2026-10-30,USD,EUR,0.8621,ECB
2026-11-03,USD,EUR,0.8594,ECB
2026-11-03,USD,EUR,0.8595,another bank
2026-10-28,EUR,USD,1.1656,ECB
2026-10-28,GBP,USD,1.3301,ECB
2026-10-29,USD,EUR,"0,8603",ECB
2026-10-29,USD,EUR,0,ECB
29.10.2026,USD,EUR,0.8603,ECB
2026-10-29,USD,Euro,0.8603,ECB
"""

CONTRACT_PRICES = """\
contract_price_id,contract_id,billing_account_id,provider,discount_percentage,valid_from
less-8,K-1,partner,openai,8,2026-01-01
"""

CALLS = """call_id,customer_id,customer_name,provider,model,started_at,latency_ms,prompt_tokens,completion_tokens,cache_hit
before the first,europe,,openai,gpt-5-mini,2026-10-27T23:59:59.999Z,10,1000000,500000,
last instant,europe,,openai,gpt-5-mini,2026-10-28T23:59:59.999Z,10,1000000,500000,
first instant,europe,,openai,gpt-5-mini,2026-10-29T00:00:00Z,10,1000000,500000,
other offset,europe,,openai,gpt-5-mini,2026-10-29T01:00:00+02:00,10,1000000,500000,
one token,europe,Own name,openai,gpt-5-mini,2026-10-28T12:00:00Z,10,1,0,
weekend,europe,,openai,gpt-5-mini,2026-11-01T12:00:00Z,10,1000000,500000,
contradiction,europe,,openai,gpt-5-mini,2026-11-03T12:00:00Z,10,1000000,500000,
last day,europe,,openai,gpt-5-mini,2026-11-05T23:59:59.999Z,10,1000000,500000,
stale,europe,,openai,gpt-5-mini,2026-11-06T00:00:00Z,10,1000000,500000,
discount,partner,,openai,gpt-5-mini,2026-10-28T12:00:00Z,10,1000000,500000,
dollars,america,,openai,gpt-5-mini,2026-10-28T12:00:00Z,10,1000000,500000,
not listed,elsewhere,,openai,gpt-5-mini,2026-11-06T12:00:00Z,10,1000000,500000,
no currency,named,,openai,gpt-5-mini,2026-11-06T12:00:00Z,10,1000000,500000,
rejected account,twice,,openai,gpt-5-mini,2026-11-06T12:00:00Z,10,1000000,500000,
wrong way,britain,,openai,gpt-5-mini,2026-10-28T12:00:00Z,10,1000000,500000,
unknown,britain,,openai,gpt-7-preview,2026-10-28T12:00:00Z,10,1000000,500000,
from the cache,europe,,openai,gpt-5-mini,2026-10-29T00:00:00Z,10,1000000,500000,true
failed,europe,,openai,gpt-5-mini,2026-11-06T00:00:00Z,10,0,0,
"""  # noqa: E501


class Charge(NamedTuple):
    """What a charge costs in the currency of the bill, and before conversion."""

    currency: str
    list_price: D
    contracted_price: D
    cost: D
    pricing_currency: str
    pricing_list_price: D
    pricing_contracted_price: D
    pricing_cost: D


def in_euro(price: str, list_price: str, cost: str, pricing_cost: str) -> Charge:
    return Charge(
        "EUR", D(list_price), D(list_price), D(cost), "USD", D(price), D(price), D(pricing_cost)
    )


def in_dollars(price: str, cost: str) -> Charge:
    return Charge("USD", *[D(price)] * 2, D(cost), "USD", *[D(price)] * 2, D(cost))


# 0.25 x 0.857912345674 = 0.2144780864185, the half that goes up; 2 x it is 1.715824691348, of which
# half a million tokens cost half. 0.25 x 0.8603 = 0.215075; 0.25 x 0.8621 = 0.215525.
OCTOBER_28 = {
    "input": in_euro("0.25", "0.214478086419", "0.214478086419", "0.25"),
    "output": in_euro("2", "1.715824691348", "0.857912345674", "1"),
}
OCTOBER_29 = {
    "input": in_euro("0.25", "0.215075", "0.215075", "0.25"),
    "output": in_euro("2", "1.7206", "0.8603", "1"),
}
OCTOBER_30 = {
    "input": in_euro("0.25", "0.215525", "0.215525", "0.25"),
    "output": in_euro("2", "1.7242", "0.8621", "1"),
}
DOLLARS = {"input": in_dollars("0.25", "0.25"), "output": in_dollars("2", "1")}
# 8 % off 0.25 is 0.23: 0.23 x 0.857912345674 = 0.19731983950502; 8 % off 2 is 1.84:
# 1.84 x 0.857912345674 = 1.57855871604016, half of 1.57855871604 is 0.78927935802
DISCOUNT = {
    "input": Charge(
        "EUR",
        D("0.214478086419"),
        D("0.197319839505"),
        D("0.197319839505"),
        "USD",
        D("0.25"),
        D("0.23"),
        D("0.23"),
    ),
    "output": Charge(
        "EUR",
        D("1.715824691348"),
        D("1.57855871604"),
        D("0.78927935802"),
        "USD",
        D("2"),
        D("1.84"),
        D("0.92"),
    ),
}
EXPECTED = {
    "last instant": OCTOBER_28,
    "first instant": OCTOBER_29,
    "other offset": OCTOBER_28,
    # a cost is never rounded: 0.000001 x 0.214478086419
    "one token": {"input": in_euro("0.25", "0.214478086419", "0.000000214478086419", "0.00000025")},
    "weekend": OCTOBER_30,
    "contradiction": OCTOBER_30,
    "last day": OCTOBER_30,
    "discount": DISCOUNT,
    "dollars": DOLLARS,
    "not listed": DOLLARS,
    "no currency": DOLLARS,
    "rejected account": DOLLARS,
}
HELD = {
    "before the first": "no_exchange_rate",
    "stale": "no_exchange_rate",
    "wrong way": "no_exchange_rate",
    "unknown": "unknown_model",
}
# 2 x 1.072390432093 + 0.000000214478086419 of October 28, 1.075375 of 29, 3 x 1.077625 of 30 and
# 0.986599197525 with the discount
EUROS = D("7.439630276189086419")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    folder = tmp_path_factory.mktemp("currencies")
    raw = folder / "raw"
    for name, content in {
        "gateway": CALLS,
        "billing_accounts": ACCOUNTS,
        "exchange_rates": RATES,
        "contract_prices": CONTRACT_PRICES,
    }.items():
        (raw / name).mkdir(parents=True)
        (raw / name / "rows.csv").write_text(content, encoding="utf-8")
    pipeline = Pipeline(raw, folder / "build")
    yield pipeline
    pipeline.close()


def charges(pipeline: Pipeline, dataset: str = "focus_cost_and_usage") -> dict:
    """Give the charges of each call by meter."""
    found: dict[str, dict[str, Charge]] = {}
    for call, sku, *values in pipeline.rows(
        f"""
        select x_CallId, SkuId, BillingCurrency, ListUnitPrice, ContractedUnitPrice, BilledCost,
            PricingCurrency, PricingCurrencyListUnitPrice, PricingCurrencyContractedUnitPrice,
            PricingCurrencyEffectiveCost
        from {dataset}
        """
    ):
        meters = found.setdefault(call, {})
        meter = sku.split("/")[-1]
        # a charge that stands twice is not lost in the other
        meters[f"{meter} again" if meter in meters else meter] = Charge(*values)
    return found


def test_a_charge_is_converted_at_the_rate_of_its_day_and_rounded_in_its_price_alone(
    built: Pipeline,
) -> None:
    built.run()
    assert charges(built) == EXPECTED


@pytest.mark.parametrize("version", ["1_2", "1_3", "1_4"])
def test_every_version_with_a_pricing_currency_has_the_same(built: Pipeline, version: str) -> None:
    built.run()
    assert charges(built, f"focus_cost_and_usage_v{version}") == EXPECTED


def test_all_four_costs_are_in_the_billing_currency(built: Pipeline) -> None:
    built.run()
    found = built.rows(
        """
        select ListCost, ContractedCost, BilledCost, EffectiveCost from focus_cost_and_usage
        where x_CallId = 'discount' and SkuId like '%/output'
        """
    )
    contracted = D("0.78927935802")
    assert found == [(D("0.857912345674"), contracted, contracted, contracted)]


def test_a_charge_without_a_rate_holds_its_call_back(built: Pipeline) -> None:
    built.run()
    calls = built.rows(
        "select call_id, hold_reason, billed_cost, billing_currency from ai_calls"
        " where hold_reason is not null"
    )
    assert {call: reason for call, reason, _, _ in calls} == HELD
    assert {(cost, currency) for _, _, cost, currency in calls} == {(None, None)}
    held = built.rows(
        "select call_id, call_hold_reason, count(*) from ai_unpriced_usage group by all"
    )
    assert {call: reason for call, reason, _ in held} == HELD
    assert {meters for _, _, meters in held} == {2}
    # 12 of the 16 calls that a provider can charge for
    assert built.rows("select sum(priced_calls), sum(calls) from ai_coverage") == [(12, 16)]


def test_calls_that_cost_nothing_are_in_the_currency_of_their_account(built: Pipeline) -> None:
    built.run()
    found = built.rows(
        "select call_id, billed_cost, billing_currency, avoided_list_cost from ai_calls"
        " where call_id in ('failed', 'from the cache') order by 1"
    )
    assert found == [
        ("failed", D(0), "EUR", None),
        ("from the cache", D(0), "EUR", D("1.075375")),
    ]


def test_an_account_is_named_where_the_log_does_not(built: Pipeline) -> None:
    built.run()
    found = built.rows(
        "select distinct BillingAccountId, BillingAccountName from focus_cost_and_usage"
        " order by all"
    )
    assert found == [
        ("america", "America Inc"),
        ("elsewhere", None),
        ("europe", "Europe GmbH"),
        ("europe", "Own name"),
        ("named", "Named only"),
        ("partner", "Partner GmbH"),
        ("twice", None),
    ]


def test_rates_and_accounts_that_cannot_be_used_say_why(built: Pipeline) -> None:
    built.run()
    found = built.rows("select file, line, reason from ai_unreadable_records order by file, line")
    assert found == [
        (
            "billing_accounts/rows.csv",
            line,
            "billing_account_id 'twice' is given twice with different values.",
        )
        for line in (8, 9)
    ] + [
        ("exchange_rates/rows.csv", line, reason)
        for line, reason in (
            (6, "rate '0.8594' is one of several rates of that day and pair."),
            (7, "rate '0.8595' is one of several rates of that day and pair."),
            (
                10,
                "rate '0,8603' is no number with at most 6 digits before the decimal point and 12"
                " after it.",
            ),
            (11, "rate '0' is not above zero."),
            (12, "rate_date '29.10.2026' is no day such as 2026-11-02."),
            (13, "to_currency 'Euro' is no ISO 4217 currency code."),
        )
    ]


def test_currencies_are_never_added_together(built: Pipeline) -> None:
    built.run()
    by_currency = [("EUR", EUROS), ("USD", D(5))]
    for dataset, grain in (
        ("cost-and-usage", "call"),
        ("cost-and-usage", "day"),
        ("ai-calls", "call"),
    ):
        # what the manifest beside an extract says
        selection = Selection(DATASETS[dataset], "1.4", grain)
        measured = PagedExtract(built.connection, selection).measure().currencies
        assert [
            (total.currency, D(str(total.costs["BilledCost"]))) for total in measured
        ] == by_currency
    # what the command says at its end
    spend = ask_totals(DuckDB(built.connection)).spend
    assert spend == [("OpenAI", currency, cost) for currency, cost in by_currency]
    # before conversion
    found = built.rows(
        "select PricingCurrency, BillingCurrency, sum(PricingCurrencyEffectiveCost)"
        " from focus_cost_and_usage_daily group by 1, 2 order by 2"
    )
    assert found == [("USD", "EUR", D("8.65000025")), ("USD", "USD", D(5))]


# ---------------------------------------------------------------- what changes nothing


def test_without_accounts_and_rates_everything_stays_in_the_prices_currency(
    built: Pipeline,
) -> None:
    built.run()
    same = built.rows(
        "select * from int_charges where billing_account_id in ('america', 'elsewhere')"
        " order by call_key, meter"
    )
    assert len(same) == 4
    accounts = built.raw / "billing_accounts" / "rows.csv"
    rates = built.raw / "exchange_rates" / "rows.csv"
    try:
        accounts.write_text(ACCOUNTS.splitlines()[0] + "\n", encoding="utf-8")
        rates.write_text(RATES.splitlines()[0] + "\n", encoding="utf-8")
        built.run()
        assert built.rows("select distinct BillingCurrency from focus_cost_and_usage") == [("USD",)]
        again = built.rows(
            "select * replace (case when billing_account_id = 'america' then 'America Inc' end"
            " as billing_account_name) from int_charges"
            " where billing_account_id in ('america', 'elsewhere') order by call_key, meter"
        )
        assert again == same
        calls = charges(built)
        assert calls.pop("discount")["input"].cost == D("0.23")
        assert calls.pop("one token")["input"].cost == D("0.00000025")
        assert set(calls) == (set(EXPECTED) | set(HELD)) - {"discount", "one token", "unknown"}
        assert all(meters == DOLLARS for meters in calls.values())
    finally:
        accounts.write_text(ACCOUNTS, encoding="utf-8")
        rates.write_text(RATES, encoding="utf-8")


def test_a_later_rate_changes_no_call_of_the_days_before_it(built: Pipeline) -> None:
    rates = built.raw / "exchange_rates" / "rows.csv"
    try:
        rates.write_text(RATES + "2026-11-06,USD,EUR,0.9,ECB\n", encoding="utf-8")
        built.run()
        found = charges(built)
        # the call that had none is priced now: 0.25 x 0.9 and 2 x 0.9
        stale = found.pop("stale")
        assert {meter: charge.list_price for meter, charge in stale.items()} == {
            "input": D("0.225"),
            "output": D("1.8"),
        }
        assert found == EXPECTED
    finally:
        rates.write_text(RATES, encoding="utf-8")


@pytest.mark.parametrize("days", ["week", "0"])
def test_a_rate_holds_for_whole_days(small_checkout: Path, tmp_path: Path, days: str) -> None:
    result = focus_export(
        *("build", "--vars", f"{{exchange_rate_days: {days}}}"),
        cwd=tmp_path,
        variables={"PYTHONPATH": str(small_checkout)},
    )
    assert_one_sentence(result, 2, f"exchange_rate_days is '{days}'", "from 1 to 999")


# ---------------------------------------------------------------- the proof can fail

MUTATIONS = {
    "decimals are cut off": ("int_usage_priced", "round(", "trunc("),
    "a half goes to the even digit": ("int_usage_priced", "round(", "round_even("),
    "a price keeps 11 decimals": (
        "int_usage_priced",
        ", 12) as decimal(20, 12)",
        ", 11) as decimal(20, 12)",
    ),
    "the day on which the charge period ends": (
        "int_usage_priced",
        "cast(contracted.charge_period_start as date)",
        "cast(contracted.charge_period_end as date)",
    ),
    "the rate of the day before": (
        "int_exchange_rates_daily",
        "cast(starts_at as date) as rate_day",
        "cast(starts_at as date) + 1 as rate_day",
    ),
    "the rate of the other direction": (
        "int_exchange_rates",
        "    from_currency,\n    to_currency,\n    exchange_rate,",
        "    to_currency as from_currency,\n    from_currency as to_currency,\n    exchange_rate,",
    ),
    "a rate that ends a day early": ("int_exchange_rates", "cast(7 as", "cast(6 as"),
    "a rate beyond the next one": (
        "int_exchange_rates",
        "coalesce(next_valid_from, stale_from)",
        "stale_from",
    ),
    "costs in the price's currency": (
        "int_usage_priced",
        "cast(contracted_unit_price as",
        "cast(pricing_currency_contracted_unit_price as",
    ),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_is_noticed(built: Pipeline, name: str) -> None:
    model, text, other = MUTATIONS[name]
    built.run({model: lambda code: code.replace(text, other)})
    assert charges(built) != EXPECTED
    built.run()
    assert charges(built) == EXPECTED
