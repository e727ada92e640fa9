"""What a tar holds: its members and where their bytes lie, read from the headers alone, in one pass.

Nothing is ever extracted. Names that are no plain relative path, links, devices and sparse members are told
as faults. Headers that a damaged or hostile tar makes long are refused, so memory stays flat.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, cast

from vo_service.pixels.sources import ByteSource
from vo_service.shown_names import holds_controls, shown_name

MAXIMUM_MEMBERS = 1_000_000
_BLOCK = tarfile.BLOCKSIZE
_LONGEST_NAME = 4096
_LONGEST_HEADER = 1 << 20
_STEP = 1 << 20
_VOLUME_LABEL = b"V"
_MAGICS = {"gzip": b"\x1f\x8b", "bzip2": b"BZh", "xz": b"\xfd7zXZ\x00"}
DAMAGED = (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile)
"""What readers of packed data raise where the data are cut off or damaged; bz2 raises OSError."""


@dataclass(frozen=True, slots=True)
class TarMember:
    """A file in a tar: ``offset`` of its bytes in the unpacked tar, ``size`` in bytes."""

    name: str
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class TarFault:
    """What could not be taken: a member by its ``name`` as it can be shown, or None: all that comes after
    this place. ``kind`` is an error class."""

    name: str | None
    kind: str
    message: str


def packing_of(start: bytes) -> str | None:
    """How a file is packed that begins with ``start``: ``gzip``, ``bzip2``, ``xz``, or None."""
    return next((packing for packing, magic in _MAGICS.items() if start.startswith(magic)), None)


def unpacked(stream: BinaryIO, packing: str | None) -> BinaryIO:
    """The stream without its packing, which is itself where it has none of those. Closing it leaves the one
    below open, unless it is the same.
    """
    if packing == "gzip":
        return cast(BinaryIO, gzip.GzipFile(fileobj=stream, mode="rb"))
    if packing == "bzip2":
        return cast(BinaryIO, bz2.BZ2File(stream))
    if packing == "xz":
        return cast(BinaryIO, lzma.LZMAFile(stream))
    return stream


def first_block(source: ByteSource) -> bytes:
    """The first 512 bytes of a source, unpacked where it is packed; none where that fails. Raises OSError
    where the source cannot be read.
    """
    with source.open() as raw:
        start = _read(raw, _BLOCK)
    packing = packing_of(start)
    if packing is None:
        return start
    with source.open() as raw:
        try:
            return _read(unpacked(raw, packing), _BLOCK)
        except (OSError, *DAMAGED):
            return b""


def starts_tar(start: bytes) -> bool:
    """Whether the first bytes of a file, unpacked, are the header of a tar."""
    try:
        tarfile.TarInfo.frombuf(start[:_BLOCK], "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


def list_tar(stream: BinaryIO, size: int | None = None) -> Iterator[TarMember | TarFault]:
    """Members of an unpacked tar in their order. ``size`` of the stream in bytes, where known, tells one
    that was cut off within its last member; else that is read.

    A name may come more than once: the last one counts, as where a tar is unpacked. Raises OSError.
    """
    walk = _TarWalk(stream, size)
    for count, found in enumerate(walk.run()):
        if count >= MAXIMUM_MEMBERS:
            yield TarFault(None, "unreadable", f"only its first {MAXIMUM_MEMBERS} members are taken")
            return
        yield found


class _Broken(Exception):
    """The headers cannot be followed any further."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.fault = TarFault(None, kind, message)


