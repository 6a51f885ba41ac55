"""Compares the closed months of a build with those of the one that is published, charge by charge.

A closed month stays as it was booked, as long as its raw files are there and what came later says
when it came. Where it does not, a log was rotated away or rows have no stamps: somebody must know.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import duckdb

from exporter.duck import describe_lack, open_database
from exporter.errors import UserError, is_refusal
from exporter.home import Home
from exporter.sql import quote_text

# each difference, in the home's folder of logs
DIFFERENCES = "closed_months.csv"
_SCRATCH = "closed_months.duckdb"

_KEYS = (
    "invoice_issuer_name",
    "billing_period",
    "billing_account_id",
    "billing_currency",
    "charge_id",
)
_COSTS = ("list_cost", "contracted_cost", "billed_cost", "effective_cost")
_MEASURES = ("sub_account_id", "consumed_quantity", "pricing_quantity", *_COSTS)

# An older version's types may be others. A month without a charge is a row without charge_id.
_CHARGES = """
    select
        periods.invoice_issuer_name,
        strftime(periods.billing_period_start, '%Y-%m') as billing_period,
        periods.closed_at,
        charges.BillingAccountId as billing_account_id,
        charges.BillingCurrency as billing_currency,
        charges.x_ChargeId as charge_id,
        charges.SubAccountId as sub_account_id,
        cast(charges.ConsumedQuantity as decimal(38, 18)) as consumed_quantity,
        cast(charges.PricingQuantity as decimal(38, 18)) as pricing_quantity,
        cast(charges.ListCost as decimal(38, 18)) as list_cost,
        cast(charges.ContractedCost as decimal(38, 18)) as contracted_cost,
        cast(charges.BilledCost as decimal(38, 18)) as billed_cost,
        cast(charges.EffectiveCost as decimal(38, 18)) as effective_cost
    from ai_focus.main.stg_billing__billing_periods as periods
    left join ai_focus.main.focus_cost_and_usage as charges
        on
            periods.invoice_issuer_name = charges.InvoiceIssuerName
            and periods.billing_period_start = charges.BillingPeriodStart
"""

# Most builds change nothing: one number per month tells, and no charge is copied.
_FINGERPRINTS = f"""
    select invoice_issuer_name, billing_period, closed_at, sum(hash(charges)) as fingerprint
    from ({_CHARGES}) as charges
    group by all
"""  # noqa: S608

_OPENED = """
    select before.billing_period, before.invoice_issuer_name
    from months_before as before
    anti join months_now as now
        on
            before.invoice_issuer_name = now.invoice_issuer_name
            and before.billing_period = now.billing_period
    order by all
"""

# a period that was closed at another moment is another one
_MOVED = """
    select before.invoice_issuer_name, before.billing_period
    from months_before as before
    inner join months_now as now
        on
            before.invoice_issuer_name = now.invoice_issuer_name
            and before.billing_period = now.billing_period
            and before.closed_at = now.closed_at
    where before.fingerprint <> now.fingerprint
"""

_MOVED_CHARGES = f"""
    select charges.*
    from ({_CHARGES}) as charges
    semi join moved
        on
            charges.invoice_issuer_name = moved.invoice_issuer_name
            and charges.billing_period = moved.billing_period
    where charges.charge_id is not null
"""  # noqa: S608

_COMPARED = f"""
    select
        case
            when before.charge_id is null then 'added'
            when now.charge_id is null then 'gone'
            when {" or ".join(f"before.{it} is distinct from now.{it}" for it in _MEASURES)}
                then 'changed'
        end as change,
        {", ".join(f"coalesce(now.{it}, before.{it}) as {it}" for it in _KEYS)},
        {", ".join(f"before.{it} as {it}_before, now.{it} as {it}_now" for it in _MEASURES)}
    from charges_before as before
    full join charges_now as now
        on {" and ".join(f"before.{it} is not distinct from now.{it}" for it in _KEYS)}
