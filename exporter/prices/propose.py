"""The rows that bring the price book to the state of the published lists."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, time
from decimal import Decimal
from fnmatch import fnmatchcase
from itertools import pairwise

from exporter.errors import UserError
from exporter.prices.book import Book, Price
from exporter.prices.lists import (
    GENAI,
    LITELLM,
    LITELLM_PROVIDERS,
    Lists,
    Source,
    SourceModel,
    find_review,
    place_of,
)
from exporter.prices.new_rows import NewAlias, NewModel, NewPrice
from exporter.prices.timeline import (
    EFFECTIVE,
    VERIFIED_ON,
    Key,
    Segment,
    Timeline,
    day_text,
    segment_at,
)

# left-out models that a note names
_SHOWN = 12
# sellers of their own models, at one price everywhere
_GLOBAL = frozenset({"openai", "anthropic", "google", "mistral", "deepseek", "x-ai"})
# by these two lists are known to mean the same model
_TOKENS_OF_A_CALL = frozenset({"input", "output", "cache_read"})
_SEARCHES = frozenset({"web_search_low", "web_search_medium", "web_search_high"})


@dataclass
class Proposal:
    """What `prices update` would append."""

    prices: list[NewPrice] = field(default_factory=list)
    models: list[NewModel] = field(default_factory=list)
    aliases: list[NewAlias] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def propose(
    lists: Lists, recorded_at: datetime, patterns: tuple[str, ...] = (), *, all_models: bool = False
) -> Proposal:
    """Propose the rows that bring the book to the sources' state on the day of `recorded_at`.

    A model's prices come from one source: that of its rows; for a new model LiteLLM on the
    platforms that genai-prices covers little of, else genai-prices. What this source does not
    price at all comes from the other one, where the two agree on the model.
    """
    book = lists.book
    instant = datetime.combine(recorded_at.date(), time.min)
    if recorded_at < book.newest_record:
        raise UserError(
            f"The update is dated {day_text(recorded_at)}, before the newest row of "
            f"{book.table.path} ({day_text(book.newest_record)}): a row recorded earlier would "
            "change what was known since, so give a later --as-of."
        )
    proposal = Proposal()
    skipped: Counter[str] = Counter()
    for (provider, model), rows in sorted(book.rows_of_model.items()):
        origin = _origin(rows[0])
        source = lists.sources.get(origin)
        if source is None:
            skipped[provider] += 1
            continue
        listed = source.load(provider, model)
        if listed is None:
            proposal.notes.append(f"{origin} no longer has {provider} {model}.")
            continue
        _propose_model(lists, source, listed, instant, proposal)
    for provider, count in sorted(skipped.items()):
        proposal.notes.append(
            f"{count} models of {provider} come from LiteLLM's price file and were not looked at: "
            "give it with --litellm."
        )
    _propose_new_models(lists, instant, patterns, all_models, proposal)
    return proposal


def _origin(row: Price) -> str:
    return LITELLM if row.source.startswith(LITELLM) else GENAI


def _propose_model(
    lists: Lists, source: Source, listed: SourceModel, instant: datetime, proposal: Proposal
) -> None:
    rows = lists.book.rows_of_model.get((listed.provider, listed.model), [])
    places = {(row.key.region_id, row.region_scope) for row in rows}
    places = places or {_scope(listed.provider, listed.model)}
    _propose_keys(lists, source, listed, listed.timelines, places, instant, proposal)
    for other in lists.sources.values():
        if other is source:
            continue
        further = _load_what_fits(other, listed.provider, listed.model)
        if further is None:
            continue
        timelines = _further_keys(lists, source, listed, further, instant)
        _propose_keys(lists, other, further, timelines, places, instant, proposal)


def _propose_keys(
    lists: Lists,
    source: Source,
    listed: SourceModel,
    timelines: dict[Key, Timeline],
    places: set[tuple[str, str]],
    instant: datetime,
    proposal: Proposal,
) -> None:
    book = lists.book
    rows = book.rows_of_model.get((listed.provider, listed.model), [])
    scopes = {row.key: row.region_scope for row in reversed(rows)}
    reviewed = 0
    for key, timeline in sorted(timelines.items()):
        ours = book.find(key)
        region_id, scope = key.region_id, ""
        if ours:
            region_id, scope = ours.region_id, scopes[ours]
        elif key.region_id:
            scope = f"in-region {key.region_id}"
        elif len(places) > 1:
            proposal.notes.append(f"{key.describe()} is new, but its region is not known.")
            continue
        else:
            region_id, scope = next(iter(places))
        known = book.timelines[ours] if ours else []
        changes = find_changes(known, timeline, instant) if ours else open_key(timeline, instant)
        for segment, old in (*changes, *find_ends(known, timeline)):
            if ours and old and find_review(lists.reviews, ours, source.name, old, segment):
                reviewed += 1
                continue
            assert segment.price is not None  # noqa: S101
            since = segment.start or datetime.min
            following = (*known, *(one for one in timeline if one.price is None))
            later = [one.start for one in following if one.start and one.start > since]
            replaces = [
                row.price_id for row in rows if (row.key, row.valid_from) == (ours, segment.start)
            ]
            proposal.prices.append(
                NewPrice(
                    key=ours or replace(key, region_id=region_id),
                    price=segment.price,
                    valid_from=segment.start,
                    valid_to=min(later, default=None),
                    basis=segment.basis,
                    region_scope=scope,
                    source=listed.source,
                    source_ref=listed.references[key],
                    old=old,
                    replaces=replaces[-1] if replaces else None,
                )
            )
    if reviewed:
        proposal.notes.append(
            f"{listed.provider} {listed.model}: {reviewed} reviewed differences stay as they are."
        )


def _load_what_fits(source: Source, provider: str, model: str) -> SourceModel | None:
    """Read a model of the other list, None where the book can't hold a price of it."""
    try:
        return source.load(provider, model)
    except UserError:
        return None


