"""How a function is called and what it gives: what ``functions.FUNCTIONS`` is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from vo_service.adql.errors import AdqlError, Place
from vo_service.adql.names import Names
from vo_service.adql.nodes.grouping import parts_of
from vo_service.adql.nodes.kinds import Facts, Kind
from vo_service.adql.sql.functions import Emitter

if TYPE_CHECKING:
    from vo_service.adql.nodes.resolved import Value

_RANDOM = ("rand", "ivo_normal_random")
Array: TypeAlias = npt.NDArray[np.float64]
Reference: TypeAlias = Callable[..., Any]

CLASSES = frozenset("number integer text time literal_text shape point pixel line intervals".split())
"""What an argument can be:

``number`` any number, becomes a double; ``integer`` a value of an integer type, as it is; ``text``; ``time``
a TIMESTAMP, or a string literal that is one; ``literal_text`` a string literal (emitters get it as such);
``line`` a string literal that names a spectral line (emitters get its rest wavelength in metres, references
its rest frequency); ``intervals`` an array of doubles, flat pairs; ``point`` a geometry of kind POINT,
``pixel`` the same, ``shape`` any geometry. Emitters get a point as three doubles, its unit vector, and a
pixel as the stored cell of order 29, or as longitude and latitude where none is stored; functions of other
shapes have forms that are made (:class:`Form`).
"""


@dataclass(frozen=True, slots=True)
class Called:
    """A call whose arguments are resolved: what the maker of a form builds its value from.

    ``places`` are those of the arguments. ``make_point`` makes a position of two numbers; columns that a
    table calls its position bring their unit vector and pixel along. ``number`` tells the number that a value
    is in every row, None where it depends on rows or is NULL. ``names`` knows positions of targets.
    """

    name: str
    arguments: tuple[Value, ...]
    places: tuple[Place, ...]
    place: Place
    make_point: Callable[[Value, Value], Value]
    number: Callable[[Value], float | None]
    warn: Callable[[str], None]
    names: Names | None = None

    def refuse(self, argument: int, message: str, hint: str | None = None) -> AdqlError:
        """The error at the place of an argument, which counts from 0."""
        return AdqlError.at(self.places[argument], message, hint)

    def refuse_random(self) -> None:
        """Raise AdqlError where an argument is random: one engine would give all rows the same value."""
        for index, argument in enumerate(self.arguments):
            if _is_random(argument):
                name = self.name.lower()
                raise self.refuse(
                    index, f"a random number cannot stand inside {name}", "draw it in a derived table"
                )


Maker: TypeAlias = Callable[[Called], "Value"]


def _is_random(value: Any) -> bool:
    return getattr(value, "function", "").lower() in _RANDOM or any(
        _is_random(part) for part in parts_of(value)
    )


@dataclass(frozen=True, slots=True)
class Form:
    """One way to call a function: classes of arguments (``CLASSES``), and the type of the result.

    ``make`` builds the value at once where it is no plain call: geometries, constants, calls of something
    else (of a function whose name starts with ``_``, say, which no query can reach). ``declared`` is the
    signature in the words of TAPRegExt where a function has several forms that are declared.
    """

    arguments: tuple[str, ...]
    result: Kind
    make: Maker | None = field(default=None, compare=False)
    declared: str | None = None

    def __post_init__(self) -> None:
        assert CLASSES.issuperset(self.arguments), self.arguments


@dataclass(frozen=True, slots=True)
class Function:
    """One function. ``unit`` and ``ucd`` are those of the result, ``same`` for the first argument's.

    Arguments behind the first of an aggregate are constants; its emitter gets all of them, and what it
    returns is an aggregate of the engine.
    """

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
    facts: Callable[[tuple[Value, ...]], Facts] | None = None
    """Facts of the result where kind, unit and UCD do not tell enough, as of arrays of a certain size."""

    @property
    def signatures(self) -> tuple[str, ...]:
        """The signatures to be declared, one a form; none for functions that the standard reserves."""
        of_forms = tuple(form.declared for form in self.forms if form.declared is not None)
        return of_forms or ((self.declared,) if self.declared is not None else ())


def quiet(function: Reference) -> Reference:
    """The function without numpy's warnings; infinite results of finite arguments become NaN."""

    def run(*arguments: Any) -> Array:
        with np.errstate(all="ignore"):
            result = np.asarray(function(*(np.asarray(a, dtype=float) for a in arguments)), dtype=float)
            finite = np.all([np.isfinite(np.asarray(a, dtype=float)) for a in arguments], axis=0)
            return np.where(finite & np.isinf(result), np.nan, result)

    return run
