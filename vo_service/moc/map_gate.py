"""Which coverage maps must not be shown now: those with outlines that pixels told of data sets that are not
public (design 4.3). A run made them while these were."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final

from hips.mocs.kept import Build
from hips.mocs.names import Name
from vo_service.access import Rights
from vo_service.dali.current import Current
from vo_service.engines import Engine, StoredRows
from vo_service.products.standing import AskedOnce, Openings, Standing
from vo_service.products.stored import Claim

_log = logging.getLogger(__name__)

_IDENTIFIER: Final = "obs_publisher_did"
_ROW: Final = (_IDENTIFIER, "origin", "obs_release_date")


class Refusals:
    """The maps of a build that are not shown, at any moment."""

    def __init__(self, build: Build, openings: Openings) -> None:
        self._build = build
        self._openings = openings
        self._last: tuple[int, frozenset[Name]] | None = None

    def at(self, now: datetime) -> frozenset[Name]:
        """Their names at a moment."""
        passed = self._openings.passed(now)
        known = self._last
        if known is None or known[0] != passed:
            known = self._last = passed, self._build.names_with(self._openings.closed(passed))
        return known[1]


class MapGate:
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
        words = "no coverage map with outlines of pixels is shown"
        refusal = "Whether this map may be shown cannot be told at present."
        self._asked: AskedOnce[Refusals] = AskedOnce(current, newest, _log, words, refusal)

    def refused(self, build: Build) -> frozenset[Name]:
        """The maps of a build that nobody may see now. Raises ServiceError (503) where that cannot be
        told."""
        if not build.told_by_pixels:
            return frozenset()

        def refusals(rows: StoredRows) -> Refusals:
            standings = find_standings(rows, list(build.told_by_pixels))
            return Refusals(build, Openings(self._rights, standings, self._clock()))

        return self._asked.of(build, refusals).at(self._clock())


def find_standings(rows: StoredRows, identifiers: list[str]) -> Iterator[Standing]:
    """How data sets stand, by their publisher's identifiers: without claims where the holdings do not have
    them any more. Raises EngineError."""
    claims = {
        row[_IDENTIFIER]: (Claim(row["origin"], row["obs_release_date"]),)
        for row in rows.find_among("ivoa.obscore", _ROW, _IDENTIFIER, identifiers).to_pylist()
    }
    for identifier in identifiers:
        yield Standing(identifier, claims.get(identifier, ()))