def _further_keys(
    lists: Lists, source: Source, listed: SourceModel, further: SourceModel, instant: datetime
) -> dict[Key, Timeline]:
    """Give what the model's own source does not price, and a list that agrees with it does.

    Two lists that differ on a tier are of different days, or mean different models. A meter that
    the own source has is whole there: a band or an hour that only the other has is none, unless the
    own one has the band in another tier of the model.
    """
    book = lists.book
    known = dict(listed.timelines)
    for row in book.rows_of_model.get((listed.provider, listed.model), []):
        if _origin(row) == source.name:
            known.setdefault(row.key, book.timelines[row.key])
    prices: dict[Key, Decimal | None] = {}
    for key, timeline in known.items():
        segment = segment_at(timeline, instant)
        prices[key] = segment.price if segment else None
    tiers = {(key.service_tier, key.processing_mode) for key in prices}
    meters = {_meter_of(key) for key in prices}
    bands = {(key.meter, key.region_id, key.context_threshold) for key in prices}
    differing: set[tuple[str, str]] = set()
    shared: set[tuple[str, str]] = set()
    for key, timeline in further.timelines.items():
        theirs = segment_at(timeline, instant)
        mine = prices.get(key)
        if key.meter not in _TOKENS_OF_A_CALL or theirs is None or mine is None:
            continue
        tier = (key.service_tier, key.processing_mode)
        (shared if theirs.price == mine else differing).add(tier)
    base = ("standard", "realtime")
    if base in differing or (base in tiers and base not in shared):
        return {}
    return {
        key: timeline
        for key, timeline in further.timelines.items()
        if (key.service_tier, key.processing_mode) not in differing
        and (
            _meter_of(key) not in meters
            or (
                key not in prices
                and key.context_threshold
                and (key.meter, key.region_id, key.context_threshold) in bands
            )
        )
    }


def _meter_of(key: Key) -> tuple[str, ...]:
    search = "web_search" if key.meter in _SEARCHES else key.meter
    write = "cache_write" if search == "cache_write_5m" else search
    return write, key.service_tier, key.processing_mode, key.region_id


