"""The comparison itself: what it takes for equal, and that it can fail."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest
from compare import Row, differences, normalised

ROW: Row = {"call": "a", "cost": Decimal("1.5"), "tags": {"x": "1", "y": "2"}, "at": None}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Decimal("0.500000000000"), Decimal("0.5")),
        (7, Decimal("7.000")),
        (Decimal("-0.00"), 0),
        (
            datetime(2026, 11, 2, 9, tzinfo=timezone(timedelta(hours=1))),
            datetime(2026, 11, 2, 8),
        ),
        ('{"a": 1, "b": [2.50]}', '{"b":[2.5],"a":1}'),
    ],
)
def test_spellings_of_one_value_are_equal(one: object, other: object) -> None:
    assert normalised(one) == normalised(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            Decimal("12345678901234567890.123456789012345678"),
            Decimal("12345678901234567890.123456789012345679"),
        ),
        (datetime(2026, 11, 2, 8, 0, 0, 1), datetime(2026, 11, 2, 8)),
        ("1", 1),
        ("", None),
        (False, 0),
        ('{"a":"1"}', '{"a":1}'),
    ],
)
def test_values_that_differ_are_not_equal(one: object, other: object) -> None:
    row, changed = {"value": normalised(one)}, {"value": normalised(other)}
    assert differences([row], [changed])


def test_a_float_is_refused() -> None:
    with pytest.raises(TypeError, match="float"):
        normalised(0.1)


def test_the_order_of_rows_means_nothing() -> None:
    other = {**ROW, "call": "b"}
    assert not differences([ROW, other], [other, ROW])


def test_a_row_that_comes_twice_is_not_one_that_comes_once() -> None:
    assert differences([ROW, ROW], [ROW])


def test_a_missing_row_and_a_surplus_row_are_told() -> None:
    assert differences([ROW], []) == [
        "1 rows and 0 rows",
        "1 rows are only left, 0 only right",
        "only left: call=a, cost=1.5, tags={'x': '1', 'y': '2'}",
    ]
    assert differences([], [ROW])[-1].startswith("only right: call=a")


def test_a_changed_value_is_told_with_its_column_and_both_values() -> None:
    said = differences([ROW], [{**ROW, "cost": Decimal("1.6")}])
    assert "cost: Decimal('1.5') and Decimal('1.6') | call=a" in said[-1]


def test_columns_have_the_same_names_in_the_same_order() -> None:
    assert "columns differ" in differences([ROW], [dict(reversed(ROW.items()))])[0]
