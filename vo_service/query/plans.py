"""Plans of queries that were asked before: clients, portals and monitors ask the same again and again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from vo_service.adql import Plan
from vo_service.query.kept import Kept


@dataclass(frozen=True, slots=True)
class PlanKey:
    """What a plan depends on. ``snapshot`` is its place: the positions of named targets are read there."""

    adql: str
    version: str
    maxrec: int | None
    snapshot: str


class Plans:
    """The plans of the last queries. Safe to use from many threads.

    A plan says what a question means and knows nothing of who asks and when: rights are written into each
    statement anew. Texts beyond ``longest`` characters are not kept: they have lists of constants as a rule,
    and seldom come twice. Nor are plans of more than ``parts`` nodes, which a short text can have by many
    ``*``: all that is kept has some tens of megabytes at most.
    """

    def __init__(self, most: int = 256, longest: int = 10_000, parts: int = 2000) -> None:
        self._longest = longest
        self._parts = parts
        self._kept: Kept[PlanKey, Plan] = Kept(most)

    def plan(self, key: PlanKey, make: Callable[[], Plan]) -> Plan:
        """The plan as it was made before, else by ``make``, whose errors are passed on and not kept."""
        known = self._kept.find(key)
        if known is None:
            known = make()
            if len(key.adql) <= self._longest and not known.has_more_parts(self._parts):
                self._kept.keep(key, known)
        return known
