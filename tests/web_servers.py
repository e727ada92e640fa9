"""Small web servers for tests: over a folder, with or without ranges, that count and may misbehave."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import pytest

from vo_service.pixels import http_source

STILL = 1_700_000_000
"""Seconds since 1970 at which the files of a served folder were changed last."""


class Web:
    """A server of one folder. ``asked``: (method, path, Range) of every request; ``sent``: bytes of bodies.
    ``fails``: status to answer for a path, ``redirects``: place to lead on to, ``links``: more links that
    stand on every page, ``before``: what is done before a path is answered, however long that takes."""

    def __init__(self, folder: Path, *, ranges: bool, heads: bool, times: bool) -> None:
        self.folder, self.ranges, self.heads, self.times = folder, ranges, heads, times
        self.asked: list[tuple[str, str, str | None]] = []
        self.sent = 0
        self.fails: dict[str, list[int]] = {}
        self.redirects: dict[str, str] = {}
        self.links: list[str] = []
        self.before: Callable[[str], object] = str
        self.url = ""


class _Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, web: Web, *args: object) -> None:
        self.web = web
        super().__init__(*args, directory=str(web.folder))  # type: ignore[arg-type]

    def log_message(self, *_args: object) -> None:
        """Says nothing."""

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        web = self.web
        web.asked.append((self.command, self.path, self.headers.get("Range")))
        web.before(self.path)
        status = web.fails[self.path].pop(0) if web.fails.get(self.path) else 0
        place = Path(self.translate_path(self.path))
        if place.is_dir() and not self.path.endswith("/"):
            web.redirects[self.path] = self.path + "/"
        if not body and not web.heads:
            status = 405
        if self.path in web.redirects:
            self._send(302, b"", {"Location": web.redirects[self.path]}, body)
        elif status or not place.exists():
            self._send(status or 404, b"no", {}, body)
        elif place.is_dir():
            names = [f"{quote(e.name)}{'/' * e.is_dir()}" for e in place.iterdir()]
            links = "".join(f'<a href="{name}">{name}</a>' for name in [*names, *web.links])
            page = f'<html><a href="?C=M">sort</a><a href="../">up</a>{links}</html>'
            self._send(200, page.encode(), {"Content-Type": "text/html; charset=utf-8"}, body)
        else:
            self._send_file(place, body)

    def _send_file(self, place: Path, body: bool) -> None:
        content = place.read_bytes()
        headers = {"ETag": f'"{hash(content)}"'}
        if self.web.times:
            headers["Last-Modified"] = self.date_time_string(int(place.stat().st_mtime))
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range") or "")
        if wanted is None or not self.web.ranges:
            self._send(200, content, headers, body)
            return
        first, last = int(wanted[1]), min(int(wanted[2]), len(content) - 1)
        if first > last:
            self._send(416, b"", {"Content-Range": f"bytes */{len(content)}"}, body)
            return
        headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
        self._send(206, content[first : last + 1], headers, body)

    def _send(self, status: int, content: bytes, headers: dict[str, str], body: bool) -> None:
        self.send_response(status)
        for key, value in {"Content-Type": "application/octet-stream", **headers}.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body:
            try:
                for at in range(0, len(content), 1 << 14):
                    self.wfile.write(content[at : at + (1 << 14)])
                    self.web.sent += min(1 << 14, len(content) - at)
            except OSError:
                self.close_connection = True


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away in the middle is no error."""


@contextmanager
def serve(folder: Path, *, ranges: bool = True, heads: bool = True, times: bool = True) -> Iterator[Web]:
    """A server over a folder until the block ends."""
    web = Web(folder, ranges=ranges, heads=heads, times=times)
    server = _Server(("127.0.0.1", 0), partial(_Handler, web))
    web.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield web
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def without_patience(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """While the block lasts nothing is tried again after a pause, and sessions are its own."""
    monkeypatch.setattr(http_source, "_WAIT_SECONDS", 0.0)
    http_source._session.cache_clear()
    yield
    http_source._session().close()
    http_source._session.cache_clear()
