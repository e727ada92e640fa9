"""Bytes of cells as values: the big-endian forms that VOTable's binary serialisations and FITS share."""

from __future__ import annotations

from typing import Any, Final, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vo_service.dali.uploads.cells import (
    BadElement,
    check_counts,
    check_length,
    list_array,
    null_number,
    without_blank_arrays,
    without_nan,
)
from vo_service.dali.uploads.faults import UploadFault
from vo_service.dali.uploads.fields import ONE, Field

Bytes = NDArray[np.uint8]
Counts = TypeVar("Counts", int, NDArray[np.int64])
_STORED: Final = {
    "unsignedByte": ">u1",
    "short": ">i2",
    "int": ">i4",
    "long": ">i8",
    "float": ">f4",
    "double": ">f8",
    "floatComplex": ">f4",
    "doubleComplex": ">f8",
}
_TRUTHS: Final = np.full(256, 3, np.uint8)  # 0 no, 1 yes, 2 NULL, 3 none of these (VOT-050)
_TRUTHS[list(b"Ff0")] = 0
_TRUTHS[list(b"Tt1")] = 1
_TRUTHS[list(b"\x00 ?")] = 2


def stored_bytes(field: Field, count: Counts) -> Counts:
    """Bytes that ``count`` elements take."""
    return (count + 7) // 8 if field.datatype == "bit" else count * field.bytes_each


def fixed_cells(field: Field, cells: Bytes, empty_is_null: bool = False) -> pa.Array:
    """Values of a field of fixed size from an array of bytes, a row for each cell.

    ``empty_is_null``: a text without characters is NULL, and so is an array without values, as BINARY and
    FITS have it, and BINARY2 has not. Raises UploadFault with the row, without the column.
    """
    rows = len(cells)
    count = (field.extent or ONE).most or 0
    flat = np.ascontiguousarray(cells)
    if field.is_text:
        if field.datatype == "char":
            if field.is_grid:
                flat = np.where(flat == 0, np.uint8(ord(" ")), flat)
            found = pa.array(flat.view(f"S{flat.shape[1]}").reshape(rows))  # ends at the first NUL
            return _texts(field, found.cast(pa.binary()), empty_is_null)
        raw = flat.tobytes()
        width = flat.shape[1]
        return _wide_texts(field, [raw[at : at + width] for at in range(0, len(raw), width)], empty_is_null)
    each = count * 2 if field.is_complex else count
    ends = np.arange(1, rows + 1) * each
    if field.datatype == "bit" and field.extent is None:
        values: pa.Array = pa.array((flat[:, 0] != 0).astype(np.uint8))  # astropy 8 sets the bit 0x08
    elif field.datatype == "bit":
        values = pa.array(np.unpackbits(flat, axis=1, count=count).reshape(-1))
    else:
        values = _elements(field, flat.reshape(-1), ends)
    if field.extent is None and not field.is_complex:
        return without_nan(values)
    arrays = list_array(ends, values, None)
    if empty_is_null or field.extent is None:
        return without_blank_arrays(arrays, each)
    return arrays


def variable_cells(
    field: Field, buffer: bytes, begins: list[int], counts: list[int], empty_is_null: bool = False
) -> pa.Array:
    """Values of a field of any size: ``counts`` elements at each of ``begins``, all of them in the buffer.

    ``empty_is_null``: a cell without elements is NULL. Raises UploadFault with the row, without the column.
    """
    sizes = [stored_bytes(field, count) for count in counts]
    pieces = [buffer[at : at + size] for at, size in zip(begins, sizes)]
    if field.is_text:
        if field.datatype == "unicodeChar":
            return _wide_texts(field, pieces, empty_is_null)
        return _texts(field, _up_to_nul(pieces, field.is_grid), empty_is_null)
    number = np.array(counts, np.int64)
    check_counts(field, pa.array(number))
    joined = np.frombuffer(b"".join(pieces), np.uint8)
    ends = np.cumsum(number) * (2 if field.is_complex else 1)
    if field.datatype == "bit":
        values: pa.Array = pa.array(_bits(joined, np.array(sizes, np.int64), number))
    else:
        values = _elements(field, joined, ends)
    absent = pa.array(number == 0) if empty_is_null else None
    return list_array(ends, values, absent)


