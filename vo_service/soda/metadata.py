"""What the cut-out service says of itself over HTTP: capabilities, availability, examples."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from starlette.routing import Route

from capabilities.security import Login
from capabilities.soda import SodaService, soda_capabilities
from vo_service.dali.addresses import Addresses
from vo_service.dali.identity import Identity
from vo_service.dali.vosi import Health, VosiHandlers
from vo_service.soda.examples import DataSets, SodaExamples


class SodaMetadata:
    """The handlers of these documents. ``find`` gives data sets for the examples."""

    def __init__(
        self,
        health: Health,
        identity: Identity,
        clock: Callable[[], datetime],
        addresses: Addresses,
        find: Callable[[], DataSets],
    ) -> None:
        self._vosi = VosiHandlers("/soda", _described, health, identity, clock, addresses)
        self._examples = SodaExamples(find, clock)

    def routes(self) -> list[Route]:
        """Where the handlers are mounted."""
        return [*self._vosi.routes(), *self._examples.routes()]


def _described(base_url: str, login: Login) -> bytes:
    return soda_capabilities(SodaService(base_url, examples=True, login=login))
