"""Tables fetched from a host of this machine: redirects, limits, time, and where connections go."""

from __future__ import annotations

import gzip
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from urllib3.connection import HTTPConnection

from vo_service.dali.errors import ServiceError
from vo_service.dali.uploads import Fetcher, addresses, fetching

CONTENT = b"<VOTABLE/>" * 1000
SEEN: list[dict[str, str]] = []


class Handler(BaseHTTPRequestHandler):
    """Answers by path; notes the headers of each request."""

    def do_GET(self) -> None:
        SEEN.append({name.lower(): value for name, value in self.headers.items()} | {"path": self.path})
        name, _, rest = self.path[1:].partition("/")
        getattr(self, f"do_{name}")(rest)

    def _send(self, status: int, content: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_table(self, rest: str) -> None:
        self._send(200, CONTENT, Content_Type="application/x-votable+xml", Set_Cookie="a=b")

    def do_packed(self, rest: str) -> None:
        self._send(200, gzip.compress(CONTENT), Content_Encoding="gzip")

    def do_status(self, rest: str) -> None:
        self._send(int(rest))

    def do_to(self, rest: str) -> None:
        self._send(302, Location=rest if "://" in rest or rest.startswith("/") else f"/{rest}")

    def do_loop(self, rest: str) -> None:
        self._send(307, Location=f"/loop/{int(rest or 0) + 1}")

    def do_endless(self, rest: str) -> None:
        self.send_response(200)
        self.end_headers()
        try:
            while True:
                self.wfile.write(CONTENT)
        except OSError:
            pass

    def do_chunked(self, rest: str) -> None:
        self.protocol_version = "HTTP/1.1"
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for at in range(0, len(CONTENT), 999):
            piece = CONTENT[at : at + 999]
            self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def do_short(self, rest: str) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "100000")
        self.end_headers()
        self.wfile.write(CONTENT)

    def do_large(self, rest: str) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "99999999999")
        self.end_headers()

    def do_slow(self, rest: str) -> None:
        self.send_response(200)
        self.end_headers()
        try:
            for _ in range(200):
                self.wfile.write(b"x")
                self.wfile.flush()
                time.sleep(0.05)
        except OSError:
            pass

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield int(server.server_address[1])
    server.shutdown()
    server.server_close()


def here(host: str, port: int) -> list[str]:
    return ["127.0.0.1"]


Fetched = Callable[..., bytes]


@pytest.fixture
def fetch(port: int, tmp_path: Path) -> Fetched:
    """Fetches a path of the host ``data.test``, which is this machine; nothing may be left after an error."""

    def run(
        path: str, size: int = 1 << 20, seconds: float = 10.0, check: Callable[[], None] = lambda: None
    ) -> bytes:
        fetcher = Fetcher((f"data.test:{port}",), size, tmp_path, private=True, seconds=seconds, find=here)
        url = path if path.startswith("http") else f"http://data.test:{port}/{path}"
        try:
            part = fetcher(url, check, "my run\r\nX: y")
            with part.open() as file:
                content = file.read()
            assert part.size == len(content)
            part.close()
            return content
        finally:
            assert list(tmp_path.iterdir()) == []

    return run


def refusal(fetch: Fetched, path: str, **arguments: object) -> str:
    with pytest.raises(ServiceError) as caught:
        fetch(path, **arguments)
    assert caught.value.status == 400
    return caught.value.text


@pytest.mark.parametrize("path", ["table", "chunked", "to/table", "to/to/table", "to/to/to/table"])
def test_a_table_is_fetched(fetch: Fetched, path: str) -> None:
    # TAP-082, DALI-073, DALI-098
    assert fetch(path) == CONTENT


def test_what_is_sent(fetch: Fetched, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # TAP-028: the client's label goes along; no proxy of the environment is asked, no credentials are sent
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/")
    SEEN.clear()
    assert fetch("table") == CONTENT
    (headers,) = SEEN
    assert headers["host"] == f"data.test:{port}"
    assert headers["x-runid"] == "my run%0D%0AX: y"
    assert headers["user-agent"].startswith("vo-service/")
    assert not headers.keys() & {"cookie", "authorization"}


def test_what_is_packed_comes_as_it_is(fetch: Fetched) -> None:
    assert gzip.decompress(fetch("packed")) == CONTENT


@pytest.mark.parametrize("status", [204, 206, 304, 400, 401, 404, 500])
def test_other_answers_are_told(fetch: Fetched, status: int) -> None:
    assert f"answers with the HTTP status {status}" in refusal(fetch, f"status/{status}")


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("loop", "leads to more than 3 other addresses"),
        ("to/http://127.0.0.1/x", "Tables are not fetched from '127.0.0.1'"),
        ("to/http://data.test/x", "Tables are not fetched from 'data.test'"),
        ("to/file:///etc/passwd", "does not take tables from file: addresses"),
        ("to///evil.test/x", "Tables are not fetched from 'evil.test'"),
        ("endless", "above the limit of 1048576 bytes"),
        ("large", "above the limit of 1048576 bytes"),
        ("short", "cannot be reached, or broke off"),
    ],
)
def test_what_is_refused(fetch: Fetched, path: str, told: str) -> None:
    # TAP-082, DALI-074: each redirect is looked at anew
    assert told in refusal(fetch, path)


