"""TSV (text/tab-separated-values): a header line, a line a row, nothing quoted, null as nothing (TAP-061)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from vo_service.formats.columns import conform
from vo_service.formats.description import Outcome, TableDescription
from vo_service.formats.encoder import Encoder
from vo_service.formats.fields import unique_names
from vo_service.formats.texts import extremes, joined_bytes, replaced, texts_of

_NO_PLACE: Final = "[\t\n\r]"


class TSVEncoder(Encoder):
    """Values as in CSV. Tabs and line breaks have no place in a cell and become blanks; null and
    the empty string look the same. No mark tells of an outcome."""

    def begin(self, table: TableDescription) -> Iterator[bytes]:
        self._columns = table.columns
        # names have single blanks only: no tab, no line break is left in them
        yield ("\t".join(unique_names(table.columns)) + "\n").encode("utf-8")

    def rows(self, batch: pa.RecordBatch) -> Iterator[bytes]:
        cells = [
            _flat(texts_of(values, column)) if column.is_text else texts_of(values, column)
            for values, column in zip(conform(batch, self._columns), self._columns)
        ]
        inner = pc.binary_join_element_wise(*cells, "\t", null_handling="replace", null_replacement="")
        yield joined_bytes(pc.binary_join_element_wise(inner, "\n", ""))

    def end(self, outcome: Outcome) -> Iterator[bytes]:
        return iter(())


def _flat(texts: pa.Array) -> pa.Array:
    """Texts with blanks for what would end a cell or a line."""
    return texts if extremes(texts)[0] >= ord(" ") else replaced(texts, _NO_PLACE, " ")
