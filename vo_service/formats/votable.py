"""The frame of a VOTable 1.4 document: what stands before and after the rows of any serialisation."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from typing import Final
from xml.sax.saxutils import XMLGenerator

import pyarrow as pa

from tap_schema import Column
from vo_service.formats.binary2 import Binary2Rows
from vo_service.formats.description import Info, Outcome, TableDescription
from vo_service.formats.tabledata import TabledataRows

NAMESPACE: Final = "http://www.ivoa.net/xml/VOTable/v1.3"
VERSION: Final = "1.4"

_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_FRAMES: Final = {"icrs": "ICRS", "galactic": "galactic"}  # names of VOTable 1.4's closed list (VOT-106)
_REGION_XTYPES: Final = frozenset(
    {"adql:REGION", "adql:POINT", "point", "circle", "polygon", "range", "shape"}
)
_MJD = "mjd"


class _Document:
    """Pieces of XML, escaped by the standard library's writer, handed out as bytes as they come."""

    def __init__(self) -> None:
        self._buffer = io.StringIO()
        self._xml = XMLGenerator(self._buffer, encoding="utf-8", short_empty_elements=True)

    def declare(self) -> None:
        self._buffer.write('<?xml version="1.0" encoding="UTF-8"?>\n')

    def open(self, tag: str, /, **attributes: str | None) -> None:
        given = {key: legal(value) for key, value in attributes.items() if value is not None}
        self._xml.startElement(tag, given)  # type: ignore[arg-type]

    def close(self, name: str) -> None:
        self._xml.endElement(name)
        self._buffer.write("\n")

    def text(self, text: str) -> None:
        self._xml.characters(legal(text))

    def leaf(self, tag: str, text: str = "", /, **attributes: str | None) -> None:
        """An element with text and attributes; attributes that are None are left out."""
        self.open(tag, **attributes)
        if text:
            self.text(text)
        self.close(tag)

    def taken(self) -> bytes:
        """What was written since the last call."""
        written = self._buffer.getvalue()
        self._buffer.seek(0)
        self._buffer.truncate()
        return written.encode("utf-8")


def legal(text: str) -> str:
    """The text with U+FFFD for what XML 1.0 cannot hold, not even as an entity (VOT-077)."""
    return _ILLEGAL.sub("\ufffd", text)


class VOTableEncoder:
    """One results RESOURCE with one TABLE; rows as BINARY2 or TABLEDATA.

    QUERY_STATUS is OK before the table; OVERFLOW and ERROR follow it (VOT-120 to VOT-123).
    """

    def __init__(self, rows: Binary2Rows | TabledataRows) -> None:
        self._rows = rows
        self._document = _Document()

    @property
    def replaced(self) -> int:
        return self._rows.replaced

    @replaced.setter
    def replaced(self, cells: int) -> None:
        self._rows.replaced = cells

    def begin(self, table: TableDescription) -> Iterator[bytes]:
        document = self._document
        document.declare()
        document.open("VOTABLE", version=VERSION, xmlns=NAMESPACE)
        document.open("RESOURCE", type="results")
        _write_infos(document, (Info("QUERY_STATUS", "OK"), *table.infos))
        references = [_reference(column) for column in table.columns]
        _write_systems(document, references)
        document.open("TABLE", name=table.name)
        if table.description:
            document.leaf("DESCRIPTION", table.description)
        for column, name, reference in zip(table.columns, unique_ids(table.columns), references):
            _write_field(document, column, name, reference)
        yield document.taken() + self._rows.begin(table.columns)

    def rows(self, batch: pa.RecordBatch) -> Iterator[bytes]:
        return self._rows.rows(batch)

    def end(self, outcome: Outcome) -> Iterator[bytes]:
        yield self._rows.end()
        document = self._document
        document.close("TABLE")
        if outcome.status != "OK":
            document.leaf("INFO", outcome.message, name="QUERY_STATUS", value=outcome.status)
        _write_infos(document, outcome.infos)
        document.close("RESOURCE")
        document.close("VOTABLE")
        yield document.taken()


def error_votable(message: str, infos: Iterable[Info] = ()) -> bytes:
    """A document that says why there is no table (VOT-124)."""
    document = _Document()
    document.declare()
    document.open("VOTABLE", version=VERSION, xmlns=NAMESPACE)
    document.open("RESOURCE", type="results")
    document.leaf("INFO", message, name="QUERY_STATUS", value="ERROR")
    _write_infos(document, infos)
    document.close("RESOURCE")
    document.close("VOTABLE")
    return document.taken()


def unique_ids(columns: Iterable[Column]) -> tuple[str, ...]:
    """FIELD IDs: the column's name where XML allows it, unique in the document (VOT-032)."""
    taken = {*_FRAMES, _MJD}
    ids = []
    for column in columns:
        plain = re.sub(r"[^A-Za-z0-9_.-]", "_", column.name)
        if not re.match(r"[A-Za-z_]", plain):
            plain = f"_{plain}"
        name, number = plain, 2
        while name in taken:
            name, number = f"{plain}_{number}", number + 1
        taken.add(name)
        ids.append(name)
    return tuple(ids)


def _write_infos(document: _Document, infos: Iterable[Info]) -> None:
    for info in infos:
        document.leaf("INFO", info.text, name=info.name, value=info.value, ucd=info.ucd)


def _write_systems(document: _Document, references: list[str | None]) -> None:
    for frame, system in _FRAMES.items():
        if frame in references:
            document.leaf("COOSYS", ID=frame, system=system)
    if _MJD in references:
        # Where the times were taken is not known for every row: TOPOCENTER would be a guess (VOT-108).
        document.leaf("TIMESYS", ID=_MJD, timeorigin="MJD-origin", timescale="UTC", refposition="UNKNOWN")


def _reference(column: Column) -> str | None:
    """The coordinate or time system that a column's values are in, as its UCD and xtype tell."""
    ucd = (column.ucd or "").lower()
    if ucd.startswith(("pos.eq.", "pos.eq;")) or column.xtype in _REGION_XTYPES:
        return "icrs"
    if ucd.startswith("pos.galactic."):
        return "galactic"
    if (
        column.unit == "d"
        and column.xtype is None
        and ucd.startswith(("time.start", "time.end", "time.epoch"))
    ):
        return _MJD
    return None


def _write_field(document: _Document, column: Column, name: str, reference: str | None) -> None:
    document.open(
        "FIELD",
        ID=name,
        name=" ".join(column.name.split()) or "_",
        datatype=column.datatype,
        arraysize=column.arraysize,
        xtype=column.xtype,
        unit=column.unit,
        ucd=column.ucd,
        utype=column.utype,
        ref=reference,
    )
    if column.description:
        document.leaf("DESCRIPTION", column.description)
    document.close("FIELD")