"""  # noqa: S608

_DIFFERENCES = f"""
    select * from compared
    where change is not null
    order by {", ".join(_KEYS)}
"""  # noqa: S608

_SUMS = """
    select
        invoice_issuer_name,
        billing_period,
        billing_account_id,
        billing_currency,
        sum(billed_cost_before) as before,
        sum(billed_cost_now) as now,
        count(*) filter (change = 'added') as added,
        coalesce(sum(billed_cost_now) filter (change = 'added'), 0) as added_cost,
        count(*) filter (change = 'gone') as gone,
        coalesce(sum(billed_cost_before) filter (change = 'gone'), 0) as gone_cost,
        count(*) filter (change = 'changed') as changed,
        coalesce(sum(billed_cost_now - billed_cost_before) filter (change = 'changed'), 0)
            as changed_cost
    from compared
    group by all
    having count(change) > 0
    order by 2, 1, 3, 4
"""


@dataclass(frozen=True)
class Moved:
    """How an account's part of a closed month differs; the costs are billed ones."""

    issuer: str
    month: str
    account: str | None
    currency: str | None
    # None where it has no charge
    before: Decimal | None
    now: Decimal | None
    added: int
    added_cost: Decimal
    gone: int
    gone_cost: Decimal
    changed: int
    changed_cost: Decimal


@dataclass(frozen=True)
class Comparison:
    """What differs in the months that both builds have closed, or why that can't be said."""

    moved: list[Moved] = field(default_factory=list)
    # months that the new build has not closed any more, with their issuers
    opened: list[tuple[str, str]] = field(default_factory=list)
    # each difference
    file: Path | None = None
    hindrance: str | None = None

    @property
    def is_equal(self) -> bool:
        """Tell whether nothing is known to differ."""
        return not (self.moved or self.opened)


def compare(home: Home, database: Path) -> Comparison:
    """Compare a build that is not published yet with the one that is, and write down what differs.

    A published build of another shape, as an older version's, can't be compared; of the new one
    everything must be there.
    """
    file = home.logs / DIFFERENCES
    file.unlink(missing_ok=True)
    if not home.database.exists():
        return Comparison()
    before = home.published()
    scratch = database.with_name(_SCRATCH)
    try:
        with open_database(scratch, read_only=False) as connection:
            _read(connection, database, "months_now", _FINGERPRINTS)
            try:
                _read(connection, before, "months_before", _FINGERPRINTS)
            except duckdb.Error as error:
                if is_refusal(error) or isinstance(error, duckdb.OutOfMemoryException):
                    raise
                reason = str(error).split("\n")[0].rstrip(".!?")
                return Comparison(hindrance=reason if _count(connection, "months_now") else None)
            opened = connection.execute(_OPENED).fetchall()
            connection.execute(f"create table moved as {_MOVED}")
            if not _count(connection, "moved"):
                return Comparison(opened=opened)
            _read(connection, before, "charges_before", _MOVED_CHARGES)
            _read(connection, database, "charges_now", _MOVED_CHARGES)
            connection.execute(f"create table compared as {_COMPARED}")
            connection.execute(f"copy ({_DIFFERENCES}) to {quote_text(str(file))} (header)")
            moved = [Moved(*row) for row in connection.execute(_SUMS).fetchall()]
            return Comparison(moved, opened, file)
    except (duckdb.CatalogException, duckdb.BinderException) as error:
        raise UserError(describe_lack(error)) from None
    finally:
        for left in database.parent.glob(f"{_SCRATCH}*"):
            left.unlink(missing_ok=True)


def _read(connection: duckdb.DuckDBPyConnection, database: Path, table: str, query: str) -> None:
    """Make a table of what a query finds in a build; its views know the build by this name only."""
    connection.execute(f"attach {quote_text(str(database))} as ai_focus (read_only)")
    try:
        connection.execute(f"create table {table} as {query}")
    finally:
        connection.execute("detach ai_focus")


def _count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    [(rows,)] = connection.execute(f"select count(*) from {table}").fetchall()  # noqa: S608
    return int(rows)
