"""What each receiver's written rules say of a folder, checked apart from what writes it.

Each checker reads the files as the receiver would, and gives what it finds wrong. `expected` is
what a month comes to: {"2026-10": Expected(rows, billed, effective, listed)}.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from calendar import monthrange
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq
import sqlglot
from sqlglot import expressions as exp

Row = dict[str, Any]


class Expected(NamedTuple):
    rows: int
    billed: Decimal
    effective: Decimal
    listed: Decimal


Months = dict[str, Expected]

# Vantage, Custom Providers, Data Format; 25 columns as LiteLLM 1.110.2 lists them
VANTAGE_REQUIRED = {"ChargeCategory", "ChargePeriodStart", "BilledCost", "ServiceName"}
VANTAGE_COLUMNS = VANTAGE_REQUIRED | {
    *("BillingCurrency", "BillingAccountId", "BillingAccountName", "ChargePeriodEnd"),
    *("ChargeDescription", "ChargeFrequency", "ConsumedQuantity", "ConsumedUnit"),
    *("ContractedCost", "EffectiveCost", "ListCost", "RegionId", "RegionName", "ResourceId"),
    *("ResourceName", "ResourceType", "ServiceCategory", "ServiceSubcategory", "SubAccountId"),
    *("SubAccountName", "Tags"),
}
VANTAGE_CATEGORIES = {"Credit", "Discount", "Fee", "Refund", "Tax", "Usage"}

# Ternary, FOCUS Integration, Required Columns
TERNARY_REQUIRED = {
    *("BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency"),
    *("BillingPeriodStart", "BillingPeriodEnd", "ChargeCategory", "ChargeClass"),
    *("ChargeDescription", "ChargePeriodStart", "ChargePeriodEnd", "ContractedCost"),
    *("EffectiveCost", "InvoiceIssuerName", "ListCost", "PricingQuantity", "PricingUnit"),
    *("ProviderName", "PublisherName", "ServiceCategory", "ServiceName"),
}

# FOCUS 1.0: the columns of the specification, of which it has 43
FOCUS_1_0 = {
    *("AvailabilityZone", "BilledCost", "BillingAccountId", "BillingAccountName"),
    *("BillingCurrency", "BillingPeriodEnd", "BillingPeriodStart", "ChargeCategory"),
    *("ChargeClass", "ChargeDescription", "ChargeFrequency", "ChargePeriodEnd"),
    *("ChargePeriodStart", "CommitmentDiscountCategory", "CommitmentDiscountId"),
    *("CommitmentDiscountName", "CommitmentDiscountStatus", "CommitmentDiscountType"),
    *("ConsumedQuantity", "ConsumedUnit", "ContractedCost", "ContractedUnitPrice"),
    *("EffectiveCost", "InvoiceIssuerName", "ListCost", "ListUnitPrice", "PricingCategory"),
    *("PricingQuantity", "PricingUnit", "ProviderName", "PublisherName", "RegionId"),
    *("RegionName", "ResourceId", "ResourceName", "ResourceType", "ServiceCategory"),
    *("ServiceName", "SkuId", "SkuPriceId", "SubAccountId", "SubAccountName", "Tags"),
}

# CloudZero, Common Bill Format, Data file columns and lineitem/type
CBF_COLUMNS = {
    *("lineitem/id", "lineitem/type", "lineitem/description", "lineitem/cloud_provider"),
    *("time/usage_start", "time/usage_end", "resource/id", "resource/service"),
    *("resource/account", "resource/region", "resource/usage_family", "action/operation"),
    *("action/usage_type", "usage/amount", "usage/units", "cost/cost", "cost/discounted_cost"),
    *("cost/amortized_cost", "cost/discounted_amortized_cost", "cost/on_demand_cost"),
    *("bill/invoice_id", "k8s/cluster", "k8s/namespace", "k8s/deployment", "k8s/labels"),
}
CBF_TYPES = {
    *("Usage", "Tax", "Support", "Purchase", "CommittedUsePurchase", "CommittedUseVacancy"),
    *("CommittedUseRecurringFee", "Discount", "Credit", "Fee", "Adjustment"),
}
CBF_TAG = re.compile(r"resource/tag:[A-Za-z0-9_.:/=+@-]+")
CBF_MOST_ROWS = 1_000_000


def read_csv(path: Path) -> tuple[list[str], list[Row]]:
    content = path.read_bytes()
    text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode("utf-8")
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    rows = list(reader)
    assert not any(None in row or None in row.values() for row in rows), f"{path}: ragged rows"
    return list(reader.fieldnames or ()), rows


def read_parquet(path: Path) -> tuple[list[str], list[Row]]:
    table = pq.read_table(path)
    return table.column_names, table.to_pylist()


def months_of(period: str) -> str | None:
    """Read YYYYMMDD-YYYYMM(+1)DD: the month, or None where it is no whole one."""
    match = re.fullmatch(r"(\d{4})(\d{2})01-(\d{4})(\d{2})01", period)
    if not match:
        return None
    year, month, next_year, next_month = map(int, match.groups())
    whole = (next_year, next_month) == (year + month // 12, month % 12 + 1)
    return f"{year}-{month:02}" if whole else None


def number(text: object) -> Decimal:
    if isinstance(text, str) and not re.fullmatch(r"-?\d+(\.\d+)?", text):
        raise InvalidOperation(f"{text!r} is no plain number")
    return Decimal(str(text))


def instant(value: object) -> datetime:
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc)
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z", str(value)):
        raise ValueError(f"{value!r} is no time in UTC")
    return datetime.fromisoformat(str(value).replace("Z", "+00:00"))


def sums(where: str, rows: list[Row], wanted: Expected | None, **costs: str) -> Iterator[str]:
    """Compare rows and the sums of columns with what the month comes to."""
    if wanted is None:
        yield f"{where} is of a month that nobody asked for"
        return
    if len(rows) != wanted.rows:
        yield f"{where} has {len(rows)} rows and not {wanted.rows}"
    for name, column in costs.items():
        total = sum((number(row[column]) for row in rows), Decimal(0))
        if total != getattr(wanted, name):
            yield f"{where}: {column} comes to {total} and not {getattr(wanted, name)}"


FOCUS_COSTS = {"billed": "BilledCost", "effective": "EffectiveCost", "listed": "ListCost"}


def focus_rows(where: str, month: str, rows: list[Row]) -> Iterator[str]:
    """Check what FOCUS and the receivers ask of the rows of a month."""
    for row in rows:
        start = instant(row["BillingPeriodStart"])
        end = instant(row["BillingPeriodEnd"])
        if (
            f"{start:%Y-%m-%d}" != f"{month}-01"
            or (end - start).days != monthrange(start.year, start.month)[1]
        ):
            yield f"{where} has a row of {start} to {end}"
            return
        if instant(row["ChargePeriodStart"]) >= instant(row["ChargePeriodEnd"]):
            yield f"{where} has a charge that ends before it begins"
            return
    mandatory = ("BillingAccountId", "BillingCurrency", "ChargeCategory", "ServiceName")
    for name in (*mandatory, "ServiceCategory"):
        if any(row[name] in (None, "") for row in rows):
            yield f"{where} has a row without {name}"


def whole_months(found: set[str], expected: Months) -> Iterator[str]:
    if found != set(expected):
        yield f"there are the months {sorted(found)} and not {sorted(expected)}"


def check_cloudability(folder: Path, expected: Months) -> Iterator[str]:
    """`<Vendor>/<YYYYMMDD-YYYYMM(+1)DD>/<Epoch>/<prefix>-Manifest.json`, whole months to date."""
    found = set()
    for period in sorted(folder.glob("*/*")):
        month = months_of(period.name)
        if month is None:
            yield f"{period.name} is no report period"
            continue
        found.add(month)
        epochs = [it for it in period.iterdir() if it.is_dir() and it.name.isdecimal()]
        if not epochs or len(epochs) != len(list(period.iterdir())):
            yield f"{month} has something beside drops named by an epoch"
            continue
        drop = max(epochs, key=lambda it: int(it.name))
        manifests = list(drop.glob("*-Manifest.json"))
        if len(manifests) != 1:
            yield f"{month} has {len(manifests)} manifests"
            continue
        content = json.loads(manifests[0].read_text(encoding="utf-8"))
        lacking = {"content_type", "root_dir", "all_report_keys", "focus_version"} - set(content)
        if lacking:
            yield f"{month}: the manifest has no {sorted(lacking)}"
            continue
        if content["content_type"] not in ("CSV", "Parquet") or not content["root_dir"]:
            yield f"{month}: {content}"
        if content["focus_version"] not in ("1.0", "1.1"):
            yield f"{month}: FOCUS {content['focus_version']} is not taken"
        keys = content["all_report_keys"]
        files = {it for it in drop.iterdir() if it != manifests[0]}
        if {folder / key for key in keys} != files or len(set(keys)) != len(keys):
            yield f"{month}: the manifest names {keys}, and there are {sorted(files)}"
            continue
        rows: list[Row] = []
        for key in keys:
            is_csv = content["content_type"] == "CSV"
            if is_csv and (content.get("compression") == "GZIP") != key.endswith(".csv.gz"):
                yield f"{month}: {key} is not compressed as the manifest says"
            columns, part = (read_csv if is_csv else read_parquet)(folder / key)
            if content["focus_version"] == "1.0" and set(columns) != FOCUS_1_0:
                yield f"{key}: {sorted(set(columns) ^ FOCUS_1_0)} differ from FOCUS 1.0"
                return
            rows += part
        yield from focus_rows(month, month, rows)
        yield from sums(month, rows, expected.get(month), **FOCUS_COSTS)
    yield from whole_months(found, expected)


def check_cloudzero(folder: Path, expected: Months) -> Iterator[str]:
    """`<billing_data_id>/<drop_id>/<file>.csv.gz` and `<billing_data_id>/manifest.json`.

    `folder` is the root path of one billing connection, which has one currency.
    """
    found = set()
    tags: dict[tuple[str, str], str] = {}
    for period in sorted(folder.iterdir()):
        month = months_of(period.name)
        if month is None:
            yield f"{period.name} is no billing data id"
            continue
        found.add(month)
        try:
            content = json.loads((period / "manifest.json").read_text(encoding="utf-8"))
        except OSError:
            yield f"{month} has no manifest.json"
            continue
        if not isinstance(content.get("version"), str) or "current_drop_id" not in content:
            yield f"{month}: the manifest is {content}"
            continue
        drop = period / content["current_drop_id"]
        if not drop.is_dir():
            yield f"{month}: there is no drop {drop.name}"
            continue
        rows: list[Row] = []
        for file in sorted(drop.iterdir()):
            if not file.name.endswith(".csv.gz"):
                yield f"{month}: {file.name} is no gzipped CSV"
                continue
            columns, part = read_csv(file)
            if len(part) > CBF_MOST_ROWS:
                yield f"{file.name} has {len(part)} rows"
            strange = [it for it in columns if it not in CBF_COLUMNS and not CBF_TAG.fullmatch(it)]
            lacking = {"time/usage_start", "cost/cost", "resource/id"} - set(columns)
            if strange or lacking:
                yield f"{file.name}: {strange} are no columns, {sorted(lacking)} are missing"
                return
            rows += part
        for row in rows:
            yield from cbf_row(month, row, tags)
        yield from sums(
            month,
            rows,
            expected.get(month),
            billed="cost/cost",
            effective="cost/discounted_amortized_cost",
            listed="cost/on_demand_cost",
        )
        costs = ("cost/cost", "cost/discounted_cost", "cost/amortized_cost")
        totals = {sum((number(row[it]) for row in rows), Decimal(0)) for it in costs}
        if len(totals) != 1:
            yield f"{month}: the costs are to have one total: {totals}"
    yield from whole_months(found, expected)


def cbf_row(month: str, row: Row, tags: dict[tuple[str, str], str]) -> Iterator[str]:
    start = instant(row["time/usage_start"])
    if f"{start:%Y-%m}" != month or start.minute or start.second:
        yield f"{month}: {start} is no hour of it"
    if row["lineitem/type"] not in CBF_TYPES:
        yield f"{month}: {row['lineitem/type']!r} is no type of a line item"
    if row["lineitem/type"] == "Credit" and number(row["cost/cost"]) > 0:
        yield f"{month}: a credit costs"
    # a second slash or colon and what follows is dropped
    if len(re.findall("[/:]", row["resource/id"])) > 1:
        yield f"{month}: {row['resource/id']} would be cut"
    for column, value in row.items():
        if column.startswith("resource/tag:") and value != "":
            if not row["resource/id"]:
                yield f"{month}: a tag without a resource"
            if tags.setdefault((row["resource/id"], column), value) != value:
                yield f"{month}: {row['resource/id']} has two values of {column}"


def check_vantage(folder: Path, expected: Months) -> Iterator[str]:
    """CSV files of at most 10,000 rows and 2 MB; a file name is an import, so none comes twice."""
    by_month: dict[str, list[Row]] = {}
    names = set()
    for file in sorted(it for it in folder.rglob("*") if it.is_file()):
        if file.name in names:
            yield f"{file.name} would overwrite another import"
        names.add(file.name)
        if file.suffix != ".csv" or file.stat().st_size > 2 * 1024 * 1024:
            yield f"{file.name} is no CSV of at most 2 MB"
        columns, rows = read_csv(file)
        if len(rows) > 10_000:
            yield f"{file.name} has {len(rows)} rows"
        if set(columns) - VANTAGE_COLUMNS or VANTAGE_REQUIRED - set(columns):
            yield f"{file.name}: columns {sorted(set(columns) ^ VANTAGE_COLUMNS)} differ"
            continue
        for row in rows:
            if row["ChargeCategory"] not in VANTAGE_CATEGORIES or not row["ServiceName"]:
                yield f"{file.name}: {row['ChargeCategory']!r} of {row['ServiceName']!r}"
            instant(row["ChargePeriodStart"])
            number(row["BilledCost"])
            if row.get("Tags") and not isinstance(json.loads(row["Tags"]), dict):
                yield f"{file.name}: tags are no JSON object"
        by_month.setdefault(file.parent.name, []).extend(rows)
    for month, rows in by_month.items():
        costs = {name: it for name, it in FOCUS_COSTS.items() if it in (rows or [{}])[0]}
        yield from sums(month, rows, expected.get(month), **costs)
        if "billed" not in costs and rows:
            yield f"{month} has no cost"
    yield from whole_months(set(by_month), expected)


def check_ternary(folder: Path, expected: Months) -> Iterator[str]:
    """Parquet with the required columns, ProviderName and PublisherName among them."""
    found = set()
    for file in sorted(it for it in folder.rglob("*") if it.is_file()):
        month = file.parent.name
        found.add(month)
        columns, rows = read_parquet(file)
        if TERNARY_REQUIRED - set(columns):
            yield f"{file.name} has no {sorted(TERNARY_REQUIRED - set(columns))}"
            continue
        if any(not row["ProviderName"] or not row["PublisherName"] for row in rows):
            yield f"{file.name} has a row without a provider or publisher"
        yield from focus_rows(file.name, month, rows)
        yield from sums(file.name, rows, expected.get(month), **FOCUS_COSTS)
    yield from whole_months(found, expected)


def check_umbrella(folder: Path, expected: Months) -> Iterator[str]:
    """FOCUS files; they are made daily, so a month's is the month to date."""
    found = set()
    for file in sorted(it for it in folder.rglob("*") if it.is_file()):
        month = file.parent.name
        found.add(month)
        columns, rows = read_csv(file)
        if set(columns) != FOCUS_1_0:
            yield f"{file.name}: {sorted(set(columns) ^ FOCUS_1_0)} differ from FOCUS 1.0"
            continue
        yield from focus_rows(file.name, month, rows)
        yield from sums(file.name, rows, expected.get(month), **FOCUS_COSTS)
    yield from whole_months(found, expected)


