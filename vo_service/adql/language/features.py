"""The one list of what a query may use beyond the core of ADQL, and from which version on.

The parser's switches, what is refused by name, the capabilities and docs/adql.md are read off it (ADQL-099,
ADQL-167 to 172, ADQL-192 to 194).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vo_service.adql.errors import AdqlError, Place
from vo_service.adql.functions.table import FUNCTIONS

VERSIONS = ("2.0", "2.1")
"""Versions of ADQL that clients may ask for, the newest last."""

STRICT = "2.1-strict"
"""ADQL 2.1 to the letter: what :data:`EXTENSIONS` lists is refused."""

LANGUAGES = (*VERSIONS, STRICT)

GEOMETRY = "adqlgeo"
FUNCTION = "udf"
SYNTAX = "syntax"
"""Group of extensions of the grammar, which no capabilities can declare."""


@dataclass(frozen=True, slots=True)
class Feature:
    """One thing a query may use. ``name`` is how the parser and messages call it.

    ``group`` is that of TAPRegExt (``adqlgeo``, ``udf``, or the word after ``adql-``), or ``SYNTAX``.
    ``signature`` is what is declared of a user-defined function. ``deprecated`` ones work, and warn.
    """

    group: str
    name: str
    since: str
    doc: str
    signature: str | None = None
    extension: bool = False
    deprecated: bool = False

    @property
    def form(self) -> str:
        """What the capabilities declare."""
        return self.signature or self.name


def _shape(name: str, doc: str, deprecated: bool = False) -> Feature:
    return Feature(GEOMETRY, name, "2.0", doc, deprecated=deprecated)


def _extension(name: str, doc: str) -> Feature:
    return Feature(SYNTAX, name, "2.0", doc, extension=True)


_OF_THE_STANDARD = (
    _shape("AREA", "Area of a geometry in square degrees."),
    _shape("BOX", "Box round a centre, its sides as arcs at the centre; a polygon.", deprecated=True),
    _shape("CENTROID", "Centre of a geometry: of a polygon the area-weighted one."),
    _shape("CIRCLE", "Cone of a radius in degrees, border included."),
    _shape("CONTAINS", "1 if the first geometry lies wholly in the second, border included, else 0."),
    _shape("COORD1", "Longitude of a point in degrees, as it was given."),
    _shape("COORD2", "Latitude of a point in degrees."),
    _shape("COORDSYS", "Name of the frame that a geometry was given in.", deprecated=True),
    _shape("DISTANCE", "Great-circle distance in degrees."),
    _shape("INTERSECTS", "1 if two geometries share a point, be it on their borders, else 0."),
    _shape("POINT", "Position of longitude and latitude in degrees."),
    _shape("POLYGON", "Polygon of great circles; its inside is the smaller side."),
    _shape("REGION", "Region of an STC-S text: Position Circle Box Polygon Range Union Intersection Not."),
    Feature("string", "LOWER", "2.1", "Text in lower case."),
    Feature("string", "UPPER", "2.1", "Text in upper case."),
    Feature("string", "ILIKE", "2.1", "LIKE without regard to case."),
    Feature("common-table", "WITH", "2.1", "Named queries in front of the main one."),
    Feature("sets", "UNION", "2.1", "Rows of either side; ALL keeps copies."),
    Feature("sets", "EXCEPT", "2.1", "Rows of the left side that the right has not; ALL counts copies."),
    Feature("sets", "INTERSECT", "2.1", "Rows of both sides; ALL counts copies."),
    Feature(
        "type",
        "CAST",
        "2.1",
        "A value as another type: SMALLINT INTEGER BIGINT REAL DOUBLE PRECISION CHAR CHAR(n) VARCHAR "
        "VARCHAR(n) TIMESTAMP, and POINT CIRCLE POLYGON of numbers in a text.",
    ),
    Feature("unit", "IN_UNIT", "2.1", "A value in another unit, written as VOUnits has it."),
    Feature("offset", "OFFSET", "2.1", "Rows left out at the start; stands behind ORDER BY."),
    Feature("conditional", "COALESCE", "2.1", "First argument that is not NULL."),
)

SEMICOLON = "a semicolon at the end"
NULL_OF_EXPRESSION = "IS NULL of an expression"
DECIMALS = "a second argument of ROUND and TRUNCATE that is no literal"
NULL_FRAME = "NULL as coordinate system"
LIKE_ESCAPES = "a backslash before _ or % in a pattern"

_OF_OURS = (
    _extension(SEMICOLON, "One semicolon may end the text."),
    _extension(NULL_OF_EXPRESSION, "IS NULL and IS NOT NULL take any value, not columns only."),
    _extension(NULL_FRAME, "NULL stands for '' where a coordinate system may stand."),
    _extension(
        DECIMALS, "The second argument of ROUND and TRUNCATE is any integer expression, each row its own."
    ),
    _extension(
        LIKE_ESCAPES,
        "In the patterns of LIKE and ILIKE \\_ and \\% stand for the plain characters, since the ALMA "
        "archive's clients write them so; a backslash before anything else is a backslash.",
    ),
    Feature(
        FUNCTION,
        "RANGE_S2D",
        "2.0",
        "The region between two longitudes and two latitudes, in degrees, as the clients of the ALMA archive "
        "write it.",
        "RANGE_S2D(lon1 DOUBLE PRECISION, lon2 DOUBLE PRECISION, lat1 DOUBLE PRECISION, "
        "lat2 DOUBLE PRECISION) -> REGION",
        extension=True,
    ),
    Feature(
        FUNCTION,
        "MOC",
        "2.0",
        "The region of a MOC in its ASCII form, such as '4/30-33 6/1000'; the cells are ICRS, NESTED.",
        "MOC(moc VARCHAR) -> REGION",
        extension=True,
    ),
)


def _of_functions() -> tuple[Feature, ...]:
    return tuple(
        Feature(FUNCTION, function.name, "2.0", function.doc, signature)
        for function in FUNCTIONS.values()
        for signature in function.signatures
    )


FEATURES: tuple[Feature, ...] = (*_OF_THE_STANDARD, *_OF_OURS, *_of_functions())
"""All of them; a function with several signatures stands here once for each."""

OURS_IN_CAPITALS = frozenset(("RANGE_S2D", "MOC"))
"""Functions of ours that geometry knows; they are matched without regard to case, as all others are."""

EXTENSIONS: tuple[Feature, ...] = tuple(feature for feature in FEATURES if feature.extension)

_BY_NAME = {feature.name: feature for feature in FEATURES}
_REFUSED = {
    "2.0": frozenset(feature.name for feature in FEATURES if feature.since == "2.1"),
    "2.1": frozenset[str](),
    STRICT: frozenset(feature.name for feature in EXTENSIONS),
}
assert all(version in _REFUSED for version in LANGUAGES)


def require(name: str, version: str, place: Place) -> None:
    """Raise AdqlError, by the feature's name, if a query of that version cannot use it (ADQL-169, 192)."""
    if name not in _REFUSED[version]:
        return
    if _BY_NAME[name].extension:
        raise AdqlError.at(
            place, f"{name} is an extension of ADQL 2.1, which strict mode refuses", "send it as ADQL-2.1"
        )
    raise AdqlError.at(place, f"{name} came with ADQL 2.1", "send the query with LANG=ADQL-2.1")


def declared() -> Mapping[str, tuple[Feature, ...]]:
    """What the capabilities declare, group by group."""
    groups = dict.fromkeys(feature.group for feature in FEATURES if feature.group != SYNTAX)
    return {group: tuple(feature for feature in FEATURES if feature.group == group) for group in groups}
