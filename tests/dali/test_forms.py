"""GET, urlencoded and multipart bodies, whole or in pieces, give the same form."""

from __future__ import annotations

from collections.abc import AsyncIterator

import anyio
import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from vo_service.dali.errors import ServiceError
from vo_service.dali.forms import read_form

LIMIT = 100_000


async def echo(request: Request) -> Response:
    try:
        form = await read_form(request, LIMIT)
    except ServiceError as error:
        return PlainTextResponse(error.text, status_code=error.status)
    return JSONResponse({name: list(values) for name, values in form.values.items()})


APP = Starlette(routes=[Route("/", echo, methods=["GET", "POST"])])


def ask(method: str = "POST", query: str = "", **arguments: object) -> httpx.Response:
    async def send() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=APP), base_url="http://t") as client:
            return await client.request(method, f"/{query}", **arguments)  # type: ignore[arg-type]

    return anyio.run(send)


async def pieces(content: bytes, length: int) -> AsyncIterator[bytes]:
    for start in range(0, len(content), length):
        yield content[start : start + length]


TEXT = "SELECT 'Çéàα 漢' FROM t WHERE a<1 AND b='x&y+z%'"


def multipart(boundary: str, fields: dict[str, str], extra: str = "") -> bytes:
    lines = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{extra}\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    return ("".join(lines) + f"--{boundary}--\r\n").encode()


def test_get_and_both_kinds_of_post_give_the_same() -> None:
    # TAP-009, TAP-010, DALI-006
    wanted = {"QUERY": [TEXT], "LANG": ["ADQL"]}
    fields = {"query": TEXT, "Lang": "ADQL"}
    encoded = httpx.QueryParams(fields)
    assert ask("GET", f"?{encoded}").json() == wanted
    assert ask(data=fields).json() == wanted
    assert ask(files={name: (None, value) for name, value in fields.items()}).json() == wanted


def test_the_query_string_of_a_post_counts_too() -> None:
    assert ask(query="?MAXREC=1", data={"maxrec": "2"}).json() == {"MAXREC": ["1", "2"]}


@pytest.mark.parametrize("length", [1, 7, 10_000])
def test_chunked_multipart_with_an_odd_boundary_is_read(length: int) -> None:
    # TAP-010, DALI-005: what STILTS sends
    boundary = "<<<--------------MULTIPART-BOUNDARY------->>>"
    content = multipart(boundary, {"QUERY": TEXT, "LANG": "ADQL"})
    answer = ask(
        content=pieces(content, length),
        headers={"Content-Type": f'multipart/form-data; boundary="{boundary}"'},
    )
    assert "content-length" not in {name.lower() for name in answer.request.headers}
    assert answer.json() == {"QUERY": [TEXT], "LANG": ["ADQL"]}


def test_a_part_may_name_its_own_type_and_charset() -> None:
    content = multipart("b", {"QUERY": TEXT}, extra="\r\nContent-Type: text/plain; charset=UTF-8")
    answer = ask(content=content, headers={"Content-Type": "multipart/form-data; boundary=b"})
    assert answer.json() == {"QUERY": [TEXT]}


def test_a_long_query_is_read_in_either_kind_of_body() -> None:
    text = "x" * 90_000
    assert ask(data={"QUERY": text}).json() == {"QUERY": [text]}
    assert ask(files={"QUERY": (None, text)}).json() == {"QUERY": [text]}


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_above_the_limit_is_413(announced: bool) -> None:
    content = b"QUERY=" + b"x" * LIMIT
    body = content if announced else pieces(content, 1000)
    answer = ask(content=body, headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert answer.status_code == 413
    assert str(LIMIT) in answer.text


def test_another_kind_of_body_is_415_and_names_the_right_ones() -> None:
    # DALI-005
    answer = ask(json={"QUERY": "x"})
    assert answer.status_code == 415
    assert "application/json" in answer.text and "multipart/form-data" in answer.text


def test_an_empty_body_is_an_empty_form() -> None:
    assert ask().json() == {}


@pytest.mark.parametrize("query", ["?QUERY=%FF%FE", "?QUERY=%E9"])
def test_text_that_is_not_utf8_is_an_error(query: str) -> None:
    assert ask("GET", query).status_code == 400


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"--b\r\nno header\r\n\r\nx\r\n--b--", "multipart/form-data; boundary=b"),
        (b"--b\r\n\r\nx\r\n--b--\r\n", "multipart/form-data; boundary=b"),
        (b"anything", "multipart/form-data"),
        (b"&".join(b"a=1" for _ in range(1100)), "application/x-www-form-urlencoded"),
    ],
)
def test_a_broken_body_is_400(content: bytes, kind: str) -> None:
    assert ask(content=content, headers={"Content-Type": kind}).status_code == 400
