"""BINARY and BINARY2 byte by byte, and the attributes of STREAM."""

from __future__ import annotations

import base64
import re
import struct
from typing import Any

import pytest
from upload_tables import fault_of, field, read, rows_of, stream, votable

NINE = [
    field("a", "short"),
    field("b", "int", arraysize="*"),
    field("c", "char", arraysize="4*"),
    field("d", "boolean"),
    field("e", "bit", arraysize="10"),
    field("f", "double"),
    field("g", "floatComplex"),
    field("h", "char", arraysize="3"),
    field("i", "unicodeChar", arraysize="*"),
]
ROW = bytes.fromhex(
    "fffe 00000002 00000001ffffffff 00000002 6162 54 b040 3ff8000000000000 3f800000c0000000"
    "787900 00000002 00e920ac"
)
VALUES = (-2, [1, -1], "ab", True, [1, 0, 1, 1, 0, 0, 0, 0, 0, 1], 1.5, [1.0, -2.0], "xy", "é€")
VECTOR = (
    "AAD//gAAAAIAAAAB/////wAAAAJhYlSwQD/4AAAAAAAAP4AAAMAAAAB4eQAAAAACAOkgrP+AAAAAAAAAAAAAAD8AAH/4AAAAAAAAf8AA"
    "AH/AAAAAAAAAAAAA"
)


def values_of(fields: list[str], content: bytes | str, kind: str = "BINARY2") -> list[tuple[Any, ...]]:
    return rows_of(read(votable(fields, stream(content, kind))))


def told_of(fields: list[str], content: bytes | str, kind: str = "BINARY2") -> str:
    fault = fault_of(votable(fields, stream(content, kind)))
    return f"{fault.place}: {fault.message}"


def test_the_vectors() -> None:
    # VOT-200, VOT-201, VOT-202, VOT-050, VOT-051, VOT-053, VOT-057, VOT-059, VOT-060, VOT-080, VOT-082
    assert values_of(NINE, VECTOR) == [VALUES, (None,) * 9]


def test_the_same_row_without_flags() -> None:
    # VOT-080, VOT-200
    assert values_of(NINE, ROW + ROW, "BINARY") == [VALUES, VALUES]


def test_arrays_count_primitives() -> None:
    # VOT-203, VOT-080
    fields = [field("s", "short", arraysize="2x*"), field("b", "bit", arraysize="*")]
    content = bytes.fromhex("00000006 000100020003000400050006 0000000a b040")
    assert values_of(fields, content, "BINARY") == [([1, 2, 3, 4, 5, 6], [1, 0, 1, 1, 0, 0, 0, 0, 0, 1])]
    told = told_of(fields, bytes.fromhex("00000003 000100020003 00000000"), "BINARY")
    assert told == "row 1, column s: 3 elements, arraysize is 2x*"


