"""Units of values in the syntax of VOUnits 1.0: what products have, and the factor from one to another.

``astropy.units`` is imported when a unit is first looked at: most queries never do.
"""

from __future__ import annotations

import math
import warnings
from difflib import get_close_matches
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from astropy.units import UnitBase

_COMMON = (
    "deg arcmin arcsec mas uarcsec rad sr deg**2 arcsec**2 Hz kHz MHz GHz THz m km cm mm um nm Angstrom pm "
    "s min h d yr a Myr Gyr m/s km/s cm/s Jy mJy uJy Jy/beam mJy/beam K mK eV keV MeV J erg W kg g "
    "solMass solLum AU pc kpc Mpc byte kbyte Mbyte bit pixel beam count photon"
).split()
"""What people write, for the hint after a unit that is none."""
_LONGEST = 80


class UnitError(ValueError):
    """A text that is no unit, or two units with no factor between them; ``hint`` says what would be right."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


@lru_cache(maxsize=1024)
def factor(source: str, target: str) -> float:
    """By what a number in ``source`` is to be multiplied to be one in ``target``.

    Raises UnitError: a text that is no unit, units of different dimensions, scales that are no plain factor
    (logarithmic ones such as mag and dB).
    """
    if source == target:
        unit_of(target)
        return 1.0
    one, other = unit_of(source), unit_of(target)
    try:
        return _plain(float(one.to(other)))
    except ValueError as error:
        raise UnitError(
            f"{source} cannot be converted to {target}",
            f"the one is of {_dimension(one)}, the other of {_dimension(other)}",
        ) from error


@lru_cache(maxsize=1024)
def unit_of(text: str) -> UnitBase:
    """The unit that a text means. Raises UnitError, as for logarithmic units and for no unit at all."""
    from astropy import units
    from astropy.units.function.mixin import FunctionMixin

    if not text.strip():
        raise UnitError("'' is no unit: a number without a unit has nothing to be converted")
    try:
        if "'" in text or len(text) > _LONGEST:  # a name in quotes would be kept as a new unit for ever
            raise ValueError(text)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", units.UnitsWarning)  # Angstrom, erg: discouraged, and clear
            unit = units.Unit(text, format="vounit")
    except (ValueError, TypeError) as error:
        close = get_close_matches(text, _COMMON, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(close)}?" if close else "write it as VOUnits does: mJy/beam, km/s"
        raise UnitError(f"'{text}' is no unit", hint) from error
    if not isinstance(unit, units.UnitBase):  # the word "unknown" is a unit of VOUnits
        raise UnitError(f"the unit '{text}' can be anything")
    if any(isinstance(base, FunctionMixin) for base in (unit, *unit.bases)):
        raise UnitError(f"{text} is a logarithmic scale, which no plain factor leads to or from")
    return unit


def same_unit(one: str | None, other: str | None) -> bool:
    """Whether two texts mean one unit: ``km/s`` and ``km.s**-1`` do, no unit and no unit too."""
    if one == other or one is None or other is None:
        return one == other
    try:
        return factor(one, other) == 1.0
    except UnitError:
        return False


@lru_cache(maxsize=1024)
def product(one: str | None, other: str | None, *, divided: bool = False) -> str | None:
    """Unit of a product, or of a quotient; None is a plain number's, and what comes of unknown ones."""
    if one is None and other is None:
        return None
    from astropy import units

    try:
        left = units.dimensionless_unscaled if one is None else unit_of(one)
        right = units.dimensionless_unscaled if other is None else unit_of(other)
        return _written(left / right if divided else left * right)
    except UnitError:
        return None


@lru_cache(maxsize=1024)
def power(unit: str | None, exponent: float) -> str | None:
    """Unit of a number to a power; None where the powers that come out are not whole."""
    if unit is None or not math.isfinite(exponent):
        return None
    try:
        raised = unit_of(unit) ** exponent
        return _written(raised) if all(float(each).is_integer() for each in raised.powers) else None
    except UnitError:
        return None


def _written(unit: UnitBase) -> str | None:
    try:
        text = unit.to_string("vounit", deprecations="silent")
    except ValueError:  # a scale that VOUnits has no words for
        return None
    return str(text) or None


def _plain(number: float) -> float:
    """The number without the last bit that multiplying scales leaves: 1e-10, not 1.0000000000000002e-10."""
    short = float(f"{number:.12g}")
    return short if abs(short - number) <= 1e-15 * abs(number) else number


def _dimension(unit: UnitBase) -> str:
    """What is measured in a unit, in a word."""
    name = str(unit.physical_type).split("/")[0]
    return f"the unit {unit.to_string()}" if name == "unknown" else name
