"""Options that several commands share, and the choices that they offer."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import click

from exporter.errors import UserError

FORMATS = ("csv", "json", "jsonl", "parquet")
COMPRESSIONS = ("gzip", "zstd")
GRAINS = ("call", "day")

raw_dir_option = click.option(
    "--raw-dir",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Read your own files: DIR/gateway/, DIR/litellm/ … (default: the synthetic demo).",
)
source_option = click.option(
    "--source", "sources", multiple=True, metavar="NAME", help="Build this usage source only."
)


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
