"""CSV: RFC 4180, null and empty apart, DALI's texts for values."""

from __future__ import annotations

import csv
import datetime as dt
import io

import pandas
import pyarrow as pa
import pyarrow.csv
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tap_schema import Column
from vo_service.formats import OK, OVERFLOW, TableDescription, find_format


def column(name: str, datatype: str, arraysize: str | None = None, xtype: str | None = None) -> Column:
    return Column(name, datatype, arraysize, xtype, None, None, None, "")


def encode(asked: str, columns: tuple[Column, ...], *arrays: pa.Array) -> str:
    encoder = find_format(asked).make()
    batch = pa.record_batch(list(arrays), names=[str(i) for i in range(len(arrays))])
    parts = [*encoder.begin(TableDescription(columns)), *encoder.rows(batch), *encoder.end(OVERFLOW)]
    return b"".join(parts).decode("utf-8")


def test_values_as_dali_writes_them() -> None:
    """# TAP-059, TAP-060, VOT-062"""
    columns = (
        column("x", "double"),
        column("f", "float"),
        column("t", "char", "*", "timestamp"),
        column("a", "double", "*"),
        column("b", "boolean"),
        column("s", "char", "*"),
    )
    text = encode(
        "csv",
        columns,
        pa.array([0.1, float("nan"), float("-inf"), None]),
        pa.array([0.1, 1e20, 1.5, None], pa.float32()),
        pa.array(
            [dt.datetime(2020, 1, 2), dt.datetime(2020, 1, 2, 3, 4, 5, 1), None, None], pa.timestamp("us")
        ),
        pa.array([[1.5, 2.0], [], [float("nan")], None]),
        pa.array([True, False, None, None]),
        pa.array(['a "b", c', "", None, "line\nbreak"]),
    )
    lines = text.split("\r\n")
    assert lines[0] == "x,f,t,a,b,s"
    assert lines[1] == '0.1,0.1,2020-01-02T00:00:00.000,1.5 2,T,"a ""b"", c"'
    assert lines[2].startswith("NaN,") and lines[2].endswith(',2020-01-02T03:04:05.000001,,F,""')
    assert lines[3] == "-Inf,1.5,,NaN,,"
    assert lines[4] == ',,,,,"line\nbreak"'
    assert lines[5] == ""


def test_header_only_when_wanted() -> None:
    """# TAP-059"""
    columns = (column('odd, "name"', "int"), column("b", "int"))
    with_header = encode(
        "text/csv;header=present", columns, pa.array([1], pa.int32()), pa.array([2], pa.int32())
    )
    assert with_header == '"odd, ""name""",b\r\n1,2\r\n'
    without = encode("text/csv; header=absent", columns, pa.array([1], pa.int32()), pa.array([2], pa.int32()))
    assert without == "1,2\r\n"


def test_one_column_loses_no_row() -> None:
    """An empty line would be skipped by readers: a null alone is a pair of quotes."""
    text = encode("csv", (column("s", "char", "*"),), pa.array(["a", None, ""]))
    assert text == 's\r\na\r\n""\r\n""\r\n'
    assert len(list(csv.reader(io.StringIO(text, newline="")))) == 4


@settings(max_examples=30)
@given(
    st.lists(
        st.tuples(st.none() | st.text(st.characters(codec="utf-8")), st.none() | st.floats()),
        min_size=1,
        max_size=20,
    )
)
def test_any_text_reads_back(rows: list[tuple[str | None, float | None]]) -> None:
    text = encode(
        "text/csv;header=absent",
        (column("s", "unicodeChar", "*"), column("x", "double")),
        pa.array([row[0] for row in rows], pa.string()),
        pa.array([row[1] for row in rows], pa.float64()),
    )
    found = list(csv.reader(io.StringIO(text, newline="")))
    assert [row[0] for row in found] == [row[0] or "" for row in rows]
    for got, (_, value) in zip(found, rows):
        assert (got[1] == "") == (value is None)
        if value is not None:
            assert float(got[1]) == value or value != value


def test_pandas_and_pyarrow_read_it() -> None:
    """# TAP-053, TAP-059"""
    columns = (column("s", "unicodeChar", "*"), column("n", "long"), column("n", "double"))
    data = encode(
        "csv",
        columns,
        pa.array(['é "x", y', None, "line\r\nbreak"]),
        pa.array([2**53 + 1, 2, None]),
        pa.array([0.1, float("nan"), float("-inf")]),
    )
    frame = pandas.read_csv(io.StringIO(data), dtype={"n": "Int64"})
    assert list(frame.columns) == ["s", "n", "n_2"]  # VOT-030: as in every format
    assert frame["s"][0] == 'é "x", y' and frame["s"][2] == "line\r\nbreak" and frame["n"][0] == 2**53 + 1
    assert list(frame["n_2"][[0, 2]]) == [0.1, float("-inf")]
    options = pyarrow.csv.ParseOptions(newlines_in_values=True)
    table = pyarrow.csv.read_csv(io.BytesIO(data.encode()), parse_options=options)
    assert table["s"].to_pylist()[::2] == ['é "x", y', "line\r\nbreak"]
    assert table["n"].to_pylist() == [2**53 + 1, 2, None]


def test_ends_without_a_mark() -> None:
    """# DALI-115"""
    offer = find_format("csv")
    assert not offer.tells_errors
    assert list(offer.make().end(OK)) == []


def test_empty_and_null_differ() -> None:
    """# TAP-060"""
    columns = (column("s", "char", "*"), column("n", "int"))
    text = encode("text/csv;header=absent", columns, pa.array(["", None]), pa.array([1, 2], pa.int32()))
    assert text == '"",1\r\n,2\r\n'


def test_unicode_is_kept() -> None:
    columns = (column("s", "unicodeChar", "*"), column("c", "char", "*"))
    text = encode("text/csv;header=absent", columns, pa.array(["Å😀"]), pa.array(["é"]))
    assert text == "Å😀,é\r\n"


@pytest.mark.parametrize(
    "asked",
    [
        "csv",
        "CSV",
        "text/csv",
        "Text/CSV ; HEADER = present",
        'text/csv;header="present"',
        "text/csv;charset=utf-8;header=present",
    ],
)
def test_names_of_csv(asked: str) -> None:
    assert find_format(asked).media_type == "text/csv;header=present"
