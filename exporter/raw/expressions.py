"""The small language of a mapping file: an expression over a log's columns, as SQL of DuckDB.

It has names (`usage.tokens-in`, "Request ID"), texts in single quotes, numbers, the functions of
FUNCTIONS and + - * / (a minus has blanks around it). Nothing else can be said, so that a mapping
reads no file and runs no SQL.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

# a member of a record, by its keys: one column, or a value within its JSON
Name = tuple[str, ...]

_TOKEN = re.compile(
    r"""\s*(?:(?P<number>\d+(?:\.\d+)?)(?![\w.])
    |(?P<name>(?:[^\W\d](?:[\w-]*\w)?|"[^"]+")(?:\.(?:\w(?:[\w-]*\w)?|"[^"]+"))*)
    |(?P<text>'(?:[^']|'')*')
    |(?P<sign>[-+*/(),]))""",
    re.VERBOSE,
)
_PART = re.compile(r'"([^"]+)"|([\w-]+)')
# digits before and behind the point of what is reckoned with; a factor has few
_DECIMAL = "decimal(34, 18)"
_RESULT = "decimal(38, 18)"
_EPOCH = "[0-9]{10}([.][0-9]{1,9})?|[0-9]{13}|[0-9]{16}|[0-9]{19}"
_FACTOR = re.compile(r"\d{1,7}(\.\d{1,9})?")


class ExpressionError(Exception):
    """What is wrong with an expression, in words."""


@dataclass(frozen=True)
class Member:
    """A column or what stands within it."""

    name: Name


@dataclass(frozen=True)
class Constant:
    """A text or a number, as it is written."""

    value: str
    is_number: bool


@dataclass(frozen=True)
class Call:
    """A function of FUNCTIONS with its arguments."""

    function: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True)
class Sum:
    """Two parts with + - * / between them."""

    sign: str
    left: Expression
    right: Expression


Expression = Member | Constant | Call | Sum


def quote(text: str) -> str:
    """Write a text as a literal."""
    return "'" + text.replace("'", "''") + "'"


def _coalesce(parts: list[str]) -> str:
    return f"coalesce({', '.join(parts)})"


def _before(parts: list[str]) -> str:
    return f"split_part({parts[0]}, {parts[1]}, 1)"


def _after(parts: list[str]) -> str:
    text, sign = parts
    return (
        f"case when contains({text}, {sign}) "
        f"then substr({text}, strpos({text}, {sign}) + length({sign})) else {text} end"
    )


def _recode(parts: list[str]) -> str:
    """Replace words in any case; with an odd number of words the last one stands for all others."""
    text, words = parts[0], parts[1:]
    otherwise = words.pop() if len(words) % 2 else text
    cases = " ".join(
        f"when lower({text}) = lower({words[place]}) then {words[place + 1]}"
        for place in range(0, len(words), 2)
    )
    # a text that is not there is no other word
    return f"case when {text} is null then null {cases} else {otherwise} end"


def _hash(parts: list[str]) -> str:
    texts = ", ".join(f"coalesce({part}, '')" for part in parts)
    return f"md5(concat_ws(chr(31), {texts}))"


def _epoch(parts: list[str]) -> str:
    """Write seconds since 1970, or milli-, micro- or nanoseconds, as a time; others as they are."""
    time = parts[0]
    micros = (
        f"case length(split_part({time}, '.', 1)) "
        f"when 10 then trunc(cast({time} as decimal(19, 9)) * 1000000) "
        f"when 13 then cast({time} as bigint) * 1000 else cast(substr({time}, 1, 16) as bigint) end"
    )
    return (
        f"case when regexp_full_match({time}, '{_EPOCH}') then "
        f"strftime(make_timestamp(cast({micros} as bigint)), '%Y-%m-%d %H:%M:%S.%f') "
        f"else {time} end"
    )


# name -> fewest and most arguments, and what it is in SQL
FUNCTIONS: dict[str, tuple[int, int, Callable[[list[str]], str]]] = {
    "coalesce": (1, 20, _coalesce),
    "concat": (1, 20, lambda parts: "(" + " || ".join(parts) + ")"),
    "lower": (1, 1, lambda parts: f"lower({parts[0]})"),
    "replace": (3, 3, lambda parts: f"replace({', '.join(parts)})"),
    "before": (2, 2, _before),
    "after": (2, 2, _after),
    "recode": (3, 41, _recode),
    "epoch": (1, 1, _epoch),
    "hash": (1, 20, _hash),
}


def parse(text: str) -> Expression:
    """Read an expression; raises ExpressionError."""
    tokens: list[tuple[str, str]] = []
    place = 0
    while text[place:].strip():
        found = _TOKEN.match(text, place)
        if found is None:
            raise ExpressionError(f"'{text[place:].strip()}' can't be read")
        tokens.append((str(found.lastgroup), found.group(str(found.lastgroup))))
        place = found.end()
    if not tokens:
        raise ExpressionError("it is empty")
    reader = _Reader(tokens)
    expression = reader.sum()
    if reader.left:
        raise ExpressionError(f"'{reader.left[0][1]}' stands where nothing may follow")
    return expression


class _Reader:
    """Reads tokens from left to right; the usual precedence."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self.left = tokens

    def _take(self, signs: str) -> str | None:
        if self.left and self.left[0][0] == "sign" and self.left[0][1] in signs:
            return self.left.pop(0)[1]
        return None

    def sum(self) -> Expression:
        left = self._product()
        while sign := self._take("+-"):
            left = Sum(sign, left, self._product())
        return left

    def _product(self) -> Expression:
        left = self._value()
        while sign := self._take("*/"):
            left = _scaled(sign, left, self._value())
        return left

    def _value(self) -> Expression:
        if self._take("("):
            inner = self.sum()
            self._close()
            return inner
        if not self.left or self.left[0][0] == "sign":
            raise ExpressionError("a name, a text or a number is missing")
        kind, text = self.left.pop(0)
        if kind == "number":
            return Constant(text, is_number=True)
        if kind == "text":
            return Constant(text[1:-1].replace("''", "'"), is_number=False)
        if self._take("("):
            return self._call(text)
        return Member(tuple(quoted or plain for quoted, plain in _PART.findall(text)))

    def _call(self, name: str) -> Expression:
        if name not in FUNCTIONS:
            raise ExpressionError(
                f"there is no function {name}: the functions are {', '.join(FUNCTIONS)}"
            )
        arguments = [self.sum()]
        while self._take(","):
            arguments.append(self.sum())
        self._close()
        fewest, most, _ = FUNCTIONS[name]
        if not fewest <= len(arguments) <= most:
            wanted = str(fewest) if fewest == most else f"{fewest} or more"
            raise ExpressionError(f"{name} takes {wanted} arguments, not {len(arguments)}")
        return Call(name, tuple(arguments))

    def _close(self) -> None:
        if not self._take(")"):
            raise ExpressionError("a bracket is not closed")


