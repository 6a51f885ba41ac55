"""The command `run`."""

from __future__ import annotations

import os
from datetime import date
from typing import Any

import click

from exporter.commands.receivers import bom_option, find_receivers, for_option, write_folders
from exporter.datasets import DATASETS, FOCUS_IDS
from exporter.errors import IncompleteError, UserError
from exporter.home import Home, home_option, settings_of
from exporter.options import FORMATS, GRAINS, billing_period_option, build_options, parse_day
from exporter.targets import DUCKDB


@click.command(name="run")
@build_options
@click.option(
    "--from",
    "from_date",
    callback=parse_day,
    metavar="DATE",
    help="First day of the extracts (UTC).",
)
@click.option(
    "--to",
    "to_date",
    callback=parse_day,
    metavar="DATE",
    help="Last day of the extracts, inclusive (UTC).",
)
@billing_period_option
@click.option(
    "--grain",
    type=click.Choice(GRAINS),
    default="call",
    show_default=True,
    help="Cost and Usage by call and price, or summed by day or month.",
)
@click.option(
    "--focus-version",
    metavar="VERSION",
    help="FOCUS version of the extracts: 1.4 to 1.0  [default: the newest]",
)
@click.option(
    "--format",
    "formats",
    type=click.Choice(FORMATS),
    multiple=True,
    default=["csv"],
    show_default=True,
    help="Format of the extracts; may be given several times.",
)
@bom_option
@for_option
@home_option
@click.pass_context
def command(
    context: click.Context,
    /,
    home: Home,
    dry_run: bool,
    from_date: date | None,
    to_date: date | None,
    billing_period: date | None,
    grain: str,
    focus_version: str | None,
    formats: tuple[str, ...],
    bom: bool,
    receivers: tuple[str, ...],
    quiet: bool,
    verbose: bool,
    strict: bool,
    **options: Any,
) -> None:
    """Build the datasets, then write the extracts to exports/: the main job.

    Without arguments it builds the synthetic demo. With --for the folders of receivers are written
    in place of the extracts. What is typed every time can stand in the home's
    ai_focus.yml, as `focus-export build --help` says.
    """
    if from_date and to_date and from_date > to_date:
        raise UserError(f"--from {from_date} lies after --to {to_date}: swap the two dates.")
    settings = settings_of(context)
    asked = os.environ.get("AI_FOCUS_TARGET")
    target = asked or settings.values.get("target", DUCKDB)
    if target != DUCKDB:
        place = "AI_FOCUS_TARGET" if asked else settings.place("target")
        raise UserError(
            f"{place} is {target!r}, but `run` writes its extracts from DuckDB only: "
            "unset it, or use `focus-export build`."
        )
    found = find_receivers(context, receivers) if receivers else []
    if found is None:
        return
    if bom and set(formats) != {"csv"}:
        raise UserError("--bom is for CSV alone: leave it or the other formats away.")
    from exporter.build import report
    from exporter.build.build import BuildRequest, run_build, say, show_plan
    from exporter.build.totals import read_totals
    from exporter.extract.files import export_dataset
    from exporter.extract.selection import check_built, choose

    request = BuildRequest(quiet=quiet, verbose=verbose, strict=strict, **options)
    if dry_run:
        show_plan(home, request)
        return
    # a version that doesn't exist is said before the build
    version = choose("cost-and-usage", focus_version, "call")[1]
    check_built(version, options["variables"])
    result = run_build(home, request)
    files = []
    for dataset in () if found else FOCUS_IDS:
        if version not in DATASETS[dataset].versions:
            say(f"Note: FOCUS {version} has no dataset {dataset}; no file of it was written.")
            continue
        for fmt in dict.fromkeys(formats):
            exported = export_dataset(
                home,
                dataset,
                version,
                fmt,
                from_date=from_date,
                to_date=to_date,
                # commitments have one grain
                grain=grain if grain in DATASETS[dataset].relations else "call",
                billing_period=billing_period,
                bom=bom,
            )
            files.append((str(exported.path), f"{int(exported.manifest['rows']):,}"))
    write_folders(home, found, billing_period=billing_period, quiet=quiet)
    for note in result.notes:
        say(f"Note: {note}")
    assert result.database is not None  # noqa: S101
    totals = read_totals(result.database)
    if not quiet:
        click.echo(f"{result}\n")
        lines = report.describe(totals, result.set_aside, result.finished_at, verbose=verbose)
        click.echo("\n".join(lines) + "\n")
        width = max((len(rows) for _, rows in files), default=0)
        for path, rows in files:
            click.echo(f"{rows:>{width}} rows in {path}")
    lacks = report.describe_incomplete(
        totals, result.set_aside, is_demo=result.is_demo, verbose=verbose
    )
    incomplete = [*result.moved, *lacks]
    for line in incomplete:
        say(line)
    if strict and incomplete:
        raise IncompleteError("The extracts are written but not complete, and --strict was given.")
    report.check_set_aside(result.set_aside)
