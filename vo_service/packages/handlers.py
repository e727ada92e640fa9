"""``/packages/list``, ``/packages/script``, ``/packages/tar``: many files at a time, as the ALMA archive's
request handler gives them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import replace
from typing import Final, TypeVar

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from vo_service.access import READ_ALL
from vo_service.asking.door import Door, Manners
from vo_service.asking.queries import Asker
from vo_service.dali.errors import ErrorKind, ServiceError
from vo_service.dali.formats import wanted_format
from vo_service.dali.forms import read_body
from vo_service.dali.leaving import client_left
from vo_service.dali.parameters import Form
from vo_service.dali.replies import table_reply
from vo_service.dali.sending import Sendable, disposition, send_stored
from vo_service.dali.streams import Cancellation
from vo_service.packages.listing import Listing
from vo_service.packages.request import FORM, read_request
from vo_service.packages.scripts import Scripts
from vo_service.packages.tar_bytes import TarBytes
from vo_service.packages.tars import Begun, NothingOpen, ReadyTar, Tars
from vo_service.products.reading import FileReader

T = TypeVar("T")

_OTHER_VALUES: Final = 1000  # of parameters beside identifiers
_READERS: Final = 16  # threads for tars whose files are fetched or unpacked
_DIGESTERS: Final = 2  # that read whole files for some digests of them
_ASKERS: Final = 16  # that wait for the answers of other servers, before a tar begins
_PLANNERS: Final = 4  # of tars of which all files are here


class PackageHandlers:
    """The handlers, with what they need."""

    def __init__(
        self,
        door: Door,
        listing: Listing,
        scripts: Scripts,
        tars: Tars,
        reader: Callable[[Mapping[str, str]], FileReader],
    ) -> None:
        limits = listing.packer.limits
        values = limits.identifiers + _OTHER_VALUES
        self._door = replace(door, body=replace(door.body, values=values))
        self._scripts = scripts
        self._tars = tars
        self._reader = reader
        self._limits = limits
        self._slow = CapacityLimiter(_READERS)
        self._digesting = CapacityLimiter(_DIGESTERS)
        self._asking = CapacityLimiter(_ASKERS)
        self._planning = CapacityLimiter(_PLANNERS)
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
        until = time.monotonic() + asker.seconds
        begun = await self._in_lane(
            request, lambda cancellation: self._tars.begin(asked, asker, cancellation)
        )
        if isinstance(begun, Response):
            return begun
        if isinstance(begun, NothingOpen):
            raise self._door.identity.refusal(request, begun.why, scope=READ_ALL)
        ready = await self._planned(request, begun, until)
        if asked.tag is not None and asked.tag != ready.planned.etag.strip('"'):
            raise _other_state(ready)
        handle = TarBytes(ready.planned, self._reader(ready.digests))
        headers = {
            "Content-Disposition": disposition(f"{ready.name}.tar"),
            "Cache-Control": "no-cache",  # the gate is asked each time; the ETag saves the bytes
        }
        usual = self._slow if ready.is_slow else None

        def threads(offset: int, length: int) -> CapacityLimiter | None:
            return self._digesting if handle.may_take_long(offset, length) else usual

        stored = Sendable(handle, handle.size, ready.planned.etag, None, "application/x-tar", threads)
        return send_stored(request, stored, headers, range_methods=("GET", "POST"))

    async def _asked(self, request: HttpRequest) -> tuple[Form, Asker]:
        """The parameters, and who asks. Raises ServiceError as `read_body`, and (400) for files."""
        door = self._door
        body = await read_body(request, door.body, door.place)
        viewer, address = door.identity.viewer(request), door.addresses.of(request)
        return body.parameters(), Asker(viewer, door.clock(), address, door.seconds, door.place)

    async def _planned(self, request: HttpRequest, begun: Begun, until: float) -> ReadyTar:
        """The tar, planned where no query waits for it; a client who has left makes an end of it."""
        cancellation = Cancellation()

        async def watch() -> None:
            await client_left(request.receive)
            cancellation.cancel()

        watching = asyncio.create_task(watch())
        threads = self._asking if begun.far else self._planning
        try:
            return await to_thread.run_sync(self._tars.plan, begun, until, cancellation, limiter=threads)
        finally:
            cancellation.cancel()
            watching.cancel()

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


def _other_state(ready: ReadyTar) -> ServiceError:
    return ServiceError(
        ErrorKind.CONFLICT,
        f"The package is in another state than TAG says: now its entity tag is {ready.planned.etag}.",
        "What was fetched of the former state cannot be gone on with: begin anew.",
    )
