"""The builds that are open: the published one, and older ones while page tokens name them.

Whoever reads holds a build open; a build that is no longer the published one is closed when nobody
reads it and no page token of it is good any more.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from exporter.api.filters import read_provider_names
from exporter.api.problems import RequestError, invalid, no_space
from exporter.duck import (
    describe_lack,
    find_unbuilt_version,
    is_disk_full,
    lock_down,
    open_cursor,
    open_database,
)
from exporter.errors import UserError
from exporter.extract.manifest import read_build
from exporter.extract.scratch import scratch_folder
from exporter.home import DATABASE, LEASE, Home

# a server reads in small parts, so it needs far less than an extract
_MEMORY_LIMIT = "256MB"
_MOST_OLD_BUILDS = 4
# a lease is written again when it moves by more than this many seconds
_LEASE_STEP = 60
# seconds
_SHORT_WAIT = 2
_log = logging.getLogger("focus_export.api")


@dataclass
class Build:
    """An open build; `key` names it also where plain dbt wrote the file.

    `providers` finds the name that rows have for a provider by its key or name in lower case.
    """

    key: str
    build_id: str | None
    finished_at: str | None
    database: Path
    connection: duckdb.DuckDBPyConnection
    stack: ExitStack = field(repr=False)
    providers: dict[str, str]
    readers: int = 0
    leased_until: float = 0
    lease_written: float = 0

    @contextmanager
    def cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Give a connection of one's own to the build.

        Raises a RequestError where all readers together need more memory than the server may have,
        and where the build is of another version and lacks what is read.
        """
        cursor = None
        try:
            cursor = open_cursor(self.connection)
            yield cursor
        except duckdb.OutOfMemoryException as error:
            if is_disk_full(error):
                # there was nowhere to put what the memory does not hold
                raise no_space() from None
            _log.warning("out of memory: AI_FOCUS_MEMORY_LIMIT raises the limit", exc_info=True)
            raise RequestError(
                "busy",
                "Too much is being read at once: ask again, or for fewer rows (pageSize).",
                retry_after=_SHORT_WAIT,
            ) from None
        except (duckdb.CatalogException, duckdb.BinderException) as error:
            if unbuilt := find_unbuilt_version(error):
                raise invalid("focusVersion", str(unbuilt)) from None
            raise RequestError("unavailable", describe_lack(error)) from None
        finally:
            if cursor is not None:
                cursor.close()


class Builds:
    """Opens builds and closes them; safe to use from many threads.

    `scratch` is a folder for temporary files, which goes with close().
    """

    def __init__(self, home: Home, *, is_locked: bool = True) -> None:
        """Read the builds of a home; nothing is opened yet.

        What is opened can reach nothing but `scratch`, unless whoever opens locks it down.
        """
        self._home = home
        self._is_locked = is_locked
        self._lock = threading.RLock()
        self._open: dict[str, Build] = {}
        self._stack = ExitStack()
        self.scratch = self._stack.enter_context(scratch_folder(home))

    @contextmanager
    def current(self) -> Iterator[Build]:
        """Hold the published build open. Raises a RequestError where there is none."""
        with self._held(self._find_current) as build:
            yield build

    @contextmanager
    def get(self, key: str) -> Iterator[Build]:
        """Hold a build open that a page token names. Raises a RequestError when it is gone."""
        with self._held(lambda: self._find(key)) as build:
            yield build

    def lease(self, build: Build, until: float) -> None:
        """Keep a build for page tokens: open here, and on disk while later builds tidy up."""
        with self._lock:
            build.leased_until = max(build.leased_until, until)
            if until - build.lease_written < _LEASE_STEP or build.build_id is None:
                return
            build.lease_written = until
        lease = build.database.parent / LEASE
        with suppress(OSError):
            lease.touch()
            os.utime(lease, (until, until))

    def close(self) -> None:
        """Close all builds; only when nobody reads any more."""
        with self._lock:
            for build in self._open.values():
                build.stack.close()
            self._open.clear()
            self._stack.close()

    @contextmanager
    def _held(self, find: Callable[[], Build]) -> Iterator[Build]:
        with self._lock:
            build = find()
            build.readers += 1
            # not before it is read: an old build that was just opened must not be closed again
            self._tidy()
        try:
            yield build
        finally:
            with self._lock:
                build.readers -= 1
                self._tidy()

    def _find_current(self) -> Build:
        # a build may be published, and an old one deleted, between two steps
        for _ in range(3):
            try:
                database = self._home.published()
            except UserError as error:
                raise RequestError("unavailable", str(error)) from None
            try:
                key = _key(database)
                return self._open.get(key) or self._open_build(key, database)
            except (UserError, OSError) as error:
                failure = error
        newest = max(self._open.values(), key=lambda build: build.key, default=None)
        if newest is None:
            raise RequestError("unavailable", f"The published build can't be read: {failure}")
        return newest

    def _find(self, key: str) -> Build:
        if key in self._open and self._open[key].database.exists():
            return self._open[key]
        for database in (self._home.builds / key / DATABASE, self._home.database):
            with suppress(UserError, OSError):
                if _key(database.resolve(strict=True)) == key:
                    return self._open_build(key, database.resolve())
        raise RequestError(
            "gone",
            "The build that the page token belongs to is no longer there: "
            "start again at the first page, without pageToken.",
        )

    def _open_build(self, key: str, database: Path) -> Build:
        described = read_build(database)
        stack = ExitStack()
        limit = os.environ.get("AI_FOCUS_MEMORY_LIMIT") or _MEMORY_LIMIT
        connection = stack.enter_context(
            open_database(database, self.scratch, memory_limit=limit, keeps_order=False)
        )
        if self._is_locked:
            lock_down(connection, self.scratch)
        build = Build(
            key=key,
            build_id=described["build_id"],
            finished_at=described["finished_at"],
            database=database,
            connection=connection,
            stack=stack,
            providers=_read_providers(connection),
        )
        self._open[key] = build
        return build

    def _tidy(self) -> None:
        """Close old builds without readers that are deleted, or whose page tokens are over."""
        if len(self._open) < 2:
            return
        with suppress(UserError, OSError):
            published = _key(self._home.published())
            now = time.time()
            idle = sorted(
                (
                    build
                    for build in self._open.values()
                    if build.key != published and not build.readers
                ),
                key=lambda build: build.leased_until,
            )
            surplus = len(idle) - _MOST_OLD_BUILDS
            for index, build in enumerate(idle):
                is_gone = not build.database.exists()
                if index < surplus or build.leased_until < now or is_gone:
                    del self._open[build.key]
                    build.stack.close()


def _read_providers(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    try:
        with open_cursor(connection) as cursor:
            rows = cursor.execute(
                "select provider, service_provider_name from stg_pricing__providers"
            ).fetchall()
    except duckdb.CatalogException:
        # the file of a project that leaves the table elsewhere: a name is written as it is then
        return {}
    return read_provider_names(rows)


def _key(database: Path) -> str:
    build_id = read_build(database)["build_id"]
    if build_id is not None:
        return build_id
    status = database.stat()
    return f"{status.st_ino}-{status.st_mtime_ns}"
