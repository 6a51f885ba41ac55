"""What a call costs, worked out a second time: plain loops, Decimal and datetime.

Written from the rules in words, not from the models, and it shares nothing with them but the seeds.
It is slow and easy to read, and that is its purpose: the tests hold the SQL against it.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterable, Set
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from itertools import combinations
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


@cache
def seed_columns(path: str) -> tuple[str, ...]:
    return tuple(read_seed(path)[0])


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


def column_has_decimals(texts: Iterable[str]) -> bool:
    """Tell whether 1.000 is a one in a column: something must say so, and nothing otherwise."""
    is_told = False
    for text in texts:
        if re.fullmatch(r"-?\d+(\.\d+)+", text) is None:
            continue
        first, *groups = text.lstrip("-").split(".")
        if first[0] == "0" or len(first) > 3 or {len(group) for group in groups} != {3}:
            # no thousands; with more than one point no decimals either
            is_told |= len(groups) == 1
        elif len(groups) > 1 or not groups[0].endswith("00"):
            return False
        else:
            is_told |= groups[0] != "000"
    return is_told


def read_whole(text: str, *, is_decimal: bool = False) -> int | None:
    """Read a count: digits as a machine writes them, and .0 is still whole.

    `is_decimal`: 1.000 is one, and not perhaps a thousand.
    """
    if re.fullmatch(r"-?\d+(\.0+)?", text) is None:
        return None
    if re.fullmatch(r"-?[1-9]\d{0,2}\.000", text) and not is_decimal:
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
    # the largest count that it is not yet for: 199999 where it says "200000 or more"
    above: int
    # only the meter's tokens above that count, not all of a call whose context is above it
    is_slice: bool
    region_id: str
    window: tuple[int, int] | None
    # ISO days, all seven where the price names none
    weekdays: str
    valid_from: datetime
    valid_to: datetime
    # under which it stands in the book; another meter may borrow it
    meter: str

    @property
    def is_for_some_hours(self) -> bool:
        return self.window is not None or self.weekdays != ALL_DAYS

    def holds_at(self, moment: datetime) -> bool:
        second = moment.hour * 3600 + moment.minute * 60 + moment.second
        return (
            self.valid_from <= floor_second(moment) < self.valid_to
            and str(moment.isoweekday()) in self.weekdays
            and (self.window is None or self.window[0] <= second < self.window[1])
        )


Sku = tuple[str, str, str, str]  # provider, model, service tier, processing mode
ALL_DAYS = "1234567"
# prices that differ in these are prices of different things; else they follow or replace each other
PRICE_KEY = (
    "provider",
    "model",
    "meter",
    "service_tier",
    "processing_mode",
    "context_threshold",
    "context_inclusive",
    "region_id",
    "daily_window_start",
    "daily_window_end",
    "weekdays",
)


def known_rows(
    rows: list[Row], moment: datetime | None, names: tuple[str, ...] = PRICE_KEY
) -> list[Row]:
    """Give the price rows that counted at an instant (None: at the end of all).

    The rows of the book's first day count as known since ever: it has no memory of before. Of rows
    with one key and one first day the last that was recorded counts.
    """
    recorded = [(read_time(row["recorded_at"]) or BEGIN_OF_TIME, row) for row in rows]
    first_day = min((at for at, _ in recorded), default=BEGIN_OF_TIME).date()
    counting: dict[tuple, tuple[datetime, Row]] = {}
    for at, row in recorded:
        if moment is not None and at > moment and at.date() > first_day:
            continue
        key = (*(row[name] for name in names), read_time(row.get("valid_from", "")))
        if key not in counting or counting[key][0] < at:
            counting[key] = (at, row)
    return [row for _, row in counting.values()]


class PriceBook:
    """The list prices with their validity, by SKU and meter, as they were known at an instant."""

    def __init__(
        self,
        rows: list[Row] | None = None,
        moment: datetime | None = None,
        multipliers: list[Row] | None = None,
    ) -> None:
        self.rows = read_seed("pricing/ai_list_prices.csv") if rows is None else rows
        self.multipliers = (
            read_seed("pricing/ai_price_multipliers.csv") if multipliers is None else multipliers
        )
        self._known: dict[datetime | None, PriceBook] = {moment: self}
        self._first_prices: dict[tuple[str, ...], datetime] = {}
        self.prices: dict[Sku, dict[str, list[Price]]] = defaultdict(lambda: defaultdict(list))
        self.models: dict[str, dict[str, str]] = defaultdict(dict)
        by_key: dict[tuple, list[Row]] = defaultdict(list)
        for row in known_rows(self.rows, moment):
            if _is_withdrawn(row):
                continue
            by_key[tuple(row[name] for name in PRICE_KEY)].append(row)
            self.models[row["provider"]][row["model"].lower()] = row["model"]
        for same in by_key.values():
            self._add_key(
                sorted(same, key=lambda row: read_time(row["valid_from"]) or BEGIN_OF_TIME)
            )
        self.aliases: dict[str, dict[str, str]] = defaultdict(dict)
        aliases = read_seed("reference/ai_model_aliases.csv")
        for row in known_rows(aliases, moment, ("provider", "alias")):
            self.aliases[row["provider"]][row["alias"].lower()] = row["model"]
        aliases = read_seed("reference/ai_provider_aliases.csv")
        self.providers = {
            row["alias"]: row["provider"] for row in known_rows(aliases, moment, ("alias",))
        }
        self.issuers = {
            row["provider"]: row["invoice_issuer_name"]
            for row in read_seed("reference/ai_providers.csv")
        }
        self.meters = {row["meter"]: row for row in read_seed("reference/ai_meters.csv")}
        for factor in known_rows(self.multipliers, moment, ("multiplier_id",)):
            self._add_multiples(factor)
        self.fallbacks: dict[str, list[str]] = defaultdict(list)
        ranked = read_seed("reference/ai_meter_fallbacks.csv")
        for row in sorted(ranked, key=lambda row: int(row["fallback_rank"])):
            self.fallbacks[row["meter"]].append(row["price_meter"])
        # what goes back to the price that it borrowed when its own has ended
        self.returning = {row["meter"] for row in ranked if row["ends_with_its_price"] == "true"}

    def known(self, moment: datetime | None) -> PriceBook:
        """Give the book as it was known at an instant."""
        if moment not in self._known:
            self._known[moment] = PriceBook(self.rows, moment, self.multipliers)
        return self._known[moment]

    def model_named(self, provider: str, name: str, moment: datetime) -> str:
        """Give the model that goes by a name at an instant, '' where there is none.

        Its own name counts from its first price on, then an alias, then the longest beginning of
        the name that an alias with a star gives.
        """
        name = name.lower()
        own = self.models[provider].get(name, "")
        aliases = self.aliases[provider]
        begins = [a[:-1] for a in aliases if a.endswith("*") and name.startswith(a[:-1])]
        if own and self._has_begun(provider, own, moment):
            return own
        if name in aliases:
            return aliases[name]
        return aliases[max(begins, key=len) + "*"] if begins else own

    def _has_begun(self, provider: str, model: str, moment: datetime) -> bool:
        if not self._first_prices:
            for sku, meters in self.prices.items():
                for price in (price for prices in meters.values() for price in prices):
                    first = self._first_prices.get(sku[:2], END_OF_TIME)
                    self._first_prices[sku[:2]] = min(first, price.valid_from)
        return self._first_prices.get((provider, model), END_OF_TIME) <= moment

    def names_of(self, provider: str, model: str) -> list[str]:
        """Give the names under which a model may serve a call."""
        names = [name for name, known in self.models[provider].items() if known == model]
        for alias, known in self.aliases[provider].items():
            if known == model:
                names.append(alias.replace("*", "-of-any-kind"))
        return names

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
                    int(row["context_threshold"]) - (row["context_inclusive"] == "true"),
                    # from the first token on, a slice is all of it
                    row["context_rule"] == "slice" and row["context_threshold"] != "0",
                    row["region_id"],
                    window,
                    row["weekdays"] or ALL_DAYS,
                    begin,
                    end,
                    row["meter"],
                )
            )

    def _add_multiples(self, factor: Row) -> None:
        """Add a factor times a model's prices of tokens, until its region or tier has its own."""
        begin = read_time(factor["valid_from"]) or BEGIN_OF_TIME
        end = read_time(factor["valid_to"]) or END_OF_TIME
        modes = [factor["processing_mode"]] if factor["processing_mode"] else ["realtime", "batch"]
        for mode in modes:
            names = (factor["provider"], factor["model"])
            base = self.prices.get((*names, factor["base_service_tier"], mode), {})
            made = defaultdict(list)
            for meter, prices in base.items():
                if self.meters[meter]["consumed_unit"] != "Tokens":
                    continue
                own = self.prices.get((*names, factor["service_tier"], mode), {}).get(meter, [])
                starts = [p.valid_from for p in own if p.region_id == factor["region_id"]]
                for price in prices:
                    valid_from = max(begin, price.valid_from)
                    valid_to = min([end, price.valid_to, *starts])
                    if price.region_id or valid_from >= valid_to:
                        continue
                    unit_price = price.unit_price * Decimal(factor["factor"])
                    multiple = replace(
                        price,
                        price_id=f"{price.price_id}*{factor['multiplier_id']}",
                        unit_price=unit_price.quantize(TWELVE_DECIMALS, ROUND_HALF_UP),
                        region_id=factor["region_id"],
                        valid_from=valid_from,
                        valid_to=valid_to,
                    )
                    made[meter].append(multiple)
            for meter, prices in made.items():
                self.prices[(*names, factor["service_tier"], mode)][meter] += prices

    def of_meter(self, sku: Sku, meter: str) -> list[Price]:
        """All prices that a meter of a SKU may have: its own, or those of the first stand-in."""
        if meter in self.returning:
            priced = self.prices.get(sku, {})
            own, *others = (priced.get(name, []) for name in self.fallbacks[meter])
            reach = BEGIN_OF_TIME
            for price in sorted(own, key=lambda price: price.valid_from):
                reach = max(reach, price.valid_to) if price.valid_from <= reach else reach
            # what always has its own price never borrows
            return own if reach == END_OF_TIME else own + [p for prices in others for p in prices]
        return self._of_meter_since(sku, meter, END_OF_TIME)

    def _of_meter_since(self, sku: Sku, meter: str, moment: datetime) -> list[Price]:
        priced = self.prices.get(sku, {})
        for price_meter in self.fallbacks[meter]:
            # a meter borrows until its own price begins, so that a new price changes nothing before
            prices = priced.get(price_meter, [])
            if any(
                price.valid_from <= moment
                and (moment < price.valid_to or meter not in self.returning)
                for price in prices
            ):
                return prices
        return []

    def prices_apart(self, sku: Sku, meter: str, moment: datetime) -> bool:
        """Tell whether a meter has prices of its own at an instant."""
        prices = self.prices.get(sku, {}).get(meter, [])
        return any(price.valid_from <= moment for price in prices)

    def choose(
        self,
        sku: Sku,
        meter: str,
        moment: datetime,
        prompt_tokens: int,
        region: str,
        quantity: int,
        before: int = 0,
    ) -> list[tuple[int, Price]]:
        """Divide a quantity among the prices in force; nothing where there is none.

        Hours and days of their own go before the price of all, then the highest context band
        counts. Slices take what lies above their limits from it. At a price that the meter borrows
        it comes after `before`, what the owner of the price has taken of the slices.
        """
        holding = [p for p in self._of_meter_since(sku, meter, moment) if p.holds_at(moment)]
        usual = usual_region(holding)
        # the price of the call's own region before that of all; the one of the usual region where
        # nothing else is there
        fit = max((fit_of_region(price, region, usual) for price in holding), default=0)
        fitting = [p for p in holding if fit and fit_of_region(p, region, usual) == fit]
        bands = [
            price for price in fitting if not price.is_slice and price.above < max(prompt_tokens, 1)
        ]
        if not bands:
            return []
        band = max(bands, key=lambda price: (price.is_for_some_hours, price.above))
        slices = [
            price
            for price in fitting
            if price.is_slice and price.is_for_some_hours == band.is_for_some_hours
        ]
        start = before if band.meter != meter else 0
        end = start + quantity
        parts = []
        for price in sorted(slices, key=lambda price: price.above, reverse=True):
            begin = max(start, price.above)
            if end > begin:
                parts.append((end - begin, price))
                end = begin
        if end > start:
            parts.append((end - start, band))
        return parts[::-1]


