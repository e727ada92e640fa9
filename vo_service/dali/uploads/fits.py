"""Binary tables of FITS files as columns and rows, and coverage maps in FITS (FITS 4.0, section 7.3).

Rows are read from the mapped file, some thousand at a time, and fewer where they are large: what lies in the
heap may be named by any number of cells. TUNITn, TUCDn, TUTYPn, TXTYPn and TCOMMn are the
facts of a column; TNULLn, TSCALn and TZEROn are applied.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vo_service.dali.multipart import Part
from vo_service.dali.uploads.bytes_of_cells import Bytes, fixed_cells, stored_bytes, variable_cells
from vo_service.dali.uploads.cells import BadElement, list_array
from vo_service.dali.uploads.coverage import Coverage, coverage_of_column
from vo_service.dali.uploads.describing import described
from vo_service.dali.uploads.faults import UploadFault
from vo_service.dali.uploads.fields import CELL_BYTES, Field, check_names
from vo_service.dali.uploads.fits_header import BinaryTable, find_table, number_value, text_value
from vo_service.dali.uploads.rows import ReadLimits, ReadTable, Rows

if TYPE_CHECKING:
    from astropy.io.fits import Header

_ROWS = 1 << 13
_BYTES_AT_ONCE = 4 << 20
_ELEMENTS_AT_ONCE = 1 << 20  # of cells in the heap
_FORM = re.compile(r"\s*(\d*)([A-Z])\s*([A-Z]?).*", re.DOTALL)
_DIMENSIONS = re.compile(r"\s*\(\s*\d+\s*(?:,\s*\d+\s*)*\)\s*")
_TYPES = {
    "L": "boolean",
    "X": "bit",
    "B": "unsignedByte",
    "I": "short",
    "J": "int",
    "K": "long",
    "A": "char",
    "E": "float",
    "D": "double",
    "C": "floatComplex",
    "M": "doubleComplex",
}
_UNSIGNED = {("short", 32768.0): "int", ("int", 2147483648.0): "long", ("unsignedByte", -128.0): "short"}
_MAP_WORDS = ("MOCVERS", "MOCDIM", "ORDERING", "COORDSYS")
_SCALED = ("unsignedByte", "short", "int", "long", "float", "double")


@dataclass(frozen=True, slots=True)
class Stored:
    """One column as it lies in the file: ``field`` as stored, ``given`` as it is handed on.

    ``begin`` and ``width`` are its bytes within a row; ``pointer`` the bytes of each half of a descriptor,
    for a column that lies in the heap.
    """

    field: Field
    given: Field
    begin: int
    width: int
    pointer: int | None
    scale: float
    zero: float


def read_fits(part: Part, limits: ReadLimits) -> ReadTable | Coverage:
    """The first binary table of a file, or the coverage map that it is. Raises UploadFault."""
    with ExitStack() as closing:
        file = closing.enter_context(part.open())
        table = find_table(file, part.size, None)
        content = content_of(part.content)
        if is_coverage(table):
            return read_coverage(table, content, limits)
        return _read_table(table, content, limits, (), closing)


def read_fits_table(
    path: Path, extension: int | None, limits: ReadLimits, fields: tuple[Field, ...]
) -> ReadTable:
    """The binary table of an extension; the facts of ``fields`` go before its own. Raises UploadFault."""
    with ExitStack() as closing:
        file = closing.enter_context(path.open("rb"))
        table = find_table(file, path.stat().st_size, extension)
        return _read_table(table, content_of(path), limits, fields, closing)


def content_of(content: bytes | Path) -> Bytes:
    """All bytes of a file; they are not in memory before they are read."""
    if isinstance(content, bytes):
        return np.frombuffer(content, np.uint8)
    return np.memmap(content, np.uint8, "r")


def _read_table(
    table: BinaryTable, content: Bytes, limits: ReadLimits, fields: tuple[Field, ...], closing: ExitStack
) -> ReadTable:
    columns = columns_of(table)
    if fields:
        if len(fields) != len(columns):
            raise UploadFault(f"the TABLE has {len(fields)} FIELDs, its FITS table {len(columns)} columns")
        columns = [_told_anew(column, field) for column, field in zip(columns, fields)]
    given = tuple(column.given for column in columns)
    check_names(given)
    if table.rows > limits.rows:
        raise UploadFault(f"the table has {table.rows} rows, more than the {limits.rows} allowed")
    rows = closing.enter_context(Rows([field.name for field in given], [f.arrow_type for f in given], limits))
    for arrays in _batches(table, content, columns):
        rows.put(arrays)
    return described(given, rows.table())


def _batches(table: BinaryTable, content: Bytes, columns: list[Stored]) -> Iterator[list[pa.Array]]:
    first = 0
    while first < table.rows:
        count = min(_ROWS, max(1, _BYTES_AT_ONCE // table.width), table.rows - first)
        start = table.start + first * table.width
        block = content[start : start + count * table.width].reshape(count, table.width)
        block = block[: _bearable(columns, block)]
        arrays = []
        for column in columns:
            try:
                arrays.append(_scaled(column, _values(table, content, column, block)))
            except UploadFault as fault:
                raise fault.of(column.given.name).after(first) from None
        yield arrays
        first += len(block)


def _bearable(columns: list[Stored], block: Bytes) -> int:
    """How many rows of a block are read together, one at least: cells of several rows may share bytes of the
    heap, which are many more once they are read than in the file."""
    elements = np.zeros(len(block), np.float64)
    for column in columns:
        if column.pointer is not None:
            elements += np.clip(_pointers(column, block)[:, 0], 0, CELL_BYTES)
    return max(1, int(np.searchsorted(np.cumsum(elements), _ELEMENTS_AT_ONCE, "right")))


def _pointers(column: Stored, block: Bytes) -> np.ndarray:
    """Elements of each cell of a column in the heap, and the byte of it at which they begin (rows, 2)."""
    cells = np.ascontiguousarray(block[:, column.begin : column.begin + column.width])
    kind = ">i4" if column.pointer == 4 else ">i8"
    return cells.view(kind).reshape(-1, 2).astype(np.int64)


def _values(table: BinaryTable, content: Bytes, column: Stored, block: Bytes) -> pa.Array:
    if column.pointer is None:
        cells = block[:, column.begin : column.begin + column.width]
        values = fixed_cells(column.field, cells, empty_is_null=True)
    else:
        values = _from_heap(table, content, column, _pointers(column, block))
    if column.field.is_text:
        values = pc.utf8_rtrim(values, characters=" ")  # blanks at the end mean nothing in FITS
        values = pc.if_else(pc.equal(values, ""), pa.scalar(None, pa.string()), values)
    return values


def _from_heap(table: BinaryTable, content: Bytes, column: Stored, pointers: np.ndarray) -> pa.Array:
    counts, places = pointers[:, 0], pointers[:, 1]
    most = CELL_BYTES // column.field.bytes_each
    sizes = stored_bytes(column.field, np.clip(counts, 0, most))
    bad = (counts < 0) | (counts > most) | ((counts > 0) & ((places < 0) | (places > table.heap_bytes)))
    bad |= (counts > 0) & (places > table.heap_bytes - sizes)
    if bad.any():
        row = int(np.argmax(bad))
        raise UploadFault(
            f"a cell of {counts[row]} elements at byte {places[row]} of a heap of {table.heap_bytes}",
            row=row + 1,
        )
    pieces = [
        content[table.heap + place : table.heap + place + size].tobytes()
        for place, size in zip(places.tolist(), sizes.tolist())
    ]
    buffer = b"".join(pieces)
    begins = np.concatenate([[0], np.cumsum(sizes)[:-1]]).tolist()
    return variable_cells(column.field, buffer, begins, counts.tolist(), empty_is_null=True)


def _scaled(column: Stored, values: pa.Array) -> pa.Array:
    """The values that the stored numbers mean."""
    if column.scale == 1.0 and column.zero == 0.0:
        return values
    flat, wanted = values, column.given.scalar_type
    ends = np.arange(1, len(values) + 1)
    if pa.types.is_list(values.type):
        flat = values.flatten()
        ends = np.cumsum(pc.fill_null(pc.list_value_length(values), 0).to_numpy())
    if pa.types.is_integer(wanted) and column.field.datatype == "long":
        try:
            flat = _unsigned_long(flat)
        except BadElement as bad:
            raise bad.fault(ends) from None
    elif pa.types.is_integer(wanted):
        flat = pc.add(pc.cast(flat, wanted), pa.scalar(int(column.zero), wanted))
    else:
        doubles = pc.cast(flat, pa.float64(), safe=False)  # the nearest ones of large whole numbers
        flat = pc.add(pc.multiply(doubles, column.scale), column.zero)
    if not pa.types.is_list(values.type):
        return flat
    return list_array(ends, flat, pc.is_null(values))


def _unsigned_long(values: pa.Array) -> pa.Array:
    """Unsigned numbers of 64 bits. Raises BadElement beyond what a long can hold."""
    index = pc.index(pc.greater_equal(values, 0), True).as_py()
    if index >= 0:
        raise BadElement(index, "an unsigned number beyond 9223372036854775807, which no column can hold")
    return pc.add(pc.add(values, pa.scalar(2**63 - 1, pa.int64())), 1)


def columns_of(table: BinaryTable) -> list[Stored]:
    """The columns as the header tells them. Raises UploadFault."""
    count = number_value(table.header, "TFIELDS")
    if not isinstance(count, int) or not 1 <= count <= 999:
        raise UploadFault(f"TFIELDS is {count}, from 1 to 999 columns are wanted")
    columns = []
    begin = 0
    for number in range(1, count + 1):
        column = _column(table, number, begin)
        if column is not None:
            columns.append(column)
            begin += column.width
    if begin != table.width:
        raise UploadFault(f"the columns take {begin} bytes, the rows have {table.width}")
    return columns


def _column(table: BinaryTable, number: int, begin: int) -> Stored | None:
    header = table.header
    name = " ".join((text_value(header, f"TTYPE{number}") or f"col{number}").split())
    form = _FORM.fullmatch(text_value(header, f"TFORM{number}") or "")
    repeat = int(form[1] or 1) if form is not None and len(form[1]) < 10 else -1
    code = form[2] if form is not None else ""
    pointer = {"P": 4, "Q": 8}.get(code)
    datatype = _TYPES.get(form[3] if pointer and form is not None else code)
    if form is None or datatype is None or repeat < 0 or (pointer is not None and repeat > 1):
        raise UploadFault(
            f"TFORM{number} = {text_value(header, f'TFORM{number}')!r} is not FITS's", column=name
        )
    if repeat == 0:
        return None  # a column without cells
    arraysize = "*" if pointer else _arraysize(header, number, repeat, datatype)
    null = number_value(header, f"TNULL{number}")
    field = Field(
        name,
        datatype,
        arraysize,
        None,
        text_value(header, f"TUNIT{number}"),
        text_value(header, f"TUCD{number}"),
        text_value(header, f"TUTYP{number}"),
        text_value(header, f"TCOMM{number}") or "",
        None if null is None or datatype not in _SCALED else str(null),
    )
    scale, zero = _scaling(header, number, field)
    width = stored_bytes(field, repeat) if pointer is None else pointer * 2 * repeat
    given = replace(_meant(field, scale, zero), xtype=text_value(header, f"TXTYP{number}"))
    return Stored(field, given, begin, width, pointer, scale, zero)


def _scaling(header: Header, number: int, field: Field) -> tuple[float, float]:
    """TSCALn and TZEROn, which mean nothing for texts, bits and truth values (FITS 4.0, 7.3.2)."""
    scale, zero = number_value(header, f"TSCAL{number}"), number_value(header, f"TZERO{number}")
    told = (1.0 if scale is None else float(scale), 0.0 if zero is None else float(zero))
    if field.is_complex and told != (1.0, 0.0):
        raise UploadFault("complex numbers with TSCAL or TZERO are not read", column=field.name)
    return told if field.datatype in _SCALED else (1.0, 0.0)


def _meant(field: Field, scale: float, zero: float) -> Field:
    """The field of the numbers that are meant by those that are stored."""
    if scale == 1.0 and zero == 0.0:
        return field
    if scale == 1.0 and field.datatype == "long" and zero == 2.0**63:
        return field
    if scale == 1.0 and (field.datatype, zero) in _UNSIGNED:
        return replace(field, datatype=_UNSIGNED[field.datatype, zero])
    return replace(field, datatype="double")


def _arraysize(header: Header, number: int, repeat: int, datatype: str) -> str | None:
    """``repeat`` elements as VOTable writes them, in the dimensions of TDIMn where these fit."""
    told = text_value(header, f"TDIM{number}")
    if told is not None and _DIMENSIONS.fullmatch(told) and len(told) < 100:
        sizes = [int(size) for size in re.findall(r"\d+", told)]
        if int(np.prod(sizes, dtype=np.float64)) == repeat and len(sizes) > 1 and 0 not in sizes:
            return "x".join(map(str, sizes))
    return str(repeat) if repeat > 1 or datatype == "char" else None


def _told_anew(column: Stored, field: Field) -> Stored:
    """The column with the name and the facts of a FIELD; its type stays that of the file."""
    mine = column.given
    given = replace(
        mine,
        name=field.name,
        xtype=field.xtype or mine.xtype,
        unit=field.unit or mine.unit,
        ucd=field.ucd or mine.ucd,
        utype=field.utype or mine.utype,
        description=field.description or mine.description,
    )
    return replace(column, given=given)


def is_coverage(table: BinaryTable) -> bool:
    """Whether the table is a MOC: it says so, and has one column."""
    header = table.header
    return (
        text_value(header, "PIXTYPE") in (None, "HEALPIX")
        and any(key in header for key in ("MOCORDER", "MOCORD_S", "MOCVERS", "MOCDIM"))
        and number_value(header, "TFIELDS") == 1
    )


def read_coverage(table: BinaryTable, content: Bytes, limits: ReadLimits) -> Coverage:
    header = table.header
    form = (text_value(header, "TFORM1") or "").removeprefix("1")
    if form not in ("I", "J", "K") or table.width != {"I": 2, "J": 4, "K": 8}[form]:
        raise UploadFault(f"the cells of the coverage map are of the type {form!r}, I, J or K are wanted")
    limits.check()
    stored = content[table.start : table.start + table.rows * table.width].view(f">i{table.width}")
    words = {key: text_value(header, key) for key in _MAP_WORDS}
    return coverage_of_column(words, stored.astype(np.int64))
