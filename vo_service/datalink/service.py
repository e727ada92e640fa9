"""The DataLink service of one process: its parts put together."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.routing import Route

from capabilities.datalink import DataLinkService, datalink_capabilities
from capabilities.security import Login
from vo_service.access import Rights
from vo_service.asking.door import Door
from vo_service.dali.vosi import Health, VosiHandlers
from vo_service.datalink.answering import Examples, LinkSource
from vo_service.datalink.handlers import LinksHandler
from vo_service.datalink.services import Cuts
from vo_service.products.authority import Authority
from vo_service.products.desk import Desk
from vo_service.products.shelf import Shelf


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What it shares with the other services of its process. ``cuts`` makes the descriptors of services that
    cut data sets, ``examples`` finds data sets for examples. Planes of up to ``tree_pixels`` have trees."""

    shelf: Shelf
    desk: Desk
    rights: Rights
    door: Door
    health: Health
    authority: Authority
    cuts: Cuts
    examples: Examples
    tree_pixels: int


class DataLink:
    """The links service of one process."""

    def __init__(self, around: Surroundings) -> None:
        door = around.door
        source = LinkSource(
            around.shelf,
            around.desk,
            around.rights,
            around.authority,
            around.cuts,
            around.examples,
            around.tree_pixels,
        )
        self._links = LinksHandler(door, source)
        self._vosi = VosiHandlers(
            "/datalink", described, around.health, door.identity, door.clock, door.addresses
        )

    def routes(self) -> list[Route]:
        """All addresses of it."""
        return [*self._links.routes(), *self._vosi.routes()]


def described(base_url: str, login: Login) -> bytes:
    """The capabilities of the service at that address."""
    return datalink_capabilities(DataLinkService(base_url, login))