def _is_withdrawn(row: Row) -> bool:
    """Tell whether a row ends where it begins, which corrects a price that there never was."""
    end = read_time(row["valid_to"])
    return end is not None and end == (read_time(row["valid_from"]) or BEGIN_OF_TIME)


def usual_region(prices: Iterable[Price]) -> str:
    """Give the region whose price stands for those without one; empty where none does."""
    regions = {price.region_id for price in prices} - {""}
    if "us-east-1" in regions:
        return "us-east-1"
    return regions.pop() if len(regions) == 1 else ""


def fits_some_day(prices: list[Price], region: str) -> bool:
    """Tell whether a region has a price at any time; which region is the usual one changes."""
    moments = {moment for price in prices for moment in (price.valid_from, price.valid_to)}
    for moment in moments:
        holding = [price for price in prices if price.valid_from <= moment < price.valid_to]
        usual = usual_region(holding)
        if any(fit_of_region(price, region, usual) for price in holding):
            return True
    return False


def fit_of_region(price: Price, region: str, usual: str) -> int:
    """Tell how well a price fits a call's region: 0 is not at all."""
    if not price.region_id:
        return 2
    if not region:
        return int(price.region_id == usual)
    if price.region_id == region:
        return 4
    # any region at all, as against no region
    if price.region_id == "regional" and region != "global":
        return 3
    is_apart = "-gov-" in region or region.startswith("cn-")
    return int(price.region_id == usual == "us-east-1" and not is_apart)


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
        return wanted == (tier, mode) and price.above == 0
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


