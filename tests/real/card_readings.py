"""What a card means where it cannot be taken as written: the conventions of FITS 4.0, AIPS, CASA and Miriad.

Read with astropy and numpy alone, beside ``card_values``: the independent side of the tests that a reading
which is on record leads to the published value.
"""

from __future__ import annotations

import math
import warnings

import numpy as np
from astropy import units
from astropy.coordinates import (
    FK4,
    FK5,
    ICRS,
    BarycentricTrueEcliptic,
    BaseCoordinateFrame,
    Galactic,
    SkyCoord,
)
from astropy.time import Time
from card_values import AIPS_FRAMES, C, Cards, axis_of, by_wcslib, length_of, linear_of, sky_of
from spectral_oracle import refraction

PROJECTIONS = {"GLS": "SFL", "NCP": "SIN"}


def frame_of_sky(cards: Cards) -> str:
    """ICRS, FK5 or FK4 by RADESYS, else by the equinox, else ICRS (FITS 4.0, 8.3); what is no frame of the
    standard is ICRS."""
    written = (cards.text("RADESYS") or cards.text("RADECSYS") or "").strip().upper()
    if written:
        known = {"J2000": "FK5", "FK5": "FK5", "FK4": "FK4", "B1950": "FK4", "ICRS": "ICRS"}
        return known.get(written, "ICRS")
    equinox = equinox_of(cards)
    if equinox is None:
        return "ICRS"
    return "FK5" if equinox >= 1984.0 else "FK4"


def equinox_of(cards: Cards) -> float | None:
    """In years, None where no card states one."""
    for keyword in ("EQUINOX", "EPOCH"):
        number = cards.number(keyword)
        if number:
            return number
    return None


def middle_in_icrs(cards: Cards) -> tuple[float, float] | None:
    """Right ascension and declination of the middle of the image in degrees ICRS, None without an axis."""
    wcs, size = sky_of(cards)
    if wcs is None:
        return None
    longitude, latitude = wcs.wcs_pix2world([[(each + 1) / 2 for each in size]], 1)[0]
    frame = _sky_frame(cards, str(wcs.wcs.ctype[0]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = SkyCoord(longitude * units.deg, latitude * units.deg, frame=frame).icrs
    return float(found.ra.deg), float(found.dec.deg)


def _sky_frame(cards: Cards, ctype: str) -> BaseCoordinateFrame:
    if ctype.startswith("GLON"):
        return Galactic()
    if ctype.startswith("ELON"):
        return BarycentricTrueEcliptic()
    name, equinox = frame_of_sky(cards), equinox_of(cards)
    if name == "ICRS":
        return ICRS()
    if name == "FK5":
        return FK5(equinox=Time(equinox or 2000.0, format="jyear"))
    if equinox == 1979.9:  # casacore's name for B1950_VLA
        equinox = 1950.0
    return FK4(equinox=Time(equinox or 1950.0, format="byear"))


def wavelengths_in_own_frame(cards: Cards) -> tuple[float, float] | None:
    """Shortest and longest vacuum wavelength (m) of the outer channel edges, whatever kind of axis it is;
    None where there is none, or none that gives any."""
    axis = axis_of(cards, "FREQ", "VRAD", "VOPT", "VELO", "FELO", "WAVE", "AWAV", "BETA", "AFRQ")
    if axis is None:
        return None
    ends = np.array([0.5, length_of(cards, axis) + 0.5])
    kind = definition_of(cards, axis)
    if kind == "WCSLIB":
        return by_wcslib(cards, axis, ends)
    scale = _scale(cards, axis, kind)
    rest = cards.number("RESTFRQ") or cards.number("RESTFREQ") or math.nan
    if kind == "VOPT-F2W":
        reference = (cards.number(f"CRVAL{axis}") or 0.0) * scale
        at = rest / (1.0 + reference / C)
        step = -(at**2) / (rest * C) * (cards.number(f"CDELT{axis}") or math.nan) * scale
        frequency = at + (ends - (cards.number(f"CRPIX{axis}") or math.nan)) * step
    else:
        values = linear_of(cards, axis, ends) * scale
        frequency = {
            "FREQ": lambda: values,
            "VRAD": lambda: rest * (1.0 - values / C),
            "VOPT": lambda: rest / (1.0 + values / C),
            "WAVE": lambda: C / values,
            "AWAV": lambda: C / (values * refraction(values)),
        }[kind]()
    low, high = sorted(C / frequency)
    return (float(low), float(high)) if math.isfinite(low + high) else None


def definition_of(cards: Cards, axis: int) -> str:
    """FREQ, WAVE, AWAV, or which velocity: VELREF above 256 is radio, below optical; FELO is optical on
    channels equal in frequency; VELO with a frame but without VELREF is Miriad's, which is radio. WCSLIB for
    what only paper III has: algorithm codes, and velocities of special relativity."""
    ctype = (cards.text(f"CTYPE{axis}") or "").strip()
    kind, _, code = ctype.partition("-")
    if ctype.startswith("VOPT-F2W"):
        return "VOPT-F2W"
    if kind in ("BETA", "AFRQ") or (code and code not in AIPS_FRAMES):
        return "WCSLIB"
    if kind not in ("VELO", "FELO"):
        return kind
    velref = cards.number("VELREF")
    if ctype == "VELO" and velref is None:
        return "WCSLIB"
    if kind == "VELO":
        return "VRAD" if velref is None or velref > 256 else "VOPT"
    return "VRAD" if velref is not None and velref > 256 else "VOPT-F2W"


def _scale(cards: Cards, axis: int, kind: str) -> float:
    """Hz, m or m/s in the unit of the axis; NaN where it has one that is none of these."""
    base = {"FREQ": "Hz", "WAVE": "m", "AWAV": "m"}.get(kind, "m/s")
    written = (cards.text(f"CUNIT{axis}") or base).strip() or base
    try:
        unit = units.Unit(written.replace("HZ", "Hz").replace("M/S", "m/s"))
        return float(unit.to(base))
    except (ValueError, units.UnitConversionError):
        return math.nan


def became_of(cards: Cards, rule: str, item: str) -> str | None:
    """What a rule that says how a card is read has to make of it."""
    axis = int(item[-1]) if item[-1].isdigit() else 0
    if rule in ("SKY-FRAME-EQUINOX", "SKY-FRAME-DEFAULT", "SKY-FRAME-SPELLING", "SKY-FRAME-UNKNOWN"):
        return frame_of_sky(cards)
    if rule in ("SKY-FK5", "SKY-GALACTIC"):
        return "ICRS"
    if rule == "SKY-EQUINOX-VLA":
        return "1950.0"
    if rule == "SKY-PROJECTION":
        written = cards.text(item) or ""
        return written[:-3] + PROJECTIONS[written[-3:]]
    if rule == "SPEC-AIPS-VELOCITY":
        return definition_of(cards, axis)
    return {"SPEC-VELOCITY": "FREQ", "SPEC-AIR": "WAVE"}.get(rule)
