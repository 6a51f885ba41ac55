"""The few questions that the wrapper itself asks of a build: read-only, one function each.

Those of the totals are asked of warehouses too, so they keep to what all engines know.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from exporter.duck import open_database
from exporter.errors import UserError
from exporter.extract.coverage import Compared, Missing
from exporter.sql import DuckDB, Engine, quote_name

_SPEND = """
    select ServiceProviderName, BillingCurrency, sum(BilledCost)
    from focus_cost_and_usage
    group by 1, 2
    order by 2, 3 desc, 1
"""

_COVERAGE = """
    select
        cast(coalesce(sum(calls), 0) as bigint) as calls,
        cast(coalesce(sum(priced_calls), 0) as bigint) as priced_calls,
        cast(coalesce(sum(tokens), 0) as bigint) as tokens,
        cast(coalesce(sum(priced_tokens), 0) as bigint) as priced_tokens,
        cast(coalesce(sum(compared_calls), 0) as bigint) as compared_calls,
        cast(coalesce(sum(differing_calls), 0) as bigint) as differing_calls,
        cast(coalesce(sum(unexplained_calls), 0) as bigint) as unexplained_calls,
        sum(compared_stated_cost) as compared_stated_cost,
        sum(equal_stated_cost) as equal_stated_cost,
        sum(explained_stated_cost) as explained_stated_cost,
        sum(unexplained_stated_cost) as unexplained_stated_cost,
        cast(coalesce(sum(missing_calls), 0) as bigint) as missing_calls,
        cast(coalesce(sum(missing_tokens), 0) as bigint) as missing_tokens,
        sum(missing_stated_cost) as missing_stated_cost,
        max(stated_cost_currency) as stated_cost_currency,
        cast(coalesce(sum(unknown_cost_calls), 0) as bigint) as unknown_cost_calls,
        cast(coalesce(sum(buckets), 0) as bigint) as buckets,
        cast(coalesce(sum(missing_buckets), 0) as bigint) as missing_buckets
    from ai_coverage
"""

_ALLOCATED = """
    select
        billing_currency,
        sum(allocated_cost) as allocated_cost,
        sum(effective_cost) as effective_cost
    from ai_price_coverage
    group by 1
    order by 1
"""

_MONTHS = """
    select billing_period_start, is_complete, waiting_for, usage_until
    from ai_month_completeness
    order by 1
"""

_PRICE_DATES = """
    select billing_currency, price_date_basis, max(basis_cost_share) as share
    from ai_price_coverage
    where basis_cost_share is not null
    group by 1, 2
    order by 1, 2
"""

# where the book is of more than one day, the newest of its rows that count
_PRICE_LIST_DAY = "select max(recorded_at) as recorded_at from stg_pricing__list_prices"

_QUARANTINED = """
    select hold_reason, cast(sum(missing_calls) as bigint) as held_calls
    from ai_call_coverage
    where hold_reason is not null and missing_calls > 0
    group by 1
    order by 2 desc, 1
"""

_REJECTED = """
    select coalesce(source_name, '') as source_name, cast(sum(records) as bigint) as records
    from ai_unreadable_records
    group by 1
    order by 1
"""

_REJECTED_EXAMPLES = """
    select coalesce(file, raw_table), line, reason
    from ai_unreadable_records
    order by file nulls last, line nulls last, field nulls last
    limit 3
"""

_REPEATED = """
    select outcome, count(*)
    from ai_repeated_records
    where outcome in ('superseded', 'conflicting')
    group by 1
    order by 1 desc
"""

_UNREAD = """
    select field, cast(sum(calls) as bigint) as calls
    from ai_usage_findings
    where finding_type = 'unread_number'
    group by 1
    order by 2 desc, 1
"""

_MISSING_PRICES = """
    select *
    from ai_missing_prices
    order by calls desc, provider_as_sent, model_as_sent, meter, service_tier, processing_mode,
        region_id, hold_reason
"""

# staging tables whose rows still know their file, line and fault
_CHECKED_RELATIONS = r"""
    select table_name
    from information_schema.columns
    where
        table_name like 'stg\_%' escape '\'
        and column_name in ('_file', '_line', 'fault_reason')
    group by 1
    having count(*) = 3
    order by 1
