"""Options that several commands share."""

from __future__ import annotations

from datetime import date, datetime

import click

from exporter.errors import UserError


def parse_day(
    _context: click.Context, parameter: click.Parameter, value: str | None
) -> date | None:
    """Read a UTC day such as 2026-10-31; raises UserError for anything else."""
    if value is None:
        return None
    try:
        return datetime.strptime(value, "%Y-%m-%d").date()
    except ValueError:
        raise UserError(f"{parameter.opts[0]} {value!r} is no date: write YYYY-MM-DD.") from None
