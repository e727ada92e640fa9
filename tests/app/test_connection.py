"""Clients that are slow, endless, or speak no HTTP, on raw sockets against a server in this process."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from vo_service.commands import connection
from vo_service.commands.connection import HEAD_BYTES, Connection
from vo_service.dali.edge import Edge
from vo_service.dali.front import URL_BYTES, Front

Talk = Callable[[int], None]
GET = b"GET /fine HTTP/1.1\r\nHost: t\r\n"
# what the server waits: short for a test, long for a machine that is busy with other things
REQUEST_SECONDS = 3.0
STALL_SECONDS = 6.0
TICK_SECONDS = 0.6
AT_MOST = 30.0  # seconds until a client must be gone whom the server waits for as long as it may

_left: dict[str, float] = {}  # when endless answers ended
_long_talks: list[Talk] = []


async def fine(request: Request) -> Response:
    return PlainTextResponse("fine")


async def count(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


async def refuse(request: Request) -> Response:
    return PlainTextResponse("no", status_code=413)


async def endless(request: Request) -> Response:
    name = request.url.query

    async def body() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x" * 65536
                await asyncio.sleep(0)
        finally:
            _left[name] = time.monotonic()

    return StreamingResponse(body())


def make_app() -> Starlette:
    post = {"methods": ["GET", "POST"]}
    return Starlette(
        routes=[
            Route("/fine", fine, **post),
            Route("/count", count, **post),
            Route("/refuse", refuse, **post),
            Route("/endless", endless),
        ],
        middleware=[Middleware(Edge, software="vo-service/9"), Middleware(Front)],
    )


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """The server, with less patience than in earnest."""
    patience = pytest.MonkeyPatch()
    for name, value in {
        "HEAD_SECONDS": REQUEST_SECONDS, "BODY_SECONDS": REQUEST_SECONDS, "STALL_SECONDS": STALL_SECONDS,
        "_TICK_SECONDS": TICK_SECONDS, "REST_BYTES": 1 << 20,
    }.items():  # fmt: skip
        patience.setattr(connection, name, value)
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen(100)
    config = uvicorn.Config(
        make_app(), http=Connection, lifespan="off", access_log=False, server_header=False, log_config=None
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=partial(server.run, sockets=[listening]), daemon=True)
    thread.start()
    yield listening.getsockname()[1]
    server.should_exit = True
    thread.join(10)
    listening.close()
    patience.undo()


@pytest.fixture(scope="module")
def begun(port: int) -> Iterator[dict[Talk, Future[None]]]:
    """All talks that take their time, begun together."""
    with ThreadPoolExecutor(len(_long_talks)) as threads:
        yield {talk: threads.submit(talk, port) for talk in _long_talks}


def long_talk(talk: Talk) -> Callable[[dict[Talk, Future[None]]], None]:
    """A test of seconds, which pass beside those of the others."""
    _long_talks.append(talk)

    def test(begun: dict[Talk, Future[None]]) -> None:
        begun[talk].result(120)

    return test


@contextmanager
def connected(port: int, timeout: float = 60.0) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout) as client:
        yield client


def everything(client: socket.socket) -> bytes:
    """All that comes until the server closes the connection."""
    pieces = []
    try:
        while piece := client.recv(65536):
            pieces.append(piece)
    except ConnectionResetError:
        pass
    return b"".join(pieces)


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def test_a_request_as_it_should_be(port: int) -> None:
    with connected(port) as client:
        client.sendall(GET + b"Connection: close\r\n\r\n")
        answer = everything(client)
    assert status(answer) == 200 and answer.endswith(b"fine")


@long_talk
def test_requests_one_after_the_other_on_one_connection(port: int) -> None:
    with connected(port) as client:
        for _ in range(5):
            client.sendall(GET + b"\r\n")
            assert status(client.recv(65536)) == 200
            time.sleep(1.5 * TICK_SECONDS)  # longer than a tick: nothing of the last request may end the next
        client.sendall(GET + b"\r\n" + GET + b"Connection: close\r\n\r\n")
        assert everything(client).count(b"HTTP/1.1 200") == 2


@long_talk
def test_a_head_that_never_ends_is_408(port: int) -> None:
    began = time.monotonic()
    with connected(port) as client:
        client.sendall(b"GET /fine HTTP/1.1\r\n")
        for number in range(8):
            time.sleep(REQUEST_SECONDS / 5)
            try:
                client.sendall(b"X-%d: slow\r\n" % number)
            except OSError:
                break
        answer = everything(client)
    assert 0.9 * REQUEST_SECONDS < time.monotonic() - began < AT_MOST
    assert answer == b"" or status(answer) == 408  # the reset that our bytes drew may have been quicker


@long_talk
def test_a_slow_head_is_told_so(port: int) -> None:
    with connected(port) as client:
        client.sendall(b"GET /fine HTTP/1.1\r\nHost:")
        answer = everything(client)
    assert status(answer) == 408
    assert b"access-control-allow-origin: *" in answer and b"connection: close" in answer


@long_talk
def test_who_says_nothing_is_let_go_without_a_word(port: int) -> None:
    began = time.monotonic()
    with connected(port) as client:
        assert everything(client) == b""
    assert 0.9 * REQUEST_SECONDS < time.monotonic() - began < AT_MOST


@long_talk
def test_who_says_next_to_nothing_is_let_go(port: int) -> None:
    began = time.monotonic()
    with connected(port) as client:
        client.sendall(b"\r\n")
        answer = everything(client)
    assert 0.9 * REQUEST_SECONDS < time.monotonic() - began < AT_MOST
    assert answer == b"" or status(answer) == 408


@long_talk
def test_who_says_nothing_after_an_answer_is_let_go(port: int) -> None:
    with connected(port) as client:
        client.sendall(GET + b"\r\n")
        assert status(client.recv(65536)) == 200
        client.sendall(b"\r\n")
        assert len(everything(client)) < 1000


@long_talk
def test_a_second_head_that_waits_does_not_end_the_first_answer(port: int) -> None:
    with connected(port) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.sendall(b"GET /endless HTTP/1.1\r\nHost: t\r\n\r\nGET /fi")
        seen, until = 0, time.monotonic() + 2.5 * REQUEST_SECONDS
        while time.monotonic() < until:
            seen += len(client.recv(4096))
            time.sleep(0.01)
        assert b"HTTP" not in client.recv(4096) and seen > 100_000


@pytest.mark.parametrize(
    ("sent", "wanted"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),  # TLS
        (b"nonsense\r\n\r\n", 400),
        (b"GET /fine HTTP/1.1\r\nHost t\r\n\r\n", 400),
        (b"GET /\xff\xfe HTTP/1.1\r\nHost: t\r\n\r\n", 400),
        (b"POST /count HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"POST /count HTTP/1.1\r\nHost: t\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST /count HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"GET /fine HTTP/1.1\r\nConnection: close\r\n\r\n", 400),  # no Host
        (b"GET /fine HTTP/1.0\r\n\r\n", 200),
        (GET + b"Connection: Upgrade, close\r\nUpgrade: h2c\r\n\r\n", 200),
        (b"GET http://t/fine HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n", 200),
        (b"OPTIONS * HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n", 204),
        (b"GET /fine?" + b"x" * URL_BYTES + b" HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n", 414),
        (b"GET /fine?" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: t\r\n\r\n", 414),
        (GET + b"X: y\r\n" * 300 + b"Connection: close\r\n\r\n", 431),
        (GET + b"X: " + b"y" * HEAD_BYTES, 431),
        (b"GET /fine?" + b"x" * HEAD_BYTES, 431),
    ],
)
def test_what_cannot_be_read_is_refused_with_cors(port: int, sent: bytes, wanted: int) -> None:
    # AUTH-063, DALI-119
    with connected(port) as client:
        client.sendall(sent)
        answer = everything(client)
    assert status(answer) == wanted
    assert b"\r\naccess-control-allow-origin: *\r\n" in answer.lower()
    assert answer.lower().count(b"\r\nserver: ") == 1


def test_an_endless_head_ends_early(port: int) -> None:
    sent = 0
    with connected(port) as client:
        client.sendall(b"GET /fine HTTP/1.1\r\nX: ")
        with pytest.raises(OSError):
            while sent < 100 << 20:
                sent += client.send(b"y" * 65536)
    assert sent < 20 << 20


@long_talk
def test_a_body_that_trickles_is_408(port: int) -> None:
    began = time.monotonic()
    with connected(port) as client:
        client.sendall(b"POST /count HTTP/1.1\r\nHost: t\r\nContent-Length: 100000\r\n\r\n")
        for _ in range(30):
            try:
                client.sendall(b"x")
            except OSError:
                break
            time.sleep(REQUEST_SECONDS / 10)
        answer = everything(client)
    assert 0.9 * REQUEST_SECONDS < time.monotonic() - began < AT_MOST
    assert answer == b"" or status(answer) == 408


@long_talk
def test_a_body_that_stops_is_told_so(port: int) -> None:
    with connected(port) as client:
        client.sendall(b"POST /count HTTP/1.1\r\nHost: t\r\nContent-Length: 100000\r\n\r\nabc")
        assert status(everything(client)) == 408


@long_talk
def test_a_slow_but_steady_body_is_read(port: int) -> None:
    size = 20 * 1200
    with connected(port) as client:
        client.sendall(
            b"POST /count HTTP/1.1\r\nHost: t\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % size
        )
        for _ in range(20):
            client.sendall(b"x" * 1200)
            time.sleep(REQUEST_SECONDS / 10)
        answer = everything(client)
    assert status(answer) == 200 and answer.endswith(b"24000")


def test_what_follows_an_early_answer_is_dropped_up_to_a_limit(port: int) -> None:
    with connected(port) as client:
        client.sendall(b"POST /refuse HTTP/1.1\r\nHost: t\r\nContent-Length: 1000000000\r\n\r\n")
        assert status(client.recv(65536)) == 413
        sent = 0
        with pytest.raises(OSError):
            while sent < 200 << 20:
                sent += client.send(b"x" * 65536)
        assert sent < 20 << 20


def test_a_small_rest_leaves_the_connection_usable(port: int) -> None:
    with connected(port) as client:
        client.sendall(b"POST /refuse HTTP/1.1\r\nHost: t\r\nContent-Length: 1000\r\n\r\n" + b"x" * 1000)
        assert status(client.recv(65536)) == 413
        client.sendall(GET + b"Connection: close\r\n\r\n")
        assert status(everything(client)) == 200


@long_talk
def test_a_reader_who_takes_nothing_is_dropped(port: int) -> None:
    with connected(port) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        began = time.monotonic()
        client.sendall(b"GET /endless?nothing HTTP/1.1\r\nHost: t\r\n\r\n")
        while "nothing" not in _left and time.monotonic() - began < AT_MOST:
            time.sleep(0.05)
    assert 0.9 * STALL_SECONDS < _left["nothing"] - began < AT_MOST


@long_talk
def test_a_reader_who_takes_little_is_not(port: int) -> None:
    with connected(port) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        client.sendall(b"GET /endless?little HTTP/1.1\r\nHost: t\r\n\r\n")
        for _ in range(40):
            time.sleep(STALL_SECONDS / 20)
            assert client.recv(65536)
        assert "little" not in _left
