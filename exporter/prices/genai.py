"""The price list of the installed package genai-prices; nothing is fetched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from genai_prices import __version__, data_snapshot
from genai_prices.types import (
    ClauseEquals,
    ClauseOr,
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    PriceVariant,
    TieredPrices,
    TimeOfDateConstraint,
)

from exporter.errors import UserError
from exporter.prices.book import Book
from exporter.prices.lists import (
    GENAI,
    Entry,
    Source,
    checked,
    place_of,
    provider_of,
    to_source,
    without_placeholders,
)
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
    "input_mchars": "input_character",
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
    listed = [
        (provider, one.id, model)
        for one in data_snapshot.get_snapshot().providers
        if (provider := provider_of(book, one.id))
        for model in one.models
    ]
    source = to_source(GENAI, label, book, [_to_entry(book, label, *one) for one in listed])
    own_names = {(provider, model.id.lower()) for provider, _, model in listed}
    found: dict[tuple[str, str], set[str]] = {}
    for provider, _, model in listed:
        for name in _equal_names(model.match):
            found.setdefault((provider, name), set()).add(model.id)
    for (provider, name), models in found.items():
        # a name of two models leads to neither
        if (provider, name) not in own_names and len(models) == 1:
            model_id = next(iter(models))
            source.aliases[provider, name] = (
                model_id,
                f"genai-prices=={__version__} match of {model_id}",
            )
    return source


def _to_entry(book: Book, label: str, provider: str, listed: str, info: ModelInfo) -> Entry:
    region_id, _ = place_of(provider, info.id)

    def read(model: str) -> dict[Key, Timeline]:
        base = Key(provider, model, "", region_id=region_id)
        place = f"{label}, provider {listed}, model {info.id}"
        return without_placeholders(book, info.id, dict(read_timelines(base, info, place)))

    return Entry(
        provider=provider,
        name=info.id,
        listed=info.id,
        title=info.name or info.id,
        reference=f"genai_prices/data.py provider={listed} model={info.id}",
        read=read,
        region_id=region_id,
    )


def _equal_names(clause: Any) -> Iterator[str]:
    """Give the whole names, in lower case, that a model of the list is found by."""
    if isinstance(clause, ClauseEquals):
        yield clause.equals.lower()
    elif isinstance(clause, ClauseOr):
        for one in clause.or_:
            yield from _equal_names(one)


def read_timelines(base: Key, info: ModelInfo, place: str) -> Iterator[tuple[Key, Timeline]]:
    """Give the prices of a model for each key; `base` names provider and model.

    A meter is left out with all its bands where the book can't hold a price of it: a third of a
    cent has no end.
    """
    if isinstance(info.prices, ModelPrice):
        listed = [ConditionalPrice(prices=info.prices)]
    else:
        # the last active entry counts
        listed = info.prices[::-1]
    # a fee of each request, by how much it searched, beside its tokens: these alone are no price
    if any(one.prices.requests_kcount and one.prices.input_mtok for one in listed):
        return
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
        found: dict[Key, Timeline] = {}
        try:
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
                    found[_in_band(replace(base, meter=meter), band)] = timeline
        except UserError:
            # without this meter a call that has it is held, and the others are priced
            continue
        yield from found.items()


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
