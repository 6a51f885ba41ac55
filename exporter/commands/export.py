"""`focus-export export`: one dataset as a file."""

from __future__ import annotations

import sys
from datetime import date
from typing import Any

import click

from exporter.commands.receivers import bom_option, find_receivers, for_option, write_folders
from exporter.errors import IncompleteError, UserError
from exporter.home import Home, home_option
from exporter.options import (
    COMPRESSIONS,
    FORMATS,
    GRAINS,
    billing_period_option,
    parse_day,
    target_option,
)
from exporter.targets import DUCKDB

_SUFFIXES = {
    "csv": "csv",
    "json": "json",
    "jsonl": "jsonl",
    "ndjson": "jsonl",
    "parquet": "parquet",
}


_EXAMPLES = """\b
Examples:
  focus-export export
  focus-export export --format parquet --from 2026-01-01 --to 2026-01-31
  focus-export export --focus-version 1.2 --filter SubAccountId=research
  focus-export export --billing-period 2026-10 --grain month
  focus-export export --dataset ai-calls --format json --output calls.json
  focus-export export --for vantage
  focus-export export --target snowflake --from 2026-10-01 --to 2026-10-31
"""


def _to_filters(
    _context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]
) -> list[tuple[str, str]]:
    filters = []
    for value in values:
        column, equals, wanted = value.partition("=")
        if not equals or not column:
            raise UserError(f"--filter {value!r} has no equals sign: write --filter Column=value.")
        filters.append((column, wanted))
    return filters


