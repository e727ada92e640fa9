"""The celestial pair of axes alone: pixel to sky and back by wcslib, free of what other axes may get
wrong.
"""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
from astropy import wcs
from numpy.typing import NDArray

from vo_service.pixels.axes import MATRIX, Axes, Axis
from vo_service.pixels.fits_header import Keywords

_UNITS = {
    "": "deg",
    "DEG": "deg",
    "DEGREE": "deg",
    "DEGREES": "deg",
    "RAD": "rad",
    "ARCSEC": "arcsec",
    "ARCMIN": "arcmin",
}
_TO_DEGREES = {"deg": 1.0, "rad": 180.0 / math.pi, "arcsec": 1.0 / 3600.0, "arcmin": 1.0 / 60.0}
LARGEST_LONGITUDE = 720.0
"""Degrees either way: maps across the origin count on beyond a turn, nothing counts on beyond two."""
LARGEST_POLE = 1000.0
"""Degrees: 999 is how wcslib writes that a pole has no place of its own."""
_PROJECTION = re.compile(r"-([A-Z]{3})$")
_AIPS_PROJECTIONS = {"GLS": "SFL", "NCP": "SIN"}
_PARAMETER = re.compile(r"PV(\d+)_(\d+)$")


class CelestialError(Exception):
    """A celestial WCS that cannot be used: ``keyword`` and ``value`` say where."""

    def __init__(self, message: str, keyword: str, value: object) -> None:
        super().__init__(message)
        self.message = message
        self.keyword = keyword
        self.value = value


class Celestial:
    """World coordinates of the two celestial axes, in degrees of the frame the header names.

    ``system``: ``equatorial galactic ecliptic``. Pixels count from 1 at the centre of the first one.
    Raises CelestialError for cards of the pair that are missing, unreadable or contradict each other, for
    increments of zero, singular matrices and projections that wcslib refuses.
    """

    def __init__(self, keys: Keywords, axes: Axes) -> None:
        pair = axes.celestial
        if pair is None:
            raise CelestialError("the image has no pair of celestial axes", "CTYPE", None)
        self.longitude, self.latitude = pair
        self._order = sorted(pair, key=lambda axis: axis.number)
        self.system = {"R": "equatorial", "G": "galactic", "E": "ecliptic"}[self.longitude.ctype[0]]
        _check_numbers(keys, self._order)
        self._wcs = _make_wcs(keys, self._order, self.latitude)

    @property
    def size(self) -> tuple[int, int]:
        """Pixels along the first and the second celestial axis, in FITS order."""
        return self._order[0].length, self._order[1].length

    @property
    def projection(self) -> str:
        """The three letters of the projection as it is read; empty where the axes name none."""
        code = _PROJECTION.search(self.longitude.ctype)
        return "" if code is None else _AIPS_PROJECTIONS.get(code[1], code[1])

    def to_world(self, pixels: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, 2) pixel coordinates -> (n, 2) longitude and latitude in degrees; NaN off the projection."""
        if not len(pixels):
            return np.empty((0, 2))  # of which wcslib makes an error
        world = self._wcs.p2s(np.ascontiguousarray(pixels, dtype=np.float64), 1)["world"]
        lon, lat = world[:, self._wcs.lng], world[:, self._wcs.lat]
        return np.column_stack([np.mod(lon, 360.0), lat])

    def to_pixels(self, sky: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, 2) longitude and latitude in degrees -> (n, 2) pixel coordinates; NaN off the projection."""
        if not len(sky):
            return np.empty((0, 2))
        world = np.empty((len(sky), 2))
        world[:, self._wcs.lng], world[:, self._wcs.lat] = sky[:, 0], sky[:, 1]
        pixels: NDArray[np.float64] = self._wcs.s2p(world, 1)["pixcrd"]
        return pixels

    def pixel_scale(self) -> float:
        """Side of a square of a pixel's area at the reference point, in degrees."""
        return math.sqrt(abs(float(np.linalg.det(self._steps()))))

    def finest_side(self) -> float:
        """The shorter side of a pixel at the reference point, in degrees."""
        return float(np.linalg.norm(self._steps(), axis=0).min())

    def _steps(self) -> NDArray[np.float64]:
        """Degrees along each world axis (rows) for a pixel along each of the image (columns)."""
        steps: NDArray[np.float64] = np.diag(self._wcs.get_cdelt()) @ self._wcs.get_pc()
        return steps


