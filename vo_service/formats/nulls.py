"""The numbers that stand for null where a serialisation has no other place for it (VOTable 1.5, 4.7)."""

from __future__ import annotations

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from tap_schema import Column
from vo_service.formats.encoder import EncodingError

_MARKS: Final = {
    "unsignedByte": 255,
    "short": -(2**15),
    "int": -(2**31),
    "long": -(2**63),
}


def null_mark(column: Column) -> int | None:
    """The number that means null in a column of integers; None for other types, which need none.

    It is the lowest of the type, of unsignedByte (where 0 is no rarity) the highest. It has to be told before
    the first row (VOT-085), so a row that holds it as a value has no place in such a table.
    """
    return _MARKS.get(column.datatype)


def is_array(column: Column) -> bool:
    """Whether cells are arrays of numbers or booleans."""
    return column.arraysize is not None and column.datatype not in ("char", "unicodeChar")


def element_mark(column: Column) -> int | None:
    """The number that means null for single elements of integer arrays, in every serialisation (VOT-072);
    None for other columns."""
    return null_mark(column) if is_array(column) else None


def refuse_marks(values: pa.Array, column: Column, mark: int | None) -> None:
    """Raises EncodingError where a cell or an element of one has the number that stands for null."""
    if mark is None:
        return
    numbers = values.flatten() if pa.types.is_list(values.type) else values
    if pc.any(pc.equal(numbers, mark), min_count=0).as_py():
        message = f"{mark} stands for null in this serialisation and is also a value; ask for another format"
        raise EncodingError(column.name, message)