def test_a_name_of_a_private_address(port: int, tmp_path: Path) -> None:
    # TAP-082
    asked: list[str] = []

    def find(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    fetcher = Fetcher((f"data.test:{port}",), 1000, tmp_path, private=False, find=find)
    with pytest.raises(ServiceError, match="its address is not a public one"):
        fetcher(f"http://data.test:{port}/table", lambda: None, None)
    assert asked == ["data.test"]


def test_a_redirect_to_a_name_of_a_private_address(
    port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # TAP-082, DALI-074: the name is resolved and looked at as the first one was
    def find(host: str, port: int) -> list[str]:
        return ["127.0.0.1" if host == "data.test" else "10.0.0.1"]

    monkeypatch.setattr(addresses, "is_public", lambda address: address == "127.0.0.1")
    hosts = (f"data.test:{port}", f"inside.test:{port}")
    fetcher = Fetcher(hosts, 1 << 20, tmp_path, private=False, find=find)
    assert fetcher(f"http://data.test:{port}/to/table", lambda: None, None).size
    with pytest.raises(ServiceError, match=r"'inside\.test': its address is not"):
        fetcher(f"http://data.test:{port}/to/http://inside.test:{port}/table", lambda: None, None)


def test_the_connection_goes_to_the_address_that_was_looked_at(port: int, tmp_path: Path) -> None:
    # TAP-082: the second meaning of the name, a moment later, has no effect
    answers = iter([["127.0.0.1"], ["192.0.2.1"]])
    fetcher = Fetcher((f"data.test:{port}",), 1 << 20, tmp_path, True, 5.0, lambda host, port: next(answers))
    assert fetcher(f"http://data.test:{port}/table", lambda: None, None).size == len(CONTENT)
    assert len(list(answers)) == 1


def test_a_host_that_is_slow_is_left(fetch: Fetched) -> None:
    # TAP-082: every byte keeps a connection alive, not the fetch
    begun = time.monotonic()
    assert "did not send the table in time" in refusal(fetch, "slow", seconds=1.0)
    assert time.monotonic() - begun < 8


def test_a_host_that_says_nothing_is_left(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        fetcher = Fetcher((f"data.test:{port}",), 1000, tmp_path, True, 1.0, here)
        with pytest.raises(ServiceError, match="did not send the table in time"):
            fetcher(f"http://data.test:{port}/", lambda: None, None)
    with pytest.raises(ServiceError, match="cannot be reached"):  # and one that is not there
        fetcher(f"http://data.test:{port}/", lambda: None, None)


def test_no_host_is_asked_when_the_time_is_over(port: int, tmp_path: Path) -> None:
    # TAP-082: a name that takes long to be found leaves no time for the rest
    def find(host: str, port: int) -> list[str]:
        time.sleep(0.2)
        return ["127.0.0.1"]

    SEEN.clear()
    fetcher = Fetcher((f"data.test:{port}",), 1000, tmp_path, True, 0.1, find)
    with pytest.raises(ServiceError, match="did not send the table in time"):
        fetcher(f"http://data.test:{port}/table", lambda: None, None)
    assert SEEN == []


def test_connecting_takes_no_longer_than_is_left(
    port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # TAP-082
    waits: list[float] = []

    class Noting(HTTPConnection):
        def connect(self) -> None:
            assert isinstance(self.timeout, float)
            waits.append(self.timeout)
            super().connect()

    monkeypatch.setattr(fetching, "HTTPConnection", Noting)
    for seconds in (3.0, 1000.0):
        fetcher = Fetcher((f"data.test:{port}",), 1 << 20, tmp_path, True, seconds, here)
        assert fetcher(f"http://data.test:{port}/to/table", lambda: None, None).size
    assert 0 < waits[1] < waits[0] < 3.0
    assert waits[2:] == [10.0, 10.0]


def test_the_time_of_the_query_ends_it(fetch: Fetched) -> None:
    class Over(Exception):
        pass

    calls: list[int] = []

    def check() -> None:
        calls.append(1)
        if len(calls) > 2:
            raise Over

    with pytest.raises(Over):
        fetch("endless", check=check)


def test_a_certificate_is_that_of_the_name(tmp_path: Path) -> None:
    # TAP-082: the pinned address does not loosen TLS
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with socket.create_server(("127.0.0.1", 0)) as plain:
        port = plain.getsockname()[1]
        accepting = threading.Thread(target=_greet, args=(plain, context), daemon=True)
        accepting.start()
        fetcher = Fetcher((f"data.test:{port}",), 1000, tmp_path, True, 5.0, here)
        with pytest.raises(ServiceError, match="cannot be reached"):
            fetcher(f"https://data.test:{port}/", lambda: None, None)
        accepting.join(5)


def _greet(plain: socket.socket, context: ssl.SSLContext) -> None:
    connection, _ = plain.accept()
    with connection:
        hello = connection.recv(4096)
        assert b"data.test" in hello  # the name, rather than the address, is asked for
