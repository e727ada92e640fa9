"""One connection of a client: uvicorn's, with an end to patience and to size (slow and endless clients).

uvicorn itself waits for ever: for a request that is never finished, for a reader who never reads; and it
keeps a request's head in memory however large. Here

- a request's head must be whole after `HEAD_SECONDS` and within `HEAD_BYTES`, its address within what the
  parser can take (408, 431, 414);
- its body must come at `BODY_RATE` bytes a second or more, after `BODY_SECONDS` of grace; while the
  application takes its time with it, the clock stands still;
- what comes of a body after the answer to it was sent is thrown away, up to `REST_BYTES`;
- a client that takes nothing of its answer for `STALL_SECONDS` is dropped.
"""

from __future__ import annotations

import asyncio
import fcntl
import resource
import struct
import sys
import termios
from functools import cache
from http import HTTPStatus

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from vo_service import __version__
from vo_service.app import END_WAITS
from vo_service.dali.edge import always
from vo_service.dali.front import HEADER_BYTES, URL_BYTES

HEAD_SECONDS = 30.0
HEAD_BYTES = 2 * (URL_BYTES + HEADER_BYTES)  # beyond what dali.front answers with more words
BODY_SECONDS = 60.0
BODY_RATE = 1024.0
REST_BYTES = 16 << 20
STALL_SECONDS = 300.0
CONNECTIONS = 8192
_TICK_SECONDS = 5.0


class _AddressTooLong(Exception):
    """Stops the parser."""


class Connection(HttpToolsProtocol):
    """A connection with limits. Everything happens in the event loop."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client is there: its first request must be whole in time."""
        super().connection_made(transport)
        self.url = b""
        self._in_head = True
        self._head_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = self.loop.call_later(HEAD_SECONDS, self._head_is_late)
        self._body_seconds = BODY_SECONDS
        self._body_timer: asyncio.TimerHandle | None = None
        self._rest_bytes = 0
        self._unread = 0
        self._stalled_seconds = 0.0
        self._write_timer: asyncio.TimerHandle | None = None
        if len(self.connections) > _most_connections():
            self._refuse(503, "The service has too many connections.", ((b"retry-after", b"5"),))

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone, or was dropped."""
        super().connection_lost(exc)
        for timer in (self._head_timer, self._body_timer, self._write_timer):
            if timer is not None:
                timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Bytes of a request, or of what comes after an answer."""
        if self.transport.is_closing():
            return
        answered = self.cycle is None or self.cycle.response_complete
        if answered and self._head_timer is None and self._body_timer is None:
            self._head_timer = self.loop.call_later(HEAD_SECONDS, self._head_is_late)
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > HEAD_BYTES and not self.transport.is_closing():
            self._refuse(431, "The head of the request is too large.")

    def on_message_begin(self) -> None:
        """The first byte of a request: its head has begun."""
        super().on_message_begin()
        self._in_head = True

    def on_headers_complete(self) -> None:
        """The head is whole; a body may follow."""
        self._in_head = False
        self._head_bytes = 0
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        if len(self.url) > URL_BYTES:
            raise _AddressTooLong  # the parser stops at it and calls send_400_response
        super().on_headers_complete()
        self._rest_bytes = 0
        self._body_seconds = BODY_SECONDS
        self._body_timer = self.loop.call_later(_TICK_SECONDS, self._watch_body)

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._body_seconds += len(body) / BODY_RATE
        if self.cycle.response_complete:
            self._rest_bytes += len(body)
            if self._rest_bytes > REST_BYTES:
                self.transport.close()
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The whole request has come."""
        if self._body_timer is not None:
            self._body_timer.cancel()
            self._body_timer = None
        super().on_message_complete()

    def pause_writing(self) -> None:
        """The client reads more slowly than the answer is made."""
        super().pause_writing()
        self._stalled_seconds, self._unread = 0.0, self._unread_bytes()
        self._write_timer = self.loop.call_later(_TICK_SECONDS, self._watch_reader)

    def resume_writing(self) -> None:
        """The client has read most of what waited for it."""
        super().resume_writing()
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def send_400_response(self, msg: str) -> None:
        """What is no request of HTTP, or not one that can be read."""
        if len(self.url) > URL_BYTES:
            self._refuse(
                414, f"The address of the request is longer than {URL_BYTES} bytes: send it by POST."
            )
        else:
            self._refuse(400, msg)

    def shutdown(self) -> None:
        """The server ends: what is being sent may be sent, and who waits for a job waits no longer."""
        super().shutdown()
        self.app_state[END_WAITS]()

    def _unsupported_upgrade_warning(self) -> None:
        """To upgrade is an offer that a server may pass over: nothing for the log."""

    def _head_is_late(self) -> None:
        self._head_timer = None
        if self._head_bytes == 0:  # nothing was ever asked: no answer is due
            self.transport.close()
        else:
            self._refuse(408, f"The request did not come within {HEAD_SECONDS:.0f} seconds.")

    def _watch_body(self) -> None:
        if not self.flow.read_paused:
            self._body_seconds -= _TICK_SECONDS
        self._body_timer = None
        if self._body_seconds > 0:
            self._body_timer = self.loop.call_later(_TICK_SECONDS, self._watch_body)
        elif self.cycle is None or not self.cycle.response_started:
            self._refuse(408, "The body of the request came too slowly.")
        else:
            self.transport.close()

    def _watch_reader(self) -> None:
        unread = self._unread_bytes()
        self._stalled_seconds = self._stalled_seconds + _TICK_SECONDS if unread == self._unread else 0.0
        self._unread = unread
        if self._stalled_seconds >= STALL_SECONDS:
            self.transport.abort()
        else:
            self._write_timer = self.loop.call_later(_TICK_SECONDS, self._watch_reader)

    def _unread_bytes(self) -> int:
        """Bytes that the client has not got yet: those that wait here, and in the kernel where it tells."""
        waiting: int = self.transport.get_write_buffer_size()
        socket = self.transport.get_extra_info("socket")
        if socket is not None and sys.platform == "linux":
            try:
                told = fcntl.ioctl(socket.fileno(), termios.TIOCOUTQ, b"\0\0\0\0")
            except OSError:
                return waiting
            waiting += struct.unpack("i", told)[0]
        return waiting

    def _refuse(self, status: int, text: str, more: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        """An answer from here, with which the connection ends."""
        body = f"{text}\n".encode()
        headers = (
            *always(f"vo-service/{__version__}"),
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
            *more,
        )
        head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode()
        lines = b"".join(b"%s: %s\r\n" % header for header in headers)
        self.transport.write(b"".join((head, lines, b"\r\n", body)))
        self.transport.close()


@cache
def _most_connections() -> int:
    """As many as the process may have, with room for its own files."""
    return min(CONNECTIONS, max(64, resource.getrlimit(resource.RLIMIT_NOFILE)[0] * 3 // 4))
