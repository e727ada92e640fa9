"""An application in this process, asked without a network, with a clock that can be turned; and tokens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
from anyio.from_thread import BlockingPortal, start_blocking_portal
from starlette.applications import Starlette

from vo_service import service
from vo_service.access.tokens import make_token
from vo_service.app import create_app
from vo_service.settings import Settings
from vo_service.store import Catalogue
from vo_service.store.tokens import TokenTable

BASE = "http://t"
"""The address that it is asked by."""


@dataclass(kw_only=True)
class Asked:
    """``now``: the time by its clock. ``tokens``: of the persons who have one. ``app`` and ``portal`` are
    there while it is `running`."""

    now: datetime
    tokens: Mapping[str, str] = field(default_factory=dict)
    app: Starlette = field(init=False, repr=False)
    portal: BlockingPortal = field(init=False, repr=False)

    def ask(
        self,
        path: str,
        person: str = "nobody",
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> httpx.Response:
        """The answer to one request."""
        sent = dict(headers or {})
        if person in self.tokens:
            sent["Authorization"] = f"Bearer {self.tokens[person]}"

        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url=BASE, timeout=120) as client:
                return await client.request(method, path, headers=sent, **more)

        return self.portal.call(send)


@contextmanager
def running(asked: Asked, home: Path, **overrides: str) -> Iterator[None]:
    """The application on a home, with these settings."""
    with start_blocking_portal() as asked.portal:
        with patch.object(service, "_now", lambda: asked.now):  # the application keeps it, nobody else
            asked.app = create_app(Settings.load(home=home, environ={}, overrides=overrides))
        with closing(asked.app.state):
            yield


def give_token(home: Path, subject: str, now: datetime, *scopes: str) -> str:
    """The text of a new token."""
    with closing(Catalogue.open_in(home)) as catalogue:
        new = make_token(subject, frozenset(scopes), now, None)
        TokenTable(catalogue).add(new.stored)
    return new.text
