"""Who may have a cut-out, asked at the moment at which its bytes are taken."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, Protocol

from vo_service.access import ANONYMOUS, Viewer
from vo_service.dali.errors import ServiceAway, ServiceError
from vo_service.dali.uws.owner import ViewerNow, viewer_of
from vo_service.products.shelf import Closed
from vo_service.products.wanted import Wanted
from vo_service.store.jobs import Job

_LOOK_SECONDS: Final = 0.5


class Gated(Protocol):
    """What has files of data sets: `products.many.ManyResults`."""

    def require_open(self, wanted: Wanted, viewer: Viewer) -> None:
        """Raises Closed."""


class Sight:
    """What was looked up of the holdings, at one moment: the next snapshot may have closed it. ``number`` is
    that of the newest snapshot; it may block, and raises ServiceAway."""

    def __init__(self, number: Callable[[], int]) -> None:
        self._number = number
        self._seen = number()
        self._looked = time.monotonic()
        self._is_past = False

    def is_past(self) -> bool:
        """Whether there is a newer snapshot, which is looked for now and then: then all has to be looked up
        anew."""
        now = time.monotonic()
        if not self._is_past and now - self._looked > _LOOK_SECONDS:
            self._looked = now
            self._is_past = self._number() != self._seen
        return self._is_past


class Owner:
    """Whom a job is for. What is for everybody needs no token, so that it stays open to a job whose token is
    gone."""

    def __init__(self, job: Job, viewer_now: ViewerNow) -> None:
        self._job = job
        self._viewer_now = viewer_now

    def viewer_for(self, many: Gated, wanted: Wanted) -> Viewer:
        """Who may have the files of a result at this moment, the owner's token looked up anew.

        Raises Closed, ServiceError (403) for closed files where the token is gone, ServiceAway.
        """
        try:
            many.require_open(wanted, ANONYMOUS)
            return ANONYMOUS
        except Closed:
            viewer = viewer_of(self._job, self._viewer_now)
            many.require_open(wanted, viewer)
            return viewer

    def for_everything(self) -> Viewer:
        """The owner where the token still holds, else nobody. Raises ServiceAway."""
        try:
            return viewer_of(self._job, self._viewer_now)
        except ServiceAway:
            raise
        except ServiceError:
            return ANONYMOUS


def refusal(owner: Owner, many: Gated, wanted: Wanted) -> Closed | ServiceError | None:
    """Why a result must not be had now; None where it may. Raises ServiceAway."""
    try:
        owner.viewer_for(many, wanted)
    except ServiceAway:
        raise
    except (Closed, ServiceError) as fault:
        return fault
    return None
