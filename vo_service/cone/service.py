"""The Simple Cone Search service of one process: its parts put together."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.routing import Route

from capabilities.cone import ConeSearch
from tap_schema import published
from vo_service.asking.door import Door
from vo_service.asking.queries import Queries
from vo_service.cone.handlers import ConeHandler
from vo_service.cone.metadata import ConeMetadata
from vo_service.cone.samples import SampleCones
from vo_service.cone.tables import cone_tables
from vo_service.dali.vosi import Health


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What it shares with the other services of its process."""

    queries: Queries
    door: Door
    health: Health


class Cone:
    """Simple Cone Search, in every published table that has positions."""

    def __init__(self, around: Surroundings) -> None:
        door = around.door
        tables = cone_tables(published())
        find = SampleCones(around.queries, door.clock, door.seconds)
        self._search = ConeHandler(door, around.queries, tables)
        self._login = door.identity.declared
        self._metadata = {
            name: ConeMetadata(
                table,
                around.queries.limits.rows(None),
                find,
                around.health,
                door.identity,
                door.clock,
                door.addresses,
            )
            for name, table in tables.items()
        }

    def described(self, base_url: str) -> dict[str, ConeSearch]:
        """What the searches say of themselves at this moment, by the names of their tables; ``base_url`` is
        that of the whole service. May block. Registry records say the same (SCS-024)."""
        login = self._login()
        return {name: one.described(f"{base_url}/cone/{name}", login) for name, one in self._metadata.items()}

    def routes(self) -> list[Route]:
        """All addresses of it."""
        documents = [route for one in self._metadata.values() for route in one.routes()]
        return [*self._search.routes(), *documents]
