"""How complete a build's usage is: what is missing, what has a price, raw records left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

import duckdb

from exporter.datasets import DATASETS, Dataset
from exporter.extract.selection import Selection, Term, build_where, read_terms
from exporter.sql import DuckDB, Engine

# what is asked of a build beside a dataset's rows: here, of its recency, and for names of providers
COVERAGE_RELATIONS = (
    "ai_call_coverage",
    "ai_month_completeness",
    "ai_unreadable_records",
    "stg_pricing__providers",
)

# columns of ai_call_coverage by which it can be asked for
_CALL_KINDS = {
    "usage_month": "TIMESTAMP",
    "charge_period_start": "TIMESTAMP",
    "billing_account_id": "VARCHAR",
    "sub_account_id": "VARCHAR",
    "service_provider_name": "VARCHAR",
}
# a dataset's own dates, as they are called there
_DATES = {
    "BillingPeriodStart": "usage_month",
    "ChargePeriodStart": "charge_period_start",
}
_COUNTS = (
    "calls",
    "priced_calls",
    "tokens",
    "priced_tokens",
    "missing_calls",
    "missing_tokens",
    "unknown_cost_calls",
    "buckets",
    "missing_buckets",
    "compared_calls",
    "differing_calls",
    "unexplained_calls",
)
_COSTS = (
    "missing_stated_cost",
    "compared_stated_cost",
    "equal_stated_cost",
    "explained_stated_cost",
    "unexplained_stated_cost",
)
# a row for each hold reason with its own missing calls; what else it has is of all calls together
_COVERAGE = f"""
    select
        hold_reason,
        cast(sum(missing_calls) as bigint) as held_calls,
        {", ".join(f"cast(sum(sum({it})) over () as bigint) as {it}" for it in _COUNTS)},
        {", ".join(f"sum(sum({it})) over () as {it}" for it in _COSTS)},
        max(max(stated_cost_currency)) over () as stated_cost_currency,
        min(min(charge_period_start)) over () as usage_from,
        max(max(charge_period_start)) over () as usage_until
    from ai_call_coverage
