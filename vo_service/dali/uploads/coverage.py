"""Coverage maps (MOC 2.0) that are uploaded as files: ASCII, JSON, and the cells of a FITS table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vo_service.dali.multipart import Part
from vo_service.dali.uploads.faults import UploadFault
from vo_service.dali.uploads.rows import ReadLimits
from vo_service.sky import MOC_CELLS, MOC_CHARACTERS, Moc
from vo_service.sky.cell_ranges import Numbers
from vo_service.sky.map_files import MapFault, map_of_ascii, map_of_column, map_of_json


@dataclass(frozen=True, slots=True)
class Coverage:
    """A map of the sky, of no more than MOC_CELLS cells."""

    moc: Moc


def read_ascii_moc(part: Part, limits: ReadLimits) -> Coverage:
    """A file such as ``4/30-33 38 5/136``. Raises UploadFault."""
    text = _text(part)
    try:
        return _checked(map_of_ascii(text))
    except MapFault as fault:
        raise UploadFault(str(fault)) from None


def read_json_moc(part: Part, limits: ReadLimits) -> Coverage:
    """A file such as ``{"4": [30, 31], "5": [136]}``. Raises UploadFault."""
    text = _text(part)
    try:
        return _checked(map_of_json(text))
    except MapFault as fault:
        raise UploadFault(str(fault)) from None


def coverage_of_column(keywords: Mapping[str, object], numbers: Numbers) -> Coverage:
    """A map of the one column of a FITS table: NUNIQ numbers, or the ends of ranges. Raises UploadFault."""
    ranges = str(keywords.get("ORDERING")).upper().startswith("RANGE")
    _check_count(len(numbers) // 2 if ranges else len(numbers))
    try:
        return _checked(map_of_column(keywords, numbers))
    except MapFault as fault:
        raise UploadFault(str(fault)) from None


def _check_count(count: int) -> None:
    if count > MOC_CELLS:
        raise UploadFault(
            f"the coverage map has {count} cells, more than the {MOC_CELLS} allowed",
            hint="Make it coarser: one order less has about half as many.",
        )


def _text(part: Part) -> str:
    if part.size > MOC_CHARACTERS:
        raise UploadFault(f"the coverage map is above {MOC_CHARACTERS} bytes")
    with part.open() as file:
        return file.read().decode("ascii", "replace")


def _checked(moc: Moc) -> Coverage:
    _check_count(moc.count_of_cells)
    return Coverage(moc)
