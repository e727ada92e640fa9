"""How data sets stand whose pixels, or what pixels told, were laid aside while everybody could see them.

Whatever was made of them is to be kept back where one of them is closed by now: its release date was moved,
it was withdrawn, or files that nobody lists are closed. That is asked of the holdings once for each snapshot;
the clock is asked at every request. The holdings that count are those of now: where nobody can say which
these are, nothing is told.
"""

from __future__ import annotations

import logging
import threading
from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from vo_service.access import Rights
from vo_service.dali.current import Current
from vo_service.dali.errors import ServiceAway
from vo_service.dali.outage import Outage
from vo_service.engines import Engine, EngineError, StoredRows
from vo_service.products.stored import Claim
from vo_service.store import StoreError

T = TypeVar("T")

_SECONDS = 60.0
"""That asking for all data sets of one thing may take."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A data set by its name, and all that must be public for it to be shown; no claims at all where what was
    made of it is not in the holdings any more."""

    name: str
    claims: tuple[Claim, ...] = ()


class Openings:
    """Which data sets are closed at any moment: of those that open on a date the dates are kept, in their
    order, and how many of them are past is all that a moment decides."""

    def __init__(self, rights: Rights, standings: Iterable[Standing], now: datetime) -> None:
        self._rights = rights
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

    def passed(self, now: datetime) -> int:
        """How many of the dates are past at a moment: while that is the same, so is what is closed."""
        return bisect_left(self._dates, True, key=lambda date: not self._rights.is_open(None, date, now))

    def last(self, passed: int) -> datetime | None:
        """The latest of so many dates that are past; None of none."""
        return self._dates[passed - 1] if passed else None

    def closed(self, passed: int) -> list[str]:
        """The names that are closed while so many dates are past."""
        return [*self._never, *(name for names in self._names[passed:] for name in names)]


@dataclass(slots=True)
class _Judged(Generic[T]):
    """What was found of a thing in a snapshot."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    snapshot: int | None = None
    found: T | None = None


class AskedOnce(Generic[T]):
    """What the newest snapshot says of things that are served, asked once for each of them and forgotten with
    it. ``newest`` tells the number of that snapshot and raises StoreError where the catalogue does not.

    ``words`` are for the log where nothing can be asked, ``refusal`` is what is told then. Safe to use from
    many threads; its methods may block.
    """

    def __init__(
        self,
        current: Current[Engine],
        newest: Callable[[], int | None],
        log: logging.Logger,
        words: str,
        refusal: str,
    ) -> None:
        self._current, self._newest = current, newest
        self._lock = threading.Lock()
        self._judged: WeakKeyDictionary[object, _Judged[T]] = WeakKeyDictionary()
        self._refusal = refusal
        self.outage = Outage(log, words)

    def of(self, thing: object, ask: Callable[[StoredRows], T]) -> T:
        """What ``ask`` finds of a thing, or found. Raises ServiceAway (503) where that cannot be told."""
        if self.outage.pauses:
            raise ServiceAway(self._refusal)
        with self._lock:
            judged = self._judged.setdefault(thing, _Judged())
        try:
            return self._found(judged, ask)
        except (EngineError, StoreError) as error:
            self.outage.note(error)
            raise ServiceAway(self._refusal) from error

    def _found(self, judged: _Judged[T], ask: Callable[[StoredRows], T]) -> T:
        number = self._newest()
        with judged.lock:
            if judged.found is None or judged.snapshot != number:
                with self._current.use() as (snapshot, engine):
                    if number is None or snapshot.number < number:
                        raise StoreError(f"snapshot {number} cannot be opened")
                    judged.found = ask(StoredRows(engine, snapshot.tables, _SECONDS))
                    judged.snapshot = snapshot.number
            return judged.found
