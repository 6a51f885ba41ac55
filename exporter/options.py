"""Options that several commands share, and the choices that they offer."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from exporter.errors import UserError
from exporter.home import settings_of

FORMATS = ("csv", "json", "jsonl", "parquet")
COMPRESSIONS = ("gzip", "zstd")
GRAINS = ("call", "day", "month")

raw_dir_option = click.option(
    "--raw-dir",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Read your own files: DIR/gateway/, DIR/litellm/ … (default: the synthetic demo).",
)
source_option = click.option(
    "--source", "sources", multiple=True, metavar="NAME", help="Build this usage source only."
)
set_aside_option = click.option(
    "--set-aside",
    is_flag=True,
    help="Go on without usage logs that can't be read; exit 3 and name them.",
)
dry_run_option = click.option(
    "--dry-run", is_flag=True, help="Show what would be read of the raw folder; build nothing."
)
target_option = click.option(
    "--target",
    envvar="AI_FOCUS_TARGET",
    default="duckdb",
    show_default=True,
    metavar="NAME",
    help="Target of profiles.yml: duckdb, snowflake or bigquery (AI_FOCUS_TARGET).",
)

wait_option = click.option(
    "--wait",
    type=click.FloatRange(min=0),
    default=0,
    metavar="SECONDS",
    help="How long to wait while another build of the home runs  [default: 0; then exit 4]",
)


def _to_threads(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> int | None:
    if not value:
        return None
    if value.isascii() and value.isdecimal() and int(value) > 0:
        return int(value)
    source = context.get_parameter_source(parameter.name or "")
    name = "AI_FOCUS_THREADS" if source is ParameterSource.ENVIRONMENT else "--threads"
    raise UserError(f"{name} is {value!r}: give a whole number of 1 or more.")


def build_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add what every command takes that builds."""
    options = (
        raw_dir_option,
        source_option,
        set_aside_option,
        dry_run_option,
        variables_option(""),
        click.option(
            "--threads",
            envvar="AI_FOCUS_THREADS",
            callback=_to_threads,
            metavar="N",
            help="How many models dbt builds at once (AI_FOCUS_THREADS).",
        ),
        wait_option,
        click.option("--quiet", "-q", is_flag=True, help="No progress and no summary."),
        click.option(
            "--verbose",
            "-v",
            is_flag=True,
            help="Also one line per model and test, and how well the prices are known.",
        ),
        click.option(
            "--strict",
            is_flag=True,
            help="Exit 3 when calls are not priced yet, cost otherwise than the log says for no "
            "known reason, or lines can't be read; publish nothing when a "
            "closed month is another one than in the build before.",
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function


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
public_url_option = click.option(
    "--public-url",
    envvar="AI_FOCUS_PUBLIC_URL",
    metavar="URL",
    callback=lambda _context, _parameter, value: _read_public_url(value),
    help="Where clients reach the server, such as https://host/prefix, for links "
    "(AI_FOCUS_PUBLIC_URL; default: what each request says).",
)
rate_option = click.option(
    "--rate",
    type=click.IntRange(0),
    default=600,
    show_default=True,
    help="Requests a minute that each token may make; 0: any number.",
)

table_or_json_option = click.option(
    "--format",
    "fmt",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="A table to read, or JSON for machines.",
)


def _read_public_url(value: str | None) -> str | None:
    if not value:
        return None
    if not re.fullmatch(r"https?://[A-Za-z0-9.\-]+(:\d+)?(/[\w.~\-]+)*/?", value, re.ASCII):
        raise UserError(
            f"--public-url {value!r} is no address of a server: give one such as "
            "https://example.com or https://example.com/focus."
        )
    return f"{value.removesuffix('/')}/"


def variables_option(purpose: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add `--vars` to a command; the command receives it as a dict named `variables`."""
    return click.option(
        "--vars",
        "variables",
        callback=_parse_variables,
        metavar="YAML",
        help=f"Variables of the dbt project, as a YAML or JSON mapping{purpose}.",
    )


def _parse_variables(
    context: click.Context, _parameter: click.Parameter, value: str | None
) -> dict[str, Any]:
    import yaml

    filed = settings_of(context)
    known = filed.values.get("vars") or {}
    if known:
        _check_variables(filed.place("vars"), known)
    if not value:
        return dict(known)
    try:
        variables = yaml.safe_load(value)
    except yaml.YAMLError:
        variables = None
    except ValueError as error:  # a date that no calendar has
        raise UserError(f"--vars can't be read: {error}.") from None
    if not isinstance(variables, dict):
        raise UserError(
            "--vars is no mapping: write it as YAML or JSON, such as '{resource_id: none}'."
        )
    _check_variables("--vars", variables)
    return {**known, **variables}


def _check_variables(place: str, variables: dict[str, Any]) -> None:
    from exporter.project import load_project

    known = load_project().variables
    for name in variables:
        # dbt takes no notice of a variable that nothing reads
        if name not in known:
            alike = get_close_matches(str(name), known, 1)
            choice = f"did you mean {alike[0]}?" if alike else f"there are {', '.join(known)}."
            raise UserError(f"{place} sets {name}, which is no variable of the project: {choice}")


def parse_month(
    _context: click.Context, parameter: click.Parameter, value: str | None
) -> date | None:
    """Read a month such as 2026-10 as its first day; raises UserError for anything else."""
    if value is None:
        return None
    month = read_month(value)
    if month is None:
        raise UserError(f"{parameter.opts[0]} {value!r} is no month: write YYYY-MM.")
    return month


def read_month(text: str) -> date | None:
    """Read a month such as 2026-10 as its first day; None for anything else."""
    if not re.fullmatch(r"(?:19|2\d)\d\d-(?:0[1-9]|1[0-2])", text, re.ASCII):
        return None
    return date(int(text[:4]), int(text[5:]), 1)


# what commands take that write extracts
billing_period_option = click.option(
    "--billing-period",
    callback=parse_month,
    metavar="YYYY-MM",
    help="The month in which rows are booked, whenever their usage was; --from and --to go by the "
    "usage. Commitments are taken when their period overlaps it.",
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
