"""Locks that the system frees as soon as their holder has ended, however it ended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout


class HeldError(Exception):
    """Another one holds the lock."""


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold the lock of a file, which is made and stays; raises HeldError where another one does."""
    # any thread may free it
    held = FileLock(path, timeout=0, thread_local=False)
    try:
        held.acquire()
    except Timeout:
        raise HeldError(f"{path} is locked") from None
    try:
        yield
    finally:
        held.release()
