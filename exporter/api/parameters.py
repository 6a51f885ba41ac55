"""Reads the parameters that are no plain text; a mistake is a RequestError that names it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime, timedelta, timezone

from exporter.api.problems import invalid
from exporter.focus.schemas import VERSIONS
from exporter.options import read_month

PAGE_SIZE = 1_000
LARGEST_PAGE = 10_000
# characters of a filter's value
LONGEST_VALUE = 1_024
# names in a list of them, each as it is or, where it holds a comma, in double quotes
MOST_NAMES = 12
_NAME = r'(?:"(?:[^"]|"")*"|[^",][^,]*)'

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


def read_billing_period(name: str, value: str) -> str:
    """Read a month such as 2026-10; gives its first moment as UTC text."""
    month = read_month(value)
    if month is None:
        raise invalid(name, "write a month as YYYY-MM")
    return f"{month} 00:00:00"


def read_page_size(value: str | None) -> int | None:
    """Read the number of rows of a page."""
    return read_count("pageSize", value, LARGEST_PAGE)


def read_count(name: str, value: str | None, most: int) -> int | None:
    """Read a whole number from 1 on."""
    if value is None:
        return None
    if not re.fullmatch(r"\d{1,5}", value, re.ASCII) or not 1 <= int(value) <= most:
        raise invalid(name, f"write a whole number from 1 to {most}")
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
    is_safe = read_flag("safeCsv", value)
    if is_safe and fmt != "csv":
        raise invalid("safeCsv", f"is for CSV, not for {fmt}: leave it away")
    return None if value is None else is_safe


def read_flag(name: str, value: str | None) -> bool:
    """Read what is true or false; false where it is not given."""
    if value not in (None, "false", "true"):
        raise invalid(name, "write true or false")
    return value == "true"


def read_names(name: str, value: str | None, offered: tuple[str, ...], prefix: str) -> list[str]:
    """Read names with commas between them: each one of those offered, or the prefix and a text.

    As in CSV, a name in double quotes may hold commas, and quotes twice.
    """
    if value is None:
        return []
    check_length(name, value)
    if not re.fullmatch(f"{_NAME}(?:,{_NAME})*", value):
        raise invalid(name, "write names with commas between them")
    found = re.findall(_NAME, value)
    names = [it[1:-1].replace('""', '"') if it[0] == '"' else it for it in found]
    if len(names) > MOST_NAMES:
        raise invalid(name, f"has more than {MOST_NAMES} names")
    for it in names:
        if it not in offered and not (it.startswith(prefix) and it != prefix):
            raise invalid(name, f"{it[:64]!r} is none of {', '.join(offered)}, {prefix}KEY")
    return names


def write_names(names: Iterable[str]) -> str:
    """Write names as read_names takes them."""
    return ",".join('"' + name.replace('"', '""') + '"' for name in names)
