"""A form becomes requests: one at sync, every combination of values at async (SODA 1.0, sections 3 and 6).

Which parameters go together:

    one of BAND, FREQ, LINE, CHANNELS           SPECSYS is of BAND and FREQ
    one of MOMENT, SPECTRUM, HEADER             Z and WIDTH are of LINE
    PIXELS, or any of POS, CIRCLE, POLYGON      VELDEF is of LINE, MOMENT, SPECTRUM
    WITH      of cut-outs                       OUTSIDE  of cut-outs and moments, with a shape
    REBIN     of cut-outs and moments; before a spectrum along the spectral axis alone, since the sum over a
              region of larger pixels is another

A parameter in the wrong company is a mistake of the request and never passed over, unless its value is the
default. POS, CIRCLE and POLYGON are alternative values of one axis (SODA-022).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any, Final, Literal, TypeVar

from vo_service.dali.errors import usage
from vo_service.dali.parameters import MAXREC, RESPONSEFORMAT, RUNID, Form, shortened
from vo_service.dali.uws.listing import CONTROLS as STEERING
from vo_service.holdings.obscore_rows import POLARISATIONS
from vo_service.products.selection import Constraints, LineWindow
from vo_service.products.wanted import Cut, HeaderOf, MomentOf, SpectrumOf, Wanted
from vo_service.sky import Region
from vo_service.soda.answer_formats import header_type, image_type, spectrum_type
from vo_service.soda.canonical import UNBINNED, Result, said_of
from vo_service.soda.errors import MultiValuedError
from vo_service.soda.parameters import (
    BAND,
    BULK,
    CHANNELS,
    CIRCLE,
    CONTROLS,
    FREQ,
    HEADER,
    ID,
    LINE,
    MOMENT,
    OUTSIDE,
    PIXELS,
    POL,
    POLYGON,
    POS,
    REBIN,
    SPECSYS,
    SPECTRUM,
    TABLE,
    TIME,
    VELDEF,
    WIDTH,
    WITH,
    Mode,
    SodaParameter,
    Z,
)
from vo_service.soda.values import WIDTH as DEFAULT_WIDTH
from vo_service.spectral import Frame

T = TypeVar("T")

MOST_RESULTS: Final = 1000
"""Combinations of one job."""

_SHAPES: Final[tuple[SodaParameter[Any], ...]] = (POS, CIRCLE, POLYGON)
_CHANNELS: Final[tuple[SodaParameter[Any], ...]] = (BAND, FREQ, LINE, CHANNELS)
_PRODUCTS: Final[tuple[SodaParameter[Any], ...]] = (MOMENT, SPECTRUM, HEADER)
_KNOWN: Final = (*(one.name for one in TABLE), *(one.name for one in CONTROLS))
_OF_TABLES: Final = frozenset(one.name for one in BULK)


@dataclass(frozen=True, slots=True)
class Request:
    """One result that is asked for. ``id`` is as it was sent, ``media_type`` that of the answer."""

    id: str
    wanted: Wanted
    media_type: str
    runid: str | None = None


def read_requests(form: Form, mode: Mode, most: int = MOST_RESULTS) -> tuple[Request, ...]:
    """The requests of a form, at least one: IDs outermost, then shapes, bands and times, in the order in
    which they were sent (SODA-061, SODA-064).

    Raises ServiceError (400) for parameters that are unknown, wrong, in the wrong company or missing, and for
    more than ``most`` requests; MultiValuedError where one that takes a single value has more (SODA-011).
    """
    asked = check_parameters(form, mode)
    _check_company(asked)
    form.one(MAXREC)  # it limits rows, of which there are none here
    runid = form.one(RUNID)
    _check_count(asked, most)
    result, media_type = _result(asked)
    wanted = [_wanted(asked, constraints, result) for constraints in _constraints(asked)]
    return tuple(Request(id, one, media_type, runid) for id, one in product(asked.every(ID), wanted))


@dataclass(frozen=True, slots=True)
class Asked:
    """A form, read by the rules of an endpoint."""

    form: Form
    mode: Mode

    def every(self, parameter: SodaParameter[T]) -> tuple[T, ...]:
        return self.form.every(parameter.at(self.mode))

    def one(self, parameter: SodaParameter[T], default: T) -> T:
        return next(iter(self.every(parameter)), default)

    def only(self, parameter: SodaParameter[T]) -> T | None:
        return next(iter(self.every(parameter)), None)

    def count(self, *parameters: SodaParameter[Any]) -> int:
        """How many values there are; an empty one is none (SODA-095)."""
        return sum(bool(value.strip()) for one in parameters for value in self.form.values.get(one.name, ()))

    def given(self, *parameters: SodaParameter[Any]) -> list[str]:
        """The names of those that have a value."""
        return [one.name for one in parameters if self.count(one)]

    def shapes(self) -> tuple[Region, ...]:
        """The values of POS, CIRCLE and POLYGON; the parameters in the order in which each came first."""
        named = {one.name: one for one in _SHAPES}
        return tuple(shape for name in self.form.values if name in named for shape in self.every(named[name]))


def check_parameters(form: Form, mode: Mode) -> Asked:
    """The form as the endpoint reads it, whatever it asks for: its names are known and those that take a
    single value have no more. Raises as `read_requests`."""
    asked = Asked(form, mode)
    _check_names(form)
    _check_repeats(asked)
    return asked


def _check_names(form: Form) -> None:
    """Whether all names are known: the product would be another one than was asked for (SODA-096)."""
    strange = [
        name
        for name, values in form.values.items()
        if name not in _KNOWN and name not in STEERING and any(value.strip() for value in values)
    ]
    if strange and strange[0] in _OF_TABLES:
        raise usage(
            f"{strange[0]} is for the cut-outs of a table.",
            "Send the table to /soda/async as UPLOAD=name,param:part, in a multipart/form-data body.",
        )
    if strange:
        names = ", ".join(shortened(name) for name in strange[:5])
        verb = "is no parameter" if len(strange) == 1 else "are no parameters"
        raise usage(f"{names} {verb} of this service.", f"Known are {', '.join(_KNOWN)}.")


def _check_repeats(asked: Asked) -> None:
    for one in TABLE:
        if not one.repeats(asked.mode):
            _check_single(one.name, asked.count(one))
    for control in CONTROLS:
        _check_single(control.name, sum(bool(v.strip()) for v in asked.form.values.get(control.name, ())))
    if asked.mode == "sync" and asked.count(*_SHAPES) > 1:
        names = " and ".join(asked.given(*_SHAPES))
        raise MultiValuedError(
            f"{names} are values of one axis, of which sync takes one.", "Send one of them, or all to async."
        )


def _check_single(name: str, count: int) -> None:
    if count > 1:
        several = [one.name for one in TABLE if one.many == "async"]
        raise MultiValuedError(
            f"{name} was given {count} times; it takes one value here.",
            "Make a request of each, or a job at async." if name in several else None,
        )


def _check_company(asked: Asked) -> None:
    if not asked.count(ID):
        raise usage("ID is missing.", "Send the identifier of a data set as the parameter ID.")
    for alternatives in (_CHANNELS, _PRODUCTS):
        _check_apart(asked.given(*alternatives), alternatives)
    if asked.given(PIXELS) and asked.given(*_SHAPES):
        _check_apart(asked.given(PIXELS, *_SHAPES), (PIXELS, *_SHAPES))
    for own, owners in (((Z, WIDTH), (LINE,)), ((OUTSIDE,), _SHAPES)):
        _check_owned(asked.given(*own), asked, owners)
    if asked.one(SPECSYS, Frame.BARY) is not Frame.BARY:
        _check_owned(["SPECSYS"], asked, (BAND, FREQ))
    if asked.one(VELDEF, "radio") != "radio":
        _check_owned(["VELDEF"], asked, (LINE, MOMENT, SPECTRUM))
    for made, strangers in ((MOMENT, (WITH,)), (SPECTRUM, (WITH, OUTSIDE)), (HEADER, (WITH, OUTSIDE))):
        _check_without(asked.given(*strangers), asked, made)
    rebin = asked.one(REBIN, UNBINNED)
    if rebin != UNBINNED:
        _check_without(["REBIN"], asked, HEADER)
    if rebin[:2] != (1, 1) and asked.given(SPECTRUM):
        raise usage(
            "REBIN averages pixels of the sky, which SPECTRUM is to add up.",
            f"Send REBIN=1 1 {rebin[2]}, which averages channels alone.",
        )


def _check_apart(given: list[str], alternatives: tuple[SodaParameter[Any], ...]) -> None:
    if len(given) > 1:
        names = ", ".join(one.name for one in alternatives)
        raise usage(f"{' and '.join(given)} cannot be sent together.", f"Of {names} one may be given.")


def _check_owned(given: list[str], asked: Asked, owners: tuple[SodaParameter[Any], ...]) -> None:
    if given and not asked.given(*owners):
        names = " or ".join(one.name for one in owners)
        raise usage(
            f"{given[0]} means nothing without {names}.", "Send one of these with it, or leave it out."
        )


def _check_without(given: list[str], asked: Asked, made: SodaParameter[Any]) -> None:
    if given and asked.given(made):
        raise usage(f"{given[0]} cannot be sent together with {made.name}.", "Leave one of them out.")


def _check_count(asked: Asked, most: int) -> None:
    """Told before any value is read, for there may be many."""
    axes = ((ID,), _SHAPES, (BAND, FREQ), (TIME,))
    count = prod(max(1, asked.count(*axis)) for axis in axes)
    if count > most:
        raise usage(
            f"All combinations of these parameters are {count} results; one request has at most {most}.",
            "Make several jobs of them.",
        )


def _constraints(asked: Asked) -> Iterator[Constraints]:
    """What is wanted, for each combination of a shape, a band and a time."""
    labels = set(asked.every(POL))
    polarisations = tuple(label for label in POLARISATIONS if label in labels)
    bands = asked.every(BAND) or asked.every(FREQ)
    frame = asked.one(SPECSYS, Frame.BARY)
    line, channels, pixels = _line(asked), asked.only(CHANNELS), asked.only(PIXELS)
    for shape, band, time in product(
        asked.shapes() or (None,), bands or (None,), asked.every(TIME) or (None,)
    ):
        yield Constraints(
            shape=shape,
            frequencies=band,
            frame=frame,
            line=line,
            channels=channels,
            pixels=pixels,
            time=time,
            polarisations=polarisations,
        )


def _line(asked: Asked) -> LineWindow | None:
    line = asked.only(LINE)
    if line is None:
        return None
    width = asked.one(WIDTH, DEFAULT_WIDTH)
    return LineWindow(line.rest_hz, asked.only(Z), width, asked.one(VELDEF, "radio"))


def _wanted(asked: Asked, constraints: Constraints, result: Result) -> Wanted:
    companions = tuple(sorted(set(asked.every(WITH))))
    blank, rebin = asked.one(OUTSIDE, False), asked.one(REBIN, UNBINNED)
    said = said_of(constraints, companions, blank, rebin, result)
    return Wanted(constraints, said, companions, blank, rebin, result)


def _result(asked: Asked) -> tuple[Result, str]:
    """What is made of the pixels, and the media type that it has."""
    format = asked.form.one(RESPONSEFORMAT)
    order, kind = asked.only(MOMENT), asked.only(SPECTRUM)
    if order is not None:
        # a peak is the same by any definition
        definition = asked.one(VELDEF, "radio") if order != 8 else "radio"
        return MomentOf(order, definition), image_type(format)
    if kind is not None:
        media_type = spectrum_type(format)
        form: Literal["votable", "fits"] = "fits" if media_type.endswith("/fits") else "votable"
        return SpectrumOf(kind, form, asked.one(VELDEF, "radio")), media_type
    if asked.only(HEADER):
        return HeaderOf(), header_type(format)
    return Cut(), image_type(format)
