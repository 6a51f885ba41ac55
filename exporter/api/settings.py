"""Numbers that the environment sets."""

from __future__ import annotations

import os

from exporter.errors import UserError


def read_number(variable: str, default: int, most: int = 10**7) -> int:
    """Read a whole number of an environment variable; raises UserError for anything else."""
    text = os.environ.get(variable)
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= most:
        raise UserError(f"{variable} is {text!r}: give a whole number from 1 on.")
    return int(text)
