"""Synchronous TAP queries over HTTP (TAP 1.1, section 2.1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from vo_service.dali.addresses import Addresses
from vo_service.dali.errors import ServiceError
from vo_service.dali.formats import wanted_format
from vo_service.dali.forms import Body, read_body
from vo_service.dali.identity import Identity
from vo_service.dali.multipart import BodyLimits
from vo_service.dali.replies import table_reply
from vo_service.dali.streams import Lane
from vo_service.formats import Format
from vo_service.tap.parameters import ReadRequest
from vo_service.tap.queries import Asker, TapQueries, metadata_only


@dataclass(frozen=True, slots=True)
class SyncDoor:
    """What an operator sets of synchronous queries: addresses, sizes of bodies, seconds that an answer may
    take, a directory for what does not stay in memory."""

    addresses: Addresses
    body: BodyLimits
    seconds: float
    place: Path


class SyncHandler:
    """The handler of ``/tap/sync``, with what it needs."""

    def __init__(
        self,
        door: SyncDoor,
        queries: TapQueries,
        read_request: ReadRequest,
        lane: Lane,
        identity: Identity,
        clock: Callable[[], datetime],
    ) -> None:
        self._door = door
        self._queries = queries
        self._read_request = read_request
        self._lane = lane
        self._identity = identity
        self._clock = clock

    def routes(self) -> list[Route]:
        """Where the handler is mounted."""
        return [Route("/tap/sync", self.sync, methods=["GET", "POST"])]

    async def sync(self, request: Request) -> Response:
        """A query and its answer; errors in the format that was asked for."""
        format: Format | None = None
        try:
            body = await read_body(request, self._door.body, self._door.place)
            try:
                format = wanted_format(body.form)
                return await self._answer(request, body, format)
            except BaseException:
                body.parts.close()  # else whoever reads them does
                raise
        except ServiceError as error:
            return table_reply(error, format)

    async def _answer(self, request: Request, body: Body, format: Format) -> Response:
        asked = self._read_request(body.form, format)
        asker = Asker(
            viewer=self._identity.viewer(request),
            now=self._clock(),
            base_url=self._door.addresses.of(request),
            seconds=self._door.seconds,
            place=self._door.place,
            parts=body.parts,
        )
        query = self._queries.query(metadata_only(asked) if request.method == "HEAD" else asked, asker)
        headers = {
            "Content-Type": format.media_type,
            "Content-Disposition": f"inline; filename=result.{format.extension}",
            "Cache-Control": "no-cache",  # the rows of tomorrow are others, and so may be the rights to them
        }
        client = self._identity.client(request)
        return await self._lane.answer(request, client, query.pieces, headers, lambda: query.told.length)
