"""Finds what a warehouse would not accept, or would read otherwise, in the SQL compiled for it.

Emulators and parsers are lenient: they know the functions and casts of other engines and translate
them in silence. So names and types are read from the text itself, and held against what the vendor
documents.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.tokens import Token, TokenType

DIALECTS = ("snowflake", "bigquery")


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Words that a bracket may follow and that are no functions.
SYNTAX = _names(
    """
    all and any as between by case distinct else except exists from having in intersect join like
    not on or order over partition qualify select then union using values when where with
    """
)

# Types by the names that a vendor documents, and that mean the same on every account.
TYPES = {
    "snowflake": _names(
        """
        array bigint boolean date decimal int integer number numeric object string text time
        timestamp_ntz timestamp_tz varchar variant
        """
    ),
    "bigquery": _names(
        """
        array bignumeric bool bytes date datetime decimal int64 json numeric string struct time
        timestamp
        """
    ),
}
TYPE_REMEDIES = {
    "snowflake": {"timestamp": "timestamp_type(): the account decides what a bare timestamp is"},
    "bigquery": {"varchar": "text_type()", "bigint": "whole_type()"},
}
DOUBLES = {"float", "float4", "float8", "float64", "double", "real"}

# Types that have no decimals at all, or nine, unless they are told.
BARE_DECIMALS = {"dec", "decimal", "number", "numeric"}

# Documented names that the parser writes by another documented name.
SYNONYMS = {
    "snowflake": {"extract", "mod", "position", "substr"},
    "bigquery": {"strpos"},
}

REMEDIES = {
    "arg_max": "max_by, or a window and a filter",
    "bool_and": "min over a case",
    "bool_or": "max over a case",
    "date_part": "extract(part from …)",
    "dateadd": "dbt.dateadd()",
    "datediff": "dbt.datediff()",
    "epoch": "dbt.datediff() from 1970-01-01",
    "iff": "case when … then … else … end",
    "json_extract_string": "json_text()",
    "json_valid": "is_json()",
    "levenshtein": "edit_distance()",
    "list_value": "rows joined by union all",
    "listagg": "dbt.listagg()",
    "md5": "text_hash()",
    "range": "dbt.generate_series() or a join",
    "regexp_full_match": "matches()",
    "regexp_like": "matches()",
    "safe_cast": "try_cast()",
    "split_part": "dbt.split_part()",
    "strftime": "year_and_month(), or a dispatched macro",
    "string_agg": "dbt.listagg()",
    "struct_pack": "columns of their own",
    "try_cast": "try_cast() of macros/types.sql, which is dispatched",
}

DATE_PARTS = _names(
    """
    microsecond millisecond second minute hour day dayofweek week isoweek month quarter year isoyear
    """
)


@dataclass(frozen=True)
class Finding:
    """One place that must change, and how."""

    model: str
    line: int
    construct: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.model}, line {self.line}: {self.construct}. Remedy: {self.remedy}."


@cache
def functions(dialect: str) -> frozenset[str]:
    """Give the functions that a vendor documents."""
    text = Path(__file__).with_name(f"{dialect}_functions.txt").read_text(encoding="utf-8")
    return frozenset(re.sub(r"(?m)^#.*$", "", text).split())


def findings(model: str, sql: str, dialect: str) -> list[Finding]:
    """Find everything in a model's SQL that is not the dialect's own."""
    quotes = list(_doubled_quotes(model, sql)) if dialect == "bigquery" else []
    if quotes:
        # whatever follows is read as another text
        return quotes
    try:
        tokens = list(sqlglot.tokenize(sql, read=dialect))
    except SqlglotError as error:
        return [Finding(model, 1, f"not to be read ({_words(error)})", "write it otherwise")]
    found = [
        *_functions(model, tokens, dialect),
        *_casts(model, tokens, dialect),
        *_operators(model, tokens),
        *_clauses(model, tokens, dialect),
        *_arguments(model, tokens, dialect),
    ]
    return sorted([*found, *_parsed(model, sql, tokens, dialect, found)], key=lambda one: one.line)


def _functions(model: str, tokens: list[Token], dialect: str) -> Iterator[Finding]:
    """Names before a bracket that the vendor doesn't document."""
    known = functions(dialect) | TYPES[dialect] | SYNTAX
    for token, following in pairwise(tokens):
        name = token.text.lower()
        if following.token_type != TokenType.L_PAREN or not _is_word(token) or name in known:
            continue
        if name == "filter" or (name == "group" and dialect == "snowflake"):
            continue
        yield Finding(
            model,
            token.line,
            f"{name}() is no function of {dialect}",
            REMEDIES.get(name, "a dispatched macro, or a function that every engine has"),
        )


