"""What is in no total, and until when usage is known, said in words: one way for every reader."""

from __future__ import annotations

from datetime import datetime, timezone
from decimal import Decimal

from exporter.extract.coverage import Missing

_SMALLEST_SHOWN = Decimal("0.01")


def money_text(cost: Decimal) -> str:
    """Write an amount with two places; one too small for them is never nothing."""
    if 0 < cost < _SMALLEST_SHOWN:
        return "< 0.01"
    if -_SMALLEST_SHOWN < cost < 0:
        return "> -0.01"
    return f"{cost:,.2f}"


def exact_text(cost: Decimal) -> str:
    """Write an amount with all its digits, without an exponent or trailing zeros."""
    text = f"{cost:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def day_text(moment: datetime) -> str:
    """Write a day for people: 31 Oct 2026."""
    return f"{moment.day} {moment:%b %Y}"


def describe_cost(missing: Missing) -> str:
    """Say what the missing calls cost as far as their sources say so."""
    if missing.stated_cost is None:
        return "of unknown cost"
    stated = f"about {money_text(missing.stated_cost)} {missing.currency} as the source states"
    unknown = f"; {missing.unknown_calls:,} of unknown cost" if missing.unknown_calls else ""
    return f"{stated}{unknown}"


def describe_usage(until: datetime | None, finished_at: str | None) -> str | None:
    """Say until when there is usage, and when the build was made, where that is known."""
    if until is None:
        return None
    said = f"Usage until {day_text(until)} {until:%H:%M} UTC"
    if finished_at is None:
        return f"{said}."
    built = datetime.fromisoformat(finished_at.replace("Z", "+00:00")).astimezone(timezone.utc)
    return f"{said}, built {day_text(built)}."
