"""How complete a build's usage is: calls and tokens with a price, and raw records left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb

from exporter.datasets import AI_CALLS, DATASETS, Dataset
from exporter.extract.selection import Selection, Term, build_where, read_terms
from exporter.sql import DuckDB, Engine

# what read_coverage, count_rejected and read_usage_coverage ask beside a dataset's rows
COVERAGE_RELATIONS = ("ai_calls", "rejected_rows", "int_usage", "int_held_calls", "providers")

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


@dataclass(frozen=True)
class Coverage:
    """How complete the usage of a range is. Calls are counted, not FOCUS rows."""

    calls: int
    priced_calls: int
    tokens: int
    priced_tokens: int
    held_back: list[tuple[str, int]] = field(default_factory=list)


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
        engine.fetch(
            "select hold_reason, count(*) as calls,"  # noqa: S608
            " cast(coalesce(sum(total_tokens), 0) as bigint) as tokens"
            f" from ai_calls{where or ' where true'} and is_billable"
            " group by hold_reason order by hold_reason",
            parameters,
        )
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
    return _count(
        engine.fetch(
            "select case when not int_usage.is_cache_hit then hold_reason end, count(*),"  # noqa: S608
            " coalesce(sum(prompt_tokens + completion_tokens), 0)::bigint"
            " from int_usage left join int_held_calls"
            " on int_usage.call_key = int_held_calls.call_key"
            " left join providers on int_usage.provider = providers.provider"
            f"{where or ' where true'} and is_billable group by 1 order by 1",
            parameters,
        )
    )


def _count(found: Sequence[tuple[Any, ...]]) -> Coverage:
    """Sum up rows of a hold reason, calls and tokens; without a reason they have a price."""
    held = [row for row in found if row[0] is not None]
    calls, tokens = sum(row[1] for row in found), sum(int(row[2]) for row in found)
    return Coverage(
        calls=calls,
        priced_calls=calls - sum(row[1] for row in held),
        tokens=tokens,
        priced_tokens=tokens - sum(int(row[2]) for row in held),
        held_back=[(row[0], row[1]) for row in held],
    )


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
