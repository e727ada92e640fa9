"""A file of any kind that is taken, as a table or a coverage map; its first bytes tell the kind (VOT-188)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

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
_MOC = re.compile(rb"\s*[sS]?\d{1,2}/[\d\s,/-]*")
_OTHERS = {
    b"PK\x03\x04": "a ZIP archive",
    b"BZh": "packed by bzip2",
    b"\xfd7zXZ": "packed by xz",
    b"%PDF": "PDF",
}
_KINDS = (
    "VOTable, FITS, Parquet, CSV, and MOC as FITS, ASCII or JSON are read, each of them packed by gzip too."
)


class Kind(Enum):
    """Kinds of files that can be uploaded."""

    VOTABLE = "VOTable"
    FITS = "FITS"
    PARQUET = "Parquet"
    JSON_MOC = "MOC in JSON"
    ASCII_MOC = "MOC in ASCII"
    FLAT = "CSV"


@dataclass(frozen=True, slots=True)
class Known:
    """A file, and of what kind it is."""

    kind: Kind
    part: Part


def read_table(part: Part, limits: ReadLimits) -> ReadTable | Coverage:
    """The table or coverage map that a file holds. Raises UploadFault, and what ``limits.check`` raises."""
    known = _recognised(part, limits)
    try:
        return _READERS[known.kind](known.part, limits)
    finally:
        if known.part is not part:
            known.part.close()


def _recognised(part: Part, limits: ReadLimits) -> Known:
    head = _head(part)
    if head.startswith(GZIP):
        part = unpacked(part, limits)
        head = _head(part)
    if not head:
        raise UploadFault("the file is empty")
    return Known(_kind_of(head), part)


def _head(part: Part) -> bytes:
    with part.open() as file:
        return file.read(_LOOKED_AT)


def _kind_of(head: bytes) -> Kind:
    """The kind by the first bytes of a file. Raises UploadFault for a kind that is not read."""
    if head.startswith(b"SIMPLE  ="):
        return Kind.FITS
    if head.startswith(b"PAR1"):
        return Kind.PARQUET
    if head.lstrip().startswith(_XML):
        return Kind.VOTABLE
    if head.lstrip().startswith(b"{"):
        return Kind.JSON_MOC
    if _MOC.fullmatch(head):
        return Kind.ASCII_MOC
    for magic, what in (*_OTHERS.items(), (GZIP, "packed twice")):
        if head.startswith(magic):
            raise UploadFault(f"the file is {what}", hint=_KINDS)
    if b"\x00" in head:
        raise UploadFault("the file is of no known kind", hint=_KINDS)
    return Kind.FLAT


def _votable(part: Part, limits: ReadLimits) -> ReadTable:
    with part.open() as file:
        return read_votable(file, limits, read_fits_table)


_READERS: dict[Kind, Callable[[Part, ReadLimits], ReadTable | Coverage]] = {
    Kind.VOTABLE: _votable,
    Kind.FITS: read_fits,
    Kind.PARQUET: read_parquet,
    Kind.JSON_MOC: read_json_moc,
    Kind.ASCII_MOC: read_ascii_moc,
    Kind.FLAT: read_flat,
}
