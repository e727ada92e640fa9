"""FITS binary tables as columns and rows, alone and within a VOTable; headers that lie."""

from __future__ import annotations

import base64
import io
import tracemalloc
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from upload_tables import facts, fault_of, field, read, rows_of, stream, votable


def content_of(*hdus: Any) -> bytes:
    made = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(made)
    return made.getvalue()


def table_of(*columns: fits.Column, **cards: Any) -> fits.BinTableHDU:
    made = fits.BinTableHDU.from_columns(list(columns))
    made.header.update(cards)
    return made


def values_of(*columns: fits.Column, spooled: bool = False, **cards: Any) -> list[tuple[Any, ...]]:
    return rows_of(read(content_of(table_of(*columns, **cards)), spooled=spooled))


@pytest.mark.parametrize("spooled", [False, True])
@pytest.mark.parametrize(
    ("form", "given", "datatype", "arraysize", "wanted"),
    [
        ("L", [True, False], "boolean", None, [True, False]),
        ("B", np.array([0, 255], "u1"), "unsignedByte", None, [0, 255]),
        ("I", np.array([-5, 7], "i2"), "short", None, [-5, 7]),
        ("J", np.array([-5, 7], "i4"), "int", None, [-5, 7]),
        ("K", np.array([-5, 2**62], "i8"), "long", None, [-5, 2**62]),
        ("E", np.array([1.5, np.nan], "f4"), "float", None, [1.5, None]),
        ("D", np.array([1.5, np.inf], "f8"), "double", None, [1.5, np.inf]),
        ("C", np.array([1 - 2j, 0], "c8"), "float", "2", [[1.0, -2.0], [0.0, 0.0]]),
        ("M", np.array([1 - 2j, np.nan + 1j * np.nan], "c16"), "double", "2", [[1.0, -2.0], None]),
        ("5A", np.array(["ab", ""]), "char", "5", ["ab", None]),
        ("3J", np.arange(6, dtype="i4").reshape(2, 3), "int", "3", [[0, 1, 2], [3, 4, 5]]),
        ("6X", np.array([[1, 0, 1, 1, 0, 1], [0] * 6], bool), "bit", "6", [[1, 0, 1, 1, 0, 1], [0] * 6]),
        ("PJ()", np.array([np.arange(3), np.arange(0)], object), "int", "*", [[0, 1, 2], None]),
        ("QD()", np.array([np.arange(1.0), np.arange(2.0)], object), "double", "*", [[0.0], [0.0, 1.0]]),
    ],
)
def test_types(
    form: str, given: Any, datatype: str, arraysize: str | None, wanted: list[Any], spooled: bool
) -> None:
    # VOT-091: the letters of FITS are the types of VOTable
    found = read(content_of(table_of(fits.Column("x", form, array=given))), spooled=spooled)
    assert facts(found.columns[0])[:2] == (datatype, arraysize)
    assert [row[0] for row in rows_of(found)] == wanted


def test_scaled_and_unsigned_numbers_and_nulls() -> None:
    assert values_of(fits.Column("x", "I", array=np.array([0, 65535], "u2"), bzero=32768)) == [(0,), (65535,)]
    assert values_of(fits.Column("x", "J", array=np.array([0, 2**32 - 1], "u4"), bzero=2**31)) == [
        (0,),
        (2**32 - 1,),
    ]
    assert values_of(fits.Column("x", "K", array=np.array([0, 2**63 - 1], "u8"), bzero=2**63)) == [
        (0,),
        (2**63 - 1,),
    ]
    assert values_of(fits.Column("x", "B", array=np.array([-128, 127], "i1"), bzero=-128)) == [
        (-128,),
        (127,),
    ]
    assert values_of(fits.Column("x", "I", array=np.array([5, -99], "i2"), null=-99)) == [(5,), (None,)]
    stored = fits.Column("x", "I", array=np.array([1, 2, -9], "i2"), null=-9)
    assert values_of(stored, TSCAL1=0.5, TZERO1=1.0) == [(1.5,), (2.0,), (None,)]
    pairs = fits.Column("x", "2I", array=np.array([[1, 2]], "i2"))
    assert values_of(pairs, TSCAL1=0.5) == [([0.5, 1.0],)]
    told = fault_of(
        content_of(table_of(fits.Column("x", "K", array=np.array([1, 2**63], "u8"), bzero=2**63)))
    )
    assert (told.row, told.column) == (2, "x")


@pytest.mark.parametrize("form", ["PK()", "3K", "K"])
def test_an_unsigned_number_beyond_long_is_told_with_its_row(form: str) -> None:
    # VOT-087: cells of several elements and of none are before it
    if form == "PK()":
        stored: Any = np.array([[-1, -2, -5], [], [-3], [], [-4, 0]], object)
    else:
        stored = np.array([[-1] * 3] * 4 + [[-1, -1, 0]])[:, -(3 if form == "3K" else 1) :].squeeze()
    content = content_of(table_of(fits.Column("x", form, array=stored), fits.Column("n", "J", array=[0] * 5)))
    told = fault_of(with_cards(content, TZERO1=2**63))
    assert (told.row, told.column) == (5, "x")
    assert "beyond 9223372036854775807" in told.message


