"""The scripts that load a month's Parquet file into a table of a warehouse, in its SQL.

Each may be run again: it replaces the month, in one transaction. Columns are matched by name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from exporter.extract.formats import Column
from exporter.sql import quote_text

_TEXTS = {"snowflake": "varchar", "bigquery": "string", "redshift": "varchar(65535)"}
_TIMES = {"snowflake": "timestamp_ntz", "bigquery": "timestamp", "redshift": "timestamp"}


class Load(NamedTuple):
    """What is loaded: the table, its columns, a month's start (UTC) and the file's address."""

    table: str
    columns: Sequence[Column]
    month: datetime
    address: str


def write_script(warehouse: str, load: Load) -> str:
    """Write the statements of `snowflake`, `bigquery` or `redshift`."""
    return {"snowflake": _snowflake, "bigquery": _bigquery, "redshift": _redshift}[warehouse](load)


def _kind(warehouse: str, column: Column) -> str:
    """Give the warehouse's type of one of DuckDB's."""
    number = re.fullmatch(r"DECIMAL\((\d+), ?(\d+)\)", column.kind)
    if number is not None:
        # BigQuery's NUMERIC has nine decimals, and BIGNUMERIC all of them
        exact = f"({number[1]}, {number[2]})"
        return "bignumeric" if warehouse == "bigquery" else f"decimal{exact}"
    return _TIMES[warehouse] if column.kind == "TIMESTAMP" else _TEXTS[warehouse]


def _definitions(warehouse: str, load: Load) -> str:
    return ",\n".join(f"    {it.name} {_kind(warehouse, it)}" for it in load.columns)


def _names(load: Load) -> str:
    return ",\n".join(f"    {column.name}" for column in load.columns)


def _month(load: Load) -> str:
    return quote_text(f"{load.month:%Y-%m-%d %H:%M:%S}")


def _snowflake(load: Load) -> str:
    stage, slash, path = load.address.partition("/")
    return f"""\
create table if not exists {load.table} (
{_definitions("snowflake", load)}
);

begin transaction;

delete from {load.table}
where BillingPeriodStart = cast({_month(load)} as timestamp_ntz);

copy into {load.table}
from {quote_text(stage + slash + path)}
file_format = (type = parquet use_logical_type = true)
match_by_column_name = case_insensitive
force = true;

commit;
"""  # noqa: S608


def _bigquery(load: Load) -> str:
    arriving = f"{load.table}_arriving"
    # a month is put in place by one transaction, which no LOAD DATA may be part of
    return f"""\
create table if not exists {load.table} (
{_definitions("bigquery", load)}
)
partition by timestamp_trunc(BillingPeriodStart, month);

load data overwrite {arriving} (
{_definitions("bigquery", load)}
)
from files (
    format = 'PARQUET',
    uris = [{quote_text(load.address)}]
);

begin transaction;

delete from {load.table}
where BillingPeriodStart = timestamp({_month(load)});

insert into {load.table} (
{_names(load)}
)
select
{_names(load)}
from {arriving};

commit transaction;

drop table {arriving};
"""  # noqa: S608


def _redshift(load: Load) -> str:
    arriving = f"{load.table.rpartition('.')[2]}_arriving"
    # COPY takes Parquet's columns by their order: into a table that has just those, then by name
    return f"""\
create table if not exists {load.table} (
{_definitions("redshift", load)}
);

drop table if exists {arriving};

create temporary table {arriving} (
{_definitions("redshift", load)}
);

copy {arriving}
from {quote_text(load.address)}
iam_role default
format as parquet;

begin transaction;

delete from {load.table}
where BillingPeriodStart = cast({_month(load)} as timestamp);

insert into {load.table} (
{_names(load)}
)
select
{_names(load)}
from {arriving};

commit;

drop table {arriving};
"""  # noqa: S608
