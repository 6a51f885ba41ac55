"""The FOCUS rules on any CSV or Parquet file: the same macros and rule ids as the dbt tests.

The SQL comes from the project's macros, rendered here without dbt and run in DuckDB. Each rule is
described in docs/validation.md.
"""

from __future__ import annotations

import re
import stat
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exporter.errors import UserError
from exporter.project import load_project
from exporter.sql import quote_name, quote_text

if TYPE_CHECKING:
    import duckdb


_MACRO_FILES = ("types.sql", "money.sql", "focus_rules/*.sql")
_MACRO = re.compile(r"{%-?\s*macro\s+(\w+)\(.*?{%-?\s*endmacro\s*-?%}", re.DOTALL)
_CSV_DELIMITERS = (",", ";", "\t", "|")
_LONGEST_LINE = 16 * 1024 * 1024
# Where the four columns of a product rule have these types, the product is judged exactly.
_EXACT_TYPES = {
    "ListCost": "DECIMAL(38,18)",
    "ContractedCost": "DECIMAL(38,18)",
    "ListUnitPrice": "DECIMAL(20,12)",
    "ContractedUnitPrice": "DECIMAL(20,12)",
    "PricingQuantity": "DECIMAL(18,6)",
}
_SQL_TYPES = {"Decimal": "double", "Date/Time": "timestamp"}
_NUMBER = re.compile(r"DECIMAL|DOUBLE|FLOAT|REAL|.*INT|INTEGER")


@dataclass(frozen=True)
class Failure:
    """A broken rule: how many rows (of a group rule: keys) break it, and one of them."""

    rule_id: str
    level: str
    failing_rows: int
    example: str


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

    @property
    def passed(self) -> bool:
        """True when no rule of level `must` is broken."""
        return all(failure.level != "must" for failure in self.failures)


class _Returned(Exception):  # noqa: N818 - carries dbt's return() out of a macro
    def __init__(self, value: Any) -> None:
        self.value = value


def _return(value: Any) -> None:
    raise _Returned(value)


def _raise_compiler_error(message: str) -> None:
    raise UserError(message)


class _Adapter:
    """dbt's adapter.dispatch for DuckDB."""

    def __init__(self, macros: dict[str, Callable[..., Any]]) -> None:
        self._macros = macros

    def dispatch(self, name: str, _package: str) -> Callable[..., Any]:
        return self._macros.get(f"duckdb__{name}") or self._macros[f"default__{name}"]


@cache
def _macros() -> dict[str, Callable[..., Any]]:
    """Every macro of the rules by name; each is compiled when it is first called."""
    import jinja2

    # SQL, not HTML: nothing here is shown in a browser.
    environment = jinja2.Environment(extensions=["jinja2.ext.do"], autoescape=False)  # noqa: S701
    macros: dict[str, Callable[..., Any]] = {}

    def callable_macro(name: str, source: str) -> Callable[..., Any]:
        compiled: list[Any] = []

        def call(*args: Any, **kwargs: Any) -> Any:
            if not compiled:
                compiled.append(getattr(environment.from_string(source).module, name))
            try:
                return compiled[0](*args, **kwargs)
            except _Returned as returned:
                return returned.value

        return call

    folder = load_project().path / "macros"
    for pattern in _MACRO_FILES:
        for file in sorted(folder.glob(pattern)):
            for match in _MACRO.finditer(file.read_text(encoding="utf-8")):
                macros[match.group(1)] = callable_macro(match.group(1), match.group(0))
    environment.globals.update(macros)
    environment.globals["adapter"] = _Adapter(macros)
    environment.globals["return"] = _return
    environment.globals["exceptions"] = {"raise_compiler_error": _raise_compiler_error}
    return macros


@cache
def versions(dataset: str) -> tuple[str, ...]:
    """FOCUS versions of a dataset (FOCUS Dataset ID), newest first."""
    prefix = f"focus_reference__{dataset.lower()}__v"
    found = [name[len(prefix) :].replace("_", ".") for name in _macros() if name.startswith(prefix)]
    return tuple(sorted(found, key=lambda v: tuple(map(int, v.split("."))), reverse=True))


@cache
def reference(dataset: str, focus_version: str) -> dict[str, Any]:
    """Columns and relation rules of a dataset version; UserError for an unknown version."""
    known = versions(dataset)
    if focus_version not in known:
        raise UserError(
            f"FOCUS {focus_version} has no dataset {dataset} that is known here: "
            f"use one of {', '.join(known)}."
        )
    found: dict[str, Any] = _macros()["focus_reference"](dataset, focus_version)
    return found


