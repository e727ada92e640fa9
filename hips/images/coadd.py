"""One tile of many fields: where several have data, the sharpest count, each by its weight."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hips.images.engine import Part
from hips.images.field import Values
from hips.tiles.parents import blank_tile

RATIO = 1.5
"""Fields count in a pixel whose resolution is within this of the finest that has data there."""
_ROUNDING = 1e-9

Doubles = NDArray[np.float64]
Flags = NDArray[np.bool_]


class Coadd:
    """Takes the parts of a tile, in the order of their resolution, the finest first.

    A pixel is the sum of weight times value over the sum of weights, of those fields that count there: whose
    value is a number, whose weight is above 0, and whose resolution is within `RATIO` of the finest of such.
    The same parts in the same order give the same bits.
    """

    def __init__(self) -> None:
        self.members: list[int] = []
        """Numbers of the fields of which some pixel counts."""
        self._alone: tuple[Values, Flags, Doubles | float, float] | None = None
        self._total: Doubles | None = None
        self._weights: Doubles
        self._finest: Doubles

    def wants(self, resolution: float) -> bool:
        """Whether a field of this resolution could count in any pixel."""
        if self._total is None:
            if self._alone is None or not self._alone[1].all():
                return True
            return resolution <= RATIO * self._alone[3] * (1.0 + _ROUNDING)
        return bool((resolution <= self._limits()).any())

    def add(self, number: int, resolution: float, weight: float, part: Part) -> None:
        """A field's part; ``weight`` is what its pixels count where the part has no weights of its own."""
        counted = np.isfinite(part.values)
        weights: Doubles | float = weight
        if part.weights is not None:
            with np.errstate(invalid="ignore"):
                counted &= (part.weights > 0.0) & np.isfinite(part.weights)
            weights = part.weights.astype(np.float64)
        if self._total is None and self._alone is None:
            if counted.any():
                self._alone = part.values, counted, weights, resolution
                self.members.append(number)
            return
        if self._total is None:
            self._spread()
        counted &= resolution <= self._limits()
        if counted.any():
            self.members.append(number)
            self._count(part.values, counted, weights, resolution)

    def _spread(self) -> None:
        """From the one field that was there to sums."""
        assert self._alone is not None
        values, counted, weights, resolution = self._alone
        self._total = np.zeros(values.shape)
        self._weights = np.zeros(values.shape)
        self._finest = np.full(values.shape, np.inf)
        self._count(values, counted, weights, resolution)

    def _limits(self) -> Doubles:
        return self._finest * (RATIO * (1.0 + _ROUNDING))

    def _count(self, values: Values, counted: Flags, weights: Doubles | float, resolution: float) -> None:
        assert self._total is not None
        held = weights[counted] if isinstance(weights, np.ndarray) else weights
        self._total[counted] += held * values[counted].astype(np.float64)
        self._weights[counted] += held
        self._finest[counted & np.isinf(self._finest)] = resolution

    def values(self) -> Values | None:
        """The tile; None if no field has data on it."""
        tile = blank_tile()
        if self._total is not None:
            counted = self._weights > 0.0
            tile[counted] = self._total[counted] / self._weights[counted]
        elif self._alone is not None:
            values, counted, _, _ = self._alone
            tile[counted] = values[counted]
        else:
            return None
        return tile
