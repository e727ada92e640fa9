"""The types of ADQL (section 3) and what is known of a value: type, unit, UCD and how VOTable writes it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from tap_schema import Column


class Kind(StrEnum):
    """A type as ADQL names it; ARRAY stands for intervals and the like, OTHER for what is only passed on."""

    SMALLINT = "SMALLINT"
    INTEGER = "INTEGER"
    BIGINT = "BIGINT"
    REAL = "REAL"
    DOUBLE = "DOUBLE PRECISION"
    TEXT = "VARCHAR"
    TIMESTAMP = "TIMESTAMP"
    POINT = "POINT"
    CIRCLE = "CIRCLE"
    POLYGON = "POLYGON"
    REGION = "REGION"
    RANGE = "RANGE"
    MOC = "MOC"
    ARRAY = "DOUBLE PRECISION[]"
    OTHER = "OPAQUE"
    NULL = "NULL"


INTEGERS = frozenset((Kind.SMALLINT, Kind.INTEGER, Kind.BIGINT))
NUMBERS = frozenset((Kind.SMALLINT, Kind.INTEGER, Kind.BIGINT, Kind.REAL, Kind.DOUBLE))
SHAPES = frozenset((Kind.POINT, Kind.CIRCLE, Kind.POLYGON, Kind.REGION, Kind.RANGE, Kind.MOC))
"""Geometries: POINT, CIRCLE, POLYGON, RANGE are arrays of numbers, REGION and MOC are texts."""
OPAQUE = frozenset((Kind.ARRAY, Kind.OTHER))
"""What takes no operator and no function but COUNT (ADQL-163)."""
LIMITS = {
    Kind.SMALLINT: (-(2.0**15), 2.0**15 - 1),
    Kind.INTEGER: (-(2.0**31), 2.0**31 - 1),
    Kind.BIGINT: (-(2.0**63) - 2048, 2.0**63 + 2048),  # a double at the very edge is left to the engine
    Kind.REAL: (-3.4028235677973366e38, 3.4028235677973366e38),
}
"""Smallest and largest number of a type, for types narrower than a double; infinity is beyond all of them."""
_WIDTH = (Kind.SMALLINT, Kind.INTEGER, Kind.BIGINT)

_DATATYPES = {
    Kind.SMALLINT: ("short", None, None),
    Kind.INTEGER: ("int", None, None),
    Kind.BIGINT: ("long", None, None),
    Kind.REAL: ("float", None, None),
    Kind.DOUBLE: ("double", None, None),
    Kind.TEXT: ("char", "*", None),
    Kind.TIMESTAMP: ("char", "*", "timestamp"),
    Kind.POINT: ("double", "2", "point"),
    Kind.CIRCLE: ("double", "3", "circle"),
    Kind.POLYGON: ("double", "*", "polygon"),
    Kind.REGION: ("char", "*", "adql:REGION"),
    Kind.RANGE: ("double", "4", "range"),
    Kind.MOC: ("char", "*", "moc"),
    Kind.ARRAY: ("double", "*", None),
    Kind.OTHER: ("char", "*", None),
    Kind.NULL: ("char", "*", None),
}
_SCALARS = {
    "short": Kind.SMALLINT,
    "unsignedByte": Kind.SMALLINT,
    "int": Kind.INTEGER,
    "long": Kind.BIGINT,
    "float": Kind.REAL,
    "double": Kind.DOUBLE,
}
_TEXTS = {
    "timestamp": Kind.TIMESTAMP,
    "adql:region": Kind.REGION,
    "shape": Kind.REGION,
    "moc": Kind.MOC,
    "adql:clob": Kind.OTHER,
    "clob": Kind.OTHER,
}
_ARRAYS = {
    "point": Kind.POINT,
    "circle": Kind.CIRCLE,
    "polygon": Kind.POLYGON,
    "range": Kind.RANGE,
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a value. ``datatype``, ``arraysize``, ``xtype`` are VOTable's words."""

    kind: Kind
    unit: str | None = None
    ucd: str | None = None
    utype: str | None = None
    description: str = ""
    datatype: str = ""
    arraysize: str | None = None
    xtype: str | None = None
    frame: str = ""
    """The mark of shapes whose numbers are not the tables', where a column of them is one value."""
    unplaced: bool = False
    """As `Column.unplaced`; of a value that is made of columns see `systems.facts_as_column`."""

    def as_column(self, name: str) -> Column:
        """The output column of that name."""
        datatype, arraysize, xtype = _DATATYPES[self.kind]
        if self.datatype:
            datatype, arraysize, xtype = self.datatype, self.arraysize, self.xtype
        return Column(
            name,
            datatype,
            arraysize,
            xtype,
            self.unit,
            self.ucd,
            self.utype,
            self.description,
            unplaced=self.unplaced,
        )


def facts_of(column: Column) -> Facts:
    """What a published column says of its values."""
    return Facts(
        kind_of(column),
        column.unit,
        column.ucd,
        column.utype,
        column.description,
        column.datatype,
        column.arraysize,
        column.xtype,
        unplaced=column.unplaced,
    )


def kind_of(column: Column) -> Kind:
    """The ADQL type of a column (ADQL-161, ADQL-164); what has no operators is OTHER or ARRAY.

    xtypes that name a shape make a geometry of what is stored as an array of numbers or as a text; all others
    leave a column what its data type says.
    """
    xtype = (column.xtype or "").lower()
    if column.datatype in ("char", "unicodeChar"):
        return _TEXTS.get(xtype, Kind.TEXT)
    if column.arraysize is not None and column.arraysize != "1":
        return _ARRAYS.get(xtype, Kind.ARRAY) if column.datatype in ("float", "double") else Kind.ARRAY
    return _SCALARS.get(column.datatype, Kind.OTHER)


def widest(kinds: list[Kind]) -> Kind | None:
    """The common type of numbers, or of equal types; NULL fits all. None where there is none.

    Integers widen up to BIGINT; a REAL beside any other number is a DOUBLE, since it holds no integer beyond
    2**24 (ADQL-063).
    """
    known = [kind for kind in kinds if kind is not Kind.NULL]
    if not known:
        return Kind.NULL
    if all(kind in NUMBERS for kind in known):
        if INTEGERS.issuperset(known):
            return max(known, key=_WIDTH.index)
        return known[0] if len(set(known)) == 1 else Kind.DOUBLE
    return known[0] if len(set(known)) == 1 else None


def result_of_arithmetic(left: Kind, right: Kind) -> Kind:
    """Type of ``+ - * /`` between numbers (ADQL-094): integers stay integers, all else is double."""
    if left is Kind.NULL or right is Kind.NULL:
        other = right if left is Kind.NULL else left
        return other if other in INTEGERS or other is Kind.NULL else Kind.DOUBLE
    if left in INTEGERS and right in INTEGERS:
        return max(left, right, key=_WIDTH.index)
    return Kind.DOUBLE


TIMESTAMP_FORM = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:T(\d{2}):(\d{2}):(\d{2})(\.\d+)?Z?)?", re.ASCII)
