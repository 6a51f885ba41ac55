"""Publishes a build: its folder stands whole under `builds/` before the link is pointed at it."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path

from exporter import locks
from exporter.errors import BusyError
from exporter.home import DATABASE, DESCRIPTION, LEASE, Home, sync, write_durably

LOCK = ".lock"
# the process that holds it: on Windows nobody else can read a file that is locked
_HOLDER = ".holder"
KEPT_BUILDS = 2
# builds that page tokens keep; of more the oldest goes
_LEASED_BUILDS = 4


def make_build_id(moment: datetime) -> str:
    """Name a build by its start; names sort by time."""
    # the lock lets no two builds begin at one moment
    return f"{moment:%Y%m%dT%H%M%S%f}Z"


def moment_text(moment: datetime) -> str:
    """Write a moment of UTC to the second."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


@contextmanager
def lock(home: Home, wait: float = 0) -> Iterator[None]:
    """Let nobody else build in the home; BusyError where somebody does for `wait` seconds more."""
    holder = home.builds / _HOLDER
    with ExitStack() as held:
        try:
            held.enter_context(locks.lock(home.builds / LOCK, wait))
        except locks.HeldError:
            process = ""
            with suppress(OSError):
                process = f" (process {holder.read_text(encoding='utf-8')})"
            raise BusyError(
                f"Another build is running in {home.path}{process}: "
                "wait until it ends, or as long as --wait SECONDS says."
            ) from None
        holder.write_text(str(os.getpid()), encoding="utf-8")
        held.callback(holder.unlink, missing_ok=True)
        yield


def publish(home: Home, folder: Path) -> None:
    """Point at the build in one step; a crash shows the old build or the new one.

    What points is a link or, where the system lets nobody make one, a text file.
    """
    sync(folder / DATABASE)
    sync(folder)
    if home.link.is_file() and not home.link.is_symlink():
        # dbt alone made this file; it stays as the build before
        _keep_plain_file(home)
    # what a killed dbt left beside the link belongs to the old file and would spoil the new one
    home.link.with_name(DATABASE + ".wal").unlink(missing_ok=True)
    link = home.path / f".{DATABASE}.{folder.name}"
    try:
        link.symlink_to(Path(home.builds.name, folder.name, DATABASE))
    except (OSError, NotImplementedError):
        write_durably(home.pointer, f"{folder.name}\n")
        # a link goes before the text
        home.link.unlink(missing_ok=True)
    else:
        link.replace(home.link)
        home.pointer.unlink(missing_ok=True)


def _keep_plain_file(home: Home) -> None:
    moment = datetime.fromtimestamp(home.link.stat().st_mtime, timezone.utc)
    folder = home.builds / make_build_id(moment)
    folder.mkdir()
    try:
        os.link(home.link, folder / DATABASE)
    except OSError:
        shutil.copy2(home.link, folder / DATABASE)
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
