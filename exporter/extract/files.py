"""Writes one dataset to a file, whole or not at all, with its manifest beside it."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

import duckdb

from exporter.errors import UserError
from exporter.extract import manifest as manifests
from exporter.extract.coverage import count_rejected, read_coverage
from exporter.extract.pages import PagedExtract
from exporter.extract.scratch import scratch_folder, temporary_file
from exporter.extract.selection import Selection, choose, filter_terms, read_filters
from exporter.extract.source import open_source
from exporter.extract.unmatched import Unmatched, Wanted
from exporter.focus.schemas import dataset_instance_id, json_column_names, schema_id
from exporter.focus.values import allowed_values
from exporter.home import Home
from exporter.options import COMPRESSIONS, FORMATS
from exporter.project import load_project, tool_version
from exporter.targets import DUCKDB

STDOUT = "-"
# a file's name may have 255 bytes, with its extension and that of the manifest
_LONGEST_STEM = 150
_EXTENSIONS = {None: "", "gzip": ".gz", "zstd": ".zst"}


@dataclass(frozen=True)
class ExportResult:
    """A written extract. Both paths are None when it went to standard output.

    `unmatched` are, where no row fits, the values of filters that no row of the dataset has.
    """

    path: Path | None
    manifest_path: Path | None
    manifest: dict[str, Any]
    unmatched: list[Unmatched] = field(default_factory=list)


def export_dataset(
    home: Home,
    dataset: str,
    focus_version: str | None = None,
    fmt: str = "csv",
    output: Path | str | None = None,
    from_date: date | None = None,
    to_date: date | None = None,
    grain: str = "call",
    filters: Sequence[tuple[str, str]] = (),
    columns: Sequence[str] | None = None,
    compress: str | None = None,
    safe_csv: bool | None = None,
    bom: bool = False,
    stdout: IO[bytes] | None = None,
    target: str = DUCKDB,
    billing_period: date | None = None,
) -> ExportResult:
    """Extract a dataset of the published build, or of a warehouse.

    Dates are UTC days, both inclusive; `billing_period` is the first day of a booked month.
    `output` is a file, a folder, `-` (with `stdout`), or None for the home's exports; in a folder
    the file is named by what it holds. `safe_csv` None means: on for the flat layout as CSV, else
    off; `bom` begins a CSV with a byte order mark. Raises UserError for what the user can mend; a
    file under the final name is always a whole one.
    """
    entry, version = choose(dataset, focus_version, grain)
    if fmt not in FORMATS:
        raise UserError(f"There is no format {fmt!r}: choose one of {', '.join(FORMATS)}.")
    if compress is not None and compress not in COMPRESSIONS:
        raise UserError(f"There is no compression {compress!r}: choose gzip or zstd.")
    if fmt == "parquet" and compress is not None:
        raise UserError("Parquet is compressed inside already: leave --compress away.")
    if safe_csv and fmt != "csv":
        raise UserError(f"--safe-csv is for CSV, not for {fmt}: leave it away.")
    if bom and fmt != "csv":
        raise UserError(f"--bom is for CSV, not for {fmt}: leave it away.")
    if from_date and to_date and from_date > to_date:
        raise UserError(f"--from {from_date} lies after --to {to_date}: swap the two dates.")
    safe = entry.escapes_formulas(fmt, safe_csv)
    project = load_project()
    filters = read_filters(filters, allowed_values(project, entry.focus_id, version))
    database = home.published() if target == DUCKDB else None
    selection = Selection(
        dataset=entry,
        focus_version=version,
        grain=grain,
        from_date=from_date,
        to_date=to_date,
        billing_period=billing_period,
        terms=filter_terms(entry, filters),
        columns=tuple(columns) if columns else None,
    )
    default_name = f"{_stem_of(selection, filters)}.{fmt}{_EXTENSIONS[compress]}"
    path = None if output == STDOUT else _find_path(home, output, default_name)
    json_names = json_column_names(project, entry.focus_id)
    with (
        scratch_folder(home) as scratch,
        open_source(database, target, selection, project, scratch) as source,
        temporary_file(path or scratch / default_name) as temporary,
    ):
        connection, engine, build = source.connection, source.engine, source.build
        extract = PagedExtract(connection, selection, json_names)
        measure = extract.measure()
        coverage = read_coverage(engine, selection) if entry.holds_usage else None
        manifest = manifests.describe(
            file=path or Path(STDOUT),
            fmt=fmt,
            compress=compress,
            safe_csv=safe,
            bom=bom,
            selection=selection,
            filters=filters,
            extract=extract,
            measure=measure,
            coverage=coverage,
            rejected_rows=count_rejected(engine, entry),
            dataset_instance_id=dataset_instance_id(entry, grain),
            # a cut file has no schema of its own: the schema lists every column
            schema_id=None if columns else schema_id(project, entry, grain, version),
            build=build,
            tool_version=tool_version(),
        )
        source.check()
        unmatched = []
        # of a warehouse there are only the rows that fit
        if not measure.rows and database is not None:
            unmatched = extract.find_unmatched(
                [Wanted(term.columns[0], term) for term in selection.terms]
            )
        try:
            written = extract.write_file(temporary, fmt, compress, safe, measure, scratch, bom)
        except (duckdb.IOException, OSError) as error:
            raise UserError(
                f"{path or 'The extract'} can't be written ({_shorten(error)}): "
                "free some space, or name another file with --output."
            ) from None
        if path is None:
            _send(temporary, stdout)
            return ExportResult(None, None, manifest, unmatched)
        manifest.update(sha256=written.sha256, bytes=written.size)
        manifest_path = manifests.manifest_path(path)
        _publish(temporary, path, manifest_path, manifests.to_text(manifest))
        return ExportResult(path, manifest_path, manifest, unmatched)


def _stem_of(selection: Selection, filters: Sequence[tuple[str, str]]) -> str:
    """Name a file by what is in it, so that a part never takes the place of the whole."""
    dataset, first, last = selection.dataset, selection.from_date, selection.to_date
    parts = [dataset.file_stem(selection.grain)]
    if selection.focus_version != dataset.versions[0]:
        parts.append(f"v{selection.focus_version.replace('.', '_')}")
    if selection.billing_period:
        parts.append(f"booked_{selection.billing_period:%Y-%m}")
    if first and last:
        parts.append(f"{first}_{last}")
    elif first or last:
        parts.append(f"from_{first}" if first else f"to_{last}")
    parts += [f"{column}={value}" for column, value in filters]
    if selection.columns:
        parts.append("+".join(selection.columns))
    exact = "_".join(parts)
    stem = re.sub(r"[^A-Za-z0-9._=+-]+", "-", exact)[:_LONGEST_STEM]
    # what no file's name can say is told apart all the same
    return stem if stem == exact else f"{stem}-{sha256(exact.encode()).hexdigest()[:8]}"


def _find_path(home: Home, output: Path | str | None, default_name: str) -> Path:
    path = home.exports / default_name
    if output is not None:
        path = Path(output).expanduser().absolute()
        if path.is_dir():
            path = path / default_name
    if path.exists() and not path.is_file():
        raise UserError(f"{path} is no regular file: use --output - to stream.")
    if path.parent == home.exports:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(
                f"The folder {path.parent} can't be made ({error.strerror}): "
                "name a file with --output."
            ) from None
    if not path.parent.is_dir():
        raise UserError(f"The folder {path.parent} doesn't exist: make it, or name another one.")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise UserError(f"The folder {path.parent} can't be written to: name another one.")
    return path


def _publish(temporary: Path, path: Path, manifest_path: Path, text: str) -> None:
    """Put file and manifest in place; at no moment does a manifest describe another file."""
    with temporary_file(manifest_path) as temporary_manifest:
        try:
            temporary_manifest.write_text(text, encoding="utf-8", newline="\n")
            manifest_path.unlink(missing_ok=True)
            temporary.replace(path)
            temporary_manifest.replace(manifest_path)
        except OSError as error:
            raise UserError(
                f"{path} can't be written ({error.strerror}): name another file with --output."
            ) from None


def _send(file: Path, stdout: IO[bytes] | None) -> None:
    if stdout is None:
        raise ValueError("an extract to standard output needs a stream")
    with file.open("rb") as source:
        try:
            shutil.copyfileobj(source, stdout, 1 << 20)
            stdout.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise UserError(
                f"The extract can't be written to standard output ({error.strerror}): "
                "name a file with --output."
            ) from None


def _shorten(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
