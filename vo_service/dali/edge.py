"""What every answer carries, whatever made it: CORS, safety, the software's name, and a calm face on a bug.

Browser clients (Aladin Lite) read nothing without CORS headers, errors included (DALI-119, AUTH-062,
AUTH-063); checkers want a ``Server`` that names the software. An error that nobody foresaw becomes a 500 in
plain words, with its traceback in the log under the number of the request, which the answer names.
"""

from __future__ import annotations

import logging

from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vo_service.dali.errors import ErrorKind, ServiceError
from vo_service.dali.request_log import request_id, signed
from vo_service.dali.wording import worded

_log = logging.getLogger(__name__)

_EXPOSED = (
    "WWW-Authenticate, X-VO-Authenticated, Location, Content-Disposition, Content-Range, Content-Length, "
    "Accept-Ranges, ETag, Last-Modified, Link, Repr-Digest, Retry-After, X-Request-Id, X-VO-Reason"
)
_METHODS = "GET, HEAD, POST, DELETE, OPTIONS"
_ALLOWED = (
    "Authorization, Content-Type, Range, If-None-Match, If-Range, If-Modified-Since, Want-Repr-Digest, "
    "X-Requested-With"
)
_DAY = "86400"
_SAFETY = {
    b"x-content-type-options": b"nosniff",
    # nothing that is served here needs scripts, frames or other hosts; what does brings a policy of its own
    b"content-security-policy": b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-resource-policy": b"cross-origin",
}


def always(software: str) -> list[tuple[bytes, bytes]]:
    """The headers that every answer has."""
    return [
        (b"access-control-allow-origin", b"*"),
        (b"access-control-expose-headers", _EXPOSED.encode("ascii")),
        (b"server", software.encode("ascii")),
        *_SAFETY.items(),
    ]


class Edge:
    """The layer round everything but the log of requests."""

    def __init__(self, app: ASGIApp, software: str) -> None:
        self._app = app
        self._always = always(software)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                present = {name.lower() for name, _ in message.get("headers", [])}
                added = [each for each in self._always if each[0] not in present]
                message["headers"] = [*message.get("headers", []), *added]
            await send(message)

        try:
            if scope["method"] == "OPTIONS":
                await _preflight()(scope, receive, send_with_headers)
            else:
                await self._app(scope, receive, send_with_headers)
        except ClientDisconnect:  # nobody is there to be told anything
            _log.info("client left before its request was whole")
        except Exception as error:  # the top of a request: a bug of ours must not show its insides
            foreseen = error if isinstance(error, ServiceError) else error.__cause__
            if started and isinstance(foreseen, ServiceError):
                # its format has no place for an error: what is not whole must not look whole (DALI-114);
                # the server closes the connection of an answer that is left without its end
                _log.warning("answer broken off id=%s: %s", request_id(), foreseen.text.splitlines()[0])
                return
            _log.exception(
                "request failed method=%s path=%r id=%s", scope["method"], scope["path"], request_id()
            )
            if started:
                raise  # the client must see a broken connection, not an answer that looks whole
            await _apology()(scope, receive, send_with_headers)


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


def _apology() -> Response:
    error = ServiceError(
        ErrorKind.INTERNAL,
        "The service failed to answer this request; its log has the reason under this number.",
    )
    return PlainTextResponse(f"{signed(worded(error))}\n", status_code=error.status)
