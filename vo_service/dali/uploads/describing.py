"""A table as it is handed over."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from vo_service.dali.uploads.fields import Field
from vo_service.dali.uploads.rows import ReadTable


def described(fields: tuple[Field, ...], rows: pa.Table) -> ReadTable:
    """Rows with the columns that queries see; text beyond ASCII makes them unicodeChar (VOT-025, VOT-046)."""
    columns = []
    for index, field in enumerate(fields):
        texts = field.datatype == "char" and pa.types.is_string(rows.column(index).type)
        plain = not texts or all(
            pc.all(pc.string_is_ascii(chunk), min_count=0).as_py() for chunk in rows.column(index).chunks
        )
        columns.append(field.column(plain))
    return ReadTable(tuple(columns), rows)
