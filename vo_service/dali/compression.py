"""Documents packed by gzip for clients that take it (TAP-063, DALI-117).

Only answers that are whole, of text, and of middling size: a stream of rows would be held back by it (BINARY2
leaves at several times the speed of gzip, and most libraries ask for gzip unasked); a file comes as it is.
"""

from __future__ import annotations

import gzip
import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LEAST, MOST = 1_000, 2_000_000
_LEVEL = 1
_TEXTS = re.compile(r"text/|application/(?:json|xml|xhtml\+xml|x-votable\+xml)", re.IGNORECASE)


class Compression:
    """The layer that packs documents."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        accepted = takes_gzip(Headers(scope=scope).get("accept-encoding", ""))
        begin: Message | None = None

        async def send_packed(message: Message) -> None:
            nonlocal begin
            if message["type"] == "http.response.start" and _is_document(message):
                headers = MutableHeaders(raw=list(message["headers"]))
                headers.add_vary_header("Accept-Encoding")
                message = {**message, "headers": headers.raw}
                if accepted:
                    begin = message
                    return
            elif begin is not None and message["type"] == "http.response.body":
                start, begin = begin, None
                body = message.get("body", b"")
                if body and not message.get("more_body", False):  # to HEAD there may be none
                    packed = gzip.compress(body, _LEVEL, mtime=0)
                    message = {**message, "body": packed}
                    start = _announced(start, len(packed))
                await send(start)
            await send(message)

        await self._app(scope, receive, send_packed)


def _is_document(start: Message) -> bool:
    """Whether an answer is one that is packed where the client takes it."""
    headers = Headers(raw=start.get("headers", []))
    length = headers.get("content-length", "")
    if start["status"] != 200 or not length.isdigit() or not LEAST <= int(length) <= MOST:
        return False
    if not _TEXTS.match(headers.get("content-type", "")):
        return False
    return not {"content-encoding", "accept-ranges", "content-range", "repr-digest"} & set(headers.keys())


def _announced(start: Message, length: int) -> Message:
    """The beginning of a packed answer. Its tag is weak: the bytes are others, what they say is the same."""
    headers = MutableHeaders(raw=list(start["headers"]))
    headers["Content-Encoding"] = "gzip"
    headers["Content-Length"] = str(length)
    tag = headers.get("etag")
    if tag is not None and not tag.startswith("W/"):
        headers["ETag"] = f"W/{tag}"
    return {**start, "headers": headers.raw}


def takes_gzip(accepted: str) -> bool:
    """Whether Accept-Encoding names gzip (RFC 9110, 12.5.3); ``*`` is nobody's wish for it."""
    for part in accepted.split(","):
        coding, *parameters = (each.strip().lower() for each in part.split(";"))
        if coding in ("gzip", "x-gzip"):
            quality = next((each[2:] for each in parameters if each.startswith("q=")), "1")
            return re.fullmatch(r"0(\.0{0,3})?", quality) is None
    return False
