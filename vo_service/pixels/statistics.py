"""What tells the kind of an image by its values alone, gathered over all planes."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite, sqrt

import numpy as np

from vo_service.pixels.blocks import PlanePart, Shape
from vo_service.pixels.decoding import Values
from vo_service.pixels.noise import Grid

MAXIMUM_DISTINCT = 16
_CHUNK = 1 << 17


@dataclass(frozen=True, slots=True)
class PixelStatistics:
    """What tells a role by pixels alone, over all valid pixels.

    ``zero_fraction`` and ``one_fraction`` count values that are exactly 0 and 1, ``negative_fraction`` those
    below 0. ``integral``: all values are
    whole numbers. ``distinct`` counts different values up to 16, None for more. ``centre`` is the value at
    the middle pixel of the first plane with one there, ``peak_offset`` the distance of the peak from it in
    pixels. ``roughness`` is the standard deviation of neighbour differences along rows over that of the
    values (small for a primary beam, 1.4 for uncorrelated noise), None where all values are equal.
    """

    minimum: float
    maximum: float
    mean: float
    deviation: float
    zero_fraction: float
    one_fraction: float
    integral: bool
    distinct: int | None
    centre: float | None
    peak_offset: float | None
    roughness: float | None
    negative_fraction: float | None = None


class StatisticsBuilder:
    """Takes the parts of an image's planes in stored order, then gives its PixelStatistics.

    Sums run in doubles about the first value. Roughness is taken on evenly spaced rows.
    """

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._row_step = Grid.for_planes(shape.columns, shape.rows, shape.planes).row_step
        self._count = self._zeros = self._ones = self._negatives = 0
        self._minimum, self._maximum = np.inf, -np.inf
        self._pivot: float | None = None
        self._sum = self._squares = 0.0
        self._integral = True
        self._distinct: set[float] | None = set()
        self._centre: float | None = None
        self._pairs = 0
        self._steps = self._step_squares = 0.0

    def add(self, part: PlanePart) -> None:
        """Takes the next part."""
        for start in range(0, len(part.known), _CHUNK):
            self._add_values(part.known[start : start + _CHUNK])
        if self._centre is None:
            self._centre = _value_at(part, self._shape.columns // 2, self._shape.rows // 2)
        self._add_steps(part.values[-part.row % self._row_step :: self._row_step])

    def finish(self, peak: tuple[int, int] | None) -> PixelStatistics | None:
        """The statistics, None without valid pixels; ``peak`` is the FITS pixel (x, y) of the brightest."""
        if not self._count:
            return None
        shift = self._sum / self._count
        deviation = _deviation(self._count, self._sum, self._squares)
        steps = _deviation(self._pairs, self._steps, self._step_squares)
        roughness = steps / deviation if self._pairs and 0.0 < deviation < inf else None
        middle = self._shape.columns // 2 + 1, self._shape.rows // 2 + 1
        return PixelStatistics(
            minimum=self._minimum,
            maximum=self._maximum,
            mean=(self._pivot or 0.0) + shift,
            deviation=deviation,
            zero_fraction=self._zeros / self._count,
            one_fraction=self._ones / self._count,
            integral=self._integral,
            distinct=None if self._distinct is None else len(self._distinct),
            centre=self._centre,
            peak_offset=None if peak is None else float(np.hypot(peak[0] - middle[0], peak[1] - middle[1])),
            roughness=roughness,
            negative_fraction=self._negatives / self._count,
        )

    def _add_values(self, known: Values) -> None:
        if self._pivot is None:
            self._pivot = float(known[0])
        wide = known.astype(np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            wide -= self._pivot
            self._sum += float(wide.sum())
            self._squares += float(np.square(wide, out=wide).sum())
        self._count += len(known)
        self._minimum = min(self._minimum, float(known.min()))
        self._maximum = max(self._maximum, float(known.max()))
        zeros, ones = int(np.count_nonzero(known == 0)), int(np.count_nonzero(known == 1))
        self._zeros += zeros
        self._ones += ones
        self._negatives += int(np.count_nonzero(known < 0))
        if self._integral and zeros + ones < len(known):
            self._integral = bool((np.rint(known) == known).all())
        if self._distinct is not None:
            self._distinct = _widen(self._distinct, known)

    def _add_steps(self, rows: Values) -> None:
        with np.errstate(invalid="ignore", over="ignore"):
            steps = np.diff(rows, axis=1).ravel()
        steps = steps[np.isfinite(steps)].astype(np.float64)
        self._pairs += len(steps)
        self._steps += float(steps.sum())
        with np.errstate(over="ignore"):
            self._step_squares += float(np.square(steps, out=steps).sum())


def _deviation(count: int, total: float, squares: float) -> float:
    """Infinite where the squares are beyond what a double holds."""
    if not isfinite(squares):
        return inf
    mean = total / max(1, count)
    return sqrt(max(0.0, squares / max(1, count) - mean * mean))


def _widen(seen: set[float], known: Values) -> set[float] | None:
    """``seen`` with the values of ``known``; None where there are too many."""
    fresh = known
    while True:
        for value in seen if fresh is known else ():
            fresh = fresh[fresh != value]
        if not len(fresh):
            return seen
        if len(seen) == MAXIMUM_DISTINCT:
            return None
        value = float(fresh[0])
        seen = seen | {value}
        fresh = fresh[fresh != value]


def _value_at(part: PlanePart, column: int, row: int) -> float | None:
    inside = part.row <= row < part.row + len(part.values)
    if not inside or not part.finite[row - part.row, column]:
        return None
    return float(part.values[row - part.row, column])
