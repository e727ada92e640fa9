"""From a source and what its headers say to bytes and pixels that can be had by the box."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from gzip import GzipFile
from io import BufferedReader
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

from vo_service.pixels.compute.gzip_index import WORTH_AN_INDEX
from vo_service.pixels.compute.gzip_reader import IndexedGzip
from vo_service.pixels.compute.plain_reader import PlainReader
from vo_service.pixels.compute.reader import StoredReader
from vo_service.pixels.compute.tile_reader import TileReader
from vo_service.pixels.compute.unpacked import InMemory, Pieces, ReadOn, Requests, Unpacked
from vo_service.pixels.fits_file import FitsFile, Hdu
from vo_service.pixels.fits_header import FitsError
from vo_service.pixels.gzip_faults import gzip_faults
from vo_service.pixels.held import HeldFile
from vo_service.pixels.sources import ByteSource, LocalFile, Slice

_PACKED_READ = 1 << 17
_COPY = 1 << 20
_MOST_COPIED = 16 << 30


def unpacked_bytes(fits: FitsFile) -> int:
    """Where the last HDU that was read ends: the size of what a gzip stream holds, or a little less."""
    return max(hdu.data_offset + hdu.data_bytes for hdu in fits.hdus)


@contextmanager
def open_unpacked(
    source: ByteSource, fits: FitsFile, index: Path | None, folder: Path | None = None
) -> Iterator[Unpacked]:
    """The plain bytes of a FITS file, whatever way it is kept: offsets are those of its HDUs.

    ``index`` is where the index of a gzip stream is kept, made where there is none; without one such a stream
    is only read on, and at the end of the block read to its end: what was taken from it counts only once the
    block has been left. An index that cannot be kept lies in ``folder`` for this time, as `IndexedGzip` has
    it. Raises OSError, FitsError ``truncated`` and ``not_gzip``.
    """
    with ExitStack() as stack:
        if isinstance(source, HeldFile) and not fits.compressed:
            yield source
        elif fits.compressed:
            yield from _open_gzip(source, fits, index, folder)
        elif isinstance(_whole(source), HeldFile | LocalFile):
            yield Pieces(source)
        elif _can_jump(source):
            yield Requests(source)
        else:
            yield stack.enter_context(closing(ReadOn(source, partial(_begin, source))))


def _open_gzip(
    source: ByteSource, fits: FitsFile, index: Path | None, folder: Path | None
) -> Iterator[Unpacked]:
    """Whatever way is taken, nothing is left unnoticed that a checksum would tell."""
    size = unpacked_bytes(fits)
    content = _read_small(source) if size <= WORTH_AN_INDEX else None
    if content is not None:
        yield InMemory(source, content)
    elif index is not None and _can_jump(source):
        with IndexedGzip(source, index, size, folder) as indexed:
            yield indexed
    else:
        with closing(ReadOn(source, partial(_begin_unzipped, source))) as read_on:
            yield read_on
            read_on.read_to_end()


def _read_small(source: ByteSource) -> bytes | None:
    """All that a gzip stream holds; None where that is more than was announced."""
    with ExitStack() as stack, gzip_faults(source.name):
        stream = _begin_unzipped(source, stack)
        content = stream.read(WORTH_AN_INDEX)
        return None if stream.read(1) else content


@contextmanager
def reader_of(
    unpacked: Unpacked,
    name: str,
    hdu: Hdu,
    most_copied: int = _MOST_COPIED,
    folder: Path | None = None,
) -> Iterator[StoredReader]:
    """The pixels of an image of which the bytes are open: plain or tile-compressed. ``name`` is that of its
    file.

    Tiles in a stream that can only be read on are taken from a temporary copy of at most ``most_copied``
    bytes, in ``folder``; without one that is where the system has its temporary files, which may be in
    memory. Raises OSError, FitsError ``bad_header`` for an HDU without pixels and for cards that tell no
    scale, ``too_large`` for such a stream that is longer and for tiles beyond 128 MB.
    """
    if hdu.kind != "tile":
        yield PlainReader(unpacked, name, hdu)
        return
    with ExitStack() as stack:
        if isinstance(unpacked, ReadOn):  # tiles lie in no order
            if hdu.data_offset + hdu.data_bytes > most_copied:
                raise _too_long(name, most_copied)
            unpacked = _laid_down(unpacked, name, stack, most_copied, folder)
        yield TileReader(unpacked, name, hdu)


def _laid_down(unpacked: Unpacked, name: str, stack: ExitStack, most: int, folder: Path | None) -> HeldFile:
    """A copy in a temporary file without a name, whole: so the checksum at the end of a gzip stream has
    vouched for it."""
    with TemporaryFile(dir=folder) as copy, unpacked.open() as stream:
        size = 0
        while piece := stream.read(_COPY):
            size += len(piece)
            if size > most:
                raise _too_long(name, most)
            copy.write(piece)
        copy.flush()
        return stack.enter_context(closing(HeldFile(os.dup(copy.fileno()), name, 0, size)))


def _too_long(name: str, most: int) -> FitsError:
    message = (
        f"{name} is tile-compressed and can only be read from its beginning on, and is longer than the "
        f"{most} bytes that are copied for that; as a file of its own on this machine it can be read in place"
    )
    return FitsError("too_large", message)


def _whole(source: ByteSource) -> ByteSource:
    return _whole(source.whole) if isinstance(source, Slice) else source


def _can_jump(source: ByteSource) -> bool:
    with source.open() as stream:
        return stream.seekable()


def _begin(source: ByteSource, stack: ExitStack) -> BinaryIO:
    return stack.enter_context(source.open())


def _begin_unzipped(source: ByteSource, stack: ExitStack) -> GzipFile:
    raw = BufferedReader(_begin(source, stack), _PACKED_READ)  # type: ignore[type-var]
    return stack.enter_context(GzipFile(fileobj=raw))
