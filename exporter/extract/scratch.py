"""Temporary files and folders, which go when they are no longer used.

Beside each lies a lock, held for as long as it is in use. What a killed process left, whose lock is
free, is swept up by the next one. A process's number would not tell: in containers all are 1.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from errno import EACCES
from pathlib import Path
from secrets import token_hex

from exporter.errors import UserError
from exporter.home import Home
from exporter.locks import HeldError, lock

_LOCK = ".lock"
# a lock can't be had in a folder such as /proc: that looks as if another one held it
_TRIES = 5


@contextmanager
def scratch_folder(home: Home) -> Iterator[Path]:
    """Make a folder for what exceeds memory: on the home's disk, else the system's own.

    It doesn't lie in builds/, where a build that ends meanwhile tidies up.
    """
    with ExitStack() as opened:
        try:
            scratch = opened.enter_context(_claim(home.path, ".export."))
            scratch.mkdir(0o700)
        except OSError:
            scratch = opened.enter_context(_claim(Path(tempfile.gettempdir()), "focus-export-"))
            scratch.mkdir(0o700)
        yield scratch


@contextmanager
def temporary_file(path: Path) -> Iterator[Path]:
    """Make an empty file beside `path`, and leave nothing of it; UserError where none can be."""
    with ExitStack() as opened:
        try:
            temporary = opened.enter_context(_claim(path.parent, f".{path.name}.", ".part"))
            temporary.touch()
        except OSError as error:
            raise UserError(
                f"{path.parent} can't be written to ({error.strerror}): name another folder."
            ) from None
        yield temporary


@contextmanager
def temporary_folder(path: Path) -> Iterator[Path]:
    """Make a folder beside `path`, and leave nothing of it; UserError where none can be."""
    with ExitStack() as opened:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = opened.enter_context(_claim(path.parent, f".{path.name}.", ".part"))
            temporary.mkdir()
        except OSError as error:
            raise UserError(
                f"{path.parent} can't be written to ({error.strerror}): name another folder."
            ) from None
        yield temporary


@contextmanager
def _claim(folder: Path, prefix: str, suffix: str = "") -> Iterator[Path]:
    """Give a name that nobody else has, and sweep up what was left under such names."""
    ours = re.compile(re.escape(prefix) + "[0-9a-f]{16}" + re.escape(suffix + _LOCK))
    for guard in folder.iterdir():
        if ours.fullmatch(guard.name):
            with suppress(HeldError, OSError), _hold(guard.with_name(guard.name[: -len(_LOCK)])):
                pass
    with ExitStack() as opened:
        for _ in range(_TRIES):
            path = folder / f"{prefix}{token_hex(8)}{suffix}"
            # another one may sweep it up in the moment between its making and its locking
            with suppress(HeldError):
                opened.enter_context(_hold(path))
                break
        else:
            raise PermissionError(EACCES, "no file can be locked there")
        yield path


@contextmanager
def _hold(path: Path) -> Iterator[None]:
    """Hold a file or folder by the lock beside it; at the end both go."""
    guard = path.with_name(path.name + _LOCK)
    with lock(guard):
        try:
            yield
        finally:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            # where it can't go, a later one is to find it by its lock
            with suppress(OSError):
                path.unlink(missing_ok=True)
                guard.unlink()
