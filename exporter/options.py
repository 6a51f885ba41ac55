"""Options that several commands share, and the choices that they offer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any

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

table_or_json_option = click.option(
    "--format",
    "fmt",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="A table to read, or JSON for machines.",
)


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
    _context: click.Context, _parameter: click.Parameter, value: str | None
) -> dict[str, Any]:
    import yaml

    from exporter.project import load_project

    if not value:
        return {}
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
    known = load_project().variables
    for name in variables:
        # dbt takes no notice of a variable that nothing reads
        if name not in known:
            alike = get_close_matches(str(name), known, 1)
            choice = f"did you mean {alike[0]}?" if alike else f"there are {', '.join(known)}."
            raise UserError(f"--vars sets {name}, which is no variable of the project: {choice}")
    return variables


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
