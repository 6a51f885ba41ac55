"""Where the price book and a published list differ, and what only one of them has."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, time
from pathlib import Path

from exporter.errors import UserError
from exporter.prices.lists import Lists, Review, Source, find_review
from exporter.prices.timeline import Key, Segment, Timeline, has_price, segment_at


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
class Coverage:
    """How many prices of a source agree with the book, and what only one of the two has."""

    label: str
    agreements: int = 0
    # models of which the source has a price that the book can't hold
    unreadable: list[str] = field(default_factory=list)
    only_book: list[Key] = field(default_factory=list)
    only_source: list[Key] = field(default_factory=list)
    models_only_book: list[tuple[str, str]] = field(default_factory=list)
    models_only_source: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class Comparison:
    """What `prices check` found; everything is sorted."""

    as_of: date
    book: Path
    sources: dict[str, Coverage] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)
    stale: list[Review] = field(default_factory=list)

    @property
    def open(self) -> list[Difference]:
        """The differences that nobody has judged."""
        return [one for one in self.differences if one.review is None]


def compare(lists: Lists, as_of: date) -> Comparison:
    """Compare the prices in force on a day, and those that are announced for later."""
    instant = datetime.combine(as_of, time.min)
    result = Comparison(as_of, lists.book.table.path)
    for name, source in lists.sources.items():
        found = result.sources[name] = Coverage(source.label)
        result.differences += _compare_source(lists, source, instant, found)
        known = set(lists.book.rows_of_model)
        found.models_only_book = sorted(known - set(source.loaders))
        found.models_only_source = sorted(set(source.loaders) - known)
    used = {one.review for one in result.differences}
    result.stale = [
        review for review in lists.reviews if review.source in lists.sources and review not in used
    ]
    result.differences.sort(key=lambda one: (one.key, one.source))
    return result


def _compare_source(
    lists: Lists, source: Source, instant: datetime, found: Coverage
) -> list[Difference]:
    book = lists.book
    differences = []
    for (provider, model), rows in sorted(book.rows_of_model.items()):
        try:
            listed = source.load(provider, model)
        except UserError as error:
            found.unreadable.append(str(error))
            continue
        if listed is None:
            continue
        seen: set[Key] = set()
        for key, timeline in sorted(listed.timelines.items()):
            ours = book.find(key)
            pair = _first_difference(book.timelines[ours], timeline, instant) if ours else None
            if ours is None or pair is None:
                if has_price(timeline, instant):
                    found.only_source.append(key)
                continue
            seen.add(ours)
            since, mine, theirs = pair
            if mine.price == theirs.price:
                found.agreements += 1
                continue
            review = find_review(lists.reviews, ours, source.name, mine, theirs)
            differences.append(Difference(ours, source.name, since, mine, theirs, review))
        unseen = sorted({row.key for row in rows} - seen)
        found.only_book += [key for key in unseen if has_price(book.timelines[key], instant)]
    return differences


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
