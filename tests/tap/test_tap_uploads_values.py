"""What comes back of an uploaded table over /tap/sync: types, facts, values, in every format."""

from __future__ import annotations

import io
import json
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from astropy.table import MaskedColumn, Table
from tap_uploads import Ask, fields_of, numbers, rows_of, sent, table_of

EVERYTHING = (
    '<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE type="results"><TABLE>'
    '<FIELD name="flag" datatype="boolean"/>'
    '<FIELD name="bits" datatype="bit" arraysize="4"/>'
    '<FIELD name="byte" datatype="unsignedByte"/>'
    '<FIELD name="s" datatype="short" unit="pix" ucd="pos.cartesian" utype="a:b">'
    '<DESCRIPTION>Of s.</DESCRIPTION><VALUES null="-99"/></FIELD>'
    '<FIELD name="i" datatype="int" arraysize="2x3"/>'
    '<FIELD name="l" datatype="long"/>'
    '<FIELD name="c" datatype="char" arraysize="8*"/>'
    '<FIELD name="u" datatype="unicodeChar" arraysize="*"/>'
    '<FIELD name="f" datatype="float" arraysize="*"/>'
    '<FIELD name="d" datatype="double" unit="Jy"/>'
    '<FIELD name="fc" datatype="floatComplex"/>'
    '<FIELD name="dc" datatype="doubleComplex" arraysize="2"/>'
    '<FIELD name="t" datatype="char" arraysize="*" xtype="timestamp"/>'
    '<FIELD name="p" datatype="double" arraysize="2" xtype="point" unit="deg"/>'
    '<FIELD name="r" datatype="double" arraysize="3" xtype="circle"/>'
    '<FIELD name="g" datatype="double" arraysize="*" xtype="polygon"/>'
    '<FIELD name="v" datatype="double" arraysize="2" xtype="interval"/>'
    '<FIELD name="own" datatype="char" arraysize="*" xtype="own:thing"/>'
    "<DATA><TABLEDATA>"
    "<TR><TD>T</TD><TD>1010</TD><TD>255</TD><TD>-7</TD><TD>1 2 3 4 5 6</TD><TD>9223372036854775807</TD>"
    "<TD>abc</TD><TD>né漢</TD><TD>1.5 NaN</TD><TD>+Inf</TD><TD>1 -2</TD><TD>1 2 3 4</TD>"
    "<TD>2026-01-31T12:00:00.25</TD><TD>10 20</TD><TD>10 20 0.5</TD><TD>0 0 2 0 2 2</TD><TD>1 +Inf</TD>"
    "<TD>x</TD></TR>"
    "<TR><TD/><TD/><TD/><TD>-99</TD><TD/><TD/><TD/><TD/><TD/><TD>NaN</TD><TD/><TD/><TD/><TD/><TD/><TD/><TD/><TD/></TR>"
    "</TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>"
)
WANTED: dict[str, Any] = {
    "flag": 1,
    "bits": [1, 0, 1, 0],
    "byte": 255,
    "s": -7,
    "i": [1, 2, 3, 4, 5, 6],
    "l": 9223372036854775807,
    "c": "abc",
    "u": "né漢",
    "f": [1.5, "NaN"],
    "d": "Infinity",
    "fc": [1.0, -2.0],
    "dc": [1.0, 2.0, 3.0, 4.0],
    "t": "2026-01-31T12:00:00.250",
    "p": [10.0, 20.0],
    "r": [10.0, 20.0, 0.5],
    "g": [0.0, 0.0, 2.0, 0.0, 2.0, 2.0],
    "v": [1.0, "Infinity"],
    "own": "x",
}


def same(got: Any, wanted: Any) -> bool:
    """Values as JSON has them; how it writes NaN and infinities is not looked at here."""
    if isinstance(wanted, list):
        return len(got) == len(wanted) and all(same(g, w) for g, w in zip(got, wanted))
    if wanted in ("NaN", "Infinity"):
        return got is None or str(got) in ("NaN", "Infinity", "+Inf", "Inf", "inf", "nan")
    return bool(got == wanted)


def test_every_type_and_value_comes_back(ask: Ask) -> None:
    # TAP-039, TAP-090, TAP-092, VOT-186
    answer = sent(ask, "SELECT * FROM TAP_UPLOAD.t", "t,param:p", {"p": EVERYTHING}, RESPONSEFORMAT="json")
    first, second = sorted(rows_of(answer), key=lambda row: row["s"] is None)
    assert {name for name, value in WANTED.items() if not same(first[name], value)} == set()
    assert {name for name, value in second.items() if value is not None} == set()


