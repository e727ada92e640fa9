"""``/files/{product_id}``: the gate first, then the file, whole or in ranges."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from secrets import token_hex
from typing import Any
from urllib.parse import quote

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from vo_service.access import ANONYMOUS, Rights
from vo_service.dali.addresses import service_address
from vo_service.dali.current import Current
from vo_service.dali.errors import ErrorKind, ServiceError, usage
from vo_service.files.conditions import Verdict, http_text, judge, range_applies
from vo_service.files.digests import Digests, insists
from vo_service.files.opened import OpenBytes
from vo_service.files.ranges import NotSatisfiable, Span, wanted_spans
from vo_service.files.stored import StoredFile, WithdrawnFile, find_file, find_withdrawn, open_file
from vo_service.store import Catalogue

_BLOCK = 1 << 20
_TOKEN = re.compile(r"[A-Za-z0-9!#$&+.^_`|~-]+")


class FileService:
    """The handlers of ``/files``, with what they need."""

    def __init__(
        self,
        current: Current[Any],
        catalogue: Catalogue,
        rights: Rights,
        digests: Digests,
        clock: Callable[[], datetime],
        base_url: str | None,
        trust_proxy: bool,
    ) -> None:
        self._current = current
        self._catalogue = catalogue
        self._rights = rights
        self._digests = digests
        self._clock = clock
        self._base_url = base_url
        self._trust_proxy = trust_proxy

    def routes(self) -> list[Route]:
        """Where the handlers are mounted."""
        return [Route("/files/{product_id}", self.send)]

    async def send(self, request: Request) -> Response:
        """GET and HEAD of one file. Raises ServiceError for the reasons why it is not sent."""
        product_id = request.path_params["product_id"]
        version = request.query_params.get("version")
        insisted = insists(request.headers.get("want-repr-digest"))
        address = service_address(request, self._base_url, self._trust_proxy)
        opened = await to_thread.run_sync(self._open, product_id, version, insisted, address)
        try:
            return _answer(request, opened)
        except BaseException:
            opened.handle.close()
            raise

    def _open(self, product_id: str, version: str | None, insisted: bool, address: str) -> _OpenFile:
        with self._current.use() as (snapshot, _):
            file = find_file(snapshot, product_id)
            withdrawn = None if file is not None else find_withdrawn(snapshot, product_id)
        wanted = _version_number(version)
        if file is None:
            raise _no_file(withdrawn, wanted, address)
        _require_version(file, wanted, address)
        self._require_open(file)
        handle = open_file(file, self._catalogue.roots())
        try:
            return _OpenFile(file, handle, self._digests.header(file, handle, insisted))
        except BaseException:
            handle.close()
            raise

    def _require_open(self, file: StoredFile) -> None:
        """The gate (design 4.3): the clock decides, at every request anew. A tar is closed as long as
        anything in it is."""
        now = self._clock()
        closed = [
            claim.release_date
            for claim in file.claims
            if not self._rights.may_read(ANONYMOUS, claim.origin, claim.release_date, now)
        ]
        if not closed:
            return
        dates = [each for each in closed if each is not None]
        if len(dates) < len(closed):
            told = "is not public: the archive gives no release date for it"
        else:
            told = f"is proprietary until {max(dates).replace(tzinfo=UTC):%Y-%m-%dT%H:%M:%SZ}"
        what = "This product" if not file.held else "This product, or a file in it,"
        raise ServiceError(ErrorKind.FORBIDDEN, f"{what} {told}.")


@dataclass(frozen=True, slots=True)
class _OpenFile:
    """A file open for sending, and its Repr-Digest where it is known."""

    file: StoredFile
    handle: OpenBytes
    digest: str | None


def _version_number(text: str | None) -> int | None:
    """The number in ``?version=N``, which names one state of the bytes."""
    if text is None:
        return None
    if not text.isascii() or not text.isdecimal():
        raise usage("version is no whole number.")
    return int(text)


def _require_version(file: StoredFile, version: int | None, address: str) -> None:
    """A replaced version is gone, and says by what it was replaced (design 4.2)."""
    if version is None:
        return
    if version < file.version:
        raise ServiceError(
            ErrorKind.GONE,
            f"Version {version} of this product was replaced by version {file.version}.",
            headers=_successor(address, f"{file.product_id}?version={file.version}"),
        )
    if version > file.version:
        raise ServiceError(ErrorKind.NOT_FOUND, f"The newest version of this product is {file.version}.")


def _no_file(withdrawn: WithdrawnFile | None, version: int | None, address: str) -> ServiceError:
    """Why there is no file of that name: it was withdrawn, or never was."""
    if withdrawn is None:
        return ServiceError(ErrorKind.NOT_FOUND, "The holdings have no product of this name.")
    if version is not None and version > withdrawn.version:
        return ServiceError(
            ErrorKind.NOT_FOUND, f"The last version of this product was {withdrawn.version}; it is withdrawn."
        )
    message = f"This product was withdrawn on {withdrawn.withdrawn:%Y-%m-%d}."
    if withdrawn.successor is None:
        return ServiceError(ErrorKind.GONE, message)
    return ServiceError(
        ErrorKind.GONE,
        message,
        f"In its place there is {address}/files/{withdrawn.successor}",
        _successor(address, withdrawn.successor),
    )


def _successor(address: str, place: str) -> dict[str, str]:
    """The link to what is to be used instead (RFC 5829)."""
    return {"Link": f'<{address}/files/{place}>; rel="successor-version"'}


def _answer(request: Request, opened: _OpenFile) -> Response:
    """The response that the request's conditions and ranges make of an open file."""
    file = opened.file
    headers = _headers(opened)
    verdict = judge(request.headers, file.etag, file.modified)
    if verdict is Verdict.FAILED:
        opened.handle.close()
        return Response(status_code=412, headers=headers)
    if verdict is Verdict.NOT_MODIFIED:
        opened.handle.close()
        return Response(status_code=304, headers=headers)
    size = file.size_bytes
    if size is None:  # of a server that does not tell it: no ranges, and the end is where the bytes end
        headers |= {"Content-Type": file.media_type, "Accept-Ranges": "none"}
        return _FileResponse(request, opened, None, b"", 200, headers)
    try:
        spans = _spans(request, file, size)
    except NotSatisfiable:
        opened.handle.close()
        return Response(status_code=416, headers={**headers, "Content-Range": f"bytes */{size}"})
    if len(spans) > 1:
        return _several(request, opened, spans, size, headers)
    headers["Content-Type"] = file.media_type
    if not spans:
        return _FileResponse(request, opened, [(b"", Span(0, size))], b"", 200, headers)
    headers["Content-Range"] = spans[0].content_range(size)
    return _FileResponse(request, opened, [(b"", spans[0])], b"", 206, headers)


