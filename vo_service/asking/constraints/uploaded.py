"""Coverage maps that come as files with a search: ``UPLOAD=name,param:part``, as TAP takes its uploads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from vo_service.asking.constraints.maps import INLINE, MapTerm, met
from vo_service.asking.uploads import UPLOAD, UploadReader
from vo_service.dali.multipart import Part
from vo_service.dali.parameters import Form
from vo_service.dali.uploads import Coverage, ReadLimits, UploadFault, read_table
from vo_service.query import upload_of
from vo_service.sky import Moc

UPLOAD_MAP: Final = replace(
    UPLOAD,
    doc="a coverage map that s_region meets, as a file (MOC in FITS, JSON or ASCII): name,param:part for a"
    " part of the same multipart body, or name,address",
)
KINDS: Final = "A coverage map (MOC) of the sky is wanted: as FITS, JSON or ASCII."

_COLUMNS: Final = ("s_region",)


def map_terms(
    reader: UploadReader, form: Form, parts: Mapping[str, Part], check: Callable[[], None]
) -> tuple[MapTerm, ...]:
    """The conditions of the maps that a request brings; blocks, as `UploadReader.parts_of`."""
    found = reader.parts_of(form, parts, check, _named_map)
    return tuple(met(_COLUMNS, map, _free(name)) for name, map in found)


def coverage_map(name: str, part: Part, limits: ReadLimits) -> Moc:
    """The map of a file: a coverage map, or a table with one in its only row. Raises UploadFault and
    UploadError."""
    found = read_table(part, limits)
    if isinstance(found, Coverage):
        return found.moc
    maps = [map for map in upload_of(name, found.rows, found.columns).maps.values() if isinstance(map, Moc)]
    if len(maps) != 1:
        raise UploadFault("the file is a table", hint=KINDS)
    return maps[0]


def _named_map(name: str, part: Part, limits: ReadLimits) -> tuple[str, Moc]:
    return name, coverage_map(name, part, limits)


def _free(name: str) -> str:
    """The name of the table, which no map of a parameter has."""
    return f"{name}_" if name.lower() == INLINE else name
