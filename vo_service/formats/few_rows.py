"""A few rows in VOTable's binary serialisations, cell by cell: what takes a column at a time fifty calls of
Arrow and numpy, whatever the number of rows, takes plain Python a microsecond a cell."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Final

import pyarrow as pa

from tap_schema import Column
from vo_service.formats.binary_cells import null_number
from vo_service.formats.columns import fixed_size, longest
from vo_service.formats.nulls import element_mark, is_array
from vo_service.formats.texts import fit_two_bytes, timestamp_texts

_CODES: Final = {
    "unsignedByte": "B",
    "short": "h",
    "int": "i",
    "long": "q",
    "float": "f",
    "double": "d",
}
_COUNT: Final = struct.Struct(">i").pack
_LETTERS: Final = {True: b"T", False: b"F", None: b"?"}

Cells = list[bytes]


def few_rows(
    arrays: Sequence[pa.Array],
    columns: Sequence[Column],
    marks: Sequence[int | None],
    flag_bytes: int,
) -> bytes:
    """Rows as `binary.BinaryRows` writes them: ``marks`` are what null integers are where there are no flags,
    ``flag_bytes`` the length of the null flags in front of each row."""
    cells = []
    if flag_bytes:
        cells.append(_flags(arrays, flag_bytes))
    for values, column, mark in zip(arrays, columns, marks):
        if column.datatype in ("char", "unicodeChar"):
            cells.append(_texts(values, column))
        else:
            write = _writer(column, 0 if flag_bytes else mark or 0)
            cells.append([write(value) for value in values.to_pylist()])
    return b"".join([cell for row in zip(*cells) for cell in row])


def _flags(arrays: Sequence[pa.Array], flag_bytes: int) -> Cells:
    """Null flags of each row, as one number whose highest bit is the first column's."""
    flags = [0] * len(arrays[0])
    top = 8 * flag_bytes - 1
    for i, values in enumerate(arrays):
        if values.null_count:
            for row, null in enumerate(values.is_null().to_pylist()):
                flags[row] |= null << (top - i)
    return [flag.to_bytes(flag_bytes, "big") for flag in flags]


def _texts(values: pa.Array, column: Column) -> Cells:
    if pa.types.is_timestamp(values.type):
        values = timestamp_texts(values)
    texts = ["" if text is None else text for text in values.to_pylist()]
    if not _fits("".join(texts), texts, longest(column)):
        texts = fit_two_bytes(pa.array(texts, pa.string()), column).to_pylist()
    wide = column.datatype == "unicodeChar"
    encoded = [text.encode("utf-16-be" if wide else "ascii") for text in texts]
    size = fixed_size(column)
    if size is not None:
        return [data.ljust(2 * size if wide else size, b"\0") for data in encoded]
    return [_COUNT(len(text)) + data for text, data in zip(texts, encoded)]


def _fits(together: str, texts: list[str], limit: int | None) -> bool:
    """Whether no text need be altered, as far as is quickly said."""
    if not together.isascii() or "\0" in together:
        return False
    return limit is None or all(len(text) <= limit for text in texts)


@lru_cache(maxsize=4096)
def _writer(column: Column, null: int) -> Callable[[Any], bytes]:
    """What writes one number, boolean, or array of them."""
    size = fixed_size(column)
    if is_array(column):
        return _writer_of_arrays(column, None if size is None else null)
    if column.datatype == "boolean":
        return _LETTERS.__getitem__
    pack = struct.Struct(">" + _CODES[column.datatype]).pack
    absent = pack(null_number(column, null))
    return lambda value: absent if value is None else pack(value)


def _writer_of_arrays(column: Column, null: int | None) -> Callable[[Any], bytes]:
    """Arrays with a count in front where ``null`` is None, else of a fixed size, full of it where null."""
    element = null_number(column, element_mark(column) or 0)
    code = _CODES.get(column.datatype, "B")
    letters = column.datatype == "boolean"

    def pack(values: Sequence[Any]) -> bytes:
        if letters:
            return b"".join(_LETTERS[value] for value in values)
        return struct.pack(f">{len(values)}{code}", *[element if v is None else v for v in values])

    if null is None:
        return lambda values: _COUNT(len(values)) + pack(values) if values else _COUNT(0)
    size = fixed_size(column) or 1
    absent = struct.pack(f">{size}{code}", *[null_number(column, null)] * size)
    return lambda values: absent if values is None else pack(values)
