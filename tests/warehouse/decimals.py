"""Proves on compiled SQL that no product loses decimals and nothing becomes a double.

Every multiplication is walked: what each factor's type is, and how many decimals its value can have
at most. A cast to a wider type has the decimals of what it casts, so a factor may be widened.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import sqlglot
from dialect import Finding, called, line_of
from sqlglot import exp

# Functions whose result is a double, or can be.
DOUBLE_FUNCTIONS = {
    *("acos", "asin", "atan", "atan2", "avg", "cbrt", "corr", "cos", "cot", "covar_pop"),
    *(
        "covar_samp",
        "degrees",
        "div0",
        "div0null",
        "epoch",
        "exp",
        "fdiv",
        "float64",
        "ieee_divide",
    ),
    *("lax_float64", "ln", "log", "log10", "log2", "median", "pi", "pow", "power", "quantile"),
    *("quantile_cont", "percentile_cont", "radians", "rand", "random", "ratio_to_report"),
    *(
        "regr_slope",
        "safe_divide",
        "sin",
        "skewness",
        "sqrt",
        "stddev",
        "stddev_pop",
        "stddev_samp",
    ),
    *(
        "tan",
        "to_double",
        "try_to_double",
        "unix_seconds_double",
        "var_pop",
        "var_samp",
        "variance",
    ),
}

# What a type can hold after the point where it is not told (BIGNUMERIC: 38, and NUMERIC: 9).
BIGQUERY_SCALES = {exp.DType.BIGDECIMAL: 38, exp.DType.DECIMAL: 9}


@dataclass(frozen=True)
class Number:
    """How many decimals a type keeps, and how many its value can have."""

    scale: int
    decimals: int
    is_wide: bool = False


def lost_decimals(
    model: str, sql: str, dialect: str, columns: Mapping[str, int]
) -> Iterator[Finding]:
    """Find the products that a warehouse rounds. `columns` are decimals by a column's name."""
    for tree in _trees(sql, dialect):
        known = {**columns_made(tree, dialect, columns), **columns}
        for product in tree.find_all(exp.Mul):
            if isinstance(product.expression, exp.Interval):
                continue
            left = number_of(product.this, dialect, known)
            right = number_of(product.expression, dialect, known)
            if left is None or right is None:
                yield Finding(
                    model,
                    line_of(product),
                    "a product of unknown decimals",
                    "a cast of each factor",
                )
                continue
            if dialect == "snowflake":
                kept = min(left.scale + right.scale, max(left.scale, right.scale, 12))
            else:
                kept = 38 if left.is_wide or right.is_wide else 9
            if kept < left.decimals + right.decimals:
                yield Finding(
                    model,
                    line_of(product),
                    f"a product that keeps {kept} of {left.decimals + right.decimals} decimals",
                    "multiply_price(), or a cast of one factor to a type with all of them",
                )


def doubles(model: str, sql: str, dialect: str) -> Iterator[Finding]:
    """Find what is a double, or is one by implication."""
    tokens = list(sqlglot.tokenize(sql, read=dialect))
    for name in sorted(called(tokens).keys() & DOUBLE_FUNCTIONS):
        line = next(token.line for token in tokens if token.text.lower() == name)
        yield Finding(model, line, f"{name}()", "sums and counts, or a decimal with its scale")
    for tree in _trees(sql, dialect):
        for node in tree.walk():
            said = _double(node, dialect)
            if said:
                yield Finding(model, line_of(node), said, "a decimal with its scale")


def _double(node: exp.Expr, dialect: str) -> str | None:
    if isinstance(node, (exp.Div, exp.IntDiv)):
        return "a division"
    if isinstance(node, exp.DataType) and node.this in {exp.DType.DOUBLE, exp.DType.FLOAT}:
        return "a type with rounding"
    if isinstance(node, exp.Literal) and not node.is_string and not node.this.isdigit():
        exact = dialect != "bigquery" and "e" not in node.this.lower()
        return None if exact else f"the number {node.this}"
    return None


def _trees(sql: str, dialect: str) -> list[exp.Expr]:
    return [tree for tree in sqlglot.parse(sql, read=dialect) if tree is not None]