def contradicting_contracts(book: PriceBook, contracts: list[Row]) -> set[str]:
    """Give the contract prices of which nothing says whether they or others count."""
    return {
        row["contract_price_id"]
        for one, other in combinations(contracts, 2)
        if one["billing_account_id"] == other["billing_account_id"]
        if rank_of(one, "") == rank_of(other, "")
        for sku in book.prices
        if sku[0] == one["provider"] == other["provider"]
        for meter in book.fallbacks
        if rank_of(one, meter) == rank_of(other, meter)
        for price in book.of_meter(sku, meter)
        if covers(one, sku, meter, price) and covers(other, sku, meter, price)
        if agreed_price(one, price) != agreed_price(other, price)
        for row in (one, other)
    }


def rank_of(row: Row, meter: str) -> tuple:
    """Rank a contract price of a moment for a meter.

    A price goes before a discount, then the one that names more, then the one that began later,
    then the one that was recorded later.
    """
    return (
        bool(row["unit_price"]),
        *(bool(row[name]) for name in ("model", "meter", "service_tier", "processing_mode")),
        row["meter"] == meter,
        read_time(row["valid_from"]) or BEGIN_OF_TIME,
        read_time(row["recorded_at"]) or BEGIN_OF_TIME,
    )


def agreed_price(row: Row, price: Price) -> Decimal:
    """Give what a contract price makes of a list price."""
    if row["unit_price"]:
        return Decimal(row["unit_price"])
    share = (100 - Decimal(row["discount_percentage"])) / 100
    return (price.unit_price * share).quantize(TWELVE_DECIMALS, ROUND_HALF_UP)