def open_key(timeline: Timeline, instant: datetime) -> list[tuple[Segment, None]]:
    """Give the rows of a key that the book does not have. An undated price was seen today."""
    rows = list(timeline)
    following = rows[1].start if len(rows) > 1 else None
    if rows and rows[0].start is None and not (following and following <= instant):
        rows[0] = Segment(instant, rows[0].price, VERIFIED_ON)
    return [(segment, None) for segment in rows if segment.price is not None]


def find_changes(
    book: Timeline, listed: Timeline, instant: datetime
) -> list[tuple[Segment, Segment]]:
    """Give the rows that a key of the book needs, each with the price that it replaces.

    A dated price counts from its date, also where the book has later rows with another price;
    an undated one tells of the day of the update only.
    """
    starts = {segment.start: segment for segment in book}
    first = book[0].start if book[0].basis != EFFECTIVE else None
    instants = {instant} | {one.start for one in (*book, *listed) if one.start}
    known = list(book)
    changes = []
    for moment in sorted(instants):
        theirs, mine = segment_at(listed, moment), segment_at(known, moment)
        is_dated = theirs is not None and theirs.start is not None
        if theirs is None or theirs.price is None or not (is_dated or moment == instant):
            continue
        # a row before the first one would take from it what lies before both
        if first is not None and moment < first:
            continue
        if mine is not None and mine.price == theirs.price:
            continue
        basis = theirs.basis if is_dated else VERIFIED_ON
        if moment != theirs.start and moment in starts:
            basis = starts[moment].basis
        segment = Segment(moment, theirs.price, basis)
        changes.append((segment, mine or Segment(None, None)))
        known = [one for one in known if one.start != moment] + [segment]
        known.sort(key=lambda one: one.start or datetime.min)
    return changes


def find_ends(book: Timeline, listed: Timeline) -> list[tuple[Segment, Segment]]:
    """Give the prices of the book that the list ends on a day, and nothing of it follows."""
    ends = []
    for before, after in pairwise(listed):
        mine = segment_at(book, after.start) if after.price is None and after.start else None
        if mine and mine.price == before.price and mine.start != after.start:
            ends.append((mine, mine))
    return ends


def _propose_new_models(
    lists: Lists, instant: datetime, patterns: tuple[str, ...], all_models: bool, proposal: Proposal
) -> None:
    matched: Counter[str] = Counter()
    left_out: dict[str, list[str]] = defaultdict(list)

    def is_wanted(provider: str, model: str) -> bool:
        fitting = [pattern for pattern in patterns if _fits(pattern, provider, model)]
        matched.update(fitting)
        return bool(fitting) or all_models

    for provider, model, source in _new_models(lists):
        if not is_wanted(provider, model):
            continue
        try:
            listed = source.load(provider, model)
        except UserError:
            if not all_models:
                raise
            left_out["at a price that the book can't hold"].append(f"{provider} {model}")
            continue
        if listed is None or not listed.timelines:
            left_out["without a price that a meter counts"].append(f"{provider} {model}")
            continue
        target = _same_model(lists, source, listed, instant)
        if target is not None:
            proposal.aliases.append(NewAlias(provider, model.lower(), *target))
            continue
        if (provider, model) not in lists.book.models:
            developer = _developer(lists.book, provider, model)
            if developer is None:
                reason = "whose makers have to be added to ai_model_developers.csv first"
                left_out[reason].append(f"{provider} {model}")
                continue
            proposal.models.append(NewModel(provider, model, developer, listed.name))
        _propose_model(lists, source, listed, instant, proposal)
    for name, source in lists.sources.items():
        for (provider, model), names in sorted(source.clashes.items()):
            if is_wanted(provider, model):
                reason = f"of which {name} has several prices"
                left_out[reason].append(f"{provider} {model} ({', '.join(names)})")
    _propose_aliases(lists, is_wanted, proposal)
    for reason, models in left_out.items():
        shown = ", ".join(models[:_SHOWN]) + (" …" if len(models) > _SHOWN else "")
        proposal.notes.append(f"{len(models):,} models are left out, {reason}: {shown}")
    known = {f"{provider}/{model}" for provider, model in lists.book.rows_of_model}
    for pattern in patterns:
        if not matched[pattern] and not any(_fits(pattern, *name.split("/", 1)) for name in known):
            raise UserError(
                f"No model of the price lists fits --models {pattern!r}: write a name or a "
                "pattern such as 'openai/gpt-6*'."
            )


