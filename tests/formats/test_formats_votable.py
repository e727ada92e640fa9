"""VOTable: each serialisation read back by astropy, each value compared; the bytes."""

from __future__ import annotations

import datetime as dt
import struct

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from votables import SERIALISATIONS, column, encode, read, stream

from vo_service.formats import (
    OK,
    EncodingError,
    TableDescription,
    find_format,
)

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
