"""The number of a request, and the one line that the log has of it.

Each request gets an identifier: it stands in every log line made for it, in the header ``X-Request-Id`` and
as the last line of every error text, so that a user's complaint leads to the log. Nothing that a request
carries in its query string, body or credentials is logged (AUTH-051, AUTH-052) but RUNID, which clients send
for the log (DALI-046): it stands in the lines of queries and jobs.
"""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_log = logging.getLogger(__name__)

_current: ContextVar[str | None] = ContextVar("request_id", default=None)
_SANE = re.compile(r"[A-Za-z0-9._-]{8,64}")
_PATH_CHARACTERS = 300


def request_id() -> str | None:
    """The identifier of the request that is being answered; None outside of any."""
    return _current.get()


@contextmanager
def as_request(identifier: str | None) -> Iterator[None]:
    """What happens in the block belongs to a request: for work that outlives it, such as a job's, and for
    threads, which do not know the request that they work for."""
    token = _current.set(identifier)
    try:
        yield
    finally:
        _current.reset(token)


def signed(text: str, identifier: str | None = None) -> str:
    """An error text with the identifier of its request as the last line (the present request's by default).

    A text that is signed already stays as it is.
    """
    known = identifier or request_id()
    if known is None or text.rstrip("\n").endswith(f"\nRequest: {known}"):
        return text
    return f"{text.rstrip()}\nRequest: {known}"


class RequestLog:
    """The outermost layer of the application: gives each request its identifier, and logs it when it is over.

    ``trust_proxy`` takes the identifier that the proxy sends, so that both logs tell of the same one.
    """

    def __init__(self, app: ASGIApp, trust_proxy: bool) -> None:
        self._app = app
        self._trust_proxy = trust_proxy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        identifier = self._identifier(scope)
        state = scope.setdefault("state", {})
        state["request_id"] = identifier
        line = _Line(scope)

        async def send_and_count(message: Message) -> None:
            if message["type"] == "http.response.start":
                line.status = message["status"]
                message["headers"] = [
                    *message.get("headers", []),
                    (b"x-request-id", identifier.encode("ascii")),
                ]
            elif message["type"] == "http.response.body":
                line.sent += len(message.get("body", b"")) if scope["method"] != "HEAD" else 0
                line.whole = not message.get("more_body", False)
            await send(message)

        with as_request(identifier):
            try:
                await self._app(scope, receive, send_and_count)
            finally:
                line.write()

    def _identifier(self, scope: Scope) -> str:
        if self._trust_proxy:
            given = Headers(scope=scope).get("x-request-id", "")
            if _SANE.fullmatch(given):
                return given
        return secrets.token_hex(8)


class _Line:
    """What the log tells of one request."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._started = time.perf_counter()
        self.status = 0
        self.sent = 0
        self.whole = False

    def write(self) -> None:
        """At the end of the request. ``whole=False``: the client did not get all of the answer."""
        scope = self._scope
        raw = scope.get("raw_path") or scope["path"].encode("utf-8", "backslashreplace")
        path = raw.partition(b"?")[0].decode("latin-1").encode("ascii", "backslashreplace").decode("ascii")
        _log.info(
            "request method=%s path=%s status=%d seconds=%.4f bytes=%d whole=%s client=%s id=%s",
            scope["method"],
            path[:_PATH_CHARACTERS],
            self.status,
            time.perf_counter() - self._started,
            self.sent,
            self.whole,
            scope["state"].get("client", "-"),
            scope["state"]["request_id"],
        )
