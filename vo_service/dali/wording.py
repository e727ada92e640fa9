"""The words that texts of errors begin with, at the addresses of a service whose standard has such words.

Whatever refuses a request there (a handler, the router, the layer that asks for permits), its text begins
with one of them (SODA-054).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar

from starlette.types import ASGIApp, Receive, Scope, Send

from vo_service.dali.errors import ServiceError

Word = Callable[[ServiceError], str]
"""The word of a service for an error."""

_present: ContextVar[Word | None] = ContextVar("word", default=None)


def worded(error: ServiceError) -> str:
    """The text of an error, as the service at the address of the present request tells it."""
    word = _present.get()
    return error.text if word is None else f"{word(error)}: {error.text}"


class Wording:
    """The layer that knows whose words are wanted. ``services``: the first segment of their addresses."""

    def __init__(self, app: ASGIApp, services: Mapping[str, Word]) -> None:
        self._app = app
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        word = None
        if scope["type"] == "http":
            word = self._services.get(scope["path"].lstrip("/").partition("/")[0])
        token = _present.set(word)
        try:
            await self._app(scope, receive, send)
        finally:
            _present.reset(token)