def contracted(
    contracts: list[Row], account: str, sku: Sku, meter: str, price: Price, moment: datetime
) -> tuple[Decimal, str | None]:
    """Give the price that was agreed for a list price, and the row that says so."""
    best: tuple | None = None
    chosen: Row | None = None
    for row in contracts:
        if row["billing_account_id"] != account or not covers(row, sku, meter, price):
            continue
        begin = read_time(row["valid_from"]) or BEGIN_OF_TIME
        if not begin <= floor_second(moment) < (read_time(row["valid_to"]) or END_OF_TIME):
            continue
        rank = rank_of(row, meter)
        if best is None or (rank, best[1]) > (best[0], row["contract_price_id"]):
            best, chosen = (rank, row["contract_price_id"]), row
    if chosen is None:
        return price.unit_price, None
    return agreed_price(chosen, price), chosen["contract_price_id"]


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
    ingested_at: datetime | None = None
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
    charge_class: str | None = None
    # of a slice: the count above which it begins
    slice_above: int | None = field(default=None, compare=False)

    @property
    def amounts(self) -> tuple[object, ...]:
        """What makes it another charge when it changes."""
        prices = (self.list_unit_price, self.contracted_unit_price)
        return self.consumed, self.pricing_quantity, *prices, self.currency


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
    model = book.model_named(provider, call.model, call.started_at)
    sku = (provider, model, tier, mode)

    quantities = {"input": call.prompt_tokens - sum(call.prompt_parts.values())}
    quantities.update(call.prompt_parts)
    output = call.completion_tokens - sum(call.completion_parts.values())
    quantities["output"] = output
    quantities.update(call.completion_parts)
    quantities.update(call.requests)
    if quantities.get("web_search") and book.prices_apart(sku, "grounded_prompt", call.started_at):
        # the prompt costs, however often it was searched for
        quantities["grounded_prompt"] = 1
        del quantities["web_search"]

    charges, reasons = [], []
    for meter, quantity in quantities.items():
        if quantity == 0:
            continue
        if call.is_capacity_paid:
            return [], "capacity_paid"
        before = output if meter == "output_reasoning" else 0
        parts = book.choose(
            sku, meter, call.started_at, call.prompt_tokens, call.region, quantity, before
        )
        if parts:
            charges += [
                charge_at(book, contracts, call, sku, meter, share, price) for share, price in parts
            ]
        elif not model:
            reasons.append("unknown_model")
        elif not fits_some_day(book.of_meter(sku, meter), call.region):
            reasons.append("no_price_for_meter")
        else:
            reasons.append("no_price_at_time")
    if reasons:
        return [], min(reasons, key=GRAVITY.index)
    return charges, None