def columns_made(tree: exp.Expr, dialect: str, columns: Mapping[str, int]) -> dict[str, int]:
    """Decimals of the columns that a statement makes by itself, such as `1 as is_new`."""
    made: dict[str, list[int | None]] = {}
    for alias in tree.find_all(exp.Alias):
        number = number_of(alias.this, dialect, columns)
        made.setdefault(alias.alias.lower(), []).append(number.decimals if number else None)
    return {
        name: max(one for one in found if one is not None)
        for name, found in made.items()
        if name not in columns and None not in found
    }


def number_of(node: exp.Expr, dialect: str, columns: Mapping[str, int]) -> Number | None:
    """The decimals of an expression; None where they are not known."""
    if isinstance(node, (exp.Paren, exp.Neg, exp.Sum, exp.Min, exp.Max, exp.Abs)):
        return number_of(node.this, dialect, columns)
    if isinstance(node, exp.Literal):
        digits = len(node.this.partition(".")[2]) if not node.is_string else None
        return None if digits is None else Number(digits, digits)
    if isinstance(node, exp.Cast):
        return _cast(node, dialect, columns)
    if isinstance(node, exp.Column):
        found = columns.get(node.name.lower())
        # as wide as the column's own type
        return None if found is None else Number(found, found, is_wide=found > 9)
    if isinstance(node, exp.Round):
        inner = number_of(node.this, dialect, columns)
        decimals = node.args.get("decimals")
        if inner is None or not isinstance(decimals, exp.Literal):
            return inner
        return Number(inner.scale, min(inner.decimals, int(decimals.this)), inner.is_wide)
    if isinstance(node, (exp.Add, exp.Sub)):
        return _widest([node.this, node.expression], dialect, columns)
    if isinstance(node, (exp.Coalesce, exp.Greatest, exp.Least)):
        return _widest([node.this, *node.expressions], dialect, columns)
    if isinstance(node, exp.Nullif):
        return number_of(node.this, dialect, columns)
    if isinstance(node, exp.Case):
        branches = [branch.args["true"] for branch in node.args["ifs"]]
        return _widest([*branches, node.args.get("default")], dialect, columns)
    if isinstance(node, exp.Mul):
        return _product(node, dialect, columns)
    if isinstance(node, (exp.Extract, exp.Length, exp.Count, exp.Mod, exp.DateDiff)):
        return Number(0, 0)
    return None


def _product(node: exp.Mul, dialect: str, columns: Mapping[str, int]) -> Number | None:
    left = number_of(node.this, dialect, columns)
    right = number_of(node.expression, dialect, columns)
    if left is None or right is None:
        return None
    decimals = left.decimals + right.decimals
    for factor, other in ((node.expression, left), (node.this, right)):
        # 1000 takes three decimals away
        if isinstance(factor, exp.Literal) and factor.this.strip("0") == "1":
            decimals = max(0, other.decimals - (len(factor.this) - 1))
    scale = left.scale + right.scale
    if dialect == "snowflake":
        scale = min(scale, max(left.scale, right.scale, 12))
    return Number(scale, decimals, left.is_wide or right.is_wide)


def _cast(node: exp.Cast, dialect: str, columns: Mapping[str, int]) -> Number | None:
    kind = node.to
    inner = number_of(node.this, dialect, columns)
    if isinstance(node.this, exp.Literal) and node.this.is_string:
        digits = len(node.this.this.partition(".")[2])
        inner = Number(digits, digits)
    if kind.this in exp.DataType.INTEGER_TYPES:
        return Number(0, 0)
    if kind.this not in {exp.DType.DECIMAL, exp.DType.BIGDECIMAL}:
        return None
    told = [int(one.name) for one in kind.expressions]
    default = BIGQUERY_SCALES[kind.this] if dialect == "bigquery" else 0
    scale = told[1] if len(told) > 1 else 0 if told else default
    is_wide = kind.this == exp.DType.BIGDECIMAL
    # a column of unknown type has what the cast leaves of it
    decimals = scale if inner is None else min(scale, inner.decimals)
    return Number(scale, decimals, is_wide)


def _widest(
    nodes: list[exp.Expr | None], dialect: str, columns: Mapping[str, int]
) -> Number | None:
    numbers = [
        number_of(node, dialect, columns)
        for node in nodes
        if node is not None and not isinstance(node, exp.Null)
    ]
    if not numbers or any(number is None for number in numbers):
        return None
    known = [number for number in numbers if number is not None]
    return Number(
        max(number.scale for number in known),
        max(number.decimals for number in known),
        any(number.is_wide for number in known),
    )
