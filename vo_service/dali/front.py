"""What a request must be before anybody looks at it: of bearable size, to one host, at one form of address.

A slash at the end of an address is taken off, never redirected: a redirect would have to trust the Host
header, and would lose the body of a POST (TAP-007, UWS-012, VOSI-017).
"""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from vo_service.dali.errors import ErrorKind, ServiceError, usage
from vo_service.dali.replies import text_reply

URL_BYTES = 63 * 1024  # httptools reads none above 65535
HEADER_BYTES = 64 * 1024
HEADER_LINES = 200


class Front:
    """The layer before the one that asks for permits."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        trouble = _trouble(scope)
        if trouble is not None:
            await text_reply(trouble)(scope, receive, send)
            return
        bare = scope["path"].rstrip("/")
        if bare and bare != scope["path"]:
            raw = scope.get("raw_path")
            scope = {**scope, "path": bare, "raw_path": None if raw is None else raw.rstrip(b"/")}
        await self._app(scope, receive, send)


def _trouble(scope: Scope) -> ServiceError | None:
    """Why the request is not looked at, None where it is."""
    headers = scope["headers"]
    if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > URL_BYTES:
        return ServiceError(
            ErrorKind.ADDRESS_TOO_LONG,
            f"The address of the request is longer than {URL_BYTES} bytes.",
            "Send long parameters by POST.",
        )
    if len(headers) > HEADER_LINES or sum(len(name) + len(value) for name, value in headers) > HEADER_BYTES:
        return ServiceError(
            ErrorKind.HEADERS_TOO_LARGE,
            f"The headers of the request are more than {HEADER_LINES} or larger than {HEADER_BYTES} bytes.",
        )
    hosts = [value for name, value in headers if name == b"host"]
    if len(hosts) > 1 or (not hosts and scope.get("http_version") == "1.1"):
        return usage("The request has no Host header, or several.")
    return None
