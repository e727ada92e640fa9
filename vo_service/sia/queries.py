"""A request as a query about to be answered: the same rows as of the same question asked of TAP."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field

from vo_service.asking.constraints import Condition
from vo_service.asking.constraints.uploaded import map_terms
from vo_service.asking.queries import Asked, Asker, Queries
from vo_service.asking.tables import Told
from vo_service.asking.uploads import UploadReader, read_within
from vo_service.dali.faults import faulted
from vo_service.dali.streams import Cancellation
from vo_service.sia.description import self_description
from vo_service.sia.present import PresentValues
from vo_service.sia.request import SiaRequest

STANDARD_ID = "ivo://ivoa.net/std/SIA"


@dataclass(frozen=True, slots=True)
class SiaQueries:
    """What all requests of a process share. ``authority`` is that of identifiers here; it may block."""

    queries: Queries
    present: PresentValues
    authority: Callable[[], str]
    uploads: UploadReader

    def query(self, request: SiaRequest, asker: Asker) -> SiaQuery:
        """One query, nothing of which has been done yet."""
        return SiaQuery(self, request, asker)


@dataclass(slots=True)
class SiaQuery:
    """A query about to be answered, once."""

    _shared: SiaQueries
    _request: SiaRequest
    _asker: Asker
    told: Told = field(default_factory=Told)

    def pieces(self, cancellation: Cancellation) -> Generator[bytes, None, None]:
        """The bytes of the answer, uploaded maps having been read; see `Answering.pieces`."""
        until = time.monotonic() + self._asker.seconds
        shared, request, asker = self._shared, self._request, self._asker
        condition = self._condition(cancellation, until)
        present = shared.present.now(asker, asker.seconds)
        takes_maps = shared.uploads.limits.tables > 0
        asked = Asked(
            condition.adql(),
            STANDARD_ID,
            request.format,
            maxrec=request.maxrec,
            runid=request.runid,
            echo=request.echo,
            resources=(self_description(asker.base_url, present, takes_maps),),
            wording=faulted,
        )
        left = until - time.monotonic()
        answering = shared.queries.answering(asked, asker, condition.uploads, left, told=self.told)
        yield from answering.pieces(cancellation)

    def _condition(self, cancellation: Cancellation, until: float) -> Condition:
        shared, request = self._shared, self._request
        maps = read_within(
            lambda check: map_terms(shared.uploads, request.form, self._asker.parts, check),
            cancellation,
            until,
            self.told,
            shared.queries.account,
            request.runid,
        )
        return request.condition(shared.authority(), maps)
