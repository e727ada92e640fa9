"""The file of a plane, or of several: what of their tiles holds data, one behind the other, and at the end
where each is.

values of tile 1, tile 2 ...  big-endian float32, rows from the first stored one on
entries                       one of ENTRY for each tile, ascending by key
note                          whatever its maker has to say of it
footer                        number of entries, length of the note, mark of the format
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hips.frames.trimmed import Trimmed

ENTRY = np.dtype(
    [
        ("key", "<i8"),
        ("offset", "<i8"),
        ("row", "<u2"),
        ("column", "<u2"),
        ("rows", "<u2"),
        ("columns", "<u2"),
        ("high", "<f4"),
    ]
)
MOST_PLANES = 64
"""That one file may hold."""
_KEY_BITS = 48
_PLANE_BITS = 56
_FOOTER = struct.Struct("<qq8s")
_MARK = b"hipspl 1"

Put = Callable[[bytes], object]
ReadAt = Callable[[int, int], bytes]
"""Offset and length: a piece, shorter only at the end. Raises OSError."""


class NoFrame(Exception):
    """Bytes that are no file of planes."""


def key_of(order: int, cell: int, plane: int = 0) -> int:
    """What a tile of a plane, counted from 0, is known by in a file."""
    return plane << _PLANE_BITS | order << _KEY_BITS | cell


class FrameWriter:
    """Writes the file of a plane, or of several, by ``put``, which takes its bytes one behind the other."""

    def __init__(self, put: Put) -> None:
        self._put = put
        self._offset = 0
        self._plane = 0
        self._entries: list[tuple[int, int, int, int, int, int, float]] = []

    def add(self, order: int, cell: int, tile: Trimmed) -> None:
        """One more tile of the plane, in any order. Raises what ``put`` raises."""
        content = tile.values.astype(">f4").tobytes()
        rows, columns = tile.values.shape
        high = float(np.nanmax(tile.values))
        key = key_of(order, cell, self._plane)
        self._entries.append((key, self._offset, tile.row, tile.column, rows, columns, high))
        self._put(content)
        self._offset += len(content)

    def next_plane(self) -> None:
        """What is added from now on is of the plane behind. Raises ValueError beyond MOST_PLANES."""
        if self._plane + 1 == MOST_PLANES:
            raise ValueError(f"a file has room for {MOST_PLANES} planes")
        self._plane += 1

    @property
    def size(self) -> int:
        """Bytes of all values so far."""
        return self._offset

    def end(self, note: bytes = b"") -> None:
        """All tiles are there."""
        entries = np.sort(np.array(self._entries, dtype=ENTRY), order="key")
        self._put(entries.tobytes())
        self._put(note)
        self._put(_FOOTER.pack(len(entries), len(note), _MARK))


@dataclass(frozen=True, slots=True)
class FrameIndex:
    """Where the tiles of a plane are in a file, the first one unless `of_plane` says another; and the note of
    its maker."""

    entries: NDArray[np.void]
    note: bytes
    plane: int = 0

    def of_plane(self, plane: int) -> FrameIndex:
        """The same for another plane, counted from 0."""
        return replace(self, plane=plane)

    def find(self, order: int, cell: int) -> NDArray[np.void] | None:
        """The entry of a tile; None where it holds no data."""
        key = key_of(order, cell, self.plane)
        place = int(np.searchsorted(self.entries["key"], key))
        if place == len(self.entries) or self.entries["key"][place] != key:
            return None
        found: NDArray[np.void] = self.entries[place]
        return found

    def cells(self, order: int) -> list[int]:
        """The tiles of an order that hold data, ascending."""
        keys, lowest = self.entries["key"], key_of(order, 0, self.plane)
        first, last = np.searchsorted(keys, [lowest, key_of(order + 1, 0, self.plane)])
        return [int(key) - lowest for key in keys[first:last]]

    def brightest(self, order: int) -> int | None:
        """The tile of an order with the highest value; None where there is none."""
        cells = self.cells(order)
        if not cells:
            return None
        first = int(np.searchsorted(self.entries["key"], key_of(order, cells[0], self.plane)))
        return cells[int(np.argmax(self.entries["high"][first : first + len(cells)]))]


def read_index(read_at: ReadAt, size: int) -> FrameIndex:
    """What stands at the end of a file of ``size`` bytes. Raises OSError and NoFrame."""
    footer = read_at(max(0, size - _FOOTER.size), _FOOTER.size)
    if len(footer) < _FOOTER.size or not footer.endswith(_MARK):
        raise NoFrame(f"{size} bytes do not end as the file of a plane does")
    count, length, _ = _FOOTER.unpack(footer)
    together = count * ENTRY.itemsize + length
    found = read_at(size - _FOOTER.size - together, together) if together < size else b""
    if len(found) != together:
        raise NoFrame("the file of a plane has no room for its entries")
    entries = np.frombuffer(found, dtype=ENTRY, count=count)
    return FrameIndex(entries, found[count * ENTRY.itemsize :])


def read_tile(read_at: ReadAt, entry: NDArray[np.void]) -> Trimmed:
    """The values of a tile. Raises OSError and NoFrame."""
    rows, columns = int(entry["rows"]), int(entry["columns"])
    content = read_at(int(entry["offset"]), 4 * rows * columns)
    if len(content) != 4 * rows * columns:
        raise NoFrame("the file of a plane is broken off")
    values = np.frombuffer(content, dtype=">f4").reshape(rows, columns).astype(np.float32)
    return Trimmed(int(entry["row"]), int(entry["column"]), values)
