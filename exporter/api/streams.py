"""What a streamed file is called, and its manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from exporter.api.open_builds import Build
from exporter.api.principal import Caller
from exporter.api.queries import Query, read_query
from exporter.extract import manifest as manifests
from exporter.extract.coverage import Coverage
from exporter.extract.pages import PagedExtract
from exporter.focus.schemas import dataset_instance_id, schema_id
from exporter.project import Project, tool_version


@dataclass(frozen=True)
class WantedFile:
    """A file that is asked for: csv, json or jsonl, of UTC days, both inclusive.

    The days are those of the charge period's start. `parameters` are filters, as read_query takes
    them; `safe_csv` None is the dataset's own way.
    """

    dataset: str
    parameters: Mapping[str, str]
    fmt: str = "csv"
    grain: str = "call"
    from_date: date | None = None
    to_date: date | None = None
    safe_csv: bool | None = None

    def read_query(self, caller: Caller) -> Query:
        """Check it; raises RequestError for what can't be asked."""
        query = read_query(caller, self.dataset, self.parameters, self.grain)
        return query.within(self.from_date, self.to_date)


def name_file(query: Query, fmt: str) -> str:
    """Name a query's file by its booked month and days."""
    selection, month = query.selection, query.billing_period
    booked = f"_booked_{month:%Y-%m}" if month else ""
    days = "".join(f"_{day}" for day in (selection.from_date, selection.to_date) if day)
    return f"{selection.dataset.file_stem(selection.grain)}{booked}{days}.{fmt}"


def describe_stream(
    project: Project,
    build: Build,
    query: Query,
    wanted: WantedFile,
    extract: PagedExtract,
    coverage: Coverage | None,
) -> dict[str, Any]:
    """Give the manifest of a query's file, without what is only known of one that lies there.

    The names of raw files that a build was made without are told to whoever sees all of it.
    """
    selection = replace(query.selection, billing_period=query.billing_period)
    dataset, grain, version = selection.dataset, selection.grain, selection.focus_version
    read = manifests.read_build if query.is_scoped else manifests.describe_build
    return manifests.describe(
        file=Path(name_file(query, wanted.fmt)),
        fmt=wanted.fmt,
        compress=None,
        bom=False,
        safe_csv=dataset.escapes_formulas(wanted.fmt, wanted.safe_csv),
        selection=selection,
        filters=(),
        extract=extract,
        measure=extract.measure(),
        coverage=coverage,
        rejected_rows=None if coverage is None else coverage.rejected_records,
        dataset_instance_id=dataset_instance_id(dataset, grain),
        schema_id=schema_id(project, dataset, grain, version),
        build=read(build.database),
        tool_version=tool_version(),
    )
