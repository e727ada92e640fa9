"""Rows as TABLEDATA: one TR a row, one TD a cell, null as an empty cell (VOT-070 to VOT-077)."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from tap_schema import Column
from vo_service.formats.columns import conform
from vo_service.formats.nulls import refuse_marks
from vo_service.formats.texts import fit_characters, fit_xml, joined_bytes, texts_of
from vo_service.formats.votable import Serialisation


class TabledataRows(Serialisation):
    """The elements DATA and TABLEDATA, batch by batch."""

    def begin(self, columns: tuple[Column, ...]) -> bytes:
        self._columns = columns
        return b"<DATA><TABLEDATA>\n"

    def rows(self, batch: pa.RecordBatch) -> bytes:
        arrays = conform(batch, self._columns)
        cells = [self._cells(values, column) for values, column in zip(arrays, self._columns)]
        inner = pc.binary_join_element_wise(*cells, "</TD><TD>", null_handling="replace", null_replacement="")
        return joined_bytes(pc.binary_join_element_wise("<TR><TD>", inner, "</TD></TR>\n", ""))

    def _cells(self, values: pa.Array, column: Column) -> pa.Array:
        refuse_marks(values, column, self.null_mark(column))
        texts = texts_of(values, column)
        return fit_xml(fit_characters(texts, column)) if column.is_text else texts

    def end(self) -> bytes:
        return b"</TABLEDATA></DATA>\n"
