"""What holdings cover in space, time and spectrum (VODataService 1.2 section 3.2)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal

from pydantic_xml import BaseXmlModel, attr, element

Interval = tuple[float, float]

_PLANCK = 6.62607015e-34  # J s, exact
_LIGHT = 299792458.0  # m/s, exact
_DIGITS = 3  # of an energy, behind the point
_DOWN = Context(prec=_DIGITS + 1, rounding=ROUND_FLOOR)
_UP = Context(prec=_DIGITS + 1, rounding=ROUND_CEILING)
_DAY_DIGITS = 2
_DAY_PAD = 0.01  # days: times of the holdings are UTC on Earth, times here TDB at the barycentre
_BANDS = (  # longest wavelength, m, of terms of the IVOA vocabulary of messengers
    (1e-11, "Gamma-ray"),
    (1e-8, "X-ray"),
    (1e-7, "EUV"),
    (3e-7, "UV"),
    (1e-6, "Optical"),
    (1e-4, "Infrared"),
    (1e-2, "Millimeter"),
    (math.inf, "Radio"),
)


@dataclass(frozen=True, slots=True)
class Extent:
    """What holdings cover.

    ``moc``: coverage of the sky as ASCII MOC, ICRS; None where nothing is known of it. ``times``: spans of
    MJD (UTC). ``wavelengths``: spans of vacuum wavelengths, m. Spans are sorted and disjoint.
    ``facilities`` and ``instruments``: names in the holdings. ``footprint``: address of the coverage map at
    its full resolution.
    """

    moc: str | None = None
    times: tuple[Interval, ...] = ()
    wavelengths: tuple[Interval, ...] = ()
    facilities: tuple[str, ...] = ()
    instruments: tuple[str, ...] = ()
    footprint: str | None = None


class FootprintElement(BaseXmlModel):
    """Where a coverage map is (MOC-085)."""

    ivo_id: str = attr(name="ivo-id", default="ivo://ivoa.net/std/moc")
    address: str


class CoverageElement(BaseXmlModel, tag="coverage", ns=""):
    """The element ``coverage``, in the order of the schema (REG-120, MOC-088)."""

    spatial: str | None = element(tag="spatial", ns="", default=None)
    temporal: list[str] = element(tag="temporal", ns="", default_factory=list)
    spectral: list[str] = element(tag="spectral", ns="", default_factory=list)
    footprint: FootprintElement | None = element(tag="footprint", ns="", default=None)
    waveband: list[str] = element(tag="waveband", ns="", default_factory=list)


def coverage_element(extent: Extent) -> CoverageElement | None:
    """The element of an extent; None where nothing is known of it."""
    if not (extent.moc or extent.times or extent.wavelengths):
        return None
    return CoverageElement(
        spatial=extent.moc,
        temporal=[_days(*span) for span in extent.times],
        spectral=[_joules(*span) for span in reversed(extent.wavelengths)],
        footprint=None if extent.footprint is None else FootprintElement(address=extent.footprint),
        waveband=wavebands(extent.wavelengths),
    )


def _days(start: float, stop: float) -> str:
    """MJD in TDB at the barycentre (REG-122), widened to cover the difference."""
    scale = 10**_DAY_DIGITS
    low = math.floor((start - _DAY_PAD) * scale) / scale
    high = math.ceil((stop + _DAY_PAD) * scale) / scale
    return f"{low:.{_DAY_DIGITS}f} {high:.{_DAY_DIGITS}f}"


def _joules(shortest: float, longest: float) -> str:
    """Energies of photons, the lower first (REG-123), rounded outwards."""
    low = Decimal(_PLANCK * _LIGHT / longest)
    high = Decimal(_PLANCK * _LIGHT / shortest)
    return f"{_DOWN.plus(low):.{_DIGITS}e} {_UP.plus(high):.{_DIGITS}e}"


def wavebands(wavelengths: tuple[Interval, ...]) -> list[str]:
    """Names of the wavebands that the spans reach into, from long to short (REG-124)."""
    found = []
    shortest = 0.0
    for longest, name in _BANDS:
        if any(low < longest and high > shortest for low, high in wavelengths):
            found.append(name)
        shortest = longest
    return found[::-1]
