"""The rows that bring the price book to the state of the published lists."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, time
from fnmatch import fnmatchcase

from exporter.errors import UserError
from exporter.prices.book import Book
from exporter.prices.lists import (
    GENAI,
    LITELLM,
    LITELLM_PROVIDERS,
    Lists,
    Source,
    SourceModel,
    find_review,
)
from exporter.prices.new_rows import NewModel, NewPrice
from exporter.prices.timeline import EFFECTIVE, VERIFIED_ON, Segment, Timeline, day_text, segment_at

# left-out models that a note names
_SHOWN = 12
_ZONES = ("us", "eu")
_GEOS = ("us", "eu", "apac", "au", "jp", "ca", "in")


@dataclass
class Proposal:
    """What `prices update` would append."""

    prices: list[NewPrice] = field(default_factory=list)
    models: list[NewModel] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def propose(
    lists: Lists, recorded_at: datetime, patterns: tuple[str, ...] = (), *, all_models: bool = False
) -> Proposal:
    """Propose the rows that bring the book to the sources' state on the day of `recorded_at`.

    A model's prices come from one source: that of its rows; for a new model LiteLLM on the
    platforms that genai-prices covers little of, else genai-prices.
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
        origin = LITELLM if rows[0].source.startswith(LITELLM) else GENAI
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


def _propose_model(
    lists: Lists, source: Source, listed: SourceModel, instant: datetime, proposal: Proposal
) -> None:
    book = lists.book
    rows = book.rows_of_model.get((listed.provider, listed.model), [])
    scopes = {row.key: row.region_scope for row in reversed(rows)}
    places = {(row.key.region_id, row.region_scope) for row in rows}
    places = places or {_place(listed.provider, listed.model)}
    reviewed = 0
    for key, timeline in sorted(listed.timelines.items()):
        ours = book.find(key)
        if ours is None and len(places) > 1:
            proposal.notes.append(f"{key.describe()} is new, but its region is not known.")
            continue
        region_id, scope = (ours.region_id, scopes[ours]) if ours else next(iter(places))
        known = book.timelines[ours] if ours else []
        changes = find_changes(known, timeline, instant) if ours else open_key(timeline, instant)
        for segment, old in changes:
            if ours and old and find_review(lists.reviews, ours, source.name, old, segment):
                reviewed += 1
                continue
            assert segment.price is not None  # noqa: S101
            since = segment.start or datetime.min
            later = [one.start for one in known if one.start and one.start > since]
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
                    source_ref=listed.source_ref,
                    old=old,
                    replaces=replaces[-1] if replaces else None,
                )
            )
    if reviewed:
        proposal.notes.append(
            f"{listed.provider} {listed.model}: {reviewed} reviewed differences stay as they are."
        )


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


def _propose_new_models(
    lists: Lists, instant: datetime, patterns: tuple[str, ...], all_models: bool, proposal: Proposal
) -> None:
    matched: Counter[str] = Counter()
    left_out: dict[str, list[str]] = defaultdict(list)
    for provider, model, source in _new_models(lists):
        fitting = [pattern for pattern in patterns if _fits(pattern, provider, model)]
        matched.update(fitting)
        if not fitting and not all_models:
            continue
        listed = source.load(provider, model)
        if listed is None or not listed.timelines:
            left_out["without a price that a meter counts"].append(f"{provider} {model}")
            continue
        if (provider, model) not in lists.book.models:
            developer = _developer(lists.book, provider, model)
            if developer is None:
                reason = f"whose makers have to be added to {lists.book.models_table.path} first"
                left_out[reason].append(f"{provider} {model}")
                continue
            proposal.models.append(NewModel(provider, model, developer, listed.name))
        _propose_model(lists, source, listed, instant, proposal)
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
    names = sorted({name for source in lists.sources.values() for name in source.loaders})
    for provider, model in names:
        if (provider, model) in lists.book.rows_of_model or lists.book.model_of(provider, model):
            continue
        order = [LITELLM] if provider in LITELLM_PROVIDERS else [GENAI, LITELLM]
        sources = [lists.sources[name] for name in order if name in lists.sources]
        having = [source for source in sources if (provider, model) in source.loaders]
        # a path is a region or a deployment, not a model
        if having and ("/" not in model or provider == "azure"):
            yield provider, model, having[0]


def _fits(pattern: str, provider: str, model: str) -> bool:
    return fnmatchcase(model, pattern) or fnmatchcase(f"{provider}/{model}", pattern)


def _place(provider: str, model: str) -> tuple[str, str]:
    """Give region and scope of a new model's prices, by how its platform names models."""
    if provider == "azure" and model.partition("/")[0] in _ZONES:
        return "", f"{model.partition('/')[0]} (data zone)"
    if provider == "aws_bedrock":
        prefix = model.partition(".")[0]
        if prefix == "global":
            return "", "global"
        if prefix in _GEOS:
            return "", f"{prefix} (geo)"
        # LiteLLM takes plain names from the price list of this region
        return "us-east-1", "in-region us-east-1"
    return "", "global"


def _developer(book: Book, provider: str, model: str) -> str | None:
    """Tell who made a model: the provider itself, or on a platform who made those named alike."""
    makers = {
        maker
        for (seller, name), maker in book.models.items()
        if (
            _first_word(seller, name) == _first_word(provider, model)
            if provider in LITELLM_PROVIDERS
            else seller == provider
        )
    }
    return makers.pop() if len(makers) == 1 else None


def _first_word(provider: str, model: str) -> str:
    """Give the word of a model's name that tells its maker, such as claude or meta."""
    name = model.rpartition("/")[2]
    if provider == "aws_bedrock":
        word, _, rest = name.partition(".")
        return rest.partition(".")[0] if word in (*_GEOS, "global") else word
    return name.partition("-")[0]
