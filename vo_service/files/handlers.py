"""``/files/{product_id}``: the gate first, then the file, whole or in ranges."""

from __future__ import annotations

from dataclasses import dataclass

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from vo_service.access import READ_ALL, Viewer
from vo_service.dali.addresses import Addresses
from vo_service.dali.errors import usage
from vo_service.dali.identity import Identity
from vo_service.dali.sending import LocalBytes, OpenBytes, Sendable, disposition, send_stored
from vo_service.products.digests import Digests, insists
from vo_service.products.shelf import Closed, Shelf
from vo_service.products.stored import StoredFile

_VERSION_DIGITS = 9
_THREADS = 32  # in which files are looked up
_SLOW = 16  # in which those are read that do not lie on this machine as they are


class FileService:
    """The handlers of ``/files``, with what they need."""

    def __init__(self, shelf: Shelf, digests: Digests, identity: Identity, addresses: Addresses) -> None:
        self._shelf = shelf
        self._digests = digests
        self._identity = identity
        self._addresses = addresses
        self._threads = CapacityLimiter(_THREADS)
        self._slow = CapacityLimiter(_SLOW)

    def routes(self) -> list[Route]:
        """Where the handlers are mounted."""
        return [Route("/files/{product_id}", self.send)]

    async def send(self, request: Request) -> Response:
        """GET and HEAD of one file. Raises ServiceError for the reasons why it is not sent."""
        product_id = request.path_params["product_id"]
        version = request.query_params.get("version")
        insisted = insists(request.headers.get("want-repr-digest"))
        address = self._addresses.of(request)
        viewer = self._identity.viewer(request)
        try:
            opened = await to_thread.run_sync(
                self._open, product_id, version, insisted, address, viewer, limiter=self._threads
            )
        except Closed as closed:
            raise self._identity.refusal(request, closed.why, scope=READ_ALL) from closed
        file = opened.file
        threads = None if isinstance(opened.handle, LocalBytes) else self._slow
        stored = Sendable(opened.handle, file.size_bytes, file.etag, file.modified, file.media_type, threads)
        return send_stored(request, stored, _headers(opened))

    def _open(
        self, product_id: str, version: str | None, insisted: bool, address: str, viewer: Viewer
    ) -> _OpenFile:
        file = self._shelf.find(product_id, _version_number(version), address)
        self._shelf.require_open(file, viewer)
        handle = self._shelf.open(file)
        try:
            return _OpenFile(file, handle, self._digests.header(file, handle, insisted))
        except BaseException:
            handle.close()
            raise


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
    if not text.isascii() or not text.isdecimal() or len(text) > _VERSION_DIGITS:
        raise usage("version is no whole number that a version could have.")
    return int(text)


def _headers(opened: _OpenFile) -> dict[str, str]:
    file = opened.file
    headers = {
        "Content-Disposition": disposition(file.name),
        "Cache-Control": "no-cache",  # the gate is asked each time; the ETag saves the bytes
    }
    if opened.digest is not None:
        headers["Repr-Digest"] = opened.digest
    return headers
