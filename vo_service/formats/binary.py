"""Rows as BINARY2 and BINARY: big-endian cells in column order, all in base64 (VOT-080 to VOT-090).

Neighbouring cells of fixed size, null flags and the counts of the variable cells that follow are laid side by
side in one numpy record per row; variable cells stay Arrow byte strings. One Arrow join of these few pieces
gives all rows one after another in one buffer. A few rows are quicker cell by cell (`few_rows`).
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pybase64
from numpy.typing import NDArray

from tap_schema import Column
from vo_service.formats.binary_cells import (
    BIG_ENDIAN,
    fill_record,
    fixed_arrays,
    fixed_texts,
    null_number,
    text_cells,
    variable_arrays,
)
from vo_service.formats.columns import conform, fixed_size
from vo_service.formats.few_rows import few_rows
from vo_service.formats.nulls import is_array, null_mark, refuse_marks
from vo_service.formats.texts import text_bytes
from vo_service.formats.votable import Serialisation

_FEW: Final = 64  # rows up to which a cell at a time is quicker than a column at a time
_FLAGS: Final = "flags"


class BinaryRows(Serialisation):
    """The elements DATA, BINARY and STREAM, batch by batch. Integers that are null are the number that their
    FIELD tells (VOT-085), other cells NaN, ``?`` or nothing."""

    element = "BINARY"

    def begin(self, columns: tuple[Column, ...]) -> bytes:
        self._columns = columns
        self._marks = [self.null_mark(column) for column in columns]
        self._rest = b""
        return f'<DATA><{self.element}><STREAM encoding="base64">\n'.encode()

    def null_mark(self, column: Column) -> int | None:
        return null_mark(column)

    def flag_bytes(self) -> int:
        """Bytes of null flags in front of a row."""
        return 0

    def rows(self, batch: pa.RecordBatch) -> bytes:
        """Whole groups of three bytes, so that no padding falls in the middle (VOT-087)."""
        arrays = conform(batch, self._columns)
        for values, column, mark in zip(arrays, self._columns, self._marks):
            refuse_marks(values, column, mark)
        if batch.num_rows <= _FEW:
            data = self._rest + few_rows(arrays, self._columns, self._marks, self.flag_bytes())
        else:
            data = b"".join((self._rest, self._many_rows(arrays).data))
        end = len(data) - len(data) % 3
        self._rest = data[end:]
        line: bytes = pybase64.b64encode(memoryview(data)[:end])
        return line

    def end(self) -> bytes:
        last: bytes = pybase64.b64encode(self._rest)
        return last + f"</STREAM></{self.element}></DATA>\n".encode()

    def _many_rows(self, arrays: list[pa.Array]) -> NDArray[np.uint8]:
        """Column by column: runs of fixed cells as numpy records, variable cells as byte strings."""
        rows = len(arrays[0]) if arrays else 0
        pieces: list[pa.Array] = []
        run: dict[str, tuple[str, Any]] = {}
        if self.flag_bytes():
            run[_FLAGS] = (f"V{self.flag_bytes()}", null_flags(arrays))
        for number, (values, column, mark) in enumerate(zip(arrays, self._columns, self._marks)):
            if fixed_size(column) is not None:
                run[str(number)] = self._fixed_cells(values, column, mark)
                continue
            counts, cells = self._variable_cells(values, column)
            run[str(number)] = (">i4", counts)
            pieces += [_byte_strings(run, rows), cells]
            run = {}
        if run:
            pieces.append(_byte_strings(run, rows))
        return text_bytes(pc.binary_join_element_wise(*pieces, b""))

    def _fixed_cells(self, values: pa.Array, column: Column, mark: int | None) -> tuple[str, Any]:
        """The type of a cell in a record, and the cells."""
        if column.datatype in ("char", "unicodeChar"):
            table = fixed_texts(values, column)
        elif is_array(column):
            table = fixed_arrays(values, column, self.cell_null(column, mark))
        else:
            return BIG_ENDIAN[column.datatype], (values, self.cell_null(column, mark))
        return f"V{table.shape[1]}", table

    def cell_null(self, column: Column, mark: int | None) -> float | int:
        """What a null number is written as."""
        return null_number(column, mark or 0)

    def _variable_cells(self, values: pa.Array, column: Column) -> tuple[NDArray[Any], pa.Array]:
        """Counts and byte strings of a column of varying cell size."""
        if column.datatype in ("char", "unicodeChar"):
            return text_cells(values, column)
        return variable_arrays(values, column)


class Binary2Rows(BinaryRows):
    """The elements DATA, BINARY2 and STREAM, batch by batch: a bit a column says whether its cell is null,
    which is filled with NaN, ``?`` or zeros all the same (VOT-082 to VOT-084)."""

    element = "BINARY2"

    def null_mark(self, column: Column) -> int | None:
        return null_mark(column) if is_array(column) else None

    def flag_bytes(self) -> int:
        return (len(self._columns) + 7) // 8

    def cell_null(self, column: Column, mark: int | None) -> float | int:
        return null_number(column, 0)


def null_flags(arrays: list[pa.Array]) -> NDArray[np.uint8]:
    """One bit a column, the first one the highest of the first byte (VOT-082)."""
    rows = len(arrays[0])
    flags = np.zeros((rows, (len(arrays) + 7) // 8), dtype=np.uint8)
    for i, values in enumerate(arrays):
        nulls = values.null_count
        if nulls == rows:
            flags[:, i // 8] |= np.uint8(128 >> i % 8)
        elif nulls:
            null = pc.is_null(values).to_numpy(zero_copy_only=False).view(np.uint8)
            flags[:, i // 8] |= null << np.uint8(7 - i % 8)
    return flags


def _byte_strings(run: dict[str, tuple[str, Any]], rows: int) -> pa.Array:
    """Cells laid side by side in records, as one Arrow byte string a row."""
    records = np.empty(rows, dtype=[(name, kind) for name, (kind, _) in run.items()])
    for name, (kind, cells) in run.items():
        fill_record(records, name, kind, cells)
    offsets = np.arange(rows + 1, dtype=np.int32) * np.int32(records.itemsize)
    return pa.Array.from_buffers(pa.binary(), rows, [None, pa.py_buffer(offsets), pa.py_buffer(records)])
