"""Redshift and the three definitions of velocity that spectral axes use (FITS paper III, section 3).

Frequencies and rest frequencies in hertz, velocities in metres a second, all of any shape. Values that no
physical velocity or redshift has give NaN.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vo_service.spectral.frames import C

Floats = NDArray[np.float64]


def redshift(freq_hz: ArrayLike, rest_hz: float) -> Floats:
    """Redshift z = rest / observed - 1."""
    return rest_hz / _positive(freq_hz) - 1.0


def frequency_at_redshift(z: ArrayLike, rest_hz: float) -> Floats:
    """Observed frequency of a line at redshift z > -1."""
    return rest_hz / _positive(np.asarray(z, dtype=np.float64) + 1.0)


def radio_velocity(freq_hz: ArrayLike, rest_hz: float) -> Floats:
    """Velocity in the radio definition, c (1 - observed / rest): linear in frequency (VRAD)."""
    return C * (1.0 - _positive(freq_hz) / rest_hz)


def frequency_of_radio(velocity: ArrayLike, rest_hz: float) -> Floats:
    """Observed frequency of a radio velocity below c."""
    return rest_hz * _positive(1.0 - np.asarray(velocity, dtype=np.float64) / C)


def optical_velocity(freq_hz: ArrayLike, rest_hz: float) -> Floats:
    """Velocity in the optical definition, c z: linear in wavelength (VOPT, FELO)."""
    return C * redshift(freq_hz, rest_hz)


def frequency_of_optical(velocity: ArrayLike, rest_hz: float) -> Floats:
    """Observed frequency of an optical velocity above -c."""
    return frequency_at_redshift(np.asarray(velocity, dtype=np.float64) / C, rest_hz)


def relativistic_velocity(freq_hz: ArrayLike, rest_hz: float) -> Floats:
    """Velocity along the line of sight in special relativity (VELO)."""
    ratio = np.square(_positive(freq_hz) / rest_hz)
    return C * (1.0 - ratio) / (1.0 + ratio)


def frequency_of_relativistic(velocity: ArrayLike, rest_hz: float) -> Floats:
    """Observed frequency of a relativistic velocity between -c and c."""
    beta = np.asarray(velocity, dtype=np.float64) / C
    beta = np.where(np.abs(beta) < 1.0, beta, np.nan)
    return rest_hz * np.sqrt((1.0 - beta) / (1.0 + beta))


def _positive(values: ArrayLike) -> Floats:
    numbers = np.asarray(values, dtype=np.float64)
    return np.where(numbers > 0.0, numbers, np.nan)
