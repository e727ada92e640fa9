"""The SIA 2.0 service of one process: its parts put together from the settings."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.routing import Route

from vo_service.asking.door import Door
from vo_service.asking.queries import Queries
from vo_service.dali.vosi import Health
from vo_service.settings import Settings


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What it shares with the other services of its process."""

    queries: Queries
    door: Door
    health: Health


class Sia:
    """SIA 2.0 as the settings want it."""

    def __init__(self, settings: Settings, around: Surroundings) -> None:
        self._around = around

    def routes(self) -> list[Route]:
        """All addresses of it."""
        return []
