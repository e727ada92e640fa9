"""What is wanted, in words that depend on its meaning alone: names and values in fixed order.

Equal wants have equal words however they were spelt, and words that are sent as parameters ask for the same
again. Shapes go by their own parameter (CIRCLE, POLYGON, and POS for ranges), wavelengths as FREQ, lines by
their first name, and what is as it is by default is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from vo_service.dali.values import written
from vo_service.products.selection import Constraints, LineWindow
from vo_service.products.wanted import Cut, HeaderOf, MomentOf, SpectrumOf
from vo_service.sky import Circle, Polygon, Range, Region
from vo_service.spectral import LINES, Frame

Result = Cut | HeaderOf | MomentOf | SpectrumOf
Pairs = Iterator[tuple[str, str]]

UNBINNED: Final = (1, 1, 1)
_LINE_NAMES: Final[Mapping[float, str]] = {line.rest_hz: line.name for line in LINES}


def said_of(
    constraints: Constraints,
    companions: tuple[str, ...],
    blank: bool,
    rebin: tuple[int, int, int],
    result: Result,
) -> tuple[tuple[str, str], ...]:
    """The parameters that ask for this and no other, in the order of the table of parameters."""
    return (
        *_of_place(constraints),
        *_of_spectrum(constraints, result),
        *_of_rest(constraints),
        *(("WITH", role) for role in companions),
        *((("OUTSIDE", "blank"),) if blank else ()),
        *((("REBIN", written(*rebin)),) if rebin != UNBINNED else ()),
        *_of_result(result),
    )


def _of_place(constraints: Constraints) -> Pairs:
    if constraints.shape is not None:
        yield _of_shape(constraints.shape)
    if constraints.pixels is not None:
        (x1, x2), (y1, y2) = constraints.pixels
        yield "PIXELS", written(x1, x2, y1, y2)


def _of_shape(shape: Region) -> tuple[str, str]:
    match shape:
        case Circle():
            return "CIRCLE", written(shape.lon, shape.lat, shape.radius)
        case Polygon():
            return "POLYGON", written(*(number for corner in shape.vertices for number in corner))
        case Range():
            return "POS", f"RANGE {written(shape.lon1, shape.lon2, shape.lat1, shape.lat2)}"
    raise TypeError(f"no parameter has a shape such as {shape.brief()}")


def _of_spectrum(constraints: Constraints, result: Result) -> Pairs:
    if constraints.frequencies is not None:
        yield "FREQ", written(*constraints.frequencies)
        if constraints.frame is not Frame.BARY:
            yield "SPECSYS", constraints.frame.value
    if constraints.line is not None:
        yield from _of_line(constraints.line)
    if constraints.line is not None and constraints.line.definition != "radio":
        yield "VELDEF", constraints.line.definition
    elif isinstance(result, MomentOf | SpectrumOf) and result.definition != "radio":
        yield "VELDEF", result.definition
    if constraints.channels is not None:
        yield "CHANNELS", written(*constraints.channels)


def _of_line(line: LineWindow) -> Pairs:
    yield "LINE", _LINE_NAMES[line.rest]
    if line.redshift is not None:
        yield "Z", written(line.redshift)
    yield "WIDTH", written(line.width)


def _of_rest(constraints: Constraints) -> Pairs:
    if constraints.time is not None:
        yield "TIME", written(*constraints.time)
    for label in constraints.polarisations:
        yield "POL", label


def _of_result(result: Result) -> Pairs:
    match result:
        case MomentOf():
            yield "MOMENT", str(result.order)
        case SpectrumOf():
            yield "SPECTRUM", result.kind
            if result.form == "fits":
                yield "RESPONSEFORMAT", "application/fits"
        case HeaderOf():
            yield "HEADER", "1"
