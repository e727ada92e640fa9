"""What the cone search in a table says of itself over HTTP: capabilities and availability."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Final

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from capabilities.cone import Cone, ConeSearch, cone_capabilities
from capabilities.security import Login
from vo_service.cone.tables import ConeTable
from vo_service.dali.addresses import Addresses
from vo_service.dali.identity import Identity
from vo_service.dali.vosi import Health, VosiHandlers

FindCone = Callable[[ConeTable], Cone | None]
"""Finds a cone with rows of a table that everybody may see; may block."""

_WORDS: Final = "Rows of {0} by position. {1}"


class ConeMetadata:
    """The handlers of the documents of one table."""

    def __init__(
        self,
        table: ConeTable,
        most_rows: int,
        find: FindCone,
        health: Health,
        identity: Identity,
        clock: Callable[[], datetime],
        addresses: Addresses,
    ) -> None:
        self._table = table
        self._path = f"/cone/{table.table.qualified}"
        self._most_rows = most_rows
        self._find = find
        self._parts = (health, identity, clock, addresses)
        self._lock = threading.Lock()
        self._test: Cone | None = None
        self._vosi = self._handlers()

    def routes(self) -> list[Route]:
        """Where the handlers are mounted."""
        return [
            Route(f"{self._path}/capabilities", self.capabilities),
            Route(f"{self._path}/availability", self._vosi.availability),
        ]

    async def capabilities(self, request: Request) -> Response:
        """What the search offers, with a query that gives rows at present."""
        handlers = await to_thread.run_sync(self._fresh)
        return await handlers.capabilities(request)

    def described(self, base_url: str, login: Login) -> ConeSearch:
        """What the search says of itself; ``base_url`` is its own address. May block."""
        self._fresh()
        return self._declared(base_url, login)

    def _declared(self, base_url: str, login: Login) -> ConeSearch:
        told = self._table.table.description.partition(". ")[0].rstrip(".")
        words = _WORDS.format(self._table.table.qualified, f"{told}.")
        return ConeSearch(base_url, self._most_rows, self._test, words, login)

    def _fresh(self) -> VosiHandlers:
        """The handlers that know a cone of the newest snapshot."""
        test = self._find(self._table)
        with self._lock:
            if test != self._test:
                self._test = test
                self._vosi = self._handlers()
            return self._vosi

    def _handlers(self) -> VosiHandlers:
        return VosiHandlers(self._path, self._document, *self._parts)

    def _document(self, base_url: str, login: Login) -> bytes:
        return cone_capabilities(self._declared(base_url, login))
