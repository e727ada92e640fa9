"""CAST: what can become what, and constants that cannot (ADQL-121 to 126)."""

from __future__ import annotations

import math
import re

from vo_service.adql.errors import AdqlError, Place, shown
from vo_service.adql.language import tree
from vo_service.adql.meaning import derivation
from vo_service.adql.meaning.constants import constant_number
from vo_service.adql.meaning.resolve_calls import describe, timestamp_constant
from vo_service.adql.nodes.coordinate_systems import OF_TABLES
from vo_service.adql.nodes.kinds import INTEGERS, LIMITS, NUMBERS, OPAQUE, SHAPES, Facts, Kind
from vo_service.adql.nodes.resolved import Constant, Conversion, Value
from vo_service.adql.nodes.resolved_shapes import Geometry, Point, Shape, Stored
from vo_service.adql.sql.texts import BLANKS
from vo_service.sky import Circle, Polygon, Region, RegionError, parse_region

_TARGETS = {
    kind.value: kind for kind in (*NUMBERS, Kind.TIMESTAMP, Kind.POINT, Kind.CIRCLE, Kind.POLYGON)
} | {
    "CHAR": Kind.TEXT,
    "VARCHAR": Kind.TEXT,
}
_LONGEST_PADDED = 65535
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?", re.ASCII)
_DEGREES = Facts(Kind.DOUBLE, "deg")
_FORMS = {
    Kind.POINT: "'lon lat'",
    Kind.CIRCLE: "'lon lat radius'",
    Kind.POLYGON: "'lon lat lon lat lon lat ...'",
}
SHAPE_FACTS = {
    Kind.POINT: Facts(Kind.POINT, "deg", "pos.eq"),
    Kind.CIRCLE: Facts(Kind.CIRCLE, "deg"),
    Kind.POLYGON: Facts(Kind.POLYGON, "deg"),
}


def cast_value(operand: Value, node: tree.Cast) -> Value:
    """CAST of a value to the type that the node names. Raises AdqlError where that cannot be."""
    target = _TARGETS[node.target]
    source = operand.facts.kind
    if target in SHAPES:
        return _to_shape(operand, target, node)
    to_time = target is Kind.TIMESTAMP and source in NUMBERS
    of_time = target in NUMBERS and source is Kind.TIMESTAMP
    if to_time or of_time or source not in NUMBERS | {Kind.TEXT, Kind.TIMESTAMP, Kind.NULL}:
        raise AdqlError.at(node.place, f"{describe(operand)} cannot be cast to {node.target}", _cure(source))
    if isinstance(operand, Constant) and isinstance(operand.value, str) and source is Kind.TEXT:
        if target is Kind.TIMESTAMP:
            return timestamp_constant(operand.value.strip(BLANKS), node.operand.place)
        if target in NUMBERS:
            operand = _number_of(operand.value.strip(BLANKS), target, node)
    _check_range(operand, target, node)
    padded = node.target == "CHAR" and node.length is not None
    if padded and node.length is not None and node.length > _LONGEST_PADDED:
        raise AdqlError.at(
            node.place,
            f"CHAR({node.length}) pads every text to that length, {_LONGEST_PADDED} at most",
            f"write VARCHAR({node.length})",
        )
    return Conversion(
        operand, derivation.of_cast(operand.facts, target, node.length, padded), node.length, padded
    )


def _number_of(text: str, target: Kind, node: tree.Cast) -> Constant:
    """The number that a string literal says; one that says none is refused at its place."""
    special = text.lower().lstrip("+-") in ("nan", "inf", "infinity") and target in (Kind.REAL, Kind.DOUBLE)
    if not special and not _NUMBER.fullmatch(text):
        raise AdqlError.at(node.operand.place, f"'{text}' is no number", f"{target} is asked for")
    if target in INTEGERS and text.lstrip("+-").isdigit() and len(text) < 30:
        return Constant(int(text), Facts(Kind.BIGINT))
    number = float(text)
    lost = math.isinf(number) or (number == 0.0 and any(digit in "123456789" for digit in _mantissa(text)))
    if lost and not special:
        raise AdqlError.at(node.operand.place, f"'{text}' is beyond {target}")
    return Constant(number, Facts(Kind.DOUBLE))