def focus_columns(dataset: str, focus_version: str) -> list[dict[str, Any]]:
    """Columns of a dataset version as FOCUS defines them, in alphabetical order."""
    columns = reference(dataset, focus_version)["columns"]
    return [column for column in columns if column["feature"] != "Custom"]


def value_rules(
    dataset: str, focus_version: str, present: list[str], text_columns: list[str]
) -> list[dict[str, Any]]:
    """Rules on single rows: id, level, reads (columns), predicate (true for a failing row)."""
    found: list[dict[str, Any]] = _macros()["focus_value_rules"](
        dataset, focus_version, present, text_columns, True
    )
    return found


def rule_ids(
    dataset: str, focus_version: str, present: list[str], text_columns: list[str]
) -> list[str]:
    """Ids of all rules that a relation with these columns is judged by."""
    columns = focus_columns(dataset, focus_version)
    ids = [f"{dataset}.columns.{name}" for name in ("unknown", "custom_name", "order")]
    ids += [f"{dataset}.{column['name']}.presence" for column in columns]
    ids += [f"{dataset}.{name}.type" for name in present]
    ids += [rule["id"] for rule in value_rules(dataset, focus_version, present, text_columns)]
    group_rules = _macros()["focus_group_rules"](dataset, focus_version, present)
    return list(dict.fromkeys(ids + [rule["id"] for rule in group_rules]))


def prepare_check(
    connection: duckdb.DuckDBPyConnection,
    relation: str,
    catalog: list[tuple[str, str]],
    dataset: str,
    focus_version: str,
    typed: bool,
) -> tuple[str, list[str]]:
    """Make the query that judges a relation whose columns are `catalog` (name, DuckDB type).

    The relation must have a column `_row` (bigint), the number of the row from 1. Where `typed` is
    false all columns are text and each value must read as its type. Leaves the temporary `_catalog`
    and `_typed` in the connection; gives the query and the ids of the rules it judges.
    """
    columns = focus_columns(dataset, focus_version)
    types = dict(catalog)
    present = [column["name"] for column in columns if column["name"] in types]
    text_columns = [
        column["name"]
        for column in columns
        if column["name"] in types
        and (
            (not typed and column["type"] in _SQL_TYPES)
            or (column["type"] == "Date/Time" and types[column["name"]] == "VARCHAR")
        )
    ]
    selected = ["_row"]
    for column in columns:
        selected += _typed_column(column, types, text_columns)
    connection.execute(
        "create or replace temp table _catalog "
        "(column_name varchar, ordinal_position integer, data_type varchar)"
    )
    places = ", ".join(["(?, ?, ?)"] * len(catalog))
    parameters: list[Any] = []
    for place, (name, data_type) in enumerate(catalog, start=1):
        parameters += [name, place, data_type]
    connection.execute(f"insert into _catalog values {places}", parameters)  # noqa: S608
    connection.execute(
        f"create or replace temp view _typed as select {', '.join(selected)} from {relation}"  # noqa: S608
    )
    sql = _macros()["focus_check_sql"](
        dataset,
        focus_version,
        "_typed",
        "select column_name, ordinal_position, data_type from _catalog",
        present,
        "lpad(cast(_row as varchar), 12, '0')",
        text_columns=text_columns,
        exact=all(types.get(name, wanted) == wanted for name, wanted in _EXACT_TYPES.items()),
        typed=typed,
        own=False,
    )
    return str(sql), rule_ids(dataset, focus_version, present, text_columns)


def failures_of(rows: list[tuple[Any, ...]]) -> list[Failure]:
    """Read the rows of the check's query; rules that FOCUS demands come first."""
    failures = [
        Failure(rule_id, level, int(count), _readable(example or ""))
        for rule_id, level, count, example in rows
    ]
    return sorted(failures, key=lambda failure: (failure.level != "must", failure.rule_id))


def _typed_column(
    column: dict[str, Any], types: dict[str, str], text_columns: list[str]
) -> list[str]:
    """Select items of one column, cast to what the rules expect; null where the file lacks it."""
    name = column["name"]
    wanted = _SQL_TYPES.get(column["type"], "varchar")
    if name not in types:
        return [f"cast(null as {wanted}) as {name}"]
    quoted = quote_name(name)
    # through timestamptz, so that an offset is not dropped
    moment = f"cast(try_cast({quoted} as timestamptz) as timestamp) as {name}"
    if name in text_columns:
        text = f"cast({quoted} as varchar) as _text_{name}"
        return [
            text,
            moment if wanted == "timestamp" else f"try_cast({quoted} as double) as {name}",
        ]
    if wanted == "timestamp":
        return [moment]
    if wanted == "double":
        is_number = _NUMBER.match(types[name])
        return [quoted if is_number else f"try_cast(cast({quoted} as varchar) as double) as {name}"]
    return [quoted if types[name] == "VARCHAR" else f"cast({quoted} as varchar) as {name}"]


