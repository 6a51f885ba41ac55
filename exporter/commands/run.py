"""The command `run`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from exporter.errors import UserError
from exporter.home import Home, home_option

VERSIONS = ("1.4", "1.3", "1.2", "1.1", "1.0")
# dataset -> the FOCUS versions that have it, newest first
DATASETS = {"cost-and-usage": VERSIONS, "contract-commitment": ("1.4", "1.3")}
FORMATS = ("csv", "json", "jsonl", "parquet")
_DATE = click.DateTime(["%Y-%m-%d"])


@click.command(name="run")
@click.option(
    "--raw-dir",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Read your own files: DIR/gateway/, DIR/litellm/ … (default: the synthetic demo).",
)
@click.option(
    "--source", "sources", multiple=True, metavar="NAME", help="Build this usage source only."
)
@click.option("--from", "from_date", type=_DATE, help="First day of the extracts (UTC).")
@click.option("--to", "to_date", type=_DATE, help="Last day of the extracts, inclusive (UTC).")
@click.option(
    "--focus-version",
    type=click.Choice(VERSIONS),
    default=VERSIONS[0],
    show_default=True,
    help="FOCUS version of the extracts.",
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
    from_date: datetime | None,
    to_date: datetime | None,
    focus_version: str,
    formats: tuple[str, ...],
) -> None:
    """Build the datasets, then write the extracts to exports/: the main job.

    Without arguments it builds the synthetic demo.
    """
    if from_date and to_date and from_date > to_date:
        raise UserError(
            f"--from {from_date:%Y-%m-%d} is after --to {to_date:%Y-%m-%d}: exchange the two."
        )
    from exporter import marts, summary
    from exporter.build import BuildRequest, run_build, say
    from exporter.export import export_dataset

    result = run_build(home, BuildRequest(raw_dir=raw_dir, sources=sources))
    files = []
    for dataset, versions in DATASETS.items():
        if focus_version not in versions:
            say(f"Note: FOCUS {focus_version} has no dataset {dataset}; it was not written.")
            continue
        for fmt in dict.fromkeys(formats):
            name = f"focus_{dataset.replace('-', '_')}.{fmt}"
            exported = export_dataset(
                home,
                dataset,
                focus_version,
                fmt,
                home.exports / name,
                from_date.date() if from_date else None,
                to_date.date() if to_date else None,
            )
            files.append((str(exported.path), f"{int(exported.manifest['rows']):,}"))
    for note in result.notes:
        say(f"Note: {note}")
    assert result.database is not None  # noqa: S101
    totals = marts.read_totals(result.database)
    click.echo(f"Published build {result.build_id} after {result.seconds:.0f} s.\n")
    click.echo("\n".join(summary.describe(totals)) + "\n")
    width = max(len(rows) for _, rows in files)
    for path, rows in files:
        click.echo(f"{rows:>{width}} rows in {path}")
    for line in summary.describe_incomplete(totals, result.database):
        say(line)
