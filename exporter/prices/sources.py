"""Published price lists as rows of the price book: genai-prices, and LiteLLM's price JSON.

Nothing is calculated: a price keeps its digits, only its unit moves by a power of ten. What the
price book has no meter for (hours, pixels, video …) is left out.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn

from exporter.errors import UserError
from exporter.prices.book import (
    DECIMALS,
    EFFECTIVE,
    UNKNOWN,
    VERIFIED_ON,
    Book,
    Key,
    Segment,
    Timeline,
    fits,
)

GENAI = "genai-prices"
LITELLM = "litellm"
# the platforms whose prices genai-prices has few of
LITELLM_PROVIDERS = frozenset({"azure", "aws_bedrock", "gcp_vertex"})
# names of providers that are no alias in any log
_PROVIDERS = {"aws": "aws_bedrock"}
_MILLION = 6
_THOUSAND = 3

_GENAI_METERS = {
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
_GENAI_CONTEXTS = {
    ("processing", "batch"): ("standard", "batch"),
    ("service_tier", "flex"): ("flex", "realtime"),
    ("service_tier", "priority"): ("priority", "realtime"),
    ("service_tier", "fast"): ("fast", "realtime"),
    ("speed", "fast"): ("fast", "realtime"),
}

# field -> (meter, power of ten from its unit to the meter's pricing block)
_LITELLM_METERS = {
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
_LITELLM_TIERS = {
    "": ("standard", "realtime"),
    "_batches": ("standard", "batch"),
    "_flex": ("flex", "realtime"),
    "_priority": ("priority", "realtime"),
}
_LITELLM_FIELD = re.compile(
    r"(?P<name>[a-z0-9_]+?)(?:_above_(?P<thousands>\d+)k_tokens)?(?P<tier>_batches|_flex|_priority)?"
)
_LITELLM_SEARCHES = {
    "search_context_size_low": "web_search_low",
    "search_context_size_medium": "web_search_medium",
    "search_context_size_high": "web_search_high",
}
# providers whose higher price begins at the threshold itself
_INCLUSIVE = frozenset({"x-ai"})


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


def read_genai(book: Book) -> Source:
    """Read the installed genai-prices package; nothing is fetched.

    Raises UserError when it is not installed.
    """
    try:
        from importlib.metadata import version

        from genai_prices import data_snapshot

        label = f"genai-prices=={version('genai-prices')} (PyPI, MIT)"
    except ImportError:
        raise UserError(
            "The package genai-prices is not here: run `pip install 'ai-focus[prices]'` "
            "with Python 3.11 or newer."
        ) from None
    entries = []
    for listed in data_snapshot.get_snapshot().providers:
        provider = _provider(book, listed.id)
        if provider:
            entries += [(provider, model.id, (listed.id, model)) for model in listed.models]

    def load(provider: str, model: str, entry: tuple[str, Any]) -> SourceModel:
        listed_id, info = entry
        reference = f"genai_prices/data.py provider={listed_id} model={info.id}"
        place = f"{label}, provider {listed_id}, model {info.id}"
        timelines = dict(_genai_timelines(Key(provider, model, ""), info, place))
        return SourceModel(provider, model, info.name or model, label, reference, timelines)

    return Source(GENAI, label, _loaders(book, entries, load))


def read_litellm(book: Book, file: Path) -> Source:
    """Read LiteLLM's model_prices_and_context_window.json; raises UserError for another file."""
    try:
        content = file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"There is no file {file}: check --litellm.") from None
    except OSError as error:
        raise UserError(
            f"{file} can't be read ({error.strerror}): name a file you may read with --litellm."
        ) from None
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
        provider = _provider(book, "vertex_ai" if spelling.startswith("vertex_ai") else spelling)
        if provider and name != "sample_spec":
            entries.append((provider, _without_prefix(book, provider, name), (name, entry)))

    def load(provider: str, model: str, entry: tuple[str, Any]) -> SourceModel:
        name, prices = entry
        upstream = prices.get("source") or ""
        timelines = _litellm_timelines(book, Key(provider, model, ""), prices, f"{file}, {name}")
        reference = f"key={name}; upstream={upstream}"
        return SourceModel(provider, model, model, label, reference, timelines)

    return Source(LITELLM, label, _loaders(book, entries, load))


def _provider(book: Book, spelling: str) -> str | None:
    return _PROVIDERS.get(spelling) or book.provider_aliases.get(spelling)


def _without_prefix(book: Book, provider: str, name: str) -> str:
    prefix, slash, rest = name.partition("/")
    return rest if slash and book.provider_aliases.get(prefix) == provider else name


