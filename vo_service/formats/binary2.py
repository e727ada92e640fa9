"""Rows as BINARY2: big-endian cells in column order behind null flags, all in base64 (VOT-080 to VOT-090).

Neighbouring cells of fixed size, null flags and the counts of the variable cells that follow are laid
side by side in one numpy record per row; variable cells stay Arrow byte strings. One Arrow join of these
few pieces gives all rows of a slice one after another in one buffer.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pybase64
from numpy.typing import NDArray

from tap_schema import Column
from vo_service.formats.columns import conform, fixed_size, slices_of
from vo_service.formats.encoder import EncodingError
from vo_service.formats.tabledata import joined_bytes
from vo_service.formats.texts import fit_characters, timestamp_texts

_LINE: Final = 57  # bytes that make a line of 76 characters; a multiple of 3, so no padding inside
_BIG_ENDIAN: Final = {
    "boolean": "S1",
    "unsignedByte": "u1",
    "short": ">i2",
    "int": ">i4",
    "long": ">i8",
    "float": ">f4",
    "double": ">f8",
}
Bytes = NDArray[np.uint8]


class Binary2Rows:
    """The elements DATA, BINARY2 and STREAM, in pieces."""

    def __init__(self) -> None:
        self.replaced = 0
        self._columns: tuple[Column, ...] = ()
        self._rest = b""

    def begin(self, columns: tuple[Column, ...]) -> bytes:
        self._columns = columns
        return b'<DATA><BINARY2><STREAM encoding="base64">\n'

    def rows(self, batch: pa.RecordBatch) -> Iterator[bytes]:
        """Raises EncodingError for values that do not fit their column."""
        for part in slices_of(batch):
            data = self._rest + self.encode(part)
            whole = len(data) - len(data) % _LINE
            self._rest = data[whole:]
            if whole:
                yield pybase64.encodebytes(memoryview(data)[:whole])

    def end(self) -> bytes:
        last = pybase64.encodebytes(self._rest) if self._rest else b""
        self._rest = b""
        return last + b"</STREAM></BINARY2></DATA>\n"

    def encode(self, batch: pa.RecordBatch) -> bytes:
        """The rows of a slice as BINARY2 bytes."""
        arrays = conform(batch, self._columns)
        pieces: list[pa.Array] = []
        run: list[Bytes] = [_null_flags(arrays)]
        for values, column in zip(arrays, self._columns):
            if fixed_size(column) is not None:
                run.append(self._fixed_cells(values, column))
                continue
            counts, cells = self._variable_cells(values, column)
            run.append(_rows_of_bytes(counts.astype(">i4")))
            pieces += [_byte_strings(run), cells]
            run = []
        if run:
            pieces.append(_byte_strings(run))
        return joined_bytes(pc.binary_join_element_wise(*pieces, b""))

    def _fixed_cells(self, values: pa.Array, column: Column) -> Bytes:
        """Bytes of a column of fixed cell size, one row a cell."""
        size = fixed_size(column) or 1
        if column.datatype in ("char", "unicodeChar"):
            return self._fixed_texts(values, column, size)
        if pa.types.is_list(values.type):
            return _fixed_arrays(values, column, size)
        return _rows_of_bytes(_numbers(values, column))

    def _fixed_texts(self, values: pa.Array, column: Column, size: int) -> Bytes:
        """Padded with NUL."""
        units, cells = self._characters(values, column)
        width = size * (2 if column.datatype == "unicodeChar" else 1)
        lengths = units * (width // size)
        padded = np.zeros((len(values), width), dtype=np.uint8)
        padded[np.arange(width) < lengths[:, None]] = np.frombuffer(joined_bytes(cells), dtype=np.uint8)
        return padded

    def _variable_cells(self, values: pa.Array, column: Column) -> tuple[NDArray[np.int64], pa.Array]:
        """Counts and byte strings of a column of varying cell size."""
        if column.datatype in ("char", "unicodeChar"):
            return self._characters(values, column)
        return _variable_arrays(values, column)

    def _characters(self, values: pa.Array, column: Column) -> tuple[NDArray[np.int64], pa.Array]:
        """Counts in characters of the type, and encoded texts; null as an empty one."""
        texts = timestamp_texts(values) if pa.types.is_timestamp(values.type) else values
        fitted = fit_characters(pc.fill_null(texts, ""), column)
        self.replaced += fitted.cells
        if column.datatype == "char":
            counts = pc.binary_length(fitted.texts).to_numpy().astype(np.int64)
            return counts, pc.cast(fitted.texts, pa.binary())
        return _two_byte_texts(fitted.texts)


def _null_flags(arrays: list[pa.Array]) -> Bytes:
    """One bit a column, the first one the highest of the first byte (VOT-082)."""
    rows = len(arrays[0])
    flags = np.zeros((rows, (len(arrays) + 7) // 8), dtype=np.uint8)
    for i, values in enumerate(arrays):
        if values.null_count:
            null = pc.is_null(values).to_numpy(zero_copy_only=False).astype(np.uint8)
            flags[:, i // 8] |= null << np.uint8(7 - i % 8)
    return flags


def _rows_of_bytes(values: NDArray[Any]) -> Bytes:
    """A numpy column seen as bytes, one row a value."""
    contiguous = np.ascontiguousarray(values)
    return contiguous.view(np.uint8).reshape(len(contiguous), -1 if len(contiguous) else values.itemsize)


def _byte_strings(run: list[Bytes]) -> pa.Array:
    """Columns of bytes laid side by side, as one Arrow byte string a row."""
    table = run[0] if len(run) == 1 else np.concatenate(run, axis=1)
    rows, width = table.shape
    offsets = np.arange(rows + 1, dtype=np.int32) * np.int32(width)
    return pa.Array.from_buffers(
        pa.binary(), rows, [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(table))]
    )


def _numbers(values: pa.Array, column: Column) -> NDArray[Any]:
    """Big-endian values; null as NaN, ``?`` or 0 (VOT-083)."""
    if column.datatype == "boolean":
        codes = pc.fill_null(pc.if_else(values, ord("T"), ord("F")), ord("?"))
        boolean: NDArray[Any] = codes.to_numpy(zero_copy_only=False).astype(np.uint8).view("S1")
        return boolean
    if values.null_count:
        values = pc.fill_null(values, float("nan") if pa.types.is_floating(values.type) else 0)
    numbers: NDArray[Any] = values.to_numpy(zero_copy_only=False).astype(_BIG_ENDIAN[column.datatype])
    return numbers


def _flat(values: pa.Array, column: Column) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Element offsets of an array column (null cells empty), and all elements big-endian."""
    filled = pc.fill_null(values, []) if values.null_count else values
    offsets = filled.offsets.to_numpy().astype(np.int64)
    inner = filled.values.slice(offsets[0], offsets[-1] - offsets[0])
    return offsets - offsets[0], _numbers(inner, column)


