"""The WCS of a field in words that hipsgen reads rightly: a zenithal projection in ICRS.

Aladin 12.001 places TAN, SIN, STG, ARC and ZEA to 1e-6 of a pixel, at the poles and at RA 0 too; CAR it
misplaces, SFL it does not know, and of frames it takes FK5 for ICRS. Any frame is ICRS turned, and a zenithal
projection that is turned is one again, so most fields are written exactly; others, if they are small, to
within what is tolerated.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_service.pixels.sky_plane import SkyPlane

TOLERANCE = 0.01
"""Pixels that any place of a field may be written off its own."""
_STEPS = 33
_LEAST_PLACES = 3
_NEAR_POLE = 90.0 - 1e-9
"""At a pole itself, what is up in the plane depends on a card (LONPOLE) that not everybody reads."""

Doubles = NDArray[np.float64]

_RADII: dict[str, Callable[[Doubles], Doubles]] = {
    "SIN": lambda away: np.where(away <= 0.5 * math.pi, np.sin(away), np.nan),
    "TAN": lambda away: np.where(away < 0.5 * math.pi, np.tan(away), np.nan),
    "STG": lambda away: 2.0 * np.tan(0.5 * away),
    "ARC": lambda away: away,
    "ZEA": lambda away: 2.0 * np.sin(0.5 * away),
}
"""Distance from the reference in the plane, of the distance on the sky; both in radians."""


@dataclass(frozen=True, slots=True)
class Zenithal:
    """``reference``: ICRS degrees; ``pixel``: the same place in FITS pixels; ``matrix``: CD, degrees."""

    projection: str
    reference: tuple[float, float]
    pixel: tuple[float, float]
    matrix: tuple[tuple[float, float], tuple[float, float]]

    def cards(self, first: tuple[int, int] = (0, 0)) -> dict[str, str | float]:
        """Cards for the part of the image that begins with pixel ``first`` (x, y), counted from 0."""
        return {
            "CTYPE1": f"RA---{self.projection}",
            "CTYPE2": f"DEC--{self.projection}",
            "CRVAL1": self.reference[0],
            "CRVAL2": self.reference[1],
            "CRPIX1": self.pixel[0] - first[0],
            "CRPIX2": self.pixel[1] - first[1],
            "CD1_1": self.matrix[0][0],
            "CD1_2": self.matrix[0][1],
            "CD2_1": self.matrix[1][0],
            "CD2_2": self.matrix[1][1],
            "RADESYS": "ICRS",
        }


def zenithal(sky: SkyPlane, size: tuple[int, int]) -> Zenithal | None:
    """The projection that has every place of an image of ``size`` (x, y) pixels where the image has it,
    within `TOLERANCE`; None where there is none."""
    pixels = _spread_pixels(size)
    places = sky.vectors(pixels)
    seen = np.isfinite(places[:, 0])
    if np.count_nonzero(seen) < _LEAST_PLACES:
        return None
    for projection, near in _candidates(sky, size):
        found = _fitted(projection, near, sky, pixels[seen], places[seen])
        if found is not None:
            return found
    return None


def _spread_pixels(size: tuple[int, int]) -> Doubles:
    """Places all over the image, its outer corners among them; three that span it where it is one pixel."""
    x, y = (np.linspace(0.5, length + 0.5, _STEPS) for length in size)
    columns, rows = np.meshgrid(x, y)
    return np.column_stack([columns.ravel(), rows.ravel()])


def _candidates(sky: SkyPlane, size: tuple[int, int]) -> Iterator[tuple[str, Doubles]]:
    """Projections with the pixel to take as reference: the image's own first, then any round its middle."""
    own, axes = sky.celestial.projection, (sky.celestial.longitude, sky.celestial.latitude)
    if own in _RADII:
        first, second = sorted(axes, key=lambda axis: axis.number)
        yield own, np.array([first.crpix, second.crpix])
    for projection in _RADII:
        yield projection, np.array([(size[0] + 1) / 2.0, (size[1] + 1) / 2.0])


def _fitted(
    projection: str, near: Doubles, sky: SkyPlane, pixels: Doubles, places: Doubles
) -> Zenithal | None:
    [reference] = sky.positions(near[None, :])
    if not np.isfinite(reference).all():
        return None
    reference[1] = min(max(reference[1], -_NEAR_POLE), _NEAR_POLE)
    flat = _flat(projection, reference, places)
    if not np.isfinite(flat).all():
        return None
    steps = np.column_stack([pixels - near, np.ones(len(pixels))])
    solved, *_ = np.linalg.lstsq(steps, flat, rcond=None)
    matrix, offset = solved[:2].T, solved[2]
    if not np.isfinite(solved).all() or np.linalg.det(matrix) == 0.0:
        return None
    away = np.linalg.solve(matrix, (flat - steps @ solved).T)
    if np.abs(away).max() > TOLERANCE:
        return None
    pixel = near - np.linalg.solve(matrix, offset)
    (a, b), (c, d) = matrix.tolist()
    ra, dec = reference.tolist()
    x, y = pixel.tolist()
    return Zenithal(projection, (ra, dec), (x, y), ((a, b), (c, d)))


def _flat(projection: str, reference: Doubles, places: Doubles) -> Doubles:
    """Unit vectors (n, 3) -> intermediate world coordinates (n, 2) in degrees, NaN off the projection."""
    ra, dec = np.radians(reference)
    east = np.array([-np.sin(ra), np.cos(ra), 0.0])
    north = np.array([-np.sin(dec) * np.cos(ra), -np.sin(dec) * np.sin(ra), np.cos(dec)])
    across, up = places @ east, places @ north
    aside = np.hypot(across, up)
    towards = places @ np.cross(east, north)
    radius = _RADII[projection](np.arctan2(aside, towards))
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = np.where(aside > 0.0, radius / aside, 1.0)
    return np.asarray(np.degrees(np.column_stack([across * scale, up * scale])))
