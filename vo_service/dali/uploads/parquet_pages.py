"""Pages of a Parquet file, measured before any of them is unpacked (VOT-181).

What the footer says of a column's size need not be true; what counts is what the header of each page says:
that much memory is taken to unpack it. Headers are in the compact protocol of Thrift.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import pyarrow.parquet as pq

from vo_service.dali.uploads.faults import UploadFault

PAGE_BYTES: Final = 64 << 20
PAGE_VALUES: Final = 1 << 24
_DEPTH: Final = 8  # of structures in the header of a page
_HEADERS: Final = (5, 7, 8)  # of a page of data, of a dictionary, of data in version 2: fields of a header
_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _STRUCT = 1, 2, 3, 7, 8, 12
_INTEGERS: Final = (4, 5, 6)
Fields = dict[int, object]


@dataclass(frozen=True, slots=True)
class Page:
    """What the header of a page says: bytes when unpacked, values."""

    size: int
    values: int


def check_pages(content: memoryview, footer: pq.FileMetaData, most: int, check: Callable[[], None]) -> None:
    """Raises UploadFault for a page that is too large, and for pages above ``most`` bytes or values in all;
    what ``check`` raises, which is called for each page."""
    total = 0
    for group in range(footer.num_row_groups):
        for index in range(footer.num_columns):
            chunk = footer.row_group(group).column(index)
            for page in _pages(content, chunk):
                check()
                if page.size > PAGE_BYTES or page.values > PAGE_VALUES:
                    raise UploadFault(
                        f"a page of {page.size} bytes and {page.values} values; {PAGE_BYTES} bytes and "
                        f"{PAGE_VALUES} values are allowed",
                        column=chunk.path_in_schema,
                        hint="Write smaller pages.",
                    )
                total += max(page.size, page.values)
                if total > most:
                    raise UploadFault(f"the content of the table is above {most} bytes")


def _pages(content: memoryview, chunk: pq.ColumnChunkMetaData) -> Iterator[Page]:
    at = chunk.data_page_offset
    if chunk.has_dictionary_page and 0 < chunk.dictionary_page_offset < at:
        at = chunk.dictionary_page_offset
    if at < 0:
        raise _broken(chunk)
    end = at + chunk.total_compressed_size
    while at < min(end, len(content)):
        header = _Header(content, at)
        try:
            fields = header.structure(0)
        except IndexError as error:
            raise _broken(chunk) from error
        size, stored = fields.get(2), fields.get(3)
        if not isinstance(size, int) or not isinstance(stored, int) or size < 0 or stored < 0:
            raise _broken(chunk)
        kinds = [fields.get(key) for key in _HEADERS]
        values = [kind.get(1) for kind in kinds if isinstance(kind, dict)]
        yield Page(size, max((number for number in values if isinstance(number, int)), default=0))
        at = header.at + stored


def _broken(chunk: pq.ColumnChunkMetaData) -> UploadFault:
    return UploadFault("the Parquet file is broken: the header of a page", column=chunk.path_in_schema)


class _Header:
    """Reads one structure; methods raise IndexError where it is none."""

    def __init__(self, content: memoryview, at: int) -> None:
        self._content = content
        self.at = at

    def structure(self, depth: int) -> Fields:
        """Fields by their numbers."""
        if depth == _DEPTH:
            raise IndexError
        fields: Fields = {}
        number = 0
        while head := self._byte():
            number = number + (head >> 4) if head >> 4 else self._integer()
            fields[number] = self._value(head & 15, depth)
        return fields

    def _value(self, kind: int, depth: int) -> object:
        if kind in (_TRUE, _FALSE):
            return kind == _TRUE
        if kind == _BYTE:
            return self._byte()
        if kind in _INTEGERS:
            return self._integer()
        if kind == _STRUCT:
            return self.structure(depth + 1)
        if kind == _DOUBLE:
            self.at += 8
        elif kind == _BINARY:
            length = self._unsigned()
            self.at += length
        else:  # lists and maps: no page has them
            raise IndexError
        return None

    def _byte(self) -> int:
        value = self._content[self.at]
        self.at += 1
        return value

    def _unsigned(self) -> int:
        value = 0
        for shift in range(0, 70, 7):
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
        raise IndexError

    def _integer(self) -> int:
        value = self._unsigned()
        return (value >> 1) ^ -(value & 1)
