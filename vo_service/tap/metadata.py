"""What the TAP service says of itself over HTTP: tables, capabilities, availability (VOSI 1.1).

Documents are made once and kept: to make that of all tables takes a tenth of a second, in which nobody else
is answered.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache, lru_cache
from typing import Final, Literal

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from capabilities import TapService, availability, table_document, tables_document, tap_capabilities
from capabilities.security import Login
from tap_schema import Published
from vo_service.access.tokens import SECONDS_KEPT
from vo_service.dali.addresses import Addresses
from vo_service.dali.documents import document_reply
from vo_service.dali.errors import ErrorKind, ServiceError, usage
from vo_service.dali.identity import Identity
from vo_service.dali.parameters import Form
from vo_service.tap.capabilities import TapFacts, offered
from vo_service.tap.health import Health

_ADDRESSES: Final = 16  # by which clients come, whose capabilities are kept


class TapMetadata:
    """The handlers of TAP's documents, with what they need."""

    def __init__(
        self,
        published: Published,
        facts: TapFacts,
        health: Health,
        identity: Identity,
        clock: Callable[[], datetime],
        addresses: Addresses,
    ) -> None:
        self._published = published
        self._facts = facts
        self._health = health
        self._identity = identity
        self._clock = clock
        self._addresses = addresses
        self._tables = cache(self._tables_document)  # of each detail
        self._table = cache(self._table_document)  # of each published table
        self._capabilities = lru_cache(_ADDRESSES)(self._capabilities_document)
        self._login = self._identity.declared()
        self._described_since = clock()  # settings may be others than those of the process before

    def routes(self) -> list[Route]:
        """Where the handlers are mounted."""
        return [
            Route("/tap/tables", self.tables),
            Route("/tap/tables/{name}", self.table),
            Route("/tap/capabilities", self.capabilities),
            Route("/tap/availability", self.availability),
        ]

    async def tables(self, request: Request) -> Response:
        """The VOSI tables document, whole or without columns (VOSI-031, VOSI-032)."""
        given = Form.of(request.query_params.multi_items()).values.get("DETAIL", ("max",))
        detail = given[0].lower()
        if detail not in ("min", "max"):
            raise usage("DETAIL is neither min nor max.")
        return await self._document(request, self._tables(detail))

    async def table(self, request: Request) -> Response:
        """One table in full (TAP-267)."""
        name = request.path_params["name"]
        for table in self._published.values():
            if table.adql_name.lower() == name.lower():
                return await self._document(request, self._table(table.adql_name))
        raise ServiceError(ErrorKind.NOT_FOUND, "There is no table of this name; /tap/tables lists them.")

    async def capabilities(self, request: Request) -> Response:
        """What the service offers (TAP-280 to TAP-299), and how one logs in at this moment."""
        address = self._addresses.of(request)
        login = self._identity.declared()
        if login != self._login:
            # other processes may not know yet of the token that came or went
            self._login = login
            self._described_since = self._clock() + timedelta(seconds=SECONDS_KEPT)
        return await self._document(request, self._capabilities(f"{address}/tap", login))

    def described(self, base_url: str) -> TapService:
        """What TAP at that address offers at this moment; registry records say the same (REG-083)."""
        return offered(base_url, self._facts, self._identity.declared())

    def _tables_document(self, detail: Literal["min", "max"]) -> bytes:
        return tables_document(self._published, detail)

    def _table_document(self, adql_name: str) -> bytes:
        table = next(table for table in self._published.values() if table.adql_name == adql_name)
        return table_document(table, self._published)

    def _capabilities_document(self, base_url: str, login: Login) -> bytes:
        return tap_capabilities(offered(base_url, self._facts, login))

    async def _document(self, request: Request, content: bytes) -> Response:
        """A document that changed with the last snapshot, with this process, or with the way to log in."""
        snapshot = await to_thread.run_sync(self._health.metadata_changed)
        return document_reply(request, content, max(self._described_since, snapshot))

    async def availability(self, request: Request) -> Response:
        """Whether queries can be answered now (VOSI-020, VOSI-021); always 200."""
        state = await to_thread.run_sync(self._health.state)
        content = availability(state.trouble is None, self._health.since, state.notes)
        return Response(content, headers={"Content-Type": "text/xml", "Cache-Control": "no-store"})
