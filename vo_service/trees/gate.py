"""What of a tree must not be shown now: pixels of data sets that are not public (design 4.3), and rows of
data sets that were withdrawn since it was built."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime
from weakref import WeakKeyDictionary

from vo_service.access import Rights
from vo_service.dali.current import Current
from vo_service.engines import Engine, StoredRows
from vo_service.products.standing import AskedOnce
from vo_service.trees.members import find_standings, find_withdrawn
from vo_service.trees.served import ServedTree
from vo_service.trees.withheld import NOTHING, Changes, Closures, Withdrawals, Withheld

_log = logging.getLogger(__name__)


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
        self._current, self._rights, self._clock = current, rights, clock
        words = "no tile with pixels or rows of data sets is shown"
        refusal = "Whether this may be shown cannot be told at present."
        self._lock = threading.Lock()
        self._changes: WeakKeyDictionary[ServedTree, Changes] = WeakKeyDictionary()
        self._asked: AskedOnce[Closures | Withdrawals] = AskedOnce(current, newest, _log, words, refusal)

    def withheld(self, tree: ServedTree) -> Withheld:
        """What of a tree nobody may see now. Raises ServiceError (503) where that cannot be told."""
        if tree.has_members:
            return self._asked.of(tree, lambda rows: self._closures(tree, rows)).at(self._clock())
        if tree.is_catalogue:
            return self._asked.of(tree, lambda rows: self._withdrawals(tree, rows)).at(self._clock())
        return NOTHING

    def _closures(self, tree: ServedTree, rows: StoredRows) -> Closures:
        assert tree.held is not None  # or it had no members
        standings = list(find_standings(rows, tree.held.members()))
        return Closures(
            tree.held, self._rights, standings, self._clock(), self._told(), self._changes_of(tree)
        )

    def _withdrawals(self, tree: ServedTree, rows: StoredRows) -> Withdrawals:
        return Withdrawals(find_withdrawn(rows), self._told(), self._changes_of(tree))

    def _told(self) -> datetime:
        """When the snapshot was made that is asked."""
        with self._current.use() as (snapshot, _):
            return datetime.fromisoformat(snapshot.manifest.created)

    def _changes_of(self, tree: ServedTree) -> Changes:
        with self._lock:
            return self._changes.setdefault(tree, Changes(tree.released))
