"""Rows as TABLEDATA: one TR a row, one TD a cell, null as an empty cell (VOT-070 to VOT-077)."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from tap_schema import Column
from vo_service.formats.columns import conform, slices_of
from vo_service.formats.texts import fit_characters, fit_xml, texts_of


class TabledataRows:
    """The elements DATA and TABLEDATA, in pieces."""

    def __init__(self) -> None:
        self.replaced = 0
        self._columns: tuple[Column, ...] = ()

    def begin(self, columns: tuple[Column, ...]) -> bytes:
        self._columns = columns
        return b"<DATA><TABLEDATA>\n"

    def rows(self, batch: pa.RecordBatch) -> Iterator[bytes]:
        """Raises EncodingError for values that do not fit their column."""
        for part in slices_of(batch):
            cells = [
                self._cells(values, column)
                for values, column in zip(conform(part, self._columns), self._columns)
            ]
            inner = pc.binary_join_element_wise(
                *cells, "</TD><TD>", null_handling="replace", null_replacement=""
            )
            lines = pc.binary_join_element_wise("<TR><TD>", inner, "</TD></TR>\n", "")
            yield joined_bytes(lines)

    def _cells(self, values: pa.Array, column: Column) -> pa.Array:
        texts = texts_of(values, column)
        if not column.is_text:
            return texts
        fitted = fit_characters(texts, column)
        escaped = fit_xml(fitted.texts)
        self.replaced += fitted.cells + escaped.cells
        return escaped.texts

    def end(self) -> bytes:
        return b"</TABLEDATA></DATA>\n"


def joined_bytes(texts: pa.Array) -> bytes:
    """All strings or byte strings of an array one after another, as they lie in its buffer."""
    if len(texts) == 0:
        return b""
    _, offsets, data = texts.buffers()
    width = 8 if texts.type in (pa.large_string(), pa.large_binary()) else 4
    first, last = (
        int.from_bytes(offsets[at * width : (at + 1) * width].to_pybytes(), "little")
        for at in (texts.offset, texts.offset + len(texts))
    )
    return bytes(data[first:last]) if data is not None else b""
