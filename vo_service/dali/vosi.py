"""What every service says of itself: ``/capabilities`` and ``/availability`` (VOSI 1.1).

A document is made once for each address that clients come by, and kept.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final, Protocol

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from capabilities import availability
from capabilities.security import Login
from vo_service.access.tokens import SECONDS_KEPT
from vo_service.dali.addresses import Addresses
from vo_service.dali.documents import document_reply
from vo_service.dali.identity import Identity

_ADDRESSES: Final = 16  # by which clients come, whose capabilities are kept

Describe = Callable[[str, Login], bytes]
"""Makes the capabilities document of a service, from its address and how one logs in."""


class State(Protocol):
    """How a service does: what keeps it from answering, None where nothing does, and what people should
    know."""

    @property
    def trouble(self) -> str | None: ...

    @property
    def notes(self) -> tuple[str, ...]: ...


class Health(Protocol):
    """Whoever knows how a service does; its methods may block. ``since``: when it began to answer."""

    @property
    def since(self) -> datetime: ...

    def state(self) -> State: ...

    def metadata_changed(self) -> datetime:
        """When the published metadata were last written (UTC)."""
        ...


class VosiHandlers:
    """The handlers of the documents of the service at ``path`` (``/tap``)."""

    def __init__(
        self,
        path: str,
        describe: Describe,
        health: Health,
        identity: Identity,
        clock: Callable[[], datetime],
        addresses: Addresses,
    ) -> None:
        self._path = path
        self._health = health
        self._identity = identity
        self._clock = clock
        self._addresses = addresses
        self._described = lru_cache(_ADDRESSES)(describe)
        self._login = identity.declared()
        self._described_since = clock()  # settings may be others than those of the process before

    def routes(self) -> list[Route]:
        """Where the handlers are mounted."""
        return [
            Route(f"{self._path}/capabilities", self.capabilities),
            Route(f"{self._path}/availability", self.availability),
        ]

    async def capabilities(self, request: Request) -> Response:
        """What the service offers, and how one logs in at this moment."""
        address = self._addresses.of(request)
        login = self._identity.declared()
        if login != self._login:
            # other processes may not know yet of the token that came or went
            self._login = login
            self._described_since = self._clock() + timedelta(seconds=SECONDS_KEPT)
        return await self.document(request, self._described(f"{address}{self._path}", login))

    async def availability(self, request: Request) -> Response:
        """Whether requests can be answered now (VOSI-020, VOSI-021); always 200."""
        state = await to_thread.run_sync(self._health.state)
        content = availability(state.trouble is None, self._health.since, state.notes)
        return Response(content, headers={"Content-Type": "text/xml", "Cache-Control": "no-store"})

    async def document(self, request: Request, content: bytes) -> Response:
        """A document that changed with the last snapshot, with this process, or with the way to log in."""
        snapshot = await to_thread.run_sync(self._health.metadata_changed)
        return document_reply(request, content, max(self._described_since, snapshot))
