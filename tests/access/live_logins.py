"""Live servers with tokens, and the sessions by which pyvo logs in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyvo
import requests
from live_service import copy_home
from service_processes import end_process, start_server

from vo_service.access.tokens import make_token
from vo_service.store import Catalogue
from vo_service.store.tokens import TokenTable


@dataclass(frozen=True)
class Live:
    """A running service with tokens of ann, who may read all, and of bob, who may not."""

    url: str
    home: Path
    log: Path
    ann: str
    bob: str

    @property
    def tap(self) -> str:
        return f"{self.url}/tap"


@contextmanager
def tokens_of(home: Path) -> Iterator[TokenTable]:
    """The tokens of a home, as the command that makes them sees them (tests/app/test_token_command.py)."""
    catalogue = Catalogue.open_in(home)
    yield TokenTable(catalogue)
    catalogue.close()


def add_token(home: Path, subject: str, *scopes: str) -> str:
    new = make_token(subject, frozenset(scopes), datetime.now(UTC), None)
    with tokens_of(home) as table:
        table.add(new.stored)
    return new.text


def serving(holdings: Any, place: Path, mode: str, workers: int) -> Iterator[Live]:
    # tokens in the shared home would change what other tests see
    home = copy_home(holdings.home, place / "home")
    ann, bob = add_token(home, "ann", "read:all"), add_token(home, "bob")
    settings = {
        "VO_SERVICE_AUTH": mode, "VO_SERVICE_LOG_FORMAT": "json", "VO_SERVICE_UNLISTED": "closed",
    }  # fmt: skip
    server = start_server(home, place / "server.log", workers=workers, **settings)
    yield Live(server.url, home, server.log, ann, bob)
    end_process(server.process, server.log)


def session_with_password(user: str, password: str) -> pyvo.auth.AuthSession:
    session = pyvo.auth.AuthSession()
    session.credentials.set_password(user, password)
    return session


def session_with_bearer(token: str, url: str) -> pyvo.auth.AuthSession:
    """pyvo's own way for schemes that it has no word for: a session that sends the header."""
    sends = requests.Session()
    sends.headers["Authorization"] = f"Bearer {token}"
    session = pyvo.auth.AuthSession()
    session.credentials.set("ivo://ivoa.net/sso#OAuth", sends)
    session.add_security_method_for_url(url, "ivo://ivoa.net/sso#OAuth")
    return session