def with_nulls(values: pa.Array, flags: NDArray[np.bool_]) -> pa.Array:
    """The values with NULL where the flags say so."""
    return pc.if_else(pa.array(flags), pa.scalar(None, values.type), values) if flags.any() else values


def _elements(field: Field, stored: Bytes, ends: NDArray[np.int64]) -> pa.Array:
    """Elements one after another, as Arrow has them; the number that stands for NULL is NULL.

    ``ends`` are the elements up to the end of each row. Raises UploadFault with the row.
    """
    if field.datatype == "boolean":
        try:
            return _truths(stored)
        except BadElement as bad:
            raise bad.fault(ends) from None
    found: NDArray[Any] = stored.view(_STORED[field.datatype])
    native = pa.array(found.astype(found.dtype.newbyteorder("=")))
    null = null_number(field)
    if null is not None:
        native = pc.if_else(
            pc.equal(native, pa.scalar(null, native.type)), pa.scalar(None, native.type), native
        )
    return native


def _truths(stored: Bytes) -> pa.Array:
    """Truth values of bytes (VOT-050). Raises BadElement."""
    read = _TRUTHS[stored]
    if (read == 3).any():
        index = int(np.argmax(read == 3))
        raise BadElement(index, f"byte 0x{stored[index]:02x} is not T, F, 1, 0 or ?")
    return pa.array(read == 1, mask=read == 2)


def _bits(joined: Bytes, sizes: NDArray[np.int64], counts: NDArray[np.int64]) -> Bytes:
    """The bits of cells that each begin with a byte of their own, without those that fill the last one up."""
    every = np.unpackbits(joined)
    cell_ends = np.cumsum(sizes) * 8
    first = np.repeat(cell_ends - sizes * 8, counts)
    within = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
    return every[first + within]


def _up_to_nul(pieces: list[bytes], grid: bool) -> pa.Array:
    """Byte strings that end at their first NUL (VOT-056); in a grid of texts it is a blank between two."""
    found = pa.array(pieces, pa.binary())
    if grid:
        return pc.replace_substring(found, b"\x00", b" ")
    if pc.any(pc.match_substring(found, b"\x00"), min_count=0).as_py():
        return pa.array([piece.partition(b"\x00")[0] for piece in pieces], pa.binary())
    return found


def _texts(field: Field, found: pa.Array, empty_is_null: bool) -> pa.Array:
    """Texts of UTF-8 bytes."""
    try:
        texts = found.cast(pa.string())
    except pa.ArrowInvalid:
        row = next(row for row, text in enumerate(found.to_pylist(), start=1) if not _is_utf8(text))
        raise UploadFault("the text is neither ASCII nor UTF-8", row=row) from None
    return _finished(field, texts, empty_is_null)


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _wide_texts(field: Field, pieces: list[bytes], empty_is_null: bool) -> pa.Array:
    """Texts of big-endian two-byte units, up to their first NUL (VOT-057)."""
    texts = []
    for row, piece in enumerate(pieces, start=1):
        try:
            text = piece.decode("utf-16-be")
            texts.append(text.replace("\x00", " ") if field.is_grid else text.partition("\x00")[0])
        except UnicodeDecodeError:
            raise UploadFault("the text holds half of a surrogate pair", row=row) from None
    return _finished(field, pa.array(texts, pa.string()), empty_is_null)


def _finished(field: Field, texts: pa.Array, empty_is_null: bool) -> pa.Array:
    texts = check_length(field, texts)
    absent = None
    if empty_is_null:
        absent = pc.equal(texts, "")
    if field.null is not None:
        named = pc.equal(texts, field.null)
        absent = named if absent is None else pc.or_(absent, named)
    return texts if absent is None else pc.if_else(absent, pa.scalar(None, pa.string()), texts)
