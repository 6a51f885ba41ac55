"""Opens a build's DuckDB file, within the memory limit, and runs what may take long there."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from exporter.errors import UserError

_WRITER = "focus-export writer"
# seconds without a byte on a full disk after which a writer is given up
_STALLED = 10
# seconds that an interrupted writer has to end by itself
_PATIENCE = 5


def check_memory_limit() -> str:
    """Give AI_FOCUS_MEMORY_LIMIT as DuckDB takes it; raises UserError for what is no amount."""
    limit = os.environ.get("AI_FOCUS_MEMORY_LIMIT") or "2GB"
    try:
        duckdb.connect(config={"memory_limit": limit}).close()
    except (duckdb.ParserException, duckdb.InvalidInputException):
        raise UserError(
            f"AI_FOCUS_MEMORY_LIMIT is {limit!r}: give an amount such as 2GB."
        ) from None
    return limit


@contextmanager
def open_database(
    database: Path,
    spill: Path | None = None,
    *,
    read_only: bool = True,
    memory_limit: str | None = None,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a build's DuckDB file; what exceeds memory goes to `spill`, else beside the file.

    `memory_limit` stands before AI_FOCUS_MEMORY_LIMIT. Raises UserError when the file can't be
    opened, or when the memory does not suffice.
    """
    limit = memory_limit or check_memory_limit()
    file = database.resolve()
    try:
        connection = duckdb.connect(
            str(file),
            read_only=read_only,
            config={"memory_limit": limit, "temp_directory": str(spill or f"{file}.tmp")},
        )
    except duckdb.IOException as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"The build {file} can't be read now ({reason}): "
            "wait until the process that writes it has ended, then try again."
        ) from None
    except duckdb.OutOfMemoryException:
        raise _too_little_memory(limit) from None
    try:
        connection.execute("set timezone = 'UTC'")
        yield connection
    except duckdb.OutOfMemoryException:
        raise _too_little_memory(limit) from None
    finally:
        # close() would wait for a writer that hangs; the process ends without it
        if all(thread.name != _WRITER for thread in threading.enumerate()):
            connection.close()


def open_cursor(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """Give a second connection to the same open file, for another thread; it is to be closed."""
    cursor = connection.cursor()
    # a session's settings are its own
    cursor.execute("set timezone = 'UTC'")
    return cursor


def count_progress(connection: duckdb.DuckDBPyConnection) -> Callable[[], float]:
    """Let a connection count how far its statement is; gives what tells the share, 0 to 1."""
    connection.execute("set enable_progress_bar = true")
    connection.execute("set enable_progress_bar_print = false")

    def share() -> float:
        # -1 while it is not known
        return min(max(connection.query_progress() / 100, 0.0), 1.0)

    return share


def _too_little_memory(limit: str) -> UserError:
    return UserError(
        f"Reading the build needs more memory than AI_FOCUS_MEMORY_LIMIT ({limit}) allows: "
        "raise it."
    )


def run_copy(
    connection: duckdb.DuckDBPyConnection, statement: str, parameters: list[object], file: Path
) -> None:
    """Run a COPY to `file` in a thread, while the main thread listens to Ctrl-C and SIGTERM.

    DuckDB's writer may wait forever for a full disk: then it is given up, with a UserError.
    """
    failures: list[Exception] = []

    def work() -> None:
        try:
            connection.execute(statement, parameters)
        except Exception as error:
            failures.append(error)

    worker = threading.Thread(target=work, name=_WRITER, daemon=True)
    worker.start()
    size, moved = -1, time.monotonic()
    try:
        while worker.is_alive():
            worker.join(0.1)
            now = time.monotonic()
            written = file.stat().st_size
            if written != size or shutil.disk_usage(file.parent).free > 0:
                size, moved = written, now
            elif now - moved > _STALLED:
                raise UserError(
                    f"There is no space left in {file.parent}: free some, "
                    "or name another file with --output."
                )
    except BaseException:
        connection.interrupt()
        worker.join(_PATIENCE)
        raise
    if failures:
        raise failures[0]
