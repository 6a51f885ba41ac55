"""Calls cost what genai-prices computes for the same usage and time, but for reviewed differences.

`genai_prices.calc_price` is asked for each call as its own documentation says: with the usage, the
model, the time, and the service tier, speed or batch as context. A SKU is comparable where it has a
price for just that model, tier and mode at that time; where it knows no such tier it answers with
the standard price, which is no second opinion.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from itertools import groupby
from typing import Any

import pytest
from pipeline import Pipeline
from priced_calls import BOOK, PRICED_MODELS, Priced, completed, litellm_rows, moments_of, write_raw
from reference import Call, Row, Sku, read_seed

genai_prices = pytest.importorskip("genai_prices", reason="genai-prices needs Python 3.11")

CALLS = 2_000
FIRST_DAY, LAST_DAY = datetime(2026, 7, 1), datetime(2027, 1, 31)
# how genai-prices spells the providers that it knows by another name
PROVIDERS = {
    "aws_bedrock": "aws",
    "fireworks_ai": "fireworks",
    "github_copilot": "github-copilot",
    "moonshot": "moonshotai",
    "openai_decisions": "openai-decisions",
    "together_ai": "together",
    "voyage": "voyageai",
}
# the prices that the book has from it: what it leaves out, the book may have from another list
FROM_GENAI = {row["price_id"] for row in BOOK.rows if row["source"].startswith("genai-prices")}
# how it counts a meter, and the prices under which it finds it, the closest first
UNITS = {
    "input": ("input_tokens", ["input_mtok"]),
    "cache_read": ("cache_read_tokens", ["cache_read_mtok", "input_mtok"]),
    "cache_write": ("cache_write_tokens", ["cache_write_mtok", "input_mtok"]),
    "cache_write_1h": (
        "cache_write_1h_tokens",
        ["cache_write_1h_mtok", "cache_write_mtok", "input_mtok"],
    ),
    "input_audio": ("input_audio_tokens", ["input_audio_mtok", "input_mtok"]),
    "input_image": ("input_image_tokens", ["input_image_mtok", "input_mtok"]),
    "output": ("output_tokens", ["output_mtok"]),
    "output_reasoning": ("output_reasoning_tokens", ["output_reasoning_mtok", "output_mtok"]),
    "output_audio": ("output_audio_tokens", ["output_audio_mtok", "output_mtok"]),
    "web_search": ("web_searches", ["web_searches_kcount"]),
}
# what a call has none of has to be said where two kinds could coincide
NONE_OF = [
    f"{unit}_tokens"
    for modality in ("audio", "image")
    for unit in (
        f"cache_{modality}_read",
        f"cache_{modality}_write",
        f"cache_{modality}_write_1h",
        f"output_{modality}_reasoning",
    )
]
PROMPT_PARTS = ("cache_read", "cache_write", "cache_write_1h", "input_audio", "input_image")
COMPLETION_PARTS = ("output_reasoning", "output_audio")


def context_of(sku: Sku) -> dict[str, str]:
    provider, _, tier, mode = sku
    context = {"processing": "batch"} if mode == "batch" else {}
    if tier != "standard":
        context["speed" if provider == "anthropic" else "service_tier"] = tier
    return context


def model_of(sku: Sku) -> Any:
    """Give genai-prices' own model of a SKU, None where the provider has none of that name."""
    from genai_prices.data_snapshot import get_snapshot

    name = PROVIDERS.get(sku[0], sku[0])
    for provider in get_snapshot().providers:
        if provider.id == name:
            # the name may be found as another model, or not at all
            found = next((model for model in provider.models if model.is_match(sku[1])), None)
            return found if found and found.id == sku[1] else None
    return None


def is_comparable(sku: Sku, moment: datetime) -> bool:
    model, context = model_of(sku), context_of(sku)
    if model is None:
        return False
    return not context or any(
        variant.when == context
        and (variant.constraint is None or variant.constraint.active(moment))
        for variant in model.price_variants or ()
    )


def is_from_genai(sku: Sku, meter: str) -> bool:
    # the calls are of no region, which a factor on a price is for
    own = [price for price in BOOK.of_meter(sku, meter) if "*" not in price.price_id]
    return bool(own) and all(price.price_id in FROM_GENAI for price in own)


