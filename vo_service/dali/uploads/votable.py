"""VOTable documents of any version and serialisation as columns and rows (VOTable 1.0 to 1.5).

One TABLE counts (TAP-093): the first in a RESOURCE of type ``results``; without one, the first in a RESOURCE
without a type, then of any other type, then of type ``meta`` or within such a one. The rest is read over. Its
facts come from the FIELDs; PARAMs, GROUPs and LINKs are not kept.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, Protocol

from tap_schema import Column
from vo_service.dali.multipart import new_path
from vo_service.dali.parameters import shortened
from vo_service.dali.uploads.binary import Base64Text, BinaryRows
from vo_service.dali.uploads.describing import described
from vo_service.dali.uploads.faults import UploadFault
from vo_service.dali.uploads.fields import COLUMNS, Field, check_names
from vo_service.dali.uploads.rows import ReadLimits, ReadTable, Rows
from vo_service.dali.uploads.tabledata import TableDataRows
from vo_service.dali.uploads.xml_names import ElementNames
from vo_service.dali.uploads.xml_stream import XmlStream

_DEPTH = 64
_TEXT = 1 << 16  # characters of a description that are kept
_TABLES = 1000
_RANKS = {"results": 3, "": 2, "meta": 0}  # of the type of a RESOURCE; 1 for others


class FitsReader(Protocol):
    """Reads the table of one FITS extension in a file, with the names and facts of ``fields``."""

    def __call__(
        self, path: Path, extension: int | None, limits: ReadLimits, fields: tuple[Field, ...]
    ) -> ReadTable: ...


def read_votable(file: BinaryIO, limits: ReadLimits, read_fits: FitsReader) -> ReadTable:
    """The table of a document. Raises UploadFault, and what ``limits.check`` raises."""
    with ExitStack() as closing:
        document = _Document(limits, read_fits, closing, _STARTS)
        document.stream.read(file, limits.check)
        return document.result()


def read_columns(file: BinaryIO, limits: ReadLimits) -> tuple[Column, ...]:
    """The columns of the table of a document, whose data are read over, wherever they are.

    Raises as `read_votable`.
    """
    with ExitStack() as closing:
        document = _Document(limits, None, closing, _STARTS_BUT_DATA)
        document.stream.read(file, limits.check)
        return document.columns()


class _Document:
    """The state of one parse, outside of the rows."""

    def __init__(
        self, limits: ReadLimits, read_fits: FitsReader | None, closing: ExitStack, starts: _Starts
    ) -> None:
        self._limits = limits
        self._starts = starts
        self._read_fits = read_fits
        self._closing = closing
        self.stream = XmlStream(self._start, self._end, self._text)
        self._names = ElementNames()
        self._stack: list[str] = []
        self._alien = 0  # depth within an element of another namespace
        self._resources: list[int] = []
        self._collected: list[str] | None = None
        self._collectable = 0  # characters that may still be collected
        self._tables = 0
        self._rank = -1
        self._taking = False
        self._given: list[dict[str, str]] = []  # FIELDs of the TABLE that is being read
        self._of_table: dict[str, list[dict[str, str]]] = {}
        self._nulls: dict[str, str] = {}
        self._fields: tuple[Field, ...] = ()
        self._rows: Rows | None = None
        self._binary: BinaryRows | None = None
        self._base64: Base64Text | None = None
        self._fits: tuple[BinaryIO, Path, int | None] | None = None
        self._from_fits: ReadTable | None = None

    def result(self) -> ReadTable:
        """What was read. Raises UploadFault where there was no TABLE."""
        if self._rank < 0:
            raise UploadFault("there is no TABLE in the VOTable")
        if self._from_fits is not None:
            return self._from_fits
        assert self._rows is not None
        return described(self._fields, self._rows.table())

    def columns(self) -> tuple[Column, ...]:
        """The columns of the table."""
        return tuple(field.column(ascii=True) for field in self._fields)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if max(self._alien, len(self._stack)) == _DEPTH:
            raise UploadFault(f"elements are nested deeper than {_DEPTH}")
        if self._alien:
            self._alien += 1
            return
        self._names.enter(len(self._stack), attributes)
        if not self._stack:
            self._names.check_root(name)
        local = self._names[name]
        if not local:
            self._alien = 1
            return
        self._stack.append(local)
        begin = self._starts.get(local)
        if begin is not None:
            begin(self, attributes)

    def _end(self, name: str) -> None:
        if self._alien:
            self._alien -= 1
            if not self._alien:
                self._names.leave(len(self._stack))
            return
        finish = _ENDS.get(self._stack[-1])
        if finish is not None:
            finish(self)
        self._leave()

    def _leave(self) -> None:
        self._stack.pop()
        self._names.leave(len(self._stack))

    def _text(self, text: str) -> None:
        if self._collected is not None and not self._alien and self._collectable > 0:
            self._collected.append(text)
            self._collectable -= len(text)

    def _collect(self) -> None:
        self._collected = []
        self._collectable = _TEXT

    def _parent(self) -> str:
        return self._stack[-2] if len(self._stack) > 1 else ""

    def _start_resource(self, attributes: dict[str, str]) -> None:
        rank = _RANKS.get(attributes.get("type", "").strip().lower(), 1)
        above = self._resources[-1] if self._resources else 3
        self._resources.append(0 if above == 0 else rank)

    def _end_resource(self) -> None:
        self._resources.pop()

    def _start_info(self, attributes: dict[str, str]) -> None:
        if attributes.get("name") == "QUERY_STATUS" and attributes.get("value", "").strip() == "ERROR":
            self._collect()

    def _end_info(self) -> None:
        if self._collected is not None:
            told = " ".join("".join(self._collected).split())[:500]
            raise UploadFault(
                f"the document is the answer to a query that failed: {told or 'no reason given'}"
            )

    def _start_table(self, attributes: dict[str, str]) -> None:
        if self._stack.count("TABLE") > 1:
            raise UploadFault("there is a TABLE within a TABLE")
        self._tables += 1
        if self._tables > _TABLES:
            raise UploadFault(f"there are more than {_TABLES} TABLEs in the document")
        rank = self._resources[-1] if self._resources else 2
        self._taking = rank > self._rank
        self._given = []
        if "ref" in attributes:
            if self._taking and attributes["ref"] not in self._of_table:
                raise UploadFault(
                    f"the TABLE refers to {attributes['ref']!r}, and no TABLE before it has this ID"
                )
            self._given = list(self._of_table.get(attributes["ref"], []))
        if "ID" in attributes:
            self._of_table[attributes["ID"]] = self._given
        if self._taking:
            self._rank = rank
            self._rows = None
            self._from_fits = None

    def _end_table(self) -> None:
        if self._taking and self._rows is None and self._from_fits is None:
            self._begin_rows()
        self._taking = False

    def _start_field(self, attributes: dict[str, str]) -> None:
        if self._parent() == "TABLE":
            if len(self._given) > COLUMNS:
                raise UploadFault(f"the table has more than the {COLUMNS} columns allowed")
            self._given.append(dict(attributes))

    def _start_values(self, attributes: dict[str, str]) -> None:
        null = self._nulls.get(attributes["ref"]) if "ref" in attributes else attributes.get("null")
        if null is not None:
            if "ID" in attributes:
                self._nulls[attributes["ID"]] = null
            if self._in_field():
                self._given[-1].setdefault(" null", null)

    def _start_description(self, attributes: dict[str, str]) -> None:
        if self._in_field():
            self._collect()

    def _end_description(self) -> None:
        if self._in_field() and self._collected is not None:
            self._given[-1][" description"] = " ".join("".join(self._collected).split())
            self._collected = None

    def _in_field(self) -> bool:
        return self._stack[-3:-1] == ["TABLE", "FIELD"]

    def _start_data(self, attributes: dict[str, str]) -> None:
        if self._taking:
            if self._rows is not None or self._from_fits is not None:
                raise UploadFault("the TABLE has two DATA elements")
            self._begin_rows()

    def _begin_rows(self) -> None:
        self._fields = tuple(_field(given, index) for index, given in enumerate(self._given, start=1))
        check_names(self._fields)
        names = [field.name for field in self._fields]
        rows = Rows(names, [field.arrow_type for field in self._fields], self._limits)
        self._rows = self._closing.enter_context(rows)

    def _start_tabledata(self, attributes: dict[str, str]) -> None:
        if not self._taking or self._rows is None:
            return
        inside = TableDataRows(self._fields, self._names, self._rows.put, self._end_tabledata)
        self.stream.on(inside.start, inside.end, inside.text)

    def _end_tabledata(self) -> None:
        self._leave()
        self.stream.on(self._start, self._end, self._text)

    def _start_fits(self, attributes: dict[str, str]) -> None:
        if self._taking:
            extnum = attributes.get("extnum", "").strip()
            if extnum and not (extnum.isdigit() and len(extnum) < 4):
                raise UploadFault(f"extnum={extnum[:20]!r} is no number of a FITS extension")
            path = new_path(self._limits.place, "fits")
            self._closing.callback(path.unlink, missing_ok=True)
            file = self._closing.enter_context(path.open("wb"))
            self._fits = (file, path, int(extnum) if extnum else None)

    def _start_stream(self, attributes: dict[str, str]) -> None:
        if not self._taking or self._rows is None:
            return
        if "href" in attributes:
            raise UploadFault(
                "the data lie elsewhere (STREAM href), which is not followed",
                hint="Send them within the document.",
            )
        encoding = attributes.get("encoding", "base64").strip().lower()
        if encoding != "base64":
            raise UploadFault(f"a STREAM in the encoding {encoding[:20]!r} is not read, only base64")
        kind = self._parent()
        if kind in ("BINARY", "BINARY2"):
            self._binary = BinaryRows(self._fields, flagged=kind == "BINARY2")
        elif kind != "FITS":
            raise UploadFault(f"a STREAM within {kind} is not read")
        self._base64 = Base64Text()
        self.stream.on(self._start_in_stream, self._end, self._stream_text)

    def _start_in_stream(self, name: str, attributes: dict[str, str]) -> None:
        raise UploadFault(f"the element {shortened(name)!r} has no place in a STREAM")

    def _stream_text(self, text: str) -> None:
        assert self._base64 is not None
        try:
            content = self._base64.feed(text)
        except UploadFault as fault:
            raise self._in_row(fault) from None
        self._take(content)

    def _take(self, content: bytes) -> None:
        if self._binary is not None and self._rows is not None:
            for arrays in self._binary.feed(content):
                self._rows.put(arrays)
        elif self._fits is not None:
            self._fits[0].write(content)

    def _in_row(self, fault: UploadFault) -> UploadFault:
        """VOT-087: what is wrong with the text is told with the row that it was to be, as far as is known."""
        if self._binary is None:
            return fault
        for _ in self._binary.whole_rows():
            pass
        return UploadFault(f"{fault.message}, behind row {self._binary.rows}", hint=fault.hint)

    def _end_stream(self) -> None:
        if self._base64 is None:
            return
        try:
            self._base64.finish()
        except UploadFault as fault:
            raise self._in_row(fault) from None
        if self._binary is not None and self._rows is not None:
            for arrays in self._binary.finish():
                self._rows.put(arrays)
        elif self._fits is not None:
            file, path, extension = self._fits
            file.close()
            assert self._read_fits is not None
            self._from_fits = self._read_fits(path, extension, self._limits, self._fields)
        self._base64 = self._binary = self._fits = None
        self.stream.on(self._start, self._end, self._text)

    def _start_parquet(self, attributes: dict[str, str]) -> None:
        if self._taking:
            raise UploadFault("the data lie in a Parquet file elsewhere; upload that file itself")


def _field(given: dict[str, str], index: int) -> Field:
    """A FIELD's attributes as a column. Raises UploadFault."""
    name = " ".join((given.get("name") or given.get("ID") or "").split())
    if not name:
        raise UploadFault(f"column {index} has no name; give each FIELD one")
    if "datatype" not in given:
        raise UploadFault("the FIELD has no datatype", column=name)

    def fact(key: str) -> str | None:
        return given.get(key, "").strip() or None

    return Field(
        name,
        given["datatype"].strip(),
        given.get("arraysize"),
        fact("xtype"),
        fact("unit"),
        fact("ucd"),
        fact("utype"),
        given.get(" description", ""),
        given.get(" null"),
    )


_Starts = dict[str, Callable[[_Document, dict[str, str]], None]]
_STARTS: _Starts = {
    "RESOURCE": _Document._start_resource,
    "INFO": _Document._start_info,
    "TABLE": _Document._start_table,
    "FIELD": _Document._start_field,
    "VALUES": _Document._start_values,
    "DESCRIPTION": _Document._start_description,
    "DATA": _Document._start_data,
    "TABLEDATA": _Document._start_tabledata,
    "FITS": _Document._start_fits,
    "PARQUET": _Document._start_parquet,
    "STREAM": _Document._start_stream,
}
_DATA = ("DATA", "TABLEDATA", "FITS", "PARQUET", "STREAM")
_STARTS_BUT_DATA: _Starts = {name: start for name, start in _STARTS.items() if name not in _DATA}
_ENDS: dict[str, Callable[[_Document], None]] = {
    "RESOURCE": _Document._end_resource,
    "INFO": _Document._end_info,
    "TABLE": _Document._end_table,
    "DESCRIPTION": _Document._end_description,
    "STREAM": _Document._end_stream,
}
