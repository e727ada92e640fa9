"""FITS: one binary table (FITS 4.0, section 7.3), written when all rows are known.

Its header tells the number of rows, the width of texts and the numbers that mean null, so the rows wait in a
spool file until the last of them; then header, rows and heap go out, a batch at a time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pyarrow as pa

from tap_schema import Column
from vo_service.formats.columns import conform
from vo_service.formats.description import Info, Outcome, TableDescription
from vo_service.formats.encoder import Encoder, EncodingError, SpoolPlace
from vo_service.formats.fields import reference, unique_names
from vo_service.formats.fits_columns import (
    Facts,
    Form,
    ascii_text,
    element_bytes,
    fill_cells,
    form_of,
    heap_cells,
    prepared,
    record_type,
)
from vo_service.formats.ipc_spool import ArrowSpool, packed

_BLOCK: Final = 2880
_MOST_COLUMNS: Final = 999
_NOT_PRINTABLE: Final = re.compile(r"[^ -~]")


class FITSEncoder(Encoder):
    """One table as the first extension of a FITS file; every byte comes out of `end`.

    QSTATUS in its header tells OK or OVERFLOW. Text is ASCII, in cells, names and header: accents are
    dropped, other letters become ``?``; how many cells and names that met is told in the header. After an
    error there are no bytes at all.
    """

    def __init__(self, place: SpoolPlace) -> None:
        self._place = place
        self._altered = 0
        self._spool: ArrowSpool | None = None
        self._length: int | None = None

    @property
    def length(self) -> int | None:
        return self._length

    def begin(self, table: TableDescription) -> Iterator[bytes]:
        if len(table.columns) > _MOST_COLUMNS:
            column = table.columns[_MOST_COLUMNS].name
            raise EncodingError(column, f"FITS takes {_MOST_COLUMNS} columns at most; ask for fewer of them")
        self._table = table
        self._names, self._renamed = _ascii_names(table.columns)
        self._facts = [Facts() for _ in table.columns]
        self._spool = ArrowSpool(self._place)
        return iter(())

    def rows(self, batch: pa.RecordBatch) -> Iterator[bytes]:
        arrays = []
        columns = self._table.columns
        for values, column, facts in zip(conform(batch, columns), columns, self._facts):
            ready, altered = prepared(values, column)
            facts.note(ready)
            self._altered += altered
            arrays.append(ready)
        if self._spool is not None:
            self._spool.add(packed(pa.RecordBatch.from_arrays(arrays, [str(i) for i in range(len(arrays))])))
        return iter(())

    def end(self, outcome: Outcome) -> Iterator[bytes]:
        if outcome.status != "ERROR" and self._spool is not None:
            forms = [form_of(*one) for one in zip(self._table.columns, self._names, self._facts)]
            rows = record_type(forms)
            heap = sum(_heap_bytes(form, facts) for form, facts in zip(forms, self._facts))
            head = _primary() + self._header(forms, rows.itemsize, heap, outcome)
            self._length = len(head) + _whole_blocks(self._rows * rows.itemsize + heap)
            yield head
            yield from _filled_up(_rows_and_heap(self._spool, forms, rows))
        self.close()

    def close(self) -> None:
        if self._spool is not None:
            self._spool.close()
            self._spool = None

    @property
    def _rows(self) -> int:
        return self._facts[0].rows if self._facts else 0

    def _header(self, forms: Sequence[Form], width: int, heap: int, outcome: Outcome) -> bytes:
        cards: list[tuple[str, str | int | bool]] = [
            ("XTENSION", "BINTABLE"),
            ("BITPIX", 8),
            ("NAXIS", 2),
            ("NAXIS1", width),
            ("NAXIS2", self._rows),
            ("PCOUNT", heap),
            ("GCOUNT", 1),
            ("TFIELDS", len(forms)),
            ("EXTNAME", self._table.name or "result"),
            ("QSTATUS", outcome.status),
        ]
        for number, form in enumerate(forms, start=1):
            cards += _column_cards(number, form)
        systems = {reference(form.column) for form in forms}
        if "icrs" in systems:
            cards.append(("RADESYS", "ICRS"))
        if "mjd" in systems:
            cards.append(("TIMESYS", "UTC"))
        told = [_told(info) for info in (*self._table.infos, *outcome.infos)]
        for count, what in ((self._renamed, "names of columns"), (self._altered, "texts")):
            if count:
                told.append(f"{count} {what} hold characters that FITS has not; they were replaced")
        return _written(cards, [outcome.message, self._table.description or "", *told])


def _ascii_names(columns: Sequence[Column]) -> tuple[tuple[str, ...], int]:
    """Names as FITS takes them, no two the same in any case, and how many hold characters that it has not."""
    plain = [" ".join(column.name.split()) for column in columns]
    written = [ascii_text(name) for name in plain]
    renamed = sum(name != own for name, own in zip(written, plain))
    # accents go first: names that differ in them only are the same without
    spelt = [replace(column, name=name) for column, name in zip(columns, written)]
    return unique_names(spelt, any_case=True), renamed


def _primary() -> bytes:
    return _written([("SIMPLE", True), ("BITPIX", 8), ("NAXIS", 0), ("EXTEND", True)], [])


def _column_cards(number: int, form: Form) -> list[tuple[str, str | int | bool]]:
    """What the header says of one column; the last four keywords are those that VO tools read and write."""
    column = form.column
    known: list[tuple[str, str | int | None]] = [
        ("TTYPE", form.name),
        ("TFORM", form.code),
        ("TUNIT", _NOT_PRINTABLE.sub("?", column.unit or "")),  # without its ring, an angstrom is an ampere
        ("TNULL", form.null),
        ("TDIM", form.dimensions),
        ("TUCD", column.ucd),
        ("TUTYP", column.utype),
        ("TXTYP", column.xtype),
        ("TCOMM", column.description),
    ]
    return [(f"{key}{number}", value) for key, value in known if value is not None and value != ""]


def _told(info: Info) -> str:
    """An INFO as a comment."""
    return ": ".join(part for part in (info.name, info.value, info.text) if part)


def _written(cards: Sequence[tuple[str, str | int | bool]], comments: Sequence[str]) -> bytes:
    """A header in blocks; texts in the ASCII that cards take, long ones over several of them."""
    from astropy.io import fits  # only this format needs it, and it takes its time to load

    header = fits.Header()
    for key, value in cards:
        header.append((key, ascii_text(value) if isinstance(value, str) else value), bottom=True)
    for comment in comments:
        if comment:
            header.add_comment(ascii_text(comment))
    text: str = header.tostring(sep="", endcard=True, padding=True)
    return text.encode("ascii")


def _heap_bytes(form: Form, facts: Facts) -> int:
    """What a column has in the heap altogether."""
    if not form.heap:
        return 0
    return facts.total * element_bytes(form)


def _rows_and_heap(spool: ArrowSpool, forms: list[Form], rows: np.dtype[Any]) -> Iterator[bytes]:
    """All rows, then what the descriptors in them point to."""
    start = 0
    for batch in spool.batches():
        records = np.empty(batch.num_rows, dtype=rows)
        for number, form in enumerate(forms):
            start += fill_cells(records, str(number), form, batch.column(number), start)
        yield records.tobytes()
    heaped = [(number, form) for number, form in enumerate(forms) if form.heap]
    if heaped:
        for batch in spool.batches():
            for number, form in heaped:
                yield heap_cells(form, batch.column(number))


def _filled_up(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces, and zeros up to a whole block."""
    written = 0
    for piece in pieces:
        written += len(piece)
        if piece:
            yield piece
    if written % _BLOCK:
        yield bytes(_whole_blocks(written) - written)


def _whole_blocks(size: int) -> int:
    """A size rounded up to whole blocks."""
    return -(-size // _BLOCK) * _BLOCK
