"""A month is complete when every source that delivered in it was heard after its end, or is closed.

Worlds of a few records go through the project's SQL, and through a plain reference beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pipeline import Pipeline, Rewrite
from shared import examples

SOURCES = ("gateway", "litellm")
ISSUERS = {"openai": "OpenAI", "anthropic": "Anthropic", "azure": "Microsoft"}
MONTHS = [datetime(2026, month, 1) for month in (8, 9, 10, 11)]
Judged = dict[str, str | None]


class Record(NamedTuple):
    """A call: of which source, account and provider, when it began, and when it was written."""

    source: str
    account: str
    provider: str
    start: datetime
    stamp: datetime | None = None


class Closing(NamedTuple):
    provider: str
    month: datetime


def after(month: datetime) -> datetime:
    return (month + timedelta(days=32)).replace(day=1)


def month_of(moment: datetime) -> datetime:
    return datetime(moment.year, moment.month, 1)


def judge(records: Iterable[Record], closings: Iterable[Closing]) -> Judged:
    """Say for each month that has records which sources it waits for; None when it is complete.

    No month is closed twice for one issuer, so that nothing is booked in another month.
    """
    records, closed = list(records), set(closings)
    judged: Judged = {}
    for month in {month_of(record.start) for record in records}:
        waiting = []
        for source in SOURCES:
            own = [record for record in records if record.source == source]
            of_month = [record for record in own if month_of(record.start) == month]
            times = [time for it in own for time in (it.start, it.stamp) if time is not None]
            is_heard = any(time >= after(month) for time in times)
            is_closed = all(Closing(it.provider, month) in closed for it in of_month)
            if of_month and not is_heard and not is_closed:
                waiting.append(source)
        judged[f"{month:%Y-%m}"] = ", ".join(waiting) or None
    return judged


class World:
    """A raw folder whose records can be changed, and what the project says of its months."""

    def __init__(self, folder: Path) -> None:
        self.raw = folder / "raw"
        self.write([Record(source, "acme", "openai", MONTHS[0]) for source in SOURCES], [])
        select = ["+ai_month_completeness", "+ai_source_freshness"]
        self.pipeline = Pipeline(self.raw, folder / "work", select=select)

    def write(self, records: Iterable[Record], closings: Iterable[Closing]) -> None:
        rows = list(enumerate(records))
        gateway = [
            f"c{number},{it.account},{it.provider},gpt-5-mini,{it.start.isoformat()}Z,10,5,5,"
            f"{f'{it.stamp.isoformat()}Z' if it.stamp else ''}"
            for number, it in rows
            if it.source == "gateway"
        ]
        litellm = [
            f"c{number},acompletion,0.1,10,5,5,{it.start},{it.start},gpt-5-mini,{it.provider},"
            f"success,{it.account},{it.stamp or ''},"
            for number, it in rows
            if it.source == "litellm"
        ]
        closed = [f"{it.provider},{it.month:%Y-%m},{after(it.month)}" for it in closings]
        for name, header, lines in (
            (
                "gateway",
                "call_id,customer_id,provider,model,started_at,latency_ms,prompt_tokens,"
                "completion_tokens,ingested_at",
                gateway,
            ),
            (
                "litellm",
                "request_id,call_type,spend,total_tokens,prompt_tokens,completion_tokens,startTime,"
                "endTime,model,custom_llm_provider,status,organization_id,created_at,updated_at",
                litellm,
            ),
            ("billing_periods", "issuer,billing_period,closed_at", closed),
        ):
            file = self.raw / name / "records.csv"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")

    def judge(self, rewrites: dict[str, Rewrite] | None = None) -> Judged:
        self.pipeline.run(rewrites)
        found = self.pipeline.rows(
            "select strftime(billing_period_start, '%Y-%m'), is_complete, waiting_for"
            " from ai_month_completeness"
        )
        assert all(is_complete == (waiting is None) for _, is_complete, waiting in found)
        return {month: waiting for month, _, waiting in found}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("completeness"))
    yield made
    made.pipeline.close()


MOMENTS = st.datetimes(datetime(2026, 8, 1), datetime(2026, 11, 20)).map(
    lambda moment: moment.replace(microsecond=0)
) | st.sampled_from([*MONTHS, *(month - timedelta(seconds=1) for month in MONTHS[1:])])


@st.composite
def record(draw: st.DrawFn) -> Record:
    start = draw(MOMENTS)
    late = draw(st.none() | st.integers(0, 10))
    stamp = None if late is None else start + timedelta(days=late)
    account = draw(st.sampled_from(["acme", "globex"]))
    return Record(
        draw(st.sampled_from(SOURCES)), account, draw(st.sampled_from([*ISSUERS])), start, stamp
    )


CLOSINGS = st.lists(
    st.builds(Closing, st.sampled_from([*ISSUERS]), st.sampled_from(MONTHS[-1:])), unique=True
)


@settings(
    max_examples=examples(3, 8),
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(record(), min_size=1, max_size=8), CLOSINGS, record())
def test_months_are_judged_as_the_reference_does(
    world: World, records: list[Record], closings: list[Closing], other: Record
) -> None:
    world.write(records, closings)
    judged = world.judge()
    assert judged == judge(records, closings)
    waiting = {month: sources for month, sources in judged.items() if sources}
    # a source that did not deliver in a month says nothing of it, whenever its records are
    more = [*records, other]
    world.write(more, closings)
    changed = world.judge()
    for month, sources in judged.items():
        delivered = {it.source for it in records if f"{it.start:%Y-%m}" == month}
        if other.source not in delivered and f"{other.start:%Y-%m}" != month:
            assert changed[month] == sources
    if not waiting:
        return
    # the last that lag behind are heard after the month's end: it is complete
    month = min(waiting)
    end = after(datetime.strptime(f"{month}-01", "%Y-%m-%d"))
    heard = [Record(source, "acme", "openai", end) for source in waiting[month].split(", ")]
    for number in range(len(heard)):
        world.write([*records, *heard[: number + 1]], closings)
        rest = ", ".join(it.source for it in heard[number + 1 :])
        assert world.judge()[month] == (rest or None)


# litellm's last record is of the first moment of October, of which its issuer is closed; the
# gateway's last is of October, written at the first moment of November.
COMPLETE = (
    [
        Record("gateway", "acme", "openai", datetime(2026, 9, 5)),
        Record("litellm", "acme", "azure", datetime(2026, 9, 10), datetime(2026, 9, 11)),
        Record("litellm", "acme", "openai", datetime(2026, 10, 1)),
        Record("gateway", "acme", "azure", datetime(2026, 10, 31, 23), datetime(2026, 11, 1)),
    ],
    [Closing("openai", datetime(2026, 10, 1))],
    {"2026-09": None, "2026-10": None},
)
# October waits for litellm: one of its two issuers has closed, and the gateway is another source;
# November is not closed by that
LAGGING = (
    [
        Record("litellm", "acme", "openai", datetime(2026, 10, 1), datetime(2026, 10, 2)),
        Record("litellm", "acme", "anthropic", datetime(2026, 10, 5), datetime(2026, 10, 31)),
        Record("gateway", "acme", "openai", datetime(2026, 10, 5), datetime(2026, 11, 5)),
        Record("gateway", "globex", "openai", datetime(2026, 11, 5)),
    ],
    [Closing("openai", datetime(2026, 10, 1))],
    {"2026-10": "litellm", "2026-11": "gateway"},
)


def change(before: str, behind: str) -> Rewrite:
    return lambda code: code.replace(before, behind)


MUTATIONS: dict[str, tuple[str, Rewrite]] = {
    "a record at the first moment after a month is in it": (
        "ai_month_completeness",
        change("heard.last_record_at >=", "heard.last_record_at >"),
    ),
    "a stamp at the first moment after a month is in it": (
        "ai_month_completeness",
        change("heard.last_ingested_at >=", "heard.last_ingested_at >"),
    ),
    "a stamp tells nothing": (
        "ai_month_completeness",
        change("heard.last_ingested_at >=", "null >="),
    ),
    "a closing tells nothing": (
        "ai_month_completeness",
        change("closed.provider is null then 0 else 1", "closed.provider is null then 0 else 0"),
    ),
    "one issuer closes for all": (
        "ai_month_completeness",
        change("min(case when closed.provider", "max(case when closed.provider"),
    ),
    "a closing is one of every month": (
        "ai_month_completeness",
        change("and month_sources.billing_period_start = closed.billing_period_start", ""),
    ),
    "one source is heard for all": (
        "ai_month_completeness",
        change("on month_sources.source_name = heard.source_name", "on true"),
    ),
    "every source delivers in every month": (
        "int_month_sources",
        change(
            "source_name,\n        provider,\n        last_record_at\n    from source_days",
            "unnest(['gateway', 'litellm']) as source_name,\n        provider,\n"
            "        last_record_at\n    from source_days",
        ),
    ),
    "an account that is silent holds its source up": (
        "ai_month_completeness",
        change(
            "max(last_record_at) as last_record_at,\n        max(last_ingested_at)",
            "min(last_record_at) as last_record_at,\n        min(last_ingested_at)",
        ),
    ),
}


def test_every_rule_of_a_complete_month_is_noticed(world: World) -> None:
    unnoticed = set(MUTATIONS)
    for records, closings, expected in (COMPLETE, LAGGING):
        assert judge(records, closings) == expected
        world.write(records, closings)
        assert world.judge() == expected
        for name, (model, rewrite) in MUTATIONS.items():
            if world.judge({model: rewrite}) != expected:
                unnoticed.discard(name)
    assert not unnoticed


def test_a_late_call_of_a_closed_month_makes_its_source_one_of_the_month_that_books_it(
    world: World,
) -> None:
    late = Record("litellm", "acme", "openai", datetime(2026, 9, 20), datetime(2026, 10, 7))
    records = [
        Record("litellm", "acme", "openai", datetime(2026, 9, 1), datetime(2026, 9, 1)),
        late,
        Record("gateway", "acme", "azure", datetime(2026, 10, 2)),
        Record("gateway", "acme", "azure", datetime(2026, 11, 2)),
    ]
    world.write(records, [Closing("openai", datetime(2026, 9, 1))])
    assert world.judge() == {"2026-09": None, "2026-10": "litellm", "2026-11": "gateway"}
    # nothing is booked in October where the call came in time
    records[1] = late._replace(stamp=datetime(2026, 9, 21))
    world.write(records, [Closing("openai", datetime(2026, 9, 1))])
    assert world.judge() == {"2026-09": None, "2026-10": None, "2026-11": "gateway"}


def test_freshness_says_how_long_a_source_is_silent(world: World) -> None:
    world.write(
        [
            Record("gateway", "acme", "openai", datetime(2026, 10, 1, 23, 59)),
            Record("gateway", "acme", "openai", datetime(2026, 10, 4), datetime(2026, 10, 9)),
            Record("litellm", "acme", "openai", datetime(2026, 10, 6, 0, 1)),
        ],
        [],
    )
    world.pipeline.run()
    found = world.pipeline.rows(
        "select source_name, billing_account_id, calls, last_record_at, last_ingested_at,"
        " days_with_records, days_without_records, days_since_last_record"
        " from ai_source_freshness order by 1"
    )
    # from the 1st to the 6th: records on the 1st and 4th, none on the 2nd, 3rd, 5th and 6th
    assert found == [
        ("gateway", "acme", 2, datetime(2026, 10, 4), datetime(2026, 10, 9), 2, 4, 2),
        ("litellm", "acme", 1, datetime(2026, 10, 6, 0, 1), None, 1, 0, 0),
    ]
