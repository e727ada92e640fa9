"""What the plan puts into a query: sides that probes read, tests by their answers, tables joined to them.

Nothing of this comes out of ``resolve``. A *side* is what one source of a FROM contributes to a test: the
distinct values of its keys in the rows that the query's own conditions leave.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from vo_service.adql.nodes.resolved_shapes import Measured

if TYPE_CHECKING:
    from vo_service.adql.errors import Place
    from vo_service.adql.nodes.resolved import Condition, MeasuredColumn, PairTest, Reference
    from vo_service.adql.nodes.resolved_queries import ResolvedQuery, Source
    from vo_service.adql.nodes.resolved_shapes import Geometry


@dataclass(frozen=True, slots=True)
class Side:
    """``SELECT DISTINCT keys FROM source WHERE terms``; the keys are those of ``geometries``, in order."""

    source: Source | None
    terms: tuple[Condition, ...]
    geometries: tuple[Geometry, ...]


@dataclass(frozen=True, slots=True)
class RowTest:
    """A test whose columns are all of one source: each row's verdict comes from a probe."""

    test: PairTest
    side: Side
    selects: bool = False
    """Whether only true rows count: under AND at the top of a WHERE or ON."""


@dataclass(frozen=True, slots=True)
class PairsTest:
    """A test between two sources, where it cannot be a join: each pair's verdict comes from a probe."""

    test: PairTest
    left: Side
    right: Side


@dataclass(frozen=True, slots=True)
class CellLink:
    """The positions of ``left`` and the cells within ``radius`` of them: ``cell`` is to be one of those.

    ``vector`` is that of the position in the cell, where it is stored.
    """

    name: str
    left: Side
    cell: Reference
    vector: tuple[Reference, Reference, Reference] | None
    radius: float
    """Degrees."""


@dataclass(frozen=True, slots=True)
class PairLink:
    """Pairs of ``left`` and ``right`` that pass ``test``; without one, those whose caps meet."""

    name: str
    left: Side
    right: Side
    test: str | None


Link: TypeAlias = CellLink | PairLink


@dataclass(frozen=True, slots=True)
class LinkedTable:
    """A source joined to the answer of a link's probe.

    With ``far`` it is the right side, and brings the keys of the left one along; else it is the left side,
    and brings what the right one is found by.
    """

    alias: str
    source: Source
    link: Link
    far: bool


@dataclass(frozen=True, slots=True)
class Linked:
    """That the rows of both sides are a pair of the link, and ``condition`` where there is one.

    ``alias`` is the side that was joined to the answer, ``far`` says which it is.
    """

    link: Link
    alias: str
    far: bool
    condition: Condition | None


@dataclass(frozen=True, slots=True)
class Bound:
    """Sides that nothing joins but a test of all their pairs: how many these are is to be known before.

    ``place`` is that of the test; ``wanted`` are the rows for which it is made at most, None for all.
    """

    sides: tuple[Side, ...]
    place: Place | None
    wanted: int | None = None


@dataclass(frozen=True, slots=True)
class KeptTable:
    """A derived table whose rows are read once and handed over, since to read them twice could differ."""

    alias: str
    query: ResolvedQuery


@dataclass(frozen=True, slots=True)
class SidedMeasure(Measured):
    """A measure that only a probe can take, of the shapes of ``side``."""

    side: Side


@dataclass(frozen=True, slots=True)
class MeasuredTable:
    """A source with measures of its shapes as columns, for joins that speak of them more than once."""

    alias: str
    source: Source
    columns: tuple[tuple[MeasuredColumn, Measured], ...]
