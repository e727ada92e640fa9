"""Documents are packed for clients that ask for it; streams and files never are."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Message

from vo_service.dali.compression import LEAST, MOST, Compression

TEXT = b"<document>" + b"text " * 2000


def answering(content: bytes, **facts: Any) -> Callable[[Request], Any]:
    async def answer(request: Request) -> Response:
        return Response(content, **facts)

    return answer


async def rows(request: Request) -> Response:
    async def body() -> AsyncIterator[bytes]:
        yield TEXT
        yield TEXT

    return StreamingResponse(body(), media_type="text/xml")


async def broken(request: Request) -> Response:
    raise KeyError("before anything was sent")


TAGGED = {"ETag": '"abc"', "Vary": "Accept"}
XML = "application/x-votable+xml;serialization=TABLEDATA"
APP = Starlette(
    routes=[
        Route("/document", answering(TEXT, media_type="text/xml", headers=TAGGED)),
        Route("/votable", answering(TEXT, media_type=XML)),
        Route("/rows", rows),
        Route("/small", answering(TEXT[: LEAST - 1], media_type="text/xml")),
        Route("/large", answering(b"x" * (MOST + 1), media_type="text/xml")),
        Route("/file", answering(TEXT, media_type="text/plain", headers={"Accept-Ranges": "bytes"})),
        Route("/part", answering(TEXT, status_code=206, media_type="text/plain")),
        Route("/error", answering(TEXT, status_code=400, media_type="text/plain")),
        Route("/fits", answering(TEXT, media_type="application/fits")),
        Route("/packed", answering(TEXT, media_type="text/xml", headers={"Content-Encoding": "br"})),
        Route("/broken", broken),
    ],
    middleware=[Middleware(Compression)],
)


def ask(path: str, accepted: str | None, method: str = "GET") -> tuple[dict[str, str], bytes]:
    """Headers and the very bytes of the body."""
    scope: dict[str, Any] = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "path": path,
        "raw_path": path.encode(), "query_string": b"", "root_path": "", "scheme": "http",
        "server": ("t", 80), "client": ("127.0.0.1", 1),
        "headers": [] if accepted is None else [(b"accept-encoding", accepted.encode())],
    }  # fmt: skip
    sent: list[Message] = []

    async def receive() -> Message:
        await anyio.lowlevel.checkpoint()
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    anyio.run(APP, scope, receive, send)
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return headers, b"".join(each.get("body", b"") for each in sent[1:])


@pytest.mark.parametrize("path", ["/document", "/votable"])
@pytest.mark.parametrize("accepted", ["gzip", "deflate, GZIP;q=0.5", "gzip, deflate, br", "br;q=1, x-gzip"])
def test_documents_are_packed_where_that_is_accepted(path: str, accepted: str) -> None:
    # TAP-063, DALI-117, VOT-128
    headers, body = ask(path, accepted)
    assert headers["content-encoding"] == "gzip"
    assert gzip.decompress(body) == TEXT and len(body) < len(TEXT) // 4
    assert headers["content-length"] == str(len(body))
    assert "Accept-Encoding" in headers["vary"]
    assert ask(path, accepted)[1] == body  # the same bytes each time


@pytest.mark.parametrize("accepted", [None, "", "identity", "gzip;q=0", "gzip; q=0.000", "br", "*"])
def test_others_get_them_as_they_are(accepted: str | None) -> None:
    # TAP-063
    headers, body = ask("/document", accepted)
    assert body == TEXT and "content-encoding" not in headers
    assert headers["content-length"] == str(len(TEXT))
    assert headers["vary"] == "Accept, Accept-Encoding"


def test_the_tag_of_packed_bytes_is_weak() -> None:
    assert ask("/document", "gzip")[0]["etag"] == 'W/"abc"'
    assert ask("/document", None)[0]["etag"] == '"abc"'


def test_head_tells_what_get_would() -> None:
    # DALI-117
    assert ask("/document", "gzip", "HEAD")[0] == ask("/document", "gzip")[0]


@pytest.mark.parametrize(
    "path", ["/rows", "/small", "/large", "/file", "/part", "/error", "/fits", "/packed"]
)
def test_nothing_else_is_packed(path: str) -> None:
    packed, plain = ask(path, "gzip"), ask(path, None)
    assert packed == plain
    assert "accept-encoding" not in packed[0].get("vary", "").lower()


def test_an_error_before_the_body_is_still_one() -> None:
    with pytest.raises(KeyError):
        ask("/broken", "gzip")
