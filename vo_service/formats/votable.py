"""The frame of a VOTable document: what stands before and after the rows of any serialisation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Final

import pyarrow as pa

from tap_schema import Column
from vo_service.formats.description import Info, Outcome, TableDescription
from vo_service.formats.encoder import Encoder
from vo_service.formats.fields import Version, field_element, unique_ids, unique_names, write_systems
from vo_service.formats.nulls import element_mark
from vo_service.formats.xml_document import XMLDocument

NAMESPACE: Final = "http://www.ivoa.net/xml/VOTable/v1.3"
"""That of 1.3 and of every version since (VOT-001)."""


class Serialisation(ABC):
    """How the rows of a VOTable are written: the element DATA, batch by batch."""

    @abstractmethod
    def begin(self, columns: tuple[Column, ...]) -> bytes:
        """Start tags down to the rows."""

    @abstractmethod
    def rows(self, batch: pa.RecordBatch) -> bytes:
        """The rows of the next batch; raises EncodingError for values that do not fit their column."""

    @abstractmethod
    def end(self) -> bytes:
        """What is left of the rows, and the end tags."""

    def null_mark(self, column: Column) -> int | None:
        """The number that stands for null in a column, where one does."""
        return element_mark(column)


class VOTableEncoder(Encoder):
    """One results RESOURCE with one TABLE, and the RESOURCEs that go with it behind.

    QUERY_STATUS is OK before the table; OVERFLOW and ERROR follow it (VOT-120 to VOT-123).
    """

    def __init__(self, rows: Serialisation, version: Version = "1.4") -> None:
        self._rows = rows
        self._version: Version = version
        self._document = XMLDocument()
        self._resources: tuple[bytes, ...] = ()

    def begin(self, table: TableDescription) -> Iterator[bytes]:
        self._resources = table.resources
        marks = [self._rows.null_mark(column) for column in table.columns]
        open_table(self._document, table, marks, self._version)
        yield self._document.taken() + self._rows.begin(table.columns)

    def rows(self, batch: pa.RecordBatch) -> Iterator[bytes]:
        yield self._rows.rows(batch)

    def end(self, outcome: Outcome) -> Iterator[bytes]:
        yield self._rows.end()
        close_table(self._document, outcome, self._resources)
        yield self._document.taken()


def metadata_votable(table: TableDescription, outcome: Outcome) -> bytes:
    """The document of a table without its DATA, for formats that keep the rows elsewhere."""
    document = XMLDocument()
    open_table(document, table, [None] * len(table.columns), "1.4")
    close_table(document, outcome, table.resources)
    return document.taken()


def error_votable(message: str, infos: Iterable[Info] = ()) -> bytes:
    """A document that says why there is no table (VOT-124)."""
    document = XMLDocument()
    _open_results(document, "1.4")
    document.leaf("INFO", message, {"name": "QUERY_STATUS", "value": "ERROR"})
    _write_infos(document, infos)
    document.close("RESOURCE")
    document.close("VOTABLE")
    return document.taken()


def open_table(
    document: XMLDocument, table: TableDescription, marks: Iterable[int | None], version: Version
) -> None:
    """From the XML declaration to the last FIELD; ``marks`` are the numbers that stand for null."""
    _open_results(document, version)
    _write_infos(document, (Info("QUERY_STATUS", "OK"), *table.infos))
    write_systems(document, table.columns, version)
    document.open("TABLE", {"name": table.name})
    if table.description:
        document.leaf("DESCRIPTION", table.description)
    names = unique_names(table.columns)
    for column, name, identifier, mark in zip(table.columns, names, unique_ids(names), marks):
        document.raw(field_element(column, name, identifier, mark))


def close_table(document: XMLDocument, outcome: Outcome, resources: Iterable[bytes]) -> None:
    """From the end of TABLE to that of the document, how the query ended in between (VOT-007, VOT-165)."""
    document.close("TABLE")
    if outcome.status != "OK":
        document.leaf("INFO", outcome.message, {"name": "QUERY_STATUS", "value": outcome.status})
    _write_infos(document, outcome.infos)
    document.close("RESOURCE")
    for resource in resources:
        document.raw(resource.decode("utf-8"))
    document.close("VOTABLE")


def _open_results(document: XMLDocument, version: Version) -> None:
    document.declare()
    document.open("VOTABLE", {"version": version, "xmlns": NAMESPACE})
    document.open("RESOURCE", {"type": "results"})


def _write_infos(document: XMLDocument, infos: Iterable[Info]) -> None:
    for info in infos:
        document.leaf("INFO", info.text, {"name": info.name, "value": info.value, "ucd": info.ucd})
