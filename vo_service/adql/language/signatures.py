"""How the functions that the standard reserves are called: the forms the parser holds a call to.

The counts of mathematical and string functions are a matter of grammar (ADQL-100: a wrong number of arguments
is an error of the parser); types are checked once names are resolved. Declared functions of ours are not
reserved: they are looked up in ``functions.FUNCTIONS``.
"""

from __future__ import annotations

from vo_service.adql.errors import AdqlError
from vo_service.adql.language.features import DECIMALS, NULL_FRAME, require
from vo_service.adql.language.tree import Call, ColumnName, Null, Number, Signed, String, Value

AGGREGATES = frozenset(("COUNT", "SUM", "AVG", "MIN", "MAX"))

_ONE = frozenset((1,))
_TWO = frozenset((2,))

_OF_ONE_ARGUMENT = (
    "ABS ACOS ASIN ATAN CEILING COS COT DEGREES EXP FLOOR LOG LOG10 RADIANS SIN SQRT TAN LOWER UPPER"
)

# name -> (allowed numbers of arguments without a coordinate system, how to write it)
CALL_FORMS: dict[str, tuple[frozenset[int] | None, str]] = {
    **{name: (_ONE, f"{name}(x)") for name in _OF_ONE_ARGUMENT.split()},
    "ATAN2": (_TWO, "ATAN2(y, x)"),
    "MOD": (_TWO, "MOD(x, y)"),
    "POWER": (_TWO, "POWER(x, y)"),
    "PI": (frozenset((0,)), "PI()"),
    "RAND": (frozenset((0, 1)), "RAND() or RAND(n), n an unsigned integer"),
    "ROUND": (frozenset((1, 2)), "ROUND(x) or ROUND(x, n), n an integer"),
    "TRUNCATE": (frozenset((1, 2)), "TRUNCATE(x) or TRUNCATE(x, n), n an integer"),
    "COALESCE": (None, "COALESCE(a, b, ...)"),
    "IN_UNIT": (_TWO, "IN_UNIT(x, 'unit')"),
    "POINT": (_TWO, "POINT(lon, lat) or POINT('ICRS', lon, lat)"),
    "CIRCLE": (frozenset((2, 3)), "CIRCLE(lon, lat, r) or CIRCLE(point, r), 'ICRS' in front if you like"),
    "BOX": (frozenset((3, 4)), "BOX(lon, lat, w, h) or BOX(point, w, h), 'ICRS' in front if you like"),
    "POLYGON": (None, "POLYGON(lon1, lat1, lon2, lat2, lon3, lat3, ...) or POLYGON(p1, p2, p3, ...)"),
    "REGION": (_ONE, "REGION('STC-S text')"),
    "AREA": (_ONE, "AREA(geometry)"),
    "CENTROID": (_ONE, "CENTROID(geometry)"),
    "COORD1": (_ONE, "COORD1(point)"),
    "COORD2": (_ONE, "COORD2(point)"),
    "COORDSYS": (_ONE, "COORDSYS(geometry)"),
    "DISTANCE": (frozenset((2, 4)), "DISTANCE(point, point) or DISTANCE(lon1, lat1, lon2, lat2)"),
    "CONTAINS": (_TWO, "CONTAINS(inner, outer)"),
    "INTERSECTS": (_TWO, "INTERSECTS(one, other)"),
}

_WITH_FRAME = frozenset(("POINT", "CIRCLE", "BOX", "POLYGON"))
# these take NULL as an argument: ADQL-092
_TAKES_NULL = frozenset(("COALESCE",))


def check_call(call: Call, version: str) -> None:
    """Raise AdqlError unless a call of a reserved function has one of its forms."""
    name, arguments = call.name, call.arguments
    counts, form = CALL_FORMS[name]
    if name in _WITH_FRAME and arguments and isinstance(arguments[0], String | Null):
        if isinstance(arguments[0], Null):
            require(NULL_FRAME, version, arguments[0].place)
        arguments = arguments[1:]
    allowed = len(arguments) in counts if counts is not None else _fits_open_form(name, arguments)
    if not allowed:
        hint = _quotes_hint(arguments[0], form) if name in _WITH_FRAME and arguments else f"write {form}"
        counted = f"{len(arguments)} argument{'' if len(arguments) == 1 else 's'}"
        raise AdqlError.at(call.place, f"{name} does not take {counted}", hint)
    if name not in _TAKES_NULL:
        _refuse_null_argument(name, arguments, form)
    _check_literals(call, arguments, form, version)


def _fits_open_form(name: str, arguments: tuple[Value, ...]) -> bool:
    return len(arguments) >= (3 if name == "POLYGON" else 1)


def _refuse_null_argument(name: str, arguments: tuple[Value, ...], form: str) -> None:
    for argument in arguments:
        if isinstance(argument, Null):
            raise AdqlError.at(argument.place, f"{name} does not take NULL", f"write {form}")


def _check_literals(call: Call, arguments: tuple[Value, ...], form: str, version: str) -> None:
    """Arguments that must be literals: geometry takes no text, REGION nothing but text."""
    name = call.name
    if name == "REGION":
        if not isinstance(arguments[0], String):
            hint = _quotes_hint(arguments[0], form)
            raise AdqlError.at(call.place, "REGION takes a string literal only", hint)
    elif name == "IN_UNIT":
        if not isinstance(arguments[1], String):
            hint = _quotes_hint(arguments[1], form)
            raise AdqlError.at(call.place, "the unit of IN_UNIT is a string literal", hint)
    elif name == "RAND" and arguments:
        if not (isinstance(arguments[0], Number) and arguments[0].is_integer):
            raise AdqlError.at(call.place, "RAND takes an unsigned integer literal", f"write {form}")
    elif name in ("ROUND", "TRUNCATE") and len(arguments) == 2 and literal_integer(arguments[1]) is None:
        require(DECIMALS, version, arguments[1].place)
    elif name not in ("LOWER", "UPPER", "COALESCE"):
        for argument in arguments:
            if isinstance(argument, String):
                raise AdqlError.at(argument.place, f"{name} takes no string here", f"write {form}")


def _quotes_hint(argument: Value, form: str) -> str:
    """How the call is written; where a name in double quotes stands for a string, that (ADQL-248)."""
    if isinstance(argument, ColumnName) and len(argument.parts) == 1 and argument.parts[0].quoted:
        text = argument.parts[0].text
        quotes = f"\"{text}\" in double quotes is a column; a string stands in single quotes: '{text}'"
        return f"{quotes}; write {form}"
    return f"write {form}"


def literal_integer(value: Value) -> int | None:
    """The value of an optionally signed integer literal, else None."""
    if isinstance(value, Signed) and isinstance(value.operand, Number) and value.operand.is_integer:
        return int(value.operand.text) * (-1 if value.sign == "-" else 1)
    return int(value.text) if isinstance(value, Number) and value.is_integer else None