def _loaders(
    book: Book,
    entries: list[tuple[str, str, Any]],
    load: Callable[[str, str, Any], SourceModel],
) -> dict[tuple[str, str], Callable[[], SourceModel]]:
    """Give a loader per model of the book's naming; an alias counts where the name is missing."""
    chosen: dict[tuple[str, str], tuple[int, Any]] = {}
    for provider, name, entry in entries:
        model = name
        rank = 1
        if (provider, name) not in book.models:
            model = book.model_of(provider, name) or name
            rank = 2 if model != name else 1
        rows = book.rows_of_model.get((provider, model), [])
        if rows and f"key={entry[0]};" in f"{rows[0].source_ref};":
            # the entry that the book was made from
            rank = 0
        if (provider, model) not in chosen or rank < chosen[provider, model][0]:
            chosen[provider, model] = (rank, entry)

    def bind(provider: str, model: str, entry: Any) -> Callable[[], SourceModel]:
        return lambda: load(provider, model, entry)

    return {name: bind(*name, entry) for name, (_, entry) in chosen.items()}


def _refuse(place: str, field_name: str, value: object, words: str) -> NoReturn:
    raise UserError(f"{place}: {field_name} {value} {words}: leave the model out or mend the list.")


def _checked(place: str, field_name: str, price: Decimal, shown: object) -> Decimal:
    if not price.is_finite() or price < 0:
        _refuse(place, field_name, shown, "is no price of zero or more")
    if not fits(price):
        _refuse(place, field_name, shown, f"does not fit {DECIMALS} decimals per pricing unit")
    return price


# genai-prices ---------------------------------------------------------------------------------


# start date, prices, and the place in the package's list
_Entry = tuple[date | None, Any, int]


def _genai_timelines(base: Key, info: Any, place: str) -> Iterator[tuple[Key, Timeline]]:
    dated: list[_Entry] = [(None, info.prices, 0)]
    windows: list[tuple[Any, Any, int]] = []
    if isinstance(info.prices, list):
        # the last active entry counts
        listed = list(enumerate(info.prices))
        dated = [
            (getattr(one.constraint, "start_date", None), one.prices, number)
            for number, one in listed
            if not hasattr(one.constraint, "start_time")
        ]
        windows = [
            (one.constraint, one.prices, number)
            for number, one in listed
            if hasattr(one.constraint, "start_time")
        ]
    starts = _starts(dated)
    for price_key, meter in _GENAI_METERS.items():
        for band in _bands(prices_of for _, prices_of, _ in [*dated, *windows]):
            key = _in_band(replace(base, meter=meter), band)
            standard: list[tuple[date | None, Decimal | None]] = []
            for start in starts:
                found = _last_active(dated, start)
                price = _genai_price(found[1], price_key, band, place) if found else None
                standard.append((start, price))
            yield from _timeline(key, standard, EFFECTIVE)
            for constraint, prices_of, number in windows:
                window: list[tuple[date | None, Decimal | None]] = []
                for start in starts:
                    later = _last_active(dated, start)
                    hidden = later is not None and later[2] > number
                    price = _genai_price(prices_of, price_key, band, place)
                    window.append((start, None if hidden else price))
                windowed = replace(
                    key,
                    daily_window_start=_clock(constraint.start_time),
                    daily_window_end=_clock(constraint.end_time),
                )
                yield from _timeline(windowed, window, EFFECTIVE)
    yield from _genai_variants(base, info.price_variants or (), place)


def _genai_variants(base: Key, variants: Any, place: str) -> Iterator[tuple[Key, Timeline]]:
    for context, (tier, mode) in _GENAI_CONTEXTS.items():
        # the first active one counts; daily windows of variants are not known to the book
        ours: list[_Entry] = [
            (getattr(one.constraint, "start_date", None), one.prices, number)
            for number, one in enumerate(variants)
            if tuple(one.when.items()) == (context,) and not hasattr(one.constraint, "start_time")
        ]
        for price_key, meter in _GENAI_METERS.items():
            for band in _bands(prices_of for _, prices_of, _ in ours):
                key = replace(base, meter=meter, service_tier=tier, processing_mode=mode)
                points: list[tuple[date | None, Decimal | None]] = []
                for start in _starts(ours):
                    price = None
                    for begins, prices_of, _ in ours:
                        if begins is None or (start is not None and begins <= start):
                            price = _genai_price(prices_of, price_key, band, place)
                        if price is not None:
                            break
                    points.append((start, price))
                # a variant's date mostly is the day on which the list's authors looked
                yield from _timeline(_in_band(key, band), points, VERIFIED_ON)


def _starts(entries: list[_Entry]) -> list[date | None]:
    dates = sorted({start for start, _, _ in entries if start is not None})
    undated: list[date | None] = [None] if any(start is None for start, _, _ in entries) else []
    return undated + list(dates)


def _last_active(entries: list[_Entry], instant: date | None) -> _Entry | None:
    for entry in reversed(entries):
        if entry[0] is None or (instant is not None and entry[0] <= instant):
            return entry
    return None


