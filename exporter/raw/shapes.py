"""Tells what one file is by its content: magic bytes, its header or its keys.

Text is passed over once (raw/text.py). Rows are not parsed here, with two exceptions: the first
JSON lines, for their keys, and a JSON array, which DuckDB reads as the build will.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cache
from glob import escape
from pathlib import Path

import duckdb

from exporter.errors import UserError
from exporter.project import RawTable
from exporter.raw.text import (
    BLOCK,
    LONGEST_LINE,
    Passed,
    check_text,
    copy_as_utf8,
    describe_long_line,
    lines,
    open_text,
    start_of,
    utf16_of,
)

DELIMITERS = (",", ";", "\t", "|")
JSON_LINES_ENDINGS = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")
# enough to meet every key that a log's records usually carry
SAMPLE_RECORDS = 1000
# of a file's columns, in a sentence: where a header is missing they are a record, which may hold a
# prompt, so what looks like no name is not shown
SHOWN_COLUMNS = 12
_NAME = re.compile(r"[^\W\d][\w .:-]{0,39}")


@dataclass(frozen=True)
class Shape:
    """What one file is: its format and its columns (of JSON: the keys seen in a sample)."""

    format: str
    columns: tuple[str, ...]
    delimiter: str | None = None
    types: tuple[str, ...] = ()
    # of CSV: the words of raw/text.py that stand for no value beside those that always do
    nulls: tuple[str, ...] = ()
    # of CSV: columns with a decimal comma; and all of numbers, where one has it
    commas: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    # of JSON lines: the key that holds a list of records, as an API's page does
    page_key: str | None = field(default=None, compare=False)
    # files are grouped by the rest
    has_records: bool = field(default=True, compare=False)
    # of text
    passed: Passed = field(default=Passed(), compare=False)


def read_shape(
    file: Path, label: str, tables: list[RawTable], scratch: Callable[[], Path]
) -> Shape:
    """Tell one file's format and columns; raises UserError for what no reader could use.

    `scratch` gives a folder for the copy of a file in UTF-16.
    """
    with file.open("rb") as stream:
        magic = stream.read(4)
    if not magic:
        raise UserError(f"{label} is empty: take it out of the raw folder or export it again.")
    if magic == b"PAR1":
        return _read_parquet_shape(file, label)
    is_gzip = magic[:2] == b"\x1f\x8b"
    if is_gzip != (file.suffix.lower() == ".gz"):
        remedy = "give it the ending .gz" if is_gzip else "take the ending .gz from its name"
        state = "is packed with gzip" if is_gzip else "is not packed with gzip"
        raise UserError(f"{label} {state}, against its name: {remedy}.")
    utf8 = None
    encoding = utf16_of(start_of(file, is_gzip, label))
    if encoding is not None:
        descriptor, name = tempfile.mkstemp(suffix=".txt", dir=scratch())
        os.close(descriptor)
        utf8 = Path(name)
        copy_as_utf8(file, is_gzip, label, encoding, utf8)
        file, is_gzip = utf8, False
    passed = replace(check_text(file, is_gzip, label), utf8=utf8)
    with open_text(file, is_gzip) as stream:
        text = codecs.decode(stream.read(BLOCK), "utf-8-sig", "ignore")
    stripped = text.lstrip()
    if not stripped:
        raise UserError(f"{label} is empty: take it out of the raw folder or export it again.")
    if stripped[0] == "[":
        shape = _read_json_shape(file, is_gzip, label)
    elif stripped[0] == "{" or file.name.lower().endswith(JSON_LINES_ENDINGS):
        shape = _read_json_lines_shape(file, is_gzip, label, passed.long_lines)
    elif passed.long_lines[:1] == (1,):
        raise describe_long_line(label, 1)
    else:
        shape = _read_csv_shape(text, label, tables)
    return replace(shape, passed=passed)


def match_table(shape: Shape, label: str, tables: list[RawTable]) -> RawTable:
    """Give the table whose columns a file has; raises UserError where it has none's."""
    columns = set(shape.columns)

    def fitness(table: RawTable) -> tuple[bool, int]:
        return columns >= set(table.required), len(columns & set(table.columns))

    best = max(tables, key=fitness)
    missing = [name for name in best.required if name not in columns]
    word = "keys" if shape.format in ("json", "jsonl") else "columns"
    has = f"it has the {word} {list_columns(shape.columns)}"
    if len(missing) * 2 > len(best.required) or not columns & set(best.columns):
        expected = ", ".join(best.required or best.columns[:5])
        remedy = "take the file out of the raw folder"
        if shape.page_key:
            remedy = (
                f"if {shape.page_key} holds its records, write them one per line "
                f"(jq -c '.{shape.page_key}[]'), or {remedy}"
            )
        elif shape.format == "csv":
            remedy += " or give it its header"
        raise UserError(
            f"{label} is no log that is known here: {has}, and a file of {best.name} has the "
            f"columns {expected}; {remedy}."
        )
    if missing:
        plural = "s" if len(missing) > 1 else ""
        raise UserError(
            f"{label} lacks the mandatory column{plural} {', '.join(missing)} of {best.name} "
            f"({has}): export the file again with all mandatory columns."
        )
    return best


def list_columns(names: Iterable[str]) -> str:
    """Name columns in a sentence, of many the first; what is no name is only counted."""
    every = list(names)
    shown = [name for name in every if _NAME.fullmatch(name)][:SHOWN_COLUMNS]
    hidden = len(every) - len(shown)
    return " and ".join(
        [*([", ".join(shown)] if shown else []), *([f"{hidden} more"] * (hidden > 0))]
    )