def _variable_arrays(values: pa.Array, column: Column) -> tuple[NDArray[np.int64], pa.Array]:
    offsets, numbers = _flat(values, column)
    data = np.ascontiguousarray(numbers)
    ends = (offsets * data.itemsize).astype(np.int32)
    cells = pa.Array.from_buffers(
        pa.binary(), len(values), [None, pa.py_buffer(ends), pa.py_buffer(data.view(np.uint8))]
    )
    return np.diff(offsets), cells


def _fixed_arrays(values: pa.Array, column: Column, size: int) -> Bytes:
    """Array cells of always ``size`` elements; null cells are filled as null numbers are."""
    offsets, numbers = _flat(values, column)
    counts = np.diff(offsets)
    null = pc.is_null(values).to_numpy(zero_copy_only=False)
    if (counts[~null] != size).any():
        wrong = int(counts[~null][counts[~null] != size][0])
        raise EncodingError(column.name, f"an array of {wrong} elements, arraysize is {column.arraysize}")
    filler = _numbers(pa.array([None], values.type.value_type), column)
    table = np.full((len(values), size), filler[0], dtype=numbers.dtype)
    table[~null] = numbers.reshape(-1, size)
    return _rows_of_bytes(table)


def _two_byte_texts(texts: pa.Array) -> tuple[NDArray[np.int64], pa.Array]:
    """Texts as big-endian two-byte units, all at once: no character here takes two of them."""
    counts = pc.utf8_length(texts).to_numpy().astype(np.int64)
    data = joined_bytes(texts)
    if data.isascii():
        wide = np.zeros(2 * len(data), dtype=np.uint8)
        wide[1::2] = np.frombuffer(data, dtype=np.uint8)
        encoded: Any = wide
    else:
        encoded = data.decode("utf-8").encode("utf-16-be")
    ends = np.concatenate([[0], np.cumsum(2 * counts)]).astype(np.int32)
    cells = pa.Array.from_buffers(pa.binary(), len(texts), [None, pa.py_buffer(ends), pa.py_buffer(encoded)])
    return counts, cells
