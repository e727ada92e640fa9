"""Coverage maps: sets of HEALPix cells as regions, and their ASCII text (MOC 2.0, section 4.3.2).

A position belongs to the one cell that has its number, so tests of positions are exact. Tests against other
shapes descend into the cells that the shape's border runs through, down to order 29: they are exact to one
such cell (0.4 milli-arcseconds).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np

from vo_service.sky import cell_ranges, covers
from vo_service.sky.caps import Cap, cap_round_circles
from vo_service.sky.cell_ranges import Numbers, Pair
from vo_service.sky.cell_relations import Common, common_of
from vo_service.sky.circles import SKY_DEG2, Circle
from vo_service.sky.errors import RegionError
from vo_service.sky.outlines import Outline
from vo_service.sky.region import Region
from vo_service.sky.relations import CLOSE
from vo_service.sky.unions import Not
from vo_service.sky.vectors import (
    ALLOWANCE,
    Flags,
    Floats,
    finite_rows,
    healpix29,
    positions,
    separations,
)

if TYPE_CHECKING:
    import mocpy

Ranges = tuple[tuple[int, int], ...]

ORDER: Final = cell_ranges.ORDER
CELLS: Final = cell_ranges.CELLS
_COARSE_CELLS: Final = 256  # circles round that many cells bound distances
_PAIRS_AT_ONCE: Final = 200_000
_PARTS_TO: Final = 6
_PARTS_AT_MOST: Final = 100_000
_PLACES: Final = 6
_CIRCLES_AT_ONCE: Final = 20_000
_MANY: Final = 1000  # ranges from which on a look at all of them comes before one at all cells
_SHOWN: Final = 20
_WANTED: Final = f"a range of cells between 0 and {CELLS}"


@dataclass(frozen=True, slots=True, eq=False, repr=False, init=False)
class Moc(Region):
    """The cells of half-open ranges of NESTED numbers at order 29; sorted and joined as they come in.

    Raises:
        RegionError: for a range that is empty or reaches beyond the cells that there are.
    """

    precedence: ClassVar[int] = 2
    by_cells: ClassVar[bool] = True

    _starts: Numbers
    _stops: Numbers
    _known_circles: tuple[Floats, Floats] | None

    def __init__(self, ranges: Iterable[tuple[int, int]] | Numbers) -> None:
        given = ranges if isinstance(ranges, np.ndarray) else list(ranges)
        try:
            pairs = np.asarray(given, dtype=np.int64).reshape(-1, 2)
        except OverflowError:
            raise RegionError("a number of more than 64 bits", -1, _WANTED) from None
        wrong = np.flatnonzero((pairs[:, 0] < 0) | (pairs[:, 0] >= pairs[:, 1]) | (pairs[:, 1] > CELLS))
        if len(wrong):
            start, stop = pairs[wrong[0]].tolist()
            raise RegionError(f"{start} {stop}", -1, _WANTED)
        starts, stops = cell_ranges.joined(pairs[:, 0].copy(), pairs[:, 1].copy())
        object.__setattr__(self, "_starts", starts)
        object.__setattr__(self, "_stops", stops)
        object.__setattr__(self, "_known_circles", None)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Moc):
            return NotImplemented
        return np.array_equal(self._starts, other._starts) and np.array_equal(self._stops, other._stops)

    def __hash__(self) -> int:
        return hash((self._starts.tobytes(), self._stops.tobytes()))

    @property
    def count(self) -> int:
        """How many ranges there are."""
        return len(self._starts)

    def __repr__(self) -> str:
        """All that tells one from others: names of probes are made of it."""
        if self.count <= _SHOWN:
            return f"Moc({self.to_ascii()})"
        digest = hashlib.blake2b(self._starts.tobytes() + self._stops.tobytes(), digest_size=16)
        return f"Moc({self.count} ranges, {digest.hexdigest()})"

    @property
    def ranges(self) -> Ranges:
        """The ranges, one by one."""
        return tuple(zip(self._starts.tolist(), self._stops.tolist()))

    @property
    def pairs(self) -> Numbers:
        """The ranges as rows ``(n, 2)``: first cell, one past the last."""
        return np.stack([self._starts, self._stops], axis=1)

    @property
    def size(self) -> int:
        return 2 * self.count

    @property
    def count_of_cells(self) -> int:
        """How many of the largest cells make it up."""
        return cell_ranges.count_of_cells(self._starts, self._stops)

    @property
    def orders(self) -> list[int]:
        """The orders of the largest cells that make it up."""
        return [order for order, _, _ in cell_ranges.spans(self._starts, self._stops)]

    def cap(self) -> Cap:
        if not self.count:
            return Cap(0.0, 0.0, 1.0, 0.0)
        centres, reach = self._circles()
        return cap_round_circles(centres, reach)

    def contains(self, xyz: Floats, slack: float = ALLOWANCE) -> Flags:
        """By the number of the cell; there is no allowance, each position belongs to one cell."""
        inside = np.zeros(len(xyz), dtype=bool)
        known = finite_rows(xyz)
        inside[known] = self.holds_cells(healpix29(*positions(xyz[known])))
        return inside

    def holds_cells(self, cells: Numbers) -> Flags:
        """Which cells of order 29 are among these."""
        if not self.count:
            return np.zeros(len(cells), dtype=bool)
        place = np.searchsorted(self._starts, cells, side="right") - 1
        held: Flags = (place >= 0) & (cells < self._stops[np.maximum(place, 0)])
        return held

    def complement(self) -> Moc:
        """All other cells."""
        return _of(cell_ranges.complement(self._starts, self._stops))

    def common(self, other: Moc) -> Moc:
        """The cells that both have."""
        return _of(cell_ranges.common((self._starts, self._stops), (other._starts, other._stops)))

    def cells(self) -> Iterator[tuple[int, Numbers]]:
        """Order and numbers of the largest cells that make these up, from order 0 on."""
        return cell_ranges.cells_of(self._starts, self._stops)

    def distance(self, xyz: Floats) -> Floats:
        if not self.count:
            return np.full(len(xyz), np.pi)
        centres, reach = self._circles()
        step = max(1, _PAIRS_AT_ONCE // len(centres))
        away = [
            (separations(xyz[at : at + step, None, :], centres) - reach).min(axis=1)
            for at in range(0, len(xyz), step)
        ]
        return np.where(self.contains(xyz), 0.0, np.maximum(0.0, np.concatenate([np.empty(0), *away])))

    def depth(self, xyz: Floats) -> Floats:
        return self.complement().distance(xyz)

    def against_caps(self, centres: Floats, radii: Floats) -> tuple[Flags, Flags]:
        """By the cells round each circle, which are wider than it is; of those that this leaves open by the
        ones of them that are near, and then by such as are about a quarter of its radius wide."""
        apart, inside = np.zeros(len(radii), dtype=bool), np.zeros(len(radii), dtype=bool)
        orders = covers.orders_round(radii)
        middles = healpix29(*positions(centres))
        for order in np.unique(orders[orders >= 0]).tolist():
            mine = np.flatnonzero(orders == order)
            for at in range(0, len(mine), _CIRCLES_AT_ONCE):
                part = mine[at : at + _CIRCLES_AT_ONCE]
                cells, there = covers.cells_about(middles[part], order)
                apart[part], inside[part] = self._sides(cells, order, there)
                left = ~apart[part] & ~inside[part]
                part, cells, there = part[left], cells[left], there[left]
                near = there & covers.near_circles(cells, order, centres[part], radii[part])
                apart[part], inside[part] = self._sides(cells, order, near)
                part = part[~apart[part] & ~inside[part]]
                apart[part], inside[part] = self._sides(
                    *covers.cells_round(centres[part], radii[part], order)
                )
        return apart, inside

    def _sides(self, cells: Numbers, order: int, near: Flags) -> tuple[Flags, Flags]:
        """Of which rows of cells ``(n, m)`` none is here, and of which all are, as far as they are near."""
        some, whole = self._shares(cells, order)
        apart: Flags = ~np.logical_or.reduce(some & near, axis=1)
        inside: Flags = np.logical_and.reduce(whole | ~near, axis=1)
        return apart, inside

    def _shares(self, cells: Numbers, order: int) -> tuple[Flags, Flags]:
        """Of which cells a part, and of which the whole is here."""
        if not self.count:
            return np.zeros(cells.shape, dtype=bool), np.zeros(cells.shape, dtype=bool)
        shift = 2 * (ORDER - order)
        starts, stops = cells << shift, (cells + 1) << shift
        before = np.searchsorted(self._starts, stops) - 1  # the last range that begins before the end
        last = self._stops[np.maximum(before, 0)]
        some: Flags = (before >= 0) & (last > starts)
        return some, some & (self._starts[np.maximum(before, 0)] <= starts) & (last >= stops)

    def _rough(self) -> Moc:
        """A map of few cells that holds this one."""
        return _of(cell_ranges.rough(self._starts, self._stops, _COARSE_CELLS))

    def _circles(self) -> tuple[Floats, Floats]:
        """Centres and radii (radians) of circles that hold all cells; not many."""
        known = self._known_circles
        if known is None:
            parts = list(self._rough().cells())
            found = [covers.circles_of_cells(numbers.astype(np.uint64), at) for at, numbers in parts]
            radii = [np.full(len(centres), reach) for centres, reach in found]
            known = np.concatenate([centres for centres, _ in found]), np.concatenate(radii)
            object.__setattr__(self, "_known_circles", known)
        return known

    def intersects(self, other: Region) -> bool:
        """Whether there is a common point; cells that only touch have none, as positions have one cell."""
        if isinstance(other, Moc):
            return self.common(other).count > 0
        if isinstance(other, Circle) and other.radius == 0.0:
            return bool(self.contains(other.centre[None, :])[0])
        return common_of(self._near(other).cells(), other) is not Common.NOTHING

    def covers(self, other: Region) -> bool:
        if isinstance(other, Moc):
            return self.complement().common(other).count == 0
        if isinstance(other, Circle) and other.radius == 0.0:
            return self.intersects(other)
        outside = self._near(other).complement()._near(other)
        return common_of(outside.cells(), other) is not Common.POINTS

    def lies_in(self, shape: Region) -> bool:
        """Whether all cells lie wholly in a shape."""
        if not shape.contains(self.places(), CLOSE).all():
            return False
        if self.count > _MANY and Moc(shape.hpx29_ranges()).complement().common(self).count:
            return False
        return common_of(self.cells(), Not(shape)) is not Common.POINTS

    def _near(self, shape: Region) -> Moc:
        """The cells among these that may meet a shape."""
        return self.common(Moc(shape.hpx29_ranges()))

    def places(self) -> Floats:
        if not self.count:
            return np.empty((0, 3))
        starts = self._starts[:: max(1, len(self._starts) // _PLACES)].astype(np.uint64)
        ends = self._stops[:: max(1, len(self._stops) // _PLACES)].astype(np.uint64) - np.uint64(1)
        return covers.circles_of_cells(np.concatenate([starts, ends]), ORDER)[0]

    def outline(self) -> Outline:
        raise RegionError(self.to_dali(), -1, "a shape: a coverage map has no border of arcs")

    def area(self) -> float:
        return SKY_DEG2 * (int((self._stops - self._starts).sum()) / CELLS)

    def moment(self) -> Floats:
        """The sum ``(3,)`` of all places, weighted by area (radians squared): from the middles of cells,
        large ones in parts."""
        total = np.zeros(3)
        for order, numbers in self.cells():
            finer = max(0, min(_PARTS_TO, ORDER - order, (_PARTS_AT_MOST // len(numbers)).bit_length() // 2))
            parts = (numbers[:, None] << 2 * finer) + np.arange(4**finer)
            middles, _ = covers.circles_of_cells(parts.ravel().astype(np.uint64), order + finer)
            total += middles.sum(axis=0) * (np.pi / 3.0 / 4.0 ** (order + finer))
        return total

    def cover(self, order: int) -> mocpy.MOC:
        return covers.moc_of_ranges(self.pairs, order)

    def hpx29_ranges(self, inflate_radius_rad: float = 0.0) -> list[tuple[int, int]]:
        starts, stops = self._starts, self._stops
        if inflate_radius_rad > 0.0 and self.count:
            rough = self._rough()
            starts, stops = covers.widened(rough._starts, rough._stops, inflate_radius_rad)
        return covers.few_ranges(starts, stops)

    def stcs_words(self, frame: str) -> str:
        """Not STC-S, which has no coverage maps, but what ``parse_region`` reads back."""
        return f"Moc {self.to_ascii()}"

    def brief(self) -> str:
        return self.to_stcs() if self.count <= _MANY else repr(self)

    def to_dali(self) -> str:
        """The text of xtype ``moc``."""
        return self.to_ascii()

    def to_ascii(self) -> str:
        """ASCII MOC: orders from coarse to fine, runs of cells as ``first-last``."""
        words = []
        for order, starts, stops in cell_ranges.spans(self._starts, self._stops):
            runs = [f"{a}" if b == a + 1 else f"{a}-{b - 1}" for a, b in zip(starts.tolist(), stops.tolist())]
            words.append(f"{order}/{' '.join(runs)}")
        return " ".join(words) or f"{ORDER}/"


def _of(pair: Pair) -> Moc:
    return Moc(np.stack(pair, axis=1))
