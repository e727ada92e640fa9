"""The DataLink service of one process: its parts put together from the settings."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.routing import Route

from vo_service.access import Rights
from vo_service.asking.door import Door
from vo_service.dali.vosi import Health
from vo_service.products.authority import Authority
from vo_service.products.desk import Desk
from vo_service.products.shelf import Shelf
from vo_service.settings import Settings


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What it shares with the other services of its process."""

    shelf: Shelf
    desk: Desk
    rights: Rights
    door: Door
    health: Health
    authority: Authority


class DataLink:
    """DataLink as the settings want it."""

    def __init__(self, settings: Settings, around: Surroundings) -> None:
        self._around = around

    def routes(self) -> list[Route]:
        """All addresses of it."""
        return []
