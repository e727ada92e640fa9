"""Peak, noise and valid pixels of every plane of an image, gathered block by block."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray

from vo_service.pixels.blocks import PlanePart, Shape
from vo_service.pixels.noise import Grid
from vo_service.pixels.plane_noise import PlaneSample


@dataclass(frozen=True, slots=True)
class Peak:
    """The brightest pixel: ``plane`` counts from 0, ``x`` and ``y`` are FITS pixels (the first is 1)."""

    value: float
    plane: int
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class PlaneSpectrum:
    """One entry per plane: ``peak`` (image unit, NaN without valid pixels) at the FITS pixel ``x``, ``y`` (0
    without valid pixels; the first in stored order where several are equal), ``rms`` off sources (image unit,
    NaN where not known) and ``valid``, the number of finite pixels.
    """

    peak: NDArray[np.float64]
    x: NDArray[np.int64]
    y: NDArray[np.int64]
    rms: NDArray[np.float64]
    valid: NDArray[np.int64]

    @property
    def image_peak(self) -> Peak | None:
        """The brightest pixel of all planes, None without valid pixels; ``plane`` counts in these entries."""
        if np.isnan(self.peak).all():
            return None
        plane = int(np.nanargmax(self.peak))
        return Peak(float(self.peak[plane]), plane, int(self.x[plane]), int(self.y[plane]))

    @property
    def image_rms(self) -> float:
        """The median of the planes' noise: that of the continuum where there is one plane. NaN where none is
        known.
        """
        known = self.rms[np.isfinite(self.rms)]
        return float(np.median(known)) if len(known) else nan

    @property
    def dynamic_range(self) -> float:
        """Peak of the image over its noise; NaN where either is not known, or the peak is not positive."""
        peak, rms = self.image_peak, self.image_rms
        return peak.value / rms if peak is not None and peak.value > 0.0 and rms > 0.0 else nan

    def of_planes(self, planes: NDArray[np.int64]) -> PlaneSpectrum:
        """The entries of some planes (their numbers, from 0), in that order."""
        return PlaneSpectrum(
            self.peak[planes], self.x[planes], self.y[planes], self.rms[planes], self.valid[planes]
        )


class SpectrumBuilder:
    """Takes the parts of an image's planes in stored order, then gives its PlaneSpectrum; of planes that are
    not ``wanted`` (all are by default) only the valid pixels are counted. Memory: the spectrum and a sample
    of one plane.
    """

    def __init__(self, shape: Shape, wanted: NDArray[np.bool_] | None = None) -> None:
        self._shape = shape
        self._wanted = np.ones(shape.planes, np.bool_) if wanted is None else wanted
        self._peak = np.full(shape.planes, nan)
        self._x = np.zeros(shape.planes, np.int64)
        self._y = np.zeros(shape.planes, np.int64)
        self._rms = np.full(shape.planes, nan)
        self._valid = np.zeros(shape.planes, np.int64)
        self._sample = PlaneSample(Grid.for_planes(shape.columns, shape.rows, shape.planes))

    def add(self, part: PlanePart) -> None:
        """Takes the next part."""
        plane = part.plane
        if self._wanted[plane]:
            self._sample.add(part.row, part.values, part.finite)
        if len(part.known) and self._wanted[plane]:
            place = int(part.known.argmax())
            peak = float(part.known[place])
            if not self._valid[plane] or peak > self._peak[plane]:
                column, row = part.position(place)
                self._peak[plane], self._x[plane], self._y[plane] = peak, column + 1, row + 1
        self._valid[plane] += len(part.known)
        if self._wanted[plane] and part.row + len(part.values) == self._shape.rows:
            self._rms[plane] = self._sample.finish()

    def finish(self) -> PlaneSpectrum:
        """The spectrum of all planes; call after the last part."""
        return PlaneSpectrum(self._peak, self._x, self._y, self._rms, self._valid)
