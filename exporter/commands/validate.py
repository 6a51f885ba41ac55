"""`focus-export validate`: the FOCUS rules on any file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from exporter.datasets import FOCUS_IDS
from exporter.errors import UserError
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
    metavar="VERSION",
    help="FOCUS version that the file claims: 1.4, 1.3, 1.2, 1.1 or 1.0  [default: that of the "
    "manifest beside the file, else 1.4]",
)
@click.option(
    "--dataset",
    type=click.Choice(list(FOCUS_IDS)),
    help="FOCUS dataset of the file  [default: that of the manifest, else cost-and-usage]",
)
@table_or_json_option
@click.pass_context
def command(
    context: click.Context, file: Path, focus_version: str | None, dataset: str | None, fmt: str
) -> None:
    """Check a CSV or Parquet FILE, ours or anyone's, against the FOCUS rules.

    Exit code 1 means that a rule is broken that FOCUS demands; what FOCUS only recommends is
    listed, but does not fail the file. An extract of ai-calls is no FOCUS file, and has no rules.
    """
    from exporter.focus.validate import check_file

    version = None if focus_version is None else focus_version.removeprefix("v")
    dataset, version = _claimed(file, dataset, version)
    report = check_file(file, FOCUS_IDS[dataset], version)
    click.echo(_json(report) if fmt == "json" else _table(report))
    if not report.passed:
        context.exit(1)


def _claimed(file: Path, dataset: str | None, version: str | None) -> tuple[str, str]:
    """Tell dataset and version: as given, else as the manifest beside the file says."""
    from exporter.extract.manifest import manifest_path, read_manifest

    manifest = read_manifest(file) or {}
    name = manifest_path(file).name
    if manifest and manifest["dataset"] not in FOCUS_IDS:
        raise UserError(
            f"{file} is an extract of {manifest['dataset']}, a flat layout and no FOCUS file, so "
            "there are no rules for it: validate one of cost-and-usage."
        )
    taken, told = [], []
    for option, given, said in (
        ("--dataset", dataset, manifest.get("dataset")),
        ("--focus-version", version, manifest.get("focus_version")),
    ):
        if said is None:
            continue
        if given is None:
            taken.append(f"{option} {said}")
        elif given != said:
            told.append(f"{option} {given} is taken, although {name} says {said}.")
    if taken:
        told.append(f"{' and '.join(taken)}: as {name} says.")
    for line in told:
        click.echo(line, err=True)
    return (
        dataset or str(manifest.get("dataset", "cost-and-usage")),
        version or str(manifest.get("focus_version", "1.4")),
    )


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
    if report.nulls:
        lines.append(
            f"Nulls are written as {' and '.join(report.nulls)}, and were read as such: in FOCUS "
            "files an empty field is null."
        )
    return "\n".join(lines)
