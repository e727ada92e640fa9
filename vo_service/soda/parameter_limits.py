"""What a descriptor says of each parameter for one data set: limits, options, or that it is of no use.

Only values with which an answer can be expected are told (SODA-078). Each limit stands in the DESCRIPTION,
too, for not every client shows the others (DL-094).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from typing import Any, Final

from vo_service.dali.descriptors import InputParam, Option
from vo_service.sky import Circle, Polygon
from vo_service.soda.limits import Limits
from vo_service.soda.parameters import MOMENT, SPECTRUM, Mode, SodaParameter

_DIGITS: Final = 12
_DOWN: Final = Context(prec=_DIGITS, rounding=ROUND_FLOOR)
_UP: Final = Context(prec=_DIGITS, rounding=ROUND_CEILING)


@dataclass(frozen=True, slots=True)
class Told:
    """Limits of one parameter: ``words`` are for people; None of ``options`` keeps those of the table."""

    minimum: str | None = None
    maximum: str | None = None
    options: tuple[Option, ...] | None = None
    words: str = ""


_NOTHING: Final = Told()
Tell = Callable[[Limits], Told | None]
"""Gives None where a data set has no use for a parameter."""


def input_param(
    parameter: SodaParameter[Any], told: Told = _NOTHING, value: str = "", ref: str | None = None
) -> InputParam:
    """A parameter of the table as a descriptor has it."""
    options = told.options
    if options is None:
        options = tuple(Option(one.value, one.name) for one in parameter.options)
    return InputParam(
        parameter.name,
        parameter.datatype,
        parameter.arraysize,
        parameter.xtype,
        parameter.unit,
        parameter.ucd,
        " ".join(filter(None, (parameter.description, told.words))),
        value,
        ref,
        told.minimum,
        told.maximum,
        options,
    )


def limited(parameter: SodaParameter[Any], limits: Limits, mode: Mode = "sync") -> InputParam | None:
    """A parameter with the limits of a data set; None where it is of no use there."""
    told = _TELLERS.get(parameter.name, _as_in_table)(limits)
    if told is None:
        return None
    if mode == "async" and parameter.many == "async":  # of those that repeat everywhere the table says so
        told = replace(told, words=f"{told.words} May be repeated.".lstrip())
    return input_param(parameter, told)


def _as_in_table(limits: Limits) -> Told:
    return _NOTHING


def _with_shape(limits: Limits) -> Told | None:
    return None if limits.circle is None else _NOTHING


def _circle(limits: Limits) -> Told | None:
    if limits.circle is None:
        return None
    text = circle_text(limits.circle)
    return Told(maximum=text, words=f"All of the data lie within {text}.")


def _polygon(limits: Limits) -> Told | None:
    """Where there is none the data cover a point, or a large part of the sky: any will do."""
    if limits.circle is None:
        return None
    return Told(maximum=None if limits.polygon is None else polygon_text(limits.polygon))


def _pixels(limits: Limits) -> Told | None:
    if limits.pixels is None:
        return None
    first, second = limits.pixels
    return Told(words=f"All pixels are 1 {first} 1 {second}.")


def _band(limits: Limits) -> Told | None:
    return _interval(limits.wavelengths, "m")


def _freq(limits: Limits) -> Told | None:
    return _interval(limits.frequencies, "Hz")


def _interval(pair: tuple[float, float] | None, unit: str) -> Told | None:
    if pair is None:
        return None
    low, high = inside(pair)
    return Told(low, high, words=f"The data go from {low} to {high} {unit}.")


def _specsys(limits: Limits) -> Told | None:
    if len(limits.frames) < 2:  # the barycentric one needs no saying
        return None
    frames = [frame.value for frame in limits.frames]
    return Told(options=tuple(Option(frame) for frame in frames), words=f"One of {', '.join(frames)}.")


def _line(limits: Limits) -> Told | None:
    if limits.wavelengths is None:
        return None
    if limits.redshift is None:
        return Told(words="The redshift of these data is not known: give Z with it.")
    lines = limits.lines()
    options = tuple(Option(line.name, f"{line.name}, {line.rest_hz / 1e9:.6f} GHz") for line in lines)
    names = ", ".join(line.name for line in lines) or "none of the list"
    return Told(options=options, words=f"At the redshift of these data ({limits.redshift}) there is {names}.")


def _of_line(limits: Limits) -> Told | None:
    return None if limits.wavelengths is None else _NOTHING


def _channels(limits: Limits) -> Told | None:
    if not limits.is_cube:
        return None
    return Told("1", str(limits.channels), words=f"There are {limits.channels}.")


def _time(limits: Limits) -> Told | None:
    if limits.times is None:
        return None
    start, end = (repr(float(each)) for each in limits.times)
    return Told(start, end, words=f"The data are from {start} to {end}.")


def _pol(limits: Limits) -> Told | None:
    return _one_of(limits.polarisations)


def _with(limits: Limits) -> Told | None:
    return _one_of(limits.companions)


def _one_of(words: tuple[str, ...]) -> Told | None:
    if not words:
        return None
    return Told(options=tuple(Option(word) for word in words), words=f"These data have {', '.join(words)}.")


def _rebin(limits: Limits) -> Told | None:
    if limits.pixels is None:
        return None
    first, second = limits.pixels
    most = f"{first} {second} {limits.channels or 1}"
    return Told("1 1 1", most, words=f"From 1 1 1 to {most}.")


def _moment(limits: Limits) -> Told | None:
    """Mean velocity and dispersion need a frequency that is at rest."""
    if not limits.is_cube:
        return None
    orders = ("0", "1", "2", "8") if limits.rest_frequency is not None else ("0", "8")
    return Told(options=_some(orders, MOMENT), words=f"Choose one of {', '.join(orders)}.")


def _spectrum(limits: Limits) -> Told | None:
    """A flux needs pixels in Jy per beam."""
    if not limits.is_cube:
        return None
    kinds = ("mean", "sum", "flux") if "beam" in (limits.unit or "").lower() else ("mean", "sum")
    return Told(options=_some(kinds, SPECTRUM), words=f"Choose one of {', '.join(kinds)}.")


def _some(values: tuple[str, ...], parameter: SodaParameter[Any]) -> tuple[Option, ...]:
    return tuple(Option(one.value, one.name) for one in parameter.options if one.value in values)


_TELLERS: Final[Mapping[str, Tell]] = {
    "POS": _with_shape,
    "CIRCLE": _circle,
    "POLYGON": _polygon,
    "PIXELS": _pixels,
    "BAND": _band,
    "FREQ": _freq,
    "SPECSYS": _specsys,
    "LINE": _line,
    "Z": _of_line,
    "WIDTH": _of_line,
    "VELDEF": _of_line,
    "CHANNELS": _channels,
    "TIME": _time,
    "POL": _pol,
    "WITH": _with,
    "OUTSIDE": _with_shape,
    "REBIN": _rebin,
    "MOMENT": _moment,
    "SPECTRUM": _spectrum,
}


def circle_text(circle: Circle) -> str:
    """``lon lat radius``."""
    return f"{float(circle.lon)!r} {float(circle.lat)!r} {float(circle.radius)!r}"


def polygon_text(polygon: Polygon) -> str:
    """``lon lat lon lat ...``, in the order that DALI wants."""
    return polygon.to_dali().partition(" ")[2]


def inside(pair: tuple[float, float]) -> tuple[str, str]:
    """The ends of an interval in decimals, rounded inwards: a value converted there and back must not fall
    out of the data."""
    low, high = _UP.plus(Decimal(pair[0])), _DOWN.plus(Decimal(pair[1]))
    if low > high:
        return repr(float(pair[0])), repr(float(pair[1]))
    return f"{low}".lower(), f"{high}".lower()