def check_warehouse(dialect: str) -> Callable[[Path, Months], Iterator[str]]:
    """A Parquet file and a script beside it, which parses and fits the file."""

    def check(folder: Path, expected: Months) -> Iterator[str]:
        found = set()
        for place in sorted(folder.iterdir()):
            files = sorted(place.glob("*.parquet"))
            scripts = sorted(place.glob("*.sql"))
            if len(files) != 1 or len(scripts) != 1 or len(list(place.iterdir())) != 2:
                yield f"{place.name} has {sorted(it.name for it in place.iterdir())}"
                continue
            found.add(place.name)
            _, rows = read_parquet(files[0])
            text = scripts[0].read_text(encoding="utf-8")
            yield from script_faults(dialect, text, files[0], place.name)
            yield from focus_rows(place.name, place.name, rows)
            yield from sums(place.name, rows, expected.get(place.name), **FOCUS_COSTS)
        yield from whole_months(found, expected)

    return check


def script_faults(dialect: str, text: str, file: Path, month: str) -> Iterator[str]:
    """Check that a script makes the table of the file, and replaces the month by the file."""
    statements = [it for it in sqlglot.parse(text, read=dialect) if it is not None]
    if any(isinstance(it, exp.Command) for it in statements):
        yield f"{dialect} has a statement that is not understood"
    schema = pq.read_schema(file)
    tables = [it for it in statements if isinstance(it, exp.Create)]
    for table in tables:
        kinds = {it.name: it.kind.sql(dialect).upper() for it in table.find_all(exp.ColumnDef)}
        if list(kinds) != schema.names:
            yield f"{dialect} makes a table of other columns than the file's"
            continue
        for field in schema:
            kind = kinds[field.name]
            if str(field.type).startswith("decimal"):
                precise = f"DECIMAL({field.type.precision}, {field.type.scale})"
                fits = kind in (precise, precise.replace("DECIMAL", "NUMBER"), "BIGNUMERIC")
            elif str(field.type).startswith("timestamp"):
                fits = kind.startswith("TIMESTAMP")
            else:
                fits = kind.split("(")[0] in ("VARCHAR", "STRING", "TEXT")
            if not fits:
                yield f"{dialect}: {field.name} of {field.type} becomes {kind}"
    order = [type(it).__name__ for it in statements]
    deletes = [it for it in statements if isinstance(it, exp.Delete)]
    if len(deletes) != 1 or f"'{month}-01 00:00:00'" not in deletes[0].sql(dialect):
        yield f"{dialect} does not take out the month {month} once"
    if f"{month}/{file.name}'" not in text:
        yield f"{dialect} does not load {file.name}"
    if order.index("Transaction") > order.index("Delete") or order[-1] not in ("Commit", "Drop"):
        yield f"{dialect} is no single transaction: {order}"


CHECKERS: dict[str, Callable[[Path, Months], Iterator[str]]] = {
    "cloudability": check_cloudability,
    "cloudzero": lambda folder, expected: check_cloudzero(folder / "USD", expected),
    "ternary": check_ternary,
    "umbrella": check_umbrella,
    "vantage": check_vantage,
    "snowflake": check_warehouse("snowflake"),
    "bigquery": check_warehouse("bigquery"),
    "redshift": check_warehouse("redshift"),
}
BY_CALL = ("snowflake", "bigquery", "redshift")


def faults(receiver: str, folder: Path, expected: Months) -> list[str]:
    """Give what is wrong with a receiver's folder; a file that can't be read is wrong too."""
    try:
        return list(CHECKERS[receiver](folder, expected))
    except (ValueError, KeyError, ArithmeticError, AssertionError, OSError, csv.Error) as error:
        return [f"{type(error).__name__}: {error}"]
