"""Judges any CSV or Parquet file by the FOCUS rules, in DuckDB."""

from __future__ import annotations

import csv
import gzip
import stat
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from glob import escape
from pathlib import Path
from typing import Any

import duckdb

from exporter.errors import UserError
from exporter.focus.rules import (
    Failure,
    failures_of,
    focus_columns,
    prepare_check,
    reference,
    rule_ids,
)
from exporter.raw.forms import ALWAYS_NULL
from exporter.raw.text import MARKERS
from exporter.sql import quote_text

_CSV_DELIMITERS = (",", ";", "\t", "|")
_LONGEST_LINE = 16 * 1024 * 1024


@dataclass(frozen=True)
class Report:
    """What the rules say of a file; `not_judged` are rules whose columns the file lacks."""

    file: str
    dataset: str
    focus_version: str
    rows: int
    rules_judged: int
    not_judged: list[str]
    failures: list[Failure]
    # words without quotes that are read as nulls; FOCUS leaves the field empty
    nulls: list[str]

    @property
    def passed(self) -> bool:
        """True when no rule of level `must` is broken."""
        return all(failure.level != "must" for failure in self.failures)


def check_file(path: Path, dataset: str, focus_version: str) -> Report:
    """Judge a CSV or Parquet file by the rules of a FOCUS dataset version.

    `dataset` is a FOCUS Dataset ID. Raises UserError where the file can't be read as either.
    """
    reference(dataset, focus_version)
    focus = {column["name"]: column["type"] for column in focus_columns(dataset, focus_version)}
    kind, compression = _kind_of(path)
    load = _load_parquet if kind == "parquet" else _load_csv
    with (
        tempfile.TemporaryDirectory(prefix="focus-validate-") as folder,
        duckdb.connect(str(Path(folder) / "file.duckdb")) as connection,
    ):
        connection.execute("set TimeZone = 'UTC'")
        connection.execute("set preserve_insertion_order = true")
        try:
            catalog, nulls = load(connection, path, compression, focus)
            ((rows,),) = connection.execute("select count(*) from _file").fetchall()
        except duckdb.Error as error:
            raise UserError(
                f"{path} can't be read as {kind} ({_reason(error)}): mend it or export it again."
            ) from None
        if not any(name in focus for name, _ in catalog):
            raise UserError(
                f"{path} has no column of {dataset} in FOCUS {focus_version}: "
                "check its header, or name its --dataset."
            )
        is_typed = kind == "parquet"
        sql, judged = prepare_check(connection, "_file", catalog, dataset, focus_version, is_typed)
        try:
            failures = failures_of(connection.execute(sql).fetchall())
        except duckdb.IOException as error:
            # a broken page of a Parquet file, or no space for what exceeds memory
            raise UserError(
                f"{path} can't be judged ({_reason(error)}): export it again, or free some space."
            ) from None
    every = rule_ids(dataset, focus_version, list(focus), [])
    return Report(
        file=str(path),
        dataset=dataset,
        focus_version=focus_version,
        rows=rows,
        rules_judged=len(judged),
        not_judged=sorted(set(every) - set(judged)),
        failures=failures,
        nulls=nulls,
    )


def _kind_of(path: Path) -> tuple[str, str]:
    """Format and compression by the file's first bytes; UserError where it is neither format."""
    try:
        if stat.S_ISDIR(path.stat().st_mode):
            raise UserError(f"{path} is a folder: name a CSV or Parquet file.")
        if not stat.S_ISREG(path.stat().st_mode):
            raise UserError(f"{path} is no regular file: save it as one first.")
        with path.open("rb") as file:
            start = file.read(4096)
    except FileNotFoundError:
        raise UserError(f"{path} does not exist: name a CSV or Parquet file.") from None
    except OSError as error:
        raise UserError(f"{path} can't be read: {error.strerror}.") from None
    if not start:
        raise UserError(f"{path} is empty: a FOCUS file has at least a header.")
    if start.startswith(b"PAR1"):
        return "parquet", "none"
    if start.startswith(b"\x1f\x8b"):
        return "CSV", "gzip"
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text[:1] in (b"{", b"["):
        raise UserError(f"{path} holds JSON: validate reads CSV and Parquet.")
    if b"\x00" in start:
        raise UserError(f"{path} is neither CSV nor Parquet.")
    return "CSV", "none"


