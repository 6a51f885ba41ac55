"""The published price lists beside the price book, and the differences that somebody judged.

Nothing is calculated: a price keeps its digits, only its unit moves by a power of ten. What the
price book has no meter for (hours, pixels, video …) is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields
from decimal import Decimal
from functools import cached_property, partial
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
# where a price holds that a platform lists without a region, by how it names models
_ZONES = ("us", "eu")
GEOS = ("us", "eu", "apac", "au", "jp", "ca", "in")
# a list says in the name that a model costs nothing
_FREE = re.compile(r"(?<![a-z])free(?![a-z])")
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
    timelines: dict[Key, Timeline] = field(hash=False)
    # where in the source the prices of a key stand
    references: dict[Key, str] = field(hash=False)


@dataclass
class Source:
    """A price list; a model is read when it is asked for, so one bad entry harms no other."""

    name: str
    label: str
    loaders: dict[tuple[str, str], Callable[[str], SourceModel]]
    # names of the source that lead to one name of the book at different prices: none of them counts
    clashes: dict[tuple[str, str], tuple[str, ...]]
    # (provider, another name) -> (model, where the source says so)
    aliases: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)

    def load(self, provider: str, model: str) -> SourceModel | None:
        """Read one model's prices under the name given, however the list writes it in case.

        Raises UserError for a price that the book can't hold.
        """
        spelling = self._spellings.get((provider, model.lower()))
        return self.loaders[provider, spelling](model) if spelling else None

    @cached_property
    def _spellings(self) -> dict[tuple[str, str], str]:
        return {(provider, model.lower()): model for provider, model in self.loaders}


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


def load_lists(
    book: Path | None,
    litellm: Path | None,
    reviewed: Path | None = None,
    raw_dir: Path | None = None,
) -> Lists:
    """Read the book and its sources; raises UserError for what can't be read."""
    from exporter.prices.litellm import read_litellm

    loaded = load_book(book, raw_dir)
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


@dataclass(frozen=True)
class Entry:
    """An entry of a list under the book's names: a model's prices, perhaps of one region."""

    provider: str
    name: str
    # the list's own name
    listed: str
    # for people
    title: str
    reference: str
    read: Callable[[str], dict[Key, Timeline]] = field(hash=False)
    region_id: str = ""
    # how little the list's own name says of provider and region: the closest entry counts
    vagueness: int = 0


def to_source(name: str, label: str, book: Book, entries: Iterable[Entry]) -> Source:
    """Give a list with a loader per model of the book's naming.

    Where several entries lead to one name, the one counts that the book was made from, then one of
    the very name (the one that names provider and region before one that leaves them out), then an
    alias. Of equals none counts, unless their prices are the same: which of them a call means is
    not told.
    """
    chosen: dict[tuple[str, str], dict[str, list[tuple[tuple[int, int], Entry]]]] = {}
    for entry in entries:
        model, rank = _rank(book, entry)
        regions = chosen.setdefault((entry.provider, model), {})
        regions.setdefault(entry.region_id, []).append((rank, entry))
    # names that differ in case only are one name in logs
    spelled: dict[tuple[str, str], list[str]] = {}
    for provider, model in chosen:
        spelled.setdefault((provider, model.lower()), []).append(model)
    clashes: dict[tuple[str, str], tuple[str, ...]] = {}
    loaders: dict[tuple[str, str], Callable[[str], SourceModel]] = {}
    for (provider, _), models in spelled.items():
        model = models[0]
        places: dict[str, list[Entry]] = {}
        for region_id in {one for spelling in models for one in chosen[provider, spelling]}:
            ranked = [
                one for spelling in models for one in chosen[provider, spelling].get(region_id, [])
            ]
            best = min(rank for rank, _ in ranked)
            places[region_id] = [entry for rank, entry in ranked if rank == best]
        equals = [entries for entries in places.values() if len(entries) > 1]
        if any(not _agree(model, entries) for entries in equals):
            clashes[provider, model] = tuple(
                entry.listed for entries in equals for entry in entries
            )
            continue
        counted = [entries[0] for _, entries in sorted(places.items())]
        loaders[provider, model] = partial(_load, provider, label, counted)
    return Source(name, label, loaders, clashes)


def _rank(book: Book, entry: Entry) -> tuple[str, tuple[int, int]]:
    known = book.names.get((entry.provider, entry.name.lower()))
    model = known or book.model_of(entry.provider, entry.name) or entry.name
    rows = book.rows_of_model.get((entry.provider, model), [])
    if any(f"key={entry.listed};" in f"{row.source_ref};" for row in rows[:1]):
        return model, (0, 0)
    return model, (1 if known or model == entry.name else 2, entry.vagueness)


def _agree(model: str, entries: list[Entry]) -> bool:
    try:
        first, *others = (entry.read(model) for entry in entries)
    except UserError:
        return False
    return all(other == first for other in others)


def _load(provider: str, label: str, entries: list[Entry], model: str) -> SourceModel:
    timelines: dict[Key, Timeline] = {}
    references: dict[Key, str] = {}
    for entry in entries:
        read = entry.read(model)
        timelines.update(read)
        references.update(dict.fromkeys(read, entry.reference))
    return SourceModel(provider, model, entries[0].title, label, timelines, references)


def without_placeholders(
    book: Book, model: str, timelines: dict[Key, Timeline]
) -> dict[Key, Timeline]:
    """Leave out the zeros of a model that costs otherwise, in a unit that no meter counts.

    A zero beside a price of tokens says that this part is free, and a model may be called free.
    """
    if _FREE.search(model.lower()):
        return timelines
    charging = {
        key.meter for key, timeline in timelines.items() if any(one.price for one in timeline)
    }
    has_tokens = any(book.units[meter] == "Tokens" for meter in charging)
    return {
        key: timeline
        for key, timeline in timelines.items()
        if key.meter in charging or (has_tokens and book.units[key.meter] == "Tokens")
    }


def place_of(provider: str, model: str) -> tuple[str, str]:
    """Give region and scope of prices that a list has no region for."""
    if provider == "azure" and model.partition("/")[0] in _ZONES:
        return "", f"{model.partition('/')[0]} (data zone)"
    if provider == "aws_bedrock" and not model.startswith("claude_platform/"):
        prefix = model.partition(".")[0]
        if prefix == "global":
            return "", "global"
        if prefix in GEOS:
            return "", f"{prefix} (geo)"
        # lists take plain names from the price list of this region
        return "us-east-1", "in-region us-east-1"
    return "", "global"


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