def _readable(example: str) -> str:
    """000000000017: ListCost=1 -> row 17: ListCost=1."""
    match = re.match(r"0*(\d+)(: .*)", example, re.DOTALL)
    return f"row {match.group(1)}{match.group(2)}" if match else example


def check_file(path: Path, dataset: str, focus_version: str) -> Report:
    """Judge a CSV or Parquet file by the rules of a FOCUS dataset version.

    `dataset` is a FOCUS Dataset ID. Raises UserError where the file can't be read as either.
    """
    import duckdb

    reference(dataset, focus_version)
    names = [column["name"] for column in focus_columns(dataset, focus_version)]
    kind, compression = _kind_of(path)
    with tempfile.TemporaryDirectory(prefix="focus-validate-") as folder:
        connection = duckdb.connect(str(Path(folder) / "file.duckdb"))
        try:
            connection.execute("set TimeZone = 'UTC'")
            connection.execute("set preserve_insertion_order = true")
            load = _load_parquet if kind == "parquet" else _load_csv
            try:
                catalog = load(connection, path, compression, names)
                rows = _count(connection)
            except duckdb.Error as error:
                raise UserError(
                    f"{path} can't be read as {kind} ({_reason(error)}): "
                    "mend it or export it again."
                ) from None
            if not any(name in names for name, _ in catalog):
                raise UserError(
                    f"{path} has no column of {dataset} in FOCUS {focus_version}: "
                    "check its header, or name its --dataset."
                )
            sql, judged = prepare_check(
                connection, "_file", catalog, dataset, focus_version, kind == "parquet"
            )
            try:
                failures = failures_of(connection.execute(sql).fetchall())
            except duckdb.IOException as error:
                # a broken page of a Parquet file, or no space for what exceeds memory
                raise UserError(
                    f"{path} can't be judged ({_reason(error)}): "
                    "export it again, or free some space."
                ) from None
        finally:
            connection.close()
    every = rule_ids(dataset, focus_version, names, [])
    judged_set = set(judged)
    return Report(
        file=str(path),
        dataset=dataset,
        focus_version=focus_version,
        rows=rows,
        rules_judged=len(judged_set),
        not_judged=sorted(rule for rule in set(every) if rule not in judged_set),
        failures=failures,
    )


def _count(connection: duckdb.DuckDBPyConnection) -> int:
    row = connection.execute("select count(*) from _file").fetchone()
    return int(row[0]) if row else 0


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
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    _compression: str,
    focus_names: list[str],
) -> list[tuple[str, str]]:
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
    items = [f"{number} as _row", *(f'"{name}"' for name, _ in catalog if name in focus_names)]
    connection.execute(f"create temp view _file as select {', '.join(items)} from {source}")  # noqa: S608
    return catalog


def _load_csv(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    compression: str,
    focus_names: list[str],
) -> list[tuple[str, str]]:
    r"""Parse the file once, as text, into a table that is dropped with its folder.

    Its columns are named by their place, so that no name of the file can clash; nothing is guessed,
    so that no line is skipped. A null is an empty field, or NULL or \N outside quotes, as databases
    and FOCUS's own sample write it.
    """
    names, delimiter = _header(path, compression)
    columns = ", ".join(f"'c{place}': 'varchar'" for place in range(len(names)))
    source = (
        f"read_csv({_one_file(path)}, auto_detect = false, header = true, skip = 0, "
        f"columns = {{{columns}}}, delim = '{delimiter}', quote = '\"', escape = '\"', "
        f"nullstr = ['', 'NULL', '\\N'], allow_quoted_nulls = false, "
        f"compression = '{compression}', strict_mode = true, max_line_size = {_LONGEST_LINE})"
    )
    connection.execute(f"create table _raw as select * from {source}")  # noqa: S608
    items = ["rowid + 1 as _row"]
    items += [
        f"nullif(c{place}, '') as \"{name}\""
        for place, name in enumerate(names)
        if name in focus_names
    ]
    connection.execute(f"create temp view _file as select {', '.join(items)} from _raw")  # noqa: S608
    return [(name, "VARCHAR") for name in names]


def _header(path: Path, compression: str) -> tuple[list[str], str]:
    """Give the column names of a CSV file and its delimiter."""
    import csv
    import gzip

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