def _new_models(lists: Lists) -> Iterator[tuple[str, str, Source]]:
    """Name the models that the book lacks, each with the source that its prices come from."""
    book = lists.book
    names = sorted({name for source in lists.sources.values() for name in source.loaders})
    judged = {(review.source, review.provider, review.model) for review in lists.reviews}
    spelled: set[tuple[str, str]] = set()
    for provider, model in names:
        lower = (provider, model.lower())
        if (provider, model) in book.rows_of_model or book.model_of(provider, model):
            continue
        # a name in other letters is the same name
        if lower in spelled:
            continue
        order = [LITELLM, GENAI] if provider in LITELLM_PROVIDERS else [GENAI, LITELLM]
        sources = [lists.sources[name] for name in order if name in lists.sources]
        having = [
            source
            for source in sources
            if (provider, model) in source.loaders
            # somebody found that the list is wrong about it
            and (source.name, provider, model) not in judged
        ]
        if having:
            spelled.add(lower)
            yield provider, model, having[0]


def _same_model(
    lists: Lists, source: Source, listed: SourceModel, instant: datetime
) -> tuple[str, str] | None:
    """Give the model that another list takes this name for, where all prices of the two agree."""
    for other in lists.sources.values():
        found = other.aliases.get((listed.provider, listed.model.lower()))
        if other is source or found is None:
            continue
        same = _load_what_fits(other, listed.provider, found[0])
        if same is not None and all(
            _price_at(timeline, instant)
            == _price_at(same.timelines.get(replace(key, model=found[0]), []), instant)
            for key, timeline in listed.timelines.items()
        ):
            return found
    return None


def _price_at(timeline: Timeline, instant: datetime) -> Decimal | None:
    segment = segment_at(timeline, instant)
    return segment.price if segment else None


def _propose_aliases(
    lists: Lists, is_wanted: Callable[[str, str], bool], proposal: Proposal
) -> None:
    """Propose the names that a list has for a model, where no list prices them apart."""
    book = lists.book
    priced = set(book.rows_of_model) | {
        (new.key.provider, new.key.model) for new in proposal.prices
    }
    spelled = {(provider, model.lower()) for provider, model in priced}
    taken = {(one.provider, one.alias) for one in proposal.aliases}
    apart = {
        (provider, model.lower())
        for source in lists.sources.values()
        for provider, model in (*source.loaders, *source.clashes)
    }
    for source in lists.sources.values():
        for (provider, alias), (model, place) in sorted(source.aliases.items()):
            name = (provider, alias)
            target = model if (provider, model) in priced else book.model_of(provider, model)
            if name in spelled or name in taken or name in apart or book.model_of(*name):
                continue
            if target is not None and is_wanted(provider, target):
                taken.add(name)
                proposal.aliases.append(NewAlias(provider, alias, target, place))


def _fits(pattern: str, provider: str, model: str) -> bool:
    return fnmatchcase(model, pattern) or fnmatchcase(f"{provider}/{model}", pattern)


def _scope(provider: str, model: str) -> tuple[str, str]:
    """Give region and scope of a new model's prices; what no list tells of is not said."""
    if provider in _GLOBAL or provider in LITELLM_PROVIDERS:
        return place_of(provider, model)
    return "", "not told"


def _developer(book: Book, provider: str, model: str) -> str | None:
    """Tell who made a model; of one that a platform sells under a name of no maker it is not known.

    A name that is a path begins with the account that publishes it. What else a provider sells is
    shown as its own, as FOCUS has it for a publisher that is not told.
    """
    developer = book.developer_of(provider, model)
    if developer or provider in LITELLM_PROVIDERS:
        return developer
    account, slash, _ = model.partition("/")
    return account if slash else book.sellers.get(provider)
