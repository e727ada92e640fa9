"""What a query says, before anybody asks whether its names exist: frozen nodes with places.

Two trees are equal when they say the same; places do not count. ``printing.print_tree`` writes a tree back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from vo_service.adql.errors import Place

NOWHERE = Place(1, 1)


@dataclass(frozen=True, slots=True)
class Name:
    """One identifier; ``quoted`` ones keep their case."""

    text: str
    quoted: bool = False
    place: Place = field(default=NOWHERE, compare=False, repr=False)


# --- values ---


@dataclass(frozen=True, slots=True)
class Number:
    """An unsigned number as written."""

    text: str
    place: Place = field(default=NOWHERE, compare=False, repr=False)

    @property
    def is_integer(self) -> bool:
        """Written without point or exponent."""
        return self.text.isdigit()


@dataclass(frozen=True, slots=True)
class String:
    """A string literal, quotes removed."""

    value: str
    place: Place = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Null:
    """The value NULL."""

    place: Place = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class ColumnName:
    """``[[[catalog.]schema.]table.]column``."""

    parts: tuple[Name, ...]
    place: Place = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Signed:
    """``+x`` or ``-x``."""

    sign: str
    operand: Value
    place: Place = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Binary:
    """``+ - * / ||`` between two values."""

    operator: str
    left: Value
    right: Value
    place: Place = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Parenthesised:
    """``(value)``; kept, since ``ORDER BY (1)`` is no ``ORDER BY 1``."""

    operand: Value
    place: Place = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Call:
    """A function; ``name`` in upper case if the standard reserves it, else as written."""

    name: str
    arguments: tuple[Value, ...]
    place: Place = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Aggregate:
    """COUNT SUM AVG MIN MAX; no argument is ``*``."""

    name: str
    argument: Value | None
    distinct: bool = False
    place: Place = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Cast:
    """``CAST(operand AS target(length))``; target such as ``DOUBLE PRECISION``."""

    operand: Value
    target: str
    length: int | None = None
    place: Place = field(default=NOWHERE, compare=False, repr=False)


Value: TypeAlias = (
    Number | String | Null | ColumnName | Signed | Binary | Parenthesised | Call | Aggregate | Cast
)

# --- conditions ---


@dataclass(frozen=True, slots=True)
class Comparison:
    """``= <> < > <= >=``; ``!=`` is kept as ``<>``."""

    operator: str
    left: Value
    right: Value
    place: Place = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Between:
    """Closed at both ends, asymmetric."""

    value: Value
    low: Value
    high: Value
    negated: bool = False
    place: Place = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class InList:
    """``value IN (a, b)``."""

    value: Value
    items: tuple[Value, ...]
    negated: bool = False
    place: Place = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class InQuery:
    """``value IN (SELECT ...)``."""

    value: Value
    query: Query
    negated: bool = False
    place: Place = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Like:
    """LIKE, or ILIKE when ``folded``."""

    value: Value
    pattern: Value
    negated: bool = False
    folded: bool = False
    place: Place = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class IsNull:
    """``value IS [NOT] NULL``."""

    value: Value
    negated: bool = False
    place: Place = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Exists:
    """``EXISTS (SELECT ...)``."""

    query: Query
    place: Place = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Not:
    """Negation of one condition."""

    condition: Condition
    place: Place = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class And:
    """Two or more conditions, flat."""

    terms: tuple[Condition, ...]
    place: Place = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Or:
    """Two or more conditions, flat."""

    terms: tuple[Condition, ...]
    place: Place = field(default=NOWHERE, compare=False, repr=False)


Condition: TypeAlias = Comparison | Between | InList | InQuery | Like | IsNull | Exists | Not | And | Or

# --- tables ---


@dataclass(frozen=True, slots=True)
class TableName:
    """``[[catalog.]schema.]table [AS alias]``."""

    parts: tuple[Name, ...]
    alias: Name | None = None
    place: Place = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class DerivedTable:
    """``(query) AS alias``."""

    query: Query
    alias: Name
    place: Place = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Join:
    """``kind`` INNER LEFT RIGHT FULL; exactly one of natural, on, using.

    ``enclosed`` when parentheses stood around it; with an alias the inner names are hidden.
    """

    kind: str
    left: TableExpression
    right: TableExpression
    natural: bool = False
    on: Condition | None = None
    using: tuple[Name, ...] = ()
    enclosed: bool = False
    alias: Name | None = None
    place: Place = field(default=NOWHERE, compare=False, repr=False)


TableExpression: TypeAlias = TableName | DerivedTable | Join

# --- queries ---


@dataclass(frozen=True, slots=True)
class Star:
    """``*``, or ``table.*`` with the parts of the table's name."""

    parts: tuple[Name, ...] = ()
    place: Place = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Item:
    """One value of a select list with its label."""

    value: Value
    label: Name | None = None
    place: Place = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Select:
    """One SELECT without ORDER BY and OFFSET."""

    items: tuple[Star | Item, ...]
    tables: tuple[TableExpression, ...]
    distinct: bool = False
    top: int | None = None
    where: Condition | None = None
    group_by: tuple[Value, ...] = ()
    having: Condition | None = None
    place: Place = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class SetOperation:
    """UNION, EXCEPT, INTERSECT; ``keep_all`` with ALL."""

    operator: str
    left: Body
    right: Body
    keep_all: bool = False
    place: Place = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class SortTerm:
    """One term of ORDER BY."""

    value: Value
    descending: bool = False
    place: Place = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Query:
    """A select expression: body, ORDER BY, OFFSET; as an operand it stood in parentheses."""

    body: Body
    order_by: tuple[SortTerm, ...] = ()
    offset: int | None = None
    place: Place = field(default=NOWHERE, compare=False, repr=False)


Body: TypeAlias = Select | SetOperation | Query


@dataclass(frozen=True, slots=True)
class CommonTable:
    """One entry of WITH."""

    name: Name
    query: Query
    place: Place = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Tree:
    """A whole query."""

    query: Query
    common_tables: tuple[CommonTable, ...] = ()
    warnings: tuple[str, ...] = field(default=(), compare=False, repr=False)
    """What looks like a mistake and is none to the grammar."""
    version: str = field(default="2.1", compare=False, repr=False)
    """The version of ADQL that the query is of."""
