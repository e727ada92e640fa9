"""The packages of one process: their parts put together from the settings."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.routing import Route

from vo_service.access import Rights
from vo_service.asking.door import Door
from vo_service.asking.queries import Queries
from vo_service.products.authority import Authority
from vo_service.products.digests import Digests
from vo_service.products.shelf import Shelf
from vo_service.settings import Settings


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What they share with the other services of their process."""

    queries: Queries
    shelf: Shelf
    digests: Digests
    rights: Rights
    door: Door
    authority: Authority


class Packages:
    """Packages as the settings want them."""

    def __init__(self, settings: Settings, around: Surroundings) -> None:
        self._around = around

    def routes(self) -> list[Route]:
        """All addresses of them."""
        return []
