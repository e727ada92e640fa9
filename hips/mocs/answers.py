"""The coverage map of rows that somebody picked: as fine as their fields ask for, as far as that is bearable.

A field on its own has cells of about a 64th of its width (`orders.order_of_field`): some 256 lie along its
border, twice as many at the next order. The map of several fields has the finest order that any of them asks
for, or a coarser one at which all borders together are no more than a quarter of a million cells (MOC-015):
2 MB of FITS.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from hips.mocs.covering import cells_of_positions, cover_texts
from hips.mocs.maps import SpaceMap
from hips.mocs.orders import Orders, order_of_field
from hips.mocs.sweeping import fitted_space
from vo_service.sky import Shapes
from vo_service.sky.cell_ranges import Numbers
from vo_service.sky.shapes import Kind
from vo_service.sky.vectors import Flags, Floats

ANSWERS: Final = Orders(volume=250_000)
_BORDER: Final = 256.0
"""Cells along the border of a field at its own order."""
_POINT: Final = 1e-9  # degrees: regions that are smaller are positions
_AT_ONCE: Final = 2_000
"""Footprints that are covered between two looks at whether somebody still wants them."""


@dataclass(frozen=True, slots=True, eq=False)
class Fields:
    """Footprints, a row each: STC-S (null: none), degrees, arcsec (NaN: not known)."""

    region: pa.Array
    ra: Floats
    dec: Floats
    width: Floats
    beam: Floats

    def __len__(self) -> int:
        return len(self.region)


def map_of_fields(
    fields: Fields,
    check: Callable[[], None],
    orders: Orders = ANSWERS,
) -> SpaceMap:
    """The cells that any of the fields touches; of one without a region that of its position. ``check`` is
    called now and then, and ends the work by raising."""
    shapes = Shapes.of_texts(fields.region)
    known = shapes.kind != Kind.NOTHING
    order = _order(_own_orders(fields, shapes, known, orders), orders)
    starts, stops = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for at in range(0, len(fields), _AT_ONCE):
        check()
        pair = cover_texts(fields.region.slice(at, _AT_ONCE), order).cells.ranges()
        starts.append(pair[0])
        stops.append(pair[1])
    places = cells_of_positions(fields.ra[~known], fields.dec[~known], order).ranges()
    starts.append(places[0])
    stops.append(places[1])
    return fitted_space(
        SpaceMap.of_ranges(order, np.concatenate(starts), np.concatenate(stops)), orders.volume
    )


def _own_orders(fields: Fields, shapes: Shapes, known: Flags, orders: Orders) -> NDArray[np.int64]:
    """The order that each field asks for."""
    extent = 2.0 * np.degrees(shapes.radius)
    width = np.where(known & (extent > _POINT), extent, fields.width)
    own = [
        order_of_field(wide, beam, orders.space) for wide, beam in zip(width.tolist(), fields.beam.tolist())
    ]
    return np.array(own, dtype=np.int64)


def _order(own: Numbers, orders: Orders) -> int:
    """The order of all fields together."""
    if len(own) == 0:
        return orders.space
    asked, count = np.unique(own, return_counts=True)
    order = int(asked[-1])
    while order > 0 and float((count * _BORDER * 2.0 ** (order - asked)).sum()) > orders.volume:
        order -= 1
    return order
