"""What every answer carries, and what a bug looks like from outside."""

from __future__ import annotations

import anyio
import httpx
import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from vo_service.dali.edge import Edge
from vo_service.dali.errors import ErrorKind, ServiceError
from vo_service.dali.replies import answer_http_error, answer_service_error


async def fine(request: Request) -> Response:
    return PlainTextResponse("fine")


async def broken(request: Request) -> Response:
    raise KeyError("/secret/path and SELECT 1")


async def busy(request: Request) -> Response:
    raise ServiceError(ErrorKind.BUSY, "Too much to do.", "Come again.")


APP = Starlette(
    routes=[Route("/fine", fine), Route("/broken", broken), Route("/busy", busy)],
    middleware=[Middleware(Edge, software="vo-service/9")],
    exception_handlers={ServiceError: answer_service_error, HTTPException: answer_http_error},
)


def ask(path: str, method: str = "GET") -> httpx.Response:
    async def send() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=APP), base_url="http://t") as client:
            return await client.request(method, path)

    return anyio.run(send)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/fine", 200),
        ("HEAD", "/fine", 200),
        ("OPTIONS", "/fine", 204),
        ("GET", "/nothing", 404),
        ("POST", "/fine", 405),
        ("GET", "/broken", 500),
        ("GET", "/busy", 503),
    ],
)
def test_every_answer_has_cors_and_names_the_software(method: str, path: str, status: int) -> None:
    # DALI-119, AUTH-063, TAP-015
    answer = ask(path, method)
    assert answer.status_code == status
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    for name in ("Content-Range", "ETag", "Location", "Content-Disposition", "WWW-Authenticate"):
        assert name in answer.headers["Access-Control-Expose-Headers"]
    assert answer.headers["Server"] == "vo-service/9"


def test_a_preflight_allows_what_clients_send() -> None:
    # AUTH-062
    headers = ask("/fine", "OPTIONS").headers
    assert {"GET", "HEAD", "POST"} <= set(headers["Access-Control-Allow-Methods"].split(", "))
    assert {"Authorization", "Range"} <= set(headers["Access-Control-Allow-Headers"].split(", "))


def test_a_bug_shows_a_number_and_nothing_of_its_insides(caplog: pytest.LogCaptureFixture) -> None:
    # DALI-100
    answer = ask("/broken")
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert "secret" not in answer.text and "SELECT" not in answer.text
    number = answer.text.split()[-1].rstrip(".")
    assert f"number={number}" in caplog.text and "KeyError" in caplog.text


def test_405_names_what_is_allowed_and_503_when_to_come_again() -> None:
    # DALI-099, VOSI-002
    assert "GET" in ask("/fine", "POST").headers["Allow"]
    busy_answer = ask("/busy")
    assert busy_answer.headers["Retry-After"] == "5"
    assert busy_answer.text == "Too much to do.\nCome again.\n"
