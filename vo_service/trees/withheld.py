"""What of a tree is not shown at a moment, and since when the tree is what it is."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from hips.trees.cell_sets import EMPTY, CellSet
from vo_service.access import Rights
from vo_service.products.standing import Openings, Standing


@dataclass(frozen=True, slots=True)
class Withheld:
    """``closed`` are cells with pixels that nobody may see, ``rows`` the data sets of which no row is shown;
    ``since`` is when the tree came to be what it is (UTC, to the minute); None: when it was built."""

    closed: CellSet = EMPTY
    rows: frozenset[str] = frozenset()
    since: datetime | None = None


NOTHING = Withheld()
_MINUTE = timedelta(minutes=1)


class Shown(Protocol):
    """Knows where a tree shows pixels of data sets."""

    def shown(self, names: Collection[str]) -> CellSet: ...


class Closures:
    """Where a tree that was ``built`` at a moment shows what is closed, at any other. ``told``: when the
    holdings told how its members stand."""

    def __init__(
        self,
        held: Shown,
        rights: Rights,
        standings: Iterable[Standing],
        now: datetime,
        built: datetime,
        told: datetime,
    ) -> None:
        self._held = held
        self._openings = Openings(rights, standings, now)
        self._built, self._told = built, told
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
        changes = [self._told] if len(closed) else []
        opened = self._openings.last(passed)
        if opened is not None and _utc(opened) > self._built:
            changes.append(_utc(opened))
        return Withheld(closed, since=_later(self._built, changes))


class Withdrawals:
    """The data sets, by their names and when each was withdrawn, that a tree of rows built at a moment may
    still have rows of."""

    def __init__(self, withdrawn: Iterable[tuple[str, datetime]], built: datetime) -> None:
        known = [(name, _utc(moment)) for name, moment in withdrawn]
        since = [moment for _, moment in known if moment > built]
        self._found = Withheld(rows=frozenset(name for name, _ in known), since=_later(built, since))

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
