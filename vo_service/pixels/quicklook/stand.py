"""How an image stands in its picture: north nearest up, east nearest left, as a map of the sky is read.

Pixels are swapped and mirrored for that, never turned by other than right angles, since nothing is resampled.
Up is the north of the header's own frame, so that a map in galactic coordinates keeps its plane level.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from vo_service.pixels.celestial import Celestial
from vo_service.pixels.decoding import Values
from vo_service.pixels.outline import unit_vectors
from vo_service.pixels.quicklook.words import Beam

Doubles = NDArray[np.float64]

_UPRIGHT = np.array([[-1.0, 0.0], [0.0, 1.0]])  # east to the left, north up
_CLEARLY = 1e-6


@dataclass(frozen=True, slots=True)
class Stand:
    """Axes are ``swapped`` first, then each of the picture is mirrored or not. ``columns`` and ``rows`` are
    those of the image, in pixels."""

    columns: int
    rows: int
    swapped: bool = False
    mirrored_across: bool = False
    mirrored_up: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """Pixels of the image across and up the picture."""
        return (self.rows, self.columns) if self.swapped else (self.columns, self.rows)

    def turn(self, values: Values) -> Values:
        """Values (rows, columns) of the image as rows, from the lowest, and columns of the picture."""
        turned = values.T if self.swapped else values
        return turned[:: -1 if self.mirrored_up else 1, :: -1 if self.mirrored_across else 1]

    def to_picture(self, pixels: Doubles) -> Doubles:
        """(n, 2) pixels of the image, the first at 0, as pixels across and up the picture, likewise."""
        turned = pixels[:, ::-1] if self.swapped else pixels
        return np.asarray(np.where(self._mirrors, np.array(self.size) - 1.0 - turned, turned))

    def to_image(self, places: Doubles) -> Doubles:
        """The way back."""
        turned = np.where(self._mirrors, np.array(self.size) - 1.0 - places, places)
        return np.asarray(turned[:, ::-1] if self.swapped else turned)

    def matrix(self) -> Doubles:
        """(2, 2): steps in the image to steps in the picture."""
        turned = np.eye(2)[::-1] if self.swapped else np.eye(2)
        return np.asarray(turned * np.where(self._mirrors, -1.0, 1.0)[:, None])

    @property
    def _mirrors(self) -> tuple[bool, bool]:
        return self.mirrored_across, self.mirrored_up


def stand_of(celestial: Celestial | None, columns: int, rows: int) -> Stand:
    """How an image stands; as it is stored where it has no sky, or none at its centre. A pole within a pixel
    of the centre leaves no up, but a left.
    """
    plain = Stand(columns, rows)
    if celestial is None:
        return plain
    steps = steps_on_sky(celestial, columns, rows)
    if steps is None or (lengths := np.linalg.norm(steps, axis=0)).min() == 0.0:
        return plain
    if _is_polar(celestial, columns, rows):
        return Stand(columns, rows, mirrored_across=bool(np.linalg.det(steps) > 0.0))
    steps = steps / lengths
    best, highest = plain, -np.inf
    for across, up, swapped in product((False, True), repeat=3):
        stand = Stand(columns, rows, swapped, across, up)
        agreement = float(np.sum(_UPRIGHT * (steps @ np.linalg.inv(stand.matrix()))))
        if agreement > highest + _CLEARLY:
            best, highest = stand, agreement
    return best


def _is_polar(celestial: Celestial, columns: int, rows: int) -> bool:
    middle = celestial.to_world(np.array([[(columns + 1.0) / 2.0, (rows + 1.0) / 2.0]]))
    return 90.0 - abs(float(middle[0, 1])) < celestial.pixel_scale()


def steps_on_sky(celestial: Celestial, columns: int, rows: int) -> Doubles | None:
    """(2, 2) degrees to the east (first row) and to the north for a step of a pixel along each axis of the
    image (columns) at its centre, in the header's own frame; None where the centre is off the projection.
    """
    middle = np.array([(columns + 1.0) / 2.0, (rows + 1.0) / 2.0])
    shifts = 0.25 * np.array([[0.0, 0.0], [1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    positions = celestial.to_world(middle + shifts)
    if not np.isfinite(positions).all():
        return None
    lon, lat = np.radians(positions[0])
    east = np.array([-np.sin(lon), np.cos(lon), 0.0])
    north = np.array([-np.sin(lat) * np.cos(lon), -np.sin(lat) * np.sin(lon), np.cos(lat)])
    vectors = unit_vectors(positions)
    steps = np.column_stack([vectors[1] - vectors[2], vectors[3] - vectors[4]]) / 0.5
    return np.asarray(np.degrees(np.array([east @ steps, north @ steps])))


def beam_outline(beam: Beam, celestial: Celestial, stand: Stand, points: int = 73) -> Doubles | None:
    """(points, 2): the ellipse of the beam about its centre, in pixels of the image across and up the
    picture; None where its angle is not known and matters, or the sky at the centre of the image is not.
    """
    steps = steps_on_sky(celestial, stand.columns, stand.rows)
    if steps is None or not abs(np.linalg.det(steps)) > 0.0:
        return None
    if beam.angle is None and beam.major != beam.minor:
        return None
    angle = np.radians(beam.angle or 0.0)
    turn = np.linspace(0.0, 2.0 * np.pi, points)
    along, beside = beam.major * np.cos(turn) / 7200.0, beam.minor * np.sin(turn) / 7200.0
    east = along * np.sin(angle) + beside * np.cos(angle)
    north = along * np.cos(angle) - beside * np.sin(angle)
    pixels = np.linalg.solve(steps, np.array([east, north]))
    return np.asarray((stand.matrix() @ pixels).T)
