"""Reads the marts of a published build and lets DuckDB write them as files.

Every SELECT of an extract lives here. Values are formatted in
SQL, so no row passes through Python, and memory is bounded by DuckDB's limit.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from pathlib import Path

import duckdb

from exporter.datasets import AI_CALLS, DATASETS, Dataset
from exporter.duck import run_copy
from exporter.errors import UserError
from exporter.sql import DuckDB, Engine

# text that a spreadsheet may run as a formula (OWASP, "CSV Injection")
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
_NEVER_IN_JSON = "\x01"
_OPERATORS = ("=", ">=", "<")
# from this many rows on, looking for unvarying columns pays
_MANY_ROWS = 20_000
_GUESSED_ROWS = 2_000

# A record with several faults is one; of rows without line and key nothing says that two are one.
REJECTED_RECORDS = """
    (
        select distinct source_name, raw_table, file, line, record_key from rejected_rows
        where line is not null or record_key is not null
        union all
        select source_name, raw_table, file, line, record_key from rejected_rows
        where line is null and record_key is null
    ) as records
"""

# what is asked beside the rows: read_coverage, count_rejected
ASKED_BESIDE = ("ai_calls", "rejected_rows")


@dataclass(frozen=True)
class Term:
    """A condition: any of the columns compares (`=`, `>=` or `<`) with any of the values.

    Values are text as a filter's: an empty one is null. Without a column or a value no row fits.
    """

    columns: tuple[str, ...]
    values: tuple[str, ...]
    operator: str = "="


@dataclass(frozen=True)
class Selection:
    """Which rows and columns of a dataset are wanted. Both dates are inclusive UTC days.

    All of the terms hold for each row, beside dates and filters; they may name hidden columns.
    """

    dataset: Dataset
    focus_version: str
    grain: str = "call"
    from_date: date | None = None
    to_date: date | None = None
    filters: tuple[tuple[str, str], ...] = ()
    columns: tuple[str, ...] | None = None
    terms: tuple[Term, ...] = ()


@dataclass(frozen=True)
class Column:
    """A column as it is delivered; `kind` is DuckDB's type, `is_json` marks text holding JSON."""

    name: str
    kind: str
    is_json: bool = False


@dataclass(frozen=True)
class Coverage:
    """How complete the usage of a range is. Calls are counted, not FOCUS rows."""

    calls: int
    priced_calls: int
    tokens: int
    priced_tokens: int
    held_back: list[tuple[str, int]] = field(default_factory=list)


def choose(dataset: str, focus_version: str | None, grain: str) -> tuple[Dataset, str]:
    """Look up a dataset and the FOCUS version (newest by default); UserError when there is none."""
    if dataset not in DATASETS:
        raise UserError(f"There is no dataset {dataset!r}: choose one of {', '.join(DATASETS)}.")
    entry = DATASETS[dataset]
    version = (focus_version or entry.versions[0]).removeprefix("v")
    if version not in entry.versions:
        raise UserError(
            f"The dataset {dataset} has no FOCUS version {focus_version}: "
            f"choose one of {', '.join(entry.versions)}."
        )
    if grain not in entry.relations:
        raise UserError(
            f"The dataset {dataset} has no grain {grain!r}: choose {', '.join(entry.relations)}."
        )
    return entry, version


@dataclass(frozen=True)
class Filter:
    """The values of one column that are kept, each as the plain text of its kind; None is null."""

    column: str
    kind: str
    values: tuple[str | None, ...]


def check_columns(selection: Selection, offered: Sequence[str]) -> Sequence[str]:
    """Give the columns that are wanted; raises UserError for one that is not offered."""
    for name in (*(selection.columns or ()), *(name for name, _ in selection.filters)):
        if name not in offered:
            raise _unknown_column(name, list(offered), selection)
    wanted = selection.columns or tuple(offered)
    if len(set(wanted)) != len(wanted):
        raise UserError("--columns names a column twice: name each column once.")
    return wanted


