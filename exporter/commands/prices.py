"""`focus-export prices`: keep the price book current, and see what it lacks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from exporter.errors import IncompleteError
from exporter.home import Home, home_option
from exporter.options import parse_day

if TYPE_CHECKING:
    from exporter.prices.book import Key, NewPrice, Segment
    from exporter.prices.update import Comparison, Difference, Lists, Proposal

_Function = TypeVar("_Function", bound=Callable[..., Any])
_SHOWN = 12

_EXAMPLES = """\b
Examples:
  focus-export prices update
  focus-export prices update --models 'openai/gpt-6*' --write
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
    options = [
        click.option(
            "--book",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="The price book  [default: seeds/pricing/list_prices.csv of the project]",
        ),
        click.option(
            "--litellm",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="LiteLLM's model_prices_and_context_window.json, as second price list.",
        ),
    ]
    for option in reversed(options):
        function = option(function)
    return function


def _format_option(function: _Function) -> _Function:
    return click.option(
        "--format",
        "fmt",
        type=click.Choice(["table", "json"]),
        default="table",
        show_default=True,
        help="A table to read, or JSON for machines.",
    )(function)


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
@click.option("--write", is_flag=True, help="Append the rows to the price book.")
def update(
    book: Path | None,
    litellm: Path | None,
    patterns: tuple[str, ...],
    all_models: bool,
    as_of: date | None,
    write: bool,
) -> None:
    """Propose rows for the price book: from the installed genai-prices, and LiteLLM's file.

    Only with --write they are appended. No row is ever changed or deleted: a new price is a new
    row. A price holds from the date that its list names, else from the day of the update. Models
    of Azure, Bedrock and Vertex come from LiteLLM's file, the others from genai-prices.
    """
    from exporter.prices.book import append
    from exporter.prices.update import load_lists, propose

    lists = load_lists(book, litellm)
    # a day alone would count as known since midnight, also for a period that closed since
    recorded_at = datetime.combine(as_of, time.min) if as_of else _now()
    proposal = propose(lists, recorded_at, patterns, all_models=all_models)
    if write:
        append(lists.book, proposal.prices, proposal.models, recorded_at)
    click.echo("\n".join(_describe_proposal(lists, proposal, write)))
    for note in proposal.notes:
        click.echo(f"Note: {note}", err=True)


def _describe_proposal(lists: Lists, proposal: Proposal, written: bool) -> list[str]:
    lines = []
    if proposal.models:
        lines += [f"--- {lists.book.models_table.path}"]
        lines += [
            f"+ {new.provider} {new.model}: {new.model_developer}, {new.model_family}"
            for new in proposal.models
        ]
    if proposal.prices:
        lines += [f"--- {lists.book.table.path}"]
        lines += [f"+ {_describe_new(new)}" for new in proposal.prices]
    changed = sum(new.old is not None for new in proposal.prices)
    lines.append(
        f"{len(proposal.prices):,} new rows, {changed:,} of them change a price; "
        f"{len(proposal.models):,} new models."
    )
    if not proposal.prices:
        lines[-1] = "The price book has all prices of the models looked at."
    elif written:
        lines[-1] += " They are appended."
    else:
        lines[-1] += " Nothing is written: add --write to append them."
    return lines


