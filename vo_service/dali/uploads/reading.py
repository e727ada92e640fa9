"""A file of any kind that is taken, as a table or a coverage map; its first bytes tell the kind (VOT-188)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

from vo_service.dali.multipart import Part
from vo_service.dali.uploads.coverage import Coverage, read_ascii_moc, read_json_moc
from vo_service.dali.uploads.faults import UploadFault
from vo_service.dali.uploads.fits import read_fits, read_fits_table
from vo_service.dali.uploads.flat import read_flat
from vo_service.dali.uploads.packing import GZIP, unpacked
from vo_service.dali.uploads.parquet import read_parquet
from vo_service.dali.uploads.rows import ReadLimits, ReadTable
from vo_service.dali.uploads.votable import read_votable

_LOOKED_AT = 4096
_XML = (b"<", b"\xef\xbb\xbf<", b"\xfe\xff\x00<", b"\xff\xfe<\x00", b"\x00<\x00", b"<\x00")
_MOC = re.compile(rb"\s*(?:[sS]?\d{1,2}/[\d\s,/-]*|[tTfF]\d{1,2}/[\dtTfFsS\s,/-]*)")
_JSON_MOC = re.compile(rb"\s*(?:\{|\[\s*\{)")  # a list is that of a map of two axes
_OTHERS = {
    b"PK\x03\x04": "a ZIP archive",
    b"BZh": "packed by bzip2",
    b"\xfd7zXZ": "packed by xz",
    b"%PDF": "PDF",
}
_KINDS = (
    "VOTable, FITS, Parquet, CSV, and MOC as FITS, ASCII or JSON are read, each of them packed by gzip too."
)


_Reader: TypeAlias = Callable[[Part, ReadLimits], ReadTable | Coverage]


def read_table(part: Part, limits: ReadLimits) -> ReadTable | Coverage:
    """The table or coverage map that a file holds. Raises UploadFault, and what ``limits.check`` raises."""
    if not _head(part).startswith(GZIP):
        return _reader_of(_head(part))(part, limits)
    inside = unpacked(part, limits)
    try:
        return _reader_of(_head(inside))(inside, limits)
    finally:
        inside.close()


def _head(part: Part) -> bytes:
    with part.open() as file:
        return file.read(_LOOKED_AT)


def _reader_of(head: bytes) -> _Reader:
    """What reads a file of these first bytes. Raises UploadFault for a kind that is not read."""
    if not head:
        raise UploadFault("the file is empty")
    if head.startswith(b"SIMPLE  ="):
        return read_fits
    if head.startswith(b"PAR1"):
        return read_parquet
    if head.lstrip().startswith(_XML):
        return _votable
    if _JSON_MOC.match(head):
        return read_json_moc
    if _MOC.fullmatch(head):
        return read_ascii_moc
    for magic, what in (*_OTHERS.items(), (GZIP, "packed twice")):
        if head.startswith(magic):
            raise UploadFault(f"the file is {what}", hint=_KINDS)
    if b"\x00" in head:
        raise UploadFault("the file is of no known kind", hint=_KINDS)
    return read_flat


def _votable(part: Part, limits: ReadLimits) -> ReadTable:
    with part.open() as file:
        return read_votable(file, limits, read_fits_table)
