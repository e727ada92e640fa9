"""What of a tree is not shown at a moment, and since when the tree is what it is."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

import numpy as np

from hips.trees.cell_sets import EMPTY, CellSet
from vo_service.access import Rights
from vo_service.products.standing import Openings, Standing
from vo_service.trees.members import Withdrawn
from vo_service.trees.names import NO_NAMES, Names


@dataclass(frozen=True, slots=True)
class Withheld:
    """``closed`` are cells with pixels that nobody may see, ``rows`` the data sets of which no row is shown;
    ``since`` is when the tree came to be what it is, as far as `Changes` knows (UTC, to the minute); None:
    when it was built."""

    closed: CellSet = EMPTY
    rows: Names = NO_NAMES
    since: datetime | None = None

    def is_as(self, other: Withheld) -> bool:
        """Whether the same is withheld, since whenever."""
        mine, others = self.closed, other.closed
        return (
            np.array_equal(mine.starts, others.starts)
            and np.array_equal(mine.stops, others.stops)
            and self.rows == other.rows
        )


NOTHING = Withheld()
_MINUTE = timedelta(minutes=1)


class Shown(Protocol):
    """Knows where a tree shows pixels of data sets."""

    def shown(self, names: Collection[str]) -> CellSet: ...


class Changes:
    """When a tree that was ``built`` at a moment last came to show something else without another build.

    What this process saw is remembered: an ingest after which the same is withheld changes nothing, and the
    date never goes back. It is not laid aside: a process that begins anew while something is closed tells the
    date of the snapshot of then, and one that begins when all is open again that of the build, or of the last
    opening by its date. Safe to use from many threads."""

    def __init__(self, built: datetime) -> None:
        self.built = built
        self._lock = threading.Lock()
        self._last: tuple[datetime, Withheld] | None = None

    def dated(self, withheld: Withheld, told: datetime, known: Iterable[datetime]) -> Withheld:
        """What is withheld, with the date since when. ``told``: when the snapshot was made that says so;
        ``known``: when something changed, as far as the holdings tell."""
        with self._lock:
            moments = [moment for moment in known if moment > self.built]
            since = None
            if self._last is not None:
                before, last = self._last
                if withheld.is_as(last) or told < before:
                    self._last = max(before, told), last
                    return replace(withheld, since=last.since)
                if told > before:
                    moments.append(told)
                since = last.since
            since = max(filter(None, (since, _later(self.built, moments))), default=None)
            withheld = replace(withheld, since=since)
            self._last = told, withheld
            return withheld


class Closures:
    """Where a tree shows what is closed, at any moment. ``told``: when the snapshot was made that says how
    its members stand; ``changes`` are those of the tree, whichever snapshot tells."""

    def __init__(
        self,
        held: Shown,
        rights: Rights,
        standings: Iterable[Standing],
        now: datetime,
        told: datetime,
        changes: Changes,
    ) -> None:
        self._held = held
        self._openings = Openings(rights, standings, now)
        self._told, self._changes = told, changes
        self._last: tuple[int, Withheld] | None = None

    def at(self, now: datetime) -> Withheld:
        """Cells that hold pixels of members that are closed at a moment."""
        passed = self._openings.passed(now)
        known = self._last
        if known is None or known[0] != passed:
            known = self._last = passed, self._while_passed(passed)
        return known[1]

    def _while_passed(self, passed: int) -> Withheld:
        closed = self._held.shown(self._openings.closed(passed))
        moments = [max(self._told, self._changes.built + _MINUTE)] if len(closed) else []
        opened = self._openings.last(passed)
        if opened is not None:
            moments.append(_utc(opened))
        return self._changes.dated(Withheld(closed), self._told, moments)


class Withdrawals:
    """The data sets that a tree of rows may still have rows of though they were withdrawn. ``told`` and
    ``changes`` as of `Closures`."""

    def __init__(self, withdrawn: Withdrawn, told: datetime, changes: Changes) -> None:
        moments = [] if withdrawn.last is None else [withdrawn.last]
        self._found = changes.dated(Withheld(rows=withdrawn.names), told, moments)

    def at(self, now: datetime) -> Withheld:
        """The same at each moment: what was withdrawn does not return with time."""
        return self._found


def _later(built: datetime, changes: Iterable[datetime]) -> datetime | None:
    """When the last of some changes was, to the minute: later than the build that they changed, and before
    that of a run which follows within the same minute (HIPS-056)."""
    last = max(changes, default=None)
    if last is None:
        return None
    return max(last.replace(second=0, microsecond=0) - _MINUTE, built + _MINUTE)


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
