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
from vo_service.formats.texts import Tally, extremes, joined_bytes, texts_of

_NO_PLACE: Final = "[\t\n\r]"


class TSVEncoder(Encoder):
    """Values as in CSV. Tabs and line breaks have no place in a cell and become blanks, which is counted;
    null and the empty string look the same. No mark tells of an outcome."""

    def __init__(self) -> None:
        self._altered = Tally()

    @property
    def replaced(self) -> int:
        return self._altered.count

    def begin(self, table: TableDescription) -> Iterator[bytes]:
        self._columns = table.columns
        # names have single blanks only: no tab, no line break is left in them
        yield ("\t".join(unique_names(table.columns)) + "\n").encode("utf-8")

    def piece(self, batch: pa.RecordBatch) -> bytes:
        cells = [
            self._flat(texts_of(values, column)) if column.is_text else texts_of(values, column)
            for values, column in zip(conform(batch, self._columns), self._columns)
        ]
        inner = pc.binary_join_element_wise(*cells, "\t", null_handling="replace", null_replacement="")
        return joined_bytes(pc.binary_join_element_wise(inner, "\n", ""))

    def _flat(self, texts: pa.Array) -> pa.Array:
        if extremes(texts)[0] >= ord(" "):
            return texts
        hit = pc.sum(pc.match_substring_regex(texts, _NO_PLACE), min_count=0).as_py()
        self._altered.add(hit)
        return pc.replace_substring_regex(texts, _NO_PLACE, " ") if hit else texts

    def end(self, outcome: Outcome) -> Iterator[bytes]:
        return iter(())