def test_the_facts_of_columns_come_back(ask: Ask) -> None:
    # TAP-090
    answer = sent(ask, "SELECT * FROM TAP_UPLOAD.t", "t,param:p", {"p": EVERYTHING})
    got = {one["name"]: one for one in fields_of(answer)}
    given = {one["name"]: one for one in fields_of(httpx.Response(200, content=EVERYTHING.encode()))}
    assert list(got) == list(given)
    assert [one.get("xtype") for one in got.values()] == [one.get("xtype") for one in given.values()]
    assert {name: got["s"].get(name) for name in ("unit", "ucd", "utype")} == {
        "unit": "pix",
        "ucd": "pos.cartesian",
        "utype": "a:b",
    }
    assert b"Of s." in answer.content
    # ADQL has no truth values, bits and bytes (ADQL-164), complex numbers are pairs
    become = {
        "boolean": "short",
        "bit": "short",
        "unsignedByte": "short",
        "floatComplex": "float",
        "doubleComplex": "double",
    }
    sizes = {"fc": "2", "dc": "2x2"}
    for name, one in given.items():
        assert got[name]["datatype"] == become.get(one["datatype"], one["datatype"]), name
        assert got[name].get("arraysize") == sizes.get(name, one.get("arraysize")), name


def test_shapes_and_moments_are_their_own_types(ask: Ask) -> None:
    # TAP-039, TAP-092
    adql = (
        "SELECT s AS n FROM TAP_UPLOAD.t WHERE 1 = CONTAINS(p, r) AND 1 = CONTAINS(POINT(1.5, 0.5), g) "
        "AND t > '2026-01-31T11:59:59'"
    )
    assert numbers(sent(ask, adql, "t,param:p", {"p": EVERYTHING})) == [-7]


def in_format(kind: str, table: Table) -> bytes:
    if kind == "parquet":
        content = io.BytesIO()
        pq.write_table(pa.table({name: table[name].tolist() for name in table.colnames}), content)
        return content.getvalue()
    if kind in ("csv", "ascii.ecsv", "ascii.tab"):
        text = io.StringIO()
        table.write(text, format=kind)
        return text.getvalue().encode()
    content = io.BytesIO()
    if kind == "fits":
        table.write(content, format="fits")
    else:
        table.write(content, format="votable", tabledata_format=kind)
    return content.getvalue()


@pytest.mark.parametrize(
    "kind", ["tabledata", "binary", "binary2", "fits", "parquet", "csv", "ascii.ecsv", "ascii.tab"]
)
def test_every_format(ask: Ask, kind: str) -> None:
    # TAP-080
    rng = np.random.default_rng(3)
    given = Table(
        {
            "n": np.arange(200),
            "x": rng.normal(size=200),
            "name": [f"source {n}" for n in range(200)],
            "m": MaskedColumn(np.arange(200.0), mask=np.arange(200) % 3 == 0),
        }
    )
    answer = sent(
        ask,
        "SELECT n, x, name, m FROM TAP_UPLOAD.t",
        "t,param:p",
        {"p": in_format(kind, given)},
        RESPONSEFORMAT="json",
        MAXREC="250",
    )
    found = sorted(rows_of(answer), key=lambda row: row["n"])
    assert [row["n"] for row in found] == list(range(200))
    assert [row["x"] for row in found] == given["x"].tolist()
    assert [row["name"] for row in found] == given["name"].tolist()
    assert [row["m"] for row in found] == [None if n % 3 == 0 else float(n) for n in range(200)]


def test_a_coverage_map(ask: Ask) -> None:
    adql = (
        "SELECT COUNT(*) AS n FROM ivoa.obscore AS o, TAP_UPLOAD.t AS t "
        "WHERE 1 = CONTAINS(POINT(o.s_ra, o.s_dec), t.moc)"
    )
    north = json.dumps({"0": [0, 1, 2, 3]}).encode()
    text = "0/0-3"
    cells = fits.BinTableHDU.from_columns([fits.Column("UNIQ", "J", array=np.arange(4, 8))])
    cells.header.update({"PIXTYPE": "HEALPIX", "ORDERING": "NUNIQ", "MOCORDER": 0, "COORDSYS": "C"})
    binary = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), cells]).writeto(binary)
    counts = [numbers(sent(ask, adql, "t,param:p", {"p": one})) for one in (north, text, binary.getvalue())]
    assert counts[0] == counts[1] == counts[2]
    assert 0 < counts[0][0] < 300


def test_a_table_without_rows(ask: Ask) -> None:
    # TAP-093
    document = EVERYTHING[: EVERYTHING.index("<TR>")] + "</TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>"
    found = table_of(sent(ask, "SELECT * FROM TAP_UPLOAD.t", "t,param:p", {"p": document}))
    assert len(found) == 0
    assert found.colnames == list(WANTED)
