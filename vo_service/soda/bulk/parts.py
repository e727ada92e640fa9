"""The files that a job makes: tars of bounded size, or one FITS file, to which cut-outs are appended.

What was appended and flushed stays whatever happens to the process: the file is only ever made longer, and
who goes on with it begins behind the last cut-out that is known of."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from vo_service.dali.errors import usage
from vo_service.dali.sending import OpenBytes
from vo_service.products.tarring import END, TarEntry, entry_header, padding_behind
from vo_service.soda.bulk.extensions import PRIMARY, as_extensions
from vo_service.soda.bulk.tasks import FITS, Placed
from vo_service.store.disk import disk_errors, flush_directory

TAR: Final = "application/x-tar"
_STEP: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Member:
    """A cut-out that is to be appended: how its file is called, how its row is, its place in the table of
    states, and its bytes, of which there are ``size``."""

    file: str
    label: str
    number: int
    handle: OpenBytes
    size: int


class Framing(Protocol):
    """How cut-outs become one file. ``may_end``: whether another file may begin behind any of them."""

    media_type: str
    may_end: bool

    def name_of_part(self, number: int) -> str:
        """The name of a file, by its number from 1."""

    def name_of(self, member: Member) -> str:
        """How a cut-out is called in it."""

    def begin(self) -> bytes:
        """What stands first."""

    def before(self, member: Member) -> bytes:
        """What stands before a cut-out."""

    def content(self, member: Member) -> Iterator[bytes | memoryview]:
        """The cut-out as it stands in the file. Raises what reading it raises."""

    def behind(self, size: int) -> bytes:
        """What stands behind a cut-out of that size."""

    def end(self) -> bytes:
        """What stands last."""


class TarFraming:
    """Cut-outs as files of a tar."""

    media_type = TAR
    may_end = True

    def name_of_part(self, number: int) -> str:
        """``part-001.tar``."""
        return f"part-{number:03}.tar"

    def name_of(self, member: Member) -> str:
        """Its file."""
        return member.file

    def begin(self) -> bytes:
        """Nothing."""
        return b""

    def before(self, member: Member) -> bytes:
        """Its header."""
        return entry_header(TarEntry(member.file, member.size))

    def content(self, member: Member) -> Iterator[bytes | memoryview]:
        """To the letter."""
        for offset in range(0, member.size, _STEP):
            yield member.handle.read_at(offset, min(_STEP, member.size - offset))

    def behind(self, size: int) -> bytes:
        """Zeros up to the next block."""
        return bytes(padding_behind(size))

    def end(self) -> bytes:
        """Two blocks of zeros."""
        return END


class FitsFraming:
    """Cut-outs as extensions of one FITS file."""

    media_type = FITS
    may_end = False

    def name_of_part(self, number: int) -> str:
        """``cutouts.fits``: there is one."""
        return "cutouts.fits"

    def name_of(self, member: Member) -> str:
        """EXTNAME and EXTVER, as tools take them in brackets."""
        return f"{member.label},{member.number}"

    def begin(self) -> bytes:
        """A primary HDU without data."""
        return PRIMARY

    def before(self, member: Member) -> bytes:
        """Nothing."""
        return b""

    def content(self, member: Member) -> Iterator[bytes | memoryview]:
        """Its HDUs as extensions."""
        return as_extensions(member.handle, member.size, member.label, member.number)

    def behind(self, size: int) -> bytes:
        """Nothing: HDUs end with a block."""
        return b""

    def end(self) -> bytes:
        """Nothing."""
        return b""


def framing_of(kind: str) -> Framing:
    """That of a ``tar`` or of ``fits``."""
    return FitsFraming() if kind == "fits" else TarFraming()


class Parts:
    """The files of a job below ``folder``, one of which is open at a time. For one thread.

    Methods raise DiskFull, StoreError. ``closed`` hears of each part that is closed, on the disk by then,
    with its number and size. ``check`` is called between pieces: what it raises ends the writing."""

    def __init__(
        self,
        folder: Path,
        framing: Framing,
        part_bytes: int,
        most_bytes: int,
        closed: Callable[[int, int], None],
        check: Callable[[], None],
    ) -> None:
        self._folder = folder
        self._framing = framing
        self._part_bytes = part_bytes
        self._most_bytes = most_bytes
        self._closed = closed
        self._check = check
        self._file: BinaryIO | None = None
        self._number = 0
        self._end = 0
        self._written = 0  # of all parts
        self._is_new = False

    def resume(self, closed: dict[int, int], begun: int | None) -> None:
        """Go on with parts of which those are ``closed`` (sizes by numbers); ``begun`` is the number of one
        that ends with its last cut-out."""
        self._number = max((*closed, begun or 0), default=0)
        self._written = sum(closed.values())
        if begun is not None:
            with disk_errors("going on with a part"):
                path = self._folder / self._framing.name_of_part(begun)
                self._number, self._file = begun, path.open("r+b", _STEP)
                self._end = self._file.seek(0, os.SEEK_END)
            self._written += self._end

    def add(self, member: Member) -> Placed:
        """Append a cut-out. Raises ServiceError (400) where there is no room for it in what a job may have,
        and what reading it raises: then nothing is appended."""
        if self._written + member.size > self._most_bytes:
            raise usage(
                f"The results of this job are larger than the {self._most_bytes} bytes that it may have here."
            )
        if self._file is not None and self._framing.may_end and self._end + member.size > self._part_bytes:
            self.close_part()
        with disk_errors("writing cut-outs"):
            file = self._opened()
        start = self._end
        try:
            return self._append(file, member)
        except BaseException:
            with disk_errors("writing cut-outs"):
                file.seek(start)
                file.truncate()
            self._end = start
            raise

    def flush(self) -> None:
        """What was appended is on the disk when this returns."""
        if self._file is not None:
            with disk_errors("writing cut-outs"):
                self._file.flush()
                os.fsync(self._file.fileno())
                if self._is_new:
                    flush_directory(self._folder)
                    self._is_new = False

    def close_part(self) -> None:
        """End the part that is open, if one is."""
        if self._file is None:
            return
        with disk_errors("writing cut-outs"):
            self._file.write(self._framing.end())
            self._end += len(self._framing.end())
        self.flush()
        self._file.close()
        self._file = None
        self._closed(self._number, self._end)

    def leave(self) -> None:
        """Nothing is written any more; the part that is open stays as far as it was flushed."""
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
            self._file = None

    def _opened(self) -> BinaryIO:
        if self._file is None:
            self._number += 1
            path = self._folder / self._framing.name_of_part(self._number)
            self._file = path.open("xb", _STEP)
            self._is_new = True
            self._end = self._file.write(self._framing.begin())
            self._written += self._end
        return self._file

    def _append(self, file: BinaryIO, member: Member) -> Placed:
        framing, digest = self._framing, hashlib.sha256()
        before = framing.before(member)
        with disk_errors("writing cut-outs"):
            file.write(before)
        offset = self._end + len(before)
        size = 0
        for piece in framing.content(member):
            self._check()
            digest.update(piece)
            with disk_errors("writing cut-outs"):
                file.write(piece)
            size += len(piece)
        behind = framing.behind(size)
        with disk_errors("writing cut-outs"):
            file.write(behind)
        end = offset + size + len(behind)
        self._written += end - self._end
        self._end = end
        return Placed(self._number, framing.name_of(member), offset, size, end, digest.hexdigest())
