"""What every answer carries, and what a bug looks like from outside."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from xml.etree import ElementTree

import anyio
import httpx
import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from vo_service.dali.edge import Edge
from vo_service.dali.errors import ErrorKind, ServiceError
from vo_service.dali.replies import answer_http_error, answer_service_error, table_reply
from vo_service.dali.request_log import RequestLog


async def fine(request: Request) -> Response:
    return PlainTextResponse("fine")


async def broken(request: Request) -> Response:
    raise KeyError("/secret/path and SELECT 1")


async def busy(request: Request) -> Response:
    raise ServiceError(ErrorKind.BUSY, "Too much to do.", "Come again.")


async def own_policy(request: Request) -> Response:
    return PlainTextResponse("x", headers={"Content-Security-Policy": "default-src 'self'"})


async def left(request: Request) -> Response:
    raise ClientDisconnect


async def table(request: Request) -> Response:
    return table_reply(ServiceError(ErrorKind.USAGE, "No such <table>.", "Look & see."), None)


async def midway(request: Request) -> Response:
    async def body() -> AsyncIterator[bytes]:
        yield b"some"
        raise KeyError("/secret/path")

    return StreamingResponse(body())


APP = Starlette(
    routes=[
        Route("/fine", fine),
        Route("/broken", broken),
        Route("/busy", busy),
        Route("/own", own_policy),
        Route("/left", left),
        Route("/table", table),
        Route("/midway", midway),
    ],
    middleware=[
        Middleware(RequestLog, trust_proxy=False),
        Middleware(Edge, software="vo-service/9"),
    ],
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
    number = answer.text.split()[-1]
    assert number == answer.headers["X-Request-Id"]
    assert f"id={number}" in caplog.text and "KeyError" in caplog.text


def test_405_names_what_is_allowed_and_503_when_to_come_again() -> None:
    # DALI-099, VOSI-002
    assert "GET" in ask("/fine", "POST").headers["Allow"]
    busy_answer = ask("/busy")
    assert busy_answer.headers["Retry-After"] == "5"
    assert busy_answer.text.startswith("Too much to do.\nCome again.\nRequest: ")


@pytest.mark.parametrize("path", ["/fine", "/nothing", "/broken", "/table"])
def test_every_answer_is_safe_in_a_browser(path: str) -> None:
    headers = ask(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert "access-control-allow-credentials" not in headers  # AUTH-060


def test_a_page_may_bring_a_policy_of_its_own() -> None:
    assert ask("/own").headers.get_list("content-security-policy") == ["default-src 'self'"]


def test_a_votable_error_names_the_request_in_its_last_line() -> None:
    # DALI-094
    answer = ask("/table")
    info = ElementTree.fromstring(answer.content).find(".//{*}INFO[@name='QUERY_STATUS']")
    assert info is not None and info.text is not None
    assert info.text.splitlines() == [
        "No such <table>.",
        "Look & see.",
        f"Request: {answer.headers['X-Request-Id']}",
    ]


def test_a_client_that_left_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "vo_service")
    with pytest.raises(AssertionError):  # httpx's transport insists on an answer
        ask("/left")
    assert "client left" in caplog.text and "Traceback" not in caplog.text


def test_what_breaks_midway_breaks_the_connection(caplog: pytest.LogCaptureFixture) -> None:
    # DALI-114
    caplog.set_level(logging.INFO, "vo_service")
    with pytest.raises(KeyError):
        ask("/midway")
    assert "whole=False" in caplog.text and "request failed" in caplog.text


def test_an_error_that_was_foreseen_breaks_the_answer_off_without_a_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    # DALI-114: the last piece, which ends the answer, never comes
    sent: list[dict[str, object]] = []

    async def broken_off(request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"a,b\n1,2\n"
            raise ServiceError(ErrorKind.TIMEOUT, "The answer was read too slowly.")

        return StreamingResponse(pieces())

    app = Starlette(
        routes=[Route("/", broken_off)],
        middleware=[Middleware(RequestLog, trust_proxy=False), Middleware(Edge, software="x")],
        exception_handlers={ServiceError: answer_service_error},
    )
    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": []}

    async def receive() -> dict[str, object]:
        await anyio.sleep_forever()
        raise AssertionError

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    caplog.set_level(logging.INFO)
    anyio.run(app, scope, receive, send)
    assert [message.get("more_body") for message in sent] == [None, True]
    assert "read too slowly" in caplog.text and "whole=False" in caplog.text
    assert "Traceback" not in caplog.text
