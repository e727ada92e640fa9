"""Coverage maps of many footprints at an order: never too small, without cells that no footprint touches.

Circles and polygons of usual size, and unions of them, are covered by arrays (`descents`); what is wide, a
range or an intersection goes through `vo_service.sky.covers` one by one, and may take a cell more round its
border.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from hips.mocs.descents import Touched
from hips.mocs.owned import Owned, owners_at_once, sort_owned, without
from hips.mocs.simple_shapes import SimpleShapes, is_simple, simple_ones
from vo_service.sky import Moc, Region, Shapes, Union, healpix29
from vo_service.sky.cell_ranges import ORDER
from vo_service.sky.covers import moc_of
from vo_service.sky.shapes import Kind
from vo_service.sky.vectors import Flags, Floats

_FOOTPRINTS_AT_ONCE: Final = 20_000


@dataclass(frozen=True, slots=True, eq=False)
class Covered:
    """The cells of each footprint, and which of the texts are footprints."""

    cells: Owned
    known: Flags


def cover_texts(texts: pa.Array | pa.ChunkedArray, order: int) -> Covered:
    """The cells of ``order`` that each STC-S or DALI text touches (MOC-005); null, and what is no region,
    touches none."""
    shapes = Shapes.of_texts(texts)
    step = min(_FOOTPRINTS_AT_ONCE, owners_at_once(order))
    cells = [Owned.empty(order)]
    for at in range(0, len(shapes), step):
        block = shapes.take(np.arange(at, min(at + step, len(shapes))))
        cells.append(_cover(block, order).behind(at))
    return Covered(Owned.concatenated(cells), shapes.kind != Kind.NOTHING)


def cover_region(region: Region, order: int) -> Moc:
    """The cells of ``order`` that one region touches."""
    starts, stops = _cover(Shapes.of([region]), order).ranges()
    return Moc(np.stack([starts, stops], axis=1))


def cells_of_positions(lon: Floats, lat: Floats, order: int) -> Owned:
    """The cell of ``order`` that each position (degrees) lies in; none where there is no position (NaN)."""
    cells = healpix29(lon, lat)
    known = np.flatnonzero(cells >= 0)
    numbers = cells[known] >> (2 * (ORDER - order))
    return Owned(order, known, numbers, numbers + 1)


def _cover(shapes: Shapes, order: int) -> Owned:
    """Shapes that are few enough for one `sort_owned`."""
    simple = simple_ones(shapes)
    taken_apart = _Parts()
    for row in np.flatnonzero(~simple & (shapes.kind != Kind.NOTHING)).tolist():
        region = shapes.region(row)
        if region is not None:
            taken_apart.add(row, region)
    found = Touched.concatenated(
        [
            SimpleShapes.of_shapes(shapes, np.flatnonzero(simple)).touched(order),
            SimpleShapes.of_regions(taken_apart.added).touched(order),
            *(_one_by_one(row, region, order) for row, region in taken_apart.others),
        ]
    )
    holes = SimpleShapes.of_regions(taken_apart.holes).touched(order)
    return without(_sorted(found, order), _sorted(holes.chosen(holes.whole), order))


def _sorted(found: Touched, order: int) -> Owned:
    return sort_owned(order, found.shape, found.starts, found.stops)


class _Parts:
    """Footprints that are no simple shapes themselves, taken apart where they are made of simple ones."""

    def __init__(self) -> None:
        self.added: list[tuple[int, Region]] = []
        self.holes: list[tuple[int, Region]] = []
        self.others: list[tuple[int, Region]] = []

    def add(self, row: int, region: Region) -> None:
        """One footprint; a union of nothing but holes is what they are cut from, the whole sky."""
        added: tuple[Region, ...] = (region,)
        holes: tuple[Region, ...] = ()
        if isinstance(region, Union) and region.added:
            added, holes = region.added, region.holes
        if all(is_simple(part) for part in (*added, *holes)):
            self.added += [(row, part) for part in added]
            self.holes += [(row, part) for part in holes]
        else:
            self.others.append((row, region))


def _one_by_one(row: int, region: Region, order: int) -> Touched:
    """Any region: cells whose circles touch it."""
    shift = 2 * (ORDER - order)
    if isinstance(region, Moc):
        pairs = region.pairs
    else:
        pairs = moc_of(region, order).to_depth29_ranges.astype(np.int64)
    starts, stops = pairs[:, 0] >> shift, -((-pairs[:, 1]) >> shift)
    return Touched(np.full(len(pairs), row), starts, stops, np.zeros(len(pairs), dtype=bool))
