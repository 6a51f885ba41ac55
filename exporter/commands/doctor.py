"""`focus-export doctor`: checks a target before a user relies on it."""

from __future__ import annotations

from typing import Any

import click

from exporter.home import Home, home_option
from exporter.options import target_option, variables_option

_EXAMPLES = """\b
Examples:
  focus-export doctor --target snowflake
  focus-export doctor --target bigquery --vars '{raw_schema: raw_ai, usage_sources: [gateway]}'
"""


@click.command(
    name="doctor",
    short_help="Check a target: login, rights, arithmetic, tables.",
    epilog=_EXAMPLES,
)
@home_option
@target_option
@variables_option(", those that the builds will have")
@click.pass_context
def command(context: click.Context, home: Home, target: str, variables: dict[str, Any]) -> None:
    """Check a target before you rely on it, a line per check.

    It makes, loads and drops small tables named ai_focus_doctor… in the target's schema, and reads
    no row of yours. Exit codes: 0 all is well, 1 a check failed, 2 something must be installed or
    set before the target can be checked.
    """
    from exporter.warehouse.doctor import examine

    failed = 0
    # the same remedy for several checks is said once
    remedies = {""}
    for check in examine(home, target, variables):
        click.echo(f"{'ok    ' if check.ok else 'failed'}  {check.name}: {check.detail}")
        if check.remedy not in remedies:
            remedies.add(check.remedy)
            click.echo(f"        {check.remedy}")
        if not check.ok:
            failed = max(failed, 2 if check.is_setup else 1)
    if failed:
        context.exit(failed)
