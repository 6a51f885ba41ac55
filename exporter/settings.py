"""The settings file of a home, `ai_focus.yml`: what would be typed with every build."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from exporter.errors import UserError

FILE = "ai_focus.yml"


@dataclass(frozen=True)
class Settings:
    """The settings by their key, and the line of each."""

    file: Path
    values: dict[str, Any] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)

    def place(self, key: str) -> str:
        """Say where a setting stands."""
        return f"{key} in {self.file}, line {self.lines[key]},"


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_sources(value: object) -> bool:
    names = value if isinstance(value, list) else [value]
    return bool(names) and all(map(_is_text, names))


def _is_threads(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_amount(value: object) -> bool:
    return bool(re.fullmatch(r"\d+(\.\d+)? ?[KMGT]i?B", str(value), re.IGNORECASE))


def _is_release(value: object) -> bool:
    return bool(re.fullmatch(r"v\d+\.\d+\.\d+|latest", str(value)))


# key -> what it may be, and how that is said
_KEYS: dict[str, tuple[Callable[[object], bool], str]] = {
    "vars": (lambda value: isinstance(value, dict), "write a mapping, as {resource_id: none}"),
    "raw_dir": (_is_text, "name a folder"),
    "source": (_is_sources, "name a usage source, or several as [gateway, litellm]"),
    "target": (_is_text, "name a target, as duckdb"),
    "threads": (_is_threads, "give a whole number of 1 or more"),
    "memory_limit": (_is_amount, "give an amount such as 2GB"),
    "receivers": (lambda value: isinstance(value, dict), "write a mapping of names to keys"),
    "storage_version": (_is_release, "name a release of DuckDB such as v1.4.0, or latest"),
    "strict": (lambda value: isinstance(value, bool), "write true or false"),
}
KEYS = tuple(_KEYS)


def read_settings(home: Path) -> Settings:
    """Read the file of a home; a home without one has no settings.

    Raises UserError, with the line, for what is no YAML, for a key that nothing reads or that
    stands there twice, and for a value of the wrong kind.
    """
    settings = Settings(home / FILE)
    try:
        text = settings.file.read_text(encoding="utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        return settings
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise UserError(f"{settings.file} can't be read ({reason}): mend or remove it.") from None
    for key, line, value in _entries(settings.file, text):
        _check(settings, key, line, value)
        settings.lines[key] = line
        # what is left empty is not set
        if value is not None:
            settings.values[key] = value
    return settings


def _entries(file: Path, text: str) -> list[tuple[str, int, Any]]:
    """Give keys, lines and values of a YAML mapping."""
    import yaml

    try:
        node = yaml.compose(text, yaml.SafeLoader)
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}," if mark is not None else ""
        raise UserError(f"{file}{line} is no YAML: write `key: value` lines.") from None
    except ValueError as error:  # a date that no calendar has
        raise UserError(f"{file} can't be read: {error}.") from None
    if node is None or values is None:
        return []
    if not isinstance(node, yaml.MappingNode):
        raise UserError(f"{file} is no mapping: write `key: value` lines, as `threads: 4`.")
    return [
        (str(key.value), key.start_mark.line + 1, values.get(key.value)) for key, _ in node.value
    ]


def _check(settings: Settings, key: str, line: int, value: object) -> None:
    place = f"{settings.file}, line {line}"
    if key not in _KEYS:
        from difflib import get_close_matches

        alike = get_close_matches(key, KEYS, 1)
        choice = f"did you mean {alike[0]}?" if alike else f"there are {', '.join(KEYS)}."
        raise UserError(f"{place}: {key} is no setting: {choice}")
    if key in settings.lines:
        raise UserError(f"{place}: {key} stands in line {settings.lines[key]} already: keep one.")
    fits, remedy = _KEYS[key]
    if value is not None and not fits(value):
        raise UserError(f"{place}: {key} is {value!r}: {remedy}.")