def _bands(all_prices: Iterator[Any]) -> list[int]:
    """Give the thresholds of all tiers, 0 being the base price."""
    return sorted(
        {0}
        | {
            tier.start
            for prices in all_prices
            for value in vars(prices).values()
            for tier in getattr(value, "tiers", ())
        }
    )


def _in_band(key: Key, start: int) -> Key:
    # genai-prices writes "from 200,000 on" as "above 199,999"
    if start % 1000 == 999:
        return replace(key, context_threshold=start + 1, context_inclusive=True)
    return replace(key, context_threshold=start)


def _genai_price(prices: Any, price_key: str, band: int, place: str) -> Decimal | None:
    value: Any = getattr(prices, price_key, None)
    if hasattr(value, "tiers"):
        found = [tier.price for tier in value.tiers if tier.start == band]
        value = value.base if band == 0 else (found[0] if found else None)
    elif band:
        value = None
    return None if value is None else _checked(place, price_key, Decimal(value), value)


def _clock(value: time) -> str:
    return f"{value:%H:%M}"


def _timeline(
    key: Key, points: list[tuple[date | None, Decimal | None]], basis: str
) -> Iterator[tuple[Key, Timeline]]:
    timeline: Timeline = []
    for start, price in points:
        if timeline and timeline[-1].price == price:
            continue
        if not timeline and price is None:
            continue
        begin = datetime.combine(start, time.min) if start else None
        timeline.append(Segment(begin, price, basis if begin else UNKNOWN))
        # only a first date can be the day of a check: the next one is a change
        basis = EFFECTIVE
    if timeline:
        yield key, timeline


# LiteLLM --------------------------------------------------------------------------------------


def _litellm_timelines(
    book: Book, base: Key, entry: Mapping[str, Any], place: str
) -> dict[Key, Timeline]:
    prices = dict(_litellm_prices(base, entry, place))
    searches = entry.get("search_context_cost_per_query")
    if isinstance(searches, dict):
        by_size = {
            replace(base, meter=meter): _litellm_price(place, size, searches[size], _THOUSAND)
            for size, meter in _LITELLM_SEARCHES.items()
            if searches.get(size) is not None
        }
        one_price = replace(base, meter="web_search")
        if len(set(by_size.values())) == 1 and book.find(one_price):
            by_size = {one_price: next(iter(by_size.values()))}
        prices.update(by_size)
    prices = _with_peaks(base, entry, prices, place)
    return {key: [Segment(None, price)] for key, price in prices.items()}


def _litellm_prices(
    base: Key, entry: Mapping[str, Any], place: str
) -> Iterator[tuple[Key, Decimal]]:
    for name, value in entry.items():
        parts = _LITELLM_FIELD.fullmatch(name)
        if parts is None or parts["name"] not in _LITELLM_METERS or value is None:
            continue
        meter, power = _LITELLM_METERS[parts["name"]]
        tier, mode = _LITELLM_TIERS[parts["tier"] or ""]
        threshold = int(parts["thousands"] or 0) * 1000
        key = replace(
            base,
            meter=meter,
            service_tier=tier,
            processing_mode=mode,
            context_threshold=threshold,
            context_inclusive=bool(threshold) and base.provider in _INCLUSIVE,
        )
        yield key, _litellm_price(place, name, value, power)


def _litellm_price(place: str, name: str, value: object, power: int) -> Decimal:
    if not isinstance(value, Decimal):
        _refuse(place, name, repr(value), "is no number")
    return _checked(place, name, value.scaleb(power), value)


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
    partial = [one for one in windows if _hours(one) not in (None, [("00:00", "00:00")])]
    whole_days = [one for one in windows if _hours(one) == [("00:00", "00:00")]]
    if len(partial) != 1 or len(partial) + len(whole_days) != len(windows):
        return prices
    peaks = _other_hours(_hours(partial[0]) or [])
    weekdays = "".join(str(day) for day in partial[0].get("weekdays") or ())
    changed = dict(prices)
    for key, price in _litellm_prices(base, plan, place):
        if key not in prices:
            continue
        changed[key] = price
        for start, end in peaks:
            window = replace(key, daily_window_start=start, daily_window_end=end, weekdays=weekdays)
            changed[window] = prices[key]
    return changed


def _hours(window: Any) -> list[tuple[str, str]] | None:
    """Give the hours of a window as (start, end), or None where they can't be read."""
    hours = window.get("hours_utc") if isinstance(window, dict) else None
    texts = [hours] if isinstance(hours, str) else hours
    if not isinstance(texts, list) or not texts:
        return None
    found = [re.fullmatch(r"(\d\d:\d\d)-(\d\d:\d\d)", str(text)) for text in texts]
    return [(one[1], one[2]) for one in found if one] if all(found) else None


def _other_hours(hours: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Give the hours between the given ones, which are in order."""
    following = hours[1:] + hours[:1]
    between = [(end, start) for (_, end), (start, _) in zip(hours, following, strict=True)]
    return [(end, start) for end, start in between if end != start]
