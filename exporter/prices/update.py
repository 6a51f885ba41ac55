"""What the price book lacks of a source, and where the two differ."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from fnmatch import fnmatchcase
from pathlib import Path

from exporter.errors import UserError
from exporter.prices.book import (
    EFFECTIVE,
    VERIFIED_ON,
    Book,
    Key,
    NewModel,
    NewPrice,
    Review,
    Segment,
    Timeline,
    day_text,
    load_book,
    load_reviews,
    price_at,
    segment_at,
)
from exporter.prices.sources import (
    GENAI,
    LITELLM,
    LITELLM_PROVIDERS,
    Source,
    SourceModel,
    read_genai,
    read_litellm,
)

# left-out models that a note names
_SHOWN = 12


@dataclass(frozen=True)
class Difference:
    """A key that has another price in a source than in the book, from some instant on."""

    key: Key
    source: str
    since: datetime
    book: Segment
    listed: Segment
    review: Review | None = None


@dataclass
class Comparison:
    """What `prices check` found; everything is sorted."""

    agreements: Counter[str] = field(default_factory=Counter)
    differences: list[Difference] = field(default_factory=list)
    stale: list[Review] = field(default_factory=list)
    only_book: dict[str, list[Key]] = field(default_factory=lambda: defaultdict(list))
    only_source: dict[str, list[Key]] = field(default_factory=lambda: defaultdict(list))
    models_only_book: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    models_only_source: dict[str, list[tuple[str, str]]] = field(default_factory=dict)

    @property
    def open(self) -> list[Difference]:
        """The differences that nobody has judged."""
        return [one for one in self.differences if one.review is None]


@dataclass
class Proposal:
    """What `prices update` would append."""

    prices: list[NewPrice] = field(default_factory=list)
    models: list[NewModel] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Lists:
    """The price book, the sources it is held against, and the differences already judged."""

    book: Book
    sources: dict[str, Source]
    reviews: list[Review]


def load_lists(book: Path | None, litellm: Path | None, reviewed: Path | None = None) -> Lists:
    """Read the book and its sources; raises UserError for what can't be read."""
    loaded = load_book(book)
    sources = {GENAI: read_genai(loaded)}
    if litellm is not None:
        sources[LITELLM] = read_litellm(loaded, litellm)
    return Lists(loaded, sources, load_reviews(loaded, reviewed))


# check ----------------------------------------------------------------------------------------


def compare(lists: Lists, as_of: date) -> Comparison:
    """Compare the prices in force on a day, and those that are announced for later."""
    instant = datetime.combine(as_of, time.min)
    result = Comparison()
    used: set[Review] = set()
    for name, source in lists.sources.items():
        _compare_source(lists, source, instant, result, used)
        known = set(lists.book.rows_of_model)
        result.models_only_book[name] = sorted(known - set(source.loaders))
        result.models_only_source[name] = sorted(set(source.loaders) - known)
    result.stale = [
        review for review in lists.reviews if review.source in lists.sources and review not in used
    ]
    result.differences.sort(key=lambda one: (one.key, one.source))
    return result


def _compare_source(
    lists: Lists, source: Source, instant: datetime, result: Comparison, used: set[Review]
) -> None:
    book = lists.book
    for provider, model in sorted(book.rows_of_model):
        listed = source.load(provider, model)
        if listed is None:
            continue
        seen: set[Key] = set()
        for key, timeline in sorted(listed.timelines.items()):
            ours = book.find(key)
            pair = _first_difference(book.timelines[ours], timeline, instant) if ours else None
            if ours is None or pair is None:
                if _has_price(timeline, instant):
                    result.only_source[source.name].append(key)
                continue
            seen.add(ours)
            since, mine, theirs = pair
            if mine.price == theirs.price:
                result.agreements[source.name] += 1
                continue
            review = _find_review(lists.reviews, ours, source.name, mine, theirs)
            if review:
                used.add(review)
            result.differences.append(Difference(ours, source.name, since, mine, theirs, review))
        result.only_book[source.name] += [
            row_key
            for row_key in sorted({row.key for row in book.rows_of_model[provider, model]} - seen)
            if _has_price(book.timelines[row_key], instant)
        ]


def _first_difference(
    book: Timeline, listed: Timeline, instant: datetime
) -> tuple[datetime, Segment, Segment] | None:
    """Give the first instant from `instant` on at which both have a price and they differ.

    Where they never differ, the first at which both have one; None where there is none. An
    undated list says nothing of later days.
    """
    instants = {instant}
    if any(segment.start for segment in listed):
        instants |= {one.start for one in (*book, *listed) if one.start and one.start > instant}
    agreed = None
    for moment in sorted(instants):
        mine, theirs = segment_at(book, moment), segment_at(listed, moment)
        if mine is None or theirs is None or mine.price is None or theirs.price is None:
            continue
        if mine.price != theirs.price:
            return moment, mine, theirs
        agreed = agreed or (moment, mine, theirs)
    return agreed


