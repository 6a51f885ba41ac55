"""What `focus-export prices` shows: tables to read, and JSON for machines."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict
from typing import Any

from exporter.prices.book import Book
from exporter.prices.compare import Comparison, Difference
from exporter.prices.new_rows import NewPrice
from exporter.prices.propose import Proposal
from exporter.prices.timeline import Key, Segment, day_text, price_text
from exporter.words import reason_text

# missing models that a table names
_SHOWN = 12


def describe_proposal(book: Book, proposal: Proposal, written: bool) -> list[str]:
    """Give the lines of a proposal by the files that they belong to, a summary last."""
    models = [
        f"+ {new.provider} {new.model}: {new.model_developer}, {new.model_family}"
        for new in proposal.models
    ]
    aliases = [f"+ {new.provider} {new.alias}: {new.model}" for new in proposal.aliases]
    prices = [f"+ {_describe_new(new)}" for new in proposal.prices]
    own = book.own_table
    models_file = "known by their prices" if own else book.models_table.path
    aliases_file = (
        "yours to add to raw/model_aliases, where they go before later prices of the book"
        if own
        else book.aliases_table.path
    )
    lines = [f"--- {models_file}", *models] if models else []
    lines += [f"--- {aliases_file}", *aliases] if aliases else []
    lines += [f"--- {(own or book.table).path}", *prices] if prices else []
    changed = sum(new.old is not None for new in proposal.prices)
    lines.append(
        f"{len(proposal.prices):,} new rows, {changed:,} of them change a price; "
        f"{len(proposal.models):,} new models."
    )
    if aliases:
        written_not = " (never written)" if own else ""
        lines[-1] = f"{lines[-1].removesuffix('.')}, {len(aliases):,} new names{written_not}."
    if not (proposal.prices or aliases):
        lines[-1] = "The price book has all prices of the models looked at."
    elif written and (prices or not own):
        lines[-1] += " They are appended."
    elif prices or not own:
        lines[-1] += " Nothing is written: add --write to append them."
    return lines


def _describe_new(new: NewPrice) -> str:
    since = f"from {day_text(new.valid_from)}" if new.valid_from else "from ever"
    price = f"{price_text(new.price)} USD"
    if new.old is not None and new.old.price is not None:
        price = f"{price_text(new.old.price)} -> {price}"
    if new.old is not None and new.old.price == new.price:
        price, since = f"{price_text(new.price)} USD", f"ends on {day_text(new.valid_to)}"
    text = f"{new.key.describe()}: {price} {since} ({new.basis})"
    return f"{text}, corrects {new.replaces}" if new.replaces else text


def comparison_json(comparison: Comparison) -> str:
    """Give all that was found, as JSON."""
    content = {
        "as_of": comparison.as_of.isoformat(),
        "book": str(comparison.book),
        "sources": {
            name: {
                **asdict(found),
                "models_only_book": ["/".join(one) for one in found.models_only_book],
                "models_only_source": ["/".join(one) for one in found.models_only_source],
            }
            for name, found in comparison.sources.items()
        },
        "differences": [
            {
                **asdict(one.key),
                "source": one.source,
                "since": day_text(one.since),
                "book": _segment_json(one.book),
                "listed": _segment_json(one.listed),
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


def _segment_json(segment: Segment) -> dict[str, str | None]:
    return {
        "unit_price": price_text(segment.price),
        "valid_from": day_text(segment.start) or None,
        "valid_from_basis": segment.basis,
    }


def comparison_table(comparison: Comparison) -> list[str]:
    """Give the lines of what was found, a summary of each source last."""
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
    for name, found in comparison.sources.items():
        for where, keys, models in (
            ("Only in the book, not in", found.only_book, found.models_only_book),
            ("Not in the book, only in", found.only_source, found.models_only_source),
        ):
            lines += _describe_missing(f"{where} {name}", keys, models)
    for name, found in comparison.sources.items():
        if found.unreadable:
            lines += [f"Not compared with {name}", *(f"  {one}" for one in found.unreadable), ""]
    for name, found in comparison.sources.items():
        differing = [one for one in comparison.differences if one.source == name]
        open_here = sum(one.review is None for one in differing)
        lines.append(
            f"{found.label}, {comparison.as_of}: {found.agreements:,} prices agree, "
            f"{len(differing):,} differ ({open_here:,} not reviewed), "
            f"{len(found.only_book):,} only in the book, "
            f"{len(found.only_source):,} only in the list."
        )
    return lines


def _describe_difference(one: Difference) -> str:
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


def missing_table(rows: list[dict[str, Any]]) -> list[str]:
    """Give the lines of a table of the rows of ai_missing_prices."""
    if not rows:
        return ["Every call has a price."]
    columns = ("provider", "model", "meter", "tier", "mode", "region", "reason", "first use")
    cells = [
        (*columns, "last use", "calls", "quantity", "nearest names"),
        *(_missing_cells(row) for row in rows),
    ]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    ]


def missing_csv(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> str:
    """Give a row of raw/list_prices for each missing price; unit_price is to be filled in."""
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, columns, restval="", lineterminator="\n")
    writer.writeheader()
    keys = {
        (
            row["provider"] or row["provider_as_sent"],
            row["model"] or row["model_as_sent"],
            *(row["meter"], row["service_tier"], row["processing_mode"], row["region_id"]),
        )
        for row in rows
    }
    names = ("provider", "model", "meter", "service_tier", "processing_mode", "region_id")
    for key in sorted(keys, key=lambda one: [part or "" for part in one]):
        writer.writerow(dict(zip(names, key, strict=True)))
    return buffer.getvalue()


def _missing_cells(row: dict[str, Any]) -> tuple[str, ...]:
    return (
        row["provider"] or f"{row['provider_as_sent']} (unknown)",
        row["model"] or f"{row['model_as_sent']} (unknown)",
        *(row["meter"], row["service_tier"], row["processing_mode"], row["region_id"] or ""),
        *(
            reason_text(row["hold_reason"]),
            f"{row['first_use']:%Y-%m-%d}",
            f"{row['last_use']:%Y-%m-%d}",
        ),
        f"{row['calls']:,}",
        f"{row['consumed_quantity']:,} {row['consumed_unit']}",
        row["nearest_names"] or "",
    )