"""  # noqa: S608


@dataclass(frozen=True)
class Missing:
    """The calls that are in no total. `stated_cost` is what sources say of those they price.

    It is exact, in `currency`, and None where they say so of none; `unknown_calls` are the others.
    """

    calls: int
    tokens: int
    stated_cost: Decimal | None
    currency: str | None
    unknown_calls: int


@dataclass(frozen=True)
class Compared:
    """The priced calls whose source tells their cost, and what it tells: exact, in USD.

    Those that cost otherwise differ; `unexplained` are those of them of which nothing says why,
    `explained` the others. A cost is None without any call.
    """

    calls: int = 0
    differing_calls: int = 0
    unexplained_calls: int = 0
    cost: Decimal | None = None
    equal_cost: Decimal | None = None
    explained_cost: Decimal | None = None
    unexplained_cost: Decimal | None = None


@dataclass(frozen=True)
class Coverage:
    """How complete the usage of a range is. Calls are counted, not FOCUS rows.

    `usage_until` is the start of the last call in UTC, whatever it cost; None without any.
    `waiting` names, for each month of these calls that is not complete, the sources that it waits
    for. `buckets` are the sums of usage reports, which are no calls, and `missing_buckets` those
    that are not priced yet. `rejected_records` are the unreadable lines beside them, where whoever
    asks may know.
    """

    calls: int
    priced_calls: int
    tokens: int
    priced_tokens: int
    missing: Missing
    held_back: list[tuple[str, int]] = field(default_factory=list)
    usage_until: datetime | None = None
    waiting: dict[str, list[str]] = field(default_factory=dict)
    buckets: int = 0
    missing_buckets: int = 0
    compared: Compared = Compared()
    rejected_records: int | None = None


def read_coverage(engine: Engine, selection: Selection) -> Coverage:
    """Count the billable calls and tokens of the selection's dates: all, and those with a price.

    Those of a booked month are the calls that were made in it: what has no price is not booked.
    """
    calls = Selection(
        DATASETS["ai-calls"],
        selection.focus_version,
        from_date=selection.from_date,
        to_date=selection.to_date,
        billing_period=selection.billing_period,
    )
    kinds = dict.fromkeys(_DATES, "TIMESTAMP")
    return _count(engine, *build_where(calls.date_terms(), kinds, engine, _DATES))


def read_usage_coverage(
    connection: duckdb.DuckDBPyConnection,
    terms: Iterable[tuple[str, str, tuple[str, ...]]],
) -> Coverage:
    """Count the billable calls and tokens that fit the terms: all, and those with a price.

    A term is a column of ai_call_coverage, an operator and values, as in Term.
    """
    engine = DuckDB(connection)
    return _count(engine, *_read_where(connection, engine, terms))


def _read_where(
    connection: duckdb.DuckDBPyConnection,
    engine: Engine,
    terms: Iterable[tuple[str, str, tuple[str, ...]]],
) -> tuple[str, list[str]]:
    wanted = [Term((column,), values, operator) for column, operator, values in terms]
    return build_where(read_terms(connection, wanted, _CALL_KINDS), _CALL_KINDS, engine)


def _count(engine: Engine, where: str, parameters: Sequence[str]) -> Coverage:
    found = engine.fetch(
        f"{_COVERAGE}{where} group by hold_reason order by hold_reason", parameters
    )
    if not found:
        return Coverage(0, 0, 0, 0, Missing(0, 0, None, None, 0))
    _, _, calls, priced_calls, tokens, priced_tokens, *others, currency, first, last = found[0]
    missing_calls, missing_tokens, unknown_calls, buckets, missing_buckets, *others = others
    *counts, stated_cost, cost, equal_cost, explained_cost, unexplained_cost = others
    return Coverage(
        calls=calls,
        priced_calls=priced_calls,
        tokens=tokens,
        priced_tokens=priced_tokens,
        missing=Missing(missing_calls, missing_tokens, stated_cost, currency, unknown_calls),
        # one that only buckets have holds no call
        held_back=[(reason, held) for reason, held, *_ in found if reason is not None and held],
        buckets=buckets,
        missing_buckets=missing_buckets,
        compared=Compared(*[*counts, cost, equal_cost, explained_cost, unexplained_cost]),
        usage_until=last,
        waiting=_waiting_between(engine, first, last),
    )


def _waiting_between(engine: Engine, first: datetime, last: datetime) -> dict[str, list[str]]:
    waiting = read_waiting(engine) or {}
    months = {month: it for month, it in waiting.items() if it}
    return {
        month: it for month, it in months.items() if f"{first:%Y-%m}" <= month <= f"{last:%Y-%m}"
    }


def read_waiting(engine: Engine) -> dict[str, list[str]] | None:
    """Give, for each billing month (YYYY-MM), the sources that it waits for: none when complete.

    None for a build of before, which does not know.
    """
    try:
        found = engine.fetch(
            "select billing_period_start, waiting_for from ai_month_completeness order by 1"
        )
    except duckdb.CatalogException:
        return None
    return {f"{month:%Y-%m}": sources.split(", ") if sources else [] for month, sources in found}


def read_usage_until(
    connection: duckdb.DuckDBPyConnection,
    terms: Iterable[tuple[str, str, tuple[str, ...]]] = (),
) -> datetime | None:
    """Give the start (UTC) of the last call that fits the terms, as in read_usage_coverage."""
    engine = DuckDB(connection)
    where, parameters = _read_where(connection, engine, terms)
    found = engine.fetch(
        f"select max(charge_period_start) from ai_call_coverage{where}",  # noqa: S608
        parameters,
    )
    until: datetime | None = found[0][0]
    return until


def count_rejected(engine: Engine, dataset: Dataset) -> int:
    """Count the raw records of a build that no extract of the dataset could take in.

    Most have no usable date, so that they count for every range.
    """
    named = dataset.raw_tables or tuple(
        name for other in DATASETS.values() for name in other.raw_tables
    )
    texts = ", ".join([engine.value_of("VARCHAR")] * len(named))
    concerned = f"raw_table {'in' if dataset.raw_tables else 'not in'} ({texts})"
    found = engine.fetch(
        "select cast(coalesce(sum(records), 0) as bigint) as records"  # noqa: S608
        f" from ai_unreadable_records where {concerned}",
        named,
    )
    return int(found[0][0])
