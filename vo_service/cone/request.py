"""The parameters of a cone search, and the request they make (SCS, section 2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, TypeVar

from vo_service.asking.queries import echo_of
from vo_service.cone.tables import Verbosity
from vo_service.dali.errors import usage
from vo_service.dali.parameters import MAXREC, RESPONSEFORMAT, RUNID, Form, Parameter, shortened
from vo_service.dali.values import real
from vo_service.formats import Format, Info

T = TypeVar("T")

MOST_RADIUS: Final = 180.0
"""The largest radius, degrees: all of the sky."""

_VERBOSITIES: Final[dict[str, Verbosity]] = {"1": 1, "2": 2, "3": 3}


def _from_to(low: float, high: float, text: str) -> float:
    value = real(text.strip())
    if not low <= value <= high:
        raise ValueError(f"degrees from {low:g} to {high:g} are wanted")
    return value


def right_ascension(text: str) -> float:
    """Degrees from 0 to 360. Raises ValueError (SCS-004), as all here do."""
    return _from_to(0.0, 360.0, text)


def declination(text: str) -> float:
    """Degrees from -90 to 90."""
    return _from_to(-90.0, 90.0, text)


def radius(text: str) -> float:
    """Degrees from 0 to 180."""
    return _from_to(0.0, MOST_RADIUS, text)


def verbosity(text: str) -> Verbosity:
    """1, 2 or 3."""
    found = _VERBOSITIES.get(text.strip())
    if found is None:
        raise ValueError(f"1, 2 or 3 is wanted, not {shortened(text)!r}")
    return found


RA: Final = Parameter("RA", right_ascension, "right ascension of the centre, degrees, ICRS")
DEC: Final = Parameter("DEC", declination, "declination of the centre, degrees, ICRS")
SR: Final = Parameter("SR", radius, "radius of the cone, degrees; 0 for the columns, and what is just there")
VERB: Final = Parameter("VERB", verbosity, "1 for the principal columns, 2 for more, 3 for all")

PARAMETERS: Final[tuple[Parameter[Any], ...]] = (RA, DEC, SR, VERB, MAXREC, RESPONSEFORMAT, RUNID)


@dataclass(frozen=True, slots=True)
class ConeRequest:
    """A cone in degrees, ICRS, and what is wanted of its rows. ``maxrec`` None: as many as the service gives
    by default; ``echo`` are the parameters as they were sent."""

    lon: float
    lat: float
    radius: float
    verbosity: Verbosity
    maxrec: int | None
    runid: str | None
    format: Format
    echo: tuple[Info, ...]


def read_request(form: Form, format: Format) -> ConeRequest:
    """The request of a form, the format of its answer being known. Raises ServiceError (400)."""
    return ConeRequest(
        _needed(form, RA),
        _needed(form, DEC),
        _needed(form, SR),
        form.one(VERB) or 2,
        form.one(MAXREC),
        form.one(RUNID),
        format,
        echo_of(form, (one.name for one in PARAMETERS)),
    )


def _needed(form: Form, parameter: Parameter[T]) -> T:
    value = form.one(parameter)
    if value is None:
        raise usage(
            f"{parameter.name} is missing.", "RA, DEC and SR are needed: a position and a radius, in degrees."
        )
    return value
