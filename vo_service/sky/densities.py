"""Densities on the sky that are the same all over each of their cells: coverage maps (1 in the map, 0
elsewhere) and maps of probability.

A density is kept as pieces of the order-29 NESTED index, so that what lies in any cell, large or small, is
the difference of two sums.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vo_service.sky.cell_ranges import CELLS, ORDER, Numbers
from vo_service.sky.circles import SKY_DEG2
from vo_service.sky.errors import RegionError
from vo_service.sky.mocs import Moc
from vo_service.sky.vectors import Flags, Floats

CELL_SR: Final = 4.0 * math.pi / CELLS
"""Steradians of a cell of order 29."""

Weights = NDArray[Any]
"""Whole numbers or doubles."""

_CELL_DEG2: Final = SKY_DEG2 / CELLS


@dataclass(frozen=True, slots=True, eq=False)
class Density:
    """Pieces of the index from ``bounds[i]`` to ``bounds[i + 1]``, which are the whole sky together.

    ``weights[i]`` is what each cell of order 29 of a piece holds, in units of ``unit``: square degrees of a
    coverage map, probability of a map of that. Whole numbers stay exact, however many pieces there are.
    """

    bounds: Numbers
    weights: Weights
    unit: float
    _sums: Weights

    @staticmethod
    def of_moc(moc: Moc) -> Density:
        """1 in the map, 0 elsewhere: integrals are areas in square degrees."""
        pairs = moc.pairs
        return _of_ranges(pairs, np.ones(len(pairs), dtype=np.int64), _CELL_DEG2)

    @staticmethod
    def of_cells(ranges: Numbers, per_sr: Floats) -> Density:
        """``per_sr[i]`` per steradian in the cells from ``ranges[i, 0]`` to before ``ranges[i, 1]``, 0
        elsewhere: integrals are sums of what there is.

        Raises RegionError for ranges that overlap, and for densities that are negative or no numbers.
        """
        _check_densities(per_sr)
        order = np.argsort(ranges[:, 0], kind="stable")
        ranges, per_sr = ranges[order], per_sr[order]
        if (ranges[1:, 0] < ranges[:-1, 1]).any():
            raise RegionError("", -1, "cells that do not overlap")
        return _of_ranges(ranges, per_sr * CELL_SR, 1.0)

    @staticmethod
    def of_pixels(per_sr: Floats, check: Callable[[], None] = lambda: None) -> Density:
        """``per_sr[i]`` per steradian in pixel ``i`` (NESTED) of one order, for all of them. ``check`` is
        called now and then, and ends the work by raising.

        Raises RegionError as `of_cells`.
        """
        # maps of ten million pixels come here: as few copies as can be
        check()
        _check_densities(per_sr)
        order = ((len(per_sr) // 12).bit_length() - 1) // 2
        begins = np.flatnonzero(np.concatenate([[True], per_sr[1:] != per_sr[:-1]]))
        weights = per_sr[begins]
        weights *= CELL_SR
        bounds = np.append(begins, len(per_sr))
        del begins
        bounds <<= 2 * (ORDER - order)
        check()
        return Density(bounds, weights, 1.0, _summed(bounds, weights))

    @property
    def total(self) -> float:
        """What there is on the whole sky."""
        return float(self._sums[-1]) * self.unit

    def amounts(self, starts: Numbers, stops: Numbers) -> Floats:
        """What the cells of order 29 from ``starts[i]`` to before ``stops[i]`` hold."""
        first, last = self._piece(starts), self._piece(stops - 1)
        head = (self.bounds[first + 1] - starts) * self.weights[first]
        tail = (stops - self.bounds[last]) * self.weights[last]
        whole = self._sums[last] - self._sums[first + 1]
        within = (stops - starts) * self.weights[first]
        amounts: Floats = np.where(first == last, within, head + whole + tail) * self.unit
        return amounts

    def even(self, starts: Numbers, stops: Numbers) -> tuple[Flags, Floats]:
        """Which ranges have one density, and what there is per steradian at their beginnings."""
        first = self._piece(starts)
        even: Flags = stops <= self.bounds[first + 1]
        level: Floats = self.weights[first] * (self.unit / CELL_SR)
        return even, level

    @property
    def highest(self) -> float:
        """The largest amount per steradian."""
        return float(self.weights.max()) * (self.unit / CELL_SR)

    def _piece(self, cells: Numbers) -> NDArray[np.intp]:
        return np.searchsorted(self.bounds, cells, side="right") - 1


def _check_densities(per_sr: Floats) -> None:
    """Raises RegionError."""
    if not (np.isfinite(per_sr) & (per_sr >= 0.0)).all():
        raise RegionError("", -1, "densities of 0 or more")


def _summed(bounds: Numbers, weights: Weights) -> Weights:
    """What lies before each of the bounds."""
    sums: Weights = np.zeros(len(bounds), dtype=weights.dtype)
    np.multiply(weights, np.diff(bounds), out=sums[1:])
    return np.cumsum(sums, out=sums)


def _of_ranges(ranges: Numbers, given: Weights, unit: float) -> Density:
    """Sorted ranges that do not overlap, with nothing between them."""
    ends = np.concatenate([[0], ranges.ravel(), [CELLS]])
    filled = np.zeros(2 * len(ranges) + 1, dtype=given.dtype)
    filled[1::2] = given
    some = ends[1:] > ends[:-1]
    changes = some.copy()
    changes[some] = np.concatenate([[True], np.diff(filled[some]) != 0])
    bounds = np.append(ends[:-1][changes], CELLS)
    weights: Weights = filled[changes]
    return Density(bounds, weights, unit, _summed(bounds, weights))


def credible_region(
    density: Density, level: float, check: Callable[[], None] = lambda: None
) -> tuple[Moc, float]:
    """The smallest region that holds at least the share ``level`` (above 0, to 1) of all that there is, and
    what it holds. ``check`` is called now and then, and ends the work by raising.

    Cells are taken from the densest on, all of a density at a time where the last of them is reached.
    """
    weights = density.weights
    if not density.highest > 0.0:
        return Moc([]), 0.0
    check()
    held = weights * np.diff(density.bounds)
    order = np.argsort(weights)[::-1]
    check()
    sums = held[order]
    np.cumsum(sums, out=sums)
    # rounding must not ask for more than there is
    wanted = min(level * float(sums[-1]), float(sums[-1])) * (1.0 - 1e-12)
    count = int(np.searchsorted(sums, wanted, side="left")) + 1
    last = weights[order[min(count, len(order)) - 1]]
    del order, sums
    check()
    chosen = (weights >= last) & (weights > 0)
    ends = np.flatnonzero(np.diff(chosen, prepend=False, append=False))
    return Moc(density.bounds[ends].reshape(-1, 2)), float(held[chosen].sum()) * density.unit
