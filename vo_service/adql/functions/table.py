"""The one table of functions: how they are called, what they give, how engines write them, what is right.

Geometry is not here: ``shapes`` and ``geometry_sql`` know it. ``reference`` is numpy's answer, with
NaN for NULL; tests compare both engines with it, and constant arguments are folded by it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from vo_service.adql.functions.aggregates import FUNCTIONS_OF_AGGREGATES
from vo_service.adql.functions.forms import Array, Called, Form, Function, Reference, quiet
from vo_service.adql.functions.healpix import FUNCTIONS_OF_HEALPIX
from vo_service.adql.functions.names import FUNCTIONS_OF_NAMES
from vo_service.adql.functions.sky import FUNCTIONS_OF_SKY
from vo_service.adql.functions.texts import FUNCTIONS_OF_TEXT
from vo_service.adql.functions.times import FUNCTIONS_OF_TIME
from vo_service.adql.nodes.kinds import Facts, Kind
from vo_service.adql.nodes.resolved import Constant
from vo_service.adql.sql import functions as sql
from vo_service.adql.sql import texts as text_sql
from vo_service.adql.sql.functions import Emitter
from vo_service.spectral import C, line_covered, line_covered_all


def _power(x: Array, y: Array) -> Array:
    bad = ((x < 0) & (y != np.trunc(y))) | ((x == 0) & (y < 0))
    return np.where(bad, np.nan, np.power(x, y))


def _scaled(cut: Callable[[Array], Array]) -> Reference:
    def run(x: Array, decimals: Array | float = 0.0) -> Array:
        if np.ndim(decimals):
            return np.array([at(each, int(n)) for each, n in np.broadcast(x, decimals)])
        return at(x, int(decimals))

    def at(x: Array, n: int) -> Array:
        if abs(n) > 308:
            return x if n > 0 else np.where(np.isfinite(x), 0.0, x)
        scale = float(f"1e{abs(n)}")
        if n >= 0:
            return np.where(np.abs(x) < 2.0**52 / scale, cut(x * scale) / scale, x)
        return np.where(np.abs(x) < 2.0**52 * scale, cut(x / scale) * scale, x)

    return run


def _half_away(x: Array) -> Array:
    whole = np.trunc(x)
    fraction = x - whole
    return whole + (fraction >= 0.5) - (fraction <= -0.5)


def _line_frequency(called: Called) -> Constant:
    wavelength = called.arguments[0]
    assert isinstance(wavelength, Constant) and isinstance(wavelength.value, float)
    return Constant(C / wavelength.value, Facts(Kind.DOUBLE, "Hz", "em.freq;em.line"))


def _of_one(
    name: str,
    doc: str,
    emit: Emitter,
    reference: Reference,
    unit: str | None = None,
    ucd: str | None = None,
) -> Function:
    return Function(name, (Form(("number",), Kind.DOUBLE),), doc, emit, quiet(reference), unit, ucd=ucd)


def _of_two(name: str, doc: str, emit: Emitter, reference: Reference, unit: str | None = None) -> Function:
    return Function(name, (Form(("number", "number"), Kind.DOUBLE),), doc, emit, quiet(reference), unit)


_DECIMALS = (Form(("number",), Kind.DOUBLE), Form(("number", "integer"), Kind.DOUBLE))
_TEXT = (Form(("text",), Kind.TEXT),)
_LINE = (Form(("line", "number", "number", "intervals"), Kind.INTEGER),)

_ALL = (
    _of_one("ABS", "Absolute value.", sql.named("abs"), np.abs, "same", "same"),
    _of_one("CEILING", "Smallest whole number that is not below x.", sql.named("ceil"), np.ceil, "same"),
    _of_one("FLOOR", "Largest whole number that is not above x.", sql.named("floor"), np.floor, "same"),
    _of_one("EXP", "e to the power x.", sql.exponential, np.exp),
    _of_one("LOG", "Natural logarithm; NULL for x <= 0.", sql.logarithm("ln"), np.log),
    _of_one("LOG10", "Logarithm to base 10; NULL for x <= 0.", sql.logarithm("log10"), np.log10),
    _of_one("SQRT", "Square root; NULL for x < 0.", sql.square_root, np.sqrt),
    _of_one("SIN", "Sine of an angle in radians.", sql.on_finite("sin"), np.sin),
    _of_one("COS", "Cosine of an angle in radians.", sql.on_finite("cos"), np.cos),
    _of_one("TAN", "Tangent of an angle in radians.", sql.on_finite("tan"), np.tan),
    _of_one("COT", "Cotangent of an angle in radians; NULL at 0.", sql.cotangent, lambda x: 1 / np.tan(x)),
    _of_one("ASIN", "Arc sine, radians; NULL beyond 1.", sql.arc("asin"), np.arcsin, "rad"),
    _of_one("ACOS", "Arc cosine, radians; NULL beyond 1.", sql.arc("acos"), np.arccos, "rad"),
    _of_one("ATAN", "Arc tangent, radians.", sql.named("atan"), np.arctan, "rad"),
    _of_one("RADIANS", "Degrees to radians.", sql.to_radians, np.radians, "rad"),
    _of_one("DEGREES", "Radians to degrees.", sql.to_degrees, np.degrees, "deg"),
    _of_two(
        "ATAN2",
        "Arc tangent of y / x in the quadrant of (x, y), radians; y comes first.",
        sql.named("atan2"),
        np.arctan2,
        "rad",
    ),
    _of_two("MOD", "Remainder of x / y with the sign of x; NULL for y = 0.", sql.remainder, np.fmod, "same"),
    _of_two("POWER", "x to the power y; NULL where that is no number or beyond a double.", sql.power, _power),
    Function(
        "ROUND",
        _DECIMALS,
        "x to n decimals (0 by default), ties away from zero.",
        sql.rounded,
        quiet(_scaled(_half_away)),
        "same",
        ucd="same",
    ),
    Function(
        "TRUNCATE",
        _DECIMALS,
        "x cut toward zero at n decimals (0 by default).",
        sql.truncated,
        quiet(_scaled(np.trunc)),
        "same",
        ucd="same",
    ),
    Function("PI", (Form((), Kind.DOUBLE),), "The number pi.", sql.pi, lambda: np.float64(np.pi)),
    Function(
        "RAND",
        (Form((), Kind.DOUBLE), Form(("integer",), Kind.DOUBLE)),
        "A random number from 0 to 1, new for every row; the argument has no meaning.",
        sql.random_number,
        None,
    ),
    Function("LOWER", _TEXT, "The text in lower case.", text_sql.lower, None, ucd="same"),
    Function("UPPER", _TEXT, "The text in upper case.", text_sql.upper, None, ucd="same"),
    Function(
        "line_covered",
        _LINE,
        "1 if the line, at some redshift from zmin to zmax, falls into one of the windows (pairs of "
        "wavelengths in metres, such as em_support), 0 if not or if zmin > zmax, "
        "NULL where a redshift or the windows are.",
        sql.line_some,
        line_covered,
        declared="line_covered(line VARCHAR, zmin DOUBLE PRECISION, zmax DOUBLE PRECISION, "
        "em_support DOUBLE PRECISION[]) -> INTEGER",
    ),
    Function(
        "line_covered_all",
        _LINE,
        "1 if one of the windows holds the line at all redshifts from zmin to zmax, 0 if not or if "
        "zmin > zmax, NULL where a redshift or the windows are.",
        sql.line_all,
        line_covered_all,
        declared="line_covered_all(line VARCHAR, zmin DOUBLE PRECISION, zmax DOUBLE PRECISION, "
        "em_support DOUBLE PRECISION[]) -> INTEGER",
    ),
    Function(
        "line_frequency",
        (Form(("line",), Kind.DOUBLE, _line_frequency),),
        "Rest frequency of a spectral line, such as 'CO(2-1)', in Hz.",
        sql.named("line_frequency"),
        None,
        "Hz",
        declared="line_frequency(line VARCHAR) -> DOUBLE PRECISION",
    ),
)

FUNCTIONS: Mapping[str, Function] = {
    function.name: function
    for function in (
        *_ALL,
        *FUNCTIONS_OF_HEALPIX,
        *FUNCTIONS_OF_SKY,
        *FUNCTIONS_OF_TIME,
        *FUNCTIONS_OF_NAMES,
        *FUNCTIONS_OF_TEXT,
        *FUNCTIONS_OF_AGGREGATES,
    )
}
"""Reserved functions under their upper-case names, all others under lower-case ones.

A name that starts with ``_`` is of no use to a query: no identifier does. Functions of that kind are parts
that the makers of forms put values together of.
"""


def find_function(name: str) -> Function | None:
    """The function a call means; names of ours are matched without regard to case."""
    return FUNCTIONS.get(name) or FUNCTIONS.get(name.lower())
