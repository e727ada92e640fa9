"""``/files/{product_id}``: the gate first, then the file, whole or in ranges."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from vo_service.access import READ_ALL, Rights, Viewer
from vo_service.dali.addresses import service_address
from vo_service.dali.current import Current
from vo_service.dali.errors import ErrorKind, ServiceError, usage
from vo_service.dali.identity import Identity
from vo_service.dali.sending import OpenBytes, Sendable, send_stored
from vo_service.files.digests import Digests, insists
from vo_service.files.stored import StoredFile, WithdrawnFile, find_file, find_withdrawn, open_file
from vo_service.store import Catalogue

_TOKEN = re.compile(r"[A-Za-z0-9!#$&+.^_`|~-]+")


class FileService:
    """The handlers of ``/files``, with what they need."""

    def __init__(
        self,
        current: Current[Any],
        catalogue: Catalogue,
        rights: Rights,
        digests: Digests,
        identity: Identity,
        clock: Callable[[], datetime],
        base_url: str | None,
        trust_proxy: bool,
    ) -> None:
        self._current = current
        self._catalogue = catalogue
        self._rights = rights
        self._digests = digests
        self._identity = identity
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
        viewer = self._identity.viewer(request)
        try:
            opened = await to_thread.run_sync(self._open, product_id, version, insisted, address, viewer)
        except _Closed as closed:
            raise self._identity.refusal(request, closed.why, scope=READ_ALL) from closed
        return _answer(request, opened)

    def _open(
        self, product_id: str, version: str | None, insisted: bool, address: str, viewer: Viewer
    ) -> _OpenFile:
        with self._current.use() as (snapshot, _):
            file = find_file(snapshot, product_id)
            withdrawn = None if file is not None else find_withdrawn(snapshot, product_id)
        wanted = _version_number(version)
        if file is None:
            raise _no_file(withdrawn, wanted, address)
        _require_version(file, wanted, address)
        self._require_open(file, viewer)
        handle = open_file(file, self._catalogue.roots())
        try:
            return _OpenFile(file, handle, self._digests.header(file, handle, insisted))
        except BaseException:
            handle.close()
            raise

    def _require_open(self, file: StoredFile, viewer: Viewer) -> None:
        """The gate (design 4.3): the clock and the viewer's rights decide, at every request anew. A tar is
        closed as long as anything in it is. Raises _Closed."""
        now = self._clock()
        closed = [
            claim.release_date
            for claim in file.claims
            if not self._rights.may_read(viewer, claim.origin, claim.release_date, now)
        ]
        if not closed:
            return
        dates = [each for each in closed if each is not None]
        if len(dates) < len(closed):
            told = "is not public: the archive gives no release date for it"
        else:
            told = f"is proprietary until {max(dates).replace(tzinfo=UTC):%Y-%m-%dT%H:%M:%SZ}"
        what = "This product" if not file.held else "This product, or a file in it,"
        raise _Closed(f"{what} {told}.")


class _Closed(Exception):
    """The viewer may not have the file; ``why`` is a sentence."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


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
    stored = Sendable(opened.handle, file.size_bytes, file.etag, file.modified, file.media_type)
    return send_stored(request, stored, _headers(opened))


def _headers(opened: _OpenFile) -> dict[str, str]:
    file = opened.file
    headers = {
        "Content-Disposition": disposition(file.name),
        "Cache-Control": "no-cache",  # the gate is asked each time; the ETag saves the bytes
    }
    if opened.digest is not None:
        headers["Repr-Digest"] = opened.digest
    return headers


def disposition(name: str) -> str:
    """Content-Disposition for a file name, which stands last: clients take the rest of the line."""
    if _TOKEN.fullmatch(name):
        return f"attachment; filename={name}"
    plain = re.sub(r'[^ -~]|["\\]', "_", name)
    return f"attachment; filename*=UTF-8''{quote(name, safe='')}; filename=\"{plain}\""
