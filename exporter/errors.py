"""What the command line says when it can't do what was asked, and the exit codes of that."""

from __future__ import annotations

import errno
import os
from typing import ClassVar


class FocusExportError(Exception):
    """What was asked can't be done; its text is one sentence for whoever asked."""

    code: ClassVar[int]


class DataError(FocusExportError):
    """The data failed a check: nothing was published."""

    code = 1


class UserError(FocusExportError):
    """The user's mistake: one sentence that says what is wrong, where, and what to do."""

    code = 2


class UnbuiltVersionError(UserError):
    """A FOCUS version that the build was made without."""


class IncompleteError(FocusExportError):
    """Done, but something is missing and the user asked for completeness."""

    code = 3


class BusyError(UserError):
    """Another process holds the lock."""

    code = 4


class MachineError(UserError):
    """The machine refused: no space, no memory, no right, a file that went while it was read."""

    code = 5


# what a system refuses that has no space, memory or handles left, or grants no right
_REFUSALS = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EACCES, errno.EPERM),
    *(errno.EMFILE, errno.ENFILE, errno.ENOMEM),
)


def find_refusal(text: str) -> str | None:
    """Find what the system refused in the words of another's error."""
    return next((os.strerror(number) for number in _REFUSALS if os.strerror(number) in text), None)


def is_refusal(error: BaseException) -> bool:
    """Tell whether an error is that the system refused something, by Python's word or DuckDB's."""
    if isinstance(error, OSError):
        return error.errno in _REFUSALS
    # of other libraries' errors the same words may come from another machine
    is_duckdb = type(error).__module__.strip("_").startswith("duckdb")
    return is_duckdb and find_refusal(str(error)) is not None


def exit_code(error: FocusExportError) -> int:
    """Give the exit code of an error; one that says what the machine refused has the machine's."""
    cause: BaseException | None = error
    while cause is not None and type(error) is UserError:
        if is_refusal(cause):
            return MachineError.code
        cause = cause.__cause__ or cause.__context__
    return error.code
