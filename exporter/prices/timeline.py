"""What a price is for, and since when it holds.

Prices are exact decimals and are compared, never calculated with. Instants are UTC without a zone.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

EFFECTIVE = "effective"
VERIFIED_ON = "verified_on"
UNKNOWN = "unknown"
BASES = (EFFECTIVE, VERIFIED_ON, UNKNOWN)
# decimal(20, 12), the type of a price
DECIMALS = 12
WHOLE_DIGITS = 8


@dataclass(frozen=True, order=True)
class Key:
    """What a price is for; its rows follow each other in time. A source names no region."""

    provider: str
    model: str
    meter: str
    service_tier: str = "standard"
    processing_mode: str = "realtime"
    context_threshold: int = 0
    context_inclusive: bool = False
    daily_window_start: str = ""
    daily_window_end: str = ""
    weekdays: str = ""
    region_id: str = ""

    @property
    def without_place(self) -> Key:
        """The key without region and weekdays, which most sources don't name."""
        return replace(self, region_id="", weekdays="")

    def describe(self) -> str:
        """Name the key in words; what is ordinary is left out."""
        words = [self.provider, self.model, self.meter]
        words += [self.service_tier] if self.service_tier != "standard" else []
        words += [self.processing_mode] if self.processing_mode != "realtime" else []
        if self.context_threshold:
            sign = ">=" if self.context_inclusive else ">"
            words.append(f"context {sign} {self.context_threshold}")
        if self.daily_window_start:
            words.append(f"{self.daily_window_start}-{self.daily_window_end} UTC")
        words += [f"weekdays {self.weekdays}"] if self.weekdays else []
        words += [self.region_id] if self.region_id else []
        return " ".join(words)


@dataclass(frozen=True)
class Segment:
    """A price from a start until the next segment of its key; None is open to the past."""

    start: datetime | None
    # None where the key ends
    price: Decimal | None
    basis: str = UNKNOWN

    def describe(self) -> str:
        """Say since when the price holds."""
        return f"{day_text(self.start)} {self.basis}" if self.start else self.basis


Timeline = list[Segment]


def segment_at(timeline: Timeline, instant: datetime) -> Segment | None:
    """Give the segment in force; the first one is open to the past unless its date is effective."""
    starts = [segment.start or datetime.min for segment in timeline]
    if timeline and timeline[0].basis != EFFECTIVE:
        starts[0] = datetime.min
    position = bisect_right(starts, instant)
    return timeline[position - 1] if position else None


def has_price(timeline: Timeline, instant: datetime) -> bool:
    """Tell whether a price is in force, or announced for later."""
    later = [one for one in timeline if one.start is not None and one.start > instant]
    return any(one and one.price is not None for one in (segment_at(timeline, instant), *later))


def price_text(price: Decimal | None) -> str:
    """Write a price without exponent and without zeros at its end; no price is empty."""
    text = "" if price is None else f"{price:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def day_text(instant: datetime | None) -> str:
    """Write an instant as a day where it is midnight; no instant is empty."""
    if instant is None:
        return ""
    is_midnight = instant.time() == datetime.min.time()
    return (instant.date() if is_midnight else instant).isoformat()


def fits(price: Decimal) -> bool:
    """Tell whether a price fits the type of prices without being rounded."""
    return (
        price.is_finite()
        and 0 <= price < Decimal(10) ** WHOLE_DIGITS
        and price == price.quantize(Decimal(1).scaleb(-DECIMALS))
    )
