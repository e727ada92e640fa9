"""VOTable: each serialisation read back by astropy and pyvo, each value compared; the schema; the bytes."""

from __future__ import annotations

import base64
import datetime as dt
import io
import re
import struct
import warnings
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from astropy.io.votable import parse
from astropy.io.votable.exceptions import W47
from astropy.io.votable.tree import TableElement, VOTableFile
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from pyvo.dal import DALQueryError, TAPResults

from tap_schema import Column
from vo_service.formats import (
    FORMATS,
    OK,
    OVERFLOW,
    EncodingError,
    Info,
    Outcome,
    TableDescription,
    error_votable,
    failed,
    find_format,
)

SERIALISATIONS = ["votable/b2", "votable/td"]
NAMESPACE = "{http://www.ivoa.net/xml/VOTable/v1.3}"


def column(
    name: str, datatype: str, arraysize: str | None = None, xtype: str | None = None, **more: str
) -> Column:
    return Column(
        name,
        datatype,
        arraysize,
        xtype,
        more.get("unit"),
        more.get("ucd"),
        more.get("utype"),
        more.get("description", ""),
    )


def encode(
    asked: str,
    columns: tuple[Column, ...],
    batches: list[pa.RecordBatch],
    outcome: Outcome = OK,
    infos: tuple[Info, ...] = (),
) -> bytes:
    encoder = find_format(asked).make()
    parts = list(encoder.begin(TableDescription(columns, infos)))
    for batch in batches:
        parts += encoder.rows(batch)
    parts += encoder.end(outcome)
    return b"".join(parts)


def read(document: bytes) -> TableElement:
    """astropy in its strictest mode; it warns of a char without arraysize, which is a legal single one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", W47)
        return parse(io.BytesIO(document), verify="exception").get_first_table()


EVERY_TYPE = (
    (column("flag", "boolean"), [True, None, False]),
    (column("tiny", "unsignedByte"), [0, None, 255]),
    (column("small", "short"), [-32768, None, 32767]),
    (column("whole", "int"), [-(2**31), None, 2**31 - 1]),
    (column("big", "long"), [-(2**63), None, 2**63 - 1]),
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
EXPECTED_TIMES = ["2020-01-02T03:04:05.006", "", "1969-12-31T23:59:59.999999"]


@pytest.mark.parametrize("asked", SERIALISATIONS)
@pytest.mark.parametrize("count", [1, 7, 8, 9, 16, 17])
def test_every_type_reads_back(asked: str, count: int) -> None:
    """# VOT-050..VOT-062, VOT-080, VOT-082: 1, 7, 8, 9, 16, 17 columns, null in the first and last one."""
    chosen = EVERY_TYPE[-count:]
    columns = tuple(one for one, _ in chosen)
    batch = pa.record_batch([pa.array(v, c.arrow_type) for c, v in chosen], names=[c.name for c in columns])
    table = read(encode(asked, columns, [batch])).to_table()
    assert len(table) == 3
    for one, values in chosen:
        found = table[one.name]
        wanted = EXPECTED_TIMES if one.xtype == "timestamp" else values
        for row in (0, 2):
            assert np.array_equal(
                np.ma.asarray(found[row]).filled() if np.ma.isMA(found[row]) else found[row], wanted[row]
            ), one.name
        if one.datatype in ("char", "unicodeChar"):
            assert str(found[1]) == ""
        elif one.arraysize is None:
            assert found.mask[1] and not found.mask[0] and not found.mask[2]
    for name, (one, _) in zip(table.colnames, chosen):
        assert name == one.name


def stream(document: bytes) -> bytes:
    found = etree.fromstring(document).find(f".//{NAMESPACE}STREAM")
    return base64.b64decode(found.text)