def read_filters(
    connection: duckdb.DuckDBPyConnection, selection: Selection, kinds: dict[str, str]
) -> list[Filter]:
    """Let DuckDB read the values of the filters; raises UserError for one of another kind."""
    by_column: dict[str, list[str | None]] = {}
    for name, value in selection.filters:
        kind = kinds[name]
        text = None
        if value != "":
            query = f"select cast({_cast_value('try_cast', kind)} as varchar)"
            text = connection.execute(query, [value]).fetchall()[0][0]
            # a cast to a number rounds without a word
            if text is None or (_is_number(kind) and not _is_equal(text, value)):
                raise UserError(
                    f"--filter {name}={value}: {value!r} is no {kind.lower()}, the type of {name}."
                )
        by_column.setdefault(name, []).append(text)
    return [Filter(name, kinds[name], tuple(values)) for name, values in by_column.items()]


def build_where(
    selection: Selection,
    filters: Iterable[Filter],
    engine: Engine,
    names: dict[str, str] | None = None,
) -> tuple[str, list[str]]:
    """Build the WHERE clause of a selection and its parameters.

    `names` gives the SQL of the columns where it is not their name; what it lacks is not asked for.
    """
    dataset = selection.dataset
    terms: list[str] = []
    parameters: list[str] = []

    def column(name: str) -> str | None:
        return engine.column(name) if names is None else names.get(name)

    moment = engine.value_of("TIMESTAMP")
    if selection.from_date is not None:
        if dataset.end is None:
            terms.append(f"{column(dataset.start)} >= {moment}")
        else:
            terms.append(f"{column(dataset.end)} > {moment}")
        parameters.append(_midnight(selection.from_date))
    # the last day that Python knows has no successor; no row lies beyond it
    if selection.to_date is not None and selection.to_date < date.max:
        terms.append(f"{column(dataset.start)} < {moment}")
        parameters.append(_midnight(selection.to_date + timedelta(days=1)))
    for wanted in filters:
        name = column(wanted.column)
        if name is None:
            continue
        alternatives = []
        for value in wanted.values:
            if value is None:
                alternatives.append(f"{name} is null")
            else:
                alternatives.append(f"{name} = {engine.value_of(wanted.kind)}")
                parameters.append(value)
        terms.append(f"({' or '.join(alternatives)})")
    return (" where " + " and ".join(terms) if terms else ""), parameters


