"""``/packages/list``, ``/packages/script``, ``/packages/tar``: many files at a time, as the ALMA archive's
request handler gives them."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Final, TypeVar

from anyio import CapacityLimiter
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from vo_service.access import READ_ALL
from vo_service.asking.door import Door, Manners
from vo_service.asking.queries import Asker
from vo_service.dali.errors import usage
from vo_service.dali.formats import wanted_format
from vo_service.dali.forms import read_body
from vo_service.dali.parameters import Form, shortened
from vo_service.dali.replies import table_reply
from vo_service.dali.sending import Sendable, disposition, send_stored
from vo_service.dali.streams import Cancellation
from vo_service.packages.listing import Listing
from vo_service.packages.request import FORM, read_request
from vo_service.packages.scripts import Scripts
from vo_service.packages.tar_bytes import TarBytes
from vo_service.packages.tars import NothingOpen, Tars
from vo_service.products.reading import FileReader

T = TypeVar("T")

_READERS: Final = 16  # threads for tars whose files are fetched or unpacked


class PackageHandlers:
    """The handlers, with what they need."""

    def __init__(
        self, door: Door, listing: Listing, scripts: Scripts, tars: Tars, reader: Callable[[], FileReader]
    ) -> None:
        self._door = door
        self._scripts = scripts
        self._tars = tars
        self._reader = reader
        self._limits = listing.packer.limits
        self._slow = CapacityLimiter(_READERS)
        self._manners = Manners(wanted_format, listing.query, table_reply)

    def routes(self) -> list[Route]:
        """Where the handlers are mounted."""
        methods = ["GET", "POST"]
        return [
            Route("/packages/list", self.list, methods=methods),
            Route("/packages/script", self.script, methods=methods),
            Route("/packages/tar", self.tar, methods=methods),
        ]

    async def list(self, request: HttpRequest) -> Response:
        """The files as rows of a table; errors in the format that was asked for."""
        return await self._door.answer(request, self._manners)

    async def script(self, request: HttpRequest) -> Response:
        """A script that fetches the files."""
        form, asker = await self._asked(request)
        kind = form.one(FORM) or "sh"
        asked = read_request(form, self._limits)
        made = await self._in_lane(
            request, lambda cancellation: self._scripts.write(asked, kind, asker, cancellation)
        )
        if isinstance(made, Response):
            return made
        headers = {
            "Content-Disposition": disposition(made.name),
            "Content-Type": made.media_type,
            "Cache-Control": "no-cache",  # the rights to the files are those of now
        }
        return Response(made.content, headers=headers)

    async def tar(self, request: HttpRequest) -> Response:
        """The files in one tar, whole or in ranges."""
        form, asker = await self._asked(request)
        asked = read_request(form, self._limits)
        ready = await self._in_lane(request, lambda cancellation: self._tars.plan(asked, asker, cancellation))
        if isinstance(ready, Response):
            return ready
        if isinstance(ready, NothingOpen):
            raise self._door.identity.refusal(request, ready.why, scope=READ_ALL)
        handle = TarBytes(ready.planned, self._reader())
        headers = {
            "Content-Disposition": disposition(f"{ready.name}.tar"),
            "Cache-Control": "no-cache",  # the gate is asked each time; the ETag saves the bytes
        }
        threads = self._slow if ready.is_slow else None
        stored = Sendable(handle, handle.size, ready.planned.etag, None, "application/x-tar", threads)
        return send_stored(request, stored, headers)

    async def _asked(self, request: HttpRequest) -> tuple[Form, Asker]:
        """The parameters, and who asks. Raises ServiceError as `read_body`, and (400) for files."""
        door = self._door
        body = await read_body(request, door.body, door.place)
        for name in body.parts:
            body.parts.close()
            raise usage(f"{shortened(name)} came as a file.", "Send it as a parameter.")
        viewer, address = door.identity.viewer(request), door.addresses.of(request)
        return body.form, Asker(viewer, door.clock(), address, door.seconds, door.place)

    async def _in_lane(self, request: HttpRequest, work: Callable[[Cancellation], T]) -> T | Response:
        """What the work gives, done where queries are and within their limits; the answer to a client who has
        left instead. Raises what it raises, and as `Lane.answer`."""
        found: list[T] = []

        def pieces(cancellation: Cancellation) -> Generator[bytes, None, None]:
            found.append(work(cancellation))
            yield b"."  # so that it is known that it has been done

        client = self._door.identity.client(request)
        left = await self._door.lane.answer(request, client, pieces, {"Content-Type": "text/plain"})
        return found[0] if found else left
