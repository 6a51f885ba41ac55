"""Calls at the edges of every pricing rule as raw rows, and what the project's SQL makes of them.

Shared by the tests that hold the SQL against the plain reference (reference.py).
"""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import product
from pathlib import Path

from pipeline import Pipeline
from reference import (
    ALL_DAYS,
    BEGIN_OF_TIME,
    END_OF_TIME,
    Call,
    Charge,
    Outcome,
    Price,
    PriceBook,
    Row,
    Sku,
    charge_order,
)

GATEWAY_COLUMNS = [
    "call_id",
    "customer_id",
    "provider",
    "model",
    "started_at",
    "ended_at",
    "latency_ms",
    "prompt_tokens",
    "completion_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "cache_hit",
    "service_tier",
    "processing_mode",
    "region",
    "cost_department",
    "ingested_at",
]
CONTRACT_COLUMNS = [
    "contract_price_id",
    "contract_id",
    "billing_account_id",
    "provider",
    "model",
    "meter",
    "service_tier",
    "processing_mode",
    "discount_percentage",
    "unit_price",
    "currency",
    "valid_from",
    "valid_to",
    "recorded_at",
]
CLOSING_COLUMNS = ["issuer", "billing_period", "closed_at"]
LITELLM_COLUMNS = [
    "request_id",
    "call_type",
    "prompt_tokens",
    "completion_tokens",
    "startTime",
    "endTime",
    "model",
    "custom_llm_provider",
    "metadata",
    "organization_id",
]
CUSTOMERS = ["", "org-acme", "org-globex", "org-initech"]
SOME_DAY = datetime(2026, 11, 5, 12, 30)
FIRST_DAY, LAST_DAY = datetime(2025, 5, 1), datetime(2027, 3, 1)

# meters that no token of a call counts: rows of tests/data and unit tests have them
UNREACHED_METERS = {
    "file_search",
    "generated_image",
    "input_annotated_page",
    "input_character",
    "input_page",
    "input_second",
    "output_second",
    "query",
    "request",
    "web_search_high",
    "web_search_low",
    "web_search_medium",
}

BOOK = PriceBook()
SKUS = sorted(BOOK.prices)
SKUS_WITH_HOURS = [
    sku
    for sku in SKUS
    if any(price.window for prices in BOOK.prices[sku].values() for price in prices)
]
# with prices that begin or end among the days of the calls
SKUS_OVER_TIME = [
    sku
    for sku in SKUS
    if any(
        FIRST_DAY < moment < LAST_DAY
        for prices in BOOK.prices[sku].values()
        for price in prices
        for moment in (price.valid_from, price.valid_to)
    )
]
# whose input has no price until some day, and whose cache writes never have one
SKUS_UNPRICED_TWICE = [
    sku
    for sku in SKUS_OVER_TIME
    if not BOOK.of_meter(sku, "cache_write")
    and min((p.valid_from for p in BOOK.of_meter(sku, "input")), default=FIRST_DAY) > FIRST_DAY
]
AROUND = [timedelta(0), timedelta(microseconds=-1), timedelta(seconds=-1), timedelta(seconds=1)]


