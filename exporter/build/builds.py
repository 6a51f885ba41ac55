"""Publishes a build: its folder stands whole under `builds/` before the link is pointed at it."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

from exporter.errors import UserError
from exporter.home import DATABASE, DESCRIPTION, LEASE, Home

LOCK = ".lock"
KEPT_BUILDS = 2
# builds that page tokens keep; of more the oldest goes
_LEASED_BUILDS = 4


class BusyError(UserError):
    """Another process builds in the same home."""


def make_build_id(moment: datetime) -> str:
    """Name a build by its start; names sort by time."""
    # the lock lets no two builds begin at one moment
    return f"{moment:%Y%m%dT%H%M%S%f}Z"


def moment_text(moment: datetime) -> str:
    """Write a moment of UTC to the second."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


@contextmanager
def lock(home: Home) -> Iterator[None]:
    """Let nobody else build in the home; raises BusyError where somebody does."""
    path = home.builds / LOCK
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip()
            raise BusyError(
                f"Another build is running in {home.path}"
                f"{f' (process {holder})' if holder else ''}: wait until it ends."
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def write_durably(path: Path, content: str) -> None:
    """Write a file and wait until the disk has it."""
    with path.open("w", encoding="utf-8") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def publish(home: Home, folder: Path) -> None:
    """Point the link at the build in one step; a crash shows the old build or the new one."""
    for path in (folder / DATABASE, folder):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    if home.database.is_file() and not home.database.is_symlink():
        # dbt alone made this file; it stays as the build before
        _keep_plain_file(home)
    # what a killed dbt left beside the link belongs to the old file and would spoil the new one
    home.database.with_name(DATABASE + ".wal").unlink(missing_ok=True)
    link = home.path / f".{DATABASE}.{folder.name}"
    link.symlink_to(Path(home.builds.name, folder.name, DATABASE))
    link.replace(home.database)


def _keep_plain_file(home: Home) -> None:
    moment = datetime.fromtimestamp(home.database.stat().st_mtime, timezone.utc)
    folder = home.builds / make_build_id(moment)
    folder.mkdir()
    os.link(home.database, folder / DATABASE)
    description = {"build_id": folder.name, "finished_at": moment_text(moment)}
    write_durably(folder / DESCRIPTION, json.dumps(description, indent=2) + "\n")


def is_published(home: Home, folder: Path) -> bool:
    """Tell whether the link points at the build of a folder."""
    try:
        return home.database.resolve(strict=True).parent == folder.resolve()
    except (OSError, RuntimeError):
        return False


def _is_leased(folder: Path) -> bool:
    try:
        return (folder / LEASE).stat().st_mtime > time.time()
    except OSError:
        return False


def remove_leftovers(home: Home) -> None:
    """Delete what killed builds left and all but the last and the leased builds; under the lock."""
    for link in home.path.glob(f".{DATABASE}.*"):
        link.unlink(missing_ok=True)
    published, complete = None, []
    for folder in sorted(home.builds.iterdir()):
        if not folder.is_dir() or folder == home.building:
            continue
        if is_published(home, folder):
            published = folder
        elif (folder / DESCRIPTION).is_file():
            complete.append(folder)
    if published is not None:
        # a build younger than the published one was finished but never published
        complete = [folder for folder in complete if folder.name < published.name]
    # a server's page tokens name these builds for a while yet
    leased = [folder for folder in complete if _is_leased(folder)][-_LEASED_BUILDS:]
    kept = {published, *complete[1 - KEPT_BUILDS :], *leased}
    for folder in home.builds.iterdir():
        if folder.is_dir() and folder not in kept:
            shutil.rmtree(folder, ignore_errors=True)
