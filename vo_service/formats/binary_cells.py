"""Columns as the cells of VOTable's binary serialisations, a column at a time (VOT-050 to VOT-061)."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tap_schema import Column
from vo_service.formats.columns import fixed_size
from vo_service.formats.nulls import element_mark
from vo_service.formats.texts import (
    extremes,
    fit_two_bytes,
    joined_bytes,
    text_bytes,
    text_offsets,
    timestamp_texts,
)

BIG_ENDIAN: Final = {
    "boolean": "u1",
    "unsignedByte": "u1",
    "short": ">i2",
    "int": ">i4",
    "long": ">i8",
    "float": ">f4",
    "double": ">f8",
}
"""Types of numbers, boolean as the letters T, F and ?."""


def null_number(column: Column, integer: int) -> float | int:
    """What a null number is filled with: NaN, the letter ``?``, or the given integer."""
    if column.datatype in ("float", "double"):
        return float("nan")
    return ord("?") if column.datatype == "boolean" else integer


def fill_record(records: NDArray[Any], name: str, kind: str, cells: Any) -> None:
    """Put cells into a field of records: a table of bytes, plain numbers, or a column with what null is."""
    if isinstance(cells, tuple):
        values, null = cells
        records[name] = numbers(values)
        if values.null_count:
            records[name][pc.is_null(values).to_numpy(zero_copy_only=False)] = null
    elif kind.startswith("V"):
        records[name] = np.ascontiguousarray(cells).view(kind)[:, 0] if cells.shape[1] else b""
    else:
        records[name] = cells


def numbers(values: pa.Array) -> NDArray[Any]:
    """The numbers of a column as they lie there, whatever stands in null ones; booleans as letters."""
    if pa.types.is_boolean(values.type):
        letters: NDArray[Any] = pc.if_else(values, ord("T"), ord("F")).fill_null(ord("?")).to_numpy()
        return letters.astype(np.uint8)
    kind = np.dtype(values.type.to_pandas_dtype())
    data = values.buffers()[1]
    if data is None:
        return np.zeros(len(values), dtype=kind)
    found: NDArray[Any] = np.frombuffer(data, kind, len(values), values.offset * kind.itemsize)
    return found


def text_cells(values: pa.Array, column: Column) -> tuple[NDArray[Any], pa.Array]:
    """Counts in characters of the type, and encoded texts; null as an empty one."""
    texts = timestamp_texts(values) if pa.types.is_timestamp(values.type) else values
    fitted = fit_two_bytes(_nulls_emptied(texts), column)
    if column.datatype == "char":
        return np.diff(text_offsets(fitted)), fitted.view(pa.binary())
    return _two_byte_texts(fitted)


def _nulls_emptied(texts: pa.Array) -> pa.Array:
    """Texts without nulls; most often there is nothing behind a null already and no text need be copied."""
    if not texts.null_count:
        return texts
    null = pc.is_null(texts).to_numpy(zero_copy_only=False)
    if np.diff(text_offsets(texts))[null].any():
        return pc.fill_null(texts, "")
    buffers = texts.buffers()
    return pa.Array.from_buffers(texts.type, len(texts), [None, *buffers[1:]], 0, texts.offset)


def _two_byte_texts(texts: pa.Array) -> tuple[NDArray[Any], pa.Array]:
    """Texts as big-endian two-byte units, all at once: no character here takes two of them."""
    data: Any = text_bytes(texts)
    if extremes(texts)[1] < 128:
        counts = np.diff(text_offsets(texts))
        encoded: Any = data.astype(">u2")
    else:
        counts = pc.utf8_length(texts).to_numpy()
        encoded = data.tobytes().decode("utf-8").encode("utf-16-be")
    ends = np.zeros(len(texts) + 1, dtype=np.int32)
    np.cumsum(2 * counts, out=ends[1:])
    cells = pa.Array.from_buffers(pa.binary(), len(texts), [None, pa.py_buffer(ends), pa.py_buffer(encoded)])
    return counts, cells


def fixed_texts(values: pa.Array, column: Column) -> NDArray[np.uint8]:
    """Texts of a fixed number of characters, padded with NUL: a table of bytes, a row a cell."""
    counts, cells = text_cells(values, column)
    unit = 2 if column.datatype == "unicodeChar" else 1
    width = unit * (fixed_size(column) or 1)
    padded = np.zeros((len(values), width), dtype=np.uint8)
    padded[np.arange(width) < unit * counts[:, None]] = np.frombuffer(joined_bytes(cells), dtype=np.uint8)
    return padded


def _elements(values: pa.Array, column: Column) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Where the array of each cell begins among all elements (null cells empty), and these big-endian."""
    filled = pc.fill_null(values, []) if values.null_count else values
    offsets = filled.offsets.to_numpy().astype(np.int64)
    inner = filled.values.slice(offsets[0], offsets[-1] - offsets[0])
    data = numbers(inner).astype(BIG_ENDIAN[column.datatype])
    if inner.null_count:
        null = pc.is_null(inner).to_numpy(zero_copy_only=False)
        data[null] = null_number(column, element_mark(column) or 0)
    return offsets - offsets[0], data


def variable_arrays(values: pa.Array, column: Column) -> tuple[NDArray[Any], pa.Array]:
    """Counts of numbers, and the numbers of each cell."""
    offsets, data = _elements(values, column)
    ends = (offsets * data.itemsize).astype(np.int32)
    cells = pa.Array.from_buffers(
        pa.binary(), len(values), [None, pa.py_buffer(ends), pa.py_buffer(data.view(np.uint8))]
    )
    return np.diff(offsets), cells


def fixed_arrays(values: pa.Array, column: Column, null: float | int) -> NDArray[np.uint8]:
    """Arrays of a fixed number of elements, null ones full of ``null``: a table of bytes, a row a cell."""
    size = fixed_size(column) or 1
    _, data = _elements(values, column)
    table = np.full((len(values), size), null, dtype=data.dtype)
    table[~pc.is_null(values).to_numpy(zero_copy_only=False)] = data.reshape(-1, size)
    return table.view(np.uint8).reshape(len(values), size * data.itemsize)