"""


@dataclass(frozen=True)
class Totals:
    """What a build came to. Costs are exact; the list of spend is by provider and currency.

    Price dates are, by currency, the shares of the billed cost (0 to 1) by price_date_basis:
    effective, verified_on, unknown.
    """

    rows: int
    calls: int
    priced_calls: int
    tokens: int
    priced_tokens: int
    # calls of which the source tells the cost, and what it tells
    compared: Compared
    missing: Missing
    # start of the last call, UTC; None without any
    usage_until: datetime | None
    # billing months that are not complete yet, with the names of the sources that they wait for
    waiting: list[tuple[datetime, str]]
    quarantined: list[tuple[str, int]]
    rejected: list[tuple[str, int]]
    # file (or raw table), line and reason of the first
    rejected_examples: list[tuple[str, int | None, str]]
    # records of an id that say something else than the one that was taken, by what became of them
    repeated: list[tuple[str, int]]
    commitments: int
    spend: list[tuple[str, str, Decimal]]
    price_dates: dict[str, dict[str, Decimal]]
    # the newest row of the price book, UTC; None where there is none
    price_list_day: date | None
    # sums of an hour or a day that usage reports tell, which are no calls; those without a price
    buckets: int = 0
    missing_buckets: int = 0
    # by currency, the effective cost that has a department, and all of it
    allocated: list[tuple[str, Decimal, Decimal]] = field(default_factory=list)
    # fields with a number above 0 that nothing reads, and their calls, most first
    unread: list[tuple[str, int]] = field(default_factory=list)


def seal(database: Path) -> None:
    """Write everything into the one file, so that no `.wal` is left beside it."""
    with open_database(database, read_only=False) as connection:
        connection.execute("force checkpoint")


def read_totals(database: Path) -> Totals:
    """Read the totals of a build."""
    with open_database(database) as connection:
        return ask_totals(DuckDB(connection))


def ask_totals(engine: Engine) -> Totals:
    """Ask for the totals of what a build or a warehouse holds."""
    [coverage] = engine.fetch(_COVERAGE)
    calls, priced_calls, tokens, priced_tokens, *others = coverage
    *others, buckets, missing_buckets = others
    compared, missing = Compared(*others[:7]), Missing(*others[7:])
    months = engine.fetch(_MONTHS)
    [(recorded_at,)] = engine.fetch(_PRICE_LIST_DAY)
    return Totals(
        rows=_count(engine, "focus_cost_and_usage"),
        calls=calls,
        priced_calls=priced_calls,
        tokens=tokens,
        priced_tokens=priced_tokens,
        compared=compared,
        missing=missing,
        usage_until=max((it[3] for it in months if it[3] is not None), default=None),
        waiting=[(it[0], it[2]) for it in months if not it[1]],
        quarantined=engine.fetch(_QUARANTINED),
        rejected=engine.fetch(_REJECTED),
        rejected_examples=engine.fetch(_REJECTED_EXAMPLES),
        repeated=engine.fetch(_REPEATED),
        commitments=_count(engine, "focus_contract_commitment"),
        spend=engine.fetch(_SPEND),
        price_dates=_read_price_dates(engine),
        price_list_day=recorded_at.date() if recorded_at else None,
        buckets=buckets,
        missing_buckets=missing_buckets,
        allocated=engine.fetch(_ALLOCATED),
        unread=engine.fetch(_UNREAD),
    )


def _read_price_dates(engine: Engine) -> dict[str, dict[str, Decimal]]:
    found: dict[str, dict[str, Decimal]] = {}
    for currency, basis, share in engine.fetch(_PRICE_DATES):
        found.setdefault(currency, {})[basis] = share
    return found


def read_missing_prices(database: Path) -> list[dict[str, Any]]:
    """Give the table ai_missing_prices, what was used most first.

    Raises UserError for a build that does not have it.
    """
    with open_database(database) as connection:
        try:
            result = connection.execute(_MISSING_PRICES)
        except duckdb.CatalogException:
            raise UserError(
                f"The build {database} was made without the table ai_missing_prices: "
                "run `focus-export build` again."
            ) from None
        names = [column[0] for column in result.description]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def count_readable_records(database: Path) -> dict[str, tuple[int, str]]:
    """Give, for each raw file, how many of its records could be read, and its first fault."""
    counts: dict[str, tuple[int, str]] = {}
    with open_database(database) as connection:
        for (relation,) in connection.execute(_CHECKED_RELATIONS).fetchall():
            query = f"""
                select _file, count(*) - count(fault_reason), min_by(fault_reason, _line)
                from {quote_name(relation)}
                where _file is not null
                group by 1
                order by 1
            """  # noqa: S608
            counts |= {file: (*found,) for file, *found in connection.execute(query).fetchall()}
    return counts


def read_failing_rows(database: Path, query: str, limit: int = 3) -> list[dict[str, object]]:
    """Give the first rows that a failed dbt test selects; none when it can't be asked again."""
    with open_database(database) as connection:
        try:
            # dbt compiled the query itself
            relation = connection.sql(f"select * from ({query}) as failing limit {limit:d}")  # noqa: S608
            names = relation.columns
            return [dict(zip(names, row, strict=True)) for row in relation.fetchall()]
        except duckdb.Error:
            return []


def _count(engine: Engine, relation: str) -> int:
    return int(engine.fetch(f"select count(*) as records from {relation}")[0][0])  # noqa: S608
