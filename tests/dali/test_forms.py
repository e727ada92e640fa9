"""GET, urlencoded and multipart bodies, whole or in pieces, give the same form."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio
import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from vo_service.dali.errors import ServiceError
from vo_service.dali.forms import read_body
from vo_service.dali.multipart import MEMORY_BYTES, BodyLimits

LIMIT = 100_000
LIMITS = BodyLimits(LIMIT, 10 * LIMIT)
WIDE_LIMITS = BodyLimits(LIMIT, 100 * LIMIT)


def left_in(directory: str) -> list[Path]:
    return list(Path(directory).iterdir())


async def echo(request: Request) -> Response:
    """The parameters; beside them, under ``parts``, sizes of files and the sum of their bytes."""
    with TemporaryDirectory() as name:
        try:
            body = await read_body(request, LIMITS, Path(name))
        except ServiceError as error:
            assert left_in(name) == []
            return PlainTextResponse(error.text, status_code=error.status)
        told: dict[str, object] = {name: list(values) for name, values in body.form.values.items()}
        files = {}
        for part in body.parts.values():
            with part.open() as file:
                content = file.read()
            assert (part.size > MEMORY_BYTES) == isinstance(part.content, Path)
            assert not isinstance(part.content, Path) or part.content.stat().st_mode & 0o077 == 0
            files[part.name] = [part.size, sum(content), part.filename, part.media_type]
        if files:
            told["parts"] = files
        body.parts.close()
        assert left_in(name) == []
        return JSONResponse(told)


async def places(request: Request) -> Response:
    """Of a body that may be larger: the sizes of parts in memory, and those of parts in files."""
    with TemporaryDirectory() as name:
        body = await read_body(request, WIDE_LIMITS, Path(name))
        sizes: dict[str, list[int]] = {"memory": [], "files": []}
        for part in body.parts.values():
            with part.open() as file:
                assert len(file.read()) == part.size
            sizes["files" if isinstance(part.content, Path) else "memory"].append(part.size)
        assert len(left_in(name)) == len(sizes["files"])
        body.parts.close()
        assert left_in(name) == []
        return JSONResponse(sizes)


APP = Starlette(
    routes=[Route("/", echo, methods=["GET", "POST"]), Route("/places", places, methods=["POST"])]
)


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


BINARY = bytes(range(256)) * 8


def part(name: str, content: bytes, head: str = "") -> bytes:
    """A part; ``head`` follows its name."""
    return f'--b\r\nContent-Disposition: form-data; name="{name}"{head}\r\n\r\n'.encode() + content + b"\r\n"


def send(
    *parts: bytes, length: int | None = None, kind: str = "multipart/form-data; boundary=b"
) -> httpx.Response:
    content = b"".join(parts) + b"--b--\r\n"
    body = content if length is None else pieces(content, length)
    return ask(content=body, headers={"Content-Type": kind})


@pytest.mark.parametrize("length", [None, 1, 7, 4096])
@pytest.mark.parametrize(
    ("head", "filename", "kind"),
    [
        ("", None, None),
        ('; filename="t.vot"', "t.vot", None),
        ("; filename=t.vot\r\nContent-Type: application/x-votable+xml", "t.vot", "application/x-votable+xml"),
        (
            "\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary",
            None,
            "application/octet-stream",
        ),
        ('; filename=""', "", None),
    ],
)
def test_a_part_that_upload_names_is_a_file_byte_for_byte(
    length: int | None, head: str, filename: str | None, kind: str | None
) -> None:
    # TAP-081, DALI-072, VOT-188: with a file name or without, with any type or none
    answer = send(part("UPLOAD", b"t,param:p1"), part("p1", BINARY, head), length=length)
    assert answer.json() == {"UPLOAD": ["t,param:p1"], "parts": {"p1": [2048, sum(BINARY), filename, kind]}}


def test_the_table_may_come_before_it_is_named() -> None:
    # DALI-072
    answer = send(part("p1", BINARY), part("QUERY", b"x"), part("upload", b"a,http://h/x;t,param:p1"))
    assert set(answer.json()) == {"QUERY", "UPLOAD", "parts"}
    named = ask(
        query="?UPLOAD=t,param:p1",
        content=part("p1", BINARY) + b"--b--",
        headers={"Content-Type": "multipart/form-data; boundary=b"},
    )
    assert named.json()["parts"] == {"p1": [2048, sum(BINARY), None, None]}


@pytest.mark.parametrize("pair", ["t,param:p1", "t,PARAM:p1", "t,  param:p1", " t ,\tParam:p1"])
def test_a_pair_names_its_part_however_it_is_written(pair: str) -> None:
    # DALI-072
    answer = send(part("UPLOAD", pair.encode()), part("p1", BINARY))
    assert list(answer.json()["parts"]) == ["p1"]


def test_large_parts_go_to_files() -> None:
    # TAP-089: and go again
    content = BINARY * 100
    answer = send(
        part("UPLOAD", b"t,param:p1"), part("p1", content), part("p2", content, '; filename="x"'), length=5000
    )
    assert {name: told[:2] for name, told in answer.json()["parts"].items()} == {
        "p1": [204800, sum(content)],
        "p2": [204800, sum(content)],
    }


def test_many_small_parts_do_not_all_stay_in_memory() -> None:
    # TAP-089: a mebibyte of them does
    parts = [part(f"p{n}", b"x" * 30_000, '; filename="x"') for n in range(60)]
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    told = ask(query="places", content=b"".join(parts) + b"--b--\r\n", headers=kind).json()
    assert told["memory"] + told["files"] == [30_000] * 60
    assert (1 << 20) - 30_000 < sum(told["memory"]) <= 1 << 20


def test_part_names_tell_upper_from_lower_case() -> None:
    # DALI-072
    answer = send(part("UPLOAD", b"t,param:P1"), part("p1", b"value"), part("P1", b"table"))
    assert answer.json() == {
        "UPLOAD": ["t,param:P1"],
        "P1": ["value"],
        "parts": {"P1": [5, sum(b"table"), None, None]},
    }


@pytest.mark.parametrize(
    ("parts", "status", "told"),
    [
        ([part("t", b"1", '; filename="a"'), part("t", b"2", '; filename="b"')], 400, "2 files called 't'"),
        ([part("QUERY", b"\xff")], 400, "'QUERY' is not UTF-8 text"),
        ([part("QUERY", b"x" * (LIMIT + 1))], 413, f"limit of {LIMIT} bytes"),
        ([part("f", b"x" * (10 * LIMIT + 1), '; filename="a"')], 413, f"limit of {10 * LIMIT} bytes"),
        ([part("f", b"x" * (12 * LIMIT), '; filename="a"')], 413, f"limit of {11 * LIMIT} bytes"),
        ([part("f", b"x", "\r\nContent-Transfer-Encoding: base64")], 400, "encoded for mail"),
        ([part("n" * 300, b"x")], 400, "longer than 200 characters"),
        ([part("x" * 5000, b"x")], 400, "header size exceeded"),
        ([part("x", b"x", "".join(f"\r\nX-{n}: 1" for n in range(20)))], 400, "header count exceeded"),
        ([part(f"p{n}", b"1") for n in range(1001)], 400, "more than 1000 parts"),
        (
            [b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\nends'],
            400,
            "ends before its last boundary",
        ),
        ([b"--b\r\nContent-Disposition: attachment; name=x\r\n\r\n1\r\n"], 400, "has no name"),
        ([b'--b\r\nContent-Disposition: form-data; name="\xe9"\r\n\r\n1\r\n'], 400, "not UTF-8 text"),
    ],
)
@pytest.mark.parametrize("length", [None, 8192])
def test_bodies_that_are_refused(parts: list[bytes], status: int, told: str, length: int | None) -> None:
    # DALI-074, UWS-041, VOT-181
    answer = send(*parts, length=length)
    assert answer.status_code == status
    assert told in answer.text


def test_a_boundary_without_end() -> None:
    answer = send(kind=f"multipart/form-data; boundary={'b' * 5000}")
    assert answer.status_code == 400


async def _endless(sent: list[int]) -> AsyncIterator[bytes]:
    """A million parts, and more."""
    for n in range(1_000_000):
        sent.append(n)
        yield part(f"p{n}", b"")


@pytest.mark.parametrize("endless", [_endless])
def test_a_million_parts_are_not_read(endless: Callable[[list[int]], AsyncIterator[bytes]]) -> None:
    # VOT-181: some of the rest is read, so that a client that is still sending gets the answer
    sent: list[int] = []
    answer = ask(content=endless(sent), headers={"Content-Type": "multipart/form-data; boundary=b"})
    assert answer.status_code == 400
    assert len(sent) < 50_000


async def _long_header(sent: list[int]) -> AsyncIterator[bytes]:
    yield b'--b\r\nContent-Disposition: form-data; name="'
    for n in range(1 << 14):
        sent.append(n)
        yield b"x" * 65536


def test_a_header_of_a_gigabyte_is_not_read() -> None:
    # VOT-181
    sent: list[int] = []
    answer = ask(content=_long_header(sent), headers={"Content-Type": "multipart/form-data; boundary=b"})
    assert answer.status_code == 400
    assert len(sent) < 100