def _scaled(sign: str, left: Expression, right: Expression) -> Expression:
    """Check that a product is exact: one side is a number, and a divisor a power of ten."""
    numbers = [side for side in (left, right) if isinstance(side, Constant) and side.is_number]
    if sign == "*" and not (numbers and _FACTOR.fullmatch(numbers[-1].value)):
        raise ExpressionError(
            "* takes a number of up to 7 digits and 9 decimals on one side, as in cost * 0.01"
        )
    if sign == "/" and not (isinstance(right, Constant) and re.fullmatch("10{0,6}", right.value)):
        raise ExpressionError("/ takes 10, 100, 1000 … behind it, which divide exactly")
    return Sum(sign, left, right)


def members(expression: Expression) -> Iterator[Name]:
    """Give the names in an expression."""
    match expression:
        case Member(name):
            yield name
        case Call(_, arguments):
            for argument in arguments:
                yield from members(argument)
        case Sum(_, left, right):
            yield from members(left)
            yield from members(right)


def is_met(expression: Expression, has: Callable[[Name], bool]) -> bool:
    """Tell whether a log has what an expression needs: of coalesce one argument."""
    match expression:
        case Member(name):
            return has(name)
        case Call("coalesce", arguments):
            return any(is_met(argument, has) for argument in arguments)
        case Call(_, arguments):
            return all(is_met(argument, has) for argument in arguments)
        case Sum(_, left, right):
            return is_met(left, has) and is_met(right, has)
    return True


def to_sql(expression: Expression, column: Callable[[Name], str]) -> str:
    """Write an expression as SQL that gives text; `column` gives the SQL of a name."""
    match expression:
        case Member(name):
            return column(name)
        case Constant(value):
            return quote(value)
        case Call(function, arguments):
            return FUNCTIONS[function][2]([to_sql(argument, column) for argument in arguments])
        case Sum():
            return _reckon(expression, column)
    raise AssertionError(expression)


def _reckon(expression: Sum, column: Callable[[Name], str]) -> str:
    """Write a sum: exact, null where a part is, and a text that names what is no number."""
    parts: dict[str, None] = {}

    def number(side: Expression) -> str:
        if isinstance(side, Sum):
            divisor = side.right.value if isinstance(side.right, Constant) else ""
            if side.sign == "/":
                return f"cast({number(side.left)} * {_reciprocal(divisor)} as {_RESULT})"
            return f"cast({number(side.left)} {side.sign} {number(side.right)} as {_RESULT})"
        if isinstance(side, Constant) and side.is_number:
            return side.value
        sql = to_sql(side, column)
        parts[sql] = None
        return f"try_cast({sql} as {_DECIMAL})"

    result = f"cast({number(expression)} as varchar)"
    is_null = " or ".join(f"{part} is null" for part in parts) or "false"
    faults = " ".join(
        f"when try_cast({part} as {_DECIMAL}) is null then {part} || ' (no number)'"
        for part in parts
    )
    exact = f"try(regexp_replace({result}, '[.]?0+$', ''))"
    return (
        f"case when {is_null} then null {faults} else coalesce({exact}, 'too large a number') end"
    )


def _reciprocal(power_of_ten: str) -> str:
    zeros = len(power_of_ten) - 1
    return "1" if not zeros else "0." + "0" * (zeros - 1) + "1"