class Extract:
    """One selection of a build: its columns, its totals, and the file DuckDB writes of it."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        selection: Selection,
        json_columns: frozenset[str] = frozenset(),
    ) -> None:
        """Check the selection against the build's own columns; UserError when it doesn't fit."""
        self._connection = connection
        self._selection = selection
        self._source = self._find_source()
        described = self._describe()
        self._kinds = dict(described)
        offered = [name for name, _ in described if name not in selection.dataset.hidden]
        wanted = check_columns(selection, offered)
        self.columns = [Column(name, self._kinds[name], name in json_columns) for name in wanted]
        self._where, self._parameters = build_where(
            selection, read_filters(connection, selection, self._kinds), DuckDB(connection)
        )
        self._add_terms()

    def _add_terms(self) -> None:
        for term in self._selection.terms:
            if term.operator not in _OPERATORS:
                raise ValueError(f"{term.operator!r} is no comparison")
            alternatives = []
            for name in term.columns:
                for value in term.values:
                    if value == "":
                        alternatives.append(f"{_name(name)} is null")
                    else:
                        wanted = _cast_value("cast", self._kinds[name])
                        alternatives.append(f"{_name(name)} {term.operator} {wanted}")
                        self._parameters.append(value)
            self._where += " and " if self._where else " where "
            self._where += f"({' or '.join(alternatives) or 'false'})"

    def _find_source(self) -> str:
        selection = self._selection
        dataset = selection.dataset
        relation = _name(dataset.relation(selection.grain, selection.focus_version))
        if dataset.layout is None:
            return relation
        columns = ", ".join(f"{sql} as {_name(name)}" for name, sql in dataset.layout.items())
        return f"(select {columns} from {relation} where {dataset.condition})"  # noqa: S608

    def _describe(self) -> list[tuple[str, str]]:
        try:
            found = self._connection.execute(
                f"describe select * from {self._source} as source"  # noqa: S608
            ).fetchall()
        except (duckdb.CatalogException, duckdb.BinderException) as error:
            reason = str(error).split("\n")[0]
            raise UserError(
                f"The build lacks {self._selection.dataset.name} {self._selection.focus_version} "
                f"({reason}): run `focus-export build` with this version of ai-focus."
            ) from None
        return [(str(row[0]), str(row[1])) for row in found]

    def _ordered(self, constants: dict[str, str | None]) -> str:
        """Select the wanted columns in the extract's order; constants are left out of the sort."""
        dataset = self._selection.dataset
        order = ", ".join(_name(name) for name in dataset.order)
        names = dict.fromkeys([*(column.name for column in self.columns), *dataset.order])
        varying = ", ".join(_name(name) for name in names if name not in constants)
        rows = f"select {varying} from {self._source} as source{self._where} order by {order}"  # noqa: S608
        if not constants:
            return rows
        wanted = ", ".join(
            f"{_literal(constants[name], self._kinds[name])} as {_name(name)}"
            if name in constants
            else _name(name)
            for name in names
        )
        return f"select {wanted} from ({rows})"  # noqa: S608

    def _find_constants(self) -> dict[str, str | None]:
        """Give the columns that hold the same value (as text) or null in every row.

        Guessed from a few rows, then proved on all: that costs far less than to carry the many
        empty and unvarying columns of FOCUS through the sort.
        """
        names = [
            column.name
            for column in self.columns
            if column.name not in self._selection.dataset.order
        ]
        if not names:
            return {}
        # cast as a whole, so that equal texts are equal values
        texts = ", ".join(
            f"min(cast({_name(name)} as varchar)), max(cast({_name(name)} as varchar)), "
            f"count({_name(name)})"
            for name in names
        )
        source = f"from {self._source} as source{self._where}"
        found = self._connection.execute(
            f"select count(*), {texts} from (select * {source} limit {_GUESSED_ROWS})",  # noqa: S608
            self._parameters,
        ).fetchall()[0]
        guessed: dict[str, str | None] = {}
        for index, name in enumerate(names):
            least, most, filled = found[1 + 3 * index : 4 + 3 * index]
            if filled == 0 or (filled == found[0] and least == most and "\0" not in least):
                guessed[name] = least
        if not guessed:
            return {}
        checks = ", ".join(
            f"bool_or({_name(name)} is distinct from {_literal(value, self._kinds[name])})"
            for name, value in guessed.items()
        )
        varies = self._connection.execute(f"select {checks} {source}", self._parameters).fetchall()
        return {
            name: value
            for (name, value), is_wrong in zip(guessed.items(), varies[0], strict=True)
            if not is_wrong
        }

    def read_months(self) -> list[tuple[str, str]]:
        """List the billing periods that have rows: start and exclusive end, as UTC text."""
        return [
            (str(start), str(end))
            for start, end in self._connection.execute(
                f"select {_time_text('BillingPeriodStart')}, {_time_text('BillingPeriodEnd')}"  # noqa: S608
                f" from {self._source} as source{self._where} group by all order by 1",
                self._parameters,
            ).fetchall()
        ]

    def _find_first(self) -> object:
        """Give the unique key of the first row in the extract's order; None when it is empty."""
        order = ", ".join(_name(name) for name in self._selection.dataset.order)
        found = self._connection.execute(
            f"select {_name(self._selection.dataset.order[-1])} from {self._source} as source"  # noqa: S608
            f"{self._where} order by {order} limit 1",
            self._parameters,
        ).fetchall()
        return found[0][0] if found else None

    def _as_text(self, fmt: str, safe_csv: bool, *, has_header: bool = True) -> tuple[str, str]:
        """Give what a COPY selects for a csv, json or jsonl file, and its options.

        In json the first parameter is the unique key of the file's first row, which no comma
        precedes.
        """
        if fmt == "csv":
            query = ", ".join(_as_csv(column, safe_csv) for column in self.columns)
            return query, f"format csv, header {str(has_header).lower()}"
        line = _json_line(self.columns)
        if fmt == "json":
            key = _name(self._selection.dataset.order[-1])
            line = f"case when {key} = ? then '' else ',' end || {line}"
        # JSON text has no raw control characters: nothing needs quotes, nothing is split
        options = f"format csv, header false, quote '', escape '', delimiter '{_NEVER_IN_JSON}'"
        return f"{line} as line", options

    def _json_head(self) -> str:
        head = json.dumps({"focus_version": self._selection.focus_version})[:-1]
        return f'{head}, "records": [\n'

    def write(self, path: Path, fmt: str, compress: str | None, safe_csv: bool, rows: int) -> None:
        """Let DuckDB write the file: the same bytes for the same build and arguments.

        `rows` is how many there will be.
        """
        constants = self._find_constants() if rows > _MANY_ROWS else {}
        parameters: list[object] = [*self._parameters]
        if fmt == "parquet":
            query = ", ".join(_as_parquet(column) for column in self.columns)
            options = "format parquet, compression zstd"
        else:
            query, options = self._as_text(fmt, safe_csv)
            options += f", compression {compress or 'none'}"
        if fmt == "json":
            parameters.insert(0, self._find_first())
            options += f", prefix '{self._json_head()}', suffix ']}}\n'"
        run_copy(
            self._connection,
            f"copy (select {query} from ({self._ordered(constants)})) to {_text(str(path))}"  # noqa: S608
            # the name is a temporary one already
            f" ({options}, use_tmp_file false)",
            parameters,
            path,
        )


