"""What one reading of an image's pixels tells: the record that the pixel pass makes and its rows come from.

Values are in the unit of the image (``Product.unit``) unless said otherwise; angles are degrees (ICRS).
What is not known is ``None``, in arrays NaN.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_service.sky import Region

ALGORITHM = 1
"""Rises when measuring the same pixels gives other numbers: what an older one measured is measured anew."""

Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PixelLimits:
    """What one image may cost: pixels (uncompressed bytes) and time on the clock (s)."""

    bytes: int = 32 * 1024**3
    seconds: float = 3600.0


@dataclass(frozen=True, slots=True)
class PixelStatistics:
    """What tells a role by pixels alone, over all valid pixels.

    ``zero_fraction`` and ``one_fraction`` count values that are exactly 0 and 1. ``integral``: all values are
    whole numbers. ``distinct`` counts different values up to 16, None for more. ``centre`` is the value at
    the middle pixel of the first plane with one there, ``peak_offset`` the distance of the peak from it in
    pixels. ``roughness`` is the standard deviation of neighbour differences along rows over that of the
    values (small for a primary beam, 1.4 for uncorrelated noise).
    """

    minimum: float
    maximum: float
    mean: float
    deviation: float
    zero_fraction: float
    one_fraction: float
    integral: bool
    distinct: int | None
    centre: float | None
    peak_offset: float | None
    roughness: float | None


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
class Measurement:
    """``content_hash`` is the sha256 (hex) of the stored pixels, uncompressed and big-endian. ``outline`` is
    that of the valid pixels, ``area`` their solid angle (deg2), ``moc`` their cover as MOC ASCII to
    ``moc_order``. ``rms`` is off-source: of an image its own, of a cube the median over its channels.
    ``dynamic_range`` is peak over rms."""

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
    algorithm: int = ALGORITHM
