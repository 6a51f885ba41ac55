"""The published price lists beside the price book, and the differences that somebody judged.

Nothing is calculated: a price keeps its digits, only its unit moves by a power of ten. What the
price book has no meter for (hours, pixels, video …) is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from exporter.errors import UserError
from exporter.prices.book import Book, load_book
from exporter.prices.table import read_table
from exporter.prices.timeline import DECIMALS, Key, Segment, Timeline, fits

GENAI = "genai-prices"
LITELLM = "litellm"
# the platforms whose prices genai-prices has few of
LITELLM_PROVIDERS = frozenset({"azure", "aws_bedrock", "gcp_vertex"})
# names of providers that are no alias in any log
_PROVIDERS = {"aws": "aws_bedrock"}
REVIEWED = "ai_reviewed_differences.csv"
_Entry = TypeVar("_Entry")


@dataclass(frozen=True)
class SourceModel:
    """A model of a source under the price book's names, with the prices of all its keys."""

    provider: str
    model: str
    # as the source calls it, for people
    name: str
    source: str
    source_ref: str
    timelines: dict[Key, Timeline] = field(hash=False)


@dataclass(frozen=True)
class Source:
    """A price list; a model is read when it is asked for, so one bad entry harms no other."""

    name: str
    label: str
    loaders: dict[tuple[str, str], Callable[[], SourceModel]] = field(hash=False)

    def load(self, provider: str, model: str) -> SourceModel | None:
        """Read one model's prices; raises UserError for a price that the book can't hold."""
        loader = self.loaders.get((provider, model))
        return loader() if loader else None


@dataclass(frozen=True)
class Review:
    """A difference that somebody judged; it applies only while both prices are the same."""

    provider: str
    model: str
    meter: str
    service_tier: str
    processing_mode: str
    context_threshold: int
    source: str
    book_price: Decimal
    source_price: Decimal
    reason: str
    line: int = field(default=0, compare=False)


def find_review(
    reviews: Iterable[Review], key: Key, source: str, book: Segment, listed: Segment
) -> Review | None:
    """Find the review of a difference: of this key, and of both prices."""
    same = ("provider", "model", "meter", "service_tier", "processing_mode", "context_threshold")
    for review in reviews:
        judged = (review.source, review.book_price, review.source_price)
        if judged == (source, book.price, listed.price) and all(
            getattr(review, name) == getattr(key, name) for name in same
        ):
            return review
    return None


def load_reviews(book: Path, file: Path | None) -> list[Review]:
    """Read the reviews: of the file named, else of the one beside the book, if any."""
    path = file or book.parent / REVIEWED
    if file is None and not path.exists():
        return []
    names = [one.name for one in fields(Review) if one.name != "line"]
    reviews = []
    for line in read_table(path, names).lines:
        if not line["reason"].strip():
            raise UserError(
                f"{path}, line {line.number}: reason is empty: say why both prices stand."
            )
        cells: dict[str, Any] = {name: line[name] for name in names}
        cells["context_threshold"] = int(line.number_of("context_threshold"))
        cells["book_price"] = line.number_of("book_price")
        cells["source_price"] = line.number_of("source_price")
        reviews.append(Review(**cells, line=line.number))
    return reviews


@dataclass(frozen=True)
class Lists:
    """The price book, the sources it is held against, and the differences already judged."""

    book: Book
    sources: dict[str, Source]
    reviews: list[Review]


def load_lists(book: Path | None, litellm: Path | None, reviewed: Path | None = None) -> Lists:
    """Read the book and its sources; raises UserError for what can't be read."""
    from exporter.prices.litellm import read_litellm

    loaded = load_book(book)
    try:
        from exporter.prices.genai import read_genai
    except ImportError:
        raise UserError(
            "The package genai-prices is not here: run `pip install 'ai-focus[prices]'` "
            "with Python 3.11 or newer."
        ) from None
    sources = {GENAI: read_genai(loaded)}
    if litellm is not None:
        sources[LITELLM] = read_litellm(loaded, litellm)
    return Lists(loaded, sources, load_reviews(loaded.table.path, reviewed))


def provider_of(book: Book, spelling: str) -> str | None:
    """Give the book's name of a provider, None for one that it doesn't know."""
    return _PROVIDERS.get(spelling) or book.provider_aliases.get(spelling)


def loaders_of(
    book: Book,
    entries: Iterable[tuple[str, str, str, _Entry]],
    load: Callable[[str, str, str, _Entry], SourceModel],
) -> dict[tuple[str, str], Callable[[], SourceModel]]:
    """Give a loader per model of the book's naming; an alias counts where the name is missing.

    An entry is provider, model, the list's own name and what `load` reads, under the book's names.
    """
    chosen: dict[tuple[str, str], tuple[int, Callable[[], SourceModel]]] = {}
    for provider, name, listed, entry in entries:
        is_known = (provider, name) in book.models
        model = name if is_known else book.model_of(provider, name) or name
        rank = 1 if model == name else 2
        rows = book.rows_of_model.get((provider, model), [])
        if rows and f"key={listed};" in f"{rows[0].source_ref};":
            # the entry that the book was made from
            rank = 0
        if (provider, model) not in chosen or rank < chosen[provider, model][0]:
            chosen[provider, model] = (rank, partial(load, provider, model, listed, entry))
    return {name: loader for name, (_, loader) in chosen.items()}


def refuse(place: str, field_name: str, value: object, words: str) -> NoReturn:
    """Raise the UserError for a field of a list that the book can't take."""
    raise UserError(f"{place}: {field_name} {value} {words}: leave the model out or mend the list.")


def checked(place: str, field_name: str, price: Decimal, shown: object) -> Decimal:
    """Give a price that the book can hold; UserError for another."""
    if not price.is_finite() or price < 0:
        refuse(place, field_name, shown, "is no price of zero or more")
    if not fits(price):
        refuse(place, field_name, shown, f"does not fit {DECIMALS} decimals per pricing unit")
    return price