def read_coverage(engine: Engine, selection: Selection) -> Coverage:
    """Count the billable calls and tokens of the selection's dates: all, and those with a price."""
    calls = Selection(
        DATASETS["ai-calls"],
        selection.focus_version,
        from_date=selection.from_date,
        to_date=selection.to_date,
    )
    where, parameters = build_where(calls, (), engine, AI_CALLS)
    found = engine.fetch(
        "select hold_reason, count(*) as calls,"  # noqa: S608
        " cast(coalesce(sum(total_tokens), 0) as bigint) as tokens"
        f" from ai_calls{where or ' where true'} and is_billable"
        " group by hold_reason order by hold_reason",
        parameters,
    )
    priced = [row for row in found if row[0] is None]
    return Coverage(
        calls=sum(row[1] for row in found),
        priced_calls=sum(row[1] for row in priced),
        tokens=sum(int(row[2]) for row in found),
        priced_tokens=sum(int(row[2]) for row in priced),
        held_back=[(row[0], row[1]) for row in found if row[0] is not None],
    )


def count_rejected(engine: Engine, dataset: Dataset) -> int:
    """Count the raw records of a build that no extract of the dataset could take in.

    Most have no usable date, so that they count for every range.
    """
    named = dataset.raw_tables or tuple(
        name for other in DATASETS.values() for name in other.raw_tables
    )
    texts = ", ".join([engine.value_of("VARCHAR")] * len(named))
    concerned = f"raw_table {'in' if dataset.raw_tables else 'not in'} ({texts})"
    found = engine.fetch(
        f"select count(*) as records from {REJECTED_RECORDS} where {concerned}",  # noqa: S608
        named,
    )
    return int(found[0][0])


def read_billing_months(
    connection: duckdb.DuckDBPyConnection,
    dataset: Dataset,
    grain: str,
    version: str,
    terms: tuple[Term, ...] = (),
) -> list[tuple[str, str]]:
    """List the billing periods that have rows: start and exclusive end, as UTC text."""
    return Extract(connection, Selection(dataset, version, grain, terms=terms)).read_months()


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(value: str | None, kind: str) -> str:
    return f"cast({'null' if value is None else _text(value)} as {kind})"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _midnight(day: date) -> str:
    return f"{day.isoformat()} 00:00:00"


