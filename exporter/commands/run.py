"""The command `run`."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import click

from exporter.datasets import DATASETS, FOCUS_IDS
from exporter.errors import UserError
from exporter.home import Home, home_option
from exporter.options import FORMATS, parse_day, raw_dir_option, source_option


@click.command(name="run")
@raw_dir_option
@source_option
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
@home_option
def command(
    home: Home,
    raw_dir: Path | None,
    sources: tuple[str, ...],
    from_date: date | None,
    to_date: date | None,
    focus_version: str | None,
    formats: tuple[str, ...],
) -> None:
    """Build the datasets, then write the extracts to exports/: the main job.

    Without arguments it builds the synthetic demo.
    """
    if from_date and to_date and from_date > to_date:
        raise UserError(f"--from {from_date} lies after --to {to_date}: swap the two dates.")
    target = os.environ.get("AI_FOCUS_TARGET") or "duckdb"
    if target != "duckdb":
        raise UserError(
            f"AI_FOCUS_TARGET is {target!r}, but `run` writes its extracts from DuckDB only: "
            "unset it, or use `focus-export build`."
        )
    from exporter.build import report
    from exporter.build.build import BuildRequest, run_build, say
    from exporter.build.totals import read_totals
    from exporter.extract.files import export_dataset
    from exporter.extract.selection import choose

    # a version that doesn't exist is said before the build
    version = choose("cost-and-usage", focus_version, "call")[1]
    result = run_build(home, BuildRequest(raw_dir=raw_dir, sources=sources))
    files = []
    for dataset in FOCUS_IDS:
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
            )
            files.append((str(exported.path), f"{int(exported.manifest['rows']):,}"))
    for note in result.notes:
        say(f"Note: {note}")
    assert result.database is not None  # noqa: S101
    totals = read_totals(result.database)
    click.echo(f"{result}\n")
    click.echo("\n".join(report.describe(totals)) + "\n")
    width = max(len(rows) for _, rows in files)
    for path, rows in files:
        click.echo(f"{rows:>{width}} rows in {path}")
    for line in report.describe_incomplete(totals):
        say(line)
