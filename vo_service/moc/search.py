"""``/moc/search``: the data sets that meet a map of the sky, over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from capabilities.moc import MocService, moc_capabilities
from capabilities.security import Login
from vo_service.asking.constraints import MOST_VALUES
from vo_service.asking.door import Door, Manners, Wish
from vo_service.asking.queries import Queries
from vo_service.asking.uploads import UploadReader, check_uploads
from vo_service.dali.errors import usage
from vo_service.dali.formats import response_format
from vo_service.dali.replies import table_reply
from vo_service.dali.vosi import Health, VosiHandlers
from vo_service.moc.map_declared import declared_map_parameters
from vo_service.moc.search_declared import declared_parameters
from vo_service.moc.search_queries import SearchQueries, SearchQuery
from vo_service.moc.search_request import CONSTRAINTS, NAMES, read_request

_VALUES: Final = MOST_VALUES * len(CONSTRAINTS) + 1000
"""Values of a request: the most of every constraint, and some that mean nothing here."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What it shares with the other services of its process. ``authority`` is that of the identifiers of data
    sets; it may block."""

    queries: Queries
    door: Door
    health: Health
    authority: Callable[[], str]
    uploads: UploadReader


class MocSearch:
    """The search by map of one process, and what is said of it."""

    def __init__(self, around: Surroundings) -> None:
        door = around.door
        self._door = replace(door, body=replace(door.body, values=_VALUES))
        self._queries = SearchQueries(around.queries, around.authority, around.uploads)
        self._manners = Manners(response_format, self._query, table_reply)
        self._takes_files = around.uploads.limits.tables > 0
        self._vosi = VosiHandlers(
            "/moc", self._document, around.health, door.identity, door.clock, door.addresses
        )

    def routes(self) -> list[Route]:
        """All addresses of it."""
        return [Route("/moc/search", self.search, methods=["GET", "POST"]), *self._vosi.routes()]

    async def search(self, request: Request) -> Response:
        """The data sets that meet a map; errors in the format that was asked for."""
        return await self._door.answer(request, self._manners)

    def _query(self, wish: Wish) -> SearchQuery:
        for name in wish.asker.parts:
            if name.strip().upper() in NAMES:
                raise usage(
                    f"{name} came as a file; it is a parameter.",
                    "A file has a name of its own, which UPLOAD tells: UPLOAD=map,param:map.",
                )
        asked = read_request(wish.form, wish.format)
        uploads = self._queries.uploads
        check_uploads(wish.form, wish.asker.parts, uploads.limits, uploads.fetch)
        return self._queries.query(replace(asked, maxrec=0) if wish.head else asked, wish.asker)

    def described(self, base_url: str, login: Login) -> MocService:
        """What it says of itself; ``base_url`` is its own (``.../moc``). Registry records say the same."""
        return MocService(
            base_url,
            declared_parameters(self._takes_files),
            login,
            declared_map_parameters(self._takes_files),
        )

    def _document(self, base_url: str, login: Login) -> bytes:
        return moc_capabilities(self.described(base_url, login))
