"""Writes a receiver's folder: a folder per billing month, each put in place whole.

What is written is the whole month as it is booked. A month that was written before is replaced,
files that it no longer has are gone, and a month without rows by now is written empty.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timezone
from pathlib import Path
from typing import Any

import duckdb

from exporter.datasets import Dataset
from exporter.errors import UserError
from exporter.extract import manifest as manifests
from exporter.extract.coverage import count_rejected, read_coverage
from exporter.extract.months import BillingMonth, find_months, write_beside
from exporter.extract.parts import PartedExtract
from exporter.extract.receivers import Receiver
from exporter.extract.scratch import scratch_folder, temporary_folder
from exporter.extract.selection import Selection, Term
from exporter.extract.source import open_source
from exporter.extract.writer import Measure
from exporter.focus.schemas import json_column_names
from exporter.home import Home
from exporter.project import load_project, tool_version
from exporter.sql import quote_name, quote_text
from exporter.targets import DUCKDB

_NEW, _OLD = "new", "old"


@dataclass(frozen=True)
class Delivery:
    """A receiver's folder as it was written, and the manifest beside it."""

    folder: Path
    manifest_path: Path
    manifest: dict[str, Any]


def deliver(
    home: Home,
    receiver: Receiver,
    root: Path | None = None,
    target: str = DUCKDB,
    billing_period: date | None = None,
) -> Delivery:
    """Write the receiver's folder into `root`, by default the home's exports.

    `billing_period` is the first day of the one month to write; without it all of the build are
    written. Raises UserError for what the user can mend; a month's folder is always a whole one.
    """
    entry = receiver.entry
    version = receiver.version
    folder = (root or home.exports) / receiver.name
    database = home.published() if target == DUCKDB else None
    selection = Selection(entry, version, receiver.grain)
    project = load_project()
    with (
        scratch_folder(home) as scratch,
        open_source(database, target, selection, project, scratch) as source,
        temporary_folder(folder) as temporary,
    ):
        if entry.focus_id is None:
            selection = replace(selection, dataset=_with_tags(source.connection, entry))
        whole = _Extract(source.connection, selection, receiver)
        built_at = _moment(source.build["finished_at"], database)
        json_names = json_column_names(project, entry.focus_id)
        described = []
        for month in _list_months(whole, folder, built_at, billing_period):
            terms = [Term(("BillingPeriodStart",), (f"{month.start:%Y-%m-%d} 00:00:00",))]
            if month.currency is not None:
                terms.append(Term(("BillingCurrency",), (month.currency,)))
            extract = _Extract(
                source.connection,
                replace(selection, terms=tuple(terms), columns=whole.wanted),
                receiver,
                json_names,
            )
            try:
                described.append(_write_month(extract, month, temporary / _NEW, scratch))
            except (duckdb.IOException, OSError) as error:
                reason = " ".join(str(error).split())[:200]
                raise UserError(
                    f"{folder} can't be written ({reason}): "
                    "free some space, or name another folder with --output."
                ) from None
        coverage = read_coverage(
            source.engine,
            Selection(entry, version, receiver.grain, billing_period=billing_period),
        )
        manifest = {
            "receiver": receiver.name,
            "title": receiver.title,
            "rules": {"address": receiver.rules, "date": receiver.rules_date},
            "dataset": entry.name,
            "focus_dataset_id": entry.focus_id,
            "focus_version": version if entry.focus_id else None,
            "grain": receiver.grain,
            "format": receiver.format,
            "compression": receiver.compress,
            "columns": [column.name for column in whole.columns],
            "months": described,
            "coverage": manifests.describe_coverage(coverage),
            "rejected_rows": count_rejected(source.engine, entry),
            "build": source.build,
            "tool_version": tool_version(),
            "written_at": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        source.check()
        manifest_path = folder.with_name(f"{receiver.name}.manifest.json")
        _publish(temporary, folder, [month["folder"] for month in described])
        beside = temporary / manifest_path.name
        beside.write_text(manifests.to_text(manifest), encoding="utf-8", newline="\n")
        beside.replace(manifest_path)
        return Delivery(folder, manifest_path, manifest)


class _Extract(PartedExtract):
    """What a receiver takes of a selection; UserError where a column that it needs is missing."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        selection: Selection,
        receiver: Receiver,
        json_names: frozenset[str] = frozenset(),
    ) -> None:
        columns = selection.columns or receiver.columns
        super().__init__(connection, replace(selection, columns=columns), json_names)
        self.receiver = receiver
        self.columns = [
            replace(column, words=tuple(receiver.words.get(column.name, {}).items()))
            for column in self.columns
            if receiver.custom_columns or not column.name.startswith("x_")
        ]
        names = {column.name for column in self.columns}
        lacking = [name for name in (*receiver.required, *receiver.words) if name not in names]
        if lacking:
            raise UserError(
                f"{receiver.name} needs {' and '.join(lacking)}, and {selection.dataset.name} "
                f"{selection.focus_version} has no such column: take another focus_version for it."
            )

    @property
    def wanted(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(column.name for column in self.columns)

    def read_currencies(self) -> list[tuple[str, str]]:
        """List the month's starts, as UTC text, and currencies that have rows."""
        return self._connection.execute(
            "select distinct strftime(BillingPeriodStart, '%Y-%m-%d'), BillingCurrency"  # noqa: S608
            f" from {self._source} as source order by 1, 2"
        ).fetchall()


def _with_tags(connection: duckdb.DuckDBPyConnection, dataset: Dataset) -> Dataset:
    """Add a column for each key of the tags, with the characters that CloudZero takes."""
    column = (dataset.layout or {})["Tags"]
    keys = connection.execute(
        f"select distinct unnest(json_keys({quote_name(column)})) as key"  # noqa: S608
        f" from {quote_name(dataset.relations['day'])} order by key"
    ).fetchall()
    layout = dict(dataset.layout or {})
    for (key,) in keys:
        pointer = "/" + key.replace("~", "~0").replace("/", "~1")
        name = "resource/tag:" + re.sub(r"[^\w.:/=+@-]", "_", key, flags=re.ASCII)
        # two keys that differ in a character that is not taken have one column, the first's first
        value = f"json_extract_string({quote_name(column)}, {quote_text(pointer)})"
        layout[name] = f"coalesce({layout[name]}, {value})" if name in layout else value
    return replace(dataset, layout=layout)


def _moment(finished_at: str | None, database: Path | None) -> datetime:
    """Give a build's moment; after plain dbt, which tells none, that of its file, or else now."""
    if finished_at is not None:
        return datetime.fromisoformat(finished_at.replace("Z", "+00:00")).astimezone(timezone.utc)
    written = database.stat().st_mtime if database is not None else datetime.now().timestamp()
    return datetime.fromtimestamp(int(written), timezone.utc)


def _list_months(
    extract: _Extract, folder: Path, built_at: datetime, wanted: date | None
) -> list[BillingMonth]:
    """Give the months that have rows, and those that a former delivery had."""
    receiver = extract.receiver
    by_currency = "{currency}" in receiver.layout
    found = {
        (start, currency if by_currency else None) for start, currency in extract.read_currencies()
    }
    found |= set(find_months(receiver, folder))
    months = [
        BillingMonth(receiver, datetime.fromisoformat(start), currency, built_at)
        for start, currency in sorted(found, key=lambda it: (it[0], it[1] or ""))
        if wanted is None or start == wanted.isoformat()
    ]
    if wanted and not months:
        raise UserError(
            f"The build has nothing in the billing period {wanted:%Y-%m}: "
            f"it has {', '.join(sorted({start[:7] for start, _ in found})) or 'none'}."
        )
    return months


def _write_month(
    extract: _Extract, month: BillingMonth, root: Path, scratch: Path
) -> dict[str, Any]:
    """Write a month's files under `root`, in the receiver's layout; gives the manifest's part."""
    receiver = month.receiver
    scratch = scratch / month.folder
    scratch.mkdir(parents=True)
    if receiver.grain == "day" or receiver.max_rows is not None:
        # the view would sum all days anew for each slice and each part
        extract.stage(scratch)
    measure = extract.measure()
    files: list[dict[str, Any]] = []
    (root / month.folder).mkdir(parents=True)
    for number, (part, size) in enumerate(
        extract.cut(measure, receiver.max_rows, receiver.max_bytes, scratch), 1
    ):
        path = root / month.file(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        written = part.write_file(path, receiver.format, receiver.compress, False, size, scratch)
        files.append(
            {
                "file": month.file(number),
                "rows": size.rows,
                "bytes": written.size,
                "sha256": written.sha256,
            }
        )
    write_beside(root, month, extract.columns, [file["file"] for file in files])
    shutil.rmtree(scratch, ignore_errors=True)
    return {
        "billing_period": f"{month.start:%Y-%m}",
        "folder": month.folder,
        **_sums(measure),
        "files": files,
    }


def _sums(measure: Measure) -> dict[str, Any]:
    return {
        "rows": measure.rows,
        "costs": [
            {"currency": total.currency, "rows": total.rows, **total.costs}
            for total in measure.currencies
        ],
    }


def _publish(temporary: Path, folder: Path, months: Iterable[str]) -> None:
    """Put each month's folder in place of the former one."""
    for place, month in enumerate(months):
        new, final, old = temporary / _NEW / month, folder / month, temporary / f"{_OLD}-{place}"
        try:
            final.parent.mkdir(parents=True, exist_ok=True)
            if final.exists():
                final.rename(old)
            try:
                new.rename(final)
            except OSError:
                if old.exists():
                    old.rename(final)
                raise
        except OSError as error:
            raise UserError(
                f"{final} can't be written ({error.strerror}): name another folder with --output."
            ) from None
