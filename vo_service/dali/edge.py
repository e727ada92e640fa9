"""What every answer carries, whatever made it: CORS, the software's name, and a calm face on a bug.

Browser clients (Aladin Lite) read nothing without CORS headers, errors included (DALI-119, AUTH-062,
AUTH-063); checkers want a ``Server`` that names the software. An error that nobody foresaw becomes a 500 in
plain words, with its traceback in the log and a number that leads there.
"""

from __future__ import annotations

import logging
import secrets

from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_log = logging.getLogger(__name__)

_EXPOSED = (
    "WWW-Authenticate, X-VO-Authenticated, Location, Content-Disposition, Content-Range, Content-Length, "
    "Accept-Ranges, ETag, Last-Modified, Link, Repr-Digest, Retry-After"
)
_METHODS = "GET, HEAD, POST, DELETE, OPTIONS"
_ALLOWED = "Authorization, Content-Type, Range, If-None-Match, If-Range, If-Modified-Since, Want-Repr-Digest"
_DAY = "86400"


class Edge:
    """The outermost layer of the application."""

    def __init__(self, app: ASGIApp, software: str) -> None:
        self._app = app
        self._always = [
            (b"access-control-allow-origin", b"*"),
            (b"access-control-expose-headers", _EXPOSED.encode("ascii")),
            (b"server", software.encode("ascii")),
            (b"x-content-type-options", b"nosniff"),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [*message.get("headers", []), *self._always]
            await send(message)

        try:
            if scope["method"] == "OPTIONS":
                await _preflight()(scope, receive, send_with_headers)
            else:
                await self._app(scope, receive, send_with_headers)
        except Exception:  # the top of a request: a bug of ours must not show its insides
            number = secrets.token_hex(4)
            _log.exception(
                "request failed number=%s method=%s path=%s", number, scope["method"], scope["path"]
            )
            if started:
                raise  # the client must see a broken connection, not an answer that looks whole
            await _apology(number)(scope, receive, send_with_headers)


def _preflight() -> Response:
    return Response(
        status_code=204,
        headers={
            "Allow": _METHODS,
            "Access-Control-Allow-Methods": _METHODS,
            "Access-Control-Allow-Headers": _ALLOWED,
            "Access-Control-Max-Age": _DAY,
        },
    )


def _apology(number: str) -> Response:
    return PlainTextResponse(
        f"The service failed to answer this request; its log has the reason under number {number}.\n",
        status_code=500,
    )
