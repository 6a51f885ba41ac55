"""`focus-export load`: raw files into the raw tables of a warehouse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from exporter.home import Home, home_option
from exporter.options import set_aside_option, target_option, variables_option

_EXAMPLES = """\b
Examples:
  focus-export load gateway calls-2026-11.jsonl.gz --target snowflake
  focus-export load litellm logs/ --target bigquery
  focus-export load contracts contracts.csv --replace --target snowflake
  focus-export load --raw-dir raw --target snowflake
"""


@click.command(
    name="load", short_help="Load raw files into a warehouse's raw tables.", epilog=_EXAMPLES
)
@home_option
@click.argument("source", required=False)
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--raw-dir",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Load all files of a raw folder: DIR/gateway/, DIR/litellm/ …",
)
@set_aside_option
@target_option
@click.option("--replace", is_flag=True, help="Empty the raw tables of these files first.")
@variables_option(": raw_schema and raw_database say where the tables are")
def command(
    home: Home,
    source: str | None,
    files: tuple[Path, ...],
    raw_dir: Path | None,
    set_aside: bool,
    target: str,
    replace: bool,
    variables: dict[str, Any],
) -> None:
    """Load FILES, or the files of folders, into a warehouse's raw tables of SOURCE.

    SOURCE is gateway, litellm, contracts, commitments … as in a raw folder; --raw-dir loads all of
    one. Tables that are not
    there are made. Rows are added: what is delivered twice counts once, so a file may be loaded
    again. The files of one table are loaded whole or not at all.
    """
    from exporter.build import report
    from exporter.build.build import say
    from exporter.warehouse.load import LoadRequest, load_files

    request = LoadRequest(target, source, files, raw_dir, replace, set_aside, variables)
    result = load_files(home, request)
    for note in result.notes:
        say(f"Note: {note}")
    if result.made:
        say(f"Made {len(result.made)} empty raw tables: {', '.join(result.made)}.")
    for load in result.loads:
        replaced = f" in place of {load.replaced:,}" if replace else ""
        click.echo(f"{load.relation}: loaded {load.rows:,} rows{replaced}.")
    if result.loads:
        tables = ", ".join(load.table for load in result.loads)
        known = "true" if result.is_complete else f"[{tables}]"
        say(
            f"Build with --target {target} --vars '{{raw_has_lines: {known}}}', so that "
            "unreadable lines name their file."
        )
    for line in report.describe_set_aside(result.set_aside):
        say(line)
    report.check_set_aside(result.set_aside)
