"""The words that people read in place of names of the models; docs/words.md explains each."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

# why a call is not priced yet: hold_reason of the models
HOLD_REASONS = {
    "unknown_model": "model not in the price book",
    "usage_missing": "no token counts in the log",
    "unknown_usage": "a count that nothing here prices",
    "billed_elsewhere": "paid with the caller's own login",
    "cost_not_metered": "a cost that no count explains",
    "no_price_for_meter": "no price for one kind of usage",
    "no_price_at_time": "no price for its time or region",
    "no_exchange_rate": "no exchange rate",
    "capacity_paid": "paid as reserved capacity",
    "other_meter_unpriced": "another part of its call has no price",
}


def reason_text(reason: str) -> str:
    """Say a hold_reason in words; one that a later model gives is at least readable."""
    return HOLD_REASONS.get(reason, reason.replace("_", " "))


def count_text(number: int, one: str, many: str = "") -> str:
    """Write a number of things: "1 line", "2,000 lines"."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def cut_share(
    part: int | Decimal | None, whole: int | Decimal | None, places: int
) -> Decimal | None:
    """Cut a share off after some places, so that 1 means all.

    What is less than nothing or more than all, as it may be beside refunds, is no share.
    """
    if part is None or not whole or not 0 <= part <= whole:
        return None
    return Decimal(Fraction(part) * 10**places // Fraction(whole)).scaleb(-places)
