"""Writes one dataset to a file, whole or not at all, with its manifest beside it."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

import duckdb

from exporter.duck import open_database
from exporter.errors import UserError
from exporter.extract import manifest as manifests
from exporter.extract.pages import PagedExtract
from exporter.extract.writer import Selection, choose, count_rejected, read_coverage
from exporter.focus.schemas import dataset_instance_id, json_column_names, schema_id
from exporter.home import Home
from exporter.options import COMPRESSIONS, FORMATS
from exporter.project import Project, load_project, tool_version
from exporter.sql import DuckDB, Engine
from exporter.targets import DUCKDB

STDOUT = "-"
# a file's name may have 255 bytes, with its extension and that of the manifest
_LONGEST_STEM = 150
_EXTENSIONS = {None: "", "gzip": ".gz", "zstd": ".zst"}


@dataclass(frozen=True)
class ExportResult:
    """A written extract. Both paths are None when it went to standard output."""

    path: Path | None
    manifest_path: Path | None
    manifest: dict[str, Any]


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
    stdout: IO[bytes] | None = None,
    target: str = DUCKDB,
) -> ExportResult:
    """Extract a dataset of the published build, or of a warehouse.

    Dates are UTC days, both inclusive. `output` is a file, a folder, `-` (with `stdout`), or None
    for the home's exports; in a folder the file is named by what it holds. `safe_csv` None means:
    on for the flat layout as CSV, else off. Raises UserError for what the user can mend; a file
    under the final name is always a whole one.
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
    if from_date and to_date and from_date > to_date:
        raise UserError(f"--from {from_date} lies after --to {to_date}: swap the two dates.")
    safe = fmt == "csv" and (entry.focus_id is None if safe_csv is None else safe_csv)
    database = home.published() if target == DUCKDB else None
    selection = Selection(
        dataset=entry,
        focus_version=version,
        grain=grain,
        from_date=from_date,
        to_date=to_date,
        filters=tuple(filters),
        columns=tuple(columns) if columns else None,
    )
    default_name = f"{_stem_of(selection)}.{fmt}{_EXTENSIONS[compress]}"
    path = None if output == STDOUT else _find_path(home, output, default_name)
    project = load_project()
    json_names = json_column_names(project, entry.focus_id)
    with (
        scratch_folder(home) as scratch,
        _open_source(database, target, selection, project, scratch) as source,
        _temporary_file(path or scratch / default_name) as temporary,
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
            selection=selection,
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
        try:
            extract.write_file(temporary, fmt, compress, safe, measure, scratch)
        except duckdb.IOException as error:
            raise UserError(
                f"{path or 'The extract'} can't be written ({_shorten(error)}): "
                "free some space, or name another file with --output."
            ) from None
        if path is None:
            _send(temporary, stdout)
            return ExportResult(None, None, manifest)
        manifest["sha256"], manifest["bytes"] = manifests.hash_file(temporary)
        manifest_path = path.with_name(path.name + ".manifest.json")
        _publish(temporary, path, manifest_path, manifests.to_text(manifest))
        return ExportResult(path, manifest_path, manifest)


@dataclass(frozen=True)
class _Source:
    """Where the selected rows lie, what else can be asked, and the build that they are of.

    `check` raises a UserError when that build's tables were written to meanwhile.
    """

    connection: duckdb.DuckDBPyConnection
    engine: Engine
    build: dict[str, str | None]
    check: Callable[[], None]


@contextlib.contextmanager
def _open_source(
    database: Path | None, target: str, selection: Selection, project: Project, scratch: Path
) -> Iterator[_Source]:
    """Open the published file or, without one, bring the target's rows into a scratch file."""
    if database is not None:
        keeps_order = not selection.dataset.is_staged
        with open_database(database, scratch, keeps_order=keeps_order) as connection:
            # what is published never changes
            build = manifests.read_build(database)
            yield _Source(connection, DuckDB(connection), build, lambda: None)
        return
    from exporter.warehouse.connection import open_warehouse
    from exporter.warehouse.record import (
        blaming_changes,
        check_no_run,
        check_unchanged,
        read_record,
    )
    from exporter.warehouse.transfer import pull

    with (
        open_warehouse(target, project) as warehouse,
        open_database(scratch / "warehouse.duckdb", scratch, read_only=False) as connection,
    ):
        record = read_record(warehouse)
        check_no_run(target, record)
        with blaming_changes(warehouse, record):
            pull(connection, warehouse, selection, project)
        build = {"build_id": record.build_id, "finished_at": record.finished_at}
        yield _Source(connection, warehouse, build, lambda: check_unchanged(warehouse, record))


def _stem_of(selection: Selection) -> str:
    """Name a file by what is in it, so that a part never takes the place of the whole."""
    dataset, first, last = selection.dataset, selection.from_date, selection.to_date
    parts = [dataset.file_stem(selection.grain)]
    if selection.focus_version != dataset.versions[0]:
        parts.append(f"v{selection.focus_version.replace('.', '_')}")
    if first and last:
        parts.append(f"{first}_{last}")
    elif first or last:
        parts.append(f"from_{first}" if first else f"to_{last}")
    parts += [f"{column}={value}" for column, value in selection.filters]
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


def _process_name() -> str:
    return f"{re.sub(r'[^A-Za-z0-9]', '', socket.gethostname())}-{os.getpid()}"


def _is_dead(name: str) -> bool:
    """Tell whether a left-over's name carries a process of this host that no longer runs."""
    host, _, process = _process_name().rpartition("-")
    found = re.search(r"\.([A-Za-z0-9]*)-(\d+)(?:\.part|-[^.]*)$", name)
    if found is None or found[1] != host or found[2] == process:
        return False
    try:
        os.kill(int(found[2]), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


@contextlib.contextmanager
def _temporary_file(path: Path) -> Iterator[Path]:
    """Name a file beside `path`, and leave nothing of it; runs that were killed are swept up."""
    prefix = f".{path.name}."
    with contextlib.suppress(OSError):
        for other in path.parent.iterdir():
            if other.name.startswith(prefix) and _is_dead(other.name):
                other.unlink(missing_ok=True)
    temporary = path.with_name(f"{prefix}{_process_name()}.part")
    try:
        temporary.touch()
    except OSError as error:
        raise UserError(
            f"{path.parent} can't be written to ({error.strerror}): name another folder."
        ) from None
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def scratch_folder(home: Home) -> Iterator[Path]:
    """Make a folder for what exceeds memory: on the home's disk, else the system's own.

    It doesn't lie in builds/, where a build that ends meanwhile tidies up.
    """
    prefix = ".export."
    try:
        for other in home.path.iterdir():
            if other.name.startswith(prefix) and _is_dead(other.name):
                shutil.rmtree(other, ignore_errors=True)
        scratch = Path(tempfile.mkdtemp(prefix=f"{prefix}{_process_name()}-", dir=home.path))
    except OSError:
        scratch = Path(tempfile.mkdtemp(prefix="focus-export-"))
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _publish(temporary: Path, path: Path, manifest_path: Path, text: str) -> None:
    """Put file and manifest in place; at no moment does a manifest describe another file."""
    with _temporary_file(manifest_path) as temporary_manifest:
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
