"""A package as a tar that is made while it is sent: its length is known, and any part of it can be had."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from vo_service.packages.digest_lines import DigestLines
from vo_service.products.reading import FileReader
from vo_service.products.stored import StoredFile
from vo_service.products.tarring import END, EntryPart, TarEntry, TarLayout, padding_behind

MANIFEST: Final = "MANIFEST.txt"
DIGESTS: Final = "manifest-sha256.txt"
FORMAT_VERSION: Final = 1
"""Part of the entity tag: to be counted up where the same files would give other bytes."""

Content = bytes | StoredFile | DigestLines[bytes | StoredFile]


@dataclass(frozen=True, slots=True)
class PlannedTar:
    """What stands in a tar, in its order: names below the folder of the package, and what has these names."""

    layout: TarLayout
    contents: Sequence[Content]
    etag: str


def plan_tar(package: str, text: str, files: Mapping[str, StoredFile]) -> PlannedTar:
    """The tar of ``files``, by their names in the package: in front of them a ``text`` on what the package
    is, behind them their digests, which are made while the files are sent."""
    named: list[tuple[str, bytes | StoredFile]] = [(MANIFEST, text.encode("utf-8", "surrogateescape"))]
    named += files.items()
    contents: list[tuple[str, Content]] = [*named, (DIGESTS, DigestLines(named))]
    entries = [TarEntry(f"{package}/{name}", _size(each), _modified(each)) for name, each in contents]
    state = [str(FORMAT_VERSION)]
    for (_, content), entry in zip(contents, entries, strict=True):
        state += [entry.name, str(entry.size), str(entry.modified), _state(content)]
    tag = hashlib.blake2b("\0".join(state).encode("utf-8", "surrogateescape"), digest_size=20).hexdigest()
    return PlannedTar(TarLayout(entries), [content for _, content in contents], f'"{tag}"')


class TarBytes:
    """The bytes of a planned tar, for one reader at a time."""

    def __init__(self, planned: PlannedTar, reader: FileReader) -> None:
        self._planned = planned
        self._reader = reader
        self._next: int | None = 0  # what a reading from the start has next, None where it is none
        self.confirm = reader.confirm
        self.close = reader.close
        self.leave = reader.leave

    @property
    def size(self) -> int:
        """Number of bytes of the whole."""
        return self._planned.layout.size

    def may_take_long(self, offset: int, length: int) -> bool:
        """Whether whole files may have to be read for the part that is read next: for digests that are not
        known, and were not made of what came in front of them. Asked once for each part."""
        self._next = offset + length if offset == self._next else None
        digests = self._planned.contents[-1]
        assert isinstance(digests, DigestLines)
        behind = len(END) + padding_behind(digests.size)
        start = max(0, offset - (self.size - behind - digests.size))
        stop = offset + length - (self.size - behind - digests.size)
        if self._next is not None or stop <= start:
            return False
        files = digests.within(start, stop - start)
        return any(isinstance(file, StoredFile) and not self._reader.has_digest(file) for file in files)

    def read_at(self, offset: int, length: int) -> bytes:
        """A part of the whole. It is shorter at the end, and among the digests where one of them has to be
        made, by reading a file that was not sent just now. Raises SourceChanged where a file is no longer
        what was planned, NobodyWaits behind `leave`, and OSError."""
        parts: list[bytes | memoryview] = []
        for piece in self._planned.layout.pieces(offset, offset + length):
            if isinstance(piece, bytes):
                parts.append(piece)
                continue
            part = self._part(piece)
            parts.append(part)
            if len(part) < piece.length:
                break
        return b"".join(parts)

    def _part(self, piece: EntryPart) -> bytes | memoryview:
        content = self._planned.contents[piece.number]
        match content:
            case bytes():
                return content[piece.offset : piece.offset + piece.length]
            case StoredFile():
                return self._reader.read_at(content, piece.offset, piece.length)
            case DigestLines():
                return content.read(piece.offset, piece.length, self._at_hand, self._digest)

    def _at_hand(self, content: bytes | StoredFile) -> str | None:
        return _sha256(content) if isinstance(content, bytes) else self._reader.digest_at_hand(content)

    def _digest(self, content: bytes | StoredFile) -> str:
        return _sha256(content) if isinstance(content, bytes) else self._reader.digest(content)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _size(content: Content) -> int:
    match content:
        case bytes():
            return len(content)
        case StoredFile():
            return content.found.size_bytes
        case DigestLines():
            return content.size


def _modified(content: Content) -> int:
    return max(0, content.found.modified_ns // 10**9) if isinstance(content, StoredFile) else 0


def _state(content: Content) -> str:
    """What tells two states of the bytes apart; those of digests are those of the files."""
    match content:
        case bytes():
            return _sha256(content)
        case StoredFile():
            return content.etag
        case DigestLines():
            return ""
