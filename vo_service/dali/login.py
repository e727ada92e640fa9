"""``/login``: a token as password, a shorter-lived one for it (SSO's tls-with-password, AUTH-010 to 013).

There is this address only where the setting ``challenges`` names ivoa_bearer.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from vo_service.access.tokens import make_token
from vo_service.dali.errors import ErrorKind, ServiceError, usage
from vo_service.dali.forms import read_body
from vo_service.dali.identity import BadPermit, Identity
from vo_service.dali.multipart import BodyLimits
from vo_service.dali.request_log import signed
from vo_service.store import StoreError
from vo_service.store.tokens import StoredToken, TokenTable

LIFETIME = timedelta(hours=12)
_LIMITS = BodyLimits(body_bytes=16 * 1024, upload_bytes=0)
_WINDOW_SECONDS = 60.0
_FAILURES = 10
_CLIENTS = 10_000
_NOT_KEPT = {"Cache-Control": "no-store"}


class Login:
    """The handler of ``/login``, with the failures of each client in the last minute.

    ``place`` is a directory for parts of a form; none is ever large.
    """

    def __init__(
        self, identity: Identity, table: TokenTable, clock: Callable[[], datetime], place: Path
    ) -> None:
        self._identity = identity
        self._table = table
        self._clock = clock
        self._place = place
        self._failures: dict[str, tuple[float, int]] = {}

    def routes(self) -> list[Route]:
        """Where the handler is mounted."""
        policy = self._identity.policy
        if policy.mode == "anonymous" or "ivoa_bearer" not in policy.challenges:
            return []
        return [Route("/login", self.log_in, methods=["POST"])]

    async def log_in(self, request: Request) -> Response:
        """A new token in the header X-VO-Bearer for username and password."""
        if {name.lower() for name in request.query_params} & {"username", "password"}:
            raise usage("A password is not taken from an address, which others see; send it in the body.")
        self._identity.require_privacy(request.scope)
        client = self._identity.client(request)
        self._require_patience(client)
        body = await read_body(request, _LIMITS, self._place)
        name, password = (body.form.values.get(key, ("",))[0] for key in ("USERNAME", "PASSWORD"))
        try:
            found = await self._identity.find(name, password)
        except BadPermit:
            self._note_failure(client)
            return _refused()
        text = await to_thread.run_sync(self._make, found)
        if text is None:  # revoked since the list of tokens was read
            return _refused()
        headers = {
            **_NOT_KEPT,
            "X-VO-Bearer": text,
            "X-VO-Authenticated": found.subject,
            "Access-Control-Expose-Headers": "X-VO-Bearer, X-VO-Authenticated, X-Request-Id",
        }
        return PlainTextResponse(f"{found.subject}\n", 200, headers)

    def _make(self, found: StoredToken) -> str | None:
        """A token with the rights of another, which goes with it; None where that has gone already."""
        now = self._clock()
        expires = min(now + LIFETIME, found.expires or now + LIFETIME)
        new = make_token(found.subject, found.scopes, now, expires, found.parent or found.token_id)
        try:
            added = self._table.add(new.stored)
        except StoreError as error:
            raise ServiceError(ErrorKind.UNAVAILABLE, "Nobody can log in at present.") from error
        return new.text if added else None

    def _require_patience(self, client: str) -> None:
        began, count = self._failures.get(client, (0.0, 0))
        if count >= _FAILURES and time.monotonic() - began < _WINDOW_SECONDS:
            raise ServiceError(
                ErrorKind.LIMIT,
                "Too many wrong passwords came from here.",
                "Try again in a minute.",
                {"Retry-After": f"{_WINDOW_SECONDS:.0f}"},
            )

    def _note_failure(self, client: str) -> None:
        now = time.monotonic()
        began, count = self._failures.get(client, (now, 0))
        fresh = now - began >= _WINDOW_SECONDS
        self._failures[client] = (now, 1) if fresh else (began, count + 1)
        if len(self._failures) > _CLIENTS:  # the oldest are the least dangerous
            self._failures.pop(next(iter(self._failures)))


def _refused() -> Response:
    return PlainTextResponse(f"{signed('Wrong user or password.')}\n", 401, _NOT_KEPT)
