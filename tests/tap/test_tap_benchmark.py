"""What the benchmark of TAP services counts as an answer."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from benchmarks.tap_cases import Goals, _dump
from benchmarks.tap_client import Client, Refused

ROWS = 50


def votable(status: str) -> list[bytes]:
    """A VOTable in pieces, its outcome across the border of the last two."""
    outcome = f'<INFO name="QUERY_STATUS" value="{status}"/></RESOURCE></VOTABLE>'.encode()
    filler = b'<INFO name="QUERY_STATUS" value="OK"/>' + b"<TR><TD>1</TD></TR>" * 20_000
    return [filler, filler + outcome[:20], outcome[20:]]


def table(rows: int) -> list[bytes]:
    return [b"name\r\n", b'"two\nlines"\r\n' * rows]


@contextmanager
def telling(pieces: list[bytes]) -> Iterator[Client]:
    """A client of a service that answers everything with these."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for piece in [*pieces, b""]:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                self.wfile.flush()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        client = Client(f"http://127.0.0.1:{server.server_port}/tap", timeout=30)
        try:
            yield client
        finally:
            client.close()
            server.shutdown()


@pytest.mark.parametrize(
    ("pieces", "format"),
    [(votable("OK"), ""), (table(ROWS), "csv")],
    ids=["votable", "csv"],
)
def test_a_whole_dump_counts(pieces: list[bytes], format: str) -> None:
    with telling(pieces) as client:
        reply = _dump("a dump", "SELECT TOP 50 * FROM {table}", format, ROWS, Goals()).ask(client, "t")
    assert reply.size == sum(map(len, pieces))


@pytest.mark.parametrize(
    ("pieces", "format", "words"),
    [
        (votable("OVERFLOW"), "", "OVERFLOW"),
        (votable("ERROR"), "", "ERROR|status"),
        (table(ROWS - 1), "csv", "49 rows came, 50"),
    ],
    ids=["overflow", "error", "csv"],
)
def test_a_dump_that_was_cut_is_none(pieces: list[bytes], format: str, words: str) -> None:
    with telling(pieces) as client, pytest.raises(Refused, match=words):
        _dump("a dump", "SELECT TOP 50 * FROM {table}", format, ROWS, Goals()).ask(client, "t")
