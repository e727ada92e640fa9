"""Maps of many units as one: of a project, a band, a year, or of all.

Maps of different orders are brought to the coarsest first (MOC-023); what is too large then is made coarser
(MOC-015).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from hips.mocs.axes import FREQUENCY, TIME, Axis
from hips.mocs.maps import JointMap, SpaceMap
from hips.mocs.orders import Orders
from hips.mocs.shelves import Shelf
from hips.mocs.sweeping import Rectangles, fitted_map, fitted_space
from hips.mocs.units import Maps

_HELD: Final = 1_500_000  # rectangles that are kept apart, at most


@dataclass(frozen=True, slots=True, eq=False)
class Together:
    """Rows of a shelf, whose maps are wanted as one: at ``orders`` or coarser."""

    shelf: Shelf
    rows: Sequence[int]
    orders: Orders

    def maps(self) -> Maps:
        """All three."""
        return Maps(self.space(), self.time(), self.frequency())

    def space(self) -> SpaceMap:
        """The map of space."""
        order = self.orders.space
        starts, stops = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        for row in self.rows:
            one = self.shelf.space(row)
            order = min(order, one.order)
            starts.append(one.pair[0])
            stops.append(one.pair[1])
        whole = SpaceMap.of_ranges(order, np.concatenate(starts), np.concatenate(stops))
        return fitted_space(whole, self.orders.volume)

    def time(self) -> JointMap:
        """The map of space and time."""
        return self._joint(JointMap.empty(TIME, self.orders.time, self.orders.joint_space), self.shelf.time)

    def frequency(self) -> JointMap:
        """The map of space and frequency."""
        none = JointMap.empty(FREQUENCY, self.orders.frequency, self.orders.joint_space)
        return self._joint(none, self.shelf.frequency)

    def _joint(self, none: JointMap, read: Callable[[int], JointMap]) -> JointMap:
        """What has come is made one whenever it is much, so that memory does not grow with what there is."""
        outer_order, space_order = none.orders
        held: list[Rectangles] = []
        count = 0
        for row in self.rows:
            one = read(row)
            outer_order, space_order = min(outer_order, one.outer_order), min(space_order, one.space_order)
            held.append(Rectangles.of_map(one).widened(none.axis, outer_order, space_order))
            count += len(held[-1])
            if count > _HELD:
                so_far = self._fitted(held, none.axis, outer_order, space_order)
                outer_order, space_order = so_far.orders
                held = [Rectangles.of_map(so_far)]
                count = len(held[0])
        return self._fitted(held, none.axis, outer_order, space_order)

    def _fitted(self, held: Sequence[Rectangles], axis: Axis, outer_order: int, space_order: int) -> JointMap:
        every = Rectangles.concatenated(held)
        return fitted_map(every, axis, outer_order, space_order, self.orders.volume)