def _cast_value(cast: str, kind: str) -> str:
    # through timestamptz: a bare cast to timestamp would drop the offset without a word
    if kind.startswith("TIMESTAMP"):
        return f"cast({cast}(? as timestamptz) as timestamp)"
    return f"{cast}(? as {kind})"


def _decimal_text(expression: str) -> str:
    # a decimal with a scale always has a point, so the zeros cut off are behind it
    return f"rtrim(rtrim(cast({expression} as varchar), '0'), '.')"


def _time_text(name: str) -> str:
    if name.startswith("x_"):
        return f"replace(cast(cast({_name(name)} as timestamp) as varchar), ' ', 'T') || 'Z'"
    return f"strftime({_name(name)}, '%Y-%m-%dT%H:%M:%SZ')"


def _is_number(kind: str) -> bool:
    return kind.startswith("DECIMAL") or kind.endswith(("INT", "INTEGER"))


def _is_equal(number: str, text: str) -> bool:
    try:
        return Decimal(number) == Decimal(text)
    except InvalidOperation:
        return False


def _is_fraction(kind: str) -> bool:
    return kind.startswith("DECIMAL") and not kind.endswith(",0)")


def _as_csv(column: Column, safe_csv: bool) -> str:
    name = _name(column.name)
    if _is_fraction(column.kind):
        return f"{_decimal_text(name)} as {name}"
    if column.kind.startswith("TIMESTAMP"):
        return f"{_time_text(column.name)} as {name}"
    if safe_csv and column.kind == "VARCHAR":
        starts = ", ".join(f"chr({ord(start)})" for start in _FORMULA_STARTS)
        return (
            f"case when left({name}, 1) in ({starts}) then '''' || {name} else {name} end as {name}"
        )
    return name


def _as_parquet(column: Column) -> str:
    name = _name(column.name)
    value = f"cast({name} as timestamptz)" if column.kind == "TIMESTAMP" else name
    # A file's schema must not hang on its rows: where DuckDB can tell that a column has no null,
    # it writes it as required. Nothing can be told of this.
    return f"case when {name} is not null then {value} end as {name}"


def _json_value(column: Column) -> str:
    name = _name(column.name)
    if _is_fraction(column.kind):
        value = _decimal_text(name)
    elif column.kind.startswith("TIMESTAMP"):
        value = f"""'"' || {_time_text(column.name)} || '"'"""
    elif column.is_json or column.kind == "JSON":
        # white space between the parts of an object must not break the line
        value = f"translate({name}, chr(10) || chr(13), '  ')"
    elif column.kind == "VARCHAR":
        value = f"cast(to_json({name}) as varchar)"
    else:
        value = f"cast({name} as varchar)"
    return f"coalesce({value}, 'null')"


def _json_line(columns: list[Column]) -> str:
    """Build the SQL of one record. Columns named `Object/key` become one nested object.

    The text is put together here, since DuckDB's own JSON writes decimals with trailing zeros.
    """
    parts: list[str] = []
    opened: str | None = None
    for index, column in enumerate(columns):
        group, slash, key = column.name.partition("/")
        inside = group if slash else None
        text = "" if index else "{"
        if opened is not None and opened != inside:
            text += "}"
        text += "," if index else ""
        if inside is not None and opened != inside:
            text += json.dumps(group, ensure_ascii=False) + ":{"
        text += json.dumps(key if inside else column.name, ensure_ascii=False) + ":"
        opened = inside
        parts += [_text(text), _json_value(column)]
    parts.append(_text("}}" if opened is not None else "}"))
    return f"concat({', '.join(parts)})"


def _unknown_column(name: str, offered: list[str], selection: Selection) -> UserError:
    by_fold = {other.casefold(): other for other in offered}
    near = [by_fold[fold] for fold in get_close_matches(name.casefold(), list(by_fold), 3, 0.6)]
    hint = f"did you mean {' or '.join(near)}?" if near else "see `focus-export schema`."
    of_version = f" {selection.focus_version}" if selection.dataset.focus_id else ""
    return UserError(f"{selection.dataset.name}{of_version} has no column {name!r}: {hint}")
