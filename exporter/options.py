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
target_option = click.option(
    "--target",
    envvar="AI_FOCUS_TARGET",
    default="duckdb",
    show_default=True,
    metavar="NAME",
    help="Target of profiles.yml: duckdb, snowflake or bigquery (AI_FOCUS_TARGET).",
)

# seconds between two looks for a new build in a warehouse
REFRESH = 60
refresh_option = click.option(
    "--refresh",
    type=click.IntRange(1, 86_400),
    default=REFRESH,
    show_default=True,
    metavar="SECONDS",
    help="With a warehouse: how often to look whether it has a new build.",
)

host_option = click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to listen on."
)
tokens_option = click.option(
    "--tokens",
    "token_file",
    type=click.Path(path_type=Path),
    envvar="AI_FOCUS_TOKENS",
    metavar="FILE",
    help="File of hashed tokens with their scopes (AI_FOCUS_TOKENS); docs/api.md tells its form.",
)
rate_option = click.option(
    "--rate",
    type=click.IntRange(0),
    default=600,
    show_default=True,
    help="Requests a minute that each token may make; 0: any number.",
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
