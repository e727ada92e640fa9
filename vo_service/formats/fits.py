"""FITS: one binary table (FITS 4.0, section 7.3), written when all rows are known.

Its header tells the number of rows, the width of texts and the numbers that mean null, so the rows wait in a
spool file until the last of them; then header, rows and heap go out, a batch at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa

from vo_service.formats.columns import conform
from vo_service.formats.description import Info, Outcome, TableDescription
from vo_service.formats.encoder import Encoder, EncodingError, Piece, SpoolPlace
from vo_service.formats.fields import reference, unique_names
from vo_service.formats.fits_columns import (
    Facts,
    Form,
    element_bytes,
    fill_cells,
    form_of,
    heap_cells,
    prepared,
    record_type,
)
from vo_service.formats.ipc_spool import ArrowSpool, packed
from vo_service.formats.texts import Tally

_BLOCK: Final = 2880
_MOST_COLUMNS: Final = 999


class FITSEncoder(Encoder):
    """One table as the first extension of a FITS file; every byte comes out of `end`.

    QSTATUS in its header tells OK or OVERFLOW. Text is ASCII: accents are dropped, other letters become
    ``?``, which is counted and told in the header. After an error there are no bytes at all.
    """

    def __init__(self, place: SpoolPlace) -> None:
        self._place = place
        self._altered = Tally()
        self._spool: ArrowSpool | None = None
        self._length: int | None = None

    @property
    def replaced(self) -> int:
        return self._altered.count

    @property
    def length(self) -> int | None:
        return self._length

    def begin(self, table: TableDescription) -> Iterator[bytes]:
        if len(table.columns) > _MOST_COLUMNS:
            column = table.columns[_MOST_COLUMNS].name
            raise EncodingError(column, f"FITS takes {_MOST_COLUMNS} columns at most; ask for fewer of them")
        self._table = table
        self._facts = [Facts() for _ in table.columns]
        self._spool = ArrowSpool(self._place)
        return iter(())

    def piece(self, batch: pa.RecordBatch) -> bytes:
        arrays = [
            prepared(values, column, self._altered)
            for values, column in zip(conform(batch, self._table.columns), self._table.columns)
        ]
        for values, facts in zip(arrays, self._facts):
            facts.note(values)
        return packed(pa.RecordBatch.from_arrays(arrays, [str(i) for i in range(len(arrays))]))

    def join(self, piece: Piece) -> bytes:
        if self._spool is not None:
            self._spool.add(piece)
        return b""

    def end(self, outcome: Outcome) -> Iterator[bytes]:
        if outcome.status != "ERROR" and self._spool is not None:
            names = unique_names(self._table.columns, any_case=True)
            forms = [form_of(*one) for one in zip(self._table.columns, names, self._facts)]
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
        if self._altered.count:
            told.append(f"{self._altered.count} texts hold characters that FITS has not; they were replaced")
        return _written(cards, [outcome.message, self._table.description or "", *told])


def _primary() -> bytes:
    return _written([("SIMPLE", True), ("BITPIX", 8), ("NAXIS", 0), ("EXTEND", True)], [])


def _column_cards(number: int, form: Form) -> list[tuple[str, str | int | bool]]:
    """What the header says of one column; the last four keywords are those that VO tools read and write."""
    column = form.column
    known: list[tuple[str, str | int | None]] = [
        ("TTYPE", form.name),
        ("TFORM", form.code),
        ("TUNIT", column.unit),
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
        header.append((key, _printable(value) if isinstance(value, str) else value), bottom=True)
    for comment in comments:
        if comment:
            header.add_comment(_printable(comment))
    text: str = header.tostring(sep="", endcard=True, padding=True)
    return text.encode("ascii")


def _printable(text: str) -> str:
    return "".join(letter if " " <= letter <= "~" else " " if letter.isspace() else "?" for letter in text)


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
