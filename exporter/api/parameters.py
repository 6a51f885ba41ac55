"""Reads the parameters that are no plain text; a mistake is a RequestError that names it."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone

from exporter.api.problems import invalid
from exporter.focus.schemas import VERSIONS

PAGE_SIZE = 1_000
LARGEST_PAGE = 10_000
# characters of a filter's value
LONGEST_VALUE = 1_024

# RFC 3339: full-date, or date-time with a leap second and any number of decimals
_MOMENT = re.compile(
    r"(\d{4}-\d{2}-\d{2})(?:[Tt](\d{2}:\d{2}):(\d{2})(\.\d+)?([Zz]|[+-]\d{2}:\d{2}))?", re.ASCII
)


def read_moment(name: str, value: str) -> str:
    """Read a moment of RFC 3339; gives it as UTC text. A date alone is its first moment."""
    found = _MOMENT.fullmatch(value)
    hint = "write a date and time as in RFC 3339, such as 2026-10-01T00:00:00Z"
    if " " in value:
        hint += ", and in an address %2B for the + of an offset"
    if found is None:
        raise invalid(name, hint)
    day, clock, second, decimals, offset = found.groups()
    try:
        if clock is None:
            moment = datetime.fromisoformat(f"{day}T00:00:00+00:00")
        else:
            # a leap second is the first of the next minute
            leap = second == "60"
            micros = ((decimals or ".")[1:] + "000000")[:6]
            zone = "+00:00" if offset in ("Z", "z") else offset
            moment = datetime.fromisoformat(
                f"{day}T{clock}:{'59' if leap else second}.{micros}{zone}"
            ) + timedelta(seconds=1 if leap else 0)
    except (ValueError, OverflowError):
        raise invalid(name, hint) from None
    try:
        moment = moment.astimezone(timezone.utc)
    except OverflowError:
        moment = moment.replace(tzinfo=timezone.utc)
    return moment.isoformat()


def read_page_size(value: str | None) -> int | None:
    """Read the number of rows of a page."""
    if value is None:
        return None
    if not re.fullmatch(r"\d{1,5}", value, re.ASCII) or not 1 <= int(value) <= LARGEST_PAGE:
        raise invalid("pageSize", f"write a whole number from 1 to {LARGEST_PAGE}")
    return int(value)


def read_version(value: str | None, default: str) -> str:
    """Read a FOCUS version."""
    version = default if value is None else value
    if version not in VERSIONS:
        raise invalid("focusVersion", f"choose one of {', '.join(VERSIONS)}")
    return version


def check_length(name: str, value: str) -> None:
    """Refuse a filter's value that no column can hold."""
    if len(value) > LONGEST_VALUE:
        raise invalid(name, f"has more than {LONGEST_VALUE} characters")


def read_day(name: str, value: str | None) -> date | None:
    """Read a UTC day such as 2026-10-31."""
    if value is None:
        return None
    try:
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII):
            raise ValueError(value)
        return date.fromisoformat(value)
    except ValueError:
        raise invalid(name, "write a day as YYYY-MM-DD") from None


def read_safe_csv(value: str | None, fmt: str) -> bool | None:
    """Read whether a CSV file's text is kept from being run as formulas; None: not said."""
    if value not in (None, "true", "false"):
        raise invalid("safeCsv", "write true or false")
    if value == "true" and fmt != "csv":
        raise invalid("safeCsv", f"is for CSV, not for {fmt}: leave it away")
    return None if value is None else value == "true"


def read_names(name: str, value: str | None, offered: tuple[str, ...]) -> list[str]:
    """Read names with commas between them, each one of those offered."""
    names = [] if value is None else value.split(",")
    unknown = next((it for it in names if it not in offered), None)
    if unknown is not None:
        raise invalid(name, f"{unknown[:64]!r} is none of {', '.join(offered)}")
    return names