def test_bytes_of_the_vector() -> None:
    """# VOT-200, VOT-201: the cells of the list's test vector that have a type here."""
    columns = (
        column("a", "short"),
        column("b", "int", "*"),
        column("c", "char", "4*"),
        column("d", "boolean"),
        column("f", "double"),
        column("h", "char", "3"),
        column("i", "unicodeChar", "*"),
    )
    rows = [[-2, [1, -1], "ab", True, 1.5, "xy", "é€"], [None] * 7]
    batch = pa.record_batch(
        [pa.array([row[i] for row in rows], c.arrow_type) for i, c in enumerate(columns)],
        names=[c.name for c in columns],
    )
    first = "00 fffe 00000002 00000001ffffffff 00000002 6162 54 3ff8000000000000 787900 00000002 00e920ac"
    second = "fe 0000 00000000 00000000 3f 7ff8000000000000 000000 00000000"
    assert stream(encode("votable", columns, [batch])) == bytes.fromhex(first + second)


def test_nan_is_a_value_and_null_is_none() -> None:
    """# VOT-083, VOT-084: the flag says null, whatever the bytes are; a NaN keeps flag 0."""
    columns = (column("x", "double"), column("n", "long"))
    batch = pa.record_batch(
        [pa.array([float("nan"), None, float("inf"), float("-inf")]), pa.array([1, None, 2, 3])],
        names=["x", "n"],
    )
    data = stream(encode("votable", columns, [batch]))
    rows = [data[i : i + 17] for i in range(0, len(data), 17)]
    assert [row[0] for row in rows] == [0, 0xC0, 0, 0]
    assert [struct.unpack(">d", row[1:9])[0] for row in rows[2:]] == [float("inf"), float("-inf")]
    assert rows[1][9:] == bytes(8)
    text = encode("votable/td", columns, [batch]).decode()
    assert "<TD>NaN</TD><TD>1</TD>" in text
    assert "<TR><TD></TD><TD></TD></TR>" in text
    assert "<TD>+Inf</TD>" in text and "<TD>-Inf</TD>" in text


def test_empty_string_and_null_differ_in_binary() -> None:
    """# VOT-071"""
    columns = (column("x", "char", "*"),)
    data = stream(encode("votable", columns, [pa.record_batch([pa.array(["", None])], names=["x"])]))
    assert data == bytes([0, 0, 0, 0, 0, 0x80, 0, 0, 0, 0])


@pytest.mark.parametrize("asked", SERIALISATIONS)
def test_characters_that_do_not_fit(asked: str) -> None:
    """# VOT-046, VOT-057, VOT-077: replaced and counted, never dropped silently, and the document reads."""
    columns = (column("code", "char", "*"), column("name", "unicodeChar", "*"))
    batch = pa.record_batch(
        [pa.array(["né\x00e", "ok", None]), pa.array(["a😀b", "nul\x00", "ctl\x01\r\n"])],
        names=["code", "name"],
    )
    encoder = find_format(asked).make()
    document = b"".join([*encoder.begin(TableDescription(columns)), *encoder.rows(batch), *encoder.end(OK)])
    table = read(document).to_table()
    assert list(table["code"]) == ["n??e", "ok", ""]
    assert list(table["name"][:2]) == ["a\ufffdb", "nul\ufffd"]
    assert encoder.replaced >= 4
    if asked == "votable/td":
        assert "<TD>ctl\ufffd&#13;\n</TD>" in document.decode()
    else:
        assert table["name"][2] == "ctl\x01\r\n"


def test_text_over_the_declared_length_is_cut() -> None:
    """# VOT-081: a count is at most n."""
    columns = (column("x", "char", "3*"),)
    encoder = find_format("votable").make()
    batch = pa.record_batch([pa.array(["abcdef", "ab"])], names=["x"])
    document = b"".join([*encoder.begin(TableDescription(columns)), *encoder.rows(batch), *encoder.end(OK)])
    assert list(read(document).to_table()["x"]) == ["abc", "ab"]
    assert encoder.replaced == 1


