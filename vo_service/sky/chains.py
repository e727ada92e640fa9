"""Polygons by the million: corners in one array, with a cap for each polygon."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vo_service.sky.caps import SLACK
from vo_service.sky.vectors import Flags, Floats, cross, dot, unit_vectors

Places = NDArray[np.intp]

_WIDE: Final = np.cos(np.radians(80.0))  # larger polygons are rare: the careful way
_THIN: Final = 1e-15  # radians per radian of size: rounding of the corners in an area


@dataclass(frozen=True, slots=True, eq=False)
class Chains:
    """Polygons as closed chains of corners.

    ``corners`` are unit vectors, ``counts[i]`` of them for each chain, none like the one before. ``centre``
    and ``radius`` are caps. Where ``good`` is false (no polygon, hardly any inside, or wider than 80
    degrees) a polygon wants a careful look.
    """

    corners: Floats
    counts: Places
    centre: Floats
    radius: Floats
    good: Flags

    @property
    def starts(self) -> Places:
        """Where the corners of each chain begin."""
        starts: Places = np.cumsum(self.counts) - self.counts
        return starts

    def chosen(self, flags: Flags) -> Chains:
        """Those of the chains."""
        if flags.all():
            return self
        corners = self.corners[np.repeat(flags, self.counts)]
        return Chains(corners, self.counts[flags], self.centre[flags], self.radius[flags], self.good[flags])


def closed_chains(lon: Floats, lat: Floats, offsets: Places) -> Chains:
    """Chains of the corners (degrees) from ``offsets[i]`` to ``offsets[i + 1]``.

    Caps lie round the middle of each polygon's coordinate box.
    """
    counts = np.diff(offsets).astype(np.intp)
    if len(lat) == 0 or not counts.all():
        return _with_gaps(lon, lat, counts)
    corners = unit_vectors(lon, lat)
    starts = np.asarray(offsets[:-1], dtype=np.intp)
    middle = np.minimum.reduceat(corners, starts) + np.maximum.reduceat(corners, starts)
    length = np.sqrt(np.einsum("ij,ij->i", middle, middle))
    middle /= np.where(length > 0.0, length, 1.0)[:, None]
    step = corners - np.repeat(middle, counts, axis=0)
    chord = np.sqrt(np.maximum.reduceat(np.einsum("ij,ij->i", step, step), starts))
    radius = 2.0 * np.arcsin(np.minimum(1.0, 0.5 * chord)) + SLACK
    good = (length > 1e-3) & (np.cos(radius) > _WIDE) & ~_may_be_flat(corners, starts, middle, chord)
    good &= np.maximum.reduceat(np.abs(lat), starts) <= 90.0
    corners, counts = _without_repeats(corners, counts, starts)
    return Chains(corners, counts, middle, radius, good & (counts >= 3))


def _with_gaps(lon: Floats, lat: Floats, counts: Places) -> Chains:
    """The same where some polygons have no corners at all."""
    some = counts > 0
    centre, radius = np.full((len(counts), 3), np.nan), np.full(len(counts), np.nan)
    good = np.zeros(len(counts), dtype=bool)
    if not some.any():
        return Chains(np.empty((0, 3)), counts, centre, radius, good)
    chains = closed_chains(lon, lat, np.concatenate([[0], np.cumsum(counts[some])]))
    kept = np.zeros(len(counts), dtype=np.intp)
    kept[some], centre[some], radius[some], good[some] = (
        chains.counts,
        chains.centre,
        chains.radius,
        chains.good,
    )
    return Chains(chains.corners, kept, centre, radius, good)


def following(corners: Floats, counts: Places, starts: Places) -> Floats:
    """The next corner of each corner's chain."""
    after = np.empty_like(corners)
    after[:-1] = corners[1:]
    some = counts > 0
    after[(starts + counts - 1)[some]] = corners[starts[some]]
    return after


def _may_be_flat(corners: Floats, starts: Places, middle: Floats, chord: Floats) -> Flags:
    """Polygons with hardly any area for their size, as seen from their middle; those without an inside are
    among them."""
    counts = np.diff(np.append(starts, len(corners)))
    first = np.repeat(corners[starts], counts, axis=0)
    twice = np.add.reduceat(cross(corners - first, following(corners, counts, starts) - first), starts)
    area = 0.5 * np.abs(dot(twice, middle))
    flat: Flags = area <= np.maximum(_THIN * chord, 1e-9 * chord * chord)
    return flat


def _without_repeats(corners: Floats, counts: Places, starts: Places) -> tuple[Floats, Places]:
    """Corners that are not at the place of the next one; equal positions have equal vectors."""
    fresh = (corners != following(corners, counts, starts)).any(axis=1)
    if fresh.all():
        return corners, counts
    return corners[fresh], np.add.reduceat(fresh.astype(np.intp), starts)
