"""The axes of an image as its header describes them: which is longitude, latitude, spectral, Stokes."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_service.pixels.fits_header import CardFault, Keywords

_LONGITUDES = ("RA", "GLON", "ELON")
_LATITUDES = ("DEC", "GLAT", "ELAT")
_SPECTRAL = (
    "FREQ",
    "AFRQ",
    "VRAD",
    "VOPT",
    "VELO",
    "VELOCITY",
    "FELO",
    "WAVE",
    "AWAV",
    "ENER",
    "WAVN",
    "ZOPT",
    "BETA",
)
_CD = re.compile(r"CD(\d+_\d+|\d{6})$")
MATRIX = re.compile(r"(PC|CD)(?:(\d+)_(\d+)|(\d{3})(\d{3}))$")
"""Keywords of the elements of a matrix in both spellings: its name, row and column."""
MOST_COUPLING = 1e-3
"""Pixels by which other axes may move a place along an axis of its own unheeded."""


@dataclass(frozen=True, slots=True)
class Axis:
    """One pixel axis. ``number`` counts from 1 as in FITS; ``crval`` and ``cdelt`` are in ``cunit`` as
    written.

    ``kind``: ``longitude latitude spectral stokes`` or ``other``. A number that no card gives is NaN, and
    ``fault`` tells of the first card that keeps the axis from being used. The defaults of the standard
    (CRPIX 0, CRVAL 0, CDELT 1) are not applied: a card lost from a header would give a wrong place as if it
    were a right one, and no real product leaves them out. CDi_i stands for CDELTi where it is given, and off
    the sky (where Celestial applies the whole matrix) ``cdelt`` holds PCi_i too.
    """

    number: int
    kind: str
    ctype: str
    cunit: str
    crval: float
    cdelt: float
    crpix: float
    length: int
    fault: CardFault | None = None

    def value_at(self, pixel: float) -> float:
        """The linear world coordinate at a FITS pixel (the first is 1), in the axis' unit."""
        return self.crval + (pixel - self.crpix) * self.cdelt


@dataclass(frozen=True, slots=True)
class Axes:
    """All axes of an image in FITS order."""

    axes: tuple[Axis, ...]

    def find(self, kind: str) -> Axis | None:
        """The first axis of that kind, or None."""
        return next((axis for axis in self.axes if axis.kind == kind), None)

    @property
    def celestial(self) -> tuple[Axis, Axis] | None:
        """(longitude, latitude), or None where the image does not lie on the sky."""
        longitude, latitude = self.find("longitude"), self.find("latitude")
        return (longitude, latitude) if longitude and latitude else None

    @property
    def spectral(self) -> Axis | None:
        """The spectral axis, or None."""
        return self.find("spectral")

    @property
    def stokes(self) -> Axis | None:
        """The Stokes axis, or None."""
        return self.find("stokes")

    @property
    def nameless(self) -> CardFault | None:
        """The CTYPE of an axis that might be any, since its card cannot be read; None where there is none."""
        return next((axis.fault for axis in self.axes if axis.kind == "other" and _has_bad_name(axis)), None)


def _has_bad_name(axis: Axis) -> bool:
    return axis.fault is not None and axis.fault.keyword == f"CTYPE{axis.number}"


def read_axes(keys: Keywords, shape: tuple[int, ...]) -> Axes:
    """Describes the axes of an image of ``shape`` (FITS order) from its keywords."""
    return Axes(tuple(_read_axis(keys, number + 1, length) for number, length in enumerate(shape)))


def _read_axis(keys: Keywords, number: int, length: int) -> Axis:
    ctype = (keys.text(f"CTYPE{number}") or "").upper()
    kind = _kind_of(ctype)
    on_sky = kind in ("longitude", "latitude")
    faults = [keys.text_fault(f"{name}{number}") for name in ("CTYPE", "CUNIT")]
    numbers = {}
    for name in ("CRVAL", "CRPIX"):
        numbers[name], fault = _read_number(keys, f"{name}{number}")
        faults.append(fault)
    diagonal = _element(keys, "CD", number)
    step, fault = _read_number(keys, diagonal or f"CDELT{number}")
    if diagonal is None and on_sky and any(_CD.match(key) for key in keys.stated()):
        fault = None  # the matrix of the pair has a zero there
    faults.append(fault)
    turn = None if on_sky or diagonal else _element(keys, "PC", number)
    if turn is not None:
        factor, fault = _read_number(keys, turn)
        step *= factor
        faults.append(fault)
    return Axis(
        number=number,
        kind=kind,
        ctype=ctype,
        cunit=keys.text(f"CUNIT{number}") or "",
        crval=numbers["CRVAL"],
        cdelt=step,
        crpix=numbers["CRPIX"],
        length=length,
        fault=next((fault for fault in faults if fault is not None), None),
    )


