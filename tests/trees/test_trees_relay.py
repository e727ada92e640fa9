"""The relay before LINT hands on what was asked, and what was answered."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import requests
from deepening_relay import deepening

CONTENT = b"obs_title = A tree\n" * 100


class Handler(BaseHTTPRequestHandler):
    """Packs for those who take it so, and leads on from ``/moved``."""

    def do_GET(self) -> None:
        moved = self.path.endswith("/moved")
        packs = "gzip" in self.headers.get("Accept-Encoding", "")
        body = gzip.compress(CONTENT) if packs else CONTENT
        self.send_response(302 if moved else 200)
        if moved:
            self.send_header("Location", "/properties")
        if packs:
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, *_args: object) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def relay() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with deepening(f"http://127.0.0.1:{server.server_port}") as address:
            yield address
        server.shutdown()


@pytest.mark.parametrize(("accepted", "packed"), [(None, None), ("identity", None), ("gzip", "gzip")])
def test_files_are_packed_for_those_who_take_them_so(
    relay: str, accepted: str | None, packed: str | None
) -> None:
    headers = {"Accept-Encoding": accepted}  # None: not even what requests says by itself
    with requests.get(f"{relay}/properties", headers=headers, stream=True, timeout=10) as answer:
        body = answer.raw.read(decode_content=False)
    assert answer.headers.get("Content-Encoding") == packed
    assert body == CONTENT if packed is None else gzip.decompress(body) == CONTENT
    assert int(answer.headers["Content-Length"]) == len(body)


def test_nobody_is_led_on_unseen(relay: str) -> None:
    # LINT must see a redirection itself
    answer = requests.get(f"{relay}/moved", allow_redirects=False, timeout=10)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/properties")


def test_a_head_tells_the_length(relay: str) -> None:
    answer = requests.head(f"{relay}/properties", headers={"Accept-Encoding": "identity"}, timeout=10)
    assert int(answer.headers["Content-Length"]) == len(CONTENT)