@click.command(
    name="export",
    short_help="Write one dataset to a file or to standard output.",
    epilog=_EXAMPLES,
)
@home_option
@click.option(
    "--dataset",
    default="cost-and-usage",
    show_default=True,
    metavar="NAME",
    help="cost-and-usage (FOCUS, what a tool takes), contract-commitment (FOCUS), or ai-calls: a "
    "flat layout for people and older scripts, one row per call and booked month, not conformant.",
)
@click.option(
    "--focus-version",
    metavar="VERSION",
    help="FOCUS version: 1.4, 1.3, and for cost-and-usage 1.2, 1.1, 1.0  [default: the newest]",
)
@click.option(
    "--from",
    "from_date",
    metavar="YYYY-MM-DD",
    callback=parse_day,
    help="First day, inclusive, UTC, by ChargePeriodStart. Commitments are taken when their "
    "period overlaps the days.",
)
@click.option(
    "--to",
    "to_date",
    metavar="YYYY-MM-DD",
    callback=parse_day,
    help="Last day, inclusive, UTC, likewise.",
)
@billing_period_option
@click.option(
    "--format",
    "fmt",
    type=click.Choice(FORMATS),
    help="File format  [default: by the name of --output, else csv]",
)
@click.option(
    "--grain",
    type=click.Choice(GRAINS),
    default="call",
    show_default=True,
    help="One row per call and price, or those rows summed by day or month.",
)
@click.option(
    "--filter",
    "filters",
    metavar="COLUMN=VALUE",
    callback=_to_filters,
    multiple=True,
    help="Keep the rows with this value; an empty value means null. Where FOCUS lists a column's "
    "values, any case will do. Repeatable: several values of one column are alternatives, several "
    "columns must all fit.",
)
@click.option("--columns", metavar="A,B,C", help="Only these columns, in this order.")
@click.option(
    "--compress",
    type=click.Choice(COMPRESSIONS),
    help="Compress CSV, JSON or JSON lines  [default: by the name of --output (.gz, .zst)]",
)
@click.option(
    "--safe-csv/--no-safe-csv",
    default=None,
    help="Put a ' before CSV text that a spreadsheet could run as a formula  [default: on for "
    "ai-calls, off for FOCUS datasets]",
)
@bom_option
@for_option
@click.option(
    "--output",
    metavar="PATH|-",
    help="File, folder, or - for standard output; in a folder, a part of the rows has a name of "
    "its own, and a receiver a folder  [default: the home's exports/ folder]",
)
@target_option
@click.option(
    "--strict", is_flag=True, help="Exit 3 when calls are not priced yet or lines can't be read."
)
@click.pass_context
def command(
    context: click.Context,
    /,
    home: Home,
    dataset: str,
    focus_version: str | None,
    from_date: date | None,
    to_date: date | None,
    billing_period: date | None,
    fmt: str | None,
    grain: str,
    filters: list[tuple[str, str]],
    columns: str | None,
    compress: str | None,
    safe_csv: bool | None,
    bom: bool,
    receivers: tuple[str, ...],
    output: str | None,
    target: str,
    strict: bool,
) -> None:
    """Write one dataset of the published build to a file, with a manifest beside it.

    With --for a folder is written instead, as a FinOps tool or a warehouse takes it: whole billing
    months, each put in place of the former one.

    With --target snowflake or bigquery the rows are those of the warehouse.

    The same build and options give the same bytes. Nothing stands under the file's name until
    it is whole.
    """
    from exporter.extract.files import STDOUT, export_dataset

    if receivers:
        found = find_receivers(context, receivers)
        if found is None:
            return
        if output == STDOUT:
            raise UserError("--for writes a folder: name one with --output, or leave it away.")
        # the same is missing of each
        written = write_folders(home, found, output, target, billing_period=billing_period)
        _say_gaps(written[0].manifest, target, strict)
        return
    names = None
    if columns is not None:
        names = [name.strip() for name in columns.split(",") if name.strip()]
        if not names:
            raise UserError("--columns names no column: write --columns BilledCost,ServiceName.")
    # a closed standard output is None
    stdout = sys.stdout.buffer if output == STDOUT and sys.stdout is not None else None
    if output == STDOUT and stdout is None:
        raise UserError("Standard output is closed: name a file with --output.")
    guessed_format, guessed_compression = _guess(output)
    result = export_dataset(
        home,
        dataset,
        focus_version,
        fmt or guessed_format,
        output,
        from_date,
        to_date,
        grain=grain,
        filters=filters,
        columns=names,
        compress=compress or guessed_compression,
        safe_csv=safe_csv,
        bom=bom,
        stdout=stdout,
        target=target,
        billing_period=billing_period,
    )
    rows = f"{result.manifest['rows']:,} rows"
    if result.path is None:
        click.echo(f"{rows} to standard output, without a manifest.", err=True)
    else:
        click.echo(f"{result.path}: {rows}", err=True)
    for missing in result.unmatched:
        # values are the data's: none of them may steer a terminal
        shown = [it if it.isprintable() else repr(it) for it, _ in missing.nearest]
        nearest = f": the nearest values are {', '.join(shown)}" if shown else ""
        click.echo(f"No row has {missing.name}={missing.value}{nearest}.", err=True)
    _say_gaps(result.manifest, target, strict)


def _say_gaps(manifest: dict[str, Any], target: str, strict: bool) -> None:
    """Say what is missing; raises IncompleteError where the user asked for completeness."""
    from exporter.extract.manifest import describe_gaps

    if target != DUCKDB and manifest["build"]["build_id"] is None:
        click.echo(
            f"The target {target} names no finished build, as after plain dbt or a failure: "
            "its tables may be of several.",
            err=True,
        )
    gaps = describe_gaps(manifest)
    if gaps and strict:
        raise IncompleteError(f"The extract was written, but {gaps}.")
    if gaps:
        click.echo(f"Incomplete: {gaps}.", err=True)


def _guess(output: str | None) -> tuple[str, str | None]:
    """Tell format and compression by the name of the output."""
    parts = (output or "").lower().rsplit("/", 1)[-1].split(".")[1:]
    compression = {"gz": "gzip", "zst": "zstd"}.get(parts[-1]) if parts else None
    if compression:
        parts.pop()
    return (_SUFFIXES.get(parts[-1], "csv") if parts else "csv"), compression