def _casts(model: str, tokens: list[Token], dialect: str) -> Iterator[Finding]:
    for token in tokens:
        if token.token_type == TokenType.DCOLON:
            yield Finding(model, token.line, "a cast by ::", "cast(… as …)")
    for type_token, following in _cast_types(tokens):
        name = type_token.text.lower()
        remedies = TYPE_REMEDIES[dialect]
        if name in DOUBLES:
            yield Finding(model, type_token.line, f"a cast to {name}", "a decimal with its scale")
        elif name not in TYPES[dialect]:
            yield Finding(
                model,
                type_token.line,
                f"{name} is no type for {dialect}",
                remedies.get(name, "a type macro of macros/types.sql"),
            )
        elif following.token_type == TokenType.L_PAREN and dialect == "bigquery":
            yield Finding(
                model,
                type_token.line,
                "a cast to a type with parameters, which only columns have",
                "decimal_type(), and round() for the decimals",
            )
        elif name in BARE_DECIMALS and following.token_type != TokenType.L_PAREN:
            yield Finding(
                model,
                type_token.line,
                f"a bare {name}",
                "price_type(), quantity_type(), cost_type(), or a precision and a scale",
            )


def _cast_types(tokens: list[Token]) -> Iterator[tuple[Token, Token]]:
    """The type of every cast, and the token after it."""
    for index, token in enumerate(tokens):
        if token.text.lower() not in {"cast", "try_cast", "safe_cast"}:
            continue
        for place in _top_level(tokens, index + 1):
            if tokens[place].token_type == TokenType.ALIAS:
                yield tokens[place + 1], tokens[place + 2]


def _operators(model: str, tokens: list[Token]) -> Iterator[Finding]:
    for token in tokens:
        if token.text in {"->", "->>"} and token.token_type != TokenType.STRING:
            yield Finding(model, token.line, f"the operator {token.text}", "json_text()")


def _clauses(model: str, tokens: list[Token], dialect: str) -> Iterator[Finding]:
    for index, token in enumerate(tokens[:-2]):
        words = [one.text.lower() for one in tokens[index : index + 3]]
        if words == ["filter", "(", "where"]:
            yield Finding(model, token.line, "filter (where …)", "sum(case when … then … end)")
        if token.token_type == TokenType.UNION and words[1] not in {"all", "distinct"}:
            yield Finding(model, token.line, "a bare union", "union distinct")
        if words[0] in {"ilike", "similar", "glob"} and dialect == "bigquery" and _is_word(token):
            yield Finding(model, token.line, words[0], "like on lower(…)")


def _arguments(model: str, tokens: list[Token], dialect: str) -> Iterator[Finding]:
    """The part of a date stands first and in quotes in Snowflake, last and bare in BigQuery."""
    for index, token in enumerate(tokens[:-1]):
        name = token.text.lower()
        if tokens[index + 1].token_type != TokenType.L_PAREN:
            continue
        if name not in {"date_trunc", "timestamp_trunc", "datetime_trunc", "time_trunc"}:
            continue
        arguments = _argument_starts(tokens, index + 1)
        # a zone may come third
        place = 0 if dialect == "snowflake" else 1
        part = tokens[arguments[place]] if len(arguments) > place else token
        is_quoted = part.token_type == TokenType.STRING
        if part.text.lower() not in DATE_PARTS or (is_quoted and dialect == "bigquery"):
            yield Finding(
                model,
                token.line,
                f"the arguments of {name}() stand in another order in {dialect}",
                "dbt.date_trunc(part, date)",
            )


