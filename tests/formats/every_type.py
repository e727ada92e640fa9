"""Columns of every type with values at their limits, nulls among them, and random rows of such columns."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st
from votables import column

from tap_schema import Column

# The lowest integers are left out: BINARY and FITS may need them for null.
EVERY_TYPE: tuple[tuple[Column, list[Any]], ...] = (
    (column("flag", "boolean"), [True, None, False]),
    (column("tiny", "unsignedByte"), [0, None, 254]),
    (column("small", "short"), [-32767, None, 32767]),
    (column("whole", "int"), [-(2**31) + 1, None, 2**31 - 1]),
    (column("big", "long"), [-(2**63) + 1, None, 2**63 - 1]),
    (column("single", "float"), [1.5, None, -(2.0**-100)]),
    (column("real", "double"), [0.1, None, -1.7976931348623157e308]),
    (column("text", "char", "*"), ["a<b&c]]>'\"", None, "x  y"]),
    (column("one", "char"), ["T", None, "F"]),
    (column("four", "char", "4"), ["ab", None, "abcd"]),
    (column("at_most", "char", "8*"), ["abc", None, "abcdefgh"]),
    (column("title", "unicodeChar", "*"), ["Ångström λ", None, "日本"]),
    (column("five", "unicodeChar", "5"), ["é", None, "ééééé"]),
    (
        column("when", "char", "*", "timestamp"),
        [dt.datetime(2020, 1, 2, 3, 4, 5, 6000), None, dt.datetime(1969, 12, 31, 23, 59, 59, 999999)],
    ),
    (column("list", "double", "*"), [[1.0, 0.1], None, [5.0]]),
    (column("place", "double", "2", "point"), [[1.0, 2.0], None, [3.0, -4.0]]),
    (column("counts", "int", "*"), [[1, -2, 3], None, [7]]),
)
TIMES = ["2020-01-02T03:04:05.006", "", "1969-12-31T23:59:59.999999"]


def batch_of(*given: tuple[Column, list[Any]]) -> pa.RecordBatch:
    """Columns with their values as a batch."""
    return pa.record_batch(
        [pa.array(values, one.arrow_type) for one, values in given], names=[one.name for one, _ in given]
    )


def random_cells(of: Column) -> st.SearchStrategy[Any]:
    """Any value of a column that every format can hold as it is, or null."""
    limits = {"unsignedByte": (0, 254), "short": 2**15 - 1, "int": 2**31 - 1, "long": 2**63 - 1}
    if of.xtype == "timestamp":
        return st.none() | st.datetimes(dt.datetime(1000, 1, 1), dt.datetime(9999, 1, 1))
    if of.is_text:
        most = int((of.arraysize or "1").rstrip("*") or 30)
        letters = (
            st.characters(min_codepoint=32, max_codepoint=126)
            if of.datatype == "char"
            else st.characters(max_codepoint=0xFFFD, exclude_categories=["Cs"], exclude_characters="\x00")
        )
        return st.none() | st.text(letters, max_size=most)
    if of.datatype in limits:
        limit = limits[of.datatype]
        low, high = limit if isinstance(limit, tuple) else (-limit, limit)
        scalar: st.SearchStrategy[Any] = st.integers(low, high)
    elif of.datatype == "boolean":
        scalar = st.booleans()
    else:
        scalar = st.floats(width=32 if of.datatype == "float" else 64)
    if of.arraysize is None:
        return st.none() | scalar
    size = None if of.arraysize == "*" else int(of.arraysize)
    return st.none() | st.lists(scalar, min_size=size or 0, max_size=size or 4)


@st.composite
def random_tables(draw: st.DrawFn, most_rows: int = 12) -> tuple[tuple[Column, ...], list[tuple[Any, ...]]]:
    """Some of the columns of `EVERY_TYPE`, and rows of any values."""
    known = [one for one, _ in EVERY_TYPE]
    columns = tuple(
        draw(st.lists(st.sampled_from(known), min_size=1, max_size=10, unique_by=lambda c: c.name))
    )
    rows = draw(st.lists(st.tuples(*(random_cells(one) for one in columns)), max_size=most_rows))
    return columns, rows


def batch_of_rows(columns: tuple[Column, ...], rows: list[tuple[Any, ...]]) -> pa.RecordBatch:
    """Rows as a batch."""
    return batch_of(*((one, [row[i] for row in rows]) for i, one in enumerate(columns)))