def charge_at(
    book: PriceBook,
    contracts: list[Row],
    call: Call,
    sku: Sku,
    meter: str,
    quantity: int,
    price: Price,
) -> Charge:
    """Charge a quantity of a call's meter at a price of the list."""
    agreed, contract_price_id = contracted(
        contracts, call.account, sku, meter, price, call.started_at
    )
    pricing_quantity = Decimal(quantity) / Decimal(book.meters[meter]["pricing_block"])
    start, end = floor_second(call.started_at), floor_second(call.ended_at)
    if end < call.ended_at:
        end += timedelta(seconds=1)
    end = max(end, start + timedelta(seconds=1))
    month = month_of(start)
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
        (start, end, month, month_after(month)),
        call.region or None,
        call.department or None,
        slice_above=price.above if price.is_slice else None,
    )


# ---------------------------------------------------------------- closed periods

# invoice issuer and month, and when that month was closed
Closings = dict[tuple[str, datetime], datetime]


def month_of(moment: datetime) -> datetime:
    return datetime(moment.year, moment.month, 1)


def month_after(month: datetime) -> datetime:
    return datetime(month.year + month.month // 12, month.month % 12 + 1, 1)


def read_closings(book: PriceBook, rows: list[Row], moment: datetime | None = None) -> Closings:
    """Read which months are closed, as it was known at an instant (None: at the end of all)."""
    closings: Closings = {}
    for row in rows:
        closed_at = read_time(row["closed_at"])
        month = read_time(row["billing_period"] + "-01")
        issuer = book.issuers.get(book.providers.get(row["issuer"].lower(), ""), row["issuer"])
        if closed_at is None or month is None or (moment is not None and closed_at > moment):
            continue
        closings[issuer, month] = min(closed_at, closings.get((issuer, month), closed_at))
    return closings


def charges_by_month(
    book: PriceBook, contracts: list[Row], closings: Closings, deliveries: list[Call]
) -> list[Charge]:
    """Give the charges of a call in the month it was made in and the corrections in later months.

    In a closed month stands what was known when it closed. What became known until the next month
    closed stands as a difference in that one, and so on; the first open month has all the rest.
    The deliveries are those of one call, in the order in which they count. One that was delivered
    for another provider or month left the old one and is a call of the new one.
    """
    places = {place_of(book, delivery) for delivery in deliveries}
    return [
        charge
        for place in places
        for charge in _charges_of_place(book, contracts, closings, deliveries, place)
    ]


def place_of(book: PriceBook, call: Call) -> tuple[str, datetime]:
    provider = book.providers.get(call.provider.lower(), call.provider.lower())
    return provider, month_of(floor_second(call.started_at))


def _charges_of_place(
    book: PriceBook,
    contracts: list[Row],
    closings: Closings,
    deliveries: list[Call],
    place: tuple[str, datetime],
) -> list[Charge]:
    provider, month = place
    issuer = book.issuers.get(provider, "")
    standing: list[Charge] = []
    before: State | None = None
    closed_at = closings.get((issuer, month))
    while True:
        now = _state_at(book, contracts, deliveries, closed_at, place)
        if before is None:
            standing += now.charges.values()
        elif before.told == now.told:
            standing += corrections(before.charges, now.charges, month)
        else:
            # what the call no longer says of itself is turned round whole
            standing += corrections(before.charges, {}, month)
            standing += corrections({}, now.charges, month)
        if closed_at is None:
            return standing
        before = now
        month = month_after(month)
        closes = closings.get((issuer, month))
        closed_at = max(closed_at, closes) if closes else None


@dataclass(frozen=True)
class State:
    """A call as it was known at some time: what it told of itself, and its charges."""

    told: tuple
    charges: dict[tuple[str, int | None], Charge]


def _state_at(
    book: PriceBook,
    contracts: list[Row],
    deliveries: list[Call],
    moment: datetime | None,
    place: tuple[str, datetime],
) -> State:
    if moment is not None:
        deliveries = [c for c in deliveries if c.ingested_at is None or c.ingested_at <= moment]
    if not deliveries or place_of(book, deliveries[-1]) != place:
        return State((), {})
    call = deliveries[-1]
    if moment is not None:
        book = book.known(moment)
        contracts = [
            row
            for row in contracts
            if (read_time(row.get("recorded_at", "")) or BEGIN_OF_TIME) <= moment
        ]
    charges, _ = price_call(book, contracts, call)
    return State(
        (call.model, call.started_at, call.ended_at, call.region, call.department),
        {(charge.sku_meter, charge.slice_above): charge for charge in charges},
    )


def corrections(
    before: dict[tuple[str, int | None], Charge],
    now: dict[tuple[str, int | None], Charge],
    month: datetime,
) -> list[Charge]:
    """Give what changed between two states of knowledge as rows of a later month.

    A charge that became another one is turned round, and charged anew as it is known now.
    """
    rows = []
    for key in before.keys() | now.keys():
        old, new = before.get(key), now.get(key)
        if old and new and old.amounts == new.amounts:
            continue
        rows += [turned_round(old)] if old else []
        rows += [new] if new else []
    return [
        replace(row, period=(*row.period[:2], month, month_after(month)), charge_class="Correction")
        for row in rows
    ]


def turned_round(charge: Charge) -> Charge:
    return replace(
        charge,
        consumed=-charge.consumed,
        pricing_quantity=-charge.pricing_quantity,
        list_cost=-charge.list_cost,
        contracted_cost=-charge.contracted_cost,
    )


# ---------------------------------------------------------------- the gateway's log

TRUE, FALSE = ("true", "t", "1", "yes"), ("", "false", "f", "0", "no")


COUNTED = (
    "prompt_tokens",
    "completion_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
)


def read_gateway_row(row: Row, decimal_columns: Set[str]) -> Call | str:
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
    for name in COUNTED[:2]:
        if not row[name]:
            return name
    counts = {
        name: read_whole(row[name] or "0", is_decimal=name in decimal_columns) for name in COUNTED
    }
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
        read_time(row["ingested_at"]) if row["ingested_at"] else None,
        row["cost_department"],
        row["cache_hit"].lower() in TRUE,
        prompt_parts={"cache_read": cached, "cache_write": written},
        completion_parts={"output_reasoning": reasoning},
    )


