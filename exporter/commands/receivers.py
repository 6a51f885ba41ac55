"""What `export` and `run` share for receivers: the option `--for`, its list, and the writing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from exporter.errors import UserError
from exporter.home import Home, settings_of
from exporter.targets import DUCKDB

if TYPE_CHECKING:
    from exporter.extract.delivery import Delivery
    from exporter.extract.receivers import Receiver

LIST = "list"
_UNTRIED = "no account was at hand: written from the rules, not tried"

for_option = click.option(
    "--for",
    "receivers",
    metavar="NAME",
    multiple=True,
    help="Write the folder that a receiver takes, such as cloudability, cloudzero, ternary, "
    "umbrella, vantage, or snowflake, bigquery, redshift; `--for list` explains them. Repeatable.",
)
bom_option = click.option(
    "--bom",
    is_flag=True,
    help="Begin CSV with a byte order mark, by which Excel knows UTF-8.",
)
_IN_FILE = ", or change the receiver in ai_focus.yml (docs/receivers.md)"
# parameter -> why it is none of the user's where a receiver is named, and what else can be done
_DECIDED = {
    **dict.fromkeys(("from_date", "to_date"), ("takes whole billing months", "")),
    "filters": ("takes all rows of a month", ""),
    **dict.fromkeys(
        ("dataset", "focus_version", "grain", "columns"),
        ("says which rows and columns it takes", _IN_FILE),
    ),
    **dict.fromkeys(("fmt", "formats", "compress"), ("says how files are written", _IN_FILE)),
    **dict.fromkeys(("safe_csv", "bom"), ("is read by programs", "")),
}


def find_receivers(context: click.Context, names: Sequence[str]) -> list[Receiver] | None:
    """Look up the receivers; None when they were listed instead.

    Raises UserError for an unknown one, and for an option that the receiver decides.
    """
    from exporter.extract.receivers import find_receiver, read_receivers

    known = read_receivers(settings_of(context))
    if LIST in names:
        click.echo(describe(known))
        return None
    found = [find_receiver(known, name) for name in dict.fromkeys(names)]
    for parameter in context.command.params:
        name = parameter.name or ""
        given = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if given and name in _DECIDED:
            option = parameter.opts[0]
            why, otherwise = _DECIDED[name]
            raise UserError(
                f"{option} is not for --for {found[0].name}, which {why}: "
                f"leave {option} away{otherwise}."
            )
    return found


def write_folders(
    home: Home,
    receivers: Sequence[Receiver],
    root: str | None = None,
    target: str = DUCKDB,
    *,
    billing_period: date | None = None,
    quiet: bool = False,
) -> list[Delivery]:
    """Write the receivers' folders, into `root` or the home's exports, and say so.

    `billing_period` is the first day of the one month to write, without it all are written.
    """
    from exporter.extract.delivery import deliver

    written = []
    for receiver in receivers:
        folder = None if root is None else Path(root).expanduser().absolute()
        delivery = deliver(home, receiver, folder, target, billing_period)
        written.append(delivery)
        if not quiet:
            click.echo(f"{delivery.folder}: {_count(delivery.manifest)}", err=True)
    return written


def _count(manifest: Mapping[str, Any]) -> str:
    months = manifest["months"]
    names = sorted({month["billing_period"] for month in months})
    rows = sum(month["rows"] for month in months)
    files = sum(len(month["files"]) for month in months)
    period = f"{names[0]} to {names[-1]}" if len(names) > 1 else ", ".join(names) or "no month"
    return f"{rows:,} rows in {files:,} {'file' if files == 1 else 'files'} ({period})"


def describe(receivers: Mapping[str, Receiver]) -> str:
    """Explain the receivers: what each takes, its layout, its rules and their date."""
    width = max(map(len, receivers)) + 2
    lines = []
    for name, receiver in receivers.items():
        rules = f"{receiver.rules_date}: {receiver.rules}" if receiver.rules else ""
        said = {
            "takes": receiver.takes or _form(receiver),
            "files": f"exports/{name}/{receiver.layout}",
            "rules": rules,
            "tried": _UNTRIED if rules else "",
        }
        lines.append(f"{name:{width}}{receiver.title}".rstrip())
        lines += [f"{'':{width}}{key:8}{value}" for key, value in said.items() if value]
    return "\n".join(lines)


def _form(receiver: Receiver) -> str:
    return f"{receiver.dataset} {receiver.version} by {receiver.grain}, {receiver.format}"
