"""How much of a map lies in a region of any kind: by its cells, one region at a time."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from vo_service.sky.cell_ranges import ORDER
from vo_service.sky.cells import Cells, places_in
from vo_service.sky.covers import children_of, circles_of_cells, first_cells
from vo_service.sky.densities import Density
from vo_service.sky.kept import keep_short
from vo_service.sky.region import Region
from vo_service.sky.vectors import Floats

_DEEPER: Final = 7  # orders below that of the first cells, which are wider than the region
_PLACES: Final = (
    34,
    21,
)  # so many places in a cell on the border, so far from each other that no two of them
# are in line with an edge of the cell: borders run along those
_DEG2: Final = math.degrees(1.0) ** 2


@keep_short(4096)
def area_of_region(region: Region) -> float:
    """Steradians."""
    return region.area() / _DEG2


def amount_in(region: Region, density: Density) -> float:
    """What a region holds of a map; of cells on its border the share of evenly spread places that lie in it
    counts."""
    depth, cells = first_cells(region, 0.0, ORDER)
    deepest = min(ORDER, depth + _DEEPER)
    total = 0.0
    while len(cells):
        starts = cells.astype(np.int64) << 2 * (ORDER - depth)
        stops = starts + (1 << 2 * (ORDER - depth))
        held = density.amounts(starts, stops)
        centres, reach = circles_of_cells(cells, depth)
        away, inside = region.distance_and_depth(centres)
        whole = inside > reach
        total += float(held[whole].sum())
        border = (held > 0.0) & ~whole & (away <= reach)
        cells = cells[border]
        if depth == deepest:
            return total + float(held[border] @ _shares(region, cells, depth))
        depth, cells = depth + 1, children_of(cells)
    return total


def _shares(region: Region, cells: Cells, depth: int) -> Floats:
    """Which part of each cell lies in the region."""
    count, step = _PLACES
    east = (np.arange(count) + 0.5) / count
    west = (east * step) % 1.0
    places = places_in(cells, depth, east, west).reshape(-1, 3)
    shares: Floats = region.contains(places, 0.0).reshape(len(cells), len(east)).mean(axis=1)
    return shares
