"""The spectral axis in sky frequency: every form of it met in radio headers, by its own formula.

wcslib is not asked: it refuses headers of the older conventions that state all that is needed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_service.pixels.axes import Axis

C = 299792458.0
_FREQUENCY_UNITS = {"": 1.0, "HZ": 1.0, "KHZ": 1e3, "MHZ": 1e6, "GHZ": 1e9}
_VELOCITY_UNITS = {"": 1.0, "M/S": 1.0, "M S-1": 1.0, "M.S-1": 1.0, "KM/S": 1e3, "KM S-1": 1e3, "KM.S-1": 1e3}
_LENGTH_UNITS = {"": 1.0, "M": 1.0, "MM": 1e-3, "UM": 1e-6, "NM": 1e-9, "CM": 1e-2, "ANGSTROM": 1e-10}
_WAVENUMBER_UNITS = {"": 1.0, "M-1": 1.0, "/M": 1.0, "1/M": 1.0, "CM-1": 1e2, "/CM": 1e2, "1/CM": 1e2}
_ENERGY_UNITS = {"": 1.0, "J": 1.0, "EV": 1.602176634e-19, "KEV": 1.602176634e-16, "ERG": 1e-7}
_UNITS = {
    "frequency": _FREQUENCY_UNITS,
    "wavelength": _LENGTH_UNITS,
    "air": _LENGTH_UNITS,
    "wavenumber": _WAVENUMBER_UNITS,
    "energy": _ENERGY_UNITS,
    "redshift": {"": 1.0},
}
_NEED_REST = frozenset({"radio", "optical", "felo", "redshift"})
_PLANCK = 6.62607015e-34


class SpectralAxisError(Exception):
    """A spectral axis that gives no frequency: ``keyword`` and ``value`` say where."""

    def __init__(self, message: str, keyword: str, value: object) -> None:
        super().__init__(message)
        self.message = message
        self.keyword = keyword
        self.value = value


@dataclass(frozen=True, slots=True)
class SpectralAxis:
    """A spectral axis understood. ``definition``: ``frequency radio optical felo redshift wavelength air
    wavenumber energy``; ``rest`` in Hz for velocities and redshifts, else None. ``crval`` and ``cdelt`` in
    Hz, m/s, m, 1/m or J.
    """

    axis: Axis
    definition: str
    crval: float
    cdelt: float
    rest: float | None

    def frequency(self, pixel: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sky frequency in Hz at FITS pixels (the first is 1), in the frame of the axis."""
        offset = np.asarray(pixel, dtype=np.float64) - self.axis.crpix
        value = self.crval + offset * self.cdelt
        if self.definition == "frequency":
            return value
        if self.definition == "wavelength":
            return C / value
        if self.definition == "air":
            return C / vacuum_wavelength(value)
        if self.definition == "wavenumber":
            return C * value
        if self.definition == "energy":
            return value / _PLANCK
        rest = self.rest or float("nan")
        if self.definition == "radio":
            return rest * (1.0 - value / C)
        if self.definition == "optical":
            return rest / (1.0 + value / C)
        if self.definition == "redshift":
            return rest / (1.0 + value)
        # FELO: channels equally wide in frequency, labelled with the optical velocity at the reference
        # channel
        reference = rest / (1.0 + self.crval / C)
        result: NDArray[np.float64] = reference - offset * self.cdelt * reference**2 / (rest * C)
        return result

    def edges(self) -> tuple[float, float]:
        """Lower and upper outer edge of all channels, Hz. Raises SpectralAxisError where they are no
        frequencies.
        """
        ends = self.frequency(np.array([0.5, self.axis.length + 0.5]))
        low, high = float(ends.min()), float(ends.max())
        if not (np.isfinite(ends).all() and low > 0.0 and high > low):
            raise SpectralAxisError(
                f"{self.axis.ctype} runs from {ends[0]:.6g} to {ends[1]:.6g} Hz: no sky frequencies",
                f"CRVAL{self.axis.number}",
                self.crval,
            )
        return low, high


def vacuum_wavelength(air: NDArray[np.float64]) -> NDArray[np.float64]:
    """Wavelengths in vacuum of wavelengths in standard air, both in m (WCS paper III, eq. 65)."""
    square = (air * 1e6) ** -2
    return np.asarray(air * (1.0 + 1e-6 * (287.6155 + square * (1.62887 + 0.01360 * square))))


def read_spectral_axis(axis: Axis, definition: str, rest: float | None) -> SpectralAxis:
    """Understands an axis of ``definition`` (see SpectralAxis). Raises SpectralAxisError for a card that is
    missing or unreadable, an unknown unit, an increment of zero, or a velocity without a rest frequency.
    """
    if axis.fault is not None:
        raise SpectralAxisError(axis.fault.message, axis.fault.keyword, axis.fault.written)
    scale = _UNITS.get(definition, _VELOCITY_UNITS).get(axis.cunit.upper())
    if scale is None:
        raise SpectralAxisError(
            f"CUNIT{axis.number} = {axis.cunit!r} does not fit {axis.ctype}",
            f"CUNIT{axis.number}",
            axis.cunit,
        )
    if axis.cdelt == 0.0:
        raise SpectralAxisError(f"CDELT{axis.number} of {axis.ctype} is zero", f"CDELT{axis.number}", 0.0)
    shift = definition in _NEED_REST
    if shift and not (rest and rest > 0.0):
        raise SpectralAxisError(
            f"{axis.ctype} is a shift and needs a rest frequency, but the header has none",
            f"CTYPE{axis.number}",
            axis.ctype,
        )
    return SpectralAxis(axis, definition, axis.crval * scale, axis.cdelt * scale, rest if shift else None)
