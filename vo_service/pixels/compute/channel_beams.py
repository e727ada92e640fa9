"""The beam of each channel and polarisation of a box."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from astropy import units
from numpy.typing import NDArray

from vo_service.pixels.cutout.beams import channels_in_order
from vo_service.pixels.fits_file import Hdu
from vo_service.pixels.fits_header import FitsError
from vo_service.pixels.fits_table import read_table

Doubles = NDArray[np.float64]
Span = tuple[int, int]

_SPELT = {"degrees": "deg"}


@dataclass(frozen=True, slots=True)
class ChannelBeams:
    """Axes and position angles in degrees (polarisations, channels), NaN where a plane has none; of one
    polarisation, or of one channel, where all have the same."""

    major: Doubles
    minor: Doubles
    angle: Doubles

    @classmethod
    def one(cls, major: float, minor: float, angle: float | None) -> ChannelBeams:
        """The same beam, in degrees, everywhere."""
        values = (major, minor, math.nan if angle is None else angle)
        return cls(*(np.full((1, 1), value) for value in values))

    @property
    def areas(self) -> Doubles:
        """Solid angles in steradians, NaN where there is no beam."""
        product = np.radians(self.major) * np.radians(self.minor)
        known = np.isfinite(product) & (self.major > 0.0) & (self.minor > 0.0)
        return np.where(known, math.pi / (4.0 * math.log(2.0)) * product, np.nan)

    @property
    def common(self) -> tuple[float, float, float] | None:
        """Major and minor axis and angle (degrees; NaN where it is not known) of the beam that all planes
        have; None where one differs or has none."""
        if not np.isfinite(self.areas).all():
            return None
        first = [float(values.flat[0]) for values in (self.major, self.minor, self.angle)]
        for value, values in zip(first, (self.major, self.minor, self.angle), strict=True):
            if not (values == value).all() and not (math.isnan(value) and np.isnan(values).all()):
                return None
        return first[0], first[1], first[2]


def beams_of(table: Hdu, channels: Span, polarisations: Span) -> ChannelBeams:
    """Of the planes of a box, from the table BEAMS of its image (spans from 0, to behind the last).

    Rows tell their plane in CHAN and POL; those of a table without CHAN are the channels in their order, of
    each polarisation for itself, and without POL they hold for each. Raises FitsError ``bad_header`` for a
    table without axes of beams, in units that are no angle, or too large to be read.
    """
    columns = read_table(table)
    if "BMAJ" not in columns or "BMIN" not in columns:
        raise FitsError(
            "bad_header", "the table BEAMS has no columns BMAJ and BMIN that can be read", "BEAMS"
        )
    rows = len(columns["BMAJ"][0])
    polarisation = columns["POL"][0] if "POL" in columns else np.full(rows, polarisations[0])
    channel = columns["CHAN"][0] if "CHAN" in columns else channels_in_order(polarisation.astype(np.int64))
    shape = (polarisations[1] - polarisations[0] if "POL" in columns else 1, channels[1] - channels[0])
    place = (polarisation - polarisations[0]).astype(np.int64), (channel - channels[0]).astype(np.int64)
    kept = (place[0] >= 0) & (place[0] < shape[0]) & (place[1] >= 0) & (place[1] < shape[1])
    found = []
    for name in ("BMAJ", "BMIN", "BPA"):
        values = np.full(shape, np.nan)
        if name in columns:
            values[place[0][kept], place[1][kept]] = columns[name][0][kept] * _factor(name, columns[name][1])
        found.append(values)
    return ChannelBeams(*found)


def _factor(name: str, unit: str | None) -> float:
    """What a column is multiplied with to be in degrees, in which it is where it states no unit. Units are
    spelt as programs do: in capitals, and in the plural."""
    written = (unit or "deg").strip().lower()
    try:
        return float(units.Unit(_SPELT.get(written, written)).to(units.deg))
    except (ValueError, TypeError) as error:  # of which UnitConversionError is one
        message = f"the unit {unit!r} of {name} in the table BEAMS is no angle"
        raise FitsError("bad_header", message, "TUNIT") from error
