"""Random price books with every rule at once, calls at their edges, and closed billing periods.

The models are invented, so that a book can have slices, weekdays, corrections and regions that the
real one lacks. A world is one book, one log of calls and the months that were closed.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from priced_calls import AROUND, completed
from reference import PriceBook, Row, read_closings, read_time, seed_columns

# the book is younger than the first closed month: its first day counts as known since ever
FIRST_DAY = datetime(2026, 8, 20)
FIRST_MONTH, LAST_MONTH = datetime(2026, 7, 1), datetime(2026, 12, 1)
# one that sells its own, one whose models another sells too
PROVIDERS = ("openai", "anthropic", "gcp_vertex")
METERS = ("input", "cache_read", "cache_write", "output")
REGIONS = ("", "", "", "eu", "us", "us-east-1", "global")
CLOSING_SPELLINGS = {
    "openai": ("openai", "OpenAI", "open-ai"),
    "anthropic": ("Anthropic", "claude"),
    "gcp_vertex": ("vertex_ai", "Google Cloud"),
}


@dataclass
class World:
    prices: list[Row]
    multipliers: list[Row]
    models: list[Row]
    calls: list[Row]
    closings: list[Row]

    def book(self, moment: datetime | None = None) -> PriceBook:
        return PriceBook(self.prices, moment, self.multipliers)


def random_day(chance: random.Random) -> datetime:
    return FIRST_MONTH + timedelta(days=chance.randrange(180))


def price_row(chance: random.Random, name: str, **values: str) -> Row:
    """Make a row of the price book; its id is one of a kind."""
    row = {
        "price_id": name,
        "unit_price": str(chance.randrange(1, 400_000)),
        "currency": "USD",
        "pricing_block": "1000000",
        "service_tier": "standard",
        "processing_mode": "realtime",
        "context_threshold": "0",
        "context_inclusive": "false",
        "context_rule": "cliff",
        "region_scope": "global",
        "valid_from_basis": "effective",
        "recorded_at": FIRST_DAY.date().isoformat(),
        "source": "test",
        "source_ref": "",
        **values,
    }
    digits = row["unit_price"]
    if values.get("unit_price") is None:
        row["unit_price"] = f"{int(digits) // 10_000}.{int(digits) % 10_000:04}"
    columns = seed_columns("pricing/ai_list_prices.csv")
    return {column: row.get(column, "") for column in columns}


def random_recording(chance: random.Random, first_day: float) -> str:
    """Say when a row came into the book: on its first day, or at some later instant."""
    if chance.random() < first_day:
        return FIRST_DAY.date().isoformat()
    moment = FIRST_DAY + timedelta(seconds=chance.randrange(86_400, 150 * 86_400))
    return chance.choice([moment.date().isoformat(), moment.isoformat() + "Z"])


def chain(
    chance: random.Random,
    name: str,
    open_end: bool = True,
    known_first: float = 0.8,
    **key: str,
) -> list[Row]:
    """Make the prices of one key: they follow one another, and some are corrected later."""
    days = sorted({random_day(chance) for _ in range(chance.choice([0, 0, 1, 2]))})
    starts = ["", *(day.date().isoformat() for day in days)]
    rows = []
    for number, start in enumerate(starts):
        basis = "unknown" if not start else chance.choice(["effective", "verified_on"])
        row = price_row(
            chance,
            f"{name}/{number}",
            valid_from=start,
            valid_from_basis=basis,
            recorded_at=random_recording(chance, known_first if number == 0 else 0.4),
            **key,
        )
        if number == len(starts) - 1 and not open_end and chance.random() < 0.5:
            row["valid_to"] = (LAST_MONTH + timedelta(days=chance.randrange(60))).isoformat()
        rows.append(row)
        recorded = read_time(row["recorded_at"]) or FIRST_DAY
        for correction in range(chance.choice([0, 0, 0, 1, 2])):
            recorded += timedelta(seconds=chance.randrange(1, 60 * 86_400))
            again = price_row(chance, f"{row['price_id']}/corrected-{correction}")
            kept = {**row, "price_id": again["price_id"], "unit_price": again["unit_price"]}
            rows.append({**kept, "recorded_at": recorded.isoformat()})
    return rows


SHAPES = ("plain", "cliff", "slice", "hours", "weekdays", "region")


def random_prices(chance: random.Random, provider: str, model: str, shape: str) -> list[Row]:
    """Make the price book of a model: plain, or with one more shape that prices have."""
    rows = []
    limits = sorted(chance.sample([1_000, 50_000, 200_000], chance.choice([1, 2])))
    for mode in ("realtime", "batch"):
        for meter in METERS:
            if meter == "cache_write" and chance.random() < 0.3:
                continue
            key = {"provider": provider, "model": model, "meter": meter, "processing_mode": mode}
            name = f"{model}/{meter}/{mode}"
            # a call that names no region must not find two of them and no price of all
            is_open, known_first = (True, 1) if shape == "region" else (chance.random() < 0.9, 0.8)
            rows += chain(chance, name, is_open, known_first, **key)
            if shape in ("cliff", "slice"):
                inclusive = chance.choice(["true", "false"])
                for limit in limits:
                    key |= {"context_threshold": str(limit), "context_inclusive": inclusive}
                    key["context_rule"] = shape
                    rows += chain(chance, f"{name}/{limit}", **key)
            elif shape == "hours":
                for start, end in (("01:00", "04:00"), ("22:30", "23:59")):
                    key |= {"daily_window_start": start, "daily_window_end": end}
                    rows += chain(chance, f"{name}/{start}", **key)
            elif shape == "weekdays":
                for days in ("12345", "6"):
                    start, end = chance.choice([("", ""), ("09:00", "17:00")])
                    key |= {"daily_window_start": start, "daily_window_end": end}
                    key["weekdays"] = days
                    rows += chain(chance, f"{name}/{days}", **key)
            elif shape == "region":
                for region in ("eu", "us-east-1"):
                    rows += chain(chance, f"{name}/{region}", **key, region_id=region)
    return rows


def random_multiplier(chance: random.Random, provider: str, model: str) -> Row:
    region, tier = chance.choice([("eu", "standard"), ("regional", "standard"), ("", "fast")])
    begin = chance.choice(["", random_day(chance).date().isoformat()])
    row = {
        "multiplier_id": f"{model}/{region or tier}",
        "provider": provider,
        "model": model,
        "multiplier": "test",
        "factor": chance.choice(["1.1", "2", "0.33333333"]),
        "price_rule": "uplift" if region else "derived",
        "region_id": region,
        "region_scope": region or "global",
        "service_tier": tier,
        "processing_mode": "" if region else chance.choice(["", "realtime"]),
        "base_service_tier": "standard",
        "valid_from": begin,
        "valid_from_basis": "effective" if begin else "unknown",
        "recorded_at": random_recording(chance, 0.5),
        "source": "test",
    }
    columns = seed_columns("pricing/ai_price_multipliers.csv")
    return {column: row.get(column, "") for column in columns}


def random_closings(chance: random.Random) -> list[Row]:
    """Close some months of some providers; a month may stay open between two that are closed."""
    rows = []
    for provider in PROVIDERS:
        month = FIRST_MONTH
        while month < LAST_MONTH:
            following = (month + timedelta(days=32)).replace(day=1)
            # the first month is closed before the book's first day
            is_first = month == FIRST_MONTH
            if is_first or chance.random() < 0.6:
                days = 10 if is_first else 75
                closed_at = following + timedelta(seconds=chance.randrange(days * 86_400))
                rows.append(
                    {
                        "issuer": chance.choice(CLOSING_SPELLINGS[provider]),
                        "billing_period": month.strftime("%Y-%m"),
                        "closed_at": chance.choice(["", "Z"]).join([closed_at.isoformat(), ""]),
                    }
                )
            month = following
    return rows


def random_calls(
    chance: random.Random, book: PriceBook, closings: list[Row], size: int
) -> list[Row]:
    """Make calls at the edges of the book's prices, in time and in context."""
    closed = list(read_closings(book, closings).values())
    skus = sorted(book.prices)
    rows = []
    for number in range(size):
        provider, model, tier, mode = sku = chance.choice(skus)
        prices = [price for priced in book.prices[sku].values() for price in priced]
        price = chance.choice(prices)
        edges = [
            moment
            for moment in (price.valid_from, price.valid_to)
            if FIRST_MONTH <= moment < LAST_MONTH
        ]
        start = FIRST_MONTH + timedelta(seconds=chance.randrange(184 * 86_400))
        if edges and chance.random() < 0.4:
            start = chance.choice(edges) + chance.choice(AROUND)
        elif price.window and chance.random() < 0.6:
            midnight = start.replace(hour=0, minute=0, second=0)
            edge = timedelta(seconds=chance.choice(price.window))
            start = midnight + edge + chance.choice(AROUND)
        edge = chance.choice(sorted({price.above for price in prices}))
        prompt = chance.choice([0, 1, chance.randrange(400_000), edge, edge + 1, edge + 2])
        cached = chance.choice([0, 0, 1, prompt // 2, prompt])
        completion = chance.choice([0, 1, chance.randrange(3_000), edge, edge + 1, edge + 2])
        ingested = start + timedelta(minutes=5)
        if closed and chance.random() < 0.3:
            ingested = max(start, chance.choice(closed) + chance.choice(AROUND))
        row = {
            "call_id": f"call-{number}",
            "customer_id": chance.choice(["org-acme", "org-globex"]),
            "provider": provider,
            "model": model,
            "started_at": start.isoformat(),
            "latency_ms": "1500",
            "prompt_tokens": str(prompt),
            "completion_tokens": str(completion),
            "cached_tokens": str(cached),
            "cache_write_tokens": chance.choice(["", "", str(prompt - cached)]),
            "reasoning_tokens": "",
            "service_tier": tier,
            "processing_mode": mode,
            "region": chance.choice(REGIONS),
            "ingested_at": chance.choice([ingested.isoformat() + "Z", ingested.isoformat(), ""])
            if ingested.microsecond == 0
            else ingested.isoformat(),
        }
        rows.append(row)
        if closed and chance.random() < 0.2:
            # restated: other counts, known around the time that some month was closed
            moment = max(ingested, chance.choice(closed) + chance.choice(AROUND))
            counts = {"completion_tokens": str(chance.randrange(3_000)), "cached_tokens": "0"}
            if chance.random() < 0.4:
                # of another month, another model or both
                elsewhere = start + timedelta(days=chance.choice([-31, 0, 31]))
                counts["started_at"] = elsewhere.isoformat()
                if chance.random() < 0.5:
                    names = ("provider", "model", "service_tier", "processing_mode")
                    counts |= dict(zip(names, chance.choice(skus), strict=True))
            rows.append({**row, **counts, "ingested_at": moment.isoformat()})
            if chance.random() < 0.5:
                # and back again
                moment += timedelta(days=chance.randrange(1, 90))
                rows.append({**row, "ingested_at": moment.isoformat()})
    chance.shuffle(rows)
    return completed(rows)


def random_world(
    chance: random.Random, models: int, calls: int, shapes: Sequence[str] = SHAPES
) -> World:
    names = [(chance.choice(PROVIDERS), f"model-{number}") for number in range(models)]
    prices = []
    for number, (provider, model) in enumerate(names):
        prices += random_prices(chance, provider, model, shapes[number % len(shapes)])
    chance.shuffle(prices)
    multipliers = [random_multiplier(chance, *name) for name in names if chance.random() < 0.4]
    world = World(prices, multipliers, catalogue(names), [], random_closings(chance))
    # the first correction of a row, so that no two are recorded at once
    corrections = [row for row in prices if row["price_id"].endswith("/corrected-0")]
    for row in chance.sample(corrections, len(corrections) // 5):
        # in the very instant in which a month was closed
        closed_at = chance.choice(world.closings)["closed_at"]
        if (read_time(closed_at) or FIRST_DAY) > FIRST_DAY + timedelta(days=1):
            row["recorded_at"] = closed_at
    world.calls = random_calls(chance, world.book(), world.closings, calls)
    return world


def known_since_ever(names: list[Row]) -> list[Row]:
    """Have aliases recorded on the first day of a world's book."""
    return [{**row, "recorded_at": FIRST_DAY.date().isoformat()} for row in names]


def catalogue(names: list[tuple[str, str]]) -> list[Row]:
    return [
        {
            "provider": provider,
            "model": model,
            "model_developer": "Test",
            "model_family": "Test",
            "model_version": "",
        }
        for provider, model in names
    ]
