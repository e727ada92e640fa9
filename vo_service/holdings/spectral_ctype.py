"""What CTYPE says of a spectral axis: the quantity of its values and the spacing of its pixels by WCS paper
III (Greisen et al. 2006), or what AIPS meant by it; the frame that a suffix of AIPS or VELREF tells.

``WAVE-F2W`` are wavelengths on pixels equal in frequency, ``FREQ-LOG`` frequencies on pixels equal in their
logarithm, ``FREQ-LSR`` is a plain axis of frequency in the local standard of rest.
"""

from __future__ import annotations

import re

from vo_service.holdings.records import Repair
from vo_service.pixels import (
    LOGARITHM,
    Axis,
    CardFault,
    Keywords,
    SpectralAxis,
    SpectralAxisError,
    read_spectral_axis,
)

_TYPES = {
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
"""The types of paper III: the quantity of their values, and the letter of that which these are linear in."""
_LETTERS = {"F": "frequency", "W": "wavelength", "A": "air", "V": "velocity"}
_X2P = re.compile("([FWAV])2([FWAV])")
"""Algorithm codes: pixels are equally spaced in X, and the values of the axis are linear in P."""
_ELSEWHERE = {
    "TAB": "its values stand in a table of another extension",
    "GRI": "its values follow from the optics of a grism",
    "GRA": "its values follow from the optics of a grism",
}
_SUFFIXES = {
    "LSR": "LSRK",
    "LSK": "LSRK",
    "LSD": "LSRD",
    "HEL": "BARYCENT",
    "BAR": "BARYCENT",
    "OBS": "TOPOCENT",
    "TOP": "TOPOCENT",
    "GEO": "GEOCENTR",
    "GAL": "GALACTOC",
    "SOU": "SOURCE",
}
_VELREF = {1: "LSRK", 2: "BARYCENT", 3: "TOPOCENT", 4: "LSRD", 5: "GEOCENTR", 6: "SOURCE", 7: "GALACTOC"}
_RADIO_WRITERS = ("miriad", "gildas")


def understand(axis: Axis, keys: Keywords, rest: float | None) -> tuple[SpectralAxis, list[Repair]]:
    """The axis with the formula that its CTYPE stands for, and how it was read where that takes more than the
    standard's word. Raises SpectralAxisError where it gives no frequency.
    """
    fault = algorithm_fault(axis)
    if fault is not None:
        raise SpectralAxisError(fault.message, fault.keyword, fault.written)
    if follows_aips(axis) and not _is_apparent_velocity(axis, keys):
        definition, spacing, reading = _meaning_in_aips(axis, keys)
        return read_spectral_axis(axis, definition, rest, spacing), [reading]
    name, code = _parts(axis)
    definition, letter = _TYPES[name]
    spacing = LOGARITHM if code == "LOG" else definition
    if _X2P.fullmatch(code) and code[0] != letter:
        spacing = _LETTERS[code[0]]
    understood = read_spectral_axis(axis, definition, rest, spacing)
    return understood, _readings(understood, keys)


def algorithm_fault(axis: Axis) -> CardFault | None:
    """Why the algorithm that CTYPE names gives no frequencies here; None where it does, or names none."""
    name, code = _parts(axis)
    if not code or code in _SUFFIXES:
        return None
    _, letter = _TYPES.get(name, ("", ""))
    x2p = _X2P.fullmatch(code)
    if letter and (code == "LOG" or (x2p and x2p[2] == letter)):
        return None
    if code in _ELSEWHERE:
        why = _ELSEWHERE[code]
    elif letter and x2p:
        why = f"{code} is for what is linear in {_LETTERS[x2p[2]]}, {name} is so in {_LETTERS[letter]}"
    else:
        why = f"{code} is no algorithm of WCS paper III for {name}, nor a frame of AIPS"
    return CardFault(f"CTYPE{axis.number}", axis.ctype, f"{axis.ctype} cannot be read: {why}")


def follows_aips(axis: Axis) -> bool:
    """Whether VELREF or the writer tells what kind of velocity the axis is: VELO and FELO without a code of
    paper III.
    """
    name, code = _parts(axis)
    return name in ("VELO", "VELOCITY", "FELO") and (not code or code in _SUFFIXES)


def frame_of_axis(axis: Axis, keys: Keywords) -> tuple[str, str] | None:
    """The spectral frame in the standard's spelling that the axis tells, and by what; None where it tells
    none. VELREF tells it only of axes other than frequency: beside those it may speak of the alternate
    velocity description.
    """
    _, code = _parts(axis)
    if code in _SUFFIXES:
        return _SUFFIXES[code], f"the axis is {axis.ctype}"
    velref = keys.integer("VELREF")
    name = _VELREF.get((velref or 0) % 256)
    if name is not None and not axis.ctype.startswith("FREQ"):
        return name, f"VELREF is {velref}"
    return None


def _parts(axis: Axis) -> tuple[str, str]:
    """The quantity of CTYPE, and the code behind its hyphens, empty where there is none."""
    name, _, code = axis.ctype.partition("-")
    return name.strip(), code.strip("- ")


def _readings(axis: SpectralAxis, keys: Keywords) -> list[Repair]:
    """How an axis of paper III was read that needs more than the speed of light to become frequencies."""
    item, ctype = f"CTYPE{axis.axis.number}", axis.axis.ctype
    if axis.definition == "air":
        why = "wavelengths in air become those in vacuum"
        return [Repair(item, ctype, "WAVE", "SPEC-AIR", why)]
    if axis.rest is None:
        return []
    name = "relativistic" if axis.definition == "velocity" else axis.definition
    why = f"{name} definition with a rest frequency of {axis.rest} Hz"
    if axis.spacing != axis.definition:
        why = f"{why}, pixels equal in {axis.spacing}"
    confidence = 1.0
    if follows_aips(axis.axis):
        why = f"{why}: VELO without VELREF is the standard's apparent velocity"
        confidence = 0.9 if "SPECSYS" in keys else 0.6
    return [Repair(item, ctype, "FREQ", "SPEC-VELOCITY", why, confidence)]


def _is_apparent_velocity(axis: Axis, keys: Keywords) -> bool:
    """Whether VELO is that of paper III: nothing beside it is of AIPS, and no writer is known to mean the
    radio definition.
    """
    return _parts(axis) == ("VELO", "") and keys.integer("VELREF") is None and _radio_writer(keys) is None


def _radio_writer(keys: Keywords) -> str | None:
    origin = (keys.text("ORIGIN") or "").lower()
    return next((each for each in _RADIO_WRITERS if each in origin), None)


def _meaning_in_aips(axis: Axis, keys: Keywords) -> tuple[str, str, Repair]:
    """Definition and spacing of a VELO or FELO axis: VELREF above 256 is radio, below optical; Miriad writes
    VELO for radio.
    """
    felo = axis.ctype.startswith("FELO")
    velref, writer = keys.integer("VELREF"), _radio_writer(keys)
    confidence = 0.9
    if velref is not None:
        radio, why = velref > 256, f"VELREF is {velref}"
    elif felo:
        radio, why = False, "FELO is the optical velocity on channels equal in frequency"
    else:
        name, _ = _parts(axis)
        radio, why = True, f"{writer} writes radio velocities" if writer else f"{name} without VELREF"
        confidence = 0.9 if writer else 0.6
    if radio:
        definition, spacing, became = "radio", "radio", "VRAD"
    elif felo:
        definition, spacing, became = "optical", "frequency", "VOPT-F2W"
    else:
        definition, spacing, became = "optical", "optical", "VOPT"
    repair = Repair(f"CTYPE{axis.number}", axis.ctype, became, "SPEC-AIPS-VELOCITY", why, confidence)
    return definition, spacing, repair
