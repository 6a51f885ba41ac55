"""What a streamed file is called, and its manifest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from exporter.api.open_builds import Build
from exporter.api.queries import Query
from exporter.extract import manifest as manifests
from exporter.extract.coverage import Coverage
from exporter.extract.pages import PagedExtract
from exporter.extract.selection import Selection
from exporter.focus.schemas import dataset_instance_id, schema_id
from exporter.project import Project, tool_version


def name_file(selection: Selection, fmt: str) -> str:
    """Name the file of a selection by its days."""
    days = "".join(f"_{day}" for day in (selection.from_date, selection.to_date) if day)
    return f"{selection.dataset.file_stem(selection.grain)}{days}.{fmt}"


def describe_stream(
    project: Project,
    build: Build,
    query: Query,
    extract: PagedExtract,
    coverage: Coverage | None,
    fmt: str,
    safe_csv: bool | None,
) -> dict[str, Any]:
    """Give the manifest of a query's file, without what is only known of one that lies there.

    The names of raw files that a build was made without are told to whoever sees all of it.
    """
    selection = query.selection
    dataset, grain, version = selection.dataset, selection.grain, selection.focus_version
    read = manifests.read_build if query.is_scoped else manifests.describe_build
    return manifests.describe(
        file=Path(name_file(selection, fmt)),
        fmt=fmt,
        compress=None,
        safe_csv=dataset.escapes_formulas(fmt, safe_csv),
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
