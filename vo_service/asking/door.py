"""Synchronous queries over HTTP, of whatever service: its parameters become a query, whose bytes are sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response

from vo_service.asking.queries import Asker
from vo_service.asking.tables import Told
from vo_service.dali.addresses import Addresses
from vo_service.dali.errors import ServiceError
from vo_service.dali.forms import Body, read_body
from vo_service.dali.identity import Identity
from vo_service.dali.multipart import BodyLimits
from vo_service.dali.parameters import Form
from vo_service.dali.streams import Lane, Work
from vo_service.formats import Format


class Query(Protocol):
    """A query about to be answered, once."""

    @property
    def told(self) -> Told: ...

    @property
    def pieces(self) -> Work: ...


@dataclass(frozen=True, slots=True)
class Wish:
    """What a request wants: ``head`` where nothing but what stands in front of the rows."""

    form: Form
    format: Format
    asker: Asker
    head: bool


@dataclass(frozen=True, slots=True)
class Manners:
    """How a service reads a request, and tells what was wrong with it.

    ``format_of`` finds the format in the parameters, ``query_of`` makes the query; both raise ServiceError.
    ``refusal`` is the document of an error, in the shape of the format as far as that is known.
    """

    format_of: Callable[[Form], Format]
    query_of: Callable[[Wish], Query]
    refusal: Callable[[ServiceError, Format | None], Response]


@dataclass(frozen=True, slots=True)
class Door:
    """What the synchronous queries of a process share: addresses, sizes of bodies, seconds that an answer may
    take, a directory for what does not stay in memory, where they run, who asks, and the time."""

    addresses: Addresses
    body: BodyLimits
    seconds: float
    place: Path
    lane: Lane
    identity: Identity
    clock: Callable[[], datetime]

    async def answer(self, request: Request, manners: Manners) -> Response:
        """A query and its answer; errors in the format that was asked for."""
        format: Format | None = None
        try:
            body = await read_body(request, self.body, self.place)
            try:
                format = manners.format_of(body.form)
                return await self._answer(request, body, format, manners)
            except BaseException:
                body.parts.close()  # else whoever reads them does
                raise
        except ServiceError as error:
            return manners.refusal(error, format)

    async def _answer(self, request: Request, body: Body, format: Format, manners: Manners) -> Response:
        asker = Asker(
            viewer=self.identity.viewer(request),
            now=self.clock(),
            base_url=self.addresses.of(request),
            seconds=self.seconds,
            place=self.place,
            parts=body.parts,
        )
        query = manners.query_of(Wish(body.form, format, asker, request.method == "HEAD"))
        headers = {
            "Content-Type": format.media_type,
            "Content-Disposition": f"inline; filename=result.{format.extension}",
            "Cache-Control": "no-cache",  # the rows of tomorrow are others, and so may be the rights to them
        }
        client = self.identity.client(request)
        return await self.lane.answer(request, client, query.pieces, headers, lambda: query.told.length)