@pytest.mark.parametrize("columns", [1, 7, 8, 9, 16, 17])
def test_flags_of_null(columns: int) -> None:
    # VOT-082, VOT-083: whatever the bytes are
    fields = [field(f"x{n}", "unsignedByte") for n in range(columns)]
    flags = bytearray((columns + 7) // 8)
    flags[0] |= 0x80
    flags[(columns - 1) // 8] |= 0x80 >> ((columns - 1) % 8)
    (row,) = values_of(fields, bytes(flags) + b"\x07" * columns)
    assert row == tuple(None if n in (0, columns - 1) else 7 for n in range(columns))


def test_nulls_of_each_type_without_flags() -> None:
    # VOT-050, VOT-072, VOT-084, VOT-085
    fields = [
        field("n", "int", '<VALUES null="-1"/>'),
        field("f", "float"),
        field("t", "char", arraysize="*"),
        field("d", "boolean"),
        field("c", "doubleComplex"),
        field("a", "short", '<VALUES null="9"/>', arraysize="2"),
        field("v", "short", arraysize="*"),
    ]
    nan = struct.pack(">d", float("nan"))
    null = struct.pack(">ifi", -1, float("nan"), 0) + b" " + nan * 2 + struct.pack(">hhi", 9, 3, 0)
    assert values_of(fields, null, "BINARY") == [(None, None, None, None, None, [None, 3], None)]


def test_an_empty_text_is_none_in_binary_and_one_in_binary2() -> None:
    # VOT-071, VOT-080
    fields = [field("t", "char", arraysize="*"), field("a", "int", arraysize="*")]
    assert values_of(fields, bytes(8), "BINARY") == [(None, None)]
    assert values_of(fields, bytes(9)) == [("", [])]


def test_nan_is_null_flagged_or_not() -> None:
    # VOT-084
    nan = struct.pack(">f", float("nan"))
    assert values_of([field("x", "float")], b"\x00" + nan + b"\x80" + nan) == [(None,), (None,)]


@pytest.mark.parametrize(
    ("datatype", "arraysize", "content", "wanted"),
    [
        ("char", "5", b"ab\x00cd", "ab"),
        ("char", "5*", b"\x00\x00\x00\x05ab\x00cd", "ab"),
        ("char", "3", "é€"[:1].encode() + b"\x00", "é"),
        ("char", "*", b"\x00\x00\x00\x05" + "é€".encode(), "é€"),
        ("char", None, b"q", "q"),
        ("char", "3x2", b"a\x00\x00bcd", "a  bcd"),
        ("char", "3x*", b"\x00\x00\x00\x06a\x00\x00bcd", "a  bcd"),
        ("unicodeChar", "3", b"\x00a\x20\xac\x00\x00", "a€"),
        ("unicodeChar", None, b"\x20\xac", "€"),
        ("unicodeChar", "*", b"\x00\x00\x00\x02\xd8\x3d\xde\x00", "😀"),
        ("unicodeChar", "2x2", b"\x00a\x00\x00\x00b\x00c", "a bc"),
    ],
)
def test_texts(datatype: str, arraysize: str | None, content: bytes, wanted: str) -> None:
    # VOT-025, VOT-038, VOT-056, VOT-057
    given = {} if arraysize is None else {"arraysize": arraysize}
    assert values_of([field("x", datatype, **given)], content, "BINARY") == [(wanted,)]


@pytest.mark.parametrize(("letters", "value"), [(b"Tt1", True), (b"Ff0", False), (b"\x00 ?", None)])
def test_truth_values(letters: bytes, value: bool | None) -> None:
    # VOT-050, VOT-084
    assert values_of([field("x", "boolean")], letters, "BINARY") == [(value,)] * 3


def test_a_single_bit_is_set_by_any_of_its_byte() -> None:
    # VOT-051: 0x80 as the standard has it, 0x08 as astropy 8 writes it
    assert values_of([field("x", "bit")], b"\x80\x08\x00", "BINARY") == [(1,), (1,), (0,)]


@pytest.mark.parametrize(
    ("fields", "content", "kind", "told"),
    [
        ([field("x", "int")], bytes(9), "BINARY", "row 3: the STREAM ends in the middle of the row, 1 bytes"),
        (
            [field("x", "int")],
            bytes(7),
            "BINARY2",
            "row 2: the STREAM ends in the middle of the row, 2 bytes",
        ),
        (
            [field("x", "char", arraysize="*")],
            b"\x00\x00\x00\x01a\xff\xff\xff\xffa",
            "BINARY",
            "row 2, column x: a cell of -1 elements",
        ),
        (
            [field("x", "char", arraysize="*")],
            b"\x7f\xff\xff\xff",
            "BINARY",
            "row 1, column x: a cell of 2147483647 elements",
        ),
        ([field("x", "char", arraysize="*")], b"\x00\x00\x10\x00abc", "BINARY", "row 1: the STREAM ends"),
        (
            [field("x", "char", arraysize="2*")],
            b"\x00\x00\x00\x03abc",
            "BINARY",
            "row 1, column x: a text of 3 characters, arraysize 2* allows 2",
        ),
        (
            [field("x", "int", arraysize="1*")],
            b"\x00\x00\x00\x00" + b"\x00\x00\x00\x02" + bytes(8),
            "BINARY",
            "row 2, column x: 2 elements, arraysize is 1*",
        ),
        ([field("x", "boolean")], b"TF\x01", "BINARY", "row 3, column x: byte 0x01 is not T, F, 1, 0 or ?"),
        (
            [field("x", "char", arraysize="2")],
            b"ab\xff\xfe",
            "BINARY",
            "row 2, column x: the text is neither",
        ),
        (
            [field("x", "boolean", arraysize="*")],
            b"\x00\x00\x00\x03TTF" + bytes(4) + b"\x00\x00\x00\x01F" + b"\x00\x00\x00\x02T\x01",
            "BINARY",
            "row 4, column x: byte 0x01 is not T, F, 1, 0 or ?",
        ),
        (
            [field("x", "boolean", arraysize="2*")],
            b"\x00\x00\x00\x01T" + b"\x00\x00\x00\x01F" + b"\x00\x00\x00\x01\x01",
            "BINARY",
            "row 3, column x: byte 0x01",
        ),
        ([field("x", "boolean", arraysize="2")], b"TFT\x01", "BINARY", "row 2, column x: byte 0x01"),
        ([field("x", "unicodeChar")], b"\xd8\x3d", "BINARY", "row 1, column x: the text holds half of a"),
    ],
)
def test_bytes_that_are_no_rows(fields: list[str], content: bytes, kind: str, told: str) -> None:
    # VOT-080, VOT-081, VOT-087, VOT-182
    assert told_of(fields, content, kind).startswith(told)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("AAAA AAAB\n\tAAAA", None),
        ("AAAAAA==", "row 2: the STREAM ends in the middle"),
        ("AAAAA", "has a length that is no multiple of 4"),
        ("AAA*", "the STREAM is not base64: it holds '*'"),
        ("AAAé", "the STREAM is not base64: it holds 'é'"),
        ("AA==AAAA", "the STREAM is not base64: its padding is wrong"),
        ("A===", "the STREAM is not base64"),
    ],
)
def test_base64(text: str, told: str | None) -> None:
    # VOT-087
    fields = [field("x", "unsignedByte", arraysize="3")]
    if told is None:
        assert values_of(fields, text, "BINARY") == [([0, 0, 0],), ([0, 0, 1],), ([0, 0, 0],)]
    else:
        assert told in told_of(fields, text, "BINARY")


