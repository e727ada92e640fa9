"""The relay hands out each exchange once, on whichever connection it was, and leaves none out."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests
from recording_relay import RecordingRelay


class _Echo(BaseHTTPRequestHandler):
    """Answers with the path that was asked for, and keeps the connection."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        content = self.path.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def relay() -> Iterator[RecordingRelay]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with RecordingRelay(f"http://127.0.0.1:{server.server_port}") as running:
        yield running
    server.shutdown()
    server.server_close()


def taken(relay: RecordingRelay) -> list[bytes]:
    return [exchange.body for exchange in relay.take()]


def test_what_follows_on_a_connection_that_is_kept_is_seen_too(relay: RecordingRelay) -> None:
    with requests.Session() as one, requests.Session() as other:
        for path in ("/a", "/b"):
            assert one.get(f"{relay.url}{path}", timeout=30).text == path
        assert taken(relay) == [b"/a", b"/b"]
        assert taken(relay) == []
        other.get(f"{relay.url}/c", timeout=30)
        one.get(f"{relay.url}/d", timeout=30)
        assert taken(relay) == [b"/d", b"/c"]  # of the older connection first
        one.get(f"{relay.url}/e", timeout=30)
    assert taken(relay) == [b"/e"]
    assert taken(relay) == []
