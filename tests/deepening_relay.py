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


class _Handler(BaseHTTPRequestHandler):
    tree = ""

    def do_GET(self) -> None:
        # the tree names its address as the client came by it, which LINT compares
        host = {"Host": self.headers["Host"]} if "Host" in self.headers else {}
        answer = requests.request(self.command, self.tree + self.path, headers=host, timeout=60)
        body = answer.content
        if self.path.endswith(f"/{MOC_NAME}") and body and answer.status_code == 200:
            body = _deepened(body)
        self.send_response(answer.status_code)
        for name in ("Content-Type", "Last-Modified", "Access-Control-Allow-Origin"):
            if name in answer.headers:
                self.send_header(name, answer.headers[name])
        self.send_header("Content-Length", str(len(body)))
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
