"""The sky of a picture for the axes of astropy: its pixels to ICRS and back, by the very plane that rows and
cut-outs go by.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy.coordinates import ICRS, SkyCoord
from astropy.wcs.wcsapi import BaseLowLevelWCS
from numpy.typing import ArrayLike, NDArray

from vo_service.pixels.outline import unit_vectors
from vo_service.pixels.quicklook.stand import Stand
from vo_service.pixels.sky_plane import SkyPlane

Doubles = NDArray[np.float64]


class DrawnSky(BaseLowLevelWCS):  # type: ignore[misc]  # astropy has no types
    """Two pixel axes of the picture, in pixels of the image, and right ascension and declination in degrees;
    NaN off the projection, never a warning."""

    def __init__(self, plane: SkyPlane, stand: Stand) -> None:
        self._plane = plane
        self._stand = stand

    @property
    def pixel_n_dim(self) -> int:
        return 2

    @property
    def world_n_dim(self) -> int:
        return 2

    @property
    def world_axis_physical_types(self) -> list[str]:
        return ["pos.eq.ra", "pos.eq.dec"]

    @property
    def world_axis_units(self) -> list[str]:
        return ["deg", "deg"]

    @property
    def world_axis_object_components(self) -> list[tuple[str, int, str]]:
        return [("celestial", 0, "spherical.lon.degree"), ("celestial", 1, "spherical.lat.degree")]

    @property
    def world_axis_object_classes(self) -> dict[str, tuple[Any, ...]]:
        return {"celestial": (SkyCoord, (), {"frame": ICRS(), "unit": "deg"})}

    def pixel_to_world_values(self, *pixels: ArrayLike) -> tuple[Doubles, Doubles]:
        """Picture to ICRS."""
        x, y = np.broadcast_arrays(*(np.asarray(each, dtype=np.float64) for each in pixels))
        image = self._stand.to_image(np.column_stack([x.ravel(), y.ravel()])) + 1.0
        with np.errstate(all="ignore"):
            found = self._plane.positions(image)
        return found[:, 0].reshape(x.shape), found[:, 1].reshape(x.shape)

    def world_to_pixel_values(self, *world: ArrayLike) -> tuple[Doubles, Doubles]:
        """ICRS to picture."""
        lon, lat = np.broadcast_arrays(*(np.asarray(each, dtype=np.float64) for each in world))
        with np.errstate(all="ignore"):
            vectors = unit_vectors(np.column_stack([lon.ravel(), lat.ravel()]))
            image = self._plane.pixels(vectors) - 1.0
        found = self._stand.to_picture(image)
        return found[:, 0].reshape(lon.shape), found[:, 1].reshape(lon.shape)
