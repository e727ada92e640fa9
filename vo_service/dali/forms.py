"""The body and the query string of a request become a form and the files that came along (DALI-005, 006).

GET, urlencoded POST and multipart POST, with or without a Content-Length, all give the same `Form`; the query
string of a POST counts too. A part of a multipart body is a file where it has a file name, or where an UPLOAD
parameter of the same request names it (``UPLOAD=table,param:part``); else it is a parameter.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl

import anyio
from starlette.requests import ClientDisconnect, Request

from vo_service.dali.errors import ErrorKind, ServiceError, usage
from vo_service.dali.multipart import BodyLimits, Part, PartReader, Parts
from vo_service.dali.parameters import Form, shortened

_FIELDS = 1000  # name=value pairs in one request
_DRAINED_BYTES = 1 << 20  # read after an error, so that a client that is still sending gets to see the answer
_DRAINED_SECONDS = 2.0
_NAMED = re.compile(r",\s*param:([^;\s]+)", re.IGNORECASE)  # as `uploads.read_pairs` reads it
_WITHOUT_BODY = ("GET", "HEAD")
URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"


@dataclass(frozen=True, slots=True)
class Body:
    """What a client sent: parameters, and files by the names of their parts."""

    form: Form
    parts: Parts = field(default_factory=Parts)

    def parameters(self) -> Form:
        """The parameters, of a service that takes no files. Raises ServiceError (400) where one came."""
        for name in self.parts:
            self.parts.close()
            raise usage(f"{shortened(name)} came as a file.", "Send it as a parameter.")
        return self.form


async def read_body(request: Request, limits: BodyLimits, place: Path) -> Body:
    """Read all parameters and files of a request, and its whole body.

    Files above some 64 kB are kept in the directory ``place``, until their `Part` is moved, closed or
    forgotten. Raises ServiceError: 413 beyond a limit, 415 for a kind of body that is neither of DALI's two,
    400 for one that cannot be read.
    """
    if request.method in _WITHOUT_BODY or _kind(request) != MULTIPART:
        pairs = await read_pairs(request, limits.body_bytes, limits.values, (URLENCODED, MULTIPART))
        return Body(Form.of(pairs))
    pairs = _urlencoded(request.scope["query_string"], "the query string", limits.values)
    most = limits.body_bytes + limits.upload_bytes
    # what stands between the parts counts for nothing
    async with _arriving(request, most + _DRAINED_BYTES, most) as body:
        parts = await _read_parts(request, body, limits, place)
        try:
            return _sorted(pairs, parts, limits)
        except ServiceError:
            for part in parts:
                part.close()
            raise


async def read_pairs(
    request: Request, body_bytes: int, fields: int = _FIELDS, kinds: tuple[str, ...] = (URLENCODED,)
) -> list[tuple[str, str]]:
    """The name=value pairs of the query string and of an urlencoded body, with names in the case that they
    were sent in, at most ``fields`` of either; the whole body is read.

    ``kinds`` are the types of bodies that an error tells. Raises ServiceError: 413 for a body above
    ``body_bytes``, 415 for another kind of body, 400 for text that is not UTF-8 and for too many pairs.
    """
    pairs = _urlencoded(request.scope["query_string"], "the query string", fields)
    kind = _kind(request)
    async with _arriving(request, body_bytes, body_bytes) as body:
        if request.method in _WITHOUT_BODY:
            async for _ in body:  # it has no meaning, but it must leave the connection
                pass
            return pairs
        content = b"".join([chunk async for chunk in body])
        if kind == URLENCODED or not content:
            return pairs + _urlencoded(content, "the body", fields)
        raise ServiceError(
            ErrorKind.BODY_TYPE,
            f"A body of type {kind or 'unknown'!r} cannot be read.",
            f"Send {' or '.join(kinds)}.",
        )


def _kind(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


@asynccontextmanager
async def _arriving(request: Request, most: int, told: int) -> AsyncIterator[AsyncGenerator[bytes, None]]:
    """The body of a request as `_Incoming.within` has it; after an error what still comes is read too."""
    incoming = _Incoming(request)
    try:
        async with aclosing(incoming.within(most, told)) as body:
            yield body
    except ServiceError:
        await incoming.drain()
        raise


class _Incoming:
    """The body of a request while it arrives."""

    def __init__(self, request: Request) -> None:
        self._receive = request.receive
        self._ended = False
        announced = request.headers.get("content-length", "")
        self._announced = int(announced) if announced.isdigit() and len(announced) < 19 else 0

    async def within(self, most: int, told: int) -> AsyncGenerator[bytes, None]:
        """Its chunks, as long as they stay within the limit ``most``, which is told as ``told``."""
        seen = self._announced
        if seen <= most:
            seen = 0
            while not self._ended and seen <= most:
                chunk = await self._next()
                seen += len(chunk)
                if seen <= most and chunk:
                    yield chunk
        if seen > most:
            raise ServiceError(
                ErrorKind.BODY_TOO_LARGE, f"The request's body is above the limit of {told} bytes."
            )

    async def drain(self) -> None:
        """Read on for a moment: an answer that comes while the client is sending would be lost on it."""
        left = _DRAINED_BYTES
        with suppress(ClientDisconnect), anyio.move_on_after(_DRAINED_SECONDS):
            while left > 0 and not self._ended:
                left -= len(await self._next()) + 1

    async def _next(self) -> bytes:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        self._ended = not message.get("more_body", False)
        content: bytes = message.get("body", b"")
        return content


def _urlencoded(content: bytes, where: str, fields: int) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            content.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=fields
        )
    except UnicodeDecodeError as error:
        raise usage(f"The parameters in {where} are not UTF-8 text.") from error
    except ValueError as error:
        raise usage(f"There are more than {fields} parameters in {where}.") from error


async def _read_parts(
    request: Request, body: AsyncGenerator[bytes, None], limits: BodyLimits, place: Path
) -> list[Part]:
    reader = PartReader(request.headers["content-type"], limits, place)
    try:
        async for chunk in body:
            reader.feed(chunk)
        return reader.finish()
    except BaseException:
        reader.drop()
        raise


def _sorted(pairs: list[tuple[str, str]], parts: list[Part], limits: BodyLimits) -> Body:
    """Parameters and files told apart. Raises ServiceError beyond a limit."""
    values = [value for name, value in pairs if name.strip().upper() == "UPLOAD"]
    values += [
        _text(part)
        for part in parts
        if part.filename is None and part.name.upper() == "UPLOAD" and part.size <= limits.body_bytes
    ]
    named = {name for value in values for name in _NAMED.findall(value)}
    files = {part.name: part for part in parts if part.filename is not None or part.name in named}
    texts = [part for part in parts if part.filename is None and part.name not in named]
    for name, times in Counter(part.name for part in parts if part.name in files).items():
        if times > 1:
            raise usage(f"There are {times} files called {name!r}; a name stands for one.")
    if sum(part.size for part in texts) > limits.body_bytes:
        raise _too_large("The parameters of the request are", limits.body_bytes)
    if sum(part.size for part in files.values()) > limits.upload_bytes:
        raise _too_large("The uploaded tables are", limits.upload_bytes)
    pairs = pairs + [(part.name, _text(part)) for part in texts]
    for part in texts:
        part.close()
    return Body(Form.of(pairs), Parts(files))


def _too_large(what: str, most: int) -> ServiceError:
    return ServiceError(ErrorKind.BODY_TOO_LARGE, f"{what} above the limit of {most} bytes.")


def _text(part: Part) -> str:
    with part.open() as file:
        content = file.read()
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise usage(f"The parameter {part.name!r} is not UTF-8 text.") from error
