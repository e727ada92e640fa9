"""Tests between sources that nothing else joins: an engine makes them for every pair of rows (design 5.4).

Such a query is legal, and quick where the sources are small; so their rows are counted before it runs, and
the query is refused where their product is too much. Sources that an equality or a link joins are no such:
what comes of them is as many rows as meet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from vo_service.adql.nodes.planned import Bound
from vo_service.adql.nodes.resolved import Collected, Compare, Condition, DiscTest, InCross, Near, PairTest
from vo_service.adql.nodes.resolved_queries import JoinedTable, ResolvedQuery, ResolvedSelect
from vo_service.adql.nodes.resolved_shapes import Separation
from vo_service.adql.planning.sides import Leaf, Level, parts_of, side_of, sources_of

TESTS: Final = (Near, DiscTest, InCross, PairTest, Separation)
Test: TypeAlias = Near | DiscTest | InCross | PairTest | Separation


@dataclass(slots=True)
class Bounds:
    """The tests of one statement that are not joins, and what joins its sources, by their aliases."""

    pairs: list[frozenset[str]] = field(default_factory=list)
    _noted: list[tuple[frozenset[str], Test, tuple[Level, ...]]] = field(default_factory=list)

    def join(self, terms: Iterable[Condition], leaves: Mapping[str, Leaf]) -> None:
        """Remember the equalities among terms that hold in every row of a FROM with these leaves."""
        for term in terms:
            if not isinstance(term, Compare) or term.operator != "=":
                continue
            left, right = sources_of(term.left), sources_of(term.right)
            if left and right and not left & right and not (left | right).isdisjoint(leaves):
                self.pairs.append(left | right)

    def note(self, test: Test, levels: tuple[Level, ...]) -> None:
        """Remember a test that is made where it stands."""
        sources = sources_of(test)
        if len(sources) > 1:
            self._noted.append((sources, test, levels))

    def found(self) -> tuple[Bound, ...]:
        """What has to be counted: of each test one source of each group that is joined otherwise."""
        found: dict[tuple[str, ...], Bound] = {}
        for sources, test, levels in self._noted:
            apart = self._apart(sources)
            wanted = levels[-1].wanted
            if len(apart) > 1 and (apart not in found or _is_more(wanted, found[apart].wanted)):
                sides = tuple(side_of(alias, (), levels) for alias in apart)
                found[apart] = Bound(sides, test.place, wanted)
        return tuple(found.values())

    def _apart(self, sources: frozenset[str]) -> tuple[str, ...]:
        """One alias of each group of sources that are joined."""
        apart: list[str] = []
        known: set[str] = set()
        for alias in sorted(sources):
            if alias not in known:
                apart.append(alias)
                known |= self._joined_to(alias)
        return tuple(apart)

    def _joined_to(self, alias: str) -> set[str]:
        joined = {alias}
        waiting = [alias]
        while waiting:
            here = waiting.pop()
            for pair in self.pairs:
                if here in pair and not pair <= joined:
                    waiting.extend(pair - joined)
                    joined |= pair
        return joined


def _is_more(wanted: int | None, known: int | None) -> bool:
    """Whether that are more rows than another; None is all."""
    return known is not None and (wanted is None or wanted > known)


def rows_wanted(query: ResolvedQuery, select: ResolvedSelect, limit: int | None) -> int | None:
    """For how many rows at most what a SELECT puts out is made, being made for those that come back; None
    where it is made for all: for groups, for a sort, for a look at all of them for duplicates."""
    if len(select.sources) == 1 and not isinstance(select.sources[0], JoinedTable):
        return None  # there are no pairs
    tops = [top for top in (select.top, limit) if top is not None]
    if not tops or query.order or select.distinct or select.group_by or select.having:
        return None
    if any(isinstance(part, Collected) for part in parts_of(select.outputs)):
        return None
    return min(tops) + (query.offset or 0)
