"""CSV, TSV and ECSV as columns and rows."""

from __future__ import annotations

import io
from collections import OrderedDict
from datetime import datetime
from typing import Any

import astropy.units as u
import numpy as np
import pytest
from astropy.table import Column, MaskedColumn, Table
from upload_tables import facts, fault_of, read, rows_of

NOON = "2026-01-31T12:00:00"


def column_of(*values: str) -> tuple[str | None, list[Any]]:
    """The type of a column of values, and the values."""
    found = read("a,x\n" + "".join(f"1,{value}\n" for value in values))
    column = found.columns[1]
    return column.xtype or column.datatype, found.rows["x"].to_pylist()


@pytest.mark.parametrize(
    ("given", "kind", "wanted"),
    [
        (["1", "-2", ""], "long", [1, -2, None]),
        (["+1", "007"], "long", [1, 7]),
        (["9223372036854775807"], "long", [2**63 - 1]),
        (["9223372036854775808", "1"], "char", ["9223372036854775808", "1"]),
        (["1", "2.5", ""], "double", [1.0, 2.5, None]),
        (["1e3", "-.5", "NaN", "inf"], "double", [1000.0, -0.5, None, float("inf")]),
        (["1", "x"], "char", ["1", "x"]),
        (["true", "False", ""], "boolean", [True, False, None]),
        (["T", "F"], "char", ["T", "F"]),
        (["0x1F"], "char", ["0x1F"]),
        (["1_000"], "char", ["1_000"]),
        ([NOON, f"{NOON}.5Z"], "timestamp", [NOON, f"{NOON}.5Z"]),
        (["2026-01-31"], "char", ["2026-01-31"]),
        (["é"], "unicodeChar", ["é"]),
        (["", ""], "char", [None, None]),
        (['"a,b"', '"say ""x"""', '""'], "char", ["a,b", 'say "x"', None]),
        (['"two\nlines"'], "char", ["two\nlines"]),
        ([" 5 ", "6"], "long", [5, 6]),
        ([" a "], "char", [" a "]),
    ],
)  # fmt: skip
def test_types_are_those_of_all_values(given: list[str], kind: str, wanted: list[Any]) -> None:
    assert column_of(*given) == (kind, wanted)


def test_a_type_is_not_that_of_the_first_rows() -> None:
    values = ["1"] * 200_000 + ["x"]
    found = read("x,y\n" + "".join(f"{value},0\n" for value in values), rows=10**6, size=1 << 24)
    assert facts(found.columns[0])[0] == "char"
    assert found.rows["x"].to_pylist() == values


@pytest.mark.parametrize(
    "text",
    [
        "a,b\r\n1,x\r\n2,y\r\n",
        "\ufeffa,b\n1,x\n2,y",
        "a\tb\n1\tx\n2\ty\n",
        "# note\n\n# more\na,b\n1,x\n\n2,y\n",
        '"a","b"\n1,"x"\n2,"y"\n',
    ],
)
def test_ways_to_write_it(text: str) -> None:
    found = read(text)
    assert [column.name for column in found.columns] == ["a", "b"]
    assert rows_of(found) == [(1, "x"), (2, "y")]


def test_one_column_keeps_its_empty_rows() -> None:
    assert rows_of(read("a\n1\n\n3\n")) == [(1,), (None,), (3,)]


@pytest.mark.parametrize(
    ("text", "told", "row"),
    [
        ("a,b\n1,2\n3\n", "1 values, 2 are wanted", 2),
        ("a,b\n1,2,3\n", "3 values, 2 are wanted", 1),
        ("a,a\n1,2\n", "two columns have this name", None),
        ("a,\n1,2\n", "column 2 has no name", None),
        ('"a\n1,2\n', "the line of names cannot be read", None),
        ("# only\n# notes\n", "the file has no line of names", None),
        ("x" * 70 + "\n1\n", "longer than 64 characters", None),
        ('a,b\n1,"' + "x" * (3 << 20), "a quotation mark is never closed", None),
    ],
)
def test_files_that_are_none(text: str, told: str, row: int | None) -> None:
    fault = fault_of(text, size=1 << 23)
    assert told in fault.message
    assert fault.row == row


@pytest.mark.parametrize("content", [b"a,b\n1,\xff\n", b"a,\xff\n1,2\n", "a,b\n1,2\n".encode("utf-16-le")])
def test_other_encodings_are_told(content: bytes) -> None:
    assert fault_of(content).message


def test_a_file_without_rows() -> None:
    found = read("a,b\n")
    assert (found.rows.num_rows, [column.name for column in found.columns]) == (0, ["a", "b"])


def test_rows_are_limited() -> None:
    # TAP-089
    assert "more than the 3 rows allowed" in fault_of("a\n1\n2\n3\n4\n", rows=3).message


def test_the_row_of_a_wrong_value_counts_from_the_beginning_of_the_file() -> None:
    content = "a\n" + "1.25000\n" * 300_000 + "1e999\n"
    fault = fault_of(content, rows=10**6, size=1 << 22)
    assert (fault.row, fault.column) == (300_001, "a")