def test_unsigned_numbers_in_cells_of_varying_size() -> None:
    stored = np.array([[-1, -(2**63)], [], [-3]], object)
    content = with_cards(content_of(table_of(fits.Column("x", "PK()", array=stored))), TZERO1=2**63)
    assert rows_of(read(content)) == [([2**63 - 1, 0],), (None,), ([2**63 - 3],)]


@pytest.mark.parametrize("form", ["PL()", "2L"])
def test_a_byte_that_is_no_truth_value_is_told_with_its_row(form: str) -> None:
    # VOT-087
    cells: Any = [[True, False], [False, True], [True, True]]
    if form == "PL()":
        cells = np.array([[True, False, True, True], [], [False]], object)
    content = content_of(table_of(fits.Column("x", form, array=cells)))
    at = content.rindex(b"F" if form == "PL()" else b"TT") + (0 if form == "PL()" else 1)
    told = fault_of(content[:at] + b"Z" + content[at + 1 :])
    assert (told.row, told.column, told.message) == (3, "x", "byte 0x5a is not T, F, 1, 0 or ?")


def test_facts_of_columns() -> None:
    column = fits.Column("flux", "D", array=np.array([1.0]), unit="Jy")
    made = table_of(column, TUCD1="phot.flux", TUTYP1="a:b", TCOMM1="Of it.", TDISP1="F8.3")
    (found,) = read(content_of(made)).columns
    assert facts(found) == ("double", None, None, "Jy", "phot.flux", "a:b")
    assert found.description == "Of it."
    point = table_of(fits.Column("p", "2D", array=np.ones((1, 2))), TXTYP1="point")
    assert read(content_of(point)).columns[0].xtype == "point"


def test_dimensions() -> None:
    grid = fits.Column("g", "6J", dim="(2,3)", array=np.arange(6, dtype="i4").reshape(1, 3, 2))
    found = read(content_of(table_of(grid)))
    assert facts(found.columns[0])[:2] == ("int", "2x3")
    assert rows_of(found) == [([0, 1, 2, 3, 4, 5],)]
    texts = fits.Column("t", "6A", dim="(3,2)", array=np.array([["ab", "cde"]]))
    assert rows_of(read(content_of(table_of(texts)))) == [("ab cde",)]


def test_the_first_binary_table_is_read() -> None:
    image = fits.ImageHDU(np.zeros((30, 40)))
    first, second = (table_of(fits.Column("x", "J", array=[n])) for n in (1, 2))
    assert rows_of(read(content_of(image, first, second))) == [(1,)]
    assert read(content_of(table_of(fits.Column("x", "J", array=[])))).rows.num_rows == 0


def test_many_rows_in_blocks() -> None:
    count = 20_000
    found = read(
        content_of(
            table_of(
                fits.Column("n", "J", array=np.arange(count)),
                fits.Column("v", "PJ()", array=np.array([np.arange(n % 5) for n in range(count)], object)),
            )
        ),
        rows=count,
        size=1 << 24,
        spooled=True,
    )
    assert found.rows["n"].to_pylist() == list(range(count))
    assert found.rows["v"].to_pylist() == [list(range(n % 5)) or None for n in range(count)]


def changed(content: bytes, card: str, value: object) -> bytes:
    """The file with another value in the last card of a name."""
    at = content.rindex(f"{card:8}=".encode())
    return content[:at] + f"{card:8}= {value!s:>20}".ljust(80).encode() + content[at + 80 :]


LISTS = np.array([[1], [2, 3], []], object)
GOOD = content_of(table_of(fits.Column("x", "J", array=[1, 2, 3]), fits.Column("v", "PJ()", array=LISTS)))


@pytest.mark.parametrize(
    ("card", "value"),
    [
        ("NAXIS2", 10**12),
        ("NAXIS2", 10**18),
        ("NAXIS2", -5),
        ("NAXIS2", "1.5"),
        ("NAXIS2", "T"),
        ("NAXIS1", 10**12),
        ("NAXIS1", 8),
        ("NAXIS1", 0),
        ("PCOUNT", 10**12),
        ("PCOUNT", -1),
        ("GCOUNT", -1),
        ("TFIELDS", 10**6),
        ("TFIELDS", 0),
        ("TFIELDS", 3),
        ("TFORM1", "'99999999999J'"),
        ("TFORM1", "'Z'"),
        ("TFORM1", "''"),
        ("TFORM1", "'2PJ'"),
        ("TFORM2", "'PZ(1)'"),
        ("TTYPE2", "'x'"),
        ("XTENSION", "'IMAGE'"),
        ("NAXIS", 10**9),
    ],
)
def test_headers_that_lie(card: str, value: object) -> None:
    # VOT-181, VOT-182: looked at before anything is made of them
    assert fault_of(changed(GOOD, card, value)).message