def test_base64_behind_its_end_mark() -> None:
    # VOT-087: also where the parse gives the text in pieces
    text = "A" * 65536 + "AA==" + "\n" * 65536 + "AAAA"
    assert "behind its end mark" in told_of([field("x", "unsignedByte")], text, "BINARY")


def test_wrong_base64_is_told_with_the_rows_before_it() -> None:
    # VOT-087
    text = base64.b64encode(bytes(3 << 20)).decode() + "****"
    document = votable([field("x", "unsignedByte", arraysize="1024")], stream(text, "BINARY"))
    found = re.search(r", behind row (\d+)$", fault_of(document, rows=10000, size=1 << 24).message)
    assert found is not None
    assert 3000 < int(found[1]) <= 3072  # as many as were read: text comes in pieces


@pytest.mark.parametrize(
    ("attributes", "told"),
    [
        ('href="http://127.0.0.1:9/x" encoding="base64"', "the data lie elsewhere (STREAM href)"),
        ('href="file:///etc/passwd"', "the data lie elsewhere"),
        ('encoding="gzip"', "a STREAM in the encoding 'gzip' is not read"),
        ('encoding="none"', "a STREAM in the encoding 'none' is not read"),
        ('encoding="dynamic"', "a STREAM in the encoding 'dynamic' is not read"),
        (
            'encoding="BASE64" type="locator" actuate="onLoad" rights="secret" expires="2020-01-01T00:00:00"',
            None,
        ),
        ("", None),
    ],
)
def test_attributes_of_a_stream(attributes: str, told: str | None) -> None:
    # VOT-086, VOT-088, VOT-089
    document = votable([field("x", "unsignedByte", arraysize="3")], stream("AAAA", "BINARY", attributes))
    if told is None:
        assert rows_of(read(document)) == [([0, 0, 0],)]
    else:
        fault = fault_of(document)
        assert told in fault.message
        assert "secret" not in fault.message


@pytest.mark.parametrize("inner", ["", '<STREAM href="http://127.0.0.1:9/x.parquet"/>'])
def test_data_in_a_parquet_file_elsewhere(inner: str) -> None:
    # VOT-088: told as what it is, and only of the table that is read
    lost = f"<DATA><PARQUET>{inner}</PARQUET></DATA>"
    fields = [field("x", "unsignedByte")]
    assert "upload that file itself" in fault_of(votable(fields, lost)).message
    first = votable(fields, stream(b"\7", "BINARY"))
    text = first.replace("</RESOURCE>", f"</RESOURCE><RESOURCE><TABLE>{fields[0]}{lost}</TABLE></RESOURCE>")
    assert rows_of(read(text)) == [(7,)]


@pytest.mark.parametrize("kind", ["BINARY", "BINARY2"])
def test_an_empty_stream_is_a_table_without_rows(kind: str) -> None:
    # VOT-090
    data = f'<DATA><{kind}><STREAM encoding="base64"/></{kind}></DATA>'
    assert read(votable(NINE, data)).rows.num_rows == 0


def test_elements_within_a_stream() -> None:
    document = votable([field("x", "int")], stream("AAAA<TR/>", "BINARY"))
    assert "the element 'TR' has no place in a STREAM" in fault_of(document).message


def test_rows_of_any_size_over_many_batches() -> None:
    # VOT-090: cells that end where a batch does, and within one
    texts = ["x" * (n * 37 % 500) for n in range(40_000)]
    content = b"".join(
        struct.pack(f">hi{len(t)}sd", n % 100, len(t), t.encode(), n) for n, t in enumerate(texts)
    )
    fields = [field("n", "short"), field("t", "char", arraysize="*"), field("d", "double")]
    found = read(votable(fields, stream(content, "BINARY")), rows=50_000, size=1 << 26)
    assert found.rows.num_rows == 40_000
    assert found.rows["t"].to_pylist() == [text or None for text in texts]
    assert found.rows["d"].to_pylist() == [float(n) for n in range(40_000)]
    told = fault_of(votable(fields, stream(content + b"\x00" * 3, "BINARY")), rows=50_000, size=1 << 26)
    assert told.row == 40_001
