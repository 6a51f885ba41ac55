"""Opens a build's DuckDB file, within the memory limit, and runs what may take long there."""

from __future__ import annotations

import errno
import os
import re
import shutil
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import duckdb

from exporter.errors import BusyError, MachineError, UnbuiltVersionError, UserError
from exporter.home import STORAGE_VERSION
from exporter.sql import quote_text

_WRITER = "focus-export writer"
_UNBUILT = re.compile(r"Table with name focus_[a-z_]+_v(\d+_\d+) does not exist")
# seconds without a byte on a full disk after which a writer is given up
_STALLED = 10
# seconds that are waited for memory that others have
_MEMORY_WAIT = 20
# seconds that an interrupted writer has to end by itself
_PATIENCE = 5

# as profiles.yml has it
_STORAGE_VERSION = "v1.4.0"

# what DuckDB and SQLite say of a full disk
_FULL = ("No space left", "Disk quota exceeded", "max_temp_directory_size", "disk is full")


class DiskFullError(MachineError):
    """A disk has no room for what is written to it."""


def is_disk_full(error: BaseException) -> bool:
    """Tell whether an error, whoever raised it, comes from a full disk."""
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    if isinstance(error, duckdb.Error | sqlite3.Error):
        return any(said in str(error) for said in _FULL)
    return isinstance(error, DiskFullError)


def check_memory_limit(default: str = "2GB") -> str:
    """Give AI_FOCUS_MEMORY_LIMIT as DuckDB takes it; raises UserError for what is no amount."""
    limit = os.environ.get("AI_FOCUS_MEMORY_LIMIT") or default
    try:
        duckdb.connect(config={"memory_limit": limit}).close()
    except (duckdb.ParserException, duckdb.InvalidInputException):
        raise UserError(
            f"AI_FOCUS_MEMORY_LIMIT is {limit!r}: give an amount such as 2GB."
        ) from None
    return limit


def check_storage_version() -> str:
    """Give the oldest DuckDB that can read what is written, as DuckDB takes it.

    Raises UserError for an AI_FOCUS_STORAGE_VERSION that the installed DuckDB does not know.
    """
    version = os.environ.get(STORAGE_VERSION) or _STORAGE_VERSION
    try:
        duckdb.connect(config={"storage_compatibility_version": version}).close()
    except duckdb.InvalidInputException:
        raise UserError(
            f"{STORAGE_VERSION} is {version!r}: name a release of DuckDB that {duckdb.__version__} "
            f"knows, such as {_STORAGE_VERSION}, or latest."
        ) from None
    return version


