"""Joins by position and by shape: conditions between two sources that must not become all pairs (design 5.4).

A condition under AND between the positions or shapes of two sources is made a join with what a probe knows:
the cells round the positions of one side where the other has its cells stored, else the pairs themselves.
It may stand in a WHERE, in the ON of an inner or one-sided join, or in a subquery under EXISTS.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from vo_service.adql.errors import Place
from vo_service.adql.meaning.constants import constant_number
from vo_service.adql.nodes.planned import CellLink, Link, Linked, LinkedTable, MeasuredTable, PairLink
from vo_service.adql.nodes.resolved import (
    Condition,
    DiscTest,
    InCross,
    MeasuredColumn,
    Near,
    PairTest,
    Value,
    WherePresent,
)
from vo_service.adql.nodes.resolved_queries import JoinedTable, ResolvedQuery, Source
from vo_service.adql.nodes.resolved_shapes import Disc, Geometry, Measured, Point
from vo_service.adql.nodes.substitution import substituted
from vo_service.adql.planning.sides import Leaf, Level, keys, parts_of, side_of, sources_of, steady

_WIDEST = 2.0
"""Degrees: circles beyond are not looked up by cells."""


@dataclass(slots=True)
class Matches:
    """The links of one FROM.

    ``name`` makes names for links, ``common`` gives the queries of common tables.
    """

    name: Callable[[], str]
    common: Callable[[str], ResolvedQuery]
    wrapped: dict[str, list[tuple[Link, bool]]] = field(default_factory=dict)
    pairs: list[frozenset[str]] = field(default_factory=list)
    """The aliases that links join."""
    measures: dict[str, list[tuple[MeasuredColumn, Measured]]] = field(default_factory=dict)

    def linked(self, term: Condition, levels: tuple[Level, ...], mine: frozenset[str]) -> Condition | None:
        """The term as a join with a probe; None where it is not between two sources, one of which is among
        ``mine``: those that may be joined to something here."""
        if isinstance(term, WherePresent):
            inner = self.linked(term.condition, levels, mine)
            return None if inner is None else replace(term, condition=inner)
        pair = _pair_of(term)
        if pair is None:
            return None
        found = [sources_of(keys(geometry)) for geometry in pair.geometries]
        if [len(aliases) for aliases in found] != [1, 1]:
            return None
        one, other = (next(iter(aliases)) for aliases in found)
        if one == other or not {one, other} & mine:
            return None
        if not all(any(alias in level.leaves for level in levels) for alias in (one, other)):
            return None
        for alias in (one, other):
            levels = steady(alias, levels, self.common)
            term, levels = self._named(term, alias, levels)
        pair = _pair_of(term)
        assert pair is not None
        link, left, right = self._link(pair, (one, other), levels)
        self.pairs.append(frozenset((one, other)))
        far = right in mine
        self.wrapped.setdefault(right if far else left, []).append((link, far))
        exact = None if isinstance(term, PairTest) else term
        return Linked(link, right if far else left, far, exact)

    def _named(
        self, term: Condition, alias: str, levels: tuple[Level, ...]
    ) -> tuple[Condition, tuple[Level, ...]]:
        """The term with measures of one source of this FROM as columns of it, and that source with these."""
        level = levels[-1]
        found = [
            part for part in parts_of(term) if isinstance(part, Measured) and sources_of(part) == {alias}
        ]
        if not found or alias not in level.leaves:
            return term, levels
        made = [
            (MeasuredColumn(alias, f"{self.name()}.measured", each.facts), each)
            for each in dict.fromkeys(found)
        ]
        self.measures.setdefault(alias, []).extend(made)
        leaf = MeasuredTable(alias, level.leaves[alias], tuple(made))
        changed = replace(level, leaves={**level.leaves, alias: leaf})
        columns: dict[Value, Value] = {each: column for column, each in made}
        return substituted(term, columns), (*levels[:-1], changed)

    def joined(self, source: Source, kept: Mapping[str, Leaf]) -> Source:
        """The source with its tables joined to what they are linked to; ``kept`` take the place of others."""
        if isinstance(source, JoinedTable):
            left, right = self.joined(source.left, kept), self.joined(source.right, kept)
            return (
                source
                if (left, right) == (source.left, source.right)
                else replace(source, left=left, right=right)
            )
        leaf: Leaf = kept.get(source.alias, source)
        if leaf.alias in self.measures:
            leaf = MeasuredTable(leaf.alias, leaf, tuple(self.measures[leaf.alias]))
        for link, far in self.wrapped.get(leaf.alias, ()):
            leaf = LinkedTable(leaf.alias, leaf, link, far)
        return leaf

    def _link(
        self, pair: _Pair, aliases: tuple[str, str], levels: tuple[Level, ...]
    ) -> tuple[Link, str, str]:
        """The link, and the aliases of its left and its right side."""
        if pair.centres is not None and pair.reach <= _WIDEST:
            stored = [index for index, centre in enumerate(pair.centres) if centre.cell is not None]
            sides = [side_of(alias, (c,), levels, pair.place) for alias, c in zip(aliases, pair.centres)]
            if stored:
                # where both have cells, the positions of the one that conditions leave fewer of are spread
                right = min(stored, key=lambda index: len(sides[index].terms))
                stored_one = pair.centres[right]
                assert stored_one.cell is not None
                link = CellLink(self.name(), sides[1 - right], stored_one.cell, stored_one.vector, pair.reach)
                return link, aliases[1 - right], aliases[right]
        shapes = zip(aliases, pair.geometries)
        left, other = (side_of(alias, (shape,), levels, pair.place) for alias, shape in shapes)
        return PairLink(self.name(), left, other, pair.test), *aliases


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two geometries that a term is about; ``test`` is None where SQL makes the exact test.

    ``centres`` are positions that lie within ``reach`` degrees of each other wherever the term holds.
    """

    geometries: tuple[Geometry, Geometry]
    place: Place | None
    test: str | None = None
    centres: tuple[Point, Point] | None = None
    reach: float = 0.0


def _pair_of(term: Condition) -> _Pair | None:
    match term:
        case Near():
            return _near(term)
        case DiscTest():
            radii = [constant_number(disc.radius) for disc in (term.one, term.other)]
            reach = None if radii[0] is None or radii[1] is None else max(0.0, radii[0]) + max(0.0, radii[1])
            if reach is None:
                return _Pair((term.one, term.other), term.place)
            return _Pair(
                (term.one, term.other), term.place, None, (term.one.centre, term.other.centre), reach
            )
        case InCross():
            return _Pair((term.point, term.cross), term.place)
        case PairTest():
            return _Pair((term.left, term.right), term.place, term.test)
    return None


def _near(near: Near) -> _Pair | None:
    """Positions within a radius; a radius of columns goes with the position of its own source."""
    radius = constant_number(near.radius)
    if radius is not None:
        if radius < 0.0:
            return None
        if radius <= _WIDEST:
            shapes = (_disc(near.one, near.radius), near.other)
            return _Pair(shapes, near.place, None, (near.one, near.other), radius)
    if radius is not None or sources_of(near.radius) <= sources_of(keys(near.one)):
        return _Pair((_disc(near.one, near.radius), near.other), near.place)
    if sources_of(near.radius) <= sources_of(keys(near.other)):
        return _Pair((near.one, _disc(near.other, near.radius)), near.place)
    return None


def _disc(centre: Point, radius: Value) -> Disc:
    return Disc(centre, radius, centre.facts)