@cache
def connection() -> duckdb.DuckDBPyConnection:
    """Give the one connection with which raw files are looked at: each new one takes 10 ms."""
    connected = duckdb.connect()
    connected.execute("set TimeZone = 'UTC'")
    return connected


def json_elements(file: Path, is_gzip: bool) -> tuple[str, list[str]]:
    """Read a JSON array's elements as macros/raw_duckdb.sql does: a table function, its values."""
    return (
        "read_json_objects(?, format = 'array', maximum_object_size = 67108864, "
        "hive_partitioning = false, compression = ?)",
        [escape(str(file)), "gzip" if is_gzip else "none"],
    )


def _read_parquet_shape(file: Path, label: str) -> Shape:
    try:
        relation = connection().read_parquet(
            escape(str(file)), hive_partitioning=False, binary_as_string=True
        )
        has_records = bool(relation.count("*").fetchall()[0][0])
    except duckdb.Error:
        raise UserError(
            f"{label} is a broken Parquet file: copy or export it again, complete."
        ) from None
    _refuse_duplicates(relation.columns, label)
    types = tuple(str(kind) for kind in relation.types)
    return Shape("parquet", tuple(relation.columns), types=types, has_records=has_records)


def _read_json_shape(file: Path, is_gzip: bool, label: str) -> Shape:
    elements, values = json_elements(file, is_gzip)
    query = f"""
        select
            (select count(*) from {elements}),
            list_distinct(flatten(list(json_keys(json)) filter (json_type(json) = 'OBJECT')))
        from (select json from {elements} limit {SAMPLE_RECORDS})
    """  # noqa: S608
    try:
        records, keys = connection().execute(query, values * 2).fetchall()[0]
    except duckdb.Error as error:
        if "maximum_object_size" in str(error):
            raise UserError(
                f"{label} is a JSON array with an element of more than {LONGEST_LINE >> 20} MB: "
                "take that element out of it."
            ) from None
        place = ""
        try:
            with open_text(file, is_gzip) as stream:
                json.loads(stream.read().decode("utf-8-sig"))
        except json.JSONDecodeError as error:
            place = f" (line {error.lineno}, column {error.colno}: {error.msg})"
        except (ValueError, RecursionError):
            pass
        raise UserError(
            f"{label} is a JSON array that can't be read{place}: mend it or export it again."
        ) from None
    if records and not keys:
        raise UserError(
            f"{label} is no log that is known here: its array holds no JSON objects; "
            "take it out of the raw folder."
        )
    return Shape("json", tuple(sorted(keys or ())), has_records=records > 0)


def _read_json_lines_shape(
    file: Path, is_gzip: bool, label: str, long_lines: tuple[int, ...]
) -> Shape:
    keys: dict[str, None] = {}
    page_key = None
    with open_text(file, is_gzip) as stream:
        for number, line in enumerate(lines(stream)):
            if keys and number >= SAMPLE_RECORDS:
                break
            try:
                record = json.loads(line.decode("utf-8-sig"))
            except (ValueError, RecursionError):
                continue
            if isinstance(record, dict):
                keys.update(dict.fromkeys(record))
                page_key = page_key or _page_key(record)
    if not keys and long_lines:
        raise describe_long_line(label, long_lines[0])
    if not keys:
        raise UserError(
            f"{label} is no log that is known here: no line is a JSON object; give it one "
            "object per line or take it out of the raw folder."
        )
    return Shape("jsonl", tuple(keys), page_key=page_key)


def _page_key(record: dict[str, object]) -> str | None:
    for key, value in record.items():
        if isinstance(value, list) and value and isinstance(value[0], dict) and key.isidentifier():
            return key
    return None


def _read_csv_shape(text: str, label: str, tables: list[RawTable]) -> Shape:
    if text[0] in "\r\n":
        raise UserError(f"{label} begins with an empty line: put its header on the first line.")
    line, _, rest = text.partition("\n")
    line = line.rstrip("\r")
    if "\r" in line:
        raise UserError(
            f"{label} ends its lines with a carriage return alone: save it with line feeds."
        )
    if line.count('"') % 2:
        raise UserError(f"{label} has an open quote in its header: close it on the first line.")
    known = {column for table in tables for column in table.columns}

    def parse(delimiter: str) -> list[str]:
        try:
            return next(csv.reader(io.StringIO(line), delimiter=delimiter), [])
        except csv.Error:
            raise UserError(
                f"{label} is no log that is known here: its first line is too long for a header; "
                "take it out of the raw folder."
            ) from None

    # the delimiter that finds most known columns; of equals, the one that finds most columns
    delimiter = max(DELIMITERS, key=lambda sign: (len(known & set(parse(sign))), len(parse(sign))))
    names = [name.strip() for name in parse(delimiter)]
    _refuse_duplicates([name for name in names if name], label)
    # a column without a name can't be read, but it counts
    columns = [name or f"_unnamed_{place}" for place, name in enumerate(names, start=1)]
    return Shape("csv", tuple(columns), delimiter=delimiter, has_records=bool(rest.strip()))


def _refuse_duplicates(names: Iterable[str], label: str) -> None:
    seen: set[str] = set()
    for name in names:
        # DuckDB doesn't tell names apart that differ only in their case
        if name.lower() in seen:
            raise UserError(
                f"{label} has the column {name} twice in its header: give each column a name "
                "of its own."
            )
        seen.add(name.lower())