def test_pairs_are_counted_in_numbers() -> None:
    """# VOT-080, VOT-203: the count of a variable array of two dimensions is the number of primitives."""
    columns = (column("x", "short", "2x*"),)
    batch = pa.record_batch([pa.array([[1, 2, 3, 4, 5, 6]], pa.list_(pa.int16()))], names=["x"])
    assert stream(encode("votable", columns, [batch])) == bytes.fromhex(
        "00 00000006 000100020003000400050006"
    )


@pytest.mark.parametrize("asked", SERIALISATIONS)
def test_slices_of_bigger_arrays(asked: str) -> None:
    """Batches that are windows into others, more rows than are encoded at once, and no rows at all."""
    columns = (
        column("n", "int"),
        column("s", "char", "*"),
        column("a", "double", "*"),
        column("u", "unicodeChar", "*"),
    )
    count = 20000
    batch = pa.record_batch(
        [
            pa.array(range(count), pa.int32()),
            pa.array([f"s{i}" if i % 3 else None for i in range(count)]),
            pa.array([[float(i)] * (i % 3) for i in range(count)]),
            pa.array([f"ü{i}" for i in range(count)]),
        ],
        names=["n", "s", "a", "u"],
    )
    document = encode(asked, columns, [batch.slice(7, 0), batch.slice(11, 17000), batch.slice(19000, 5)])
    table = read(document).to_table()
    wanted = [*range(11, 17011), *range(19000, 19005)]
    assert list(table["n"]) == wanted
    assert list(table["s"]) == [f"s{i}" if i % 3 else "" for i in wanted]
    assert list(table["u"]) == [f"ü{i}" for i in wanted]
    assert all(len(a) == i % 3 and all(x == i for x in a) for a, i in zip(table["a"], wanted))


def test_white_space_is_kept_in_cells() -> None:
    """# VOT-075"""
    batch = pa.record_batch([pa.array(["  x\n ", " "])], names=["s"])
    text = encode("votable/td", (column("s", "char", "*"),), [batch]).decode()
    assert "<TR><TD>  x\n </TD></TR>\n<TR><TD> </TD></TR>" in text


@pytest.mark.parametrize("asked", SERIALISATIONS)
def test_no_rows(asked: str) -> None:
    """# VOT-090, TAP-111, VOT-122"""
    columns = (column("n", "int"), column("s", "char", "*"))
    table = read(encode(asked, columns, [], OVERFLOW))
    assert [field.name for field in table.fields] == ["n", "s"]
    assert len(table.to_table()) == 0


def batches_of_texts() -> st.SearchStrategy[list[tuple[int | None, float | None, str | None, str | None]]]:
    letters = st.characters(
        codec="utf-8",
        exclude_characters="\x00",
        max_codepoint=0xFFFF,
        exclude_categories=["Cs", "Cc", "Cn", "Co"],
    )
    row = st.tuples(
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.none() | st.floats(allow_nan=False),
        st.none() | st.text(st.characters(min_codepoint=32, max_codepoint=126)),
        st.none() | st.text(letters),
    )
    return st.lists(row, max_size=30)


@settings(max_examples=40, deadline=None)
@given(batches_of_texts(), st.sampled_from(SERIALISATIONS))
def test_any_values_read_back(
    rows: list[tuple[int | None, float | None, str | None, str | None]], asked: str
) -> None:
    columns = (
        column("n", "long"),
        column("x", "double"),
        column("s", "char", "*"),
        column("u", "unicodeChar", "*"),
    )
    arrays = [pa.array([row[i] for row in rows], c.arrow_type) for i, c in enumerate(columns)]
    table = read(encode(asked, columns, [pa.record_batch(arrays, names=["n", "x", "s", "u"])])).to_table()
    assert len(table) == len(rows)
    for found, row in zip(table, rows):
        assert (None if np.ma.is_masked(found["n"]) else int(found["n"])) == row[0]
        assert (None if np.ma.is_masked(found["x"]) else float(found["x"])) == row[1]
        for name, text in (("s", row[2] or ""), ("u", row[3] or "")):
            # astropy strips the text of a TD, which is why white space has a test of its own
            got = str(found[name])
            assert got == text if asked == "votable/b2" else got.strip() == text.strip()