class _TarWalk:
    """One pass over the headers. ``position`` is where the stream stands."""

    def __init__(self, stream: BinaryIO, size: int | None) -> None:
        self.stream = stream
        self.size = size
        self.jumps = size is not None and stream.seekable()
        self.position = 0
        self.extended: dict[str, str] = {}
        self.shared: dict[str, str] = {}

    def run(self) -> Iterator[TarMember | TarFault]:
        try:
            while (header := self._next()) is not None:
                found = self._take(header)
                if found is not None:
                    yield found
                self._skip(self._length(header))
        except _Broken as broken:
            yield broken.fault
        except DAMAGED as error:
            yield TarFault(
                None, "truncated", f"its packed data end or break off before byte {self.position}: {error}"
            )

    def _next(self) -> tarfile.TarInfo | None:
        """The next header of a member, with what the headers before it say of it; None at the end."""
        self.extended = {}
        while True:
            block = self._read(_BLOCK)
            if not block.strip(b"\0"):
                if block or self.position:
                    return None  # the end mark; some writers leave it out
                raise _Broken("truncated", "it is empty")
            try:
                header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
            except tarfile.HeaderError as error:
                kind = "truncated" if len(block) < _BLOCK else "unreadable"
                at = self.position - len(block)
                raise _Broken(kind, f"the header of a member at byte {at} is damaged: {error}") from error
            if header.type == tarfile.GNUTYPE_SPARSE:
                self._pass_sparse_map(block[482])
            if header.type in (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK):
                text = self._header_data(header).rstrip(b"\0").decode("utf-8", "surrogateescape")
                if header.type == tarfile.GNUTYPE_LONGNAME:
                    self.extended["path"] = text
            elif header.type in (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE):
                self.extended |= _records(self._header_data(header))
            elif header.type == tarfile.XGLTYPE:
                self.shared |= _records(self._header_data(header))
            else:
                return header

    def _pass_sparse_map(self, goes_on: int) -> None:
        """The blocks of a map of holes that stand between a header and its data; the flag says if there are
        any.
        """
        while goes_on:
            block = self._read(_BLOCK)
            goes_on = block[504] if len(block) == _BLOCK else 0

    def _header_data(self, header: tarfile.TarInfo) -> bytes:
        if header.size > _LONGEST_HEADER:
            raise _Broken("unreadable", f"a header of {header.size} bytes: it is damaged, or made to do harm")
        data = self._read(header.size)
        if len(data) < header.size:
            raise _Broken("truncated", f"it ends at byte {self.position}, within a header")
        self._skip(-header.size % _BLOCK)
        return data

    def _take(self, header: tarfile.TarInfo) -> TarMember | TarFault | None:
        """The member of a header, what is wrong with it, or None for a folder or the tar's own label."""
        said = self.shared | self.extended
        name = said.get("path", header.name)
        shown = shown_name(name)[:_LONGEST_NAME]
        if header.isdir() or header.type == _VOLUME_LABEL:
            return None
        if header.issym() or header.islnk():
            return TarFault(shown, "unreadable", f"a link to {header.linkname!r} is not followed in a tar")
        if not header.isreg() or header.ischr() or header.isblk() or header.isfifo():
            return TarFault(shown, "unreadable", "no file: a device, or of a kind that tar does not define")
        if header.type == tarfile.GNUTYPE_SPARSE or any(key.startswith("GNU.sparse.") for key in said):
            return TarFault(
                shown, "unreadable", "a sparse member is not read: pack it again without --sparse"
            )
        problem = _unfit(name)
        if problem is not None:
            return TarFault(shown, *problem)
        size = self._length(header)
        if self.size is not None and self.position + size > self.size:
            missing = self.position + size - self.size
            raise _Broken(
                "truncated", f"it ends within its member {shown}, {missing} bytes before the member does"
            )
        return TarMember(
            "/".join(part for part in name.split("/") if part not in ("", ".")), self.position, size
        )

    def _length(self, header: tarfile.TarInfo) -> int:
        """Bytes that follow a header."""
        if header.type not in tarfile.REGULAR_TYPES and header.type in tarfile.SUPPORTED_TYPES:
            return 0
        text = (self.shared | self.extended).get("size", "")
        size = int(text) if text.isascii() and text.isdecimal() else header.size
        if size < 0:
            raise _Broken("unreadable", f"a member of {size} bytes at byte {self.position}")
        return size

    def _skip(self, length: int) -> None:
        """Move on over the bytes of a member and what fills its last block."""
        end = self.position + length
        target = end + -end % _BLOCK
        if self.jumps:
            self.stream.seek(target)
            self.position = target
            return
        while self.position < target:
            if not self._read(min(_STEP, target - self.position)):
                if self.position < end:
                    raise _Broken("truncated", f"it ends at byte {self.position}, within a member")
                return

    def _read(self, length: int) -> bytes:
        data = _read(self.stream, length)
        self.position += len(data)
        return data


def _read(stream: BinaryIO, length: int) -> bytes:
    """``length`` bytes, fewer only at the end: readers of packed data may give them by and by."""
    parts = []
    while length > 0 and (part := stream.read(length)):
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def _unfit(name: str) -> tuple[str, str] | None:
    """Error class and reason why a name is not taken."""
    parts = name.split("/")
    if name.startswith("/") or ".." in parts:
        return "outside", "the name leads out of the tar"
    if not any(part not in ("", ".") for part in parts):
        return "unreadable", "a member without a name"
    if len(name) > _LONGEST_NAME:
        return "unreadable", f"a name of {len(name)} characters"
    try:
        name.encode()
    except UnicodeEncodeError:
        return "unreadable", "the name is not valid UTF-8"
    if holds_controls(name):
        return "unreadable", "the name has control characters in it"
    return None


def _records(data: bytes) -> dict[str, str]:
    """Keywords of a pax header: records ``<length> <keyword>=<value>\\n``. Raises _Broken."""
    said = {}
    at = 0
    while at < len(data) and data[at : at + 1] != b"\0":
        digits, space, _rest = data[at : at + 20].partition(b" ")
        length = int(digits) if space and digits.isdigit() else 0
        record = data[at + len(digits) + 1 : at + length - 1]
        keyword, equals, value = record.partition(b"=")
        if length <= len(digits) + 1 or at + length > len(data) or not equals:
            raise _Broken("unreadable", "the extended header of a member is damaged")
        said[keyword.decode("utf-8", "replace")] = value.decode("utf-8", "surrogateescape")
        at += length
    return said
