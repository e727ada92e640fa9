"""What of a tree must not be shown now: where it has pixels of data sets that are not public (design 4.3)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import datetime

from hips.trees.cell_sets import EMPTY, CellSet
from hips.trees.held import Held
from vo_service.access import Rights
from vo_service.dali.current import Current
from vo_service.engines import Engine, StoredRows
from vo_service.products.standing import AskedOnce, Openings, Standing
from vo_service.trees.members import find_standings
from vo_service.trees.served import ServedTree

_log = logging.getLogger(__name__)


class Closures:
    """Where a tree shows what is closed, at any moment."""

    def __init__(self, held: Held, rights: Rights, standings: Iterable[Standing], now: datetime) -> None:
        self._held = held
        self._openings = Openings(rights, standings, now)
        self._last: tuple[int, CellSet] | None = None

    def at(self, now: datetime) -> CellSet:
        """Cells that hold pixels of members that are closed at a moment."""
        passed = self._openings.passed(now)
        known = self._last
        if known is None or known[0] != passed:
            known = self._last = passed, self._held.shown(self._openings.closed(passed))
        return known[1]


class Gate:
    """Asked at every request. ``newest`` tells the number of the current snapshot and raises StoreError where
    the catalogue does not. Safe to use from many threads; its methods may block."""

    def __init__(
        self,
        current: Current[Engine],
        newest: Callable[[], int | None],
        rights: Rights,
        clock: Callable[[], datetime],
    ) -> None:
        self._rights, self._clock = rights, clock
        words = "no tile with pixels of data sets is shown"
        refusal = "Whether this may be shown cannot be told at present."
        self._asked: AskedOnce[Closures] = AskedOnce(current, newest, _log, words, refusal)

    def closed(self, tree: ServedTree) -> CellSet:
        """Where a tree has pixels that nobody may see now. Raises ServiceError (503) where that cannot be
        told."""
        held = tree.held
        if held is None or not tree.has_members:
            return EMPTY

        def closures(rows: StoredRows) -> Closures:
            return Closures(held, self._rights, find_standings(rows, held.members()), self._clock())

        return self._asked.of(tree, closures).at(self._clock())