def random_call(
    chance: random.Random, number: int, skus_of_providers: list[list[Sku]]
) -> tuple[Sku, Call]:
    """Draw a call that both can price, near an edge of time or context half of the time."""
    while True:
        provider, model, tier, mode = sku = chance.choice(chance.choice(skus_of_providers))
        prices = [price for priced in BOOK.prices[sku].values() for price in priced]
        start = FIRST_DAY + timedelta(
            seconds=chance.randrange(int((LAST_DAY - FIRST_DAY).total_seconds()))
        )
        edges = [moment for moment in sorted(moments_of(prices)) if FIRST_DAY <= moment < LAST_DAY]
        if chance.random() < 0.5:
            start = chance.choice(edges)
        if not is_comparable(sku, start):
            continue
        theirs = model_of(sku).get_prices(start, context_of(sku))
        priced = {
            meter
            for meter in UNITS
            # the book has a price of some meters, cached input say, from a later day on
            if any(price.holds_at(start) for price in BOOK.of_meter(sku, meter))
            and is_from_genai(sku, meter)
            and price_found(theirs, meter, 0) is not None
        }
        if "input" not in priced:
            continue
        limit = chance.choice(sorted({price.above for price in prices}))
        prompt = chance.choice([limit, limit + 1, chance.randrange(400_000)])
        call = Call(
            f"call-{number}",
            "org-acme",
            provider,
            model,
            start,
            start + timedelta(seconds=2),
            prompt,
            chance.randrange(60_000) if "output" in priced else 0,
            tier,
            mode,
        )
        left = prompt
        # LiteLLM tells of one lifetime of cache writes
        spared = chance.choice(["cache_write", "cache_write_1h"])
        for meter in sorted({*PROMPT_PARTS} - {spared}):
            if meter in priced and chance.random() < 0.4:
                call.prompt_parts[meter] = chance.randrange(left + 1)
                left -= call.prompt_parts[meter]
        left = call.completion_tokens
        for meter in COMPLETION_PARTS:
            if meter in priced and "output" in priced and chance.random() < 0.4:
                call.completion_parts[meter] = chance.randrange(left + 1)
                left -= call.completion_parts[meter]
        if "web_search" in priced and chance.random() < 0.2:
            call.requests["web_search"] = chance.randrange(1, 40)
        if prompt + call.completion_tokens:
            return sku, call


def quantities_of(call: Call) -> dict[str, int]:
    quantities = {
        "input": call.prompt_tokens - sum(call.prompt_parts.values()),
        "output": call.completion_tokens - sum(call.completion_parts.values()),
        **call.prompt_parts,
        **call.completion_parts,
        **call.requests,
    }
    return {meter: quantity for meter, quantity in quantities.items() if quantity}


def ask(sku: Sku, call: Call) -> Any:
    """Ask genai-prices what the call costs."""
    parts = {**call.prompt_parts, **call.completion_parts, **call.requests}
    usage = dict.fromkeys(NONE_OF, 0)
    usage |= {UNITS[meter][0]: quantity for meter, quantity in parts.items()}
    usage |= {"input_tokens": call.prompt_tokens, "output_tokens": call.completion_tokens}
    # its cache writes are all of them, those of an hour among them
    written = parts.get("cache_write", 0) + parts.get("cache_write_1h", 0)
    usage["cache_write_tokens"] = written
    return genai_prices.calc_price(
        genai_prices.Usage(**usage),
        model_ref=call.model,
        provider_id=PROVIDERS.get(call.provider, call.provider),
        genai_request_timestamp=call.started_at.replace(tzinfo=timezone.utc),
        price_context=context_of(sku),
    )


def price_found(model_price: Any, meter: str, context: int) -> Decimal | None:
    """Give the unit price that genai-prices takes for a meter of a call, None where it has none."""
    for name in UNITS[meter][1]:
        price = getattr(model_price, name)
        if price is not None:
            break
    else:
        return None
    for tier in reversed(getattr(price, "tiers", [])):
        if context > tier.start:
            return tier.price
    return getattr(price, "base", price)


@pytest.fixture(scope="module")
def calls() -> list[tuple[Sku, Call]]:
    chance = random.Random(20261122)
    skus = [sku for sku in sorted(BOOK.prices) if is_from_genai(sku, "input") and model_of(sku)]
    # a provider with two models is asked as often as one with hundreds
    skus_of_providers = [
        list(of_provider) for _, of_provider in groupby(skus, key=lambda sku: sku[0])
    ]
    return [random_call(chance, number, skus_of_providers) for number in range(CALLS)]


@pytest.fixture(scope="module")
def charged(
    calls: list[tuple[Sku, Call]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, dict[str, tuple[Decimal, Decimal, str]]]]:
    """List cost, unit price and price of each meter of each call, by the project's SQL."""
    folder = tmp_path_factory.mktemp("agreement")
    gateway = {"call_id": "1", "provider": "nobody", "model": "none", "started_at": "2026-10-01"}
    rows = completed(
        [{**gateway, "latency_ms": "1", "prompt_tokens": "0", "completion_tokens": "0"}]
    )
    write_raw(folder / "raw", rows, litellm_rows([call for _, call in calls]), [])
    priced = Priced(Pipeline(folder / "raw", folder / "build", select=PRICED_MODELS))
    priced.pipeline.run()
    found: dict[str, dict[str, tuple[Decimal, Decimal, str]]] = {}
    for call_id, meter, cost, unit_price, price_id in priced.pipeline.rows(
        """
        select x_CallId, split_part(SkuId, '/', -1), ListCost, ListUnitPrice, x_PriceId
        from focus_cost_and_usage_v1_4
        """
    ):
        found.setdefault(call_id, {})[meter] = (cost, unit_price, price_id)
    yield found
    priced.pipeline.close()


