"""Coverage maps: sets of HEALPix cells as regions, and their ASCII text (MOC 2.0, section 4.3.2).

A position belongs to the one cell that has its number, so tests of positions are exact. Tests against other
shapes descend into the cells that the shape's border runs through, down to order 29: they are exact to one
such cell (0.4 milli-arcseconds).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from vo_service.sky import covers
from vo_service.sky.caps import Cap, cap_round_circles
from vo_service.sky.cell_relations import Common, common_of
from vo_service.sky.circles import SKY_DEG2, Circle
from vo_service.sky.errors import RegionError
from vo_service.sky.outlines import Outline
from vo_service.sky.region import Region
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

Numbers = NDArray[np.int64]
Ranges = tuple[tuple[int, int], ...]

ORDER: Final = covers.ORDER
CELLS: Final = 12 * 4**ORDER
_COARSE_CELLS: Final = 256  # circles round that many cells bound distances
_CHUNK: Final = 2_000_000
_PARTS_TO: Final = 6
_PARTS_AT_MOST: Final = 100_000
_PLACES: Final = 6
_CIRCLES_AT_ONCE: Final = 4_000
_ITEM = re.compile(r"(\d+)\s*/|(\d+)(?:\s*-\s*(\d+))?(?!\s*/)")
_BETWEEN = re.compile(r"[\s,]*")


@dataclass(frozen=True, slots=True)
class Moc(Region):
    """The cells of half-open ranges of NESTED numbers at order 29; sorted and joined as they come in.

    Raises:
        RegionError: for a range that is empty or reaches beyond the cells that there are.
    """

    precedence: ClassVar[int] = 2
    by_cells: ClassVar[bool] = True

    ranges: Ranges
    _starts: Numbers = field(init=False, repr=False, compare=False)
    _stops: Numbers = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for start, stop in self.ranges:
            if not 0 <= start < stop <= CELLS:
                raise RegionError(f"{start} {stop}", -1, f"a range of cells between 0 and {CELLS}")
        joined = _joined(self.ranges)
        object.__setattr__(self, "ranges", joined)
        pairs = np.array(joined, dtype=np.int64).reshape(-1, 2)
        object.__setattr__(self, "_starts", pairs[:, 0].copy())
        object.__setattr__(self, "_stops", pairs[:, 1].copy())

    def cap(self) -> Cap:
        if not self.ranges:
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
        if not self.ranges:
            return np.zeros(len(cells), dtype=bool)
        place = np.searchsorted(self._starts, cells, side="right") - 1
        held: Flags = (place >= 0) & (cells < self._stops[np.maximum(place, 0)])
        return held

    def complement(self) -> Moc:
        """All other cells."""
        return Moc(_gaps(self.ranges, [(0, CELLS)]))

    def common(self, other: Moc) -> Moc:
        """The cells that both have."""
        few, many = (self, other) if len(self.ranges) <= len(other.ranges) else (other, self)
        found: list[tuple[int, int]] = []
        for start, stop in few.ranges:
            first = int(np.searchsorted(many._stops, start, side="right"))
            last = int(np.searchsorted(many._starts, stop, side="left"))
            found += [(max(start, a), min(stop, b)) for a, b in many.ranges[first:last]]
        return Moc(tuple(found))

    def cells(self) -> Iterator[tuple[int, Numbers]]:
        """Order and numbers of the largest cells that make these up, from order 0 on."""
        for order, starts, stops in self._spans():
            yield order, np.concatenate([np.arange(a, b) for a, b in zip(starts, stops)])

    def _spans(self) -> Iterator[tuple[int, Numbers, Numbers]]:
        """Order, first and one past the last number of runs of the largest cells, from order 0 on."""
        starts, stops = self._starts, self._stops
        for order in range(ORDER + 1):
            shift = 2 * (ORDER - order)
            first, last = -((-starts) >> shift), stops >> shift
            some = first < last
            if some.any():
                yield order, first[some], last[some]
            starts, stops = (
                np.concatenate([starts, np.where(some, last << shift, stops)]),
                np.concatenate([np.where(some, first << shift, stops), stops]),
            )
            left = starts < stops
            if not left.any():
                return
            order_of = np.argsort(starts[left], kind="stable")
            starts, stops = starts[left][order_of], stops[left][order_of]

    def distance(self, xyz: Floats) -> Floats:
        if not self.ranges:
            return np.full(len(xyz), np.pi)
        centres, reach = self._circles()
        step = max(1, _CHUNK // len(centres))
        away = [
            np.min([separations(xyz[i : i + step], c) - r for c, r in zip(centres, reach)], axis=0)
            for i in range(0, len(xyz), step)
        ]
        return np.where(self.contains(xyz), 0.0, np.maximum(0.0, np.concatenate([np.empty(0), *away])))

    def depth(self, xyz: Floats) -> Floats:
        return self.complement().distance(xyz)

    def against_caps(self, centres: Floats, radii: Floats) -> tuple[Flags, Flags]:
        """By the cells round each circle, which are about a quarter of its radius wide."""
        apart, inside = np.zeros(len(radii), dtype=bool), np.zeros(len(radii), dtype=bool)
        orders = covers.orders_round(radii)
        for order in np.unique(orders[orders >= 0]).tolist():
            mine = np.flatnonzero(orders == order)
            for at in range(0, len(mine), _CIRCLES_AT_ONCE):
                part = mine[at : at + _CIRCLES_AT_ONCE]
                cells, depth, near = covers.cells_round(centres[part], radii[part], order)
                some, whole = self._shares(cells, depth)
                apart[part] = ~(some & near).any(axis=1)
                inside[part] = (whole | ~near).all(axis=1)
        return apart, inside

    def _shares(self, cells: Numbers, order: int) -> tuple[Flags, Flags]:
        """Of which cells a part, and of which the whole is here."""
        if not self.ranges:
            return np.zeros(cells.shape, dtype=bool), np.zeros(cells.shape, dtype=bool)
        shift = 2 * (ORDER - order)
        starts, stops = cells << shift, (cells + 1) << shift
        before = np.searchsorted(self._starts, stops) - 1  # the last range that begins before the end
        last = self._stops[np.maximum(before, 0)]
        some: Flags = (before >= 0) & (last > starts)
        return some, some & (self._starts[np.maximum(before, 0)] <= starts) & (last >= stops)

    def _circles(self) -> tuple[Floats, Floats]:
        """Centres and radii (radians) of circles that hold all cells; not many."""
        order = ORDER
        starts, stops = self._starts, self._stops
        parts = list(self.cells())
        while sum(len(numbers) for _, numbers in parts) > _COARSE_CELLS and order > 0:
            order -= 1
            shift = 2 * (ORDER - order)
            rough = ((int(a) >> shift << shift, -(-int(b) >> shift) << shift) for a, b in zip(starts, stops))
            parts = list(Moc(_joined(rough)).cells())
        found = [covers.circles_of_cells(numbers.astype(np.uint64), at) for at, numbers in parts]
        return np.concatenate([c for c, _ in found]), np.concatenate([np.full(len(c), r) for c, r in found])

    def intersects(self, other: Region) -> bool:
        """Whether there is a common point; cells that only touch have none, as positions have one cell."""
        if isinstance(other, Moc):
            return bool(self.common(other).ranges)
        if isinstance(other, Circle) and other.radius == 0.0:
            return bool(self.contains(other.centre[None, :])[0])
        return common_of(self._near(other).cells(), other) is not Common.NOTHING

    def covers(self, other: Region) -> bool:
        if isinstance(other, Moc):
            return not self.complement().common(other).ranges
        if isinstance(other, Circle) and other.radius == 0.0:
            return self.intersects(other)
        near = self._near(other)
        outside = Moc(_gaps(near.ranges, other.hpx29_ranges()))
        return common_of(outside.cells(), other) is not Common.POINTS

    def lies_in(self, shape: Region) -> bool:
        """Whether all cells lie wholly in a shape."""
        return common_of(self.cells(), Not(shape)) is not Common.POINTS

    def _near(self, shape: Region) -> Moc:
        """The cells among these that may meet a shape."""
        return self.common(Moc(tuple(shape.hpx29_ranges())))

    def places(self) -> Floats:
        if not self.ranges:
            return np.empty((0, 3))
        starts = self._starts[:: max(1, len(self._starts) // _PLACES)].astype(np.uint64)
        ends = self._stops[:: max(1, len(self._stops) // _PLACES)].astype(np.uint64) - np.uint64(1)
        return covers.circles_of_cells(np.concatenate([starts, ends]), ORDER)[0]

    def outline(self) -> Outline:
        raise RegionError(self.to_dali(), -1, "a shape: a coverage map has no border of arcs")

    def area(self) -> float:
        return SKY_DEG2 * float(sum(b - a for a, b in self.ranges) / CELLS)

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
        return covers.moc_of_ranges(self.ranges, order)

    def hpx29_ranges(self, inflate_radius_rad: float = 0.0) -> list[tuple[int, int]]:
        if inflate_radius_rad > 0.0 and self.ranges:
            return covers.ranges_of(self, inflate_radius_rad)
        return covers.few_ranges(self._starts, self._stops)

    def stcs_words(self, frame: str) -> str:
        """Not STC-S, which has no coverage maps, but what ``parse_region`` reads back."""
        return f"Moc {self.to_ascii()}"

    def to_dali(self) -> str:
        """The text of xtype ``moc``."""
        return self.to_ascii()

    def to_ascii(self) -> str:
        """ASCII MOC: orders from coarse to fine, runs of cells as ``first-last``."""
        words = []
        for order, starts, stops in self._spans():
            runs = [f"{a}" if b == a + 1 else f"{a}-{b - 1}" for a, b in zip(starts.tolist(), stops.tolist())]
            words.append(f"{order}/{' '.join(runs)}")
        return " ".join(words) or f"{ORDER}/"


def _gaps(ranges: Ranges, within: Iterable[tuple[int, int]]) -> Ranges:
    """What sorted ranges leave out of others that hold them."""
    gaps, at = [], 0
    for start, stop in within:
        while at < len(ranges) and ranges[at][0] < stop:
            gaps.append((start, ranges[at][0]))
            start, at = ranges[at][1], at + 1
        gaps.append((start, stop))
    return tuple(pair for pair in gaps if pair[0] < pair[1])


def _joined(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """Sorted, with those that touch or overlap made one."""
    joined: list[tuple[int, int]] = []
    for start, stop in sorted(ranges):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(stop, joined[-1][1]))
        else:
            joined.append((int(start), int(stop)))
    return tuple(joined)


def parse_moc(text: str, at: int = 0) -> Moc:
    """The coverage that an ASCII MOC means, such as ``4/30-33 38 5/136``; commas count as blanks.

    Reads from character ``at`` on.

    An order without cells says how fine the map is and adds nothing.

    Raises:
        RegionError: with the place and what was expected there.
    """
    at = len(text) - len(text[at:].lstrip())
    if text[at : at + 1] in ("s", "S"):
        at += 1
    order: int | None = None
    ranges: list[tuple[int, int]] = []
    while at < len(text):
        found = _ITEM.match(text, at)
        if found is None or (found.group(1) is None and order is None):
            expected = "an order and /, such as 4/30-33" if order is None else "cells, such as 30 or 30-33"
            raise RegionError(text, at, expected + _hint(text, at))
        if found.group(1) is not None:
            order = _order(text, at, found.group(1))
        else:
            ranges.append(_run(text, at, found, order or 0))
        after = _BETWEEN.match(text, found.end())
        at = after.end() if after else found.end()
    if order is None:
        raise RegionError(text, at, "an order and /, such as 4/30-33")
    return Moc(tuple(ranges))


def _hint(text: str, at: int) -> str:
    word = text[at : at + 1].lower()
    if word in ("t", "f"):
        return "; maps of time or frequency are no region"
    return "; a JSON map must be written as ASCII" if word == "{" else ""


def _order(text: str, at: int, digits: str) -> int:
    if len(digits) > 2 or int(digits) > ORDER:
        raise RegionError(text, at, f"an order from 0 to {ORDER}")
    return int(digits)


def _run(text: str, at: int, found: re.Match[str], order: int) -> tuple[int, int]:
    most = 12 * 4**order
    first, last = found.group(2), found.group(3) or found.group(2)
    if max(len(first), len(last)) > 20 or int(first) >= most or int(last) >= most:
        raise RegionError(text, at, f"cells below {most} at order {order}")
    if int(last) < int(first):
        raise RegionError(text, at, "a run of cells with the lower one first")
    shift = 2 * (ORDER - order)
    return int(first) << shift, (int(last) + 1) << shift