def _spans(request: Request, file: StoredFile, size: int) -> tuple[Span, ...]:
    if request.method != "GET" or not range_applies(
        request.headers.get("if-range"), file.etag, file.modified
    ):
        return ()
    return wanted_spans(request.headers.get("range"), size)


def _several(
    request: Request, opened: _OpenFile, spans: tuple[Span, ...], size: int, headers: dict[str, str]
) -> Response:
    """Several ranges in one answer (RFC 9110, 14.6)."""
    boundary = token_hex(16)
    parts = [
        (
            f"\r\n--{boundary}\r\nContent-Type: {opened.file.media_type}\r\n"
            f"Content-Range: {span.content_range(size)}\r\n\r\n".encode("ascii"),
            span,
        )
        for span in spans
    ]
    headers["Content-Type"] = f"multipart/byteranges; boundary={boundary}"
    return _FileResponse(request, opened, parts, f"\r\n--{boundary}--\r\n".encode("ascii"), 206, headers)


def _headers(opened: _OpenFile) -> dict[str, str]:
    file = opened.file
    headers = {
        "Accept-Ranges": "bytes",
        "ETag": file.etag,
        "Content-Disposition": disposition(file.name),
        "Cache-Control": "no-cache",  # the gate is asked each time; the ETag saves the bytes
    }
    if file.modified is not None:
        headers["Last-Modified"] = http_text(file.modified)
    if opened.digest is not None:
        headers["Repr-Digest"] = opened.digest
    return headers


def disposition(name: str) -> str:
    """Content-Disposition for a file name, which stands last: clients take the rest of the line."""
    if _TOKEN.fullmatch(name):
        return f"attachment; filename={name}"
    plain = re.sub(r'[^ -~]|["\\]', "_", name)
    return f"attachment; filename*=UTF-8''{quote(name, safe='')}; filename=\"{plain}\""


class _FileResponse(StreamingResponse):
    """Parts of an open file, each after a few bytes of its own, with their length known, or (without parts)
    all that it has; closes the file.
    """

    def __init__(
        self,
        request: Request,
        opened: _OpenFile,
        parts: list[tuple[bytes, Span]] | None,
        end: bytes,
        status: int,
        headers: Mapping[str, str],
    ) -> None:
        headers = dict(headers)
        if parts is None:
            body = _rest(opened.handle)
        else:
            length = sum(len(before) + span.length for before, span in parts) + len(end)
            headers["Content-Length"] = str(length)
            body = _bytes(opened.handle, parts, end)
        if request.method == "HEAD":
            body = _nothing()
        super().__init__(body, status_code=status, headers=headers)
        self._handle = opened.handle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._handle.close()


async def _nothing() -> AsyncIterator[bytes]:
    for _ in ():
        yield b""


async def _rest(handle: OpenBytes) -> AsyncIterator[bytes]:
    offset = 0
    while block := await to_thread.run_sync(handle.read_at, offset, _BLOCK):
        offset += len(block)
        yield block


async def _bytes(handle: OpenBytes, parts: list[tuple[bytes, Span]], end: bytes) -> AsyncIterator[bytes]:
    for before, span in parts:
        if before:
            yield before
        offset = span.start
        while offset < span.stop:
            block = await to_thread.run_sync(handle.read_at, offset, min(_BLOCK, span.stop - offset))
            if not block:
                raise OSError("the file became shorter while it was sent")  # breaks the connection off
            offset += len(block)
            yield block
    if end:
        yield end
