"""What a request must be before anybody looks at it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from doors import House
from starlette.types import Message

from vo_service.dali.front import HEADER_BYTES, HEADER_LINES, URL_BYTES
from vo_service.dali.identity import AuthPolicy


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path, AuthPolicy("auto"))
    yield made
    made.catalogue.close()


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize("path", ["/who/", "/who//"])
def test_slashes_at_the_end_are_taken_off_and_never_redirected(house: House, method: str, path: str) -> None:
    # TAP-007, UWS-012, VOSI-017, AUTH-058
    answer = house.ask(path, method, headers={"Host": "evil.example"})
    assert answer.status_code == 200
    assert "location" not in answer.headers
    if method != "HEAD":
        assert answer.json()["path"] == "/who"


def test_what_is_not_there_with_a_slash_is_not_there(house: House) -> None:
    for path in ("/nothing/", "/nothing", "/"):
        answer = house.ask(path, headers={"Host": "evil.example"})
        assert answer.status_code == 404 and "evil" not in answer.text


def test_the_query_string_stays(house: House) -> None:
    assert house.ask("/who/?a=1/").status_code == 200


@pytest.mark.parametrize(("length", "status"), [(URL_BYTES - 4, 200), (URL_BYTES - 3, 414)])
def test_an_address_beyond_the_limit_is_414(house: House, length: int, status: int) -> None:
    started, body = raw(house, query_string=b"x" * length)
    assert started["status"] == status
    assert (b"access-control-allow-origin", b"*") in started["headers"]
    assert status == 200 or b"POST" in body


def test_headers_beyond_the_limit_are_431(house: House) -> None:
    assert house.ask(headers={"X-Much": "x" * (HEADER_BYTES - 1000)}).status_code == 200
    for headers in ({"X-Much": "x" * HEADER_BYTES}, {f"X-{n}": "x" for n in range(HEADER_LINES)}):
        answer = house.ask(headers=headers)
        assert answer.status_code == 431
        assert answer.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(
    ("version", "hosts", "status"),
    [("1.1", 1, 200), ("1.1", 0, 400), ("1.1", 2, 400), ("1.0", 0, 200), ("1.0", 2, 400)],
)
def test_one_host_is_named(house: House, version: str, hosts: int, status: int) -> None:
    started, _ = raw(house, http_version=version, headers=[(b"host", b"vo.example")] * hosts)
    assert started["status"] == status


def raw(house: House, **facts: Any) -> tuple[Message, bytes]:
    """The beginning of the answer, and its body, to a request that no client would send."""
    scope: dict[str, Any] = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "path": "/who",
        "raw_path": b"/who", "query_string": b"", "root_path": "", "scheme": "http", "server": ("t", 80),
        "client": ("127.0.0.1", 1), "headers": [(b"host", b"vo.example")], **facts,
    }  # fmt: skip
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    anyio.run(house.app, scope, receive, send)
    return sent[0], b"".join(each["body"] for each in sent[1:])
