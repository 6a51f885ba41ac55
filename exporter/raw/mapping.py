"""Mappings: logs of other gateways, whose columns are told by expressions over theirs.

A mapping is a YAML document: a column of the raw table and its expression per line, and `rows`
where one record holds several calls. Those of well-known gateways are shipped (mappings/<folder>),
`mapping.yml` in the raw folder is the user's own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from exporter.errors import UserError
from exporter.project import RawTable
from exporter.raw.expressions import (
    Expression,
    ExpressionError,
    Name,
    is_met,
    members,
    parse,
    to_sql,
)
from exporter.raw.shapes import SAMPLE_RECORDS, Shape, connection, json_elements
from exporter.raw.text import lines, open_text

FILE_NAMES = ("mapping.yml", "mapping.yaml")
SHIPPED = Path(__file__).resolve().parent / "mappings"
# of a mapping with `rows`: a row's value, and its key or place
ROW, ROW_NAME = "row", "row_name"
# how deep in a record a mapping's names are looked for
_DEPTH = 4


@dataclass(frozen=True)
class Mapping:
    """How a log's records become rows of a raw table."""

    # in a sentence
    name: str
    columns: tuple[tuple[str, Expression], ...]
    # where a record's rows are, and what each must have
    rows: tuple[Name, Name] | None = None

    def needed(self, table: RawTable) -> list[tuple[str, Expression]]:
        """Give the columns that every row must have."""
        return [(name, told) for name, told in self.columns if name in table.required]

    def sources(self) -> list[str]:
        """Give the log's own columns that are read, each once."""
        names = [name for _, told in self.columns for name in members(told)]
        if self.rows is not None:
            names = [self.rows[0], *(name for name in names if name[0] not in (ROW, ROW_NAME))]
        return list(dict.fromkeys(name[0] for name in names))

    def describe(self, sources: list[str]) -> dict[str, Any]:
        """Give what macros/raw_duckdb.sql reads: the columns, where they lie, SQL for each."""
        # a table's column may be spelt with points
        own = {tuple(source.split(".")): place for place, source in enumerate(sources, start=1)}
        own |= {(source,): place for place, source in enumerate(sources, start=1)}
        pointers: dict[str, list[str]] = {}

        def column(name: Name) -> str:
            if name in own:
                return f"source_{own[name]}"
            if self.rows is not None and name[0] in (ROW, ROW_NAME):
                source = {ROW: "row_value"}.get(name[0], ROW_NAME)
            else:
                source = f"source_{own[name[:1]]}"
            if len(name) == 1:
                return source
            found = pointers.setdefault(source, [])
            pointer = pointer_to(name[1:])
            if pointer not in found:
                found.append(pointer)
            return f"members_of_{source}[{found.index(pointer) + 1}]"

        described: dict[str, Any] = {
            "sources": sources,
            "select": {target: to_sql(told, column) for target, told in self.columns},
        }
        if self.rows is not None:
            base, needed = self.rows
            described["rows"] = {
                "within": column(base),
                "needed": pointer_to(needed),
                "words": ".".join([*base, "*", *needed]),
            }
        return described | {"pointers": pointers}


def pointer_to(keys: Iterable[str]) -> str:
    """Write a JSON pointer: unlike a path it takes any key."""
    return "".join("/" + key.replace("~", "~0").replace("/", "~1") for key in keys)


def read_mappings(file: Path, label: str, table: RawTable) -> list[Mapping]:
    """Read the mappings of a file; raises UserError with the line of what is wrong."""
    try:
        documents = list(yaml.compose_all(file.read_text(encoding="utf-8"), yaml.SafeLoader))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f" (line {mark.line + 1})" if mark else ""
        raise UserError(
            f"{label} is no YAML{place}: mend it, one column and its expression a line."
        ) from None
    found = [_read(document, label, table) for document in documents if document is not None]
    if not found:
        raise UserError(f"{label} maps nothing: write a column and its expression on each line.")
    return found


def _read(document: yaml.Node, label: str, table: RawTable) -> Mapping:
    if not isinstance(document, yaml.MappingNode):
        raise _fault(label, document, "a mapping is lines of 'column: expression'")
    columns: dict[str, Expression] = {}
    rows = None
    for key, value in document.value:
        name = key.value if isinstance(key, yaml.ScalarNode) else ""
        if not isinstance(value, yaml.ScalarNode) or not value.value.strip():
            raise _fault(label, key, f"{name or 'a column'} needs one expression")
        if name == "rows":
            rows = _read_rows(label, value)
            continue
        if name not in table.columns:
            alike = get_close_matches(name, table.columns, 1)
            hint = f"did you mean {alike[0]}?" if alike else "docs/gateways.md lists them"
            raise _fault(label, key, f"{table.name} has no column {name}: {hint}", ends=True)
        if name in columns:
            raise _fault(label, key, f"{name} stands here twice")
        try:
            columns[name] = parse(value.value)
        except ExpressionError as error:
            raise _fault(label, value, f"{name}: {error}") from None
    missing = [name for name in table.required if name not in columns]
    if missing:
        raise _fault(label, document, f"a mapping needs {', '.join(missing)} too")
    mapping = Mapping(label, tuple(columns.items()), rows)
    spelt: dict[str, str] = {}
    for source in mapping.sources():
        # DuckDB doesn't tell names apart that differ only in their case
        if spelt.setdefault(source.lower(), source) != source:
            raise _fault(
                label, document, f"{spelt[source.lower()]} and {source} differ in case alone"
            )
    return mapping


