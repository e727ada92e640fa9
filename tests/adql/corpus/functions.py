"""Functions of ADQL on values, in numpy: NULL for NULL, and for results that are no numbers (ADQL-119)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from corpus.nullable import NULL, Nullable, plain


def lifted(function: Callable[..., Any]) -> Callable[..., Nullable]:
    """The function with NULL for NULL, and for a result that is no number (ADQL-119)."""

    def call(*arguments: Any) -> Nullable:
        values = [plain(a) for a in arguments]
        if any(v is None for v in values):
            return NULL
        with np.errstate(all="ignore"):
            try:
                found = function(*values)
            except (ValueError, OverflowError, ZeroDivisionError):
                return NULL
        if isinstance(found, float | np.floating):
            found = float(found)
            strange = not math.isfinite(found)
            if strange and all(math.isfinite(v) for v in values if isinstance(v, int | float)):
                return NULL
            if math.isnan(found) and not any(isinstance(v, float) and math.isnan(v) for v in values):
                return NULL
        return Nullable(found)

    return call


def half_away(x: float, places: int = 0) -> float:
    """Rounded, ties away from zero."""
    scale = 10.0**places if places >= 0 else 1 / 10.0**-places
    scaled = abs(x) * scale
    whole = math.floor(scaled)
    whole += 1 if scaled - whole >= 0.5 else 0
    return math.copysign(whole / scale, x)


def cut(x: float, places: int = 0) -> float:
    scale = 10.0**places if places >= 0 else 1 / 10.0**-places
    return math.copysign(math.floor(abs(x) * scale) / scale, x)


FUNCTIONS: Mapping[str, Callable[..., Nullable]] = {
    "ABS": lifted(lambda x: abs(float(x))),
    "CEILING": lifted(lambda x: float(np.ceil(x))),
    "FLOOR": lifted(lambda x: float(np.floor(x))),
    "EXP": lifted(lambda x: np.exp(float(x))),
    "LOG": lifted(lambda x: np.log(float(x)) if not x <= 0 else math.nan),
    "LOG10": lifted(lambda x: np.log10(float(x)) if not x <= 0 else math.nan),
    "MOD": lifted(lambda x, y: np.fmod(float(x), float(y))),
    "POWER": lifted(lambda x, y: np.power(float(x), float(y))),
    "RADIANS": lifted(lambda x: np.radians(float(x))),
    "DEGREES": lifted(lambda x: np.degrees(float(x))),
    "ROUND": lifted(lambda x, n=0: half_away(float(x), n) if math.isfinite(x) else float(x)),
    "TRUNCATE": lifted(lambda x, n=0: cut(float(x), n) if math.isfinite(x) else float(x)),
    "SQRT": lifted(lambda x: np.sqrt(float(x))),
    "SIN": lifted(lambda x: np.sin(float(x))),
    "COS": lifted(lambda x: np.cos(float(x))),
    "TAN": lifted(lambda x: np.tan(float(x))),
    "COT": lifted(lambda x: 1 / np.tan(float(x)) if x else math.nan),
    "ASIN": lifted(lambda x: np.arcsin(float(x))),
    "ACOS": lifted(lambda x: np.arccos(float(x))),
    "ATAN": lifted(lambda x: np.arctan(float(x))),
    "ATAN2": lifted(lambda y, x: np.arctan2(float(y), float(x))),
    "LOWER": lifted(lambda s: s.lower()),
    "UPPER": lifted(lambda s: s.upper()),
}
