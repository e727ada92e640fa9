"""Stored bytes as an answer: whole or in ranges, under the conditions of the request (RFC 9110: 13, 14)."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from secrets import token_hex
from typing import Protocol, runtime_checkable
from urllib.parse import quote

from anyio import CancelScope, CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from vo_service.dali.conditions import Verdict, http_text, judge, range_applies
from vo_service.dali.errors import ErrorKind, ServiceError
from vo_service.dali.ranges import NotSatisfiable, Span, wanted_spans
from vo_service.dali.replies import text_reply

_BLOCK = 2 << 20  # each is a turn of a thread, and what a slow client holds of memory
_HEADER_TEXT = 500
_OF_THE_BYTES = ("Content-Disposition", "Repr-Digest")
_TOKEN = re.compile(r"[A-Za-z0-9!#$&+.^_`|~-]+")


class OpenBytes(Protocol):
    """Bytes that can be read in pieces, by one reader at a time."""

    def read_at(self, offset: int, length: int) -> bytes | memoryview:
        """A piece, shorter only at the end. Raises OSError."""

    def close(self) -> None:
        """Nothing is read any more."""


@runtime_checkable
class Confirmable(Protocol):
    """Bytes of which only a look behind the last of them tells whether they were of one state."""

    def confirm(self) -> None:
        """Asked before the last bytes of a range are sent. Raises OSError where they must not be."""


@runtime_checkable
class Leavable(Protocol):
    """Bytes of which a piece may take long to make."""

    def leave(self) -> None:
        """Nobody takes the piece that is being read, in another thread perhaps: it need not be made to its
        end, and reading it may raise OSError. Called before ``close``, however an answer ended."""


@dataclass(slots=True)
class LocalBytes:
    """``size`` bytes from ``start`` on of an open file, which it owns."""

    descriptor: int
    start: int
    size: int

    def read_at(self, offset: int, length: int) -> bytes:
        """A piece of the part."""
        return os.pread(self.descriptor, max(0, min(length, self.size - offset)), self.start + offset)

    def copy(self) -> LocalBytes:
        """The same, to be closed for itself."""
        return LocalBytes(os.dup(self.descriptor), self.start, self.size)

    def close(self) -> None:
        """Close the file."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


@dataclass(frozen=True, slots=True)
class KnownBytes:
    """Bytes that are held: nobody waits for them."""

    content: bytes | memoryview

    def read_at(self, offset: int, length: int) -> bytes | memoryview:
        """A piece."""
        return self.content[offset : offset + length]

    def close(self) -> None:
        """Nothing is open."""


@dataclass(frozen=True, slots=True)
class Sendable:
    """Bytes that are open, and what is known of them: ``size`` None where a server does not tell it, ``etag``
    strong and in its quotes, ``modified`` UTC in whole seconds or None. ``threads`` are those that read them,
    where reading may take long, so that nobody else waits for one; None: those of all that is quick. Where
    that is not the same for all parts it is asked for once before each, by its offset and length."""

    handle: OpenBytes
    size: int | None
    etag: str
    modified: datetime | None
    media_type: str
    threads: CapacityLimiter | Callable[[int, int], CapacityLimiter | None] | None = None


def send_stored(
    request: Request, stored: Sendable, more: Mapping[str, str], range_methods: Collection[str] = ("GET",)
) -> Response:
    """The answer that the request's conditions and ranges make of stored bytes; it closes them.

    ``more`` are headers that stand on every answer, on 304 and 412 too. Ranges count for ``range_methods``:
    HTTP defines them for GET alone (RFC 9110, 14.2), but a door may honour them for a POST that changes
    nothing, whose form is only too long for an address.
    """
    headers = {"Accept-Ranges": "bytes", "ETag": stored.etag, **more}
    if stored.modified is not None:
        headers["Last-Modified"] = http_text(stored.modified)
    try:
        return _answer(request, stored, headers, range_methods)
    except BaseException:
        stored.handle.close()
        raise


