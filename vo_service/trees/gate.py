"""What of a tree must not be shown now: where it has pixels of data sets that are not public (design 4.3).

How the members of a tree stand is asked once for each snapshot; the clock is asked at every request. The
holdings that count are those of now: where nobody can say which these are, nothing is shown.
"""

from __future__ import annotations

import logging
import threading
from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from weakref import WeakKeyDictionary

from hips.trees.cell_sets import EMPTY, CellSet
from hips.trees.held import Held
from vo_service.access import Rights
from vo_service.dali.current import Current
from vo_service.dali.errors import ServiceAway
from vo_service.dali.outage import Outage
from vo_service.engines import Engine, EngineError, StoredRows
from vo_service.store import StoreError
from vo_service.trees.members import Standing, find_standings
from vo_service.trees.served import ServedTree

_log = logging.getLogger(__name__)

_SECONDS = 60.0
"""That asking for all members of one tree may take."""


class Closures:
    """Where a tree shows what is closed, at any moment: of members that open on a date the dates are kept,
    in their order, and which of them are past is all that a moment decides."""

    def __init__(self, held: Held, rights: Rights, standings: Iterable[Standing], now: datetime) -> None:
        self._held, self._rights = held, rights
        self._never: list[str] = []
        opening: dict[datetime, list[str]] = {}
        for standing in standings:
            dates = [claim.release_date for claim in standing.claims if claim.release_date is not None]
            undated = (claim for claim in standing.claims if claim.release_date is None)
            if not standing.claims or not all(rights.is_open(claim.origin, None, now) for claim in undated):
                self._never.append(standing.name)
            elif dates:
                opening.setdefault(max(dates), []).append(standing.name)
        self._dates = sorted(opening)
        self._names = [opening[date] for date in self._dates]
        self._last: tuple[int, CellSet] | None = None

    def at(self, now: datetime) -> CellSet:
        """Cells that hold pixels of members that are closed at a moment."""
        passed = bisect_left(self._dates, True, key=lambda date: not self._rights.is_open(None, date, now))
        known = self._last
        if known is None or known[0] != passed:
            later = (name for names in self._names[passed:] for name in names)
            known = self._last = passed, self._held.shown([*self._never, *later])
        return known[1]


@dataclass(slots=True)
class _Judged:
    """A tree as it stood in a snapshot."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    snapshot: int | None = None
    closures: Closures | None = None


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
        self._current, self._newest = current, newest
        self._rights, self._clock = rights, clock
        self._lock = threading.Lock()
        self._judged: WeakKeyDictionary[ServedTree, _Judged] = WeakKeyDictionary()
        self._outage = Outage(_log, "no tile with pixels of data sets is shown")

    def closed(self, tree: ServedTree) -> CellSet:
        """Where a tree has pixels that nobody may see now. Raises ServiceError (503) where that cannot be
        told."""
        if tree.held is None or not tree.has_members:
            return EMPTY
        if self._outage.pauses:
            raise _away()
        with self._lock:
            judged = self._judged.setdefault(tree, _Judged())
        try:
            return self._closures(judged, tree.held).at(self._clock())
        except (EngineError, StoreError) as error:
            self._outage.note(error)
            raise _away() from error

    def _closures(self, judged: _Judged, held: Held) -> Closures:
        number = self._newest()
        with judged.lock:
            if judged.closures is None or judged.snapshot != number:
                with self._current.use() as (snapshot, engine):
                    if number is None or snapshot.number < number:
                        raise StoreError(f"snapshot {number} cannot be opened")
                    rows = StoredRows(engine, snapshot.tables, _SECONDS)
                    standings = find_standings(rows, held.members())
                    judged.closures = Closures(held, self._rights, standings, self._clock())
                    judged.snapshot = snapshot.number
            return judged.closures


def _away() -> ServiceAway:
    return ServiceAway("Whether this may be shown cannot be told at present.")
