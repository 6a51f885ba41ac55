"""How the formats write a column's values: the SQL of DuckDB's COPY, so no text is Python's."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from exporter.sql import quote_name, quote_text

# text that a spreadsheet may run as a formula (OWASP, "CSV Injection")
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
_NEVER_IN_JSON = "\x01"


@dataclass(frozen=True)
class Column:
    """A column as it is delivered; `kind` is DuckDB's type, `is_json` marks text holding JSON.

    `words` are a receiver's own in place of ours, in a column of text.
    """

    name: str
    kind: str
    is_json: bool = False
    words: tuple[tuple[str, str], ...] = ()

    @property
    def value(self) -> str:
        """Give the SQL of the column's value."""
        name = quote_name(self.name)
        if not self.words:
            return name
        cases = " ".join(
            f"when {quote_text(ours)} then {quote_text(theirs)}" for ours, theirs in self.words
        )
        return f"case {name} {cases} else {name} end"


def copy_columns(
    columns: Sequence[Column], fmt: str, safe_csv: bool, key: str, *, has_header: bool = True
) -> tuple[str, str]:
    """Give what a COPY selects for a part of a csv, json, jsonl or parquet file, and its options.

    In json the first parameter is the value of the unique column `key` in the file's first row,
    which no comma precedes. A parquet part is no end in itself: it is packed for speed.
    """
    if fmt == "parquet":
        return ", ".join(map(_as_parquet, columns)), "format parquet, compression lz4"
    if fmt == "csv":
        query = ", ".join(_as_csv(column, safe_csv) for column in columns)
        return query, f"format csv, header {str(has_header).lower()}"
    line = json_line(columns)
    if fmt == "json":
        line = f"case when {quote_name(key)} = ? then '' else ',' end || {line}"
    # JSON text has no raw control characters: nothing needs quotes, nothing is split
    options = f"format csv, header false, quote '', escape '', delimiter '{_NEVER_IN_JSON}'"
    return f"{line} as line", options


def json_line(columns: Sequence[Column]) -> str:
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
        parts += [quote_text(text), _json_value(column)]
    parts.append(quote_text("}}" if opened is not None else "}"))
    return f"concat({', '.join(parts)})"


def decimal_text(expression: str) -> str:
    """Give the SQL of a decimal's text without zeros at its end."""
    # a decimal with a scale always has a point, so the zeros cut off are behind it
    return f"rtrim(rtrim(cast({expression} as varchar), '0'), '.')"


def time_text(name: str) -> str:
    """Give the SQL of a time column's text: UTC, to the second where FOCUS has the column."""
    quoted = quote_name(name)
    if name.startswith("x_"):
        return f"replace(cast(cast({quoted} as timestamp) as varchar), ' ', 'T') || 'Z'"
    return f"strftime({quoted}, '%Y-%m-%dT%H:%M:%SZ')"


def _is_fraction(kind: str) -> bool:
    return kind.startswith("DECIMAL") and not kind.endswith(",0)")


def _as_csv(column: Column, safe_csv: bool) -> str:
    name = quote_name(column.name)
    if _is_fraction(column.kind):
        return f"{decimal_text(name)} as {name}"
    if column.kind.startswith("TIMESTAMP"):
        return f"{time_text(column.name)} as {name}"
    if safe_csv and column.kind == "VARCHAR":
        starts = ", ".join(f"chr({ord(start)})" for start in _FORMULA_STARTS)
        return (
            f"case when left({name}, 1) in ({starts}) then '''' || {name} else {name} end as {name}"
        )
    return f"{column.value} as {name}" if column.words else name


def _as_parquet(column: Column) -> str:
    name = quote_name(column.name)
    value = f"cast({name} as timestamptz)" if column.kind == "TIMESTAMP" else column.value
    # A file's schema must not hang on its rows: where DuckDB can tell that a column has no null,
    # it writes it as required. Nothing can be told of this.
    return f"case when {name} is not null then {value} end as {name}"


def _json_value(column: Column) -> str:
    name = quote_name(column.name)
    if _is_fraction(column.kind):
        value = decimal_text(name)
    elif column.kind.startswith("TIMESTAMP"):
        value = f"""'"' || {time_text(column.name)} || '"'"""
    elif column.is_json or column.kind == "JSON":
        # white space between the parts of an object must not break the line
        value = f"translate({name}, chr(10) || chr(13), '  ')"
    elif column.kind == "VARCHAR":
        value = f"cast(to_json({name}) as varchar)"
    else:
        value = f"cast({name} as varchar)"
    return f"coalesce({value}, 'null')"