def _answer(
    request: Request, stored: Sendable, headers: dict[str, str], range_methods: Collection[str]
) -> Response:
    verdict = judge(request.headers, stored.etag, stored.modified, request.method)
    if verdict is not Verdict.SEND:
        stored.handle.close()
        if verdict is Verdict.FAILED:
            return _not_met(headers)
        return Response(status_code=304, headers=headers)
    size = stored.size
    if size is None:  # no ranges, and the end is where the bytes end
        headers |= {"Content-Type": stored.media_type, "Accept-Ranges": "none"}
        return _StoredResponse(request, stored, None, b"", 200, headers)
    try:
        spans = _spans(request, stored, size) if request.method in range_methods else ()
    except NotSatisfiable:
        stored.handle.close()
        return _beyond(size, headers)
    if len(spans) > 1:
        return _several(request, stored, spans, size, headers)
    headers["Content-Type"] = stored.media_type
    if not spans:
        return _StoredResponse(request, stored, [(b"", Span(0, size))], b"", 200, headers)
    headers["Content-Range"] = spans[0].content_range(size)
    return _StoredResponse(request, stored, [(b"", spans[0])], b"", 206, headers)


def _not_met(headers: Mapping[str, str]) -> Response:
    words = "The condition of the request does not hold: this is in another state."
    return text_reply(ServiceError(ErrorKind.CONDITION, words, headers=_of_any_state(headers)))


def _beyond(size: int, headers: Mapping[str, str]) -> Response:
    words = f"None of the ranges lies within the {size} bytes that there are."
    told = {**_of_any_state(headers), "Content-Range": f"bytes */{size}"}
    return text_reply(ServiceError(ErrorKind.RANGE, words, headers=told))


def _of_any_state(headers: Mapping[str, str]) -> dict[str, str]:
    """What an answer tells that has other bytes: neither their name nor their digest."""
    return {name: value for name, value in headers.items() if name not in _OF_THE_BYTES}


def _spans(request: Request, stored: Sendable, size: int) -> tuple[Span, ...]:
    asked = request.headers.get("if-range")
    if not range_applies(asked, stored.etag, stored.modified):
        return ()
    return wanted_spans(request.headers.get("range"), size)


def _several(
    request: Request, stored: Sendable, spans: tuple[Span, ...], size: int, headers: dict[str, str]
) -> Response:
    """Several ranges in one answer (RFC 9110, 14.6)."""
    boundary = token_hex(16)
    parts = [
        (
            f"\r\n--{boundary}\r\nContent-Type: {stored.media_type}\r\n"
            f"Content-Range: {span.content_range(size)}\r\n\r\n".encode("ascii"),
            span,
        )
        for span in spans
    ]
    headers["Content-Type"] = f"multipart/byteranges; boundary={boundary}"
    return _StoredResponse(request, stored, parts, f"\r\n--{boundary}--\r\n".encode("ascii"), 206, headers)


class _StoredResponse(StreamingResponse):
    """Parts of open bytes, each after a few bytes of its own, with their length known, or (without parts) all
    that there is; closes them.
    """

    def __init__(
        self,
        request: Request,
        stored: Sendable,
        parts: list[tuple[bytes, Span]] | None,
        end: bytes,
        status: int,
        headers: Mapping[str, str],
    ) -> None:
        headers = dict(headers)
        self._reader = _Reader(stored)
        if parts is None:
            body = _rest(self._reader)
        else:
            length = sum(len(before) + span.length for before, span in parts) + len(end)
            headers["Content-Length"] = str(length)
            body = _bytes(self._reader, parts, end)
        if request.method == "HEAD":
            body = _nothing()
        super().__init__(body, status_code=status, headers=headers)
        self._handle = stored.handle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            if isinstance(self._handle, KnownBytes):  # soon sent: nobody has to watch the client
                await self.stream_response(send)
            else:
                await super().__call__(scope, receive, send)
        finally:
            if isinstance(self._handle, Leavable):
                self._handle.leave()
            await self._reader.settle()
            self._handle.close()


