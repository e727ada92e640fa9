"""Caps: the circle round a shape that a plan can test cheaply before the exact test.

A cap is never too small. Its radius carries a slack of some 1e-14 radians, far above the rounding of
positions and far below anything that would let more rows through.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from vo_service.sky.vectors import Floats, separations

SLACK: Final = 2e-14
_STEPS_TOWARDS_CENTRE = 12
_GOOD_ENOUGH = 1.04  # squared radius of a cap over the smallest possible at which no step is taken


@dataclass(frozen=True, slots=True)
class Cap:
    """All points within ``radius`` (radians, pi at most) of the unit vector ``x, y, z``."""

    x: float
    y: float
    z: float
    radius: float

    @property
    def centre(self) -> Floats:
        return np.array([self.x, self.y, self.z])

    def meets(self, other: Cap) -> bool:
        """Whether the two caps share a point (errs towards yes by the slack of both)."""
        apart = float(separations(self.centre[None, :], other.centre)[0])
        return apart <= self.radius + other.radius


WHOLE_SKY: Final = Cap(0.0, 0.0, 1.0, math.pi)


def make_cap(centre: Floats, radius: float) -> Cap:
    """A cap with the slack added."""
    return Cap(float(centre[0]), float(centre[1]), float(centre[2]), min(math.pi, radius + SLACK))


def cap_of_points(xyz: Floats) -> Cap:
    """A small cap round all rows of ``xyz``: within a few per cent of the smallest there is.

    Starts from the middle of the coordinate box and steps towards the farthest point ever more
    shortly, which converges to the centre of the smallest enclosing ball. Where the points reach round
    the sphere the answer may be the whole sky.
    """
    best = middle = middle_of_box(xyz)
    away = _squared_chords(xyz, middle)
    farthest = int(away.argmax())
    least = away[farthest]
    # no ball is smaller than half the way between two of the points
    smallest = 0.25 * float(_squared_chords(xyz, xyz[farthest]).max())
    steps = 0 if least <= _GOOD_ENOUGH * smallest else _STEPS_TOWARDS_CENTRE
    for step in range(steps):
        middle = middle + (xyz[farthest] - middle) / (step + 2.0)
        length = math.sqrt(float(middle @ middle))
        if length < 1e-12:
            break
        middle = middle / length
        away = _squared_chords(xyz, middle)
        farthest = int(away.argmax())
        if away[farthest] < least:
            best, least = middle, away[farthest]
    if least >= 2.0:
        return WHOLE_SKY
    return make_cap(best, float(separations(xyz, best).max()))


def middle_of_box(xyz: Floats) -> Floats:
    """The direction of the middle of the coordinate box round the rows of ``xyz``."""
    middle: Floats = 0.5 * (xyz.min(axis=0) + xyz.max(axis=0))
    length = math.sqrt(float(middle @ middle))
    return middle / length if length > 1e-12 else np.array([0.0, 0.0, 1.0])


def surely_narrow(xyz: Floats) -> bool:
    """Whether the cap of these points surely is less than a hemisphere."""
    return float(_squared_chords(xyz, middle_of_box(xyz)).max()) < 1.999


def _squared_chords(xyz: Floats, place: Floats) -> Floats:
    step = xyz - place
    squares: Floats = np.einsum("ij,ij->i", step, step)
    return squares


def cap_round_caps(caps: Sequence[Cap]) -> Cap:
    """A cap that holds all caps given."""
    if len(caps) == 1:
        return caps[0]
    if any(cap.radius >= math.pi / 2.0 for cap in caps):
        return WHOLE_SKY
    centres = np.array([[cap.x, cap.y, cap.z] for cap in caps])
    return cap_round_circles(centres, np.array([cap.radius for cap in caps]))


def cap_round_circles(centres: Floats, radii: Floats) -> Cap:
    """A cap that holds all circles of ``radii`` (radians) round the rows of ``centres``."""
    middle = cap_of_points(centres)
    reach = separations(centres, middle.centre) + radii
    return make_cap(middle.centre, float(reach.max()))
