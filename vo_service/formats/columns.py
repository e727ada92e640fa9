"""Arrow columns brought to the types that the description declares, and cut into encodable slices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from tap_schema import Column
from vo_service.formats.encoder import EncodingError

ROWS_AT_ONCE: Final = 16384
"""Rows encoded together: enough to keep numpy busy, few enough to stay small and to send early."""


def slices_of(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """The batch in pieces of ROWS_AT_ONCE rows."""
    for start in range(0, batch.num_rows, ROWS_AT_ONCE):
        yield batch.slice(start, ROWS_AT_ONCE)


def conform(batch: pa.RecordBatch, columns: Sequence[Column]) -> list[pa.Array]:
    """The columns of a batch as plain arrays of the declared types, without offsets into shared buffers.

    Raises:
        EncodingError: another number of columns, or values that the declared type cannot hold.
    """
    if batch.num_columns != len(columns):
        message = f"{batch.num_columns} columns came, {len(columns)} were described"
        raise EncodingError(columns[-1].name if columns else "", message)
    return [_cast(batch.column(i), column) for i, column in enumerate(columns)]


def _cast(values: pa.Array, column: Column) -> pa.Array:
    wanted = column.arrow_type
    if values.type == wanted:
        return values
    try:
        return pc.cast(values, wanted)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        message = f"values of type {values.type} do not fit {column.datatype}: {error}"
        raise EncodingError(column.name, message) from error


def fixed_size(column: Column) -> int | None:
    """Number of elements a cell always has: 1 for single values; None where it varies (``*``, ``n*``).

    Raises:
        EncodingError: an arraysize that VOTable does not have.
    """
    if column.arraysize is None:
        return 1
    if column.arraysize.endswith("*"):
        return None
    try:
        size = 1
        for part in column.arraysize.split("x"):
            size *= int(part)
    except ValueError as error:
        raise EncodingError(column.name, f"arraysize {column.arraysize!r} is none") from error
    return size


def longest(column: Column) -> int | None:
    """Most elements a cell may have; None without a limit."""
    size = (column.arraysize or "1").rstrip("*")
    if not size or size.endswith("x"):
        return None
    return fixed_size(column) if not (column.arraysize or "1").endswith("*") else _product(size)


def _product(size: str) -> int:
    total = 1
    for part in size.split("x"):
        total *= int(part)
    return total