async def _nothing() -> AsyncIterator[bytes | memoryview]:
    for _ in ():
        yield b""


class _Reader:
    """Reads blocks of open bytes, the next one while the one before is sent."""

    def __init__(self, stored: Sendable) -> None:
        self._stored = stored
        self._reading: asyncio.Task[bytes | memoryview] | None = None
        self._threads: CapacityLimiter | None = None  # of the block that was read last

    def begin(self, offset: int, length: int) -> None:
        """Read a block behind what is done meanwhile; the next `read` is of that block."""
        if not isinstance(self._stored.handle, KnownBytes):
            self._reading = asyncio.create_task(self._in_thread(offset, length))

    async def read(self, offset: int, length: int) -> bytes | memoryview:
        """A block. Raises ServiceError where the bytes cannot be had."""
        if isinstance(self._stored.handle, KnownBytes):
            return self._stored.handle.read_at(offset, length)
        if self._reading is None:
            self.begin(offset, length)
        assert self._reading is not None
        try:
            block = await asyncio.shield(self._reading)  # its thread reads on, whoever leaves: see settle
        except OSError as error:
            raise _broken_off(str(error)) from error
        self._reading = None
        return block

    async def confirm(self) -> None:
        """Ask whether the bytes were of one state. Raises ServiceError where they were not."""
        handle = self._stored.handle
        if not isinstance(handle, Confirmable):
            return
        try:
            await to_thread.run_sync(handle.confirm, limiter=self._threads)
        except OSError as error:
            raise _broken_off(str(error)) from error

    async def settle(self) -> None:
        """Wait for a block that nobody will take: its thread still reads what is to be closed."""
        if self._reading is not None:
            with CancelScope(shield=True):
                await asyncio.wait({self._reading})
            if not self._reading.cancelled():
                self._reading.exception()  # seen, so that nobody reports it as lost

    async def _in_thread(self, offset: int, length: int) -> bytes | memoryview:
        read_at, threads = self._stored.handle.read_at, self._stored.threads
        if threads is not None and not isinstance(threads, CapacityLimiter):
            threads = threads(offset, length)
        self._threads = threads
        return await to_thread.run_sync(read_at, offset, length, limiter=threads)


async def _rest(reader: _Reader) -> AsyncIterator[bytes | memoryview]:
    offset = 0
    while block := await reader.read(offset, _BLOCK):
        offset += len(block)
        reader.begin(offset, _BLOCK)
        yield block


async def _bytes(
    reader: _Reader, parts: list[tuple[bytes, Span]], end: bytes
) -> AsyncIterator[bytes | memoryview]:
    for before, span in parts:
        if before:
            yield before
        offset = span.start
        while offset < span.stop:
            block = await reader.read(offset, min(_BLOCK, span.stop - offset))
            if not block:
                raise _broken_off("the file became shorter while it was sent")
            offset += len(block)
            if offset < span.stop:
                reader.begin(offset, min(_BLOCK, span.stop - offset))
            else:  # of each range: those behind it may be of other sources
                await reader.confirm()
            yield block
    if end:
        yield end


def _broken_off(why: str) -> ServiceError:
    """Ends an answer that has begun before its announced length: its client sees that it is not whole."""
    return ServiceError(ErrorKind.CONFLICT, f"The bytes could not be sent to their end: {why}.")


def header_text(text: str) -> str:
    """A sentence as a header can bear it: printable ASCII, not too long."""
    return re.sub(r"[^ -~]", "?", text)[:_HEADER_TEXT]


def disposition(name: str, kind: str = "attachment") -> str:
    """Content-Disposition for a file name, which stands last: clients take the rest of the line. ``inline``
    is for what browsers show."""
    if _TOKEN.fullmatch(name):
        return f"{kind}; filename={name}"
    plain = re.sub(r'[^ -~]|["\\]', "_", name)
    return f"{kind}; filename*=UTF-8''{quote(name, safe='', errors='replace')}; filename=\"{plain}\""