def write_csv(path: Path, columns: list[str], rows: Sequence[Row]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


# ---------------------------------------------------------------- what the SQL says

# the models that an outcome is read from
PRICED_MODELS = [
    "+path:models/marts/focus/focus_cost_and_usage_v1_4.sql",
    "+ai_calls",
    "+ai_unpriced_usage",
    "+ai_unreadable_records",
]


class Priced:
    """The SQL's outcome of a raw folder with a gateway log, a LiteLLM log and contract prices."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline

    def write(
        self,
        gateway: list[Row],
        litellm: list[Row],
        contracts: list[Row],
        closings: Sequence[Row] = (),
    ) -> None:
        write_raw(self.pipeline.raw, gateway, litellm, contracts, closings)

    def outcome(self) -> Outcome:
        outcome = Outcome()
        rows = self.pipeline.rows(
            """
            select BillingAccountId, x_CallId, SkuMeter, x_PriceId, x_ContractPriceId,
                ConsumedQuantity, PricingQuantity, ListUnitPrice, ContractedUnitPrice,
                ListCost, ContractedCost, BillingCurrency,
                ChargePeriodStart, ChargePeriodEnd, BillingPeriodStart, BillingPeriodEnd,
                RegionId, SubAccountId, ChargeClass
            from focus_cost_and_usage_v1_4
            """
        )
        for account, call_id, *values, start, end, month, after, region, department, kind in rows:
            charge = Charge(*values, (start, end, month, after), region, department, kind)
            outcome.charges.setdefault((account, call_id), []).append(charge)
        for charges in outcome.charges.values():
            charges.sort(key=charge_order)
        for account, call_id, reason in self.pipeline.rows(
            "select distinct billing_account_id, call_id, call_hold_reason from ai_unpriced_usage"
        ):
            assert (account, call_id) not in outcome.held
            outcome.held[account, call_id] = reason
        for account, call_id, worth in self.pipeline.rows(
            "select billing_account_id, call_id, avoided_list_cost from ai_calls where is_cache_hit"
        ):
            outcome.avoided[account, call_id] = worth
        for line, name in self.pipeline.rows(
            "select line, field from ai_unreadable_records where source_name = 'gateway'"
        ):
            outcome.rejected[line] = name
        assert not self.pipeline.rows(
            """
            select * from focus_cost_and_usage_v1_4
            where BilledCost <> ContractedCost or EffectiveCost <> ContractedCost
            """
        )
        return outcome


def write_raw(
    raw: Path,
    gateway: list[Row],
    litellm: list[Row],
    contracts: list[Row],
    closings: Sequence[Row] = (),
) -> None:
    write_csv(raw / "gateway" / "calls.csv", GATEWAY_COLUMNS, gateway)
    write_csv(raw / "litellm" / "spend_logs.csv", LITELLM_COLUMNS, litellm)
    write_csv(raw / "contract_prices" / "prices.csv", CONTRACT_COLUMNS, contracts)
    write_csv(raw / "billing_periods" / "periods.csv", CLOSING_COLUMNS, closings)


def differences(found: Outcome, expected: Outcome) -> list[str]:
    """Name what differs, a line per call."""
    lines = []
    for name in ("charges", "held", "avoided", "rejected"):
        ours, theirs = getattr(found, name), getattr(expected, name)
        for key in sorted(ours.keys() | theirs.keys()):
            if ours.get(key) != theirs.get(key):
                lines.append(f"{name} {key}:\n  SQL {ours.get(key)}\n  ref {theirs.get(key)}")
    return lines


# ---------------------------------------------------------------- random logs


def random_log(chance: random.Random, size: int, contracts: list[Row]) -> list[Row]:
    """Make a log of calls at the edges of the rules, some delivered twice, some faulty."""
    rows: list[Row] = []
    for number in range(size):
        row = random_row(chance, f"call-{number}")
        if contracts and chance.random() < 0.25:
            row = row_under(chance, row["call_id"], chance.choice(contracts))
        rows.append(row)
        if chance.random() < 0.08:
            rows.append(redelivered(chance, row))
        if chance.random() < 0.05:
            # another customer's call of the same id
            other = random_row(chance, row["call_id"])
            other["customer_id"] = "org-umbrella"
            rows.append(other)
        if chance.random() < 0.06:
            rows.append(spoilt(chance, random_row(chance, f"bad-{number}")))
    chance.shuffle(rows)
    spell_counts(random.Random(size), rows)
    return rows


def spell_counts(chance: random.Random, rows: list[Row]) -> None:
    """Write some counts with points: thousands apart, three decimals, and what may be either."""
    columns = ["prompt_tokens", "cached_tokens", "reasoning_tokens"]
    chance.shuffle(columns)
    separated, decimal, undecided = columns
    for row in rows:
        if chance.random() < 0.06:
            thousands = f"{chance.randrange(1, 999)}.{chance.choice(['000', '000', '251', '040'])}"
            row[separated] = thousands + chance.choice(["", "", ".000"])
        if row[decimal].isdigit() and chance.random() < 0.1:
            row[decimal] += chance.choice([".000", ".000", ".00"])
        if chance.random() < 0.02:
            row[undecided] = f"{chance.randrange(1, 999)}.000"
    # one of each at least
    rows[0][decimal], rows[1][separated], rows[2][undecided] = "12.500", "1.234", "1.000"


def row_under(chance: random.Random, call_id: str, contract: Row) -> Row:
    """Make a call that a contract price is meant for, near an end of its time."""
    skus = [
        sku
        for sku in SKUS
        if sku[0] == contract["provider"]
        and (contract["model"] or sku[1], contract["service_tier"] or sku[2]) == sku[1:3]
    ]
    moment = datetime.fromisoformat(
        chance.choice([contract["valid_from"], contract["valid_to"]]) or contract["valid_from"]
    )
    row = random_row(chance, call_id, chance.choice(skus), moment + chance.choice(AROUND))
    row["customer_id"] = contract["billing_account_id"].replace("default", "")
    return row


def random_row(
    chance: random.Random, call_id: str, sku: Sku | None = None, start: datetime | None = None
) -> Row:
    sku = sku or chance.choice(chance.choice([SKUS, SKUS, SKUS_OVER_TIME, SKUS_WITH_HOURS]))
    provider, model, tier, mode = sku
    names = BOOK.names_of(provider, model)
    prompt = random_prompt(chance, sku)
    cached = chance.choice([0, 0, 0, 1, prompt // 2, prompt])
    written = chance.choice([0, 0, 0, 0, 1, (prompt - cached) // 3, prompt - cached])
    written = min(written, prompt - cached)
    completion = chance.choice([0, 1, chance.randrange(5_000), chance.randrange(2_000_000)])
    reasoning = chance.choice([0, 0, completion // 2, completion])
    start = start or random_start(chance, sku)
    end = start + timedelta(
        microseconds=chance.choice([0, 1, 999_999, 1_000_000, chance.randrange(90_000_000)])
    )
    row = {
        "call_id": call_id,
        "customer_id": chance.choice(CUSTOMERS),
        "provider": chance.choice([a for a, p in BOOK.providers.items() if p == provider]),
        "model": chance.choice(names),
        "started_at": spelt(chance, start),
        "prompt_tokens": str(prompt),
        "completion_tokens": str(completion) + chance.choice(["", "", "", ".0"]),
        "cached_tokens": str(cached) if cached or chance.random() < 0.5 else "",
        "cache_write_tokens": str(written) if written or chance.random() < 0.5 else "",
        "reasoning_tokens": str(reasoning) if reasoning or chance.random() < 0.5 else "",
        "cache_hit": chance.choice(["", "false", "False", "0", "no"]),
        "service_tier": random_tier(chance, tier),
        "processing_mode": mode if mode == "batch" else chance.choice(["", "realtime"]),
        "region": chance.choice(["", "", "us-east-1", "eu-west-1"]),
        "cost_department": chance.choice(["", "research", "sales"]),
        "ingested_at": chance.choice(["", spelt(chance, SOME_DAY)]),
    }
    row["ended_at"] = spelt(chance, end)
    if chance.random() < 0.3:
        row["latency_ms"] = str(Decimal(chance.randrange(100_000)) / 1000)
        if chance.random() < 0.7:
            row["ended_at"] = ""
    if mode == "batch" and tier == "standard" and chance.random() < 0.3:
        row["service_tier"], row["processing_mode"] = chance.choice(["batch", "Batch"]), ""
    if chance.random() < 0.04:
        row["cache_hit"] = chance.choice(["true", "T", "1", "Yes"])
    if chance.random() < 0.05:
        row["service_tier"] = chance.choice(["turbo", "priority", "FLEX", "fast"])
    if chance.random() < 0.05:
        row["model"] = chance.choice(["gpt-7-preview", "claude", "", model + "-x"]) or model
    if chance.random() < 0.03:
        row["provider"] = chance.choice(["cohere", "open ai"])
    if chance.random() < 0.1:
        row["provider"], row["model"] = row["provider"].upper(), row["model"].title()
    if chance.random() < 0.1:
        row = {name: f" {value} " for name, value in row.items()}
    return row


def unpriced_twice(chance: random.Random, call_id: str) -> Row:
    """Make a call that is held for two reasons, one graver than the other."""
    sku = chance.choice(SKUS_UNPRICED_TWICE)
    first = min(price.valid_from for price in BOOK.of_meter(sku, "input"))
    row = random_row(chance, call_id, sku, first - timedelta(days=1))
    row |= {"provider": sku[0], "model": sku[1], "service_tier": sku[2], "cache_hit": ""}
    return row | {"prompt_tokens": "900", "cached_tokens": "0", "cache_write_tokens": "300"}


def random_tier(chance: random.Random, tier: str) -> str:
    if tier == "standard":
        return chance.choice(["", "standard", "default", "auto", "standard_only", "On_Demand"])
    return chance.choice([tier, tier.upper()])


def all_prices(sku: Sku) -> list[Price]:
    return [price for prices in BOOK.prices[sku].values() for price in prices]


def random_prompt(chance: random.Random, sku: Sku) -> int:
    limits = sorted({price.above for price in all_prices(sku)})
    edge = chance.choice(limits)
    return chance.choice(
        [0, 1, chance.randrange(20_000), chance.randrange(1_500_000), edge, edge + 1, edge + 2]
    )


def random_start(chance: random.Random, sku: Sku) -> datetime:
    price = chance.choice(all_prices(sku))
    moments = [price.valid_from, price.valid_to]
    moments = [moment for moment in moments if FIRST_DAY <= moment <= LAST_DAY]
    if moments and chance.random() < 0.4:
        return chance.choice(moments) + chance.choice(AROUND)
    start = FIRST_DAY + timedelta(
        seconds=chance.randrange(int((LAST_DAY - FIRST_DAY).days) * 86_400)
    )
    start += timedelta(microseconds=chance.choice([0, 1, 500_000, 999_999]))
    if price.window and chance.random() < 0.8:
        day = datetime(start.year, start.month, start.day)
        return day + timedelta(seconds=chance.choice(price.window)) + chance.choice(AROUND)
    return start


def spelt(chance: random.Random, moment: datetime) -> str:
    """Spell an instant in one of the ways of real logs."""
    way = chance.randrange(8)
    if way == 0:
        return moment.isoformat(" ")
    if way == 1:
        return moment.isoformat() + "Z"
    if way == 2:
        return (moment + timedelta(hours=2)).isoformat() + "+02:00"
    if way == 3:
        return (moment + timedelta(hours=5, minutes=30)).isoformat() + "+0530"
    if way == 4:
        return (moment - timedelta(hours=8)).isoformat(" ") + "-08"
    if way == 5:
        return moment.isoformat(" ", "microseconds") + "789"
    if way == 6:
        return moment.isoformat(" ", "microseconds") + " UTC"
    return moment.isoformat()


def redelivered(chance: random.Random, row: Row) -> Row:
    """Deliver a row once more: the same, or with more tokens and another stamp."""
    if chance.random() < 0.4:
        return dict(row)
    stamps = [SOME_DAY + timedelta(days=days) for days in (-400, -1, 1, 400)]
    again = {**row, "completion_tokens": str(chance.randrange(3_000)), "reasoning_tokens": ""}
    again["ingested_at"] = spelt(chance, chance.choice(stamps))
    # a stamp of its own: which of two equal stamps counts is a rule of another test
    return again


def spoilt(chance: random.Random, row: Row) -> Row:
    """Break one field of a row."""
    name, value = chance.choice(
        [
            ("call_id", ""),
            ("provider", ""),
            ("model", " "),
            ("started_at", ""),
            ("started_at", "yesterday"),
            ("started_at", "2026-02-30T00:00:00"),
            ("started_at", "2026-13-01T00:00:00Z"),
            ("ended_at", "soon"),
            ("ended_at", "1999-12-31T23:59:59Z"),
            ("ended_at", "infinity"),
            ("ended_at", "294246-01-01T00:00:00"),
            ("started_at", "epoch"),
            ("started_at", "17900000001"),
            ("latency_ms", "99999999999999"),
            ("prompt_tokens", "1000000000000"),
            ("completion_tokens", "9223372036854775807"),
            ("cache_write_tokens", "99999999999999999999"),
            ("latency_ms", "-1"),
            ("latency_ms", "fast"),
            ("prompt_tokens", ""),
            ("prompt_tokens", "7.5"),
            ("prompt_tokens", "-1"),
            ("prompt_tokens", "1e3"),
            ("prompt_tokens", "many"),
            ("completion_tokens", ""),
            ("completion_tokens", "007"),
            ("completion_tokens", "1,000"),
            ("cached_tokens", "-1"),
            ("cached_tokens", "99999999"),
            ("cache_write_tokens", "0.5"),
            ("reasoning_tokens", "99999999"),
            ("cache_hit", "maybe"),
            ("ingested_at", "never"),
        ]
    )
    return {**row, name: value}


def random_contracts(chance: random.Random, size: int) -> list[Row]:
    """Make contract prices that overlap one another in time and in what they name."""
    rows = []
    # a contract is about few models of the market
    skus = chance.sample(SKUS, size // 4 + 1)
    for number in range(size):
        provider, model, tier, mode = chance.choice(skus)
        meter = chance.choice(["input", "output", "cache_read", "cache_write"])
        begin = FIRST_DAY + timedelta(days=chance.randrange(600), hours=chance.randrange(24))
        end = begin + timedelta(days=chance.randrange(1, 400))
        row = {
            "contract_price_id": f"CP-{number:03}",
            "contract_id": "C-1",
            "billing_account_id": chance.choice([*CUSTOMERS[1:], "default"]),
            "provider": provider,
            "model": chance.choice([model, ""]),
            "meter": chance.choice([meter, ""]),
            "service_tier": chance.choice([tier, "", ""]),
            "processing_mode": chance.choice([mode, "", ""]),
            "discount_percentage": str(Decimal(chance.randrange(100_000_001)) / 1_000_000),
            "valid_from": begin.isoformat(),
            "valid_to": chance.choice(["", end.isoformat()]),
        }
        if chance.random() < 0.3 and meter in BOOK.prices[provider, model, tier, mode]:
            row["model"], row["meter"] = model, meter
            row["discount_percentage"] = ""
            # without an exponent, which no price is written with
            price = Decimal(chance.randrange(10**8)) / 10 ** chance.randrange(6, 12)
            row["unit_price"] = f"{price:f}"
            row["currency"] = chance.choice(["USD", ""])
        rows.append(row)
        if not row.get("unit_price") and chance.random() < 0.2:
            # another one for the same, which contradicts it unless it was recorded later
            again = {**row, "contract_price_id": f"CP-{number:03}-again"}
            again["discount_percentage"] = chance.choice(["12.5", row["discount_percentage"]])
            again["recorded_at"] = chance.choice(["", "2026-11-22"])
            if not row["valid_to"]:
                # or follows it
                later = begin + timedelta(days=chance.choice([0, chance.randrange(1, 90)]))
                again["valid_from"] = later.isoformat()
            rows.append(again)
    return [{column: row.get(column, "") for column in CONTRACT_COLUMNS} for row in rows]


def completed(rows: list[Row]) -> list[Row]:
    return [{column: row.get(column, "") for column in GATEWAY_COLUMNS} for row in rows]


# ---------------------------------------------------------------- logs of LiteLLM

# how LiteLLM tells of a meter, below usage_object: each adds to the counts that hold it
CACHED = ("prompt_tokens_details", "cached_tokens")
CACHED_KINDS = ("prompt_tokens_details", "cached_tokens_details")
DETAILS = {
    "cache_read": [CACHED, (*CACHED_KINDS, "text_tokens")],
    "cache_read_audio": [
        CACHED,
        (*CACHED_KINDS, "audio_tokens"),
        ("prompt_tokens_details", "audio_tokens"),
    ],
    "cache_read_image": [
        CACHED,
        (*CACHED_KINDS, "image_tokens"),
        ("prompt_tokens_details", "image_tokens"),
    ],
    "cache_write": [("cache_creation_input_tokens",)],
    "cache_write_5m": [
        ("cache_creation_input_tokens",),
        ("prompt_tokens_details", "cache_creation_token_details", "ephemeral_5m_input_tokens"),
    ],
    "cache_write_1h": [
        ("cache_creation_input_tokens",),
        ("prompt_tokens_details", "cache_creation_token_details", "ephemeral_1h_input_tokens"),
    ],
    "cache_write_12h": [
        ("cache_creation_input_tokens",),
        ("prompt_tokens_details", "cache_creation_token_details", "ephemeral_12h_input_tokens"),
    ],
    "input_audio": [("prompt_tokens_details", "audio_tokens")],
    "input_image": [("prompt_tokens_details", "image_tokens")],
    "output_reasoning": [("completion_tokens_details", "reasoning_tokens")],
    "output_audio": [("completion_tokens_details", "audio_tokens")],
    "output_image": [("completion_tokens_details", "image_tokens")],
    "web_search": [("server_tool_use", "web_search_requests")],
}
INPUT_METERS = (
    "input",
    "cache_read",
    "cache_read_audio",
    "cache_read_image",
    "cache_write",
    "cache_write_5m",
    "cache_write_1h",
    "cache_write_12h",
    "input_audio",
    "input_image",
)
OUTPUT_METERS = ("output", "output_reasoning", "output_audio", "output_image")


def litellm_rows(calls: list[Call]) -> list[Row]:
    rows = []
    for call in calls:
        usage: dict = {}
        for parts in (call.prompt_parts, call.completion_parts, call.requests):
            for meter, quantity in parts.items():
                for path in DETAILS[meter]:
                    place = usage
                    for key in path[:-1]:
                        place = place.setdefault(key, {})
                    place[path[-1]] = place.get(path[-1], 0) + quantity
        breakdown: dict[str, str | None] = {"service_tier": call.service_tier}
        if call.processing_mode == "batch":
            breakdown["service_tier"] = "batch"
        elif call.service_tier == "fast":
            breakdown["service_tier"], usage["speed"] = "standard", "fast"
        if call.provider == "anthropic":
            usage["inference_geo"] = call.region or "not_available"
        elif call.provider == "gcp_vertex":
            breakdown |= {"data_residency": None, "vertex_location": call.region or None}
        else:
            breakdown |= {"data_residency": call.region or None, "vertex_location": None}
        metadata = {"usage_object": usage, "cost_breakdown": breakdown}
        rows.append(
            {
                "request_id": call.call_id,
                "call_type": "acompletion",
                "prompt_tokens": str(call.prompt_tokens),
                "completion_tokens": str(call.completion_tokens),
                "startTime": call.started_at.isoformat(" "),
                "endTime": call.ended_at.isoformat(" "),
                # LiteLLM's own prefix stands before a name that begins with one too
                "model": f"{call.provider}/{call.model}" if "/" in call.model else call.model,
                "custom_llm_provider": call.provider,
                "metadata": json.dumps(metadata),
                "organization_id": call.account,
            }
        )
    return rows


def moments_of(prices: list[Price]) -> set[datetime]:
    """Give the first and the last second of every stretch of time that has a price of its own."""
    second = timedelta(seconds=1)
    moments = {SOME_DAY}
    for price in prices:
        days = {SOME_DAY.replace(hour=0, minute=0)}
        if price.valid_from > BEGIN_OF_TIME:
            moments |= {price.valid_from, price.valid_from - second}
            days.add(price.valid_from)
        if price.valid_to < END_OF_TIME:
            moments |= {price.valid_to, price.valid_to - second}
            days.add(price.valid_to - timedelta(days=1))
        if price.weekdays != ALL_DAYS:
            week = [day + timedelta(days=number) for day in days for number in range(7)]
            moments |= {day + shift for day in week for shift in (0 * second, -second)}
            days |= set(week)
        for edge in price.window or ():
            moments |= {
                day + timedelta(seconds=edge) + shift
                for day in days
                for shift in (0 * second, -second)
            }
    return moments


def call_of_every_price() -> list[Call]:
    """Make the smallest and the largest call of each SKU, meter, context band and moment."""
    calls = []
    for sku in SKUS:
        provider, model, tier, mode = sku
        if tier != "standard" and mode == "batch":
            # LiteLLM has one word for both
            continue
        for meter in (*INPUT_METERS, *OUTPUT_METERS, "web_search", "grounded_prompt"):
            prices = BOOK.of_meter(sku, meter)
            if not prices:
                continue
            limits = sorted({price.above for price in prices})
            shapes = set()
            for limit, next_limit in zip(limits, [*limits[1:], 10**9], strict=True):
                if meter in INPUT_METERS:
                    for quantity in {limit + 1, min(next_limit, 1_000_000), next_limit + 1}:
                        shapes.add((min(quantity, 10**9), min(quantity, 10**9)))
                else:
                    shapes |= {(limit and limit + 1, 1), (limit and limit + 1, 1_000_000)}
            # `regional` is any region; us-east5 stands for it
            regions = {price.region_id.replace("regional", "us-east5") for price in prices}
            for (prompt, quantity), region, start in product(
                sorted(shapes), sorted({"", *regions}), sorted(moments_of(prices))
            ):
                call = Call(
                    f"every-{len(calls)}",
                    "org-every",
                    provider,
                    model,
                    start,
                    start + timedelta(seconds=3),
                    prompt,
                    quantity if meter in OUTPUT_METERS else 0,
                    tier,
                    mode,
                    region=region,
                )
                if meter in INPUT_METERS[1:]:
                    call.prompt_parts[meter] = quantity
                elif meter in OUTPUT_METERS[1:]:
                    call.completion_parts[meter] = quantity
                elif meter in ("web_search", "grounded_prompt"):
                    call.requests["web_search"] = quantity
                calls.append(call)
    return calls
