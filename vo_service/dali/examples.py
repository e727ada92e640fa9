"""The examples of a service over HTTP (DALI 1.1 section 2.3)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from capabilities.examples_page import PageExample, examples_page
from vo_service.dali.documents import document_reply

HTML = "text/html; charset=utf-8"  # browsers show it always, and XML parsers read it


class ExamplesHandler:
    """The page of the examples of the service at ``path`` (``/tap``). ``since`` is when they changed last."""

    def __init__(self, path: str, title: str, listed: Sequence[PageExample], since: datetime) -> None:
        self._path = path
        self._content = examples_page(title, listed)
        self._since = since

    def routes(self) -> list[Route]:
        """Where the page is mounted."""
        return [Route(f"{self._path}/examples", self.page)]

    async def page(self, request: Request) -> Response:
        """The page."""
        return document_reply(request, self._content, self._since, HTML)
