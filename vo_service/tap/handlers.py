"""Synchronous TAP queries over HTTP (TAP 1.1, section 2.1)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from vo_service.asking.door import Door, Manners, Wish
from vo_service.dali.formats import wanted_format
from vo_service.dali.replies import table_reply
from vo_service.tap.parameters import ReadRequest
from vo_service.tap.queries import TapQueries, TapQuery, metadata_only


class SyncHandler:
    """The handler of ``/tap/sync``, with what it needs."""

    def __init__(self, door: Door, queries: TapQueries, read_request: ReadRequest) -> None:
        self._door = door
        self._queries = queries
        self._read_request = read_request
        self._manners = Manners(wanted_format, self._query, table_reply)

    def routes(self) -> list[Route]:
        """Where the handler is mounted."""
        return [Route("/tap/sync", self.sync, methods=["GET", "POST"])]

    async def sync(self, request: Request) -> Response:
        """A query and its answer; errors in the format that was asked for."""
        return await self._door.answer(request, self._manners)

    def _query(self, wish: Wish) -> TapQuery:
        asked = self._read_request(wish.form, wish.format)
        return self._queries.query(metadata_only(asked) if wish.head else asked, wish.asker)
