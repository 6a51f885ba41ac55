"""`focus-export validate`: the FOCUS rules on any file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from exporter.datasets import FOCUS_IDS
from exporter.options import table_or_json_option

if TYPE_CHECKING:
    from exporter.focus.validate import Report

_EXAMPLES = """\b
Examples:
  focus-export validate exports/focus_cost_and_usage.csv
  focus-export validate bill.parquet --focus-version 1.2
  focus-export validate commitments.csv --dataset contract-commitment --format json
"""
_EXAMPLE_WIDTH = 100


@click.command(
    name="validate", short_help="Check any FOCUS file against the FOCUS rules.", epilog=_EXAMPLES
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--focus-version",
    default="1.4",
    show_default=True,
    metavar="VERSION",
    help="FOCUS version that the file claims: 1.4, 1.3, 1.2, 1.1 or 1.0.",
)
@click.option(
    "--dataset",
    type=click.Choice(list(FOCUS_IDS)),
    default="cost-and-usage",
    show_default=True,
    help="FOCUS dataset of the file.",
)
@table_or_json_option
@click.pass_context
def command(context: click.Context, file: Path, focus_version: str, dataset: str, fmt: str) -> None:
    """Check a CSV or Parquet FILE, ours or anyone's, against the FOCUS rules.

    Exit code 1 means that a rule is broken that FOCUS demands; what FOCUS only recommends is
    listed, but does not fail the file.
    """
    from exporter.focus.validate import check_file

    report = check_file(file, FOCUS_IDS[dataset], focus_version.removeprefix("v"))
    click.echo(_json(report) if fmt == "json" else _table(report))
    if not report.passed:
        context.exit(1)


def _json(report: Report) -> str:
    import dataclasses
    import json

    return json.dumps({"passed": report.passed, **dataclasses.asdict(report)}, indent=2)


def _table(report: Report) -> str:
    lines = []
    if report.failures:
        width = max(len(failure.rule_id) for failure in report.failures)
        lines.append(f"{'rule':<{width}}  level   {'rows':>10}  example")
        for failure in report.failures:
            example = " ".join(failure.example.split())
            if len(example) > _EXAMPLE_WIDTH:
                example = example[: _EXAMPLE_WIDTH - 1] + "…"
            lines.append(
                f"{failure.rule_id:<{width}}  {failure.level:<6}  {failure.failing_rows:>10,}"
                f"  {example}"
            )
        lines.append("")
    musts = sum(failure.level == "must" for failure in report.failures)
    lines.append(
        f"{report.file}: FOCUS {report.focus_version} {report.dataset}, {report.rows:,} rows, "
        f"{report.rules_judged} rules judged, {musts} broken, "
        f"{len(report.failures) - musts} recommendations not followed"
        + (
            f", {len(report.not_judged)} rules not judged (no such column)."
            if report.not_judged
            else "."
        )
    )
    return "\n".join(lines)
