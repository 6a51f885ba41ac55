"""The receivers of files (`--for`): what each takes, by receivers.yml and a home's ai_focus.yml."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from exporter.datasets import DATASETS, RECEIVER_DATASETS, Dataset
from exporter.errors import UserError
from exporter.options import COMPRESSIONS, GRAINS
from exporter.settings import Settings

TABLE = Path(__file__).with_name("receivers.yml")
SETTING = "receivers"
# what a month's folder can have in it beside the files of rows
MANIFESTS = ("cloudability", "cloudzero", "snowflake", "bigquery", "redshift")
_PLACES = {"vendor", "prefix", "currency", "period", "month", "drop", "epoch", "part"}
_MONTHS = ("{period}", "{month}")
_ALL_DATASETS = {**DATASETS, **RECEIVER_DATASETS}
# those with a billing period
_DATASETS = ("cost-and-usage", "cloudzero-cbf")


@dataclass(frozen=True)
class Receiver:
    """A row of the table: what a receiver takes, and how its folder is laid out.

    `layout` is a file's path under the receiver's folder, with the places that receivers.yml tells.
    `columns` None are all, without `custom_columns` those of FOCUS alone; `words` are the
    receiver's own for some values of a column. Bytes are of the text before it is packed.
    """

    name: str
    title: str = ""
    takes: str = ""
    rules: str = ""
    rules_date: str = ""
    dataset: str = "cost-and-usage"
    focus_version: str | None = None
    grain: str = "day"
    columns: tuple[str, ...] | None = None
    custom_columns: bool = True
    required: tuple[str, ...] = ()
    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    format: str = "csv"
    compress: str | None = None
    layout: str = ""
    manifest: str | None = None
    max_rows: int | None = None
    max_bytes: int | None = None
    vendor: str = "ai-focus"
    prefix: str = "ai-focus"
    # the bucket that the folder is copied to
    root: str = "your-bucket"
    # of a warehouse: the table, and where the folder is copied to
    table: str = "focus_cost_and_usage"
    location: str = ""

    @property
    def entry(self) -> Dataset:
        """The dataset."""
        return _ALL_DATASETS[self.dataset]

    @property
    def version(self) -> str:
        """The FOCUS version: the newest where none is said."""
        return self.focus_version or self.entry.versions[0]

    @property
    def month_layout(self) -> str:
        """The part of the layout that is a month's folder."""
        ends = [self.layout.index(place) + len(place) for place in _MONTHS if place in self.layout]
        return self.layout[: self.layout.index("/", min(ends))]


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_name(value: object) -> bool:
    return isinstance(value, str) and bool(re.fullmatch(r"[\w.=+-]+", value, re.ASCII))


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_text, value))


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_words(value: object) -> bool:
    return isinstance(value, dict) and all(
        isinstance(words, dict) and all(map(_is_text, (*words, *words.values())))
        for words in value.values()
    )


def _is_layout(value: object) -> bool:
    if not _is_text(value):
        return False
    try:
        places = {name for _, name, _, _ in string.Formatter().parse(str(value)) if name}
    except ValueError:
        return False
    steps = str(value).split("/")
    return (
        places <= _PLACES
        # the month ends the name of a folder, so that it can be replaced whole
        and any(step.endswith(_MONTHS) for step in steps[:-1])
        and all(re.fullmatch(r"[\w.=+{}-]+", step) and step.strip(".") for step in steps)
    )


def _one_of(names: Iterable[str]) -> tuple[Callable[[object], bool], str]:
    known = tuple(names)
    return (lambda value: value in known), f"choose {', '.join(known)}"


# key -> what it may be, and how that is said
_KEYS: dict[str, tuple[Callable[[object], bool], str]] = {
    "like": (_is_text, "name a receiver"),
    "title": (_is_text, "write a text"),
    "takes": (_is_text, "write a text"),
    "rules": (_is_text, "write an address"),
    "rules_date": (_is_text, "write a text"),
    "dataset": _one_of(_DATASETS),
    "focus_version": (
        lambda value: value in DATASETS["cost-and-usage"].versions,
        'write one in quotes, as "1.2"',
    ),
    "grain": _one_of(GRAINS),
    "columns": (_is_texts, "list columns, as [BilledCost, ServiceName]"),
    "custom_columns": (lambda value: isinstance(value, bool), "write true or false"),
    "required": (_is_texts, "list columns, as [BilledCost, ServiceName]"),
    "words": (_is_words, "write a mapping, as {ChargeCategory: {Purchase: Fee}}"),
    "format": _one_of(("csv", "parquet")),
    "compress": _one_of(COMPRESSIONS),
    "layout": (
        _is_layout,
        "write a path with a folder that ends with {period} or {month}, as "
        "'{month}/{prefix}-{part}.csv'",
    ),
    "manifest": _one_of(MANIFESTS),
    "max_rows": (_is_count, "give a whole number of 1 or more"),
    "max_bytes": (_is_count, "give a whole number of 1 or more"),
    "vendor": (_is_name, "write a name of letters, digits and _ . = + -"),
    "prefix": (_is_name, "write a name of letters, digits and _ . = + -"),
    "root": (_is_text, "name a bucket"),
    "table": (
        lambda value: bool(re.fullmatch(r"[\w$-]+(\.[\w$-]+){0,2}", str(value), re.ASCII)),
        "name a table, as finops.focus_cost_and_usage",
    ),
    "location": (
        lambda value: bool(re.fullmatch(r"[^\s'\\]+", str(value))),
        "write an address without spaces or quotes, as s3://bucket/folder",
    ),
}
_DEFAULTS = {it.name: getattr(Receiver(""), it.name) for it in fields(Receiver)}


