"""The command `build`."""

from __future__ import annotations

from typing import Any

import click

from exporter.errors import IncompleteError
from exporter.home import Home, home_option
from exporter.options import build_options, target_option


@click.command(name="build")
@build_options
@target_option
@click.option("--full-refresh", is_flag=True, help="Rebuild incremental models of the target.")
@home_option
def command(
    home: Home, quiet: bool, verbose: bool, strict: bool, dry_run: bool, **options: Any
) -> None:
    """Build the datasets and publish them whole or not at all.

    A warehouse (--target) is built in place, from raw tables that `focus-export load` or another
    loader has filled. A build that fails or is stopped leaves the last published one as it is.

    What is typed with every build can stand in the home's ai_focus.yml: vars, raw_dir, source,
    target, threads, memory_limit, storage_version, strict; receivers of one's own for --for too. An
    option goes before the environment, and that before the file; vars are put together, key by key.
    """
    from exporter.build import report
    from exporter.build.build import BuildRequest, run_build, say, show_plan
    from exporter.build.totals import ask_totals, read_totals

    request = BuildRequest(quiet=quiet, verbose=verbose, strict=strict, **options)
    if dry_run:
        show_plan(home, request)
        return
    result = run_build(home, request)
    for note in result.notes:
        say(f"Note: {note}")
    if result.database is not None:
        totals = read_totals(result.database)
    else:
        from exporter.project import load_project
        from exporter.warehouse.connection import open_warehouse

        with open_warehouse(options["target"], load_project()) as warehouse:
            totals = ask_totals(warehouse)
    if not quiet:
        click.echo(f"{result}\n")
        lines = report.describe(totals, result.set_aside, result.finished_at, verbose=verbose)
        click.echo("\n".join(lines))
    lacks = report.describe_incomplete(
        totals, result.set_aside, is_demo=result.is_demo, verbose=verbose
    )
    incomplete = [*result.moved, *lacks]
    for line in incomplete:
        say(line)
    if strict and incomplete:
        raise IncompleteError("The build is published but not complete, and --strict was given.")
    report.check_set_aside(result.set_aside)
