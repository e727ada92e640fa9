"""``/sia2/query`` over HTTP (SIA 2.0, section 2.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from vo_service.asking.constraints import MOST_VALUES, TABLE
from vo_service.asking.door import Door, Manners, Wish
from vo_service.asking.uploads import check_uploads
from vo_service.dali.errors import usage
from vo_service.dali.formats import response_format
from vo_service.dali.multipart import Part
from vo_service.dali.replies import table_reply
from vo_service.sia.queries import SiaQueries, SiaQuery
from vo_service.sia.request import NAMES, read_request

_VALUES: Final = MOST_VALUES * len(TABLE) + 1000
"""Values of a request: the most of every constraint, and some that mean nothing here."""


class QueryHandler:
    """The handler of ``/sia2/query``, with what it needs."""

    def __init__(self, door: Door, queries: SiaQueries) -> None:
        self._door = replace(door, body=replace(door.body, values=_VALUES))
        self._queries = queries
        self._manners = Manners(response_format, self._query, table_reply)

    def routes(self) -> list[Route]:
        """Where the handler is mounted."""
        return [Route("/sia2/query", self.query, methods=["GET", "POST"])]

    async def query(self, request: Request) -> Response:
        """A query and its answer; errors in the format that was asked for (SIA-100 to SIA-103)."""
        return await self._door.answer(request, self._manners)

    def _query(self, wish: Wish) -> SiaQuery:
        asked = read_request(wish.form, wish.format)
        _take_no_parameters(wish.asker.parts)
        uploads = self._queries.uploads
        check_uploads(wish.form, wish.asker.parts, uploads.limits, uploads.fetch)
        return self._queries.query(replace(asked, maxrec=0) if wish.head else asked, wish.asker)


def _take_no_parameters(parts: Mapping[str, Part]) -> None:
    """Files that UPLOAD does not name mean nothing (SIA-062), but a constraint that came as one would be
    passed over. Raises ServiceError (400)."""
    for part in parts.values():
        if part.name.strip().upper() in NAMES:
            raise usage(
                f"{part.name} came as a file; it is a parameter.",
                "Send it as a part without filename, or name no parameter in UPLOAD.",
            )
