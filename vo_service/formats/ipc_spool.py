"""Rows that wait on disk until all of them are there, for formats that begin with facts of the whole table.

The file has no name, so nothing is left of it however the process ends.
"""

from __future__ import annotations

import errno
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Final

import pyarrow as pa

from vo_service.formats.encoder import NoRoom, SpoolPlace

_PACKED: Final = pa.ipc.IpcWriteOptions(compression="lz4")
_LENGTH: Final = struct.Struct("<Q")


def packed(batch: pa.RecordBatch) -> bytes:
    """A batch as the bytes that `ArrowSpool.add` takes: Arrow IPC, compressed."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema, options=_PACKED) as stream:
        stream.write_batch(batch)
    message: bytes = sink.getvalue().to_pybytes()
    return message


class ArrowSpool:
    """Packed batches in a file without a name, in the order in which they were added.

    Raises NoRoom where the disk is full or the file would grow beyond its limit, OSError where it fails.
    """

    def __init__(self, place: SpoolPlace) -> None:
        self._most_bytes = place.most_bytes
        self._bytes = 0
        with _room():
            self._file = tempfile.TemporaryFile(dir=place.directory, buffering=0)  # noqa: SIM115

    def add(self, message: bytes) -> None:
        """One more packed batch."""
        self._bytes += _LENGTH.size + len(message)
        if self._bytes > self._most_bytes:
            raise NoRoom(f"more than {self._most_bytes >> 20} MiB of rows would have to be put aside", False)
        with _room():
            _write_all(self._file, _LENGTH.pack(len(message)))
            _write_all(self._file, message)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """All batches from the first on; may be called again."""
        self._file.seek(0)
        while head := self._file.read(_LENGTH.size):
            (length,) = _LENGTH.unpack(head)
            message = self._file.read(length)
            if len(message) != length:
                raise OSError(errno.EIO, "rows that were put aside are not there any more")
            with pa.ipc.open_stream(message) as stream:
                yield from stream

    def close(self) -> None:
        """Gives the room back. Safe to call twice."""
        self._file.close()


def _write_all(file: IO[bytes], data: bytes) -> None:
    """A file without a buffer may take a part of what it is given, on a disk that becomes full."""
    with memoryview(data) as rest:
        written = 0
        while written < len(rest):
            written += file.write(rest[written:])


@contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoRoom("there is no room on disk to put rows aside", True) from error
        raise
