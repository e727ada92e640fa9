"""Tars of which every byte is known but those of their files (POSIX.1-2001, pax; ustar where that is enough).

    TarEntry         a file as a tar names it: name, size in bytes, time of change in seconds
    entry_header     what stands in front of its bytes
    padding_behind   how many zeros stand behind them
    END              what ends a tar
    TarLayout        the whole of a tar of such entries: its exact length, and what stands at any place

Whoever writes a tar from its start to its end needs the first four of these: header, bytes, padding, for each
entry, then END. Entries with equal names, sizes and times give equal bytes: no user, no host, no moment of
writing is in them. Names are relative, and names longer than ustar's, other letters than ASCII and files of
8 GiB or more are told in a pax record.
"""

from __future__ import annotations

import tarfile
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

_BLOCK: Final = tarfile.BLOCKSIZE
END: Final = bytes(2 * _BLOCK)
"""What ends a tar: two blocks of zeros."""


@dataclass(frozen=True, slots=True)
class TarEntry:
    """A file as a tar names it: ``name`` with slashes between folders, ``size`` in bytes, ``modified`` in
    whole seconds since 1970 (0 where it is not known)."""

    name: str
    size: int
    modified: int = 0


@dataclass(frozen=True, slots=True)
class EntryPart:
    """``length`` bytes from ``offset`` on of the file that is the entry ``number`` (from 0) of a tar."""

    number: int
    offset: int
    length: int


def entry_header(entry: TarEntry) -> bytes:
    """The blocks in front of the bytes of an entry. Raises ValueError for a name that leads out of the folder
    where a tar is unpacked, or is none."""
    parts = entry.name.split("/")
    if any(part in ("", ".", "..") for part in parts) or "\0" in entry.name:
        raise ValueError(f"{entry.name!r} is no name that a file in a tar may have")
    info = tarfile.TarInfo(entry.name)
    info.size = entry.size
    info.mtime = max(0, entry.modified)
    info.mode = 0o644
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def padding_behind(size: int) -> int:
    """How many zeros fill the last block of a file of ``size`` bytes."""
    return -size % _BLOCK


class TarLayout:
    """The tar of these entries, in their order. Headers are made when they are asked for: what is held of an
    entry are some numbers."""

    def __init__(self, entries: Sequence[TarEntry]) -> None:
        """Raises ValueError for names that `entry_header` does not take, and for one that comes twice."""
        self._entries = entries
        self._begins: list[int] = []  # of headers
        self._bodies: list[int] = []
        if len({entry.name for entry in entries}) < len(entries):
            raise ValueError("two entries of a tar have one name")
        place = 0
        for entry in entries:
            self._begins.append(place)
            place += len(entry_header(entry))
            self._bodies.append(place)
            place += entry.size + padding_behind(entry.size)
        self._end = place

    @property
    def size(self) -> int:
        """Number of bytes of the whole."""
        return self._end + len(END)

    def pieces(self, start: int, stop: int) -> Iterator[bytes | EntryPart]:
        """What stands from ``start`` up to ``stop``, one behind the other: bytes that are known, and parts of
        files."""
        stop = min(stop, self.size)
        number = max(0, bisect_right(self._begins, start) - 1)
        while start < stop and number < len(self._entries):
            body = self._bodies[number]
            behind = body + self._entries[number].size
            following = behind + padding_behind(self._entries[number].size)
            if start < body:
                header = entry_header(self._entries[number])
                yield header[start - self._begins[number] : stop - self._begins[number]]
                start = min(body, stop)
            if start < min(behind, stop):
                yield EntryPart(number, start - body, min(behind, stop) - start)
                start = min(behind, stop)
            if start < min(following, stop):
                yield bytes(min(following, stop) - start)
                start = min(following, stop)
            number += 1
        if start < stop:
            yield END[start - self._end : stop - self._end]