def _check_numbers(keys: Keywords, pair: list[Axis]) -> None:
    for axis in pair:
        if axis.fault is not None:
            raise CelestialError(axis.fault.message, axis.fault.keyword, axis.fault.written)
        if axis.cdelt == 0.0 and not _has_matrix(keys, "CD"):
            raise CelestialError(
                f"CDELT{axis.number} is zero: pixels of no size have no place on the sky",
                f"CDELT{axis.number}",
                0.0,
            )
        limit = 90.0 if axis.kind == "latitude" else LARGEST_LONGITUDE
        if abs(axis.crval * _scale(axis)) > limit:
            raise CelestialError(
                f"CRVAL{axis.number} = {axis.crval} is no {axis.kind} (-{limit:g} to {limit:g} degrees)",
                f"CRVAL{axis.number}",
                axis.crval,
            )


def _number(keys: Keywords, key: str) -> float | None:
    """The number of a card that need not be there. Raises CelestialError where it is there and gives none."""
    fault = keys.number_fault(key)
    if fault is not None:
        raise CelestialError(fault.message, fault.keyword, fault.written)
    return keys.number(key)


def _scale(axis: Axis) -> float:
    return _TO_DEGREES[_unit(axis)]


def _unit(axis: Axis) -> str:
    unit = _UNITS.get(axis.cunit.upper())
    if unit is None:
        raise CelestialError(
            f"CUNIT{axis.number} = {axis.cunit!r} is no angle", f"CUNIT{axis.number}", axis.cunit
        )
    return unit


def _make_wcs(keys: Keywords, pair: list[Axis], latitude: Axis) -> Any:
    """A two-dimensional wcslib struct of the celestial pair; AIPS projections are translated by wcslib's
    celfix.
    """
    result = wcs.Wcsprm(naxis=2)
    result.ctype = [axis.ctype for axis in pair]
    result.cunit = ["deg", "deg"]
    result.crpix = [axis.crpix for axis in pair]
    result.crval = [axis.crval * _scale(axis) for axis in pair]
    _set_matrix(result, keys, pair, latitude)
    number_of = {axis.number: place + 1 for place, axis in enumerate(pair)}
    parameters = []
    for key in keys.stated():
        match = _PARAMETER.match(key)
        if match is None or int(match.group(1)) not in number_of:
            continue
        value = _number(keys, key)
        if value is not None:
            parameters.append((number_of[int(match.group(1))], int(match.group(2)), value))
    result.set_pv(parameters)
    for key, name in (("LONPOLE", "lonpole"), ("LATPOLE", "latpole")):
        value = _number(keys, key)
        if value is not None and abs(value) > LARGEST_POLE:
            raise CelestialError(f"{key} = {value:g} is no angle in degrees", key, keys.written(key))
        if value is not None:
            setattr(result, name, value)
    try:
        result.fix()
        result.set()
    except (wcs.WcsError, ValueError) as error:
        reason = str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
        raise CelestialError(
            f"wcslib refuses {pair[0].ctype}, {pair[1].ctype}: {reason}",
            f"CTYPE{pair[0].number}",
            pair[0].ctype,
        ) from error
    return result


def _set_matrix(result: Any, keys: Keywords, pair: list[Axis], latitude: Axis) -> None:
    place = {axis.number: index for index, axis in enumerate(pair)}
    matrices: dict[str, dict[tuple[int, int], float]] = {"PC": {}, "CD": {}}
    for key in keys.stated():
        match = MATRIX.match(key)
        if match is None:
            continue
        row, column = int(match.group(2) or match.group(4)), int(match.group(3) or match.group(5))
        if row in place and column in place and (value := _number(keys, key)) is not None:
            matrices[match.group(1)][place[row], place[column]] = value
    if matrices["CD"]:
        cd = np.zeros((2, 2))
        for (row, column), value in matrices["CD"].items():
            cd[row, column] = value * _scale(pair[row])
        if np.linalg.det(cd) == 0.0:
            raise CelestialError("the matrix CDi_j is singular", "CD1_1", float(cd[0, 0]))
        result.cd = cd
        return
    result.cdelt = [axis.cdelt * _scale(axis) for axis in pair]
    if matrices["PC"]:
        pc = np.eye(2)
        for (row, column), value in matrices["PC"].items():
            pc[row, column] = value
        if np.linalg.det(pc) == 0.0:
            raise CelestialError("the matrix PCi_j is singular", "PC1_1", float(pc[0, 0]))
        result.pc = pc
        return
    turn = _number(keys, f"CROTA{latitude.number}")
    if turn:
        result.crota = [turn if axis is latitude else 0.0 for axis in pair]


def _has_matrix(keys: Keywords, name: str) -> bool:
    return any(match.group(1) == name for key in keys.stated() if (match := MATRIX.match(key)))
