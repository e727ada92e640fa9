"""A cut-out as it will be sent, before a pixel is read: its exact length, and any part of it on demand.

It is a sequence of segments: header blocks that are held, runs of the sources' own bytes, and padding. The
same request on the same sources gives the same plan, so a download that broke off goes on where it stopped.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Protocol, runtime_checkable

import numpy as np

from vo_service.pixels.cutout.runs import MOST_READ, Piece, Runs
from vo_service.pixels.fits_header import BLOCK
from vo_service.pixels.held import HeldFile


class Readable(Protocol):
    """Open bytes of a source."""

    def read_into(self, offset: int, view: memoryview) -> None:
        """Fill ``view`` with the bytes from ``offset`` on. Raises OSError where there are not so many."""


@runtime_checkable
class Gathering(Protocol):
    """Bytes that are far: runs are better asked for together than one by one."""

    def gather(self, pieces: Iterable[Piece], view: memoryview) -> None:
        """Fill ``view`` with runs that lie one behind the other. Raises OSError where there are not so many
        bytes, or they are not given."""


@dataclass(frozen=True, slots=True)
class Held:
    """Bytes that are known."""

    content: bytes

    @property
    def size(self) -> int:
        """Number of bytes."""
        return len(self.content)


@dataclass(frozen=True, slots=True)
class Stored:
    """Runs of the bytes of a source."""

    runs: Runs
    source: Readable

    @property
    def size(self) -> int:
        """Number of bytes."""
        return self.runs.size


Segment = Held | Stored


def padding_behind(size: int) -> Held:
    """Zeros up to the end of the block in which data of that size end."""
    return Held(bytes(-size % BLOCK))


_CHANGED = "the file changed while it was cut"


class SourceChanged(OSError):
    """The source is no longer in the state for which the cut was planned."""


class PlannedBytes:
    """The bytes of a plan on open sources, read in any order by one reader at a time.

    ``is_unchanged`` is asked after each piece was read and before it is handed out: what comes is of one
    state of the sources. Of sources that are far that costs a request: ``is_confirmed`` is asked before the
    last bytes are handed out, and by `confirm`. The sources are closed by ``close``.
    """

    def __init__(
        self,
        segments: Sequence[Segment],
        is_unchanged: Callable[[], bool],
        close: Callable[[], None],
        is_confirmed: Callable[[], bool] | None = None,
    ) -> None:
        self._segments = [segment for segment in segments if segment.size]
        self._ends = list(accumulate(segment.size for segment in self._segments))
        self._is_unchanged = is_unchanged
        self._is_confirmed = is_confirmed
        self._read_since = False
        self.close = close

    @property
    def size(self) -> int:
        """Number of bytes of the whole."""
        return self._ends[-1] if self._ends else 0

    @property
    def is_far(self) -> bool:
        """Whether a source is far."""
        return self._is_confirmed is not None

    def read_at(self, offset: int, length: int) -> memoryview:
        """A part of the whole, shorter only at its end. Raises SourceChanged, and OSError."""
        length = max(0, min(length, self.size - offset))
        buffer = np.empty(length, np.uint8).data  # not cleared first, and not copied afterwards
        done = 0
        while done < length:
            place = bisect_right(self._ends, offset + done)
            begin = self._ends[place] - self._segments[place].size
            start = offset + done - begin
            stop = min(self._segments[place].size, start + length - done)
            self._fill(self._segments[place], start, stop, buffer[done : done + stop - start])
            done += stop - start
        if not self._is_unchanged():
            raise SourceChanged(_CHANGED)
        if offset + length >= self.size:
            self.confirm()
        return buffer

    def confirm(self) -> None:
        """Whoever ends before the end of the whole asks for this before handing out the last bytes: far
        sources are still what was planned. Raises SourceChanged, and OSError."""
        if self._is_confirmed is not None and self._read_since and not self._is_confirmed():
            raise SourceChanged(_CHANGED)
        self._read_since = False

    def _fill(self, segment: Segment, start: int, stop: int, view: memoryview) -> None:
        if isinstance(segment, Held):
            view[:] = segment.content[start:stop]
            return
        self._read_since = True
        read_runs(segment.source, segment.runs, start, stop, view)


def read_runs(source: Readable, runs: Runs, start: int, stop: int, view: memoryview) -> None:
    """Fill ``view`` with the bytes ``start`` to ``stop`` of a box; of a source that is far, near runs come
    with one request. Raises what reading it raises."""
    pieces = runs.pieces(start, stop)
    if not isinstance(source, HeldFile) and isinstance(source, Gathering):  # to ask a protocol takes longer
        source.gather(pieces, view)
        return
    done = 0
    for piece in pieces:
        read_piece(source, piece, view[done : done + piece.size])
        done += piece.size


def read_piece(source: Readable, piece: Piece, view: memoryview) -> None:
    """The runs of a piece, one behind the other: each alone, or all at one blow where little lies between."""
    if piece.count == 1 or piece.extent <= piece.size:
        source.read_into(piece.offset, view)
    elif piece.extent <= MOST_READ * piece.size:
        whole = memoryview(bytearray(piece.extent))
        source.read_into(piece.offset, whole)
        for number in range(piece.count):
            start = number * piece.stride
            view[number * piece.length : (number + 1) * piece.length] = whole[start : start + piece.length]
    elif isinstance(source, HeldFile):
        source.read_strided(piece.offset, piece.length, piece.stride, view[: piece.size])
    else:
        read_into, length, offset = source.read_into, piece.length, piece.offset
        for start in range(0, piece.count * length, length):
            read_into(offset, view[start : start + length])
            offset += piece.stride
