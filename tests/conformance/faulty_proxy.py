"""A proxy before a sound service that plants one fault in what goes through it.

The `Host` header goes on as it came, so that addresses in answers lead through the proxy as well.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests

_OF_THE_LINE = {"connection", "keep-alive", "transfer-encoding", "content-length", "accept-encoding", "date"}


@dataclass(frozen=True)
class Asked:
    """A request on its way to the service; ``target`` is path and query."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    def swap(self, old: bytes, new: bytes) -> Asked:
        """With other bytes in the body."""
        return replace(self, body=self.body.replace(old, new))


@dataclass(frozen=True)
class Told:
    """An answer on its way to the client."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def swap(self, old: bytes, new: bytes, count: int = -1) -> Told:
        """With other bytes in the body."""
        return replace(self, body=self.body.replace(old, new, count))

    def header(self, name: str) -> str:
        """A header by its name in lower case."""
        return next(value for key, value in self.headers.items() if key.lower() == name)

    def named(self, **headers: str) -> Told:
        """With headers added or exchanged; underscores stand for dashes."""
        new = {name.replace("_", "-"): value for name, value in headers.items()}
        kept = {
            name: value for name, value in self.headers.items() if name.lower() not in map(str.lower, new)
        }
        return replace(self, headers={**kept, **new})


def _as_it_is(asked: Asked) -> Asked | Told:
    return asked


def _as_it_was(_: Asked, told: Told) -> Told:
    return told


@dataclass(frozen=True)
class Fault:
    """A fault: what becomes of a request before the service has it (its own answer, where it never gets it),
    and of the answer on the way back."""

    ask: Callable[[Asked], Asked | Told] = _as_it_is
    tell: Callable[[Asked, Told], Told] = _as_it_was


@contextmanager
def proxy(server: str, fault: Fault) -> Iterator[str]:
    """Address of a proxy before ``server`` with that fault."""
    session = requests.Session()

    def pass_on(asked: Asked) -> Told:
        with session.request(
            asked.method,
            f"{server}{asked.target}",
            headers={**asked.headers, "Accept-Encoding": "identity"},
            data=asked.body or None,
            allow_redirects=False,
            timeout=60,
        ) as reply:
            kept = {k: v for k, v in reply.headers.items() if k.lower() not in _OF_THE_LINE}
            return Told(reply.status_code, kept, reply.content)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            headers = {k: v for k, v in self.headers.items() if k.lower() not in _OF_THE_LINE}
            came = Asked(self.command, self.path, headers, body)
            sent = fault.ask(came)
            told = fault.tell(came, pass_on(sent)) if isinstance(sent, Asked) else sent
            self.send_response(told.status)
            for name, value in told.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(told.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(told.body)

        do_POST = do_HEAD = do_DELETE = do_PUT = do_GET

        def log_message(self, *arguments: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_address[1]}"
        listening.shutdown()
    session.close()
