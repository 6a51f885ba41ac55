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
    Entry,
    Source,
    checked,
    place_of,
    provider_of,
    refuse,
    to_source,
    without_placeholders,
)
from exporter.prices.table import read_bytes
from exporter.prices.timeline import Key, Segment, Timeline, fits

_MILLION = 6
_THOUSAND = 3
# field -> (meter, power of ten from its unit to the meter's pricing block)
_METERS = {
    "input_cost_per_token": ("input", _MILLION),
    "input_cost_per_token_cache_hit": ("cache_read", _MILLION),
    "cache_read_input_token_cost": ("cache_read", _MILLION),
    "cache_creation_input_token_cost": ("cache_write", _MILLION),
    "cache_creation_input_token_cost_above_1hr": ("cache_write_1h", _MILLION),
    "cache_creation_input_token_cost_above_12hr": ("cache_write_12h", _MILLION),
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
_CACHE_READ = "cache_read_input_token_cost"
_TIERS = {
    "": ("standard", "realtime"),
    "_batches": ("standard", "batch"),
    "_flex": ("flex", "realtime"),
    "_priority": ("priority", "realtime"),
    "_balanced": ("balanced", "realtime"),
    "_ultrafast": ("ultrafast", "realtime"),
}
_FIELD = re.compile(
    r"(?P<name>[a-z0-9_]+?)(?:_above_(?P<thousands>\d+)k_tokens)?"
    r"(?P<tier>_batches|_flex|_priority|_balanced|_ultrafast)?"
)
# the makers behind a platform: vertex_ai-llama_models
_OF_PLATFORM = re.compile(r"-[a-z0-9-]+[-_]models$")
# capacity by the hour, and pictures by their size: no call is logged under such a name
_NO_MODEL = re.compile(r"-month-commitment/|(^|/)(\d+|max)-x-(\d+|max)/")
_REGION = re.compile(r"[a-z]{2}(-gov|-iso|-isob)?-[a-z]+-[0-9]")
_SEARCHES = {
    "search_context_size_low": "web_search_low",
    "search_context_size_medium": "web_search_medium",
    "search_context_size_high": "web_search_high",
}
# mode -> meter -> power of ten, fields of which the first with a price counts
_Units = dict[str, tuple[int, tuple[str, ...]]]
_BY_IMAGE: _Units = {"generated_image": (0, ("output_cost_per_image", "input_cost_per_image"))}
_BY_QUERY: _Units = {"query": (_THOUSAND, ("input_cost_per_query",))}
_UNITS: dict[str, _Units] = {
    "image_generation": _BY_IMAGE,
    "image_edit": _BY_IMAGE,
    "rerank": _BY_QUERY,
    "search": _BY_QUERY,
    "audio_transcription": {
        "input_second": (0, ("input_cost_per_second", "output_cost_per_second"))
    },
    "video_generation": {
        "output_second": (0, ("output_cost_per_second", "output_cost_per_video_per_second"))
    },
    "audio_speech": {
        "input_character": (_MILLION, ("input_cost_per_character",)),
        "output_character": (_MILLION, ("output_cost_per_character",)),
        "output_second": (0, ("output_cost_per_second",)),
    },
}
# ways to call a model, which costs the same by each
_ROUTES = {"aws_bedrock": ("converse/", "invoke/"), "azure": ("global/", "global-standard/")}
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
    names = {
        name: found
        for name, entry in listed.items()
        if name != "sample_spec" and (found := _name_of(book, name, entry))
    }
    entries = [
        _to_entry(book, f"{file}, {name}", name, listed[name], *found)
        for name, found in names.items()
    ]
    source = to_source(LITELLM, label, book, entries)
    for name, (provider, model, _) in names.items():
        for route in _ROUTES.get(provider, ()):
            if name.endswith(route + model):
                place = f"litellm route of key={name}"
                source.aliases[provider, (route + model).lower()] = (model, place)
    for name, entry in listed.items():
        target = names.get(str(entry.get("alias_of")))
        if target is None:
            continue
        provider, model, region_id = target
        prefix, slash, rest = name.partition("/")
        is_prefixed = slash and book.provider_aliases.get(prefix) == provider
        if not region_id:
            source.aliases[provider, (rest if is_prefixed else name).lower()] = (
                model,
                f"litellm alias_of of key={name}",
            )
    return source


def _name_of(book: Book, name: str, entry: Mapping[str, Any]) -> tuple[str, str, str] | None:
    """Give provider, model and region of an entry; None for no model of a known provider."""
    spelling = _OF_PLATFORM.sub("", str(entry.get("litellm_provider")))
    provider = provider_of(book, spelling)
    if provider is None or _NO_MODEL.search(name):
        return None
    prefix, slash, rest = name.partition("/")
    model = rest if slash and book.provider_aliases.get(prefix) == provider else name
    region_id = ""
    if provider == "aws_bedrock":
        place, slash, rest = model.partition("/")
        if slash and _REGION.fullmatch(place):
            region_id, model = place, rest
        else:
            region_id, _ = place_of(provider, model)
    for route in _ROUTES.get(provider, ()):
        model = model.removeprefix(route)
    return provider, model, region_id


def _to_entry(
    book: Book,
    place: str,
    name: str,
    entry: Mapping[str, Any],
    provider: str,
    listed_model: str,
    region_id: str,
) -> Entry:
    def read(model: str) -> dict[Key, Timeline]:
        base = Key(provider, model, "", region_id=region_id)
        return without_placeholders(book, listed_model, _timelines(book, base, entry, place))

    return Entry(
        provider=provider,
        name=listed_model,
        listed=name,
        title=listed_model,
        reference=f"key={name}; upstream={entry.get('source') or ''}",
        read=read,
        region_id=region_id,
        vagueness=-len(name.removesuffix(listed_model)),
    )


def _timelines(book: Book, base: Key, entry: Mapping[str, Any], place: str) -> dict[Key, Timeline]:
    # a fee of each request beside its tokens, which no meter counts: the tokens alone are no price
    if entry.get("input_cost_per_request"):
        return {}
    prices = dict(_prices(base, entry, place))
    tiers = entry.get("tiered_pricing")
    for tier in tiers if isinstance(tiers, list) else ():
        if isinstance(tier, dict) and isinstance(tier.get("range"), list):
            start = int(tier["range"][0])
            band = replace(base, context_threshold=start)
            prices.update(_prices(band, tier, place))
    searches = entry.get("search_context_cost_per_query")
    if isinstance(searches, dict):
        by_size = {
            replace(base, meter=meter): _price(place, size, searches[size], _THOUSAND)
            for size, meter in _SEARCHES.items()
            if searches.get(size) is not None
        }
        by_size = {key: price for key, price in by_size.items() if price}
        one_price = replace(base, meter="web_search")
        rows = book.rows_of_model.get((base.provider, base.model), [])
        has_sizes = any(row.key.meter in _SEARCHES.values() for row in rows)
        if len(set(by_size.values())) == 1 and not has_sizes:
            by_size = {one_price: next(iter(by_size.values()))}
        prices.update(by_size)
    prices.update(_unit_prices(book, base, entry, prices, place))
    prices = _with_peaks(base, entry, prices, place)
    return {key: [Segment(None, price)] for key, price in prices.items()}


def _unit_prices(
    book: Book, base: Key, entry: Mapping[str, Any], prices: Mapping[Key, Decimal], place: str
) -> Iterator[tuple[Key, Decimal]]:
    """Give the prices of what is counted instead of tokens, by what the model is for.

    A model that has a price of tokens is billed by them: its other prices are equivalents.
    """
    if any(price and book.units[key.meter] == "Tokens" for key, price in prices.items()):
        return
    for meter, (power, fields) in _UNITS.get(str(entry.get("mode")), {}).items():
        # some entries name one price twice: as one of the input and of the output
        value = next((entry[name] for name in fields if entry.get(name)), None)
        if value is not None and meter in book.blocks:
            yield replace(base, meter=meter), _price(place, fields[0], value, power)


def _prices(base: Key, entry: Mapping[str, Any], place: str) -> Iterator[tuple[Key, Decimal]]:
    for name, value in entry.items():
        parts = _FIELD.fullmatch(name)
        if parts is None or parts["name"] not in _METERS or value is None:
            continue
        meter, power = _METERS[parts["name"]]
        if parts["name"] == "input_cost_per_token_cache_hit" and _CACHE_READ in entry:
            continue
        tier, mode = _TIERS[parts["tier"] or ""]
        threshold = int(parts["thousands"] or 0) * 1000
        key = replace(
            base,
            meter=meter,
            service_tier=tier,
            processing_mode=mode,
            context_threshold=threshold or base.context_threshold,
            context_inclusive=bool(threshold) and base.provider in _INCLUSIVE,
        )
        yield key, _price(place, name, value, power)


def _price(place: str, name: str, value: object, power: int) -> Decimal:
    if not isinstance(value, Decimal):
        refuse(place, name, repr(value), "is no number")
    price = value.scaleb(power)
    if not fits(price):
        # the list is written by floating-point arithmetic, which keeps 15 digits surely
        price = Decimal(f"{value:.15g}").scaleb(power)
    return checked(place, name, price, value)


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
