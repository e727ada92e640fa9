"""HEALPix cells of order 29, NESTED: ranges of them in SQL, and the cells round many positions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sqlglot import exp

from vo_service.adql.sql import nodes as sql
from vo_service.sky import Moc, healpix29, positions

ORDER: Final = 29
_SPARE = 12 * 4**29 // 10_000
"""Pixels (a ten-thousandth of the sky) that may be looked at for nothing: rows cost less than ranges do."""
_RANGES_AT_MOST = 8
_ROUND = 16  # places on the circle round a position that its cells are found by
_MARGIN = 2.0
"""How much larger than the radius that circle is: with 1.02 cells were missed that hold border positions."""
_STRAIGHT: Final = 4
"""Order from which on cells are near enough to squares."""
_NARROWEST: Final = 0.4
"""Width of the narrowest cell of order 0, radians, were they all squares; at 0.6 some are left too early."""
_EVEN: Final = tuple((1 << 64) // ((1 << 2**n) + 1) for n in range(6))
"""Masks: every other bit, every other pair of bits, and so on."""


def in_ranges(cell: sql.Sql, ranges: Sequence[tuple[int, int]]) -> sql.Sql:
    """Whether a pixel number lies in one of the half-open ranges, or in a gap between them that is not worth
    its SQL; their hull comes first, for zone maps. Whatever passes has to be tested exactly.
    """
    if not ranges:
        return exp.false()
    between = [_between(cell, low, high) for low, high in coarser(ranges)]
    if len(between) == 1:
        return between[0]
    return sql.both([_between(cell, ranges[0][0], ranges[-1][1]), sql.either(between)])


def coarser(ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same ranges with narrow gaps closed: few are left, and little is added."""
    gaps = sorted((after[0] - before[1], after[0]) for before, after in pairwise(ranges))
    kept: set[int] = set()  # where the ranges that stay apart begin
    spare = _SPARE
    for index, (width, start) in enumerate(gaps):
        spare -= width
        if spare < 0 and len(gaps) - index < _RANGES_AT_MOST:
            kept.add(start)
    merged: list[tuple[int, int]] = []
    for low, high in ranges:
        if merged and low not in kept:
            merged[-1] = (merged[-1][0], high)
        else:
            merged.append((low, high))
    return merged


def _between(cell: sql.Sql, low: int, high: int) -> sql.Sql:
    return exp.Between(this=sql.own(cell), low=exp.Literal.number(low), high=exp.Literal.number(high - 1))


def moc_table(moc: Moc) -> pa.Table:
    """The cells of a coverage map: order (``depth``) and number."""
    orders, cells = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for order, numbers in moc.cells():
        orders.append(np.full(len(numbers), order))
        cells.append(numbers)
    return pa.table({"depth": np.concatenate(orders), "cell": np.concatenate(cells)})


def order_for(radius_rad: float) -> int:
    """The order whose cells are a few times as wide as a circle of that radius; 0 to 29."""
    if radius_rad <= 0.0:
        return ORDER
    return max(0, min(ORDER, math.floor(math.log2(0.6 / (2.0 * radius_rad)))))


def cells_round(
    xyz: NDArray[np.float64], radius_rad: float, order: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The cells of ``order`` that circles round positions meet: row numbers of ``xyz``, and cells.

    No cell is missed that holds a place within the radius; ``order`` is at most ``order_for(radius_rad)``.
    Cells much wider than the circle are cheap: most circles lie within one, which is told by where in it.
    """
    lon, lat = positions(xyz)
    middle = healpix29(lon, lat)
    apart = np.flatnonzero(_room(middle, order) <= radius_rad + 1e-12)
    alone = np.ones(len(xyz), dtype=bool)
    alone[apart] = False
    spread, cells = _cells_of_rings(xyz[apart], radius_rad, order)
    rows = np.concatenate([np.flatnonzero(alone), apart[spread]])
    return rows, np.concatenate([middle[alone] >> (2 * (ORDER - order)), cells])


def _room(cells29: NDArray[np.int64], order: int) -> NDArray[np.float64]:
    """Radians from places, as pixels of order 29, to the border of their cell of ``order``, or less; 0 where
    cells are so wide that they are no squares any more."""
    if order < _STRAIGHT:
        return np.zeros(len(cells29))
    side = 1 << (ORDER - order)
    within = cells29 & (side * side - 1)
    nearest = np.full(len(cells29), side, dtype=np.int64)
    for axis in (within, within >> 1):
        along = _every_other_bit(axis)
        nearest = np.minimum(nearest, np.minimum(along, side - 1 - along))
    return nearest.astype(np.float64) * (_NARROWEST / side / 2.0**order)


def _every_other_bit(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """The even bits of numbers, moved together: one coordinate of a place in its cell."""
    found: NDArray[np.int64] = numbers & _EVEN[0]
    for shift, mask in zip((1, 2, 4, 8, 16), _EVEN[1:]):
        found = (found | (found >> shift)) & mask
    return found


def _cells_of_rings(
    xyz: NDArray[np.float64], radius_rad: float, order: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The different cells of each position and of places on a circle round it."""
    rows = np.arange(len(xyz))
    axis = np.eye(3)[np.argmin(np.abs(xyz), axis=1)]
    one = np.cross(xyz, axis)
    one /= np.sqrt(np.einsum("ij,ij->i", one, one))[:, None]
    other = np.cross(xyz, one)
    away = min(_MARGIN * radius_rad + 1e-12, math.pi / 2.0)
    places = [xyz]
    for turn in np.linspace(0.0, 2.0 * math.pi, _ROUND, endpoint=False):
        direction = math.cos(turn) * one + math.sin(turn) * other
        places.append(math.cos(away) * xyz + math.sin(away) * direction)
    lon, lat = positions(np.concatenate(places))
    cells = (healpix29(lon, lat) >> (2 * (ORDER - order))).reshape(len(places), len(xyz))
    cells.sort(axis=0)
    different = np.ones(cells.shape, dtype=bool)
    different[1:] = cells[1:] != cells[:-1]
    return np.broadcast_to(rows, cells.shape)[different], cells[different]
