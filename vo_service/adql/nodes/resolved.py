"""Values and conditions whose names, types and units are known: what SQL is written from, and nothing else.

Values carry their ``facts``, which do not count when two values are compared. A reference is the alias of a
source, unique in the whole statement, with the name of a stored column. The ``place`` of a test is where the
query has it, for messages; tests that differ in nothing else are equal.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from tap_schema import Table
from vo_service.adql.errors import Place
from vo_service.adql.nodes.kinds import Facts
from vo_service.adql.nodes.planned import Linked, PairsTest, RowTest
from vo_service.adql.nodes.resolved_shapes import (
    Always,
    Cross,
    Disc,
    Element,
    Footprint,
    Geometry,
    Measured,
    Point,
    Ring,
    Separation,
    Shape,
    Stored,
    Turned,
    WhenKnown,
)
from vo_service.sky import Region

if TYPE_CHECKING:
    from vo_service.adql.nodes.resolved_queries import ResolvedQuery

# --- values ---


@dataclass(frozen=True, slots=True)
class Constant:
    """A number, text or NULL known now."""

    value: int | float | str | None
    facts: Facts = field(compare=False)


@dataclass(frozen=True, slots=True)
class Reference:
    """A stored or computed column of the source with that alias."""

    source: str
    column: str
    facts: Facts = field(compare=False)


@dataclass(frozen=True, slots=True)
class MeasuredColumn(Reference):
    """A measure that a `MeasuredTable` brings along under that name."""


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """``+ - * /`` between numbers; integers divide as integers, by zero is NULL."""

    operator: str
    left: Value
    right: Value
    facts: Facts = field(compare=False)


@dataclass(frozen=True, slots=True)
class Negative:
    """``-x``."""

    operand: Value
    facts: Facts = field(compare=False)


@dataclass(frozen=True, slots=True)
class Joined:
    """Two texts, one after the other."""

    left: Value
    right: Value
    facts: Facts = field(compare=False)


@dataclass(frozen=True, slots=True)
class Apply:
    """A function of ``functions.FUNCTIONS``."""

    function: str
    arguments: tuple[Value, ...]
    facts: Facts = field(compare=False)


@dataclass(frozen=True, slots=True)
class Coalesce:
    """The first argument that is not NULL."""

    arguments: tuple[Value, ...]
    facts: Facts = field(compare=False)


@dataclass(frozen=True, slots=True)
class Collected:
    """An aggregate; no argument for COUNT(*). ``others`` are the constants behind the first argument."""

    function: str
    argument: Value | None
    distinct: bool
    facts: Facts = field(compare=False)
    others: tuple[Value, ...] = ()


@dataclass(frozen=True, slots=True)
class Conversion:
    """CAST to the kind of ``facts``; ``length`` and ``padded`` for strings."""

    operand: Value
    facts: Facts
    length: int | None = None
    padded: bool = False


@dataclass(frozen=True, slots=True)
class Truth:
    """1 where a geometric condition holds, 0 where not, NULL where unknown."""

    condition: Condition
    facts: Facts = field(compare=False)


Value: TypeAlias = (
    Constant
    | Reference
    | Arithmetic
    | Negative
    | Joined
    | Apply
    | Coalesce
    | Collected
    | Conversion
    | Point
    | Disc
    | Ring
    | Cross
    | Shape
    | Footprint
    | Stored
    | Always
    | Separation
    | Element
    | WhenKnown
    | Turned
    | Measured
    | Truth
)

# --- conditions ---


@dataclass(frozen=True, slots=True)
class Compare:
    """``= <> < > <= >=`` between values of one class of types."""

    operator: str
    left: Value
    right: Value


@dataclass(frozen=True, slots=True)
class InRange:
    """BETWEEN, closed."""

    value: Value
    low: Value
    high: Value
    negated: bool


@dataclass(frozen=True, slots=True)
class OneOf:
    """IN a list."""

    value: Value
    items: tuple[Value, ...]
    negated: bool


@dataclass(frozen=True, slots=True)
class OneOfQuery:
    """IN a subquery of one column."""

    value: Value
    query: ResolvedQuery
    negated: bool


@dataclass(frozen=True, slots=True)
class Matches:
    """LIKE, ILIKE."""

    value: Value
    pattern: Value
    negated: bool
    folded: bool


@dataclass(frozen=True, slots=True)
class Missing:
    """IS NULL."""

    value: Value
    negated: bool


@dataclass(frozen=True, slots=True)
class SomeRow:
    """EXISTS."""

    query: ResolvedQuery


@dataclass(frozen=True, slots=True)
class Negation:
    """NOT, three-valued."""

    condition: Condition


@dataclass(frozen=True, slots=True)
class Both:
    """AND over two or more."""

    terms: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """OR over two or more."""

    terms: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Fixed:
    """A condition decided already; None is unknown."""

    truth: bool | None


@dataclass(frozen=True, slots=True)
class InRegion:
    """A position in a constant region, border included."""

    point: Point
    region: Region


@dataclass(frozen=True, slots=True)
class Near:
    """Two positions within ``radius`` degrees of each other; ``closed`` is ``<=``, else ``<``."""

    one: Point
    other: Point
    radius: Value
    closed: bool
    place: Place | None = field(default=None, compare=False, repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class FootprintTest:
    """``test`` of ``probes`` between a region column and a constant region."""

    footprint: Footprint
    region: Region
    test: str


@dataclass(frozen=True, slots=True)
class InCross:
    """A position in a box with columns in it, border included; SQL decides it."""

    point: Point
    cross: Cross
    place: Place | None = field(default=None, compare=False, repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class DiscTest:
    """Two circles: ``intersects``, or ``inside`` where ``one`` lies wholly in ``other``; SQL decides it."""

    one: Disc
    other: Disc
    test: str
    place: Place | None = field(default=None, compare=False, repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class PairTest:
    """Two geometries of which SQL cannot say it; ``probes`` settle it exactly.

    ``test`` is ``intersects``, or ``inside`` where ``left`` lies wholly in ``right``. NULL where one is NULL.
    ``shape_regions`` makes regions of the values.
    """

    left: Geometry
    right: Geometry
    test: str
    place: Place | None = field(default=None, compare=False, repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class WherePresent:
    """``condition`` in rows where ``value`` is not NULL, else unknown."""

    value: Value
    condition: Condition


@dataclass(frozen=True, slots=True)
class Narrowed:
    """``condition`` and the pixel ranges outside which it never holds; made by the plan only."""

    cell: Reference
    ranges: tuple[tuple[int, int], ...]
    condition: Condition


@dataclass(frozen=True, slots=True)
class Selected:
    """A footprint test of rows of a table, of which only the true ones count; made by the plan only."""

    test: FootprintTest
    table: Table | None = None


Condition: TypeAlias = (
    Compare
    | InRange
    | OneOf
    | OneOfQuery
    | Matches
    | Missing
    | SomeRow
    | Negation
    | Both
    | Either
    | Fixed
    | InRegion
    | Near
    | FootprintTest
    | InCross
    | DiscTest
    | PairTest
    | WherePresent
    | Narrowed
    | Selected
    | RowTest
    | PairsTest
    | Linked
)
