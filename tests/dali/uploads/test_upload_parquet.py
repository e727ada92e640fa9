"""Parquet files as columns and rows; facts of columns in the footer; files that lie or swell."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.table import Table
from upload_tables import facts, fault_of, field, read, rows_of, stream, tabledata, votable


def content_of(table: pa.Table, **arguments: Any) -> bytes:
    made = io.BytesIO()
    pq.write_table(table, made, **arguments)
    return made.getvalue()


MOMENT = datetime(2026, 1, 31, 12, 0, 0, 250_000)


@pytest.mark.parametrize("spooled", [False, True])
@pytest.mark.parametrize(
    ("kind", "given", "described", "wanted"),
    [
        (pa.bool_(), [True, None], ("boolean", None), [True, None]),
        (pa.int8(), [-5, None], ("short", None), [-5, None]),
        (pa.uint8(), [255, None], ("unsignedByte", None), [255, None]),
        (pa.uint16(), [65535], ("int", None), [65535]),
        (pa.uint32(), [2**32 - 1], ("long", None), [2**32 - 1]),
        (pa.uint64(), [2**63 - 1], ("long", None), [2**63 - 1]),
        (pa.int64(), [2**63 - 1], ("long", None), [2**63 - 1]),
        (pa.float32(), [1.5, float("nan")], ("float", None), [1.5, None]),
        (pa.float64(), [1.5, None, float("inf")], ("double", None), [1.5, None, float("inf")]),
        (pa.decimal128(10, 2), [None], ("double", None), [None]),
        (pa.string(), ["a", None, ""], ("char", "*"), ["a", None, ""]),
        (pa.large_string(), ["é"], ("unicodeChar", "*"), ["é"]),
        (pa.binary(), [b"ab"], ("char", "*"), ["ab"]),
        (pa.dictionary(pa.int8(), pa.string()), ["a", "b", "a", None], ("char", "*"), ["a", "b", "a", None]),
        (pa.null(), [None, None], ("char", "*"), [None, None]),
        (pa.timestamp("us"), [MOMENT, None], ("char", "*"), [MOMENT, None]),
        (pa.timestamp("ns"), [MOMENT], ("char", "*"), [MOMENT]),
        (pa.timestamp("ms", "Europe/Berlin"), [MOMENT.replace(tzinfo=UTC)], ("char", "*"), [MOMENT]),
        (pa.date32(), [date(2026, 1, 31)], ("char", "*"), [datetime(2026, 1, 31)]),
        (pa.list_(pa.float64()), [[1.0, 2.0], [], None], ("double", "*"), [[1.0, 2.0], [], None]),
        (pa.list_(pa.int16(), 2), [[1, 2], None], ("short", "2"), [[1, 2], None]),
        (pa.large_list(pa.int64()), [[1]], ("long", "*"), [[1]]),
    ],
)
def test_types(
    kind: pa.DataType, given: list[Any], described: tuple[str, str | None], wanted: list[Any], spooled: bool
) -> None:
    found = read(content_of(pa.table({"x": pa.array(given, kind)})), spooled=spooled)
    assert facts(found.columns[0])[:2] == described
    assert [row[0] for row in rows_of(found)] == wanted
    assert found.columns[0].xtype == ("timestamp" if isinstance(wanted[0], datetime) else None)


@pytest.mark.parametrize(
    ("kind", "given", "told"),
    [
        (pa.struct([("a", pa.int32())]), [{"a": 1}], "cannot be taken"),
        (pa.list_(pa.string()), [["a"]], "cannot be taken"),
        (pa.map_(pa.string(), pa.int32()), [[("a", 1)]], "cannot be taken"),
        (pa.uint64(), [2**63], "not in range"),
        (pa.binary(), [b"\xff\xfe"], "UTF8"),
        (pa.time32("s"), [5], "cannot be taken"),
        (pa.timestamp("ms"), [10**17], "out of bounds"),
        (pa.timestamp("ms"), [253402300800000], "beyond the years 1 to 9999"),
        (pa.timestamp("us"), [-62135596800000001], "beyond the years 1 to 9999"),
        (pa.date32(), [2**31 - 1], "out of bounds"),
    ],
)
def test_types_that_are_not_taken(kind: pa.DataType, given: list[Any], told: str) -> None:
    fault = fault_of(content_of(pa.table({"x": pa.array(given, kind)})))
    assert told in fault.message
    assert fault.column == "x"


def test_facts_of_columns_in_the_footer(tmp_path: Path) -> None:
    # TAP-090: as VOParquet has them
    given = Table({"ra": [10.5, 20.5], "name": ["a", "é"]})
    given["ra"].unit = "deg"
    path = tmp_path / "t.parquet"
    notes = {
        "ra": {"unit": "deg", "ucd": "pos.eq.ra;meta.main", "description": "Of it.", "utype": "a:b"},
        "name": {"unit": "", "ucd": "meta.id", "description": "", "utype": ""},
    }
    given.write(path, format="parquet.votable", metadata=notes)
    found = read(path.read_bytes())
    assert facts(found.columns[0]) == ("double", None, None, "deg", "pos.eq.ra;meta.main", "a:b")
    assert found.columns[0].description == "Of it."
    assert found.columns[1].ucd == "meta.id"
    assert rows_of(found) == [(10.5, "a"), (20.5, "é")]


@pytest.mark.parametrize(
    "data",
    [
        "",
        '<DATA><PARQUET><STREAM href="file:///x.parquet"/></PARQUET></DATA>',
        "<DATA><PARQUET/></DATA>",
        stream(bytes(8), "BINARY"),
        stream(bytes(8), "FITS"),
        tabledata([["1"]]),
    ],
)
def test_facts_in_the_footer_count_wherever_its_data_are(data: str) -> None:
    text = votable([field("x", "long", unit="Jy", ucd="phot.flux")], data)
    made = pa.table({"x": [1]}).replace_schema_metadata({b"IVOA.VOTable-Parquet.content": text})
    (found,) = read(content_of(made)).columns
    assert (found.unit, found.ucd) == ("Jy", "phot.flux")


def test_a_footer_that_cannot_be_read_is_none() -> None:
    for text in (b"<VOTABLE>", b"<!DOCTYPE x>", b"\xff"):
        table = pa.table({"x": [1]}).replace_schema_metadata({b"IVOA.VOTable-Parquet.content": text})
        assert rows_of(read(content_of(table))) == [(1,)]


def test_facts_of_columns_in_the_schema() -> None:
    schema = pa.schema([pa.field("x", pa.int32(), metadata={"unit": "pix", "description": "Of x."})])
    found = read(content_of(pa.table({"x": [1]}, schema=schema)))
    assert (found.columns[0].unit, found.columns[0].description) == ("pix", "Of x.")


def test_rows_are_counted_by_the_footer() -> None:
    # TAP-089
    content = content_of(pa.table({"x": range(1001)}))
    assert "the table has 1001 rows, more than the 1000 allowed" in fault_of(content).message
    assert read(content_of(pa.table({"x": range(1000)})), rows=1000).rows.num_rows == 1000


def test_what_swells_is_refused() -> None:
    # VOT-181: one long text in many rows, and one row of very many numbers
    swollen = content_of(pa.table({"x": ["y" * 100_000] * 1000}))
    assert len(swollen) < 110_000
    assert "its texts are above" in fault_of(swollen).message
    endless = content_of(pa.table({"x": pa.array([[0] * 3_000_000], pa.list_(pa.int8()))}))
    assert len(endless) < 1 << 17
    assert "the content of the table is above" in fault_of(endless, size=1 << 17).message


@pytest.mark.parametrize("what", ["texts", "lists"])
def test_what_swells_is_read_a_few_rows_at_a_time(what: str) -> None:
    # VOT-181: what is allowed by size is never in memory as a whole, nor are very many numbers of few bytes
    if what == "texts":
        column = pa.DictionaryArray.from_arrays(pa.array([0] * 4000, pa.int32()), pa.array(["y" * 50_000]))
    else:
        ends = pa.array(range(0, 16_000_001, 4000), pa.int32())
        column = pa.ListArray.from_arrays(ends, pa.repeat(1.5, 16_000_000))
    content = content_of(pa.table({"x": column}), compression="zstd")
    assert len(content) < 1 << 17
    pa.default_memory_pool().release_unused()
    before = pa.total_allocated_bytes()
    seen: list[int] = []
    found = read(content, rows=4000, size=1 << 24, check=lambda: seen.append(pa.total_allocated_bytes()))
    assert found.rows.num_rows == 4000
    assert max(seen) - before < 48 << 20


def test_arrays_of_one_row_group_are_counted() -> None:
    # VOT-181: all of them may be those of one row
    values = pa.repeat(pa.scalar(0, pa.int8()), (1 << 26) + 2)
    table = pa.table({"x": pa.ListArray.from_arrays(pa.array([0, len(values)], pa.int32()), values)})
    fault = fault_of(content_of(table, compression="zstd"), size=1 << 28)
    assert "the arrays of a row group have more than 67108864 elements" in fault.message


def varint(number: int, length: int = 0) -> bytes:
    """A number as Thrift's compact protocol has it, in at least so many bytes."""
    number <<= 1
    made = bytearray()
    while not made or number or len(made) < length:
        made.append(number & 127 | 128)
        number >>= 7
    made[-1] &= 127
    return bytes(made)


