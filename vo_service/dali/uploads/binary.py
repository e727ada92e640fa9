"""Rows of BINARY and BINARY2 from a stream of bytes, in batches (VOT-080 to VOT-090).

A cell of varying size is checked against its limit by its count, before any of its bytes are waited for
(VOT-182).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from struct import Struct

import numpy as np
import pyarrow as pa
import pybase64

from vo_service.dali.uploads.bytes_of_cells import (
    Bytes,
    fixed_cells,
    stored_bytes,
    variable_cells,
    with_nulls,
)
from vo_service.dali.uploads.faults import UploadFault
from vo_service.dali.uploads.fields import CELL_BYTES, ONE, Field

_AT_ONCE = 1 << 20  # bytes that are read together
_ROWS = 1 << 14
_COUNT = Struct(">i")
_BLANKS = str.maketrans("", "", " \t\r\n")
_ALIEN = re.compile(r"[^A-Za-z0-9+/=]")


class Base64Text:
    """Bytes of base64 text that comes in pieces, with blanks anywhere. Methods raise UploadFault."""

    def __init__(self) -> None:
        self._rest = ""
        self._ended = False

    def feed(self, text: str) -> bytes:
        """The bytes of whole groups of four characters so far."""
        text = self._rest + text.translate(_BLANKS)
        whole = len(text) - len(text) % 4
        self._rest = text[whole:]
        if whole == 0:
            return b""
        if self._ended:
            raise UploadFault("there is base64 text behind its end mark '='")
        self._ended = text[whole - 1] == "="
        try:
            return pybase64.b64decode(text[:whole].encode("ascii"), validate=True)
        except ValueError:
            alien = _ALIEN.search(text)
            what = f"it holds {alien[0]!r}" if alien else "its padding is wrong"
            raise UploadFault(f"the STREAM is not base64: {what}") from None

    def finish(self) -> None:
        """To be called behind the last piece."""
        if self._rest:
            raise UploadFault("the base64 text of the STREAM has a length that is no multiple of 4")


class BinaryRows:
    """Takes bytes, gives batches: the columns of some rows each. Methods raise UploadFault with its row.

    ``flagged``: each row begins with flags of NULL (BINARY2), one bit a column, the first one the highest.
    """

    def __init__(self, fields: tuple[Field, ...], flagged: bool) -> None:
        self._fields = fields
        self._flag_bytes = (len(fields) + 7) // 8 if flagged else 0
        self._lead, self._runs = _runs(fields, self._flag_bytes)
        self._pieces: list[bytes] = []
        self._waiting = 0
        self._wanted = _AT_ONCE
        self.rows = 0

    def feed(self, piece: bytes) -> Iterator[list[pa.Array]]:
        """The rows that are whole by now, once there are enough of them."""
        self._pieces.append(piece)
        self._waiting += len(piece)
        if self._waiting >= self._wanted:
            yield from self.whole_rows()

    def finish(self) -> Iterator[list[pa.Array]]:
        """The last rows."""
        yield from self.whole_rows()
        if self._waiting:
            raise UploadFault(
                f"the STREAM ends in the middle of the row, {self._waiting} bytes behind its beginning",
                row=self.rows + 1,
            )

    def whole_rows(self) -> Iterator[list[pa.Array]]:
        """The rows that are whole by now."""
        buffer = b"".join(self._pieces)
        start = 0
        while True:
            try:
                starts, begins, counts, end = self._places(buffer, start)
            except UploadFault as fault:
                raise fault.after(self.rows) from None
            if not starts:
                break
            yield self._columns(buffer, starts, begins, counts)
            self.rows += len(starts)
            start = end
        self._pieces = [buffer[start:]]
        self._waiting = len(buffer) - start
        self._wanted = self._waiting + _AT_ONCE

    def _places(self, buffer: bytes, start: int) -> tuple[list[int], list[list[int]], list[list[int]], int]:
        """Where whole rows begin, where each cell of varying size does, with how many elements; the end."""
        starts: list[int] = []
        begins: list[list[int]] = [[] for _ in self._runs]
        counts: list[list[int]] = [[] for _ in self._runs]
        size = len(buffer)
        lead, runs, read = self._lead, self._runs, _COUNT.unpack_from
        while len(starts) < _ROWS:
            at = start + lead
            found: list[int] = []
            for field, behind in runs:
                if at + 4 > size:
                    break
                (count,) = read(buffer, at)
                at += 4
                if not 0 <= count * field.bytes_each <= CELL_BYTES:
                    raise UploadFault(
                        f"a cell of {count} elements, from 0 to {CELL_BYTES // field.bytes_each} are allowed",
                        row=len(starts) + 1,
                        column=field.name,
                    )
                found += (at, count)
                at += stored_bytes(field, count) + behind
            if at > size or len(found) < 2 * len(runs) or (lead == 0 and not runs):
                break
            for number in range(len(runs)):
                begins[number].append(found[2 * number])
                counts[number].append(found[2 * number + 1])
            starts.append(start)
            start = at
        return starts, begins, counts, start

    def _columns(
        self, buffer: bytes, starts: list[int], begins: list[list[int]], counts: list[list[int]]
    ) -> list[pa.Array]:
        every = np.frombuffer(buffer, np.uint8)
        at = np.array(starts, np.int64)
        flags = np.unpackbits(_gathered(every, at, self._flag_bytes), axis=1).astype(bool)
        at = at + self._flag_bytes
        arrays: list[pa.Array] = []
        run = 0
        block, offset = self._block(every, at, 0), 0
        for index, field in enumerate(self._fields):
            extent = field.extent or ONE
            try:
                if extent.fixed:
                    width = stored_bytes(field, extent.most or 0)
                    values = fixed_cells(field, block[:, offset : offset + width], not self._flag_bytes)
                    offset += width
                else:
                    values = variable_cells(field, buffer, begins[run], counts[run], not self._flag_bytes)
                    sizes = [stored_bytes(field, count) for count in counts[run]]
                    run += 1
                    block = self._block(every, np.array(begins[run - 1]) + np.array(sizes), run)
                    offset = 0
            except UploadFault as fault:
                raise fault.of(field.name).after(self.rows) from None
            arrays.append(with_nulls(values, flags[:, index]) if self._flag_bytes else values)
        return arrays

    def _block(self, every: Bytes, at: np.ndarray, run: int) -> Bytes:
        """The bytes of the cells of fixed size behind the ``run`` first cells of varying size."""
        width = self._lead - self._flag_bytes if run == 0 else self._runs[run - 1][1]
        return _gathered(every, at, width)


def _runs(fields: tuple[Field, ...], flag_bytes: int) -> tuple[int, list[tuple[Field, int]]]:
    """Bytes before the first cell of varying size; those cells, each with the fixed bytes behind it."""
    widths = [flag_bytes]
    varying: list[Field] = []
    for field in fields:
        extent = field.extent or ONE
        if extent.fixed:
            widths[-1] += stored_bytes(field, extent.most or 0)
        else:
            varying.append(field)
            widths.append(0)
    return widths[0], list(zip(varying, widths[1:]))


def _gathered(every: Bytes, at: np.ndarray, width: int) -> Bytes:
    """``width`` bytes from each place on, a row for each."""
    if len(at) > 1 and width and (at[1:] - at[:-1] == at[1] - at[0]).all():
        step = int(at[1] - at[0])
        return np.lib.stride_tricks.as_strided(every[at[0] :], (len(at), width), (step, 1), writeable=False)
    return every[at[:, None] + np.arange(width)]
