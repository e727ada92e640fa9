"""A relay between clients and a server that keeps what the server said, whichever client asked.

Bytes go through untouched, `Host` header included, so that links
in answers lead through it as well. What went by is taken apart afterwards.
"""

from __future__ import annotations

import gzip
import selectors
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import h11
from lxml import etree
from relay import Relay

_PIECE = 1 << 16
_PAGE = "{http://www.w3.org/1999/xhtml}html"


@dataclass(frozen=True)
class Exchange:
    """A request and the whole answer to it."""

    method: str
    target: str
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def is_xml(self) -> bool:
        """Whether the answer is an XML document by its type and its first bytes."""
        media_type = self.headers.get("content-type", "").split(";")[0].strip()
        return media_type.endswith("xml") and self.body.lstrip().startswith(b"<")


@dataclass(eq=False)
class _Line:
    """What went over one connection, each way, and how many of its exchanges were handed out."""

    asked: list[bytes] = field(default_factory=list)
    told: list[bytes] = field(default_factory=list)
    taken: int = 0
    is_over: bool = False


class RecordingRelay(Relay):
    """Keeps the bytes of all connections."""

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self._lines: list[_Line] = []

    def take(self) -> list[Exchange]:
        """The exchanges that became whole since the last call, on connections old and new."""
        found: list[Exchange] = []
        for line in list(self._lines):
            if line.is_over:  # before its bytes are looked at: no more will come
                self._lines.remove(line)
            new = list(_exchanges(line))[line.taken :]
            line.taken += len(new)
            found += new
        return found

    def pass_on(self, client: socket.socket, server: socket.socket) -> None:
        line = _Line()
        self._lines.append(line)
        try:
            self._exchange(client, server, line)
        finally:
            line.is_over = True

    @staticmethod
    def _exchange(client: socket.socket, server: socket.socket, line: _Line) -> None:
        """Bytes both ways, until either side has enough."""
        for each in (client, server):
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with selectors.DefaultSelector() as selector:
            selector.register(client, selectors.EVENT_READ, (server, line.asked))
            selector.register(server, selectors.EVENT_READ, (client, line.told))
            while True:
                for key, _ in selector.select():
                    to, kept = key.data
                    piece = key.fileobj.recv(_PIECE)  # type: ignore[union-attr]
                    if not piece:
                        return
                    kept.append(piece)
                    to.sendall(piece)


def _exchanges(line: _Line) -> Iterator[Exchange]:
    """The exchanges of a connection; what was cut off at its end is left out."""
    told = h11.Connection(h11.CLIENT)
    told.receive_data(b"".join(line.told))
    for method, target in _requests(b"".join(line.asked)):
        told.send(h11.Request(method=method, target=target, headers=[("Host", "x")]))
        told.send(h11.EndOfMessage())
        status, headers, body = 0, {}, []
        while True:
            event = told.next_event()
            if event in (h11.NEED_DATA, h11.PAUSED) or isinstance(event, h11.ConnectionClosed):
                return
            if isinstance(event, h11.Response):
                status = event.status_code
                headers = {name.decode(): value.decode("latin-1") for name, value in event.headers}
            elif isinstance(event, h11.Data):
                body.append(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                break
        content = b"".join(body)
        if headers.get("content-encoding") == "gzip" and content:
            content = gzip.decompress(content)
        yield Exchange(method, target, status, headers, content)
        if told.our_state is h11.MUST_CLOSE or told.their_state is h11.MUST_CLOSE:
            return
        told.start_next_cycle()


def _requests(asked: bytes) -> Iterator[tuple[str, str]]:
    """Method and target of the whole requests of a connection."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    connection.receive_data(asked)
    while True:
        event = connection.next_event()
        if event in (h11.NEED_DATA, h11.PAUSED) or isinstance(event, h11.ConnectionClosed):
            return
        if isinstance(event, h11.Request):
            method, target = event.method.decode(), event.target.decode()
        elif isinstance(event, h11.EndOfMessage):
            yield method, target
            connection.send(h11.Response(status_code=200, headers=[("Content-Length", "0")]))
            connection.send(h11.EndOfMessage())
            if connection.our_state is h11.MUST_CLOSE:
                return
            connection.start_next_cycle()


def invalid_documents(
    exchanges: list[Exchange], validate: Callable[[bytes], etree._Element]
) -> tuple[list[str], set[str]]:
    """What is wrong with XML documents by the official schemas, and the roots of those that were looked at.

    Pages are left out: there is no schema for them. Equal documents are looked at once.
    """
    wrong: dict[bytes, str] = {}
    roots: set[str] = set()
    seen: set[bytes] = set()
    for exchange in exchanges:
        if not exchange.is_xml or exchange.body in seen:
            continue
        seen.add(exchange.body)
        try:
            root = str(etree.fromstring(exchange.body).tag)
            if root != _PAGE:
                validate(exchange.body)
                roots.add(root)
        except (etree.XMLSyntaxError, etree.DocumentInvalid) as error:
            wrong[exchange.body] = f"{exchange.method} {exchange.target}: {error}"
    return list(wrong.values()), roots
