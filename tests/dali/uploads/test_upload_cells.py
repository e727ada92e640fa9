"""Cells of TABLEDATA as values, type by type; what reads as none of them is told with row and column."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from upload_tables import column_fault, column_of

INFINITE = float("inf")


@pytest.mark.parametrize(
    ("datatype", "cells", "values"),
    [
        ("unsignedByte", ["0", "255", "0x1F", ""], [0, 255, 31, None]),
        ("short", ["-32768", "+7", "0xffff", " 12\n"], [-32768, 7, -1, 12]),
        ("int", ["2147483647", "-1", "0xFFFFFFFF", "\t"], [2147483647, -1, -1, None]),
        ("long", ["-9223372036854775808", "0x7fffffffffffffff", "0"], [-(2**63), 2**63 - 1, 0]),
        ("boolean", ["T", "t", "1", "true", "TRUE"], [True] * 5),
        ("boolean", ["F", "f", "0", "false", "False"], [False] * 5),
        ("boolean", ["", "?", " "], [None] * 3),
        ("bit", ["0", "1", ""], [0, 1, None]),
        ("double", ["1.5", "-2e-3", "+.5", "7", "1.", "3E2"], [1.5, -0.002, 0.5, 7.0, 1.0, 300.0]),
        ("double", ["NaN", "+Inf", "-Inf", "Inf", "nan"], [None, INFINITE, -INFINITE, INFINITE, None]),
        ("float", ["1.5", "", "3.4e38"], [1.5, None, pytest.approx(3.4e38)]),
        ("char", ["a", "", " "], ["a", None, " "]),
        ("unicodeChar", ["é", "漢", ""], ["é", "漢", None]),
    ],
)  # fmt: skip
def test_single_values(datatype: str, cells: list[str], values: list[object]) -> None:
    # VOT-050, VOT-051, VOT-052, VOT-053, VOT-054, VOT-055, VOT-056, VOT-057, VOT-058, VOT-059, VOT-062,
    # VOT-063, VOT-071, DALI-082
    assert column_of(datatype, cells) == values


@pytest.mark.parametrize(
    ("datatype", "wrong"),
    [
        ("unsignedByte", "256"),
        ("unsignedByte", "-1"),
        ("short", "32768"),
        ("short", "0x1FFFF"),
        ("short", "1.0"),
        ("int", "2147483648"),
        ("int", "1e3"),
        ("long", "9223372036854775808"),
        ("long", "1_000"),
        ("long", "1,000"),
        ("float", "1e39"),
        ("double", "1e400"),
        ("double", "1D5"),
        ("double", "0x1p3"),
        ("double", "1,5"),
        ("double", "--"),
        ("double", "null"),
        ("boolean", "yes"),
        ("bit", "2"),
    ],
)
def test_a_wrong_value_is_told_with_its_row_and_column(datatype: str, wrong: str) -> None:
    # VOT-187: neither wrapped round nor made infinite
    told = column_fault(datatype, ["0", "1", wrong, "1"])
    assert told.startswith(f"row 3, column x: {wrong!r} is not ")


def test_the_row_of_a_wrong_value_counts_from_the_beginning_of_the_table() -> None:
    cells = ["1"] * 900
    cells[843] = "x"
    assert column_fault("int", cells).startswith("row 844, column x")


@pytest.mark.parametrize(
    ("datatype", "null", "cells", "values"),
    [
        ("int", "-99", ["-99", "-099", "5", ""], [None, None, 5, None]),
        ("short", "-99999", ["-99999", "5"], [None, 5]),
        ("double", "-99", ["-99.0", "-9.9e1", "1"], [None, None, 1.0]),
        ("unsignedByte", "0xff", ["255", "0xFF", "1"], [None, None, 1]),
        ("char", "N", ["N", "n", ""], [None, "n", None]),
        ("int", "none", ["none", "5"], [None, 5]),
    ],
)
def test_the_value_that_stands_for_null(
    datatype: str, null: str, cells: list[str], values: list[object]
) -> None:
    # VOT-072: compared as a value
    assert column_of(datatype, cells, null=null) == values


@pytest.mark.parametrize(
    ("datatype", "arraysize", "cells", "values"),
    [
        ("int", "3", ["1 2 3", " 4\n5\t6 ", ""], [[1, 2, 3], [4, 5, 6], None]),
        ("int", "*", ["1", "1 2 3 4", ""], [[1], [1, 2, 3, 4], None]),
        ("int", "3*", ["1", "1 2 3"], [[1], [1, 2, 3]]),
        ("short", "2x*", ["1 2 3 4 5 6", "1 2"], [[1, 2, 3, 4, 5, 6], [1, 2]]),
        ("short", "2x3", ["1 2 3 4 5 6"], [[1, 2, 3, 4, 5, 6]]),
        ("float", "2", ["1.5 +Inf"], [[1.5, INFINITE]]),
        ("boolean", "3", ["T F ?"], [[True, False, None]]),
        ("bit", "10", ["1011000001", "10110 00001"], [[1, 0, 1, 1, 0, 0, 0, 0, 0, 1]] * 2),
        ("bit", "*", ["101", "", "0"], [[1, 0, 1], None, [0]]),
        ("floatComplex", None, ["1 -2", "", "NaN NaN"], [[1.0, -2.0], None, None]),
        ("doubleComplex", "2", ["1 2 3 4"], [[1.0, 2.0, 3.0, 4.0]]),
        ("doubleComplex", "*", ["1 2", "1 2 3 4"], [[1.0, 2.0], [1.0, 2.0, 3.0, 4.0]]),
        ("int", "1", ["5"], [5]),
        ("char", "1", ["a"], ["a"]),
        ("char", "3x2", ["ab cd "], ["ab cd "]),
        ("unsignedByte", "4", ["1 2 0x1F 255"], [[1, 2, 31, 255]]),
    ],
)
def test_arrays(datatype: str, arraysize: str | None, cells: list[str], values: list[object]) -> None:
    # VOT-036, VOT-038, VOT-051, VOT-060, VOT-061, VOT-073
    given = {} if arraysize is None else {"arraysize": arraysize}
    assert column_of(datatype, cells, **given) == values


def test_single_elements_that_stand_for_null() -> None:
    # VOT-072: in an array the value marks elements, and is never the array
    assert column_of("int", ["-9 5", "-9 -9"], arraysize="2", null="-9") == [[None, 5], [None, None]]


def test_a_float_array_keeps_its_nan() -> None:
    # VOT-074
    (cell,) = column_of("double", ["1 NaN"], arraysize="2")
    assert cell[0] == 1.0
    assert math.isnan(cell[1])


@pytest.mark.parametrize(
    ("datatype", "arraysize", "cell", "told"),
    [
        ("int", "3", "1 2", "row 2, column x: 2 elements, arraysize is 3"),
        ("int", "3", "1 2 3 4", "row 2, column x: 4 elements, arraysize is 3"),
        ("int", "2*", "1 2 3", "row 2, column x: 3 elements, arraysize is 2*"),
        ("int", "2x*", "1 2 3", "row 2, column x: 3 elements, arraysize is 2x*"),
        ("int", "3", "1 2 x", "row 2, column x: 'x' is not a whole number of 32 bits"),
        ("bit", "3", "10", "row 2, column x: 2 elements, arraysize is 3"),
        ("bit", "3", "1a0", "row 2, column x: '1a0' is not a run of 0 and 1"),
        ("floatComplex", "2", "1 2 3", "row 2, column x: 3 numbers, complex ones are pairs"),
        ("floatComplex", "2", "1 2", "row 2, column x: 1 elements, arraysize is 2"),
        ("char", "3", "abcd", "row 2, column x: a text of 4 characters, arraysize 3 allows 3"),
        ("char", "3*", "abcd", "row 2, column x: a text of 4 characters, arraysize 3* allows 3"),
        ("unicodeChar", "2", "abc", "row 2, column x: a text of 3 characters, arraysize 2 allows 2"),
    ],
)
def test_a_cell_that_does_not_fit_its_arraysize(datatype: str, arraysize: str, cell: str, told: str) -> None:
    # VOT-035, VOT-074
    assert column_fault(datatype, ["", cell], arraysize=arraysize) == told


def test_white_space_counts_in_texts() -> None:
    # VOT-075
    cells = [" a ", "\ta", "a\nb", "a&#13;b", "a  "]
    assert column_of("char", cells, arraysize="*") == [" a ", "\ta", "a\nb", "a\rb", "a  "]
    assert column_of("char", ["abc  "], arraysize="3") == ["abc"]  # pretty-printed: only blanks are too much


def test_escapes() -> None:
    # VOT-076
    cells = [
        "&lt;b&gt;",
        "&amp;amp;",
        "<![CDATA[a<b]]>",
        "]]&gt;",
        "&quot;'",
        "&#x20AC;",
        "a<!-- no -->b<?pi?>c",
    ]
    assert column_of("unicodeChar", cells, arraysize="*") == [
        "<b>",
        "&amp;",
        "a<b",
        "]]>",
        "\"'",
        "€",
        "abc",
    ]


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=20))
def test_any_long(numbers: list[int]) -> None:
    assert column_of("long", [str(number) for number in numbers]) == numbers


@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=20))
def test_any_double_in_its_shortest_form(numbers: list[float]) -> None:
    cells = [f"{'+Inf' if n > 0 else '-Inf'}" if math.isinf(n) else repr(n) for n in numbers]
    assert column_of("double", cells) == numbers