def _describe_new(new: NewPrice) -> str:
    from exporter.prices.book import day_text, price_text

    since = f"from {day_text(new.valid_from)}" if new.valid_from else "from ever"
    price = f"{price_text(new.price)} USD"
    if new.old is not None and new.old.price is not None:
        price = f"{price_text(new.old.price)} -> {price}"
    text = f"{new.key.describe()}: {price} {since} ({new.basis})"
    return f"{text}, corrects {new.replaces}" if new.replaces else text


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
    help="Differences that were judged  [default: reviewed_differences.csv beside the book]",
)
@_format_option
@click.pass_context
def check(
    context: click.Context,
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
    from exporter.prices.update import compare, load_lists

    lists = load_lists(book, litellm, reviewed)
    day = as_of or _now().date()
    comparison = compare(lists, day)
    if fmt == "json":
        click.echo(_comparison_json(lists, comparison, day))
    else:
        click.echo("\n".join(_comparison_table(lists, comparison, day)))
    if comparison.open:
        context.exit(1)


def _comparison_json(lists: Lists, comparison: Comparison, day: date) -> str:
    import dataclasses
    import json

    from exporter.prices.book import day_text, price_text

    def to_segment(segment: Segment) -> dict[str, str | None]:
        assert segment.price is not None  # noqa: S101
        return {
            "unit_price": price_text(segment.price),
            "valid_from": day_text(segment.start) or None,
            "valid_from_basis": segment.basis,
        }

    def to_keys(keys: list[Key]) -> list[dict[str, Any]]:
        return [dataclasses.asdict(key) for key in keys]

    content = {
        "as_of": day.isoformat(),
        "book": str(lists.book.table.path),
        "sources": {
            name: {
                "label": source.label,
                "agreements": comparison.agreements[name],
                "only_book": to_keys(comparison.only_book[name]),
                "only_source": to_keys(comparison.only_source[name]),
                "models_only_book": ["/".join(one) for one in comparison.models_only_book[name]],
                "models_only_source": [
                    "/".join(one) for one in comparison.models_only_source[name]
                ],
            }
            for name, source in lists.sources.items()
        },
        "differences": [
            {
                **dataclasses.asdict(one.key),
                "source": one.source,
                "since": day_text(one.since),
                "book": to_segment(one.book),
                "listed": to_segment(one.listed),
                "reason": one.review.reason if one.review else None,
            }
            for one in comparison.differences
        ],
        "stale_reviews": [
            {"line": one.line, "provider": one.provider, "model": one.model, "meter": one.meter}
            for one in comparison.stale
        ],
    }
    return json.dumps(content, indent=2, ensure_ascii=False)


def _comparison_table(lists: Lists, comparison: Comparison, day: date) -> list[str]:
    lines = []
    reviewed = [one for one in comparison.differences if one.review]
    for title, differences in (
        ("Differences", comparison.open),
        ("Reviewed differences", reviewed),
    ):
        if differences:
            lines += [title, *(f"  {_describe_difference(one)}" for one in differences), ""]
    if comparison.stale:
        lines.append("Reviews that apply no more: take them out")
        lines += [
            f"  line {one.line}: {one.provider} {one.model} {one.meter}, {one.source}"
            for one in comparison.stale
        ]
        lines.append("")
    for name in lists.sources:
        for where, keys, models in (
            (
                "Only in the book, not in",
                comparison.only_book[name],
                comparison.models_only_book[name],
            ),
            (
                "Not in the book, only in",
                comparison.only_source[name],
                comparison.models_only_source[name],
            ),
        ):
            lines += _describe_missing(f"{where} {name}", keys, models)
    for name, source in lists.sources.items():
        differing = [one for one in comparison.differences if one.source == name]
        open_here = sum(one.review is None for one in differing)
        lines.append(
            f"{source.label}, {day}: {comparison.agreements[name]:,} prices agree, "
            f"{len(differing):,} differ ({open_here:,} not reviewed), "
            f"{len(comparison.only_book[name]):,} only in the book, "
            f"{len(comparison.only_source[name]):,} only in the list."
        )
    return lines


def _describe_difference(one: Difference) -> str:
    from exporter.prices.book import day_text, price_text

    assert one.book.price is not None  # noqa: S101
    assert one.listed.price is not None  # noqa: S101
    text = (
        f"{one.key.describe()}, from {day_text(one.since)}: "
        f"book {price_text(one.book.price)} ({one.book.describe()}), "
        f"{one.source} {price_text(one.listed.price)} ({one.listed.describe()})"
    )
    return f"{text}: {one.review.reason}" if one.review else text


def _describe_missing(title: str, keys: list[Key], models: list[tuple[str, str]]) -> list[str]:
    """List prices by model; of models that are missing whole the first few."""
    by_model: dict[str, list[str]] = {}
    for key in keys:
        name = f"{key.provider} {key.model}"
        by_model.setdefault(name, []).append(key.describe().removeprefix(f"{name} "))
    lines = [f"  {name}: {', '.join(prices)}" for name, prices in by_model.items()]
    if models:
        shown = ", ".join(" ".join(one) for one in models[:_SHOWN])
        rest = f" and {len(models) - _SHOWN:,} more" if len(models) > _SHOWN else ""
        lines.append(f"  {len(models):,} models: {shown}{rest}")
    return [title, *lines, ""] if lines else []


@command.command(name="missing", short_help="List usage that has no price.")
@home_option
@_format_option
@click.option("--strict", is_flag=True, help="Exit with 3 when anything has no price.")
def missing(home: Home, fmt: str, strict: bool) -> None:
    """List the usage of the published build that has no price, and what a price needs to name.

    It shows the table missing_prices. Once the price is in the book, the next build prices the
    calls.
    """
    from exporter.build import totals

    rows = totals.read_missing_prices(home.published())
    if fmt == "json":
        import json

        click.echo(json.dumps(rows, indent=2, ensure_ascii=False, default=str))
    else:
        click.echo("\n".join(_missing_table(rows)))
    if rows and strict:
        raise IncompleteError(f"Usage has no price ({len(rows):,} kinds), and --strict was given.")


def _missing_table(rows: list[dict[str, Any]]) -> list[str]:
    if not rows:
        return ["Every call has a price."]
    columns: dict[str, Callable[[dict[str, Any]], object]] = {
        "provider": lambda row: row["provider"] or f"{row['provider_as_sent']} (unknown)",
        "model": lambda row: row["model"] or f"{row['served_model']} (unknown)",
        "meter": lambda row: row["meter"],
        "tier": lambda row: row["service_tier"],
        "mode": lambda row: row["processing_mode"],
        "region": lambda row: row["region_id"] or "",
        "reason": lambda row: row["hold_reason"],
        "first use": lambda row: f"{row['first_use']:%Y-%m-%d}",
        "last use": lambda row: f"{row['last_use']:%Y-%m-%d}",
        "calls": lambda row: f"{row['calls']:,}",
        "quantity": lambda row: f"{row['consumed_quantity']:,} {row['consumed_unit']}",
        "nearest names": lambda row: row["nearest_names"] or "",
    }
    cells = [list(columns), *([str(get(row)) for get in columns.values()] for row in rows)]
    widths = [max(len(line[number]) for line in cells) for number in range(len(columns))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    ]
