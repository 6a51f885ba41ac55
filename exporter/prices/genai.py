"""The price list of the installed package genai-prices; nothing is fetched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from genai_prices import __version__, data_snapshot
from genai_prices.types import (
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    PriceVariant,
    TieredPrices,
    TimeOfDateConstraint,
)

from exporter.prices.book import Book
from exporter.prices.lists import GENAI, Source, SourceModel, checked, loaders_of, provider_of
from exporter.prices.timeline import EFFECTIVE, UNKNOWN, VERIFIED_ON, Key, Segment, Timeline

_METERS = {
    "input_mtok": "input",
    "cache_read_mtok": "cache_read",
    "cache_write_mtok": "cache_write",
    "cache_write_5m_mtok": "cache_write_5m",
    "cache_write_1h_mtok": "cache_write_1h",
    "output_mtok": "output",
    "output_reasoning_mtok": "output_reasoning",
    "input_audio_mtok": "input_audio",
    "cache_audio_read_mtok": "cache_read_audio",
    "output_audio_mtok": "output_audio",
    "input_image_mtok": "input_image",
    "cache_image_read_mtok": "cache_read_image",
    "output_image_mtok": "output_image",
    "web_searches_kcount": "web_search",
    "storage_searches_kcount": "file_search",
    "input_document_kpages": "input_page",
    "input_annotated_document_kpages": "input_annotated_page",
    "requests_kcount": "request",
}
# (service tier, processing mode) of the request contexts that genai-prices tells apart
_CONTEXTS = {
    ("processing", "batch"): ("standard", "batch"),
    ("service_tier", "flex"): ("flex", "realtime"),
    ("service_tier", "priority"): ("priority", "realtime"),
    ("service_tier", "fast"): ("fast", "realtime"),
    ("speed", "fast"): ("fast", "realtime"),
}
_Entry = ConditionalPrice | PriceVariant


def read_genai(book: Book) -> Source:
    """Read the installed package."""
    label = f"genai-prices=={__version__} (PyPI, MIT)"
    entries = [
        (provider, model.id, listed.id, model)
        for listed in data_snapshot.get_snapshot().providers
        if (provider := provider_of(book, listed.id))
        for model in listed.models
    ]

    def load(provider: str, model: str, listed: str, info: ModelInfo) -> SourceModel:
        reference = f"genai_prices/data.py provider={listed} model={info.id}"
        place = f"{label}, provider {listed}, model {info.id}"
        timelines = dict(read_timelines(Key(provider, model, ""), info, place))
        return SourceModel(provider, model, info.name or model, label, reference, timelines)

    return Source(GENAI, label, loaders_of(book, entries, load))


def read_timelines(base: Key, info: ModelInfo, place: str) -> Iterator[tuple[Key, Timeline]]:
    """Give the prices of a model for each key; `base` names provider and model.

    Raises UserError, which begins with `place`, for a price that the book can't hold.
    """
    if isinstance(info.prices, ModelPrice):
        listed = [ConditionalPrice(prices=info.prices)]
    else:
        # the last active entry counts
        listed = info.prices[::-1]
    dated = [one for one in listed if not _has_hours(one)]
    yield from _timelines(base, dated, _starts(dated), EFFECTIVE, place)
    for number, window in reversed([*enumerate(listed)]):
        if not isinstance(window.constraint, TimeOfDateConstraint):
            continue
        hours = replace(
            base,
            daily_window_start=f"{window.constraint.start_time:%H:%M}",
            daily_window_end=f"{window.constraint.end_time:%H:%M}",
        )
        # what counts before it hides it, once that has begun
        hiding = [one for one in listed[:number] if not _has_hours(one)]
        entries = [replace(one, prices=ModelPrice()) for one in hiding]
        entries.append(ConditionalPrice(prices=window.prices))
        yield from _timelines(hours, entries, _starts(dated), EFFECTIVE, place)
    for context, (tier, mode) in _CONTEXTS.items():
        # daily windows of variants are not known to the book
        variants = [
            one
            for one in info.price_variants or ()
            if tuple(one.when.items()) == (context,) and not _has_hours(one)
        ]
        key = replace(base, service_tier=tier, processing_mode=mode)
        # a variant's date mostly is the day on which the list's authors looked
        yield from _timelines(key, variants, _starts(variants), VERIFIED_ON, place)


def _has_hours(entry: _Entry) -> bool:
    return isinstance(entry.constraint, TimeOfDateConstraint)


def _starts(entries: Sequence[_Entry]) -> list[date | None]:
    starts = {getattr(one.constraint, "start_date", None) for one in entries}
    return sorted(starts, key=lambda start: start or date.min)


def _timelines(
    base: Key, entries: Sequence[_Entry], starts: list[date | None], basis: str, place: str
) -> Iterator[tuple[Key, Timeline]]:
    """Give the prices of all meters and bands at each start: of the first active entry."""
    for field, meter in _METERS.items():
        for band in _bands(entries):
            timeline: Timeline = []
            for start in starts:
                price = _price_on(start, entries, field, band, place)
                if price != (timeline[-1].price if timeline else None):
                    begin = datetime.combine(start, time.min) if start else None
                    # only a first date can be the day of a check: the next one is a change
                    since = EFFECTIVE if timeline else basis
                    timeline.append(Segment(begin, price, since if begin else UNKNOWN))
            if timeline:
                yield _in_band(replace(base, meter=meter), band), timeline


def _bands(entries: Sequence[_Entry]) -> list[int]:
    """Give the thresholds of all tiers, 0 being the base price."""
    values = [value for one in entries for value in vars(one.prices).values()]
    tiered = [value.tiers for value in values if isinstance(value, TieredPrices)]
    return sorted({0, *(tier.start for tiers in tiered for tier in tiers)})


def _in_band(key: Key, start: int) -> Key:
    # genai-prices writes "from 200,000 on" as "above 199,999"
    if start % 1000 == 999:
        return replace(key, context_threshold=start + 1, context_inclusive=True)
    return replace(key, context_threshold=start)


def _price_on(
    day: date | None, entries: Sequence[_Entry], field: str, band: int, place: str
) -> Decimal | None:
    """Give the price of a day; None is the time before all dates."""
    for entry in entries:
        limit = entry.constraint
        if limit is None or (day and limit.active(datetime.combine(day, time.min))):
            price = _price(entry.prices, field, band, place)
            # a variant without this price gives way to the next one
            if price is not None or isinstance(entry, ConditionalPrice):
                return price
    return None


def _price(prices: ModelPrice, field: str, band: int, place: str) -> Decimal | None:
    value: Any = getattr(prices, field, None)
    if isinstance(value, TieredPrices):
        value = {**{tier.start: tier.price for tier in value.tiers}, 0: value.base}.get(band)
    elif band:
        value = None
    return None if value is None else checked(place, field, Decimal(value), value)
