"""How much of a map lies in a region of any kind: by its cells, one region at a time."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import numpy as np

from vo_service.sky import pair_kernels as kernels
from vo_service.sky.cell_ranges import ORDER, Numbers
from vo_service.sky.cells import Cells
from vo_service.sky.covers import children_of, circles_of_cells, first_cells
from vo_service.sky.densities import CELL_SR, Density
from vo_service.sky.kept import keep_short
from vo_service.sky.overlap_parts import spread_in
from vo_service.sky.region import Region
from vo_service.sky.vectors import Floats

_BORDER: Final = 0.05
"""What cells on the border may have in all, of the region's area: what they get wrong, a hundredth of it or
so, is far below what is stated."""
_CELLS: Final = 60_000  # on the border of one region, however thin it is
_CELLS_AT_ONCE: Final = 5_000
_DEG2: Final = math.degrees(1.0) ** 2


@keep_short(4096)
def area_of_region(region: Region) -> float:
    """Steradians."""
    return region.area() / _DEG2


def amount_beyond(
    region: Region, area: float, density: Density, level: float, check: Callable[[], None]
) -> float:
    """What a region of that area (steradians) holds of a map beyond what it would if the map had this level
    (per steradian) everywhere; of cells on its border the share of evenly spread places that lie in it
    counts.

    Cells are divided until those on the border are small beside the region itself: a cap round it tells
    nothing of that where it is thin, or in parts.
    """
    depth, cells = first_cells(region, 0.0, ORDER)
    total = 0.0
    while len(cells):
        check()
        starts = cells.astype(np.int64) << 2 * (ORDER - depth)
        even, here = density.even(starts, starts + (1 << 2 * (ORDER - depth)))
        cells = cells[~even | (here != level)]
        more = _beyond(cells, depth, density, level)
        centres, reach = circles_of_cells(cells, depth)
        away, inside = region.distance_and_depth(centres)
        whole = inside > reach
        total += float(more[whole].sum())
        border = ~whole & (away <= reach)
        cells, more = cells[border], more[border]
        fine = len(cells) * (CELL_SR * 4.0 ** (ORDER - depth)) <= _BORDER * area
        if fine or depth == ORDER or len(cells) > _CELLS:
            for part in kernels.parts(np.arange(len(cells)), _CELLS_AT_ONCE):
                check()
                total += float(more[part] @ _shares(region, cells[part], depth))
            return total
        depth, cells = depth + 1, children_of(cells)
    return total


def _beyond(cells: Cells, depth: int, density: Density, level: float) -> Floats:
    """What cells hold beyond the level."""
    starts: Numbers = cells.astype(np.int64) << 2 * (ORDER - depth)
    stops = starts + (1 << 2 * (ORDER - depth))
    return density.amounts(starts, stops) - level * CELL_SR * (stops - starts)


def _shares(region: Region, cells: Cells, depth: int) -> Floats:
    """Which part of each cell lies in the region."""
    places = spread_in(cells, depth)
    inside = region.contains(places.reshape(-1, 3), 0.0)
    shares: Floats = inside.reshape(places.shape[:2]).mean(axis=1)
    return shares