OBSCORE_LIKE = (
    column(
        "s_ra",
        "double",
        unit="deg",
        ucd="pos.eq.ra",
        utype="obscore:Char.SpatialAxis.Coverage.Location.Coord.Position2D.Value2.C1",
    ),
    column("gal_longitude", "double", unit="deg", ucd="pos.galactic.lon"),
    column(
        "s_region",
        "char",
        "*",
        "adql:REGION",
        ucd="pos.outline;obs.field",
        utype="obscore:Char.SpatialAxis.Coverage.Support.Area",
    ),
    column("t_min", "double", unit="d", ucd="time.start;obs.exposure"),
    column("t_exptime", "double", unit="s", ucd="time.duration;obs.exposure"),
    column("ra", "double", description="twice <b> & 'x'"),
    column("ra", "int"),
    column("2 odd, name", "int"),
)


def test_fields() -> None:
    """# VOT-032, VOT-107, VOT-108, ALMA-115, TAP-106, TAP-113"""
    document = encode("votable", OBSCORE_LIKE, [])
    root = etree.fromstring(document)
    fields = root.findall(f".//{NAMESPACE}FIELD")
    assert [f.get("name") for f in fields] == [c.name for c in OBSCORE_LIKE]
    ids = [f.get("ID") for f in fields]
    assert ids[:4] == ["s_ra", "gal_longitude", "s_region", "t_min"]
    assert len(set(ids)) == len(ids) and all(re.fullmatch(r"[A-Za-z_][\w.-]*", i) for i in ids)
    assert [f.get("ref") for f in fields] == ["icrs", "galactic", "icrs", "mjd", None, None, None, None]
    region = fields[2]
    assert region.get("xtype") == "adql:REGION"
    assert region.get("utype") == "obscore:Char.SpatialAxis.Coverage.Support.Area"
    assert fields[5].findtext(f"{NAMESPACE}DESCRIPTION") == "twice <b> & 'x'"
    assert root.find(f".//{NAMESPACE}COOSYS").get("system") == "ICRS"
    assert root.find(f".//{NAMESPACE}TIMESYS").get("timeorigin") == "MJD-origin"
    assert root.get("version") == "1.4"


@pytest.mark.parametrize(
    "outcome", [OK, OVERFLOW, failed("engine gone <away>\x02"), Outcome("OK", infos=(Info("rows", "1"),))]
)
@pytest.mark.parametrize("asked", SERIALISATIONS)
def test_valid_by_the_schema(asked: str, outcome: Outcome, xsd_directory: Path) -> None:
    """# VOT-006..VOT-010, VOT-105, VOT-120, VOT-123"""
    files = sorted(xsd_directory.rglob("VOTable-1.4*.xsd")) + sorted(xsd_directory.rglob("VOTable-v1.4*.xsd"))
    if not files:
        pytest.skip(f"no VOTable 1.4 schema in {xsd_directory}")
    schema = etree.XMLSchema(etree.parse(files[0]))
    infos = (
        Info("QUERY", "SELECT '<' \n\t \"x\""),
        Info("citation", "2020abc", "cite this", "meta.bib.bibcode"),
    )
    batch = pa.record_batch(
        [pa.array([None], c.arrow_type) for c in OBSCORE_LIKE], names=[c.name for c in OBSCORE_LIKE]
    )
    root = etree.fromstring(encode(asked, OBSCORE_LIKE, [batch], outcome, infos))
    schema.assertValid(root)
    told = [i.get("value") for i in root.iter(f"{NAMESPACE}INFO") if i.get("name") == "QUERY_STATUS"]
    assert told == (["OK"] if outcome.status == "OK" else ["OK", outcome.status])
    quoted = next(i for i in root.iter(f"{NAMESPACE}INFO") if i.get("name") == "QUERY")
    assert quoted.get("value") == "SELECT '<' \n\t \"x\""
    schema.assertValid(etree.fromstring(error_votable("no such column \x07", infos)))


