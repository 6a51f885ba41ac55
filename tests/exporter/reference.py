"""What a call costs, worked out a second time: plain loops, Decimal and datetime.

Written from the rules in words, not from the models, and it shares nothing with them but the seeds.
It is slow and easy to read, and that is its purpose: the tests hold the SQL against it.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

SEEDS = Path(__file__).resolve().parents[2] / "seeds"

Row = dict[str, str]

NAMES_OF_STANDARD = ("", "standard", "default", "auto", "standard_only", "on_demand", "batch")
TWELVE_DECIMALS = Decimal("0.000000000001")
GRAVITY = ("unknown_model", "no_price_for_meter", "no_price_at_time")

BEGIN_OF_TIME = datetime(1900, 1, 1)
END_OF_TIME = datetime(9999, 12, 31)


def read_seed(path: str) -> list[Row]:
    with (SEEDS / path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


# ---------------------------------------------------------------- values of a raw row


def read_time(text: str) -> datetime | None:
    """Read an instant as UTC without a zone; text without an offset is UTC; None is no instant."""
    found = re.fullmatch(
        r"(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d:\d\d)(?:\.(\d+))?)?"
        r" ?(Z|UTC|[+-]\d\d(?::?\d\d)?)?",
        text,
    )
    if not found:
        return None
    day, clock, fraction, offset = found.groups()
    try:
        moment = datetime.fromisoformat(f"{day} {clock or '00:00:00'}")
    except ValueError:
        return None
    # what is finer than a microsecond is cut
    moment += timedelta(microseconds=int(((fraction or "") + "000000")[:6]))
    if offset and offset not in ("Z", "UTC"):
        hours, minutes = int(offset[1:3]), int(offset[3:].strip(":") or 0)
        shift = timedelta(hours=hours, minutes=minutes)
        moment += shift if offset[0] == "-" else -shift
    return moment


def read_whole(text: str) -> int | None:
    """Read a count: digits as a machine writes them, and .0 is still whole."""
    if re.fullmatch(r"-?\d+(\.0+)?", text) is None:
        return None
    digits = text.split(".")[0]
    if "." not in text and str(int(digits)) != digits:
        return None
    return int(digits) if len(digits) <= 10 else None


def floor_second(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)


# ---------------------------------------------------------------- prices


@dataclass
class Price:
    price_id: str
    unit_price: Decimal
    currency: str
    context_tokens_gt: int
    region_id: str
    window: tuple[int, int] | None
    valid_from: datetime
    valid_to: datetime
    # under which it stands in the book; another meter may borrow it
    meter: str


Sku = tuple[str, str, str, str]  # provider, model, service tier, processing mode


class PriceBook:
    """The list prices with their validity, by SKU and meter."""

    def __init__(self) -> None:
        self.prices: dict[Sku, dict[str, list[Price]]] = defaultdict(lambda: defaultdict(list))
        self.models: dict[str, dict[str, str]] = defaultdict(dict)
        by_key: dict[tuple, list[Row]] = defaultdict(list)
        for row in read_seed("pricing/list_prices.csv"):
            columns = ("provider", "model", "meter", "service_tier", "processing_mode")
            more = ("context_tokens_gt", "region_id", "daily_window_start", "daily_window_end")
            by_key[tuple(row[name] for name in columns + more)].append(row)
            self.models[row["provider"]][row["model"].lower()] = row["model"]
        for rows in by_key.values():
            self._add_key(sorted(rows, key=lambda row: row["valid_from"]))
        for row in read_seed("reference/model_aliases.csv"):
            self.models[row["provider"]][row["alias"].lower()] = row["model"]
        self.providers = {
            row["alias"]: row["provider"] for row in read_seed("reference/provider_aliases.csv")
        }
        self.meters = {row["meter"]: row for row in read_seed("reference/meters.csv")}
        self.fallbacks: dict[str, list[str]] = defaultdict(list)
        ranked = read_seed("reference/meter_fallbacks.csv")
        for row in sorted(ranked, key=lambda row: int(row["fallback_rank"])):
            self.fallbacks[row["meter"]].append(row["price_meter"])

    def _add_key(self, rows: list[Row]) -> None:
        """Date the prices of one key: they follow one another, the first may be open."""
        for number, row in enumerate(rows):
            begin = read_time(row["valid_from"])
            if begin is None or (number == 0 and row["valid_from_basis"] == "verified_on"):
                begin = BEGIN_OF_TIME
            end = read_time(row["valid_to"]) or END_OF_TIME
            if number + 1 < len(rows):
                end = min(end, read_time(rows[number + 1]["valid_from"]) or END_OF_TIME)
            window = None
            if row["daily_window_start"]:
                window = (
                    _second_of_clock(row["daily_window_start"]),
                    _second_of_clock(row["daily_window_end"]),
                )
            sku = (row["provider"], row["model"], row["service_tier"], row["processing_mode"])
            self.prices[sku][row["meter"]].append(
                Price(
                    row["price_id"],
                    Decimal(row["unit_price"]),
                    row["currency"],
                    int(row["context_tokens_gt"]),
                    row["region_id"],
                    window,
                    begin,
                    end,
                    row["meter"],
                )
            )

    def of_meter(self, sku: Sku, meter: str) -> list[Price]:
        """All prices that a meter of a SKU may have: its own, or those of the first stand-in."""
        priced = self.prices.get(sku, {})
        for price_meter in self.fallbacks[meter]:
            if price_meter in priced:
                return priced[price_meter]
        return []

    def choose(
        self, sku: Sku, meter: str, moment: datetime, prompt_tokens: int, region: str
    ) -> Price | None:
        """Choose the price in force: hours of the day first, then the highest context band."""
        second = moment.hour * 3600 + moment.minute * 60 + moment.second
        fitting = [
            price
            for price in self.of_meter(sku, meter)
            if price.valid_from <= floor_second(moment) < price.valid_to
            and price.context_tokens_gt < max(prompt_tokens, 1)
            and (not price.region_id or not region or price.region_id == region)
            and (price.window is None or price.window[0] <= second < price.window[1])
        ]
        fitting.sort(key=lambda price: (price.window is not None, price.context_tokens_gt))
        return fitting[-1] if fitting else None


def _second_of_clock(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 3600 + int(minutes) * 60


def covers(row: Row, sku: Sku, meter: str, price: Price) -> bool:
    """Tell whether a contract price is one for this list price, at whatever time."""
    provider, model, tier, mode = sku
    if row["provider"] != provider or row["model"] not in ("", model):
        return False
    if row["meter"] not in ("", meter, price.meter):
        return False
    if row["currency"] not in ("", price.currency):
        return False
    if row["unit_price"]:
        # a price is for standard calls at once, unless it says more, and for short contexts
        wanted = (row["service_tier"] or "standard", row["processing_mode"] or "realtime")
        return wanted == (tier, mode) and price.context_tokens_gt == 0
    return row["service_tier"] in ("", tier) and row["processing_mode"] in ("", mode)


def idle_contracts(book: PriceBook, contracts: list[Row]) -> set[str]:
    """Give the contract prices that cover no list price."""
    return {
        row["contract_price_id"]
        for row in contracts
        if not any(
            covers(row, sku, meter, price)
            for sku in book.prices
            if sku[0] == row["provider"]
            for meter in book.fallbacks
            for price in book.of_meter(sku, meter)
        )
    }


def contracted(
    contracts: list[Row], account: str, sku: Sku, meter: str, price: Price, moment: datetime
) -> tuple[Decimal, str | None]:
    """Give the price that was agreed for a list price, and the row that says so."""
    best: tuple | None = None
    chosen: Row | None = None
    for row in contracts:
        if row["billing_account_id"] != account or not covers(row, sku, meter, price):
            continue
        named = ("model", "meter", "service_tier", "processing_mode")
        begin = read_time(row["valid_from"]) or BEGIN_OF_TIME
        if not begin <= floor_second(moment) < (read_time(row["valid_to"]) or END_OF_TIME):
            continue
        # a price before a discount, then the one that names more, then the one that began later
        rank = (bool(row["unit_price"]), *(bool(row[name]) for name in named), begin)
        if best is None or (rank, best[1]) > (best[0], row["contract_price_id"]):
            best, chosen = (rank, row["contract_price_id"]), row
    if chosen is None:
        return price.unit_price, None
    if chosen["unit_price"]:
        return Decimal(chosen["unit_price"]), chosen["contract_price_id"]
    share = (100 - Decimal(chosen["discount_percentage"])) / 100
    rounded = (price.unit_price * share).quantize(TWELVE_DECIMALS, ROUND_HALF_UP)
    return rounded, chosen["contract_price_id"]


# ---------------------------------------------------------------- calls


@dataclass
class Call:
    """One call as a source tells it; texts are '' where there is none."""

    call_id: str
    account: str
    provider: str
    model: str
    started_at: datetime
    ended_at: datetime
    prompt_tokens: int
    completion_tokens: int
    service_tier: str = ""
    processing_mode: str = ""
    region: str = ""
    department: str = ""
    is_cache_hit: bool = False
    is_capacity_paid: bool = False
    # disjoint parts of the prompt and of the completion, by meter; the rest is input and output
    prompt_parts: dict[str, int] = field(default_factory=dict)
    completion_parts: dict[str, int] = field(default_factory=dict)
    requests: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Charge:
    """What one meter of a call costs."""

    sku_meter: str
    price_id: str
    contract_price_id: str | None
    consumed: Decimal
    pricing_quantity: Decimal
    list_unit_price: Decimal
    contracted_unit_price: Decimal
    list_cost: Decimal
    contracted_cost: Decimal
    currency: str
    period: tuple[datetime, datetime, datetime, datetime]
    region: str | None
    department: str | None


@dataclass
class Outcome:
    """What becomes of the calls of a log, by billing account and call id; of rows, by line."""

    charges: dict[tuple[str, str], list[Charge]] = field(default_factory=dict)
    held: dict[tuple[str, str], str] = field(default_factory=dict)
    avoided: dict[tuple[str, str], Decimal | None] = field(default_factory=dict)
    rejected: dict[int, str] = field(default_factory=dict)


def price_call(
    book: PriceBook, contracts: list[Row], call: Call
) -> tuple[list[Charge], str | None]:
    """Give the charges of a call, or the reason why the whole of it is held back."""
    tier, mode = call.service_tier.lower(), call.processing_mode.lower() or "realtime"
    if tier == "batch":
        mode = "batch"
    if tier in NAMES_OF_STANDARD:
        tier = "standard"
    provider = book.providers.get(call.provider.lower(), "")
    model = book.models.get(provider, {}).get(call.model.lower(), "")
    sku = (provider, model, tier, mode)

    quantities = {"input": call.prompt_tokens - sum(call.prompt_parts.values())}
    quantities.update(call.prompt_parts)
    completion = dict(call.completion_parts)
    if "output_reasoning" not in book.prices.get(sku, {}):
        # reasoning is output like any other unless it has a price of its own
        completion.pop("output_reasoning", None)
    quantities["output"] = call.completion_tokens - sum(completion.values())
    quantities.update(completion)
    quantities.update(call.requests)

    charges, reasons = [], []
    for meter, quantity in quantities.items():
        if quantity == 0:
            continue
        if call.is_capacity_paid:
            return [], "capacity_paid"
        price = book.choose(sku, meter, call.started_at, call.prompt_tokens, call.region)
        if price is not None:
            charges.append(_charge(book, contracts, call, sku, meter, quantity, price))
        elif not model:
            reasons.append("unknown_model")
        elif not any(
            not price.region_id or not call.region or price.region_id == call.region
            for price in book.of_meter(sku, meter)
        ):
            reasons.append("no_price_for_meter")
        else:
            reasons.append("no_price_at_time")
    if reasons:
        return [], min(reasons, key=GRAVITY.index)
    return charges, None


def _charge(
    book: PriceBook,
    contracts: list[Row],
    call: Call,
    sku: Sku,
    meter: str,
    quantity: int,
    price: Price,
) -> Charge:
    agreed, contract_price_id = contracted(
        contracts, call.account, sku, meter, price, call.started_at
    )
    pricing_quantity = Decimal(quantity) / Decimal(book.meters[meter]["pricing_block"])
    start, end = floor_second(call.started_at), floor_second(call.ended_at)
    if end < call.ended_at:
        end += timedelta(seconds=1)
    end = max(end, start + timedelta(seconds=1))
    month = datetime(start.year, start.month, 1)
    next_month = datetime(start.year + start.month // 12, start.month % 12 + 1, 1)
    return Charge(
        book.meters[meter]["sku_meter"],
        price.price_id,
        contract_price_id,
        Decimal(quantity),
        pricing_quantity,
        price.unit_price,
        agreed,
        price.unit_price * pricing_quantity,
        agreed * pricing_quantity,
        price.currency,
        (start, end, month, next_month),
        call.region or None,
        call.department or None,
    )


# ---------------------------------------------------------------- the gateway's log

TRUE, FALSE = ("true", "t", "1", "yes"), ("", "false", "f", "0", "no")


def read_gateway_row(row: Row) -> Call | str:
    """Give the call of a row, or the name of its first faulty field."""
    started_at, ended_at = read_time(row["started_at"]), read_time(row["ended_at"])
    for name in ("call_id", "provider", "model"):
        if not row[name]:
            return name
    if started_at is None:
        return "started_at"
    if row["ended_at"] and ended_at is None:
        return "ended_at"
    if row["latency_ms"] and re.fullmatch(r"\d{1,12}(\.\d+)?", row["latency_ms"]) is None:
        return "latency_ms"
    if ended_at is None:
        if not row["latency_ms"]:
            return "ended_at or latency_ms"
        ended_at = started_at + timedelta(microseconds=int(Decimal(row["latency_ms"]) * 1000))
    if ended_at < started_at:
        return "ended_at"
    counted = ("prompt_tokens", "completion_tokens")
    counted += ("cached_tokens", "cache_write_tokens", "reasoning_tokens")
    for name in counted[:2]:
        if not row[name]:
            return name
    counts = {name: read_whole(row[name] or "0") for name in counted}
    for name, count in counts.items():
        if count is None or count < 0:
            return name
    prompt, completion, cached, written, reasoning = (count or 0 for count in counts.values())
    if cached + written > prompt:
        return "cached_tokens"
    if reasoning > completion:
        return "reasoning_tokens"
    if row["cache_hit"].lower() not in TRUE + FALSE:
        return "cache_hit"
    if row["ingested_at"] and read_time(row["ingested_at"]) is None:
        return "ingested_at"
    return Call(
        row["call_id"],
        row["customer_id"] or "default",
        row["provider"],
        row["model"],
        started_at,
        ended_at,
        prompt,
        completion,
        row["service_tier"],
        row["processing_mode"],
        row["region"].lower(),
        row["cost_department"],
        row["cache_hit"].lower() in TRUE,
        prompt_parts={"cache_read": cached, "cache_write": written},
        completion_parts={"output_reasoning": reasoning},
    )


def price_gateway_log(book: PriceBook, contracts: list[Row], log: list[Row]) -> Outcome:
    """Price a gateway's log; lines are counted as in a CSV file, so the first row is line 2."""
    outcome = Outcome()
    delivered: dict[tuple[str, str], tuple[tuple, Call]] = {}
    for line, raw in enumerate(log, start=2):
        row = {name: value.strip() for name, value in raw.items()}
        call = read_gateway_row(row)
        if isinstance(call, str):
            outcome.rejected[line] = call
            continue
        # of several deliveries the one that was ingested last counts, then the one that ended last,
        # then the one with more tokens
        rank = (
            read_time(row["ingested_at"]) or BEGIN_OF_TIME,
            call.ended_at,
            call.completion_tokens,
            call.prompt_tokens,
        )
        key = (call.account, call.call_id)
        if key not in delivered or rank > delivered[key][0]:
            delivered[key] = (rank, call)
    price_calls(book, contracts, [call for _, call in delivered.values()], outcome)
    return outcome


def price_calls(book: PriceBook, contracts: list[Row], calls: list[Call], outcome: Outcome) -> None:
    for call in calls:
        key = (call.account, call.call_id)
        charges, reason = price_call(book, contracts, call)
        if call.is_cache_hit:
            # the gateway answered: nothing to pay, and the worth of it where that is known
            worth = sum((charge.list_cost for charge in charges), Decimal(0)) if charges else None
            outcome.avoided[key] = None if reason else worth
        elif reason:
            outcome.held[key] = reason
        elif charges:
            outcome.charges[key] = sorted(charges, key=lambda charge: charge.sku_meter)
