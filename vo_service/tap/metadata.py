"""What the TAP service says of itself over HTTP: tables, capabilities, availability (VOSI 1.1).

Documents are made once and kept: to make that of all tables takes a tenth of a second, in which nobody else
is answered.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Literal

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from capabilities import TapService, table_document, tables_document, tap_capabilities
from capabilities.security import Login
from tap_schema import Published
from vo_service.dali.addresses import Addresses
from vo_service.dali.errors import ErrorKind, ServiceError, usage
from vo_service.dali.identity import Identity
from vo_service.dali.parameters import Form
from vo_service.dali.vosi import VosiHandlers
from vo_service.tap.capabilities import TapFacts, offered
from vo_service.tap.health import Health


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
        self._identity = identity
        self._tables = cache(self._tables_document)  # of each detail
        self._table = cache(self._table_document)  # of each published table
        self._vosi = VosiHandlers("/tap", self._capabilities_document, health, identity, clock, addresses)

    def routes(self) -> list[Route]:
        """Where the handlers are mounted."""
        return [
            Route("/tap/tables", self.tables),
            Route("/tap/tables/{name}", self.table),
            *self._vosi.routes(),
        ]

    async def tables(self, request: Request) -> Response:
        """The VOSI tables document, whole or without columns (VOSI-031, VOSI-032)."""
        given = Form.of(request.query_params.multi_items()).values.get("DETAIL", ("max",))
        detail = given[0].lower()
        if detail not in ("min", "max"):
            raise usage("DETAIL is neither min nor max.")
        return await self._vosi.document(request, self._tables(detail))

    async def table(self, request: Request) -> Response:
        """One table in full (TAP-267)."""
        name = request.path_params["name"]
        for table in self._published.values():
            if table.adql_name.lower() == name.lower():
                return await self._vosi.document(request, self._table(table.adql_name))
        raise ServiceError(ErrorKind.NOT_FOUND, "There is no table of this name; /tap/tables lists them.")

    def described(self, base_url: str) -> TapService:
        """What TAP at that address offers at this moment (TAP-280 to TAP-299); registry records say the same
        (REG-083)."""
        return offered(base_url, self._facts, self._identity.declared())

    def _tables_document(self, detail: Literal["min", "max"]) -> bytes:
        return tables_document(self._published, detail)

    def _table_document(self, adql_name: str) -> bytes:
        table = next(table for table in self._published.values() if table.adql_name == adql_name)
        return table_document(table, self._published)

    def _capabilities_document(self, base_url: str, login: Login) -> bytes:
        return tap_capabilities(offered(base_url, self._facts, login))
