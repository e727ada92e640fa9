"""Frequencies of spectral axes by wcslib: the independent oracle of the formulae of WCS paper III.

wcslib differs from the standard in two constants, which the oracle makes up for by giving it values in
constants of its own: the Planck constant (that of 1986, 8e-7 away from the one that is now exact), and the
refraction of air (Edlen's formula at 15 degrees rather than that of FITS 4.0, section 8.4, and paper III,
eq. 65, at 0 degrees: 1.5e-5 away at radio wavelengths, which is 4.5 km/s).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from astropy.wcs import Wcsprm
from numpy.typing import NDArray

C = 299792458.0
PLANCK = 6.62607015e-34
PLANCK_OF_WCSLIB = 6.6260755e-34

Floats = NDArray[np.float64]
Formula = Callable[[Floats, float], Floats]

TYPES = {
    "FREQ": ("frequency", "F"),
    "AFRQ": ("angular", "F"),
    "ENER": ("energy", "F"),
    "WAVN": ("wavenumber", "F"),
    "VRAD": ("radio", "F"),
    "WAVE": ("wavelength", "W"),
    "VOPT": ("optical", "W"),
    "ZOPT": ("redshift", "W"),
    "AWAV": ("air", "A"),
    "VELO": ("velocity", "V"),
    "BETA": ("beta", "V"),
}
SPACINGS = {"F": "frequency", "W": "wavelength", "A": "air", "V": "velocity"}
CTYPES = [
    f"{name}{code}"
    for name, (_, letter) in TYPES.items()
    for code in ("", "-LOG", *(f"-{spaced}2{letter}" for spaced in SPACINGS if spaced != letter))
]
"""Every type with every algorithm that paper III allows for it, but for tables and grisms."""


def refraction(air: Floats) -> Floats:
    """Index of refraction of dry air (FITS 4.0, 8.4), by the wavelength in it in metres."""
    square = (np.asarray(air) * 1e6) ** -2
    return 1.0 + 1e-6 * (287.6155 + 1.62887 * square + 0.01360 * square**2)


def _refraction_of_wcslib(air: Floats) -> Floats:
    square = np.asarray(air) ** -2
    return 1.000064328 + 294.981e8 / (1.46e14 - square) + 2.554e8 / (0.41e14 - square)


def _in_air(frequency: Floats, index: Callable[[Floats], Floats]) -> Floats:
    air = C / frequency
    for _ in range(9):
        air = C / frequency / index(air)
    return air


VALUES: dict[str, Formula] = {
    "FREQ": lambda f, _: f,
    "AFRQ": lambda f, _: 2.0 * math.pi * f,
    "ENER": lambda f, _: PLANCK * f,
    "WAVN": lambda f, _: f / C,
    "VRAD": lambda f, rest: C * (rest - f) / rest,
    "WAVE": lambda f, _: C / f,
    "VOPT": lambda f, rest: C * (rest - f) / f,
    "ZOPT": lambda f, rest: (rest - f) / f,
    "AWAV": lambda f, _: _in_air(f, refraction),
    "VELO": lambda f, rest: C * (rest**2 - f**2) / (rest**2 + f**2),
    "BETA": lambda f, rest: (rest**2 - f**2) / (rest**2 + f**2),
}
"""What an axis of each type has at a frequency (Hz) with a rest frequency (Hz), in SI units."""

_FREQUENCIES: dict[str, Formula] = {
    "FREQ": lambda s, _: s,
    "AFRQ": lambda s, _: s / (2.0 * math.pi),
    "ENER": lambda s, _: s / PLANCK_OF_WCSLIB,
    "WAVN": lambda s, _: C * s,
    "VRAD": lambda s, rest: rest * (C - s) / C,
    "WAVE": lambda s, _: C / s,
    "VOPT": lambda s, rest: rest * C / (C + s),
    "ZOPT": lambda s, rest: rest / (1.0 + s),
    "AWAV": lambda s, _: C / (s * _refraction_of_wcslib(s)),
    "VELO": lambda s, rest: rest * np.sqrt((C - s) / (C + s)),
    "BETA": lambda s, rest: rest * np.sqrt((1.0 - s) / (1.0 + s)),
}


def _factor_of_wcslib(name: str, value: float) -> float:
    """What a value in SI units is multiplied by to be the same frequency in wcslib's constants."""
    if name == "ENER":
        return PLANCK_OF_WCSLIB / PLANCK
    if name == "AWAV":
        frequency = C / (value * refraction(np.asarray(value)))
        return float(_in_air(frequency, _refraction_of_wcslib) / value)
    return 1.0


def frequencies_by_wcslib(
    ctype: str, crval: float, cdelt: float, crpix: float, rest: float, pixels: Floats
) -> Floats:
    """Frequencies in Hz at FITS pixels of an axis whose values are in SI units."""
    name = ctype[:4]
    factor = _factor_of_wcslib(name, crval)
    wcs = Wcsprm(naxis=1)
    wcs.ctype, wcs.crpix, wcs.restfrq = [ctype], [crpix], rest
    wcs.crval, wcs.cdelt = [crval * factor], [cdelt * factor]
    world = wcs.p2s(np.asarray(pixels, dtype=np.float64)[:, None], 1)["world"][:, 0]
    return _FREQUENCIES[name](world, rest)
