"""Arrow columns brought to the types that the description declares; how many elements a cell has."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from tap_schema import Column
from vo_service.formats.encoder import EncodingError

_ARRAYSIZE: Final = re.compile(r"([1-9][0-9]*x)*([1-9][0-9]*\*?|\*)")


@dataclass(frozen=True, slots=True)
class Shape:
    """How many elements a cell has: exactly ``exact``, or a multiple of ``unit`` up to ``most``."""

    exact: int | None
    most: int | None
    unit: int


def conform(batch: pa.RecordBatch, columns: Sequence[Column]) -> list[pa.Array]:
    """The columns of a batch as arrays of the declared types and shapes.

    Raises:
        EncodingError: another number of columns, or values that the declared type cannot hold.
    """
    if batch.num_columns != len(columns):
        message = f"{batch.num_columns} columns came, {len(columns)} were described"
        raise EncodingError(columns[-1].name if columns else "", message)
    return [_cast(values, column) for values, column in zip(batch.columns, columns)]


def _cast(values: pa.Array, column: Column) -> pa.Array:
    wanted = arrow_type(column)
    if values.type != wanted:
        try:
            values = pc.cast(values, wanted)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            message = f"values of type {values.type} do not fit {column.datatype}: {error}"
            raise EncodingError(column.name, message) from error
    if pa.types.is_list(wanted):
        _check_counts(values, column)
    return values


def _check_counts(values: pa.Array, column: Column) -> None:
    """Arrays are never padded or cut silently (VOT-074, VOT-080, VOT-081)."""
    allowed = shape_of(column)
    if allowed.exact is None and allowed.most is None and allowed.unit == 1:
        return
    for count in pc.unique(pc.list_value_length(values)).to_pylist():
        if count is None:
            continue
        fits = count == allowed.exact if allowed.exact is not None else count % allowed.unit == 0
        if not fits or (allowed.most is not None and count > allowed.most):
            raise EncodingError(column.name, f"an array of {count} elements, arraysize is {column.arraysize}")


@lru_cache(maxsize=4096)
def arrow_type(column: Column) -> pa.DataType:
    """The Arrow type of a column's values, kept because it is asked for with each batch."""
    return column.arrow_type


@lru_cache(maxsize=4096)
def shape_of(column: Column) -> Shape:
    """The numbers of elements that an arraysize allows (VOT-035).

    Raises:
        EncodingError: an arraysize that VOTable does not have.
    """
    arraysize = "1" if column.arraysize is None else column.arraysize
    if not _ARRAYSIZE.fullmatch(arraysize):
        raise EncodingError(column.name, f"arraysize {column.arraysize!r} is none")
    *leading, last = arraysize.split("x")
    unit = prod(int(part) for part in leading)
    if last == "*":
        return Shape(None, None, unit)
    size = unit * int(last.removesuffix("*"))
    return Shape(None, size, unit) if last.endswith("*") else Shape(size, size, unit)


def fixed_size(column: Column) -> int | None:
    """Number of elements a cell always has: 1 for single values; None where it varies (``*``, ``n*``)."""
    return shape_of(column).exact


def longest(column: Column) -> int | None:
    """Most elements a cell may have; None without a limit."""
    return shape_of(column).most