def test_pages_are_measured_whatever_the_footer_says() -> None:
    # VOT-181: ten kilobytes that want 320 MB, of which the footer says nothing
    rows = 40_000_000
    content = content_of(
        pa.table({"x": pa.repeat(pa.scalar(0, pa.int64()), rows)}),
        compression="zstd",
        use_dictionary=False,
        write_statistics=False,
        data_page_size=1 << 30,
        row_group_size=rows,
        write_batch_size=rows,
        max_rows_per_page=rows,
    )
    chunk = pq.read_metadata(io.BytesIO(content)).row_group(0).column(0)
    at = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    lying = content[at:]
    for number, told in ((chunk.total_uncompressed_size, 1000), (rows, 10)):
        lying = lying.replace(varint(number), varint(told, len(varint(number))))
    content = content[:at] + lying
    assert pq.read_metadata(io.BytesIO(content)).num_rows == 10 and len(content) < 20_000
    pa.default_memory_pool().release_unused()
    before = pa.total_allocated_bytes()
    fault = fault_of(content)
    assert fault.column == "x" and "a page of 3200000" in fault.message
    assert pa.total_allocated_bytes() - before < 1 << 20


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("compression", ["none", "snappy", "gzip", "zstd"])
@pytest.mark.parametrize("dictionary", [True, False])
def test_pages_of_any_kind(version: str, compression: str, dictionary: bool) -> None:
    given = pa.table(
        {
            "n": range(5000),
            "s": [f"text {n % 7}" * 20 for n in range(5000)],
            "v": pa.array([[float(n)] * (n % 4) for n in range(5000)]),
        }
    )
    content = content_of(
        given,
        compression=compression,
        use_dictionary=dictionary,
        data_page_version=version,
        data_page_size=1000,
        row_group_size=1500,
        write_page_checksum=True,
    )
    found = read(content, rows=5000)
    assert [found.rows[name].to_pylist() for name in given.column_names] == [
        c.to_pylist() for c in given.columns
    ]


@pytest.mark.parametrize("at", [4, 100, -100, -8, -4])
def test_files_that_are_broken(at: int) -> None:
    content = content_of(pa.table({"x": list(range(1000)), "y": ["a"] * 1000}))
    assert fault_of(content[:at]).message
    torn = bytearray(content)
    torn[at : at + 3] = b"\xff\xff\xff"
    try:
        read(bytes(torn))
    except Exception as error:
        assert type(error).__name__ == "UploadFault", error


def test_names_given_twice() -> None:
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["x", "x"])
    assert "two columns have this name" in fault_of(content_of(table)).message
