"""A small application behind the layers of the real one, in process, and requests to it from anywhere."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import httpx
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from vo_service.access.tokens import Tokens, make_token
from vo_service.dali.compression import Compression
from vo_service.dali.doorkeeper import Doorkeeper
from vo_service.dali.edge import Edge
from vo_service.dali.errors import ErrorKind, ServiceError
from vo_service.dali.front import Front
from vo_service.dali.identity import AuthPolicy, Identity
from vo_service.dali.login import Login
from vo_service.dali.replies import answer_http_error, answer_service_error
from vo_service.dali.request_log import RequestLog
from vo_service.store import Catalogue
from vo_service.store.tokens import TokenTable

START = datetime(2027, 3, 1, 12, 0, 0, tzinfo=UTC)
HERE = ("127.0.0.1", 4000)
AWAY = ("192.0.2.7", 4000)


@dataclass
class House:
    """The application, and what its tests turn: its clock, its tokens, its policy."""

    place: Path
    policy: AuthPolicy
    now: datetime = START
    kept: float = 0.0
    catalogue: Catalogue = field(init=False)
    identity: Identity = field(init=False)
    app: Starlette = field(init=False)

    def __post_init__(self) -> None:
        self.catalogue = Catalogue.open_in(self.place)
        table = TokenTable(self.catalogue)
        tokens = Tokens(table, lambda: self.now, kept=self.kept)
        self.identity = Identity(self.policy, tokens)
        login = Login(self.identity, table, lambda: self.now, self.place)
        self.app = application(self.identity, self.policy.trust_proxy, login)

    def token(self, subject: str = "ann", hours: float | None = None, scopes: Sequence[str] = ()) -> str:
        """A new token's text."""
        expires = None if hours is None else self.now + timedelta(hours=hours)
        new = make_token(subject, frozenset(scopes), self.now, expires)
        TokenTable(self.catalogue).add(new.stored)
        return new.text

    def ask(
        self,
        path: str = "/who",
        method: str = "GET",
        headers: Any = None,
        client: tuple[str, int] = HERE,
        base: str = "http://vo.example",
        **more: Any,
    ) -> httpx.Response:
        """The answer to one request."""
        return send(self.app, path, method, headers, client, base, **more)


def send(
    app: Starlette,
    path: str,
    method: str = "GET",
    headers: Any = None,
    client: tuple[str, int] = HERE,
    base: str = "http://vo.example",
    **more: Any,
) -> httpx.Response:
    """The answer of an application to one request."""

    async def exchange() -> httpx.Response:
        transport = httpx.ASGITransport(app=app, client=client)
        async with httpx.AsyncClient(transport=transport, base_url=base) as browser:
            return await browser.request(method, path, headers=headers, **more)

    return anyio.run(exchange)


def application(identity: Identity, trust_proxy: bool, login: Login) -> Starlette:
    """``/who`` tells who is taken for whom; ``/mine`` and ``/closed`` are for nobody; others answer in ways
    of their own."""

    async def who(request: Request) -> Response:
        viewer = identity.viewer(request)
        told = {"subject": viewer.subject, "scopes": sorted(viewer.scopes), "path": request.url.path}
        return JSONResponse({**told, "client": identity.client(request)})

    async def mine(request: Request) -> Response:
        raise identity.refusal(request, "This is somebody else's.")

    async def closed(request: Request) -> Response:
        raise identity.refusal(request, "This is not public yet.", scope="read:all")

    async def late(request: Request) -> Response:
        raise ServiceError(ErrorKind.FORBIDDEN, "It is too late for that.")

    app = Starlette(
        routes=[
            Route("/who", who, methods=["GET", "POST"]),
            Route("/mine", mine),
            Route("/closed", closed),
            Route("/late", late),
            Route("/tap/capabilities", who),
            Route("/tap/availability", who),
            Route("/healthz", who),
            Route("/kept", _with("no-store")),
            Route("/fresh", _with("no-cache")),
            Route("/shared", _with("public, max-age=60, s-maxage=600")),
            *login.routes(),
        ],
        middleware=[
            Middleware(RequestLog, trust_proxy=trust_proxy),
            Middleware(Edge, software="vo-service/9"),
            Middleware(Front),
            Middleware(Doorkeeper, identity=identity, base_url=None),
            Middleware(Compression),
        ],
        exception_handlers={ServiceError: answer_service_error, HTTPException: answer_http_error},
    )
    app.router.redirect_slashes = False
    return app


def _with(cache: str) -> Callable[[Request], Any]:
    async def answer(request: Request) -> Response:
        return PlainTextResponse("x", headers={"Cache-Control": cache, "Vary": "Accept"})

    return answer


def bearer(token: str) -> dict[str, str]:
    """Headers with a Bearer token."""
    return {"Authorization": f"Bearer {token}"}


def basic(user: str, password: str) -> dict[str, str]:
    """Headers with a user and a password."""
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def challenges(answer: httpx.Response) -> list[str]:
    """The lines of WWW-Authenticate."""
    return answer.headers.get_list("www-authenticate")


Open = Callable[..., House]