def votable_of(document: bytes) -> VOTableFile:
    return parse(io.BytesIO(document))


def test_pyvo_reads_the_status() -> None:
    """# VOT-120, VOT-121, VOT-123, VOT-124, TAP-102, TAP-103"""
    columns = (column("n", "int"),)
    batch = pa.record_batch([pa.array([1, 2], pa.int32())], names=["n"])
    assert list(TAPResults(votable_of(encode("votable", columns, [batch])))["n"]) == [1, 2]
    cut = TAPResults(votable_of(encode("votable", columns, [batch], OVERFLOW)))
    assert len(cut) == 2 and cut.status[0] == "OVERFLOW"
    with pytest.raises(DALQueryError, match="engine gone"):
        TAPResults(votable_of(encode("votable", columns, [batch], failed("engine gone"))))
    with pytest.raises(DALQueryError, match="no such column"):
        TAPResults(votable_of(error_votable("no such column")))


def test_stream_lines_are_short_and_whole() -> None:
    """# VOT-087: 76 characters a line, padding at the very end only, over many batches of odd lengths."""
    columns = (column("s", "char", "*"),)
    batches = [pa.record_batch([pa.array(["x" * n])], names=["s"]) for n in range(1, 200)]
    document = encode("votable", columns, batches)
    lines = document.split(b'encoding="base64">\n')[1].split(b"</STREAM>")[0].split()
    assert {len(line) for line in lines[:-1]} == {76}
    assert all(b"=" not in line for line in lines[:-1])
    assert list(read(document).to_table()["s"]) == ["x" * n for n in range(1, 200)]


def test_values_that_fit_no_column() -> None:
    columns = (column("n", "short"),)
    encoder = find_format("votable").make()
    list(encoder.begin(TableDescription(columns)))
    with pytest.raises(EncodingError, match="column n"):
        list(encoder.rows(pa.record_batch([pa.array([70000])], names=["n"])))
    with pytest.raises(EncodingError, match="2 columns came"):
        list(encoder.rows(pa.record_batch([pa.array([1]), pa.array([1])], names=["a", "b"])))
    pair = (column("p", "double", "2"),)
    list(encoder.begin(TableDescription(pair)))
    with pytest.raises(EncodingError, match="3 elements"):
        list(encoder.rows(pa.record_batch([pa.array([[1.0, 2.0, 3.0]])], names=["p"])))


def test_engine_types_are_brought_to_the_declared_ones() -> None:
    """Dictionaries, large strings, wider integers, decimals come from engines; clients see the declared."""
    columns = (
        column("s", "char", "*"),
        column("l", "char", "*"),
        column("n", "int"),
        column("d", "double"),
        column("t", "char", "*", "timestamp"),
    )
    batch = pa.record_batch(
        [
            pa.array(["a", None, "a"]).dictionary_encode(),
            pa.array(["b", "c", None], pa.large_string()),
            pa.array([1, 2, None], pa.int64()),
            pa.array([1, 2, 3], pa.decimal128(5, 0)),
            pa.array([1, 2, None], pa.timestamp("s")),
        ],
        names=["s", "l", "n", "d", "t"],
    )
    table = read(encode("votable", columns, [batch])).to_table()
    assert list(table["s"]) == ["a", "", "a"] and list(table["l"]) == ["b", "c", ""]
    assert list(table["d"]) == [1.0, 2.0, 3.0] and table["n"].mask.tolist() == [False, False, True]
    assert table["t"][0] == "1970-01-01T00:00:01.000"


def test_formats_have_what_a_handler_needs() -> None:
    assert FORMATS[0].media_type == "application/x-votable+xml"
    for offer in FORMATS:
        assert offer.extension
        assert offer.tells_outcome == ("csv" not in offer.media_type)