def _load_parquet(
    connection: duckdb.DuckDBPyConnection, path: Path, _compression: str, focus: Mapping[str, str]
) -> tuple[list[tuple[str, str]], list[str]]:
    described = connection.execute(
        f"describe select * from read_parquet({_one_file(path)})"  # noqa: S608
    ).fetchall()
    catalog = [(str(row[0]), str(row[1])) for row in described]
    if any(name.lower() == "file_row_number" for name, _ in catalog):
        # DuckDB's own number would clash with the column of that name
        source, number = f"read_parquet({_one_file(path)})", "row_number() over ()"
    else:
        source = f"read_parquet({_one_file(path)}, file_row_number = true)"
        number = "file_row_number + 1"
    items = [f"{number} as _row", *(f'"{name}"' for name, _ in catalog if name in focus)]
    connection.execute(f"create temp view _file as select {', '.join(items)} from {source}")  # noqa: S608
    return catalog, []


def _load_csv(
    connection: duckdb.DuckDBPyConnection, path: Path, compression: str, focus: Mapping[str, str]
) -> tuple[list[tuple[str, str]], list[str]]:
    r"""Parse the file, as text, into a table that is dropped with its folder.

    Its columns are named by their place, so that no name of the file can clash; nothing is guessed,
    so that no line is skipped. A null is an empty field, or NULL or \N outside quotes, as databases
    and FOCUS's own sample write it, or another word that can be no value of this file.
    """
    names, delimiter = _header(path, compression)
    columns = ", ".join(f"'c{place}': 'varchar'" for place in range(len(names)))
    options = (
        f"auto_detect = false, header = true, skip = 0, columns = {{{columns}}}, "
        f"delim = '{delimiter}', quote = '\"', escape = '\"', allow_quoted_nulls = false, "
        f"compression = '{compression}', strict_mode = true, max_line_size = {_LONGEST_LINE}"
    )

    def read(words: Sequence[str]) -> None:
        nulls = ", ".join(quote_text(word) for word in ("", *words))
        query = f"from read_csv({_one_file(path)}, {options}, nullstr = [{nulls}])"
        connection.execute(f"create or replace table _raw as {query}")

    read([])
    met = _words_of(connection, names, focus)
    nulls: list[str] = []
    if met:
        read(list(met))
        between_quotes = _words_of(connection, names, focus)
        for word, counts in met.items():
            kept = between_quotes.get(word, {})
            bare = [name for name, count in counts.items() if count > kept.get(name, 0)]
            # a text may be the word null in one column; a number and a time are none
            if bare and (word in ALWAYS_NULL or len(bare) > 1 or focus[bare[0]] != "String"):
                nulls.append(word)
        if nulls != list(met):
            read(nulls)
    items = ["rowid + 1 as _row"]
    items += [
        f"nullif(c{place}, '') as \"{name}\"" for place, name in enumerate(names) if name in focus
    ]
    connection.execute(f"create temp view _file as select {', '.join(items)} from _raw")  # noqa: S608
    return [(name, "VARCHAR") for name in names], nulls


def _words_of(
    connection: duckdb.DuckDBPyConnection, names: Sequence[str], focus: Mapping[str, str]
) -> dict[str, dict[str, int]]:
    """Count the cells of each FOCUS column that hold a word for nothing, by word and column."""
    asked = [
        (word, name, f"count(*) filter (c{place} = {quote_text(word)})")
        for word in MARKERS
        for place, name in enumerate(names)
        if name in focus
    ]
    if not asked:
        return {}
    query = f"select {', '.join(count for _, _, count in asked)} from _raw"  # noqa: S608
    (found,) = connection.execute(query).fetchall()
    met: dict[str, dict[str, int]] = {}
    for (word, name, _), count in zip(asked, found, strict=True):
        if count:
            met.setdefault(word, {})[name] = count
    return met


def _header(path: Path, compression: str) -> tuple[list[str], str]:
    """Give the column names of a CSV file and its delimiter."""
    opener: Callable[..., Any] = gzip.open if compression == "gzip" else open
    try:
        with opener(path, "rt", encoding="utf-8-sig", errors="replace", newline="") as file:
            line = file.readline(_LONGEST_LINE)
            delimiter = max(_CSV_DELIMITERS, key=line.count)
            file.seek(0)
            names = next(csv.reader(file, delimiter=delimiter), [])
    except (OSError, EOFError, csv.Error) as error:
        raise UserError(f"{path} can't be read: {error}.") from None
    if not line.strip():
        raise UserError(f"{path} begins with an empty line: put its header on the first line.")
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"{path} has the column {name!r} twice: give each a name of its own.")
    return names, delimiter


def _one_file(path: Path) -> str:
    # DuckDB takes ok[1].csv for a pattern that ok1.csv fits, and a folder named a=b for a column
    return f"{quote_text(escape(str(path.resolve())))}, hive_partitioning = false"


def _reason(error: Exception) -> str:
    """Give the first line of DuckDB's message and the reason, without its advice on options."""
    text = str(error).split("\nPossible ", 1)[0]
    lines = [line.strip().rstrip(".") for line in text.splitlines() if line.strip()]
    return ": ".join(dict.fromkeys([lines[0], lines[-1]])) if lines else "unknown error"
