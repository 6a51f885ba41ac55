"""How complete a build's usage is: what is missing, what has a price, raw records left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import duckdb

from exporter.datasets import AI_CALLS, DATASETS, Dataset
from exporter.extract.selection import Selection, Term, build_where, read_terms
from exporter.sql import DuckDB, Engine

# what is asked of a build beside a dataset's rows: here, and of its recency
COVERAGE_RELATIONS = (
    "ai_calls",
    "ai_month_completeness",
    "rejected_rows",
    "int_usage",
    "int_held_calls",
    "providers",
)

# A record with several faults is one; of rows without line and key nothing says that two are one.
REJECTED_RECORDS = """
    (
        select distinct source_name, raw_table, file, line, record_key from rejected_rows
        where line is not null or record_key is not null
        union all
        select source_name, raw_table, file, line, record_key from rejected_rows
        where line is null and record_key is null
    ) as records
"""

# columns of ai_calls by which coverage can be asked for, and where they come from
_CALLS = {
    "billing_period_start": "date_trunc('month', int_usage.charge_period_start)",
    "charge_period_start": "int_usage.charge_period_start",
    "billing_account_id": "int_usage.billing_account_id",
    "sub_account_id": "int_usage.sub_account_id",
    "service_provider_name": "providers.service_provider_name",
}
_CALL_KINDS = {name: "TIMESTAMP" if name.endswith("_start") else "VARCHAR" for name in _CALLS}


# What is counted of the calls of one hold reason. A call that no provider charges for counts in
# nothing but the time; a cost of 0 is what LiteLLM writes where it knows no price.
_COUNTED = """
    cast(sum(case when is_billable then 1 else 0 end) as bigint) as calls,
    cast(coalesce(sum(case when is_billable then {tokens} else 0 end), 0) as bigint) as tokens,
    count(case when is_billable then nullif(source_cost, 0) end) as stated_calls,
    sum(sum(case when is_billable and {reason} is not null then nullif(source_cost, 0) end))
        over () as stated_cost,
    max(max(charge_period_start)) over () as usage_until,
    min(min(charge_period_start)) over () as usage_from
"""
# all that sources state is in USD
STATED_CURRENCY = "USD"


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
class Coverage:
    """How complete the usage of a range is. Calls are counted, not FOCUS rows.

    `usage_until` is the start of the last call in UTC, whatever it cost; None without any.
    `waiting` names, for each month of these calls that is not complete, the sources that it waits
    for. `rejected_records` are the unreadable lines beside them, where whoever asks may know.
    """

    calls: int
    priced_calls: int
    tokens: int
    priced_tokens: int
    missing: Missing
    held_back: list[tuple[str, int]] = field(default_factory=list)
    usage_until: datetime | None = None
    waiting: dict[str, list[str]] = field(default_factory=dict)
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
    kinds = {str(calls.dataset.billing_period): "TIMESTAMP", calls.dataset.start: "TIMESTAMP"}
    where, parameters = build_where(calls.date_terms(), kinds, engine, AI_CALLS)
    return _count(
        engine,
        engine.fetch(
            f"select hold_reason, {_COUNTED.format(tokens='total_tokens', reason='hold_reason')}"  # noqa: S608
            f" from ai_calls{where} group by hold_reason order by hold_reason",
            parameters,
        ),
    )


def read_usage_coverage(
    connection: duckdb.DuckDBPyConnection,
    terms: Iterable[tuple[str, str, tuple[str, ...]]],
) -> Coverage:
    """Count the billable calls and tokens that fit the terms: all, and those with a price.

    A term is a column of ai_calls, an operator and values, as in Term. It is counted where ai_calls
    takes its rows from, without what each call cost.
    """
    engine = DuckDB(connection)
    wanted = [Term((column,), values, operator) for column, operator, values in terms]
    where, parameters = build_where(
        read_terms(connection, wanted, _CALL_KINDS), _CALL_KINDS, engine, _CALLS
    )
    counted = _COUNTED.format(tokens="(prompt_tokens + completion_tokens)", reason="hold_reason")
    return _count(
        engine,
        engine.fetch(
            f"select case when is_billable then hold_reason end, {counted}"  # noqa: S608
            " from int_usage left join int_held_calls"
            " on int_usage.call_key = int_held_calls.call_key"
            " left join providers on int_usage.provider = providers.provider"
            f"{where} group by 1 order by 1",
            parameters,
        ),
    )


def _count(engine: Engine, found: Sequence[tuple[Any, ...]]) -> Coverage:
    """Sum up rows of a hold reason and what is counted of it; without one they have a price."""
    held = [row for row in found if row[0] is not None and row[1]]
    calls, tokens = sum(row[1] for row in found), sum(row[2] for row in found)
    stated_cost = found[0][4] if found else None
    missing = Missing(
        calls=sum(row[1] for row in held),
        tokens=sum(row[2] for row in held),
        stated_cost=stated_cost,
        currency=None if stated_cost is None else STATED_CURRENCY,
        unknown_calls=sum(row[1] - row[3] for row in held),
    )
    return Coverage(
        calls=calls,
        priced_calls=calls - missing.calls,
        tokens=tokens,
        priced_tokens=tokens - missing.tokens,
        missing=missing,
        held_back=[(row[0], row[1]) for row in held],
        usage_until=found[0][5] if found else None,
        waiting=_waiting_between(engine, found[0][6], found[0][5]) if found else {},
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
    wanted = [Term((column,), values, operator) for column, operator, values in terms]
    where, parameters = build_where(
        read_terms(connection, wanted, _CALL_KINDS), _CALL_KINDS, engine, _CALLS
    )
    found = engine.fetch(
        "select max(charge_period_start) from int_usage"  # noqa: S608
        f" left join providers on int_usage.provider = providers.provider{where}",
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
        f"select count(*) as records from {REJECTED_RECORDS} where {concerned}",  # noqa: S608
        named,
    )
    return int(found[0][0])
