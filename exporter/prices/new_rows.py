"""New rows of the price book: they are appended, and what stands in its files keeps its bytes."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from exporter.errors import UserError
from exporter.prices.book import BOOK, Book, Price
from exporter.prices.timeline import Segment, day_text, price_text

PACKAGE_FOLDERS = ("site-packages", "dist-packages")


@dataclass(frozen=True, kw_only=True)
class NewPrice(Price):
    """A row that is proposed, and the price that it follows."""

    old: Segment | None = None
    replaces: str | None = None


@dataclass(frozen=True)
class NewModel:
    """A row that is proposed for ai_models.csv."""

    provider: str
    model: str
    model_developer: str
    model_family: str
    model_version: str = ""


@dataclass(frozen=True)
class NewAlias:
    """A row that is proposed for ai_model_aliases.csv."""

    provider: str
    alias: str
    model: str
    source: str


def append(
    book: Book,
    prices: list[NewPrice],
    models: list[NewModel],
    aliases: list[NewAlias],
    recorded_at: datetime,
) -> None:
    """Append the rows, models first; raises UserError where that is not possible.

    In a raw folder a model is known by its prices, and another name is its owner's to give.
    """
    if book.own_table is not None:
        book.own_table.append(_to_cells(book, prices, recorded_at))
        return
    written = [
        book.table.path,
        *([book.models_table.path] if models else []),
        *([book.aliases_table.path] if aliases else []),
    ]
    for path in written:
        if _is_installed(path.resolve()):
            raise UserError(
                f"{path} belongs to the installed package, which an update would replace: "
                "give your raw folder with --raw-dir, or the price book of your own project "
                f"with --book (…/{BOOK})."
            )
    rows = _to_cells(book, prices, recorded_at)
    book.models_table.append([asdict(model) for model in models])
    book.aliases_table.append(
        [{**asdict(alias), "recorded_at": day_text(recorded_at)} for alias in aliases]
    )
    book.table.append(rows)


def _is_installed(path: Path) -> bool:
    package = Path(__file__).resolve().parents[1]
    return path.is_relative_to(package) or not set(PACKAGE_FOLDERS).isdisjoint(path.parts)


def _to_cells(book: Book, prices: list[NewPrice], recorded_at: datetime) -> list[dict[str, str]]:
    """Give new prices as the cells of their rows."""
    taken = {row.price_id for row in book.rows}
    cells = []
    for new in prices:
        price_id = _price_id(new)
        if price_id in taken:
            price_id += f"/recorded-{day_text(recorded_at)}"
        if price_id in taken:
            raise UserError(
                f"{book.table.path} has a row {price_id} already: a price can't be corrected "
                "twice at one instant, so leave --as-of out."
            )
        taken.add(price_id)
        cells.append(
            {
                **{name: str(value) for name, value in asdict(new.key).items()},
                "price_id": price_id,
                "unit_price": price_text(new.price),
                "currency": "USD",
                "pricing_block": str(book.blocks[new.key.meter]),
                "context_inclusive": "true" if new.key.context_inclusive else "false",
                "context_rule": "cliff",
                "region_scope": new.region_scope,
                "valid_from": day_text(new.valid_from),
                "valid_to": day_text(new.valid_to),
                "valid_from_basis": new.basis,
                "recorded_at": day_text(recorded_at),
                "source": new.source,
                "source_ref": new.source_ref,
            }
        )
    return cells


def _price_id(new: NewPrice) -> str:
    key = new.key
    threshold = f"{'ge' if key.context_inclusive else 'gt'}{key.context_threshold}"
    parts = [key.provider, key.model, key.meter, key.service_tier, key.processing_mode, threshold]
    parts += [key.region_id] if key.region_id else []
    if key.daily_window_start:
        parts.append(f"{key.daily_window_start}-{key.daily_window_end}".replace(":", ""))
    parts += [f"weekdays-{key.weekdays}"] if key.weekdays else []
    return "/".join([*parts, f"from-{day_text(new.valid_from) or 'open'}"])