def price_gateway_log(
    book: PriceBook, contracts: list[Row], log: list[Row], closings: Closings | None = None
) -> Outcome:
    """Price a gateway's log; lines are counted as in a CSV file, so the first row is line 2."""
    outcome = Outcome()
    contradicting = contradicting_contracts(book, contracts)
    contracts = [row for row in contracts if row["contract_price_id"] not in contradicting]
    delivered: dict[tuple[str, str], list[tuple[tuple, Call]]] = defaultdict(list)
    rows = [{name: value.strip() for name, value in raw.items()} for raw in log]
    decimal_columns = {
        name for name in COUNTED if column_has_decimals(row.get(name, "") for row in rows)
    }
    for line, row in enumerate(rows, start=2):
        call = read_gateway_row(row, decimal_columns)
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
        delivered[call.account, call.call_id].append((rank, call))
    for deliveries in delivered.values():
        deliveries.sort(key=lambda ranked: ranked[0])
        price_deliveries(book, contracts, [call for _, call in deliveries], outcome, closings or {})
    return outcome


def price_calls(book: PriceBook, contracts: list[Row], calls: list[Call], outcome: Outcome) -> None:
    for call in calls:
        price_deliveries(book, contracts, [call], outcome, {})


def price_deliveries(
    book: PriceBook,
    contracts: list[Row],
    deliveries: list[Call],
    outcome: Outcome,
    closings: Closings,
) -> None:
    """Price one call, of which the last delivery counts now."""
    call = deliveries[-1]
    key = (call.account, call.call_id)
    charges, reason = price_call(book, contracts, call)
    if call.is_cache_hit:
        # the gateway answered: nothing to pay, and the worth of it where that is known
        worth = sum((charge.list_cost for charge in charges), Decimal(0)) if charges else None
        outcome.avoided[key] = None if reason else worth
        return
    if reason:
        outcome.held[key] = reason
    standing = charges_by_month(book, contracts, closings, deliveries)
    if standing:
        outcome.charges[key] = sorted(standing, key=charge_order)


def charge_order(charge: Charge) -> tuple:
    return (
        charge.sku_meter,
        charge.period[2],
        charge.price_id,
        charge.charge_class or "",
        charge.list_cost,
    )