def _read_rows(label: str, value: yaml.ScalarNode) -> tuple[Name, Name]:
    base, star, needed = value.value.partition(".*")
    try:
        within = next(members(parse(base)))
        have: Name = next(members(parse(needed.removeprefix(".")))) if needed else ()
    except (ExpressionError, StopIteration):
        star = ""
    if not star:
        raise _fault(label, value, "rows: takes where they are, as in calls.* or ai.*.usage")
    return within, have


def _fault(label: str, node: yaml.Node, words: str, *, ends: bool = False) -> UserError:
    return UserError(f"{label}, line {node.start_mark.line + 1}: {words}{'' if ends else '.'}")


@cache
def shipped_mappings(table: RawTable) -> tuple[Mapping, ...]:
    """Read the mappings of well-known logs that come with the package."""
    found: list[Mapping] = []
    for file in sorted((SHIPPED / table.folder).glob("*.yml")):
        for mapping in read_mappings(file, f"mappings/{table.folder}/{file.name}", table):
            found.append(Mapping(file.stem, mapping.columns, mapping.rows))
    return tuple(found)


def choose_mapping(file: Path, shape: Shape, table: RawTable, own: list[Mapping]) -> Mapping | None:
    """Find the mapping that a file is made for: the user's go first, then the table's own form."""
    seen = Seen(file, shape)
    for mapping in own:
        if seen.meets(mapping, table):
            return mapping
    if set(shape.columns) >= set(table.required):
        return None
    return next((it for it in shipped_mappings(table) if seen.meets(it, table)), None)


def describe_lack(file: Path, shape: Shape, table: RawTable, own: list[Mapping]) -> str | None:
    """Say what a file lacks of the mapping that it is nearest to; None without mappings."""
    if not own:
        return None
    seen = Seen(file, shape)

    def lacking(mapping: Mapping) -> list[str]:
        names = [name for _, told in mapping.needed(table) for name in members(told)]
        return [".".join(name) for name in names if not seen.has(name, mapping)]

    nearest = min([lacking(mapping) for mapping in own], key=len)
    return ", ".join(dict.fromkeys(nearest))


class Seen:
    """The names that a file's records have: columns, and of JSON the members of a sample."""

    def __init__(self, file: Path, shape: Shape) -> None:
        """Of a file; JSON is read when a name is asked for."""
        self._file = file
        self._shape = shape
        self._members: set[Name] | None = None

    def meets(self, mapping: Mapping, table: RawTable) -> bool:
        """Tell whether the file has what a mapping needs."""
        needed = [told for _, told in mapping.needed(table)]
        if mapping.rows is not None and not self.has(mapping.rows[0], mapping):
            return False
        return all(is_met(told, lambda name: self.has(name, mapping)) for told in needed)

    def has(self, name: Name, mapping: Mapping) -> bool:
        """Tell whether a record has a name."""
        if mapping.rows is not None and name[0] == ROW_NAME:
            return True
        if self._shape.format in ("csv", "parquet"):
            columns = self._shape.columns
            is_row = mapping.rows is not None and name[0] == ROW
            return is_row or name[0] in columns or ".".join(name) in columns
        if self._members is None:
            self._members = set(_json_members(self._file, self._shape))
        if mapping.rows is None or name[0] != ROW:
            return name in self._members
        base = mapping.rows[0]
        of_rows = {
            found[len(base) + 1 :]
            for found in self._members
            if found[: len(base)] == base and len(found) > len(base) + 1
        }
        # a log without one row may have them tomorrow
        return not of_rows or name[1:] in of_rows


def _json_members(file: Path, shape: Shape) -> Iterator[Name]:
    for record in _sample(file, shape):
        yield from _names(record, ())


def _names(value: Any, prefix: Name) -> Iterator[Name]:
    if isinstance(value, dict) and len(prefix) < _DEPTH:
        for key, inner in value.items():
            yield (*prefix, key)
            yield from _names(inner, (*prefix, key))
    elif isinstance(value, list) and prefix and len(prefix) < _DEPTH:
        for inner in value[:SAMPLE_RECORDS]:
            yield from _names(inner, (*prefix, "*"))


def _sample(file: Path, shape: Shape) -> Iterator[Any]:
    is_gzip = file.suffix.lower() == ".gz"
    if shape.format == "json":
        elements, values = json_elements(file, is_gzip)
        query = f"select cast(json as varchar) from {elements} limit {SAMPLE_RECORDS}"  # noqa: S608
        texts: Iterable[str | bytes] = (
            row[0] for row in connection().execute(query, values).fetchall()
        )
        for text in texts:
            yield json.loads(text)
        return
    with open_text(file, is_gzip) as stream:
        for number, line in enumerate(lines(stream)):
            if number >= SAMPLE_RECORDS:
                return
            try:
                yield json.loads(line.decode("utf-8-sig"))
            except (ValueError, RecursionError):
                continue


def source_columns(mapping: Mapping, shape: Shape) -> list[str]:
    """Give the columns of a file that a mapping reads: of a table also those spelt with points."""
    sources = mapping.sources()
    if shape.format not in ("csv", "parquet"):
        return sources
    dotted = {".".join(name) for _, told in mapping.columns for name in members(told)}
    return [name for name in shape.columns if name in dotted or name in sources] + [
        name for name in sources if name not in shape.columns
    ]
