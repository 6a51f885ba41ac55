"""Random and exhaustive calls cost what the plain reference says, and a broken rule is noticed.

The project's SQL runs in this process (see pipeline.py) over calls that lie on the edges of every
rule: context limits, price switches, hours of the day, tiers, aliases, regions, contract prices,
duplicates, faulty rows. The reference (reference.py) works out each call a second time.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pipeline import Pipeline, Rewrite
from priced_calls import (
    BOOK,
    PRICED_MODELS,
    UNREACHED_METERS,
    Priced,
    call_of_every_price,
    completed,
    differences,
    litellm_rows,
    random_contracts,
    random_log,
    unpriced_twice,
    write_raw,
)
from reference import (
    Outcome,
    contradicting_contracts,
    idle_contracts,
    price_calls,
    price_gateway_log,
)
from shared import examples


@pytest.fixture(scope="module")
def priced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Priced]:
    folder = tmp_path_factory.mktemp("reference")
    # any rows do: every test writes its own before it runs the SQL
    log = random_log(random.Random(0), 20, [])
    write_raw(folder / "raw", log, litellm_rows([]), [])
    pipeline = Pipeline(folder / "raw", folder / "build", select=PRICED_MODELS)
    yield Priced(pipeline)
    pipeline.close()


def check_random_log(priced: Priced, seed: int, size: int, contract_count: int) -> list[str]:
    chance = random.Random(seed)
    contracts = random_contracts(chance, contract_count)
    log = completed(random_log(chance, size, contracts))
    expected = price_gateway_log(BOOK, contracts, log)
    priced.write(log, [], contracts)
    priced.pipeline.run()
    rejected = priced.pipeline.rows(
        "select record_key from ai_unreadable_records where raw_table = 'contract_prices'"
    )
    assert {key for (key,) in rejected} == idle_contracts(BOOK, contracts) | (
        contradicting_contracts(BOOK, contracts)
    )
    return differences(priced.outcome(), expected)


@settings(
    max_examples=examples(4, 8),
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(
    seed=st.integers(min_value=1, max_value=2**32),
    size=st.integers(min_value=300, max_value=500),
    contract_count=st.integers(min_value=0, max_value=60),
)
def test_random_calls_cost_what_the_reference_says(
    priced: Priced, seed: int, size: int, contract_count: int
) -> None:
    print(f"seed {seed}, {size} calls, {contract_count} contract prices")
    found = check_random_log(priced, seed, size, contract_count)
    assert not found, f"{len(found)} calls differ with seed {seed}:\n" + "\n".join(found[:5])


# ---------------------------------------------------------------- every price of the book


def test_every_price_of_the_book_charges_as_the_reference_says(priced: Priced) -> None:
    calls = call_of_every_price()
    expected = Outcome()
    price_calls(BOOK, [], calls, expected)
    priced.write([], litellm_rows(calls), [])
    priced.pipeline.run()
    found = priced.outcome()
    differing = differences(found, expected)
    assert not differing, f"{len(differing)} of {len(calls)} differ:\n" + "\n".join(differing[:5])

    charged = {charge.price_id for charges in found.charges.values() for charge in charges}
    book = {
        price.price_id: meter
        for meters in BOOK.prices.values()
        for meter, prices in meters.items()
        for price in prices
    }
    never = {price_id: meter for price_id, meter in book.items() if price_id not in charged}
    assert set(never.values()) <= UNREACHED_METERS, never
    # one token of the cheapest meter costs something, a million tokens cost its unit price
    per_token = [c for charges in found.charges.values() for c in charges if c.consumed == 1]
    assert min(charge.list_cost for charge in per_token if charge.list_unit_price) > 0
    millions = [c for charges in found.charges.values() for c in charges if c.pricing_quantity == 1]
    assert len(millions) > 1000
    assert all(charge.list_cost == charge.list_unit_price for charge in millions)


# ---------------------------------------------------------------- broken rules are noticed


def swap(first: str, second: str) -> Rewrite:
    return lambda code: code.replace(first, "\0").replace(second, first).replace("\0", second)


def change(old: str, new: str) -> Rewrite:
    return lambda code: code.replace(old, new)


def change_match(pattern: str, new: str) -> Rewrite:
    return lambda code: re.sub(pattern, new, code)


PRICED = "int_usage_priced"
MUTATIONS: dict[str, tuple[str, Rewrite]] = {
    "a context limit includes its own count": (
        PRICED,
        change("> all_day_prices.context_tokens_gt", ">= all_day_prices.context_tokens_gt"),
    ),
    "a context band ends before its last count": (
        PRICED,
        change("<= all_day_prices.context_tokens_up_to", "< all_day_prices.context_tokens_up_to"),
    ),
    "a price still holds when it has ended": (
        PRICED,
        change(
            "charge_period_start < all_day_prices.valid_to",
            "charge_period_start <= all_day_prices.valid_to",
        ),
    ),
    "a price begins after its first instant": (
        PRICED,
        change(
            "charge_period_start >= all_day_prices.valid_from",
            "charge_period_start > all_day_prices.valid_from",
        ),
    ),
    "an hour of the day includes its end": (
        PRICED,
        change(
            "started_second_of_day < coalesce(window_prices",
            "started_second_of_day <= coalesce(window_prices",
        ),
    ),
    "hours of the day count for nothing": (
        PRICED,
        change("coalesce(window_prices.unit_price, ", "coalesce("),
    ),
    "a price is taken of any meter": (
        PRICED,
        change("and usage_meters.meter = all_day_prices.meter", ""),
    ),
    "a price is taken of any tier": (
        PRICED,
        change("and usage_meters.service_tier = all_day_prices.service_tier", ""),
    ),
    "a price is taken of any region": (
        PRICED,
        change("usage_meters.region_id = all_day_prices.region_id", "true"),
    ),
    "a contract price still holds when it has ended": (
        PRICED,
        change(
            "charge_period_start < contract_prices.valid_to",
            "charge_period_start <= contract_prices.valid_to",
        ),
    ),
    "a contract price is everybody's": (
        PRICED,
        change_match(r"\w+\.billing_account_id = contract_prices\.billing_account_id", "true"),
    ),
    "a discount goes before a price": (
        "int_contract_price_candidates",
        change_match(
            r"contract_prices\.unit_price is null then 0 else (\d+)",
            r"contract_prices.unit_price is null then \1 else 0",
        ),
    ),
    "of two contract prices the earlier holds": (
        "int_contract_prices",
        change("candidates.valid_from desc", "candidates.valid_from"),
    ),
    "of two contract prices the one recorded first holds": (
        "int_contract_prices",
        change("candidates.known_from desc", "candidates.known_from"),
    ),
    "a contract price that contradicts another counts": (
        "int_contract_prices",
        change("rejected.contract_price_id is null", "true"),
    ),
    "contract prices contradict each other whenever they were recorded": (
        "int_contract_price_candidates",
        change("valid_from, known_from)", "valid_from)"),
    ),
    "a discount is rounded to cents": (
        "int_contract_price_candidates",
        change("10, 8)), 12) as decimal(20, 12)", "10, 8)), 2) as decimal(20, 12)"),
    ),
    "cached and cache-write tokens change places": (
        "int_usage_meters",
        swap("then cache_read_tokens", "then cache_write_tokens"),
    ),
    "input counts cached tokens twice": (
        "int_usage_meters",
        change("prompt_tokens - cache_read_tokens", "prompt_tokens"),
    ),
    "a verified date begins the life of a price": (
        "int_list_prices",
        change("price_date_basis = 'verified_on'", "price_date_basis = 'never'"),
    ),
    "a batch tier is no batch": (
        "int_usage_deliveries",
        change("or lower(counted.service_tier) = 'batch'", ""),
    ),
    "names of models are told by their case": (
        "int_usage_deliveries",
        change("lower(counted.model)", "counted.model"),
    ),
    "the first delivery counts": (
        "int_usage_counted",
        change("ranked.ingested_at nulls first", "ranked.ingested_at desc nulls last"),
    ),
    "one call id is one call, whoever made it": (
        "stg_gateway__usage",
        change(
            "coalesce(cast(length(billing_account_id) as varchar) || ':', '-'),"
            " coalesce(billing_account_id, '')",
            "'-'",
        ),
    ),
    "a prompt of cached tokens alone is a fault": (
        "stg_gateway__usage",
        change("> prompt_tokens_total", ">= prompt_tokens_total"),
    ),
    "a thousand with a separator is one": (
        "stg_gateway__usage",
        change("_reading = 'separator'", "_reading = 'never'"),
    ),
    "what no other count decides is one": (
        "stg_gateway__usage",
        change("_reading is null", "_reading = 'never'"),
    ),
    "an offset is left out": (
        "stg_gateway__usage",
        change(
            "timezone('UTC', try_cast(started_at as timestamp with time zone))",
            "try_cast(substr(started_at, 1, 19) as timestamp)",
        ),
    ),
    "an unpriced meter does not hold its call": (
        "int_charges__usage",
        change("and unpriced_calls.call_key is null", "and list_unit_price is not null"),
    ),
    "the gravest reason is not the one that is told": (
        "int_held_calls",
        change("case min(", "case max("),
    ),
    "answers of the gateway's cache are charged": (
        "int_charges__usage",
        change("not usage_priced.is_cache_hit", "true"),
    ),
}


@pytest.fixture(scope="module")
def known(priced: Priced) -> Outcome:
    """A log that breaks no rule and meets them all, with what the reference says of it."""
    chance = random.Random(20261105)
    contracts = random_contracts(chance, 150)
    log = random_log(chance, 2_000, contracts)
    log = completed([*log, *(unpriced_twice(chance, f"twice-{number}") for number in range(5))])
    expected = price_gateway_log(BOOK, contracts, log)
    priced.write(log, [], contracts)
    priced.pipeline.run()
    assert not differences(priced.outcome(), expected)
    return expected


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_broken_rule_is_noticed(priced: Priced, known: Outcome, name: str) -> None:
    model, rewrite = MUTATIONS[name]
    priced.pipeline.run({model: rewrite})
    noticed = len(differences(priced.outcome(), known))
    assert noticed, f"{name}, and no call of {len(known.charges)} tells"