@pytest.fixture(scope="module")
def reviewed() -> list[Row]:
    return [
        row
        for row in read_seed("pricing/ai_reviewed_differences.csv")
        if row["source"].startswith("genai-prices")
    ]


def is_reviewed(
    reviewed: list[Row], sku: Sku, meter: str, threshold: str, ours: Decimal, theirs: Decimal
) -> bool:
    names = ("provider", "model", "service_tier", "processing_mode")
    return any(
        tuple(row[name] for name in names) == sku
        and (row["meter"], row["context_threshold"]) == (meter, threshold)
        and (Decimal(row["book_price"]), Decimal(row["source_price"])) == (ours, theirs)
        and row["reason"].strip()
        for row in reviewed
    )


def is_off_peak_all_day(call: Call) -> bool:
    """Tell whether DeepSeek has no peak on that day; genai-prices names no days."""
    day = call.started_at.date().isoformat()
    is_holiday = "2026-09-25" <= day < "2026-09-28" or "2026-10-01" <= day < "2026-10-08"
    is_free = call.started_at.isoweekday() > 5 or is_holiday or day == "2027-01-01"
    return call.provider == "deepseek" and day >= "2026-08-23" and is_free


def test_random_calls_cost_what_genai_prices_computes(
    calls: list[tuple[Sku, Call]],
    charged: dict[str, dict[str, tuple[Decimal, Decimal, str]]],
    reviewed: list[Row],
) -> None:
    thresholds = {row["price_id"]: row["context_threshold"] for row in BOOK.rows}
    unexplained, agreeing, skus, meters = [], 0, set(), set()
    for sku, call in calls:
        answer = ask(sku, call)
        ours = charged.get(call.call_id)
        if ours is None:
            unexplained.append(f"{sku} {call.started_at}: not priced; genai-prices: {answer}")
            continue
        total = sum((cost for cost, _, _ in ours.values()), Decimal(0))
        skus.add(sku)
        meters |= ours.keys()
        if total == answer.total_price:
            agreeing += 1
            continue
        # a difference is that of its meters, and each of these has been looked at
        explained = Decimal(0)
        for meter, quantity in quantities_of(call).items():
            _, mine, price_id = ours.get(meter, (None, None, ""))
            theirs = price_found(answer.model_price, meter, call.prompt_tokens)
            if mine is None or theirs is None or mine == theirs:
                continue
            threshold = thresholds.get(price_id.split("*")[0], "0")
            if is_reviewed(reviewed, sku, meter, threshold, mine, theirs) or (
                is_off_peak_all_day(call) and theirs == 2 * mine
            ):
                block = Decimal(BOOK.meters[meter]["pricing_block"])
                explained += (mine - theirs) * quantity / block
        if total - answer.total_price != explained:
            unexplained.append(
                f"{sku} {call.started_at} {quantities_of(call)}: {total} here,"
                f" {answer.total_price} there, {explained} of it reviewed"
            )
    assert not unexplained, f"{len(unexplained)} of {CALLS} differ:\n" + "\n".join(unexplained[:9])
    assert agreeing > 0.95 * CALLS
    # the calls are of everything that both know
    assert len({sku[:2] for sku in skus}) > 60
    assert {sku[2:] for sku in skus} >= {
        ("standard", "realtime"),
        ("standard", "batch"),
        ("flex", "realtime"),
        ("priority", "realtime"),
        ("fast", "realtime"),
    }
    assert meters >= {
        "input",
        "cache_read",
        "cache_write",
        "cache_write_1h",
        "output",
        "web_search",
    }


def test_a_difference_that_nobody_reviewed_is_noticed(
    calls: list[tuple[Sku, Call]],
    charged: dict[str, dict[str, tuple[Decimal, Decimal, str]]],
    reviewed: list[Row],
) -> None:
    """Take one charge for a thousandth more than it was."""
    call = next(call for _, call in calls if charged.get(call.call_id, {}).get("input"))
    cost, unit_price, price_id = charged[call.call_id]["input"]
    dearer = {"input": (cost * Decimal("1.001"), unit_price * Decimal("1.001"), price_id)}
    changed = {**charged, call.call_id: {**charged[call.call_id], **dearer}}
    with pytest.raises(AssertionError, match=f"1 of {CALLS} differ"):
        test_random_calls_cost_what_genai_prices_computes(calls, changed, reviewed)