def _cure(source: Kind) -> str | None:
    if source is Kind.REGION:
        return "select it as it is: a region leaves as STC-S text"
    if source in SHAPES:
        return "select it as it is, or its numbers by COORD1, COORD2, AREA"
    if source is Kind.TIMESTAMP:
        return "columns of days such as t_min are numbers; a time may become text"
    if source in NUMBERS:
        return "write the time as text, as in '2020-01-31T12:00:00'"
    return "select it as it is" if source in OPAQUE else None


def _mantissa(text: str) -> str:
    return text.lower().split("e")[0]


def _check_range(operand: Value, target: Kind, node: tree.Cast) -> None:
    """A constant beyond the target is refused at its place (ADQL-123, ADQL-124)."""
    number, limits = constant_number(operand), LIMITS.get(target)
    if number is None or limits is None or (target is Kind.REAL and not math.isfinite(number)):
        return
    exact = operand.value if isinstance(operand, Constant) and isinstance(operand.value, int) else 0
    beyond = not -(2**63) <= exact < 2**63
    if beyond or not limits[0] - 0.5 < number < limits[1] + 0.5:
        place = node.operand.place
        said = f"{exact}" if exact else shown(number)
        raise AdqlError.at(place, f"{said} is beyond {target}", "write CAST(... AS DOUBLE PRECISION)")


def _to_shape(operand: Value, target: Kind, node: tree.Cast) -> Value:
    """A geometry from DALI's text or array of numbers; constants are looked at now (ADQL-126)."""
    facts, source = SHAPE_FACTS[target], operand.facts.kind
    if source is target:
        return operand
    if isinstance(operand, Constant) and isinstance(operand.value, str):
        return _constant_shape(operand.value, target, node.operand.place)
    if source in (Kind.NULL, Kind.TEXT):
        return Stored(Conversion(operand, facts), facts, frame="")
    if source is Kind.ARRAY and operand.facts.datatype in ("double", "float") and not operand.facts.xtype:
        return Stored(operand, facts, frame="")
    what = "a geometry" if isinstance(operand, Geometry) else describe(operand)
    raise AdqlError.at(node.place, f"{what} cannot be cast to {target}", f"write {_FORMS[target]} as text")


def _constant_shape(text: str, target: Kind, place: Place) -> Value:
    region = _region(text, target, place)
    facts = SHAPE_FACTS[target]
    frame = OF_TABLES if text.strip(BLANKS)[:1].isalpha() else ""  # a text of STC-S, which is ICRS
    if isinstance(region, Circle) and target is Kind.POINT:
        return Point(Constant(region.lon, _DEGREES), Constant(region.lat, _DEGREES), facts, frame=frame)
    return Shape(region, facts, frame)


def _region(text: str, target: Kind, place: Place) -> Region:
    words = re.split(f"[{BLANKS}]+", text.strip(BLANKS))
    plain = all(_NUMBER.fullmatch(word) for word in words)
    try:
        if plain:
            return _of_numbers([float(word) for word in words], target, place)
        region = parse_region(text)
    except RegionError as error:
        raise AdqlError.at(place, f"'{text}' is no {target}: {error}", f"write {_FORMS[target]}") from error
    if not _is_shape(region, target):
        raise AdqlError.at(place, f"'{text}' is no {target}", f"write {_FORMS[target]}")
    return region


def _is_shape(region: Region, target: Kind) -> bool:
    if target is Kind.POLYGON:
        return isinstance(region, Polygon)
    return isinstance(region, Circle) and (region.radius == 0.0 or target is Kind.CIRCLE)


def _of_numbers(numbers: list[float], target: Kind, place: Place) -> Region:
    count = len(numbers)
    if target is Kind.POINT and count == 2:
        return Circle(numbers[0], numbers[1], 0.0)
    if target is Kind.CIRCLE and count == 3:
        return Circle(numbers[0], numbers[1], numbers[2])
    if target is Kind.POLYGON and count >= 6 and count % 2 == 0:
        return Polygon(tuple(zip(numbers[::2], numbers[1::2])))
    given = "1 number makes" if count == 1 else f"{count} numbers make"
    raise AdqlError.at(place, f"{given} no {target}", f"write {_FORMS[target]}")
