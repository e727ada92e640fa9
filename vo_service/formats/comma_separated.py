"""CSV by RFC 4180: CRLF, quotes where needed, null as nothing and the empty string as a pair of quotes."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from tap_schema import Column
from vo_service.formats.columns import conform, slices_of
from vo_service.formats.description import Outcome, TableDescription
from vo_service.formats.tabledata import joined_bytes
from vo_service.formats.texts import texts_of

_NEEDS_QUOTES = '[",\r\n]'


class CSVEncoder:
    """CSV without a header line (TAP-059: only when asked for); numbers and arrays as DALI writes them.

    There is no place for an outcome: OVERFLOW leaves no mark (DALI-115). In a table of one column a null is a
    pair of quotes too, since an empty line would be skipped by most readers and a row be lost.
    """

    def __init__(self) -> None:
        self.replaced = 0
        self._columns: tuple[Column, ...] = ()

    def begin(self, table: TableDescription) -> Iterator[bytes]:
        self._columns = table.columns
        return iter(())

    def rows(self, batch: pa.RecordBatch) -> Iterator[bytes]:
        alone = '""' if len(self._columns) == 1 else ""
        for part in slices_of(batch):
            cells = [
                quoted(texts_of(values, column)) if column.is_text else texts_of(values, column)
                for values, column in zip(conform(part, self._columns), self._columns)
            ]
            inner = pc.binary_join_element_wise(*cells, ",", null_handling="replace", null_replacement=alone)
            yield joined_bytes(pc.binary_join_element_wise(inner, "\r\n", ""))

    def end(self, outcome: Outcome) -> Iterator[bytes]:
        return iter(())


class HeadedCSVEncoder(CSVEncoder):
    """CSV with the column names as first line."""

    def begin(self, table: TableDescription) -> Iterator[bytes]:
        self._columns = table.columns
        names = quoted(pa.array([column.name for column in table.columns], pa.string()))
        yield (",".join(names.to_pylist()) + "\r\n").encode("utf-8")


def quoted(texts: pa.Array) -> pa.Array:
    """Texts in quotes where RFC 4180 wants them, or where they are empty; null stays null."""
    needed = pc.or_(pc.match_substring_regex(texts, _NEEDS_QUOTES), pc.equal(texts, ""))
    if not pc.any(needed, min_count=0).as_py():
        return texts
    inside = pc.replace_substring(texts, '"', '""')
    return pc.if_else(needed, pc.binary_join_element_wise('"', inside, '"', ""), texts)