def _parsed(
    model: str, sql: str, tokens: list[Token], dialect: str, found: list[Finding]
) -> Iterator[Finding]:
    """What only shows when the whole statement is read and written again."""
    try:
        trees = [tree for tree in sqlglot.parse(sql, read=dialect) if tree is not None]
        written = list(
            sqlglot.tokenize("; ".join(tree.sql(dialect) for tree in trees), read=dialect)
        )
    except SqlglotError as error:
        line = re.search(r"Line (\d+)", str(error))
        yield Finding(
            model,
            int(line[1]) if line else 1,
            f"no statement of {dialect} ({_words(error)})",
            "write it otherwise",
        )
        return
    for tree in trees:
        if isinstance(tree, exp.Command):
            yield Finding(model, 1, f"no query of {dialect}", "write it otherwise")
    told = {finding.construct.split("(")[0] for finding in found}
    for name in called(tokens) - called(written):
        if name in SYNONYMS[dialect] | TYPES[dialect] | SYNTAX | {"filter"} or name in told:
            continue
        yield Finding(
            model,
            next(token.line for token in tokens if token.text.lower() == name),
            f"{name}() is known to the parser by another name",
            REMEDIES.get(name, f"the name that {dialect} documents, or an entry in SYNONYMS"),
        )


def line_of(node: exp.Expr) -> int:
    """The line of the first name inside of a node, or else around it."""
    around: exp.Expr | None = node
    while around is not None:
        lines = [one.meta["line"] for one in around.find_all(exp.Expr) if "line" in one.meta]
        if lines:
            return min(lines)
        around = around.parent
    return 1


def _doubled_quotes(model: str, sql: str) -> Iterator[Finding]:
    r"""A quote in a text is \' in BigQuery: two quotes in a row end it and begin another."""
    pattern = r"--[^\n]*|/\*.*?\*/|`[^`]*`|\"(?:[^\"\\]|\\.)*\"|r?'(?:[^'\\]|\\.)*'(?P<again>')?"
    for literal in re.finditer(pattern, sql, re.S):
        if literal["again"]:
            yield Finding(
                model, sql.count("\n", 0, literal.start()) + 1, "'' inside of a text", "sql_text()"
            )
            return


def called(tokens: list[Token]) -> Counter[str]:
    """How often every name stands before a bracket."""
    return Counter(
        token.text.lower()
        for token, following in pairwise(tokens)
        if following.token_type == TokenType.L_PAREN and _is_word(token)
    )


def _is_word(token: Token) -> bool:
    return token.token_type not in {
        TokenType.STRING,
        TokenType.RAW_STRING,
        TokenType.IDENTIFIER,
    } and bool(re.fullmatch(r"[A-Za-z_]\w*", token.text))


def _top_level(tokens: list[Token], bracket: int) -> Iterator[int]:
    """The places inside of a bracket that are inside of no other."""
    depth = 0
    for place in range(bracket, len(tokens)):
        kind = tokens[place].token_type
        depth += (kind == TokenType.L_PAREN) - (kind == TokenType.R_PAREN)
        if depth == 0:
            return
        if depth == 1 and place > bracket:
            yield place


def _argument_starts(tokens: list[Token], bracket: int) -> list[int]:
    commas = [
        place
        for place in _top_level(tokens, bracket)
        if tokens[place].token_type == TokenType.COMMA
    ]
    return [bracket + 1, *(place + 1 for place in commas)]


def _words(error: SqlglotError) -> str:
    return re.sub(r"\x1b\[\d+m", "", str(error)).splitlines()[0].rstrip(".")
