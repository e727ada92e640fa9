"""What the numbers of a spectral axis can be: each quantity as sky frequency and back, by its own formula
(Greisen et al. 2006, FITS WCS paper III, section 3).

Frequencies and rest frequencies are in Hz, values in the quantity's unit without prefix (Hz, rad/s, m/s, m,
1/m, J, or none). A value that no sky frequency belongs to gives NaN or a frequency that is not positive.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_service.spectral import (
    C,
    frequency_at_redshift,
    frequency_of_optical,
    frequency_of_radio,
    frequency_of_relativistic,
    optical_velocity,
    radio_velocity,
    redshift,
    relativistic_velocity,
)

Floats = NDArray[np.float64]

_PLANCK = 6.62607015e-34
_FREQUENCY_UNITS = {"": 1.0, "HZ": 1.0, "KHZ": 1e3, "MHZ": 1e6, "GHZ": 1e9}
_ANGULAR_UNITS = {"": 1.0, "RAD/S": 1.0, "RAD S-1": 1.0, "RAD.S-1": 1.0}
_VELOCITY_UNITS = {"": 1.0, "M/S": 1.0, "M S-1": 1.0, "M.S-1": 1.0, "KM/S": 1e3, "KM S-1": 1e3, "KM.S-1": 1e3}
_LENGTH_UNITS = {"": 1.0, "M": 1.0, "MM": 1e-3, "UM": 1e-6, "NM": 1e-9, "CM": 1e-2, "ANGSTROM": 1e-10}
_WAVENUMBER_UNITS = {"": 1.0, "M-1": 1.0, "/M": 1.0, "1/M": 1.0, "CM-1": 1e2, "/CM": 1e2, "1/CM": 1e2}
_ENERGY_UNITS = {"": 1.0, "J": 1.0, "EV": 1.602176634e-19, "KEV": 1.602176634e-16, "ERG": 1e-7}
_NO_UNITS = {"": 1.0}


@dataclass(frozen=True, slots=True)
class Quantity:
    """One quantity. ``units``: its units as CUNIT writes them, in upper case, in that of the formulae;
    ``slope``: the derivative of the value by the frequency, at a frequency. All three formulae take the rest
    frequency last, which only matters where ``needs_rest``.
    """

    units: Mapping[str, float]
    to_frequency: Callable[[Floats, float], Floats]
    from_frequency: Callable[[Floats, float], Floats]
    slope: Callable[[Floats, float], Floats | float]
    needs_rest: bool = False


def vacuum_wavelength(air: Floats) -> Floats:
    """Wavelengths in vacuum of wavelengths in standard air, both in m (WCS paper III, eq. 65)."""
    square = (air * 1e6) ** -2
    return np.asarray(air * (1.0 + 1e-6 * (287.6155 + square * (1.62887 + 0.01360 * square))))


def air_wavelength(vacuum: Floats) -> Floats:
    """The inverse of :func:`vacuum_wavelength`: each step gains five digits in visible light, and all of them
    in the radio.
    """
    air = vacuum
    for _ in range(5):
        air = vacuum * (air / vacuum_wavelength(air))
    return air


def _air_slope(frequency: Floats, rest: float) -> Floats:
    square = (air_wavelength(C / frequency) * 1e6) ** -2
    dispersion = 1.0 + 1e-6 * (287.6155 - square * (1.62887 + 3.0 * 0.01360 * square))
    return -C / frequency**2 / dispersion


def _beta_slope(frequency: Floats, rest: float) -> Floats:
    ratio = frequency / rest
    return -4.0 * ratio / (1.0 + ratio**2) ** 2 / rest


QUANTITIES: Mapping[str, Quantity] = {
    "frequency": Quantity(
        _FREQUENCY_UNITS, lambda value, _: value, lambda frequency, _: frequency, lambda *_: 1.0
    ),
    "angular": Quantity(
        _ANGULAR_UNITS,
        lambda value, _: value / (2.0 * math.pi),
        lambda frequency, _: frequency * (2.0 * math.pi),
        lambda *_: 2.0 * math.pi,
    ),
    "energy": Quantity(
        _ENERGY_UNITS,
        lambda value, _: value / _PLANCK,
        lambda frequency, _: frequency * _PLANCK,
        lambda *_: _PLANCK,
    ),
    "wavenumber": Quantity(
        _WAVENUMBER_UNITS, lambda value, _: value * C, lambda frequency, _: frequency / C, lambda *_: 1.0 / C
    ),
    "radio": Quantity(
        _VELOCITY_UNITS, frequency_of_radio, radio_velocity, lambda _, rest: -C / rest, needs_rest=True
    ),
    "wavelength": Quantity(
        _LENGTH_UNITS,
        lambda value, _: C / value,
        lambda frequency, _: C / frequency,
        lambda frequency, _: -C / frequency**2,
    ),
    "optical": Quantity(
        _VELOCITY_UNITS,
        frequency_of_optical,
        optical_velocity,
        lambda frequency, rest: -C * rest / frequency**2,
        needs_rest=True,
    ),
    "redshift": Quantity(
        _NO_UNITS,
        frequency_at_redshift,
        redshift,
        lambda frequency, rest: -rest / frequency**2,
        needs_rest=True,
    ),
    "air": Quantity(
        _LENGTH_UNITS,
        lambda value, _: C / vacuum_wavelength(value),
        lambda frequency, _: air_wavelength(C / frequency),
        _air_slope,
    ),
    "velocity": Quantity(
        _VELOCITY_UNITS,
        frequency_of_relativistic,
        relativistic_velocity,
        lambda frequency, rest: C * _beta_slope(frequency, rest),
        needs_rest=True,
    ),
    "beta": Quantity(
        _NO_UNITS,
        lambda value, rest: frequency_of_relativistic(value * C, rest),
        lambda frequency, rest: relativistic_velocity(frequency, rest) / C,
        _beta_slope,
        needs_rest=True,
    ),
}
"""``radio optical velocity`` are velocities: those of VRAD and VOPT, and the apparent one of special
relativity (VELO); ``wavelength`` is that in vacuum.
"""
EQUAL_IN_FREQUENCY = frozenset({"frequency", "angular", "energy", "wavenumber", "radio"})
"""Quantities in which equal steps are equal steps of frequency."""
