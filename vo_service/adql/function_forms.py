"""How a function is called and what it gives: what ``functions.FUNCTIONS`` is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from vo_service.adql.function_sql import Emitter
from vo_service.adql.kinds import Kind

Array: TypeAlias = npt.NDArray[np.float64]
Reference: TypeAlias = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Form:
    """One way to call a function: classes of arguments, and the type of the result.

    Classes: ``number`` (becomes a double), ``integer`` (a literal), ``text``, ``intervals`` (doubles, flat),
    ``line`` (a string literal that names a line; emitters get its rest wavelength in metres, references
    its rest frequency).
    """

    arguments: tuple[str, ...]
    result: Kind


@dataclass(frozen=True, slots=True)
class Function:
    """One function. ``unit`` is that of the result, ``same`` for the first argument's."""

    name: str
    forms: tuple[Form, ...]
    doc: str
    emit: Emitter
    reference: Reference | None
    unit: str | None = None
    declared: str | None = None
    """Signature in the words of TAPRegExt for user-defined functions, else None."""
    ucd: str | None = None
    aggregate: bool = False
    """Whether one value comes of many rows, as of SUM."""


def quiet(function: Reference) -> Reference:
    """The function without numpy's warnings; infinite results of finite arguments become NaN."""

    def run(*arguments: Any) -> Array:
        with np.errstate(all="ignore"):
            result = np.asarray(function(*(np.asarray(a, dtype=float) for a in arguments)), dtype=float)
            finite = np.all([np.isfinite(np.asarray(a, dtype=float)) for a in arguments], axis=0)
            return np.where(finite & np.isinf(result), np.nan, result)

    return run