def with_cards(content: bytes, **cards: object) -> bytes:
    """A file with more cards at the end of its last header, in the room behind them."""
    at = content.rindex(b"END".ljust(80))
    more = b"".join(f"{key:8}= {value!s:>20}".ljust(80).encode() for key, value in cards.items())
    assert content[at + 80 : at + 80 + len(more)].isspace()
    return content[:at] + more + content[at : at + 80] + content[at + 80 + len(more) :]


@pytest.mark.parametrize(("scale", "zero"), [(0.5, 0), (1, 10), (0, 3), (2, -1e300)])
def test_large_whole_numbers_are_scaled_as_doubles(scale: float, zero: float) -> None:
    # FITS 4.0, 7.3.2: TZERO + TSCAL * stored
    stored = [2**60 + 1, -(2**63), 3]
    content = content_of(table_of(fits.Column("x", "K", array=np.array(stored))))
    found = read(with_cards(content, TSCAL1=scale, TZERO1=str(zero).upper())).rows["x"].to_pylist()
    assert found == [zero + scale * float(value) for value in stored]


def test_scaled_complex_numbers_are_refused() -> None:
    content = content_of(table_of(fits.Column("x", "C", array=np.array([1 + 2j]))))
    assert len(read(content).rows) == 1
    assert "complex numbers with TSCAL" in fault_of(with_cards(content, TSCAL1=2.0)).message


@pytest.mark.parametrize("limit", [2])
def test_rows_are_counted_by_the_header(limit: int) -> None:
    # TAP-089
    assert "the table has 3 rows, more than the 2 allowed" in fault_of(GOOD, rows=limit).message


def test_cells_beyond_the_heap() -> None:
    # VOT-182
    at = GOOD.index(b"END" + b" " * 77, GOOD.index(b"XTENSION")) // 2880 * 2880 + 2880
    row = GOOD[at : at + 12]
    for count, place in ((10**9, 0), (-1, 0), (1, 10**6), (1, -4), (2, 8), (3, 4), (2**31 - 1, 2**31 - 1)):
        broken = row[:4] + count.to_bytes(4, "big", signed=True) + place.to_bytes(4, "big", signed=True)
        told = fault_of(GOOD[:at] + broken + GOOD[at + 12 :])
        assert (told.row, told.column) == (1, "v")
        assert f"a cell of {count} elements at byte {place} of a heap of" in told.message


def test_cells_that_share_their_bytes_are_read_a_few_at_a_time() -> None:
    # VOT-181: a megabyte in the heap, which is the cell of each of a hundred rows
    size, rows = 1 << 20, 100
    content = content_of(
        table_of(fits.Column("v", "PB()", array=np.array([np.ones(size, "u1")], dtype=object)))
    )
    at = content.index(b"END" + b" " * 77, content.index(b"XTENSION")) // 2880 * 2880 + 2880
    head = content[:at].replace(b"NAXIS2  =                    1", b"NAXIS2  =                  100")
    head = head.replace(b"THEAP   =                    8", b"THEAP   =                  800")
    sharing = head + content[at : at + 8] * rows + b"\1" * size
    tracemalloc.start()
    try:
        assert read(sharing, size=1 << 24, spooled=True).rows.num_rows == rows
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("size", [0, 80, 2880, 5000, 8640 - 2880])
def test_files_that_are_cut(size: int) -> None:
    assert fault_of(GOOD[:size]).message


def test_a_header_without_end() -> None:
    # VOT-181
    assert "header" in fault_of(GOOD[:2880] + b"COMMENT x".ljust(80) * 72_000, size=1 << 24).message


def test_images_have_no_table() -> None:
    assert "no binary table" in fault_of(content_of(fits.ImageHDU(np.zeros(3)))).message


def test_fits_within_a_votable() -> None:
    # VOT-091, TAP-080: the names and facts of the FIELDs go before those of the file
    fields = [field("n", "int", unit="pix", ucd="meta.id"), field("list", "int", arraysize="*")]
    data = (
        stream(base64.encodebytes(GOOD).decode())
        .replace("BINARY2", "FITS")
        .replace("<FITS>", '<FITS extnum="1">')
    )
    found = read(votable(fields, data))
    assert [column.name for column in found.columns] == ["n", "list"]
    assert facts(found.columns[0]) == ("int", None, None, "pix", "meta.id", None)
    assert rows_of(found) == [(1, [1]), (2, [2, 3]), (3, None)]
    for extnum, told in (
        ("2", "no binary table at extension 2"),
        ("x", "extnum='x'"),
        ("0", "no binary table"),
    ):
        assert told in fault_of(votable(fields, data.replace('"1"', f'"{extnum}"'))).message
    assert "2 columns" in fault_of(votable(fields[:1], data)).message
