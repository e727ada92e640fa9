"""What one reading of an image's pixels tells: the record that the pixel pass makes and its rows come from.

Values are in the unit of the image (``Product.unit``) unless said otherwise; angles are degrees (ICRS).
What is not known is ``None``, in arrays NaN.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_service.pixels.measure import PixelLimits
from vo_service.pixels.statistics import PixelStatistics
from vo_service.sky import Region

__all__ = ["ALGORITHM", "Doubles", "Measurement", "PeakSpectrum", "PixelLimits", "PixelStatistics", "Placing"]

ALGORITHM = 3
"""Rises when measuring the same pixels gives other numbers: what an older one measured is measured anew."""

Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PeakSpectrum:
    """One entry a channel, of Stokes I or else the first polarisation. ``channel`` counts from 1 as FITS
    does; ``frequency`` is Hz in the file's own frame."""

    channel: NDArray[np.int32]
    frequency: Doubles
    peak: Doubles
    rms: Doubles
    ra: Doubles
    dec: Doubles


@dataclass(frozen=True, slots=True)
class Placing:
    """How a header lays an image on the sky: the three letters of the projection as it is read, and right
    ascension and declination of the middle of the image and of its four corner pixels, the first pixel's
    first and round from there (NaN off the projection). ``pixel`` is the size of one in arcsec, ``cards`` are
    those of the axis of longitude as they are written: its name, its place and its step."""

    projection: str
    places: tuple[tuple[float, float], ...]
    pixel: float
    cards: tuple[tuple[str, str | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Measurement:
    """``content_hash`` is the sha256 (hex) of the stored pixels, uncompressed and big-endian. ``outline`` is
    that of the valid pixels, ``area`` their solid angle (deg2), ``moc`` their cover as MOC ASCII to
    ``moc_order``. ``rms`` is off-source: of an image its own, of a cube the median over its channels.
    ``dynamic_range`` is peak over rms. ``blanked`` counts floats that equal a BLANK card, which the standard
    does not let them have: they are no valid pixels; ``blank`` is that card as written. ``placing`` says how
    the header lays the pixels on the sky. ``remark`` says what could not be measured, and why."""

    content_hash: str
    pixel_count: int
    valid_count: int
    statistics: PixelStatistics | None = None
    outline: Region | None = None
    area: float | None = None
    moc: str | None = None
    moc_order: int | None = None
    rms: float | None = None
    peak: float | None = None
    peak_ra: float | None = None
    peak_dec: float | None = None
    dynamic_range: float | None = None
    spectrum: PeakSpectrum | None = None
    blanked: int = 0
    blank: str | None = None
    placing: Placing | None = None
    remark: str | None = None
    algorithm: int = ALGORITHM
