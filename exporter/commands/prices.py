"""`focus-export prices`: keep the price book current, and see what it lacks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timezone
from pathlib import Path
from typing import Any, TypeVar

import click

from exporter.errors import IncompleteError, UserError
from exporter.home import Home, home_option
from exporter.options import parse_day, table_or_json_option

_Function = TypeVar("_Function", bound=Callable[..., Any])

_EXAMPLES = """\b
Examples:
  focus-export prices update
  focus-export prices update --models 'openai/gpt-6*' --write --raw-dir raw
  focus-export prices check --litellm model_prices_and_context_window.json
  focus-export prices missing --format json
"""


@click.group(
    name="prices",
    short_help="Update and check the price book, list what has no price.",
    epilog=_EXAMPLES,
    no_args_is_help=False,
)
def command() -> None:
    """Keep the price book current: propose rows, compare it with price lists, name its gaps."""


def _book_options(function: _Function) -> _Function:
    litellm = click.option(
        "--litellm",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="LiteLLM's model_prices_and_context_window.json, as second price list.",
    )
    book = click.option(
        "--book",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="The price book  [default: seeds/pricing/ai_list_prices.csv of the project]",
    )
    raw_dir = click.option(
        "--raw-dir",
        type=click.Path(path_type=Path),
        metavar="DIR",
        help="Your raw folder, whose price_book/ stands beside the project's book.",
    )
    return home_option(raw_dir(book(litellm(function))))


def _now() -> datetime:
    return datetime.now(timezone.utc).replace(microsecond=0, tzinfo=None)


@command.command(name="update", short_help="Propose the rows that the price book lacks.")
@_book_options
@click.option(
    "--models",
    "patterns",
    multiple=True,
    metavar="PATTERN",
    help="Also models that the book lacks, by name or provider/name; * and ? are wildcards. "
    "Repeatable.",
)
@click.option("--all-models", is_flag=True, help="Also every model that the book lacks.")
@click.option(
    "--as-of",
    callback=parse_day,
    metavar="YYYY-MM-DD",
    help="Day of the update, UTC, recorded_at of the rows  [default: this instant]",
)
@click.option(
    "--write",
    is_flag=True,
    help="Append the rows: to the raw folder, or to the --book that is named.",
)
def update(
    home: Home,  # noqa: ARG001 (its settings name the raw folder)
    raw_dir: Path | None,
    book: Path | None,
    litellm: Path | None,
    patterns: tuple[str, ...],
    all_models: bool,
    as_of: date | None,
    write: bool,
) -> None:
    """Propose rows for the price book: from the installed genai-prices, and LiteLLM's file.

    Only with --write they are appended, to DIR/price_book/ of the raw folder (--raw-dir, or raw_dir
    in ai_focus.yml), or to the book that --book names. No row is ever changed or deleted: a new
    price is a new row. A price holds from the date that its list names, else from the day of the
    update. Models of Azure, Bedrock and Vertex come from LiteLLM's file, the others from
    genai-prices.
    """
    from exporter.prices.lists import load_lists
    from exporter.prices.new_rows import append
    from exporter.prices.propose import propose
    from exporter.prices.report import describe_proposal

    if write and book is None and raw_dir is None:
        raise UserError(
            "Nothing says where the rows belong: give your raw folder with --raw-dir or as raw_dir "
            "in ai_focus.yml, or a price book of your own with --book."
        )
    lists = load_lists(book, litellm, raw_dir=raw_dir)
    # a day alone would count as known since midnight, also for a period that closed since
    recorded_at = datetime.combine(as_of, time.min) if as_of else _now()
    proposal = propose(lists, recorded_at, patterns, all_models=all_models)
    if write:
        append(lists.book, proposal.prices, proposal.models, proposal.aliases, recorded_at)
    click.echo("\n".join(describe_proposal(lists.book, proposal, write)))
    for note in proposal.notes:
        click.echo(f"Note: {note}", err=True)


@command.command(name="check", short_help="Compare the price book with published price lists.")
@_book_options
@click.option(
    "--as-of",
    callback=parse_day,
    metavar="YYYY-MM-DD",
    help="Compare the prices of this day, UTC, and those announced for later  [default: today]",
)
@click.option(
    "--reviewed",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Differences that were judged  [default: ai_reviewed_differences.csv beside the book]",
)
@table_or_json_option
@click.pass_context
def check(
    context: click.Context,
    home: Home,  # noqa: ARG001 (its settings name the raw folder)
    raw_dir: Path | None,
    book: Path | None,
    litellm: Path | None,
    as_of: date | None,
    reviewed: Path | None,
    fmt: str,
) -> None:
    """Compare the price book with the installed genai-prices, and LiteLLM's file.

    Exit code 1 means that a price differs and the difference was not reviewed. A review holds for
    its two prices only; one that applies no more is named.
    """
    from exporter.prices.compare import compare
    from exporter.prices.lists import load_lists
    from exporter.prices.report import comparison_json, comparison_table

    comparison = compare(load_lists(book, litellm, reviewed, raw_dir), as_of or _now().date())
    if fmt == "json":
        click.echo(comparison_json(comparison))
    else:
        click.echo("\n".join(comparison_table(comparison)))
    if comparison.open:
        context.exit(1)


@command.command(name="missing", short_help="List usage that has no price.")
@home_option
@table_or_json_option
@click.option(
    "--rows", "as_rows", is_flag=True, help="Print rows for raw/list_prices, to be filled in (CSV)."
)
@click.option("--strict", is_flag=True, help="Exit with 3 when anything has no price.")
def missing(home: Home, fmt: str, as_rows: bool, strict: bool) -> None:
    """List the usage of the published build that has no price, and what a price needs to name.

    It shows the table ai_missing_prices. Once the price is in the book, the next build prices the
    calls.
    """
    import json

    from exporter.build import totals
    from exporter.prices.report import missing_csv, missing_table
    from exporter.project import load_project

    rows = totals.read_missing_prices(home.published())
    if as_rows:
        tables = {table.name: table.columns for table in load_project().raw_tables()}
        click.echo(missing_csv(rows, tables["list_prices"]), nl=False)
    elif fmt == "json":
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False, default=str))
    else:
        click.echo("\n".join(missing_table(rows)))
    if rows and strict:
        raise IncompleteError(f"Usage has no price ({len(rows):,} kinds), and --strict was given.")
