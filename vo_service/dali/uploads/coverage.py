"""Coverage maps (MOC 2.0) that are uploaded as files: ASCII, JSON, and the cells of a FITS table."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_service.dali.multipart import Part
from vo_service.dali.uploads.faults import UploadFault
from vo_service.dali.uploads.rows import ReadLimits
from vo_service.sky import MOC_CELLS, MOC_CHARACTERS, Moc, RegionError, parse_moc

_ORDER = 29


@dataclass(frozen=True, slots=True)
class Coverage:
    """A map of the sky, of no more than MOC_CELLS cells."""

    moc: Moc


def read_ascii_moc(part: Part, limits: ReadLimits) -> Coverage:
    """A file such as ``4/30-33 38 5/136``. Raises UploadFault."""
    return _parsed(_text(part))


def read_json_moc(part: Part, limits: ReadLimits) -> Coverage:
    """A file such as ``{"4": [30, 31], "5": [136]}``. Raises UploadFault."""
    try:
        content = json.loads(_text(part))
        orders = {int(order): [int(cell) for cell in cells] for order, cells in content.items()}
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise UploadFault(
            "the file is no coverage map in JSON", hint='Right is {"4": [30, 31], "5": [136]}.'
        ) from error
    return _parsed(" ".join(f"{order}/{' '.join(map(str, cells))}" for order, cells in orders.items()))


def coverage_of_cells(cells: NDArray[np.int64]) -> Coverage:
    """A map of NUNIQ numbers, ``4 * 4**order + cell``. Raises UploadFault."""
    _check_count(len(cells))
    if len(cells) and (cells.min() < 4 or cells.max() >= 4 * 4**_ORDER * 4):
        raise UploadFault("the FITS file holds a number that is no cell of a coverage map")
    orders = (np.floor(np.log2(np.maximum(cells, 4).astype(np.float64))).astype(np.int64) >> 1) - 1
    orders -= 4 * np.left_shift(1, 2 * orders) > cells  # where the logarithm was rounded up
    numbers = cells - np.left_shift(4, 2 * orders)
    return _of(np.stack([numbers, numbers + 1], axis=1) << 2 * (_ORDER - orders)[:, None])


def coverage_of_ranges(ranges: NDArray[np.int64]) -> Coverage:
    """A map of half-open ranges ``(n, 2)`` of cells of order 29. Raises UploadFault."""
    _check_count(len(ranges))
    return _of(ranges)


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


def _parsed(text: str) -> Coverage:
    try:
        return _checked(parse_moc(text))
    except RegionError as error:
        raise UploadFault(f"the file is no coverage map: {error}") from None


def _of(ranges: NDArray[np.int64]) -> Coverage:
    try:
        return _checked(Moc(ranges))
    except RegionError as error:
        raise UploadFault(f"the file is no coverage map: {error}") from None


def _checked(moc: Moc) -> Coverage:
    _check_count(moc.count_of_cells)
    return Coverage(moc)