def _has_price(timeline: Timeline, instant: datetime) -> bool:
    return price_at(timeline, instant) is not None or any(
        segment.price is not None and segment.start is not None and segment.start > instant
        for segment in timeline
    )


def _find_review(
    reviews: Iterable[Review], key: Key, source: str, book: Segment, listed: Segment
) -> Review | None:
    for review in reviews:
        if (
            (review.provider, review.model, review.meter, review.service_tier)
            == (key.provider, key.model, key.meter, key.service_tier)
            and review.processing_mode == key.processing_mode
            and review.context_threshold == key.context_threshold
            and review.source == source
            and (review.book_price, review.source_price) == (book.price, listed.price)
        ):
            return review
    return None


# update ---------------------------------------------------------------------------------------


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
    for provider, model in sorted(book.rows_of_model):
        origin = _origin(book, provider, model)
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


def _origin(book: Book, provider: str, model: str) -> str:
    first = book.rows_of_model[provider, model][0].source
    return LITELLM if first.startswith(LITELLM) else GENAI


def _propose_model(
    lists: Lists, source: Source, listed: SourceModel, instant: datetime, proposal: Proposal
) -> None:
    book = lists.book
    rows = book.rows_of_model.get((listed.provider, listed.model), [])
    places = {(row.key.region_id, row.region_scope) for row in rows}
    if not places:
        places = {_place(listed.provider, listed.model)}
    reviewed = 0
    for key, timeline in sorted(listed.timelines.items()):
        ours = book.find(key)
        if ours is None and len(places) > 1:
            proposal.notes.append(f"{key.describe()} is new, but its region is not known.")
            continue
        region_id, scope = next(iter(places)) if ours is None else (ours.region_id, "")
        scope = scope or next(row.region_scope for row in rows if row.key == ours)
        target = ours or replace(key, region_id=region_id)

        def to_new(
            segment: Segment,
            target: Key = target,
            scope: str = scope,
        ) -> NewPrice:
            assert segment.price is not None  # noqa: S101
            return NewPrice(
                key=target,
                price=segment.price,
                valid_from=segment.start,
                basis=segment.basis,
                region_scope=scope,
                source=listed.source,
                source_ref=listed.source_ref,
            )

        if ours is None:
            proposal.prices += [to_new(segment) for segment in _as_first(timeline, instant)]
            continue
        for segment, old in _changes(book.timelines[ours], timeline, instant):
            if _find_review(lists.reviews, ours, source.name, old, segment):
                reviewed += 1
                continue
            following = [one.start for one in book.timelines[ours] if _is_after(one, segment)]
            replaces = [
                row.price_id for row in rows if (row.key, row.valid_from) == (ours, segment.start)
            ]
            proposal.prices.append(
                replace(
                    to_new(segment),
                    old=old,
                    valid_to=min((one for one in following if one), default=None),
                    replaces=replaces[-1] if replaces else None,
                )
            )
    if reviewed:
        proposal.notes.append(
            f"{listed.provider} {listed.model}: {reviewed} reviewed differences stay as they are."
        )


def _is_after(one: Segment, other: Segment) -> bool:
    return one.start is not None and (other.start is None or one.start > other.start)


def _as_first(timeline: Timeline, instant: datetime) -> list[Segment]:
    """Give the rows of a key that the book does not have. An undated price was seen today."""
    rows = []
    for number, segment in enumerate(timeline):
        following = timeline[number + 1].start if number + 1 < len(timeline) else None
        if segment.start is None and not (following and following <= instant):
            rows.append(Segment(instant, segment.price, VERIFIED_ON))
        else:
            rows.append(segment)
    return [segment for segment in rows if segment.price is not None]


def _changes(book: Timeline, listed: Timeline, instant: datetime) -> list[tuple[Segment, Segment]]:
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
    lists: Lists,
    instant: datetime,
    patterns: tuple[str, ...],
    all_models: bool,
    proposal: Proposal,
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
                left_out[
                    f"whose makers have to be added to {lists.book.models_table.path} first"
                ].append(f"{provider} {model}")
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


def _new_models(lists: Lists) -> Iterable[tuple[str, str, Source]]:
    """Name the models that the book lacks, each with the source that its prices come from."""
    names = sorted({name for source in lists.sources.values() for name in source.loaders})
    for provider, model in names:
        if (provider, model) in lists.book.rows_of_model or lists.book.model_of(provider, model):
            continue
        order = [GENAI, LITELLM]
        if provider in LITELLM_PROVIDERS:
            order = [LITELLM]
        having = [
            lists.sources[name]
            for name in order
            if name in lists.sources and (provider, model) in lists.sources[name].loaders
        ]
        # a path is a region or a deployment, not a model
        if having and ("/" not in model or provider == "azure"):
            yield provider, model, having[0]


def _fits(pattern: str, provider: str, model: str) -> bool:
    return fnmatchcase(model, pattern) or fnmatchcase(f"{provider}/{model}", pattern)


_ZONES = ("us", "eu")
_GEOS = ("us", "eu", "apac", "au", "jp", "ca", "in")


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
