"""A relay before a tree that gives its Moc.fits at order 29, without which LINT sees no tile (CHK-H21)."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import requests

from hips.hipsgen.lint import MOC_NAME, deepen

_ASKED = ("Host", "Accept")
"""Headers that are passed on: the tree names its address as the client came by it, which LINT compares."""
_ASKED_OF_FILES = (*_ASKED, "Accept-Encoding", "Range", "If-None-Match", "If-Modified-Since")
_ANSWERED = (
    "Content-Type", "Content-Encoding", "Content-Range", "Location", "ETag", "Last-Modified",
    "Access-Control-Allow-Origin",
)  # fmt: skip


class _Handler(BaseHTTPRequestHandler):
    tree = ""

    def do_GET(self) -> None:
        is_moc = self.path.endswith(f"/{MOC_NAME}")
        # nothing that the client has not asked for: requests would take gzip and follow where it is led
        asked = {"Accept-Encoding": "identity"} | {
            name: self.headers[name]
            for name in (_ASKED if is_moc else _ASKED_OF_FILES)
            if name in self.headers
        }
        with requests.request(
            self.command, self.tree + self.path, headers=asked, timeout=60, allow_redirects=False, stream=True
        ) as answer:
            body = answer.raw.read(decode_content=False)
        if is_moc and body and answer.status_code == 200:
            body = _deepened(body)
        self.send_response(answer.status_code)
        for name in _ANSWERED:
            if name in answer.headers:
                self.send_header(name, answer.headers[name])
        length = len(body) if self.command == "GET" else answer.headers.get("Content-Length")
        if length is not None and not (is_moc and self.command == "HEAD"):
            self.send_header("Content-Length", str(length))
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:  # LINT reads the beginning of what is large
            self.close_connection = True

    do_HEAD = do_GET

    def log_message(self, *_args: object) -> None:
        """Says nothing."""


def _deepened(moc: bytes) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        given, made = Path(folder) / "given.fits", Path(folder) / "made.fits"
        given.write_bytes(moc)
        deepen(given, made)
        return made.read_bytes()


@contextmanager
def deepening(tree: str) -> Iterator[str]:
    """The address of the relay for the tree at another one."""
    handler = type("Handler", (_Handler,), {"tree": tree.rstrip("/")})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
