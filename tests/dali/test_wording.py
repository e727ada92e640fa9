"""Texts of errors begin with the words of the service at whose address they come up, whoever makes them."""

from __future__ import annotations

import anyio
import httpx
import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from vo_service.dali.edge import Edge
from vo_service.dali.errors import ErrorKind, ServiceError
from vo_service.dali.replies import answer_http_error, answer_service_error
from vo_service.dali.request_log import RequestLog
from vo_service.dali.wording import Wording, worded


async def _fail(request: Request) -> Response:
    if request.url.path.endswith("broken"):
        raise ZeroDivisionError
    headers = {"WWW-Authenticate": "Basic"}
    raise ServiceError(ErrorKind.UNAUTHENTICATED, "Nobody is known here.", "Log in.", headers)


@pytest.fixture(scope="module")
def app() -> Starlette:
    return Starlette(
        routes=[Route("/{service}/{name}", _fail)],
        middleware=[
            Middleware(RequestLog, trust_proxy=False),
            Middleware(Wording, services={"soda": lambda error: error.kind.name.title()}),
            Middleware(Edge, software="x/1"),
        ],
        exception_handlers={ServiceError: answer_service_error, HTTPException: answer_http_error},
    )


def ask(app: Starlette, path: str, method: str = "GET") -> httpx.Response:
    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://t") as client:
            return await client.request(method, path)

    return anyio.run(send)


@pytest.mark.parametrize(
    ("path", "method", "status", "word"),
    [
        ("/soda/closed", "GET", 401, "Unauthenticated: "),
        ("/soda/closed", "DELETE", 405, "Usage: "),
        ("/soda/no/such/place", "GET", 404, "Usage: "),
        ("/soda/broken", "GET", 500, "Internal: "),
        ("/sodas/closed", "GET", 401, ""),
        ("/files/soda", "GET", 401, ""),
        ("/files/broken", "GET", 500, ""),
        ("/files/soda", "DELETE", 405, ""),
    ],
)
def test_a_text_has_the_word_of_its_service(
    app: Starlette, path: str, method: str, status: int, word: str
) -> None:
    # SODA-054
    answer = ask(app, path, method)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/plain")
    first, *_, last = answer.text.splitlines()
    assert first.startswith(f"{word}Nobody" if status == 401 else f"{word}Th")
    assert last == f"Request: {answer.headers['x-request-id']}"


def test_what_an_error_brings_along_stays(app: Starlette) -> None:
    answer = ask(app, "/soda/closed")
    assert answer.headers["www-authenticate"] == "Basic"
    assert answer.text.startswith("Unauthenticated: Nobody is known here.\nLog in.\nRequest: ")


def test_outside_of_requests_there_is_no_word() -> None:
    assert worded(ServiceError(ErrorKind.USAGE, "So.", "Not so.")) == "So.\nNot so."
