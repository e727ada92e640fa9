"""What image trees are made of: fields, each a plane of the sky with values, whoever keeps them however."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vo_service.pixels.sky_plane import SkyPlane

Values = NDArray[np.float32]
Span = tuple[int, int]
"""Pixels from the first to behind the last, counted from 0."""


class Plane(Protocol):
    """A field that is open."""

    @property
    def size(self) -> tuple[int, int]:
        """Pixels along the first and the second axis of the sky, in FITS order."""
        ...

    @property
    def sky(self) -> SkyPlane:
        """Where its pixels lie; there is a way back from ICRS to pixels."""
        ...

    def values(self, x: Span, y: Span) -> Values:
        """A part ``(rows, columns)``, in the unit of the field; NaN where there are no data. Raises OSError
        and FitsError."""
        ...

    def weights(self, x: Span, y: Span) -> Values | None:
        """What the same pixels count where fields overlap, NaN or 0 where nothing; None where all count the
        field's ``weight``. Raises as `values`."""
        ...


class Field(Protocol):
    """An image that is a part of a tree. It can be sent to another process (pickled)."""

    @property
    def name(self) -> str:
        """Of the data set that it shows (dataset_id); a member of the tree is known by it."""
        ...

    @property
    def state(self) -> str:
        """A digest of all that its pixels in the tree depend on: another state, other tiles."""
        ...

    @property
    def pixel_scale(self) -> float:
        """Side of a pixel in degrees: the depth of its tiles follows from it (HIPS-006)."""
        ...

    @property
    def resolution(self) -> float:
        """Degrees that the beam is wide (geometric mean of its axes); of images without a beam, a pixel."""
        ...

    @property
    def weight(self) -> float:
        """What all its pixels count where the plane gives no weights of its own, above 0."""
        ...

    def open(self) -> AbstractContextManager[Plane]:
        """Its pixels. Raises OSError and FitsError."""
        ...