@contextmanager
def open_database(
    database: Path,
    spill: Path | None = None,
    *,
    read_only: bool = True,
    memory_limit: str | None = None,
    keeps_order: bool = True,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a build's DuckDB file; what exceeds memory goes to `spill`, else beside the file.

    `memory_limit` stands before AI_FOCUS_MEMORY_LIMIT. Without `keeps_order` rows come as they are
    ready where a statement asks for no order, which takes less memory. Raises UserError when the
    file can't be opened, when the memory does not suffice, or when what is read only lacks a
    relation or column.
    """
    limit = memory_limit or check_memory_limit()
    written = {} if read_only else {"storage_compatibility_version": check_storage_version()}
    file = database.resolve()
    try:
        connection = duckdb.connect(
            str(file),
            read_only=read_only,
            config={
                "memory_limit": limit,
                "temp_directory": str(spill or f"{file}.tmp"),
                "preserve_insertion_order": keeps_order,
                **written,
                # what is needed is there; nothing is fetched
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
                "allow_community_extensions": False,
            },
        )
    except duckdb.IOException as error:
        reason = " ".join(str(error).split())[:200]
        if "we can only read version" in reason:
            raise UserError(
                f"The build {file} was written by a newer DuckDB than {duckdb.__version__} reads: "
                "install that one here, or build again with storage_version: "
                f"{_STORAGE_VERSION} in ai_focus.yml."
            ) from None
        # DuckDB's own lock of a file that another process writes
        kind = BusyError if "Could not set lock" in reason else UserError
        raise kind(
            f"The build {file} can't be read now ({reason}): "
            "wait until the process that writes it has ended, then try again."
        ) from None
    except duckdb.OutOfMemoryException:
        raise _too_little_memory(limit) from None
    try:
        connection.execute("set global timezone = 'UTC'")
        yield connection
    except duckdb.OutOfMemoryException:
        raise _too_little_memory(limit) from None
    except (duckdb.CatalogException, duckdb.BinderException) as error:
        if not read_only:
            raise
        raise UserError(describe_lack(error)) from None
    finally:
        # close() would wait for a writer that hangs; the process ends without it
        if not any(thread.name.startswith(_WRITER) for thread in threading.enumerate()):
            connection.close()


def find_unbuilt_version(error: duckdb.Error) -> UnbuiltVersionError | None:
    """Say that a build was made without a FOCUS version; None where something else is missing."""
    found = _UNBUILT.search(str(error))
    if found is None:
        return None
    version = found[1].replace("_", ".")
    return UnbuiltVersionError(
        f"FOCUS {version} is not in the build: take the newest version, or build again with "
        f"{version} in the variable focus_versions."
    )


def describe_lack(error: duckdb.Error) -> str:
    """Say of a build without a relation or column, as an older version's, what to do about it."""
    if unbuilt := find_unbuilt_version(error):
        return str(unbuilt)
    reason = str(error).split("\n")[0].rstrip(".!?")
    return (
        f"The build lacks what this version of ai-focus reads ({reason}): "
        "run `focus-export build` again."
    )


def open_cursor(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """Give a second connection to the same open file, for another thread; it is to be closed."""
    return connection.cursor()


def lock_down(connection: duckdb.DuckDBPyConnection, *folders: Path) -> None:
    """Let statements on an open file reach these folders alone, and change no setting any more."""
    allowed = ", ".join(quote_text(f"{folder}/") for folder in folders)
    connection.execute(f"set allowed_directories = [{allowed}]")
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")


def count_progress(connection: duckdb.DuckDBPyConnection) -> Callable[[], float]:
    """Let a connection count how far its statement is; gives what tells the share, 0 to 1."""
    connection.execute("set enable_progress_bar = true")
    connection.execute("set enable_progress_bar_print = false")

    def share() -> float:
        # -1 while it is not known
        return min(max(connection.query_progress() / 100, 0.0), 1.0)

    return share


def _too_little_memory(limit: str) -> MachineError:
    return MachineError(
        f"Reading the build needs more memory than AI_FOCUS_MEMORY_LIMIT ({limit}) allows: "
        "raise it."
    )


def wait_for_memory(work: Callable[[], object]) -> None:
    """Do what others may leave too little memory for; OutOfMemoryException after a while."""
    until = time.monotonic() + _MEMORY_WAIT
    while True:
        try:
            work()
        except duckdb.OutOfMemoryException:
            if time.monotonic() > until:
                raise
            time.sleep(0.5)
        else:
            return


class _Stall:
    """Notices a writer that waits forever for a full disk, as DuckDB's may."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._size, self._moved = -1, time.monotonic()

    def look(self) -> None:
        """Raise UserError when nothing has been written to a full disk for a while."""
        now, written = time.monotonic(), self._file.stat().st_size
        if written != self._size or shutil.disk_usage(self._file.parent).free > 0:
            self._size, self._moved = written, now
        elif now - self._moved > _STALLED:
            raise DiskFullError(
                f"There is no space left in {self._file.parent}: free some, "
                "or name another file with --output."
            )


def run_copies(
    connections: Sequence[duckdb.DuckDBPyConnection],
    copies: Iterable[tuple[str, list[object], Path]],
    turn: AbstractContextManager[Any] | None = None,
) -> Generator[Path, None, None]:
    """Run COPYs to files in threads, as many at once as there are connections.

    The main thread listens to Ctrl-C and SIGTERM meanwhile. Gives the files in their order, each
    when it is there; who takes one may delete it. Where memory is shared with others, `turn` is
    held by whoever copies, who then waits for memory. DuckDB's writer may wait forever for a full
    disk: then it is given up, with a UserError.
    """
    free = SimpleQueue[duckdb.DuckDBPyConnection]()
    for connection in connections:
        free.put(connection)

    def run(statement: str, parameters: list[object]) -> None:
        connection = free.get()
        try:
            if turn is None:
                connection.execute(statement, parameters)
            else:
                with turn:
                    wait_for_memory(lambda: connection.execute(statement, parameters))
        finally:
            free.put(connection)

    pool = ThreadPoolExecutor(len(connections), thread_name_prefix=_WRITER)
    running: deque[tuple[Future[None], Path]] = deque()

    def end_first() -> Path:
        future, file = running[0]
        stall = _Stall(file)
        while not wait([future], 0.1).done:
            stall.look()
        future.result()
        return running.popleft()[1]

    try:
        for statement, parameters, file in copies:
            if len(running) == len(connections):
                yield end_first()
            file.touch()
            running.append((pool.submit(run, statement, parameters), file))
        while running:
            yield end_first()
    finally:
        for connection in connections if running else ():
            connection.interrupt()
        hanging = wait([future for future, _ in running], _PATIENCE).not_done
        pool.shutdown(wait=not hanging)