@pytest.mark.parametrize("delimiter", [" ", ","])
def test_ecsv_says_its_types(delimiter: str) -> None:
    given = Table(
        {
            "n": np.array([1, 2], "i2"),
            "u": np.array([1, 255], "u1"),
            "f": Column(np.array([1.5, 2.5], "f4"), unit=u.Jy, description="The flux."),
            "d": MaskedColumn([1.0, 2.0], mask=[False, True]),
            "b": [True, False],
            "s": ["5", "a b"],
            "z": [1 + 2j, 3],
        }
    )
    text = io.StringIO()
    given.write(text, format="ascii.ecsv", delimiter=delimiter)
    found = read(text.getvalue())
    kinds = "short unsignedByte float double boolean char char".split()
    assert [facts(column)[0] for column in found.columns] == kinds
    assert (found.columns[2].unit, found.columns[2].description) == ("Jy", "The flux.")
    assert [row[:6] for row in rows_of(found)] == [
        (1, 1, 1.5, 1.0, True, "5"),
        (2, 255, 2.5, None, False, "a b"),
    ]


def test_ecsv_keeps_the_facts_that_astropy_writes() -> None:
    # APE 6: meta is a mapping, or an ordered one: a list of mappings of one key each
    given = Table({"f": [1.5], "t": ["2020-01-01"]})
    given["f"].meta = {"ucd": "phot.flux", "utype": "a:b", "other": {"c": [1]}}
    given["t"].meta = OrderedDict([("ucd", "time"), ("xtype", "timestamp")])
    text = io.StringIO()
    given.write(text, format="ascii.ecsv")
    assert "!!omap" in text.getvalue()
    for content in (text.getvalue(), text.getvalue().replace("!!omap", "")):
        first, second = read(content).columns
        assert (first.ucd, first.utype) == ("phot.flux", "a:b")
        assert (second.ucd, second.xtype) == ("time", "timestamp")
    mapping = "# %ECSV 1.0\n# ---\n# datatype:\n# - {name: a, datatype: int16, meta: {ucd: b}}\na\n1\n"
    assert read(mapping).columns[0].ucd == "b"


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("# %ECSV 1.0\n# ---\n# datatype: [[[\n", "the ECSV header cannot be read"),
        ("# %ECSV 1.0\n# ---\n# delimiter: x\n", "the delimiter of ECSV is a blank or a comma"),
        (
            "# %ECSV 1.0\n# ---\n# datatype:\n# - {name: a, datatype: int16}\n# delimiter: ','\n",
            "'x' is not a whole number",
        ),
        ("# %ECSV 1.0\n# ---\n# delimiter: ','\n# meta: !!python/object/apply:os.system ['true']\n", None),
        ("# %ECSV 1.0\n# ---\n# delimiter: ','\n# meta: !strange {a: 1}\n", None),
    ],
)  # fmt: skip
def test_headers_of_ecsv(header: str, told: str | None) -> None:
    if told is None:
        assert rows_of(read(f"{header}a,b\nx,y\n")) == [("x", "y")]
    else:
        assert told in fault_of(f"{header}a,b\nx,y\n").message


BOMB = "".join(
    f"# l{level}: &l{level} [{', '.join([f'*l{level - 1}' if level else 'x'] * 10)}]\n" for level in range(12)
)
MERGED = "# m0: &m0 {a: b}\n" + "".join(
    f"# m{level}: &m{level} {{<<: [{', '.join([f'*m{level - 1}'] * 10)}]}}\n" for level in range(1, 12)
)


@pytest.mark.parametrize(
    ("header", "told"),
    [
        (f"{BOMB}# datatype:\n# - {{name: *l11, datatype: int16}}\n", "a column has no name"),
        (f"{BOMB}# datatype:\n# - {{name: a, datatype: *l11, unit: *l11}}\n# delimiter: ','\n", None),
        (f"{MERGED}# datatype: [*m11]\n", "a column has no name"),
        (f"# datatype: {'[' * 100_000}\n", "the ECSV header cannot be read"),
        (f"# {'- ' * 100_000}\n", "the ECSV header cannot be read"),
        (f"# {'{a: ' * 100_000}\n", "the ECSV header cannot be read"),
    ],
)  # fmt: skip
def test_headers_of_ecsv_that_would_end_the_process(header: str, told: str | None) -> None:
    # VOT-181: a few bytes that make very many, and a depth that the parser has no room for
    content = f"# %ECSV 1.0\n# ---\n{header}a,b\nx,y\n"
    if told is None:
        assert rows_of(read(content)) == [("x", "y")]
    else:
        assert told in fault_of(content).message


def test_times_are_those_of_astropy() -> None:
    text = "t\n" + "".join(f"{datetime(2020, 1, day).isoformat()}\n" for day in (1, 2))
    assert read(text).columns[0].xtype == "timestamp"
