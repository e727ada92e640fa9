"""Tables packed by gzip, unpacked with an eye on what comes out (VOT-089, VOT-181)."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import BinaryIO

from vo_service.dali.multipart import Part, new_path
from vo_service.dali.uploads.faults import UploadFault
from vo_service.dali.uploads.rows import ReadLimits

GZIP = b"\x1f\x8b"
_AT_ONCE = 1 << 18
_MEMBERS = 1000


def unpacked(part: Part, limits: ReadLimits) -> Part:
    """The content of a gzip file, in a file of ``limits.place`` that goes with the part that is given.

    Raises UploadFault beyond ``limits.bytes`` and for a file that is broken.
    """
    path = new_path(limits.place, "unpacked")
    size = 0
    try:
        with part.open() as packed, path.open("xb") as file:
            for piece in _pieces(packed):
                limits.check()
                size += len(piece)
                if size > limits.bytes:
                    raise UploadFault(f"unpacked it is above the limit of {limits.bytes} bytes")
                file.write(piece)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return Part(part.name, path, size, owned=True)


def _pieces(packed: BinaryIO) -> Iterator[bytes]:
    """What the members of a gzip file hold, some of it at a time. Raises UploadFault."""
    waiting = packed.read(_AT_ONCE)
    for _ in range(_MEMBERS):
        if not waiting:
            return
        member = zlib.decompressobj(wbits=31)
        while not member.eof:
            try:
                piece = member.decompress(waiting, _AT_ONCE)
            except zlib.error as error:
                raise UploadFault(f"the gzip file is broken: {error}") from None
            waiting = member.unconsumed_tail
            if piece:
                yield piece
            elif not waiting:
                waiting = packed.read(_AT_ONCE)
                if not waiting and not member.eof:
                    raise UploadFault("the gzip file ends too early")
        waiting = (member.unused_data or packed.read(_AT_ONCE)).lstrip(b"\x00")
    raise UploadFault(f"the gzip file has more than {_MEMBERS} members")
