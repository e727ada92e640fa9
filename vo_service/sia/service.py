"""The SIA 2.0 service of one process: its parts put together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from starlette.routing import Route

from capabilities.security import Login
from capabilities.sia import SiaService, sia_capabilities
from vo_service.asking.door import Door
from vo_service.asking.queries import Queries
from vo_service.asking.uploads import UploadReader
from vo_service.dali.vosi import Health, VosiHandlers
from vo_service.sia.handlers import QueryHandler
from vo_service.sia.present import PresentValues
from vo_service.sia.queries import SiaQueries


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What it shares with the other services of its process. ``authority`` is that of the identifiers of data
    sets; it may block."""

    queries: Queries
    door: Door
    health: Health
    authority: Callable[[], str]
    uploads: UploadReader


class Sia:
    """The search for images of one process."""

    def __init__(self, around: Surroundings) -> None:
        door = around.door
        present = PresentValues(around.queries)
        queries = SiaQueries(around.queries, present, around.authority, around.uploads)
        self._query = QueryHandler(door, queries)
        self._vosi = VosiHandlers(
            "/sia2", _described, around.health, door.identity, door.clock, door.addresses
        )

    def routes(self) -> list[Route]:
        """All addresses of it."""
        return [*self._query.routes(), *self._vosi.routes()]


def _described(base_url: str, login: Login) -> bytes:
    return sia_capabilities(SiaService(base_url, login))
