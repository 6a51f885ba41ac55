"""LiteLLM's price file, model_prices_and_context_window.json.

Its prices are of single units: they move by a power of ten to the meter's pricing block.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from exporter.errors import UserError
from exporter.prices.book import Book
from exporter.prices.lists import (
    LITELLM,
    Source,
    SourceModel,
    checked,
    loaders_of,
    provider_of,
    refuse,
)
from exporter.prices.table import read_bytes
from exporter.prices.timeline import Key, Segment, Timeline

_MILLION = 6
_THOUSAND = 3
# field -> (meter, power of ten from its unit to the meter's pricing block)
_METERS = {
    "input_cost_per_token": ("input", _MILLION),
    "cache_read_input_token_cost": ("cache_read", _MILLION),
    "cache_creation_input_token_cost": ("cache_write", _MILLION),
    "cache_creation_input_token_cost_above_1hr": ("cache_write_1h", _MILLION),
    "output_cost_per_token": ("output", _MILLION),
    "output_cost_per_reasoning_token": ("output_reasoning", _MILLION),
    "input_cost_per_audio_token": ("input_audio", _MILLION),
    "cache_read_input_audio_token_cost": ("cache_read_audio", _MILLION),
    "output_cost_per_audio_token": ("output_audio", _MILLION),
    "input_cost_per_image_token": ("input_image", _MILLION),
    "cache_read_input_image_token_cost": ("cache_read_image", _MILLION),
    "output_cost_per_image_token": ("output_image", _MILLION),
    "file_search_cost_per_1k_calls": ("file_search", 0),
    "ocr_cost_per_page": ("input_page", _THOUSAND),
    "annotation_cost_per_page": ("input_annotated_page", _THOUSAND),
}
_TIERS = {
    "": ("standard", "realtime"),
    "_batches": ("standard", "batch"),
    "_flex": ("flex", "realtime"),
    "_priority": ("priority", "realtime"),
}
_FIELD = re.compile(
    r"(?P<name>[a-z0-9_]+?)(?:_above_(?P<thousands>\d+)k_tokens)?(?P<tier>_batches|_flex|_priority)?"
)
_SEARCHES = {
    "search_context_size_low": "web_search_low",
    "search_context_size_medium": "web_search_medium",
    "search_context_size_high": "web_search_high",
}
# providers whose higher price begins at the threshold itself
_INCLUSIVE = frozenset({"x-ai"})


def read_litellm(book: Book, file: Path) -> Source:
    """Read the file; raises UserError for another one."""
    content = read_bytes(file, "--litellm")
    try:
        listed = json.loads(content, parse_float=Decimal, parse_int=Decimal)
    except (ValueError, RecursionError) as error:
        raise UserError(
            f"{file} is no JSON ({error}): give --litellm LiteLLM's price file as it is published."
        ) from None
    if not isinstance(listed, dict) or not all(isinstance(one, dict) for one in listed.values()):
        raise UserError(
            f"{file} maps no model names to prices: give --litellm LiteLLM's price file "
            "as it is published."
        )
    label = f"litellm {file.name} sha256:{hashlib.sha256(content).hexdigest()[:12]} (MIT)"
    entries = []
    for name, entry in listed.items():
        spelling = str(entry.get("litellm_provider"))
        provider = provider_of(book, "vertex_ai" if spelling.startswith("vertex_ai") else spelling)
        if provider and name != "sample_spec":
            prefix, slash, rest = name.partition("/")
            is_prefixed = slash and book.provider_aliases.get(prefix) == provider
            entries.append((provider, rest if is_prefixed else name, name, entry))

    def load(provider: str, model: str, name: str, entry: Mapping[str, Any]) -> SourceModel:
        reference = f"key={name}; upstream={entry.get('source') or ''}"
        timelines = _timelines(book, Key(provider, model, ""), entry, f"{file}, {name}")
        return SourceModel(provider, model, model, label, reference, timelines)

    return Source(LITELLM, label, loaders_of(book, entries, load))


def _timelines(book: Book, base: Key, entry: Mapping[str, Any], place: str) -> dict[Key, Timeline]:
    prices = dict(_prices(base, entry, place))
    searches = entry.get("search_context_cost_per_query")
    if isinstance(searches, dict):
        by_size = {
            replace(base, meter=meter): _price(place, size, searches[size], _THOUSAND)
            for size, meter in _SEARCHES.items()
            if searches.get(size) is not None
        }
        one_price = replace(base, meter="web_search")
        if len(set(by_size.values())) == 1 and book.find(one_price):
            by_size = {one_price: next(iter(by_size.values()))}
        prices.update(by_size)
    prices = _with_peaks(base, entry, prices, place)
    return {key: [Segment(None, price)] for key, price in prices.items()}


def _prices(base: Key, entry: Mapping[str, Any], place: str) -> Iterator[tuple[Key, Decimal]]:
    for name, value in entry.items():
        parts = _FIELD.fullmatch(name)
        if parts is None or parts["name"] not in _METERS or value is None:
            continue
        meter, power = _METERS[parts["name"]]
        tier, mode = _TIERS[parts["tier"] or ""]
        threshold = int(parts["thousands"] or 0) * 1000
        key = replace(
            base,
            meter=meter,
            service_tier=tier,
            processing_mode=mode,
            context_threshold=threshold,
            context_inclusive=bool(threshold) and base.provider in _INCLUSIVE,
        )
        yield key, _price(place, name, value, power)


def _price(place: str, name: str, value: object, power: int) -> Decimal:
    if not isinstance(value, Decimal):
        refuse(place, name, repr(value), "is no number")
    return checked(place, name, value.scaleb(power), value)


def _with_peaks(
    base: Key, entry: Mapping[str, Any], prices: dict[Key, Decimal], place: str
) -> dict[Key, Decimal]:
    """Give the off-peak price as the all-day one and the peak price as that of the other hours.

    LiteLLM has it the other way round: its base is the peak price. A plan of another shape than
    "some hours on some days, all hours on the others" is left as it is.
    """
    plan = entry.get("off_peak_pricing")
    windows = plan.get("windows") if isinstance(plan, dict) else None
    if not isinstance(plan, dict) or not isinstance(windows, list):
        return prices
    partial = [(one, _hours(one)) for one in windows if _hours(one) != [("00:00", "00:00")]]
    window, hours = partial[0] if len(partial) == 1 else (None, None)
    if window is None or hours is None:
        return prices
    # the peak hours are what lies between the off-peak ones
    peaks = [(hours[number - 1][1], start) for number, (start, _) in enumerate(hours)]
    weekdays = "".join(str(day) for day in window.get("weekdays") or ())
    changed = dict(prices)
    for key, price in _prices(base, plan, place):
        if key not in prices:
            continue
        changed[key] = price
        for start, end in peaks:
            if start != end:
                peak = replace(key, daily_window_start=start, daily_window_end=end)
                changed[replace(peak, weekdays=weekdays)] = prices[key]
    return changed


def _hours(window: Any) -> list[tuple[str, str]] | None:
    """Give the hours of a window as (start, end) in order, or None where they can't be read."""
    hours = window.get("hours_utc") if isinstance(window, dict) else None
    texts = [hours] if isinstance(hours, str) else hours
    if not isinstance(texts, list) or not texts:
        return None
    found = [re.fullmatch(r"(\d\d:\d\d)-(\d\d:\d\d)", str(text)) for text in texts]
    return [(one[1], one[2]) for one in found if one] if all(found) else None
