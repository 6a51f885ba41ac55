"""Locks that the system frees as soon as their holder has ended, however it ended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout


class HeldError(Exception):
    """Another one holds the lock."""


@contextmanager
def lock(path: Path, wait: float = 0) -> Iterator[None]:
    """Hold the lock of a file, which is made where it is missing.

    Raises HeldError where another one holds it and does not let go within `wait` seconds, OSError
    where the file can't be made or the file system knows no locks.
    """
    if not path.exists():
        # filelock would take a folder that takes no file for a lock that is held
        path.touch()
    # any thread may free it; a file whose mere existence is the lock would outlive its holder
    held = FileLock(path, timeout=wait, thread_local=False, fallback_to_soft=False)
    try:
        held.acquire()
    except Timeout:
        raise HeldError(f"{path} is locked") from None
    try:
        yield
    finally:
        held.release()
