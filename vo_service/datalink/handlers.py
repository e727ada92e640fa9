"""``/datalink/sync`` over HTTP (DataLink 1.1 section 2)."""

from __future__ import annotations

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from vo_service.asking.door import Door, Manners, Wish
from vo_service.dali.replies import table_reply
from vo_service.datalink.answering import LinkAnswer, LinkSource, Room
from vo_service.datalink.formats import links_format
from vo_service.datalink.request import MOST_VALUES, read_request


class LinksHandler:
    """The handler, with what it needs."""

    def __init__(self, door: Door, source: LinkSource) -> None:
        self._door = replace(door, body=replace(door.body, values=MOST_VALUES))
        self._source = source
        self._manners = Manners(links_format, self._answer, table_reply)

    def routes(self) -> list[Route]:
        """Where the handler is mounted."""
        return [Route("/datalink/sync", self.sync, methods=["GET", "POST"])]

    async def sync(self, request: Request) -> Response:
        """The links of all identifiers; errors of the whole request in the format that was asked for
        (DL-064, DL-065)."""
        return await self._door.answer(request, self._manners)

    def _answer(self, wish: Wish) -> LinkAnswer:
        asked = read_request(wish.form, wish.asker.parts)
        login = self._door.identity.declared()
        return LinkAnswer(
            self._source,
            asked,
            wish.asker,
            wish.format,
            describes=asked.describes or wish.head,
            logins=bool(login.methods),
            required=login.required,
            room=Room(asked.maxrec),
        )
