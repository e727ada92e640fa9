"""Coverage maps as values: of space, and of space along an axis of time or of frequency.

Both know their orders, which are a part of them whether a cell has that order or not (MOC-022). Both are in
canonical form (MOC-020, MOC-027), so equal coverages of equal orders are equal maps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hips.mocs.axes import SPACE, Axis
from vo_service.sky import Moc
from vo_service.sky.cell_ranges import CELLS, Numbers, Pair, joined

Places = NDArray[np.intp]
Words = NDArray[np.int64]

_FLAG = np.int64(-(2**63))  # the top bit marks the ranges of the outer axis (MOC-052)


@dataclass(frozen=True, slots=True)
class SpaceMap:
    """Cells of the sky, ICRS, no finer than ``order``."""

    order: int
    moc: Moc

    @staticmethod
    def of_ranges(order: int, starts: Numbers, stops: Numbers) -> SpaceMap:
        """Ranges of order-29 cells in any order, widened to cells of ``order`` where they are finer."""
        return SpaceMap(order, Moc(np.stack(SPACE.widened(starts, stops, order), axis=1)))

    @staticmethod
    def of_words(order: int, words: Words) -> SpaceMap:
        """What `words` gave."""
        return SpaceMap(order, Moc(words.reshape(-1, 2)))

    @property
    def words(self) -> Words:
        """Starts and stops in turn, as a FITS file of ranges has them (MOC-042)."""
        flat: Words = self.moc.pairs.ravel()
        return flat

    @property
    def pair(self) -> Pair:
        """Starts and stops of the ranges of order-29 cells."""
        pairs = self.moc.pairs
        return pairs[:, 0], pairs[:, 1]

    @property
    def volume(self) -> int:
        """How many cells a file of it lists."""
        return self.moc.count_of_cells

    @property
    def cells(self) -> int:
        """How many cells of its order make it up."""
        starts, stops = self.pair
        return int((stops - starts).sum()) >> SPACE.shift(self.order)

    @property
    def sky_fraction(self) -> float:
        """Its share of the sky, 0 to 1."""
        starts, stops = self.pair
        return int((stops - starts).sum()) / CELLS

    def degraded(self, order: int) -> SpaceMap:
        """The same at a coarser order, which holds this one (MOC-025); itself where that is no coarser."""
        return self if order >= self.order else SpaceMap.of_ranges(order, *self.pair)


@dataclass(frozen=True, slots=True, eq=False)
class JointMap:
    """Sets of cells of the sky, each with its ranges of an outer axis (MOC-010).

    ``element`` and ``space_element`` count the sets from 0 on, in the order of their outer ranges; these are
    sorted and disjoint, and neighbouring sets differ. All indices are of the deepest orders.
    """

    axis: Axis
    outer_order: int
    space_order: int
    starts: Numbers
    stops: Numbers
    element: Places
    space_starts: Numbers
    space_stops: Numbers
    space_element: Places

    @staticmethod
    def empty(axis: Axis, outer_order: int, space_order: int) -> JointMap:
        """A map of nothing, with its orders (MOC-028)."""
        return JointMap.of_words(axis, outer_order, space_order, np.empty(0, np.int64))

    @staticmethod
    def of_words(axis: Axis, outer_order: int, space_order: int, words: Words) -> JointMap:
        """What `words` gave."""
        pairs = words.reshape(-1, 2)
        outer = pairs[:, 0] < 0
        begins = outer & ~np.concatenate([[False], outer[:-1]])
        element = np.cumsum(begins) - 1
        plain = pairs & ~_FLAG
        return JointMap(
            axis,
            outer_order,
            space_order,
            plain[outer, 0],
            plain[outer, 1],
            element[outer],
            plain[~outer, 0],
            plain[~outer, 1],
            element[~outer],
        )

    @property
    def words(self) -> Words:
        """As in a FITS file (MOC-052, MOC-053): of each set its outer ranges, flagged, then those of its
        cells."""
        outer = np.stack([self.starts, self.stops], axis=1) | _FLAG
        space = np.stack([self.space_starts, self.space_stops], axis=1)
        sorting = np.argsort(np.concatenate([self.element, self.space_element]), kind="stable")
        flat: Words = np.concatenate([outer, space])[sorting].ravel()
        return flat

    @property
    def orders(self) -> tuple[int, int]:
        """Order of the outer axis and of space."""
        return self.outer_order, self.space_order

    @property
    def volume(self) -> int:
        """How many numbers a file of it lists."""
        return 2 * (len(self.starts) + len(self.space_starts))

    @property
    def count(self) -> int:
        """How many sets there are."""
        return int(self.element[-1]) + 1 if len(self.element) else 0

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, JointMap):
            return NotImplemented
        same = (self.axis, self.orders) == (other.axis, other.orders)
        return same and np.array_equal(self.words, other.words)

    def __hash__(self) -> int:
        return hash((self.axis, self.orders, self.words.tobytes()))

    def space(self) -> SpaceMap:
        """All its cells of the sky."""
        return SpaceMap.of_ranges(self.space_order, self.space_starts, self.space_stops)

    def outer(self) -> Pair:
        """All its ranges of the outer axis, joined where they touch."""
        return joined(self.starts, self.stops)