def _element(keys: Keywords, matrix: str, number: int) -> str | None:
    """The keyword of the diagonal element of an axis, in the spelling that this header has it, or None."""
    spellings = (
        f"{matrix}{number}_{number}",
        f"{matrix}{number:02d}_{number:02d}",
        f"{matrix}{number:03d}{number:03d}",
    )
    return next((key for key in spellings if keys.written(key) is not None), None)


def _read_number(keys: Keywords, key: str) -> tuple[float, CardFault | None]:
    """The number of a card that has to be there, or NaN and what is wrong with it."""
    value = keys.number(key)
    if value is not None:
        return value, None
    return math.nan, keys.number_fault(key) or CardFault(key, None, f"{key} is missing")


def _kind_of(ctype: str) -> str:
    name = ctype.split("-")[0]
    if name in _LONGITUDES:
        return "longitude"
    if name in _LATITUDES:
        return "latitude"
    if name in _SPECTRAL:
        return "spectral"
    return "stokes" if name == "STOKES" else "other"


def coupling_fault(keys: Keywords, axes: Axes, own: Sequence[Axis]) -> CardFault | None:
    """The card by which values along ``own`` axes (the spectral one, or the pair of the sky) change along
    other axes too, so that no pixel of theirs has values of its own (FITS 4.0, section 8.1); or one of those
    that cannot be read. None where all other axes together move none of them by more than a thousandth of a
    pixel within the image.
    """
    rows = [axis.number for axis in own]
    for name in ("CD", "PC"):
        inner = np.eye(len(own))
        if name == "CD":  # off the sky the increment stands for a diagonal element that is not there
            inner = np.diag([axis.cdelt if axis.kind == "spectral" else 0.0 for axis in own])
        others: dict[str, NDArray[np.float64]] = {}
        for key in keys.stated():
            match = MATRIX.match(key)
            if match is None or match[1] != name:
                continue
            row, column = int(match[2] or match[4]), int(match[3] or match[5])
            if row not in rows:
                continue
            value = keys.number(key)
            if value is None and (fault := keys.number_fault(key)) is not None:
                return fault
            if column in rows:
                inner[rows.index(row), rows.index(column)] = value or 0.0
            elif value:
                others[key] = np.where(np.array(rows) == row, value * _farthest(keys, axes, column), 0.0)
        moving = _moving(inner, others) if others else None
        if moving is not None:
            return _coupled(keys, axes, moving)
    return None


def _moving(inner: NDArray[np.float64], others: dict[str, NDArray[np.float64]]) -> str | None:
    """The card that moves pixels most, where all together move them far enough to matter: ``inner`` is the
    matrix of the own axes, ``others`` what each card adds to their values at most."""
    try:
        pixels = {key: np.abs(np.linalg.solve(inner, most)) for key, most in others.items()}
    except np.linalg.LinAlgError:  # an increment of zero: they move without an end
        return next(iter(others))
    if (np.sum(list(pixels.values()), axis=0) <= MOST_COUPLING).all():
        return None
    return max(pixels, key=lambda key: float(pixels[key].max()))


def _farthest(keys: Keywords, axes: Axes, number: int) -> float:
    """How many pixels the middles of an axis are away from its reference pixel at most; one beyond the last
    axis of the image has one pixel."""
    length = axes.axes[number - 1].length if 1 <= number <= len(axes.axes) else 1
    reference = keys.number(f"CRPIX{number}") or 0.0
    return max(abs(1.0 - reference), abs(length - reference))


def _coupled(keys: Keywords, axes: Axes, key: str) -> CardFault:
    match = MATRIX.match(key)
    assert match is not None
    row, column = int(match[2] or match[4]), int(match[3] or match[5])
    names = {axis.number: axis.ctype for axis in axes.axes}
    along = f"axis {column} ({names[column]})" if names.get(column) else f"axis {column}"
    written = keys.written(key)
    return CardFault(key, written, f"{key} = {written} makes {names[row]} change along {along}, too")