def read_receivers(settings: Settings | None = None) -> dict[str, Receiver]:
    """Give the receivers by name: the table's, changed and added to by a home's settings.

    Raises UserError, with file and line, for a key that nothing reads or a value that doesn't fit.
    """
    known: dict[str, Receiver] = {}
    _add(known, TABLE, yaml.compose(TABLE.read_text(encoding="utf-8"), yaml.SafeLoader))
    if settings is not None and SETTING in settings.values:
        root: Any = yaml.compose(settings.file.read_text(encoding="utf-8-sig"), yaml.SafeLoader)
        _add(known, settings.file, {key.value: value for key, value in root.value}[SETTING])
    return known


def find_receiver(receivers: Mapping[str, Receiver], name: str) -> Receiver:
    """Look a receiver up; UserError where there is none."""
    if name not in receivers:
        alike = get_close_matches(name, receivers, 1)
        choice = f"did you mean {alike[0]}?" if alike else "`--for list` explains all."
        raise UserError(f"There is no receiver {name!r} among {', '.join(receivers)}: {choice}")
    return receivers[name]


def _add(known: dict[str, Receiver], file: Path, node: Any) -> None:
    seen: dict[str, int] = {}
    for key, value in node.value:
        name, line = str(key.value), key.start_mark.line + 1
        if name in seen:
            raise UserError(
                f"{file}, line {line}: {name} stands in line {seen[name]} already: keep one."
            )
        seen[name] = line
        if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", name) or name == "list":
            raise UserError(
                f"{file}, line {line}: {name!r} is no name of a receiver: write small letters, "
                "digits and hyphens, and not `list`."
            )
        if not isinstance(value, yaml.MappingNode):
            raise UserError(
                f"{file}, line {line}: the receiver {name} has no keys: write `like: vantage`, "
                "or its own."
            )
        known[name] = _read(known, file, name, line, value)


def _read(
    known: Mapping[str, Receiver], file: Path, name: str, line: int, node: yaml.MappingNode
) -> Receiver:
    values: dict[str, Any] = {}
    lines: dict[str, int] = {}
    for key_node, value_node in node.value:
        key = str(key_node.value)
        place = f"{file}, line {key_node.start_mark.line + 1}"
        if key not in _KEYS:
            alike = get_close_matches(key, _KEYS, 1)
            choice = f"did you mean {alike[0]}?" if alike else f"there are {', '.join(_KEYS)}."
            raise UserError(f"{place}: {key} is no key of a receiver: {choice}")
        if key in lines:
            raise UserError(f"{place}: {key} stands in line {lines[key]} already: keep one.")
        lines[key] = key_node.start_mark.line + 1
        value = yaml.SafeLoader("").construct_object(value_node, deep=True)
        fits, remedy = _KEYS[key]
        if value is None:
            # what is left empty is what it is without a word
            values[key] = _DEFAULTS.get(key)
            continue
        if not fits(value):
            raise UserError(f"{place}: {key} is {value!r}: {remedy}.")
        values[key] = tuple(value) if isinstance(value, list) else value
    like = values.pop("like", None)
    if like is not None:
        base = replace(_find_base(known, file, lines["like"], like), name=name)
    else:
        # a receiver of the table is changed, not made anew
        base = known.get(name, Receiver(name))
    if values.get("dataset", base.dataset) != base.dataset:
        base = replace(base, columns=None, required=(), words={})
    receiver = replace(base, **values)
    _check(receiver, f"{file}, line {line}: the receiver {name}")
    return receiver


def _find_base(known: Mapping[str, Receiver], file: Path, line: int, like: str) -> Receiver:
    if like not in known:
        raise UserError(
            f"{file}, line {line}: like is {like!r}, which is no receiver before it: "
            f"there are {', '.join(known)}."
        )
    return known[like]


def _check(receiver: Receiver, place: str) -> None:
    """Raise a UserError for keys that don't go together."""
    if not receiver.layout:
        raise UserError(f"{place} has no layout: write one, or start with `like: vantage`.")
    grains = receiver.entry.relations
    if receiver.grain not in grains:
        raise UserError(f"{place} has the grain {receiver.grain}: choose {', '.join(grains)}.")
    if receiver.format == "parquet" and receiver.compress is not None:
        raise UserError(f"{place} compresses Parquet, packed inside already: leave compress.")
    if receiver.format == "parquet" and receiver.max_bytes is not None:
        raise UserError(f"{place} counts bytes of Parquet: give max_rows, not max_bytes.")
    limited = receiver.max_rows is not None or receiver.max_bytes is not None
    if limited and "{part}" not in receiver.layout:
        raise UserError(f"{place} splits its files: put {{part}} into the layout.")
    if receiver.entry.focus_id is None and "{currency}" not in receiver.layout:
        raise UserError(
            f"{place} has a format without a currency: put {{currency}} into the layout."
        )
    if receiver.manifest in ("snowflake", "bigquery", "redshift") and (
        receiver.format != "parquet" or not receiver.location or limited
    ):
        raise UserError(
            f"{place} loads a warehouse: it needs format: parquet and a location, and one file "
            "a month."
        )
    missing = set(receiver.required) - set(receiver.columns or receiver.required)
    if missing:
        raise UserError(f"{place} needs {', '.join(sorted(missing))}: add it to columns.")
