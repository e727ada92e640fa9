"""``/soda/sync``: one result of one data set, as the answer itself (SODA 1.0, section 5)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from anyio import to_thread
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from vo_service.access import READ_ALL, Viewer
from vo_service.dali.addresses import Addresses
from vo_service.dali.errors import usage
from vo_service.dali.forms import read_body
from vo_service.dali.identity import Identity
from vo_service.dali.multipart import BodyLimits
from vo_service.dali.parameters import MAXREC, Form
from vo_service.dali.replies import VOTABLE
from vo_service.dali.sending import header_text
from vo_service.dali.streams import Cancellation
from vo_service.products.desk import Desk
from vo_service.products.identifiers import dataset_of
from vo_service.products.results import Ready
from vo_service.products.selection import NoOverlap
from vo_service.products.shelf import Closed
from vo_service.products.workshop import Computing
from vo_service.soda.descriptors import self_description
from vo_service.soda.limits import limits_of
from vo_service.soda.parameters import ID
from vo_service.soda.request import Request, check_parameters, read_requests


class SyncHandler:
    """The handler of ``/soda/sync``, with what it needs."""

    def __init__(
        self,
        desk: Desk,
        identity: Identity,
        addresses: Addresses,
        authority: Callable[[], str],
        body: BodyLimits,
        place: Path,
    ) -> None:
        """``authority`` is that of the identifiers of data sets; it may block. ``place``: the directory where
        files of requests arrive."""
        self._desk = desk
        self._identity = identity
        self._addresses = addresses
        self._authority = authority
        self._body = body
        self._place = place

    def routes(self) -> list[Route]:
        """Where the handler is mounted."""
        return [Route("/soda/sync", self.sync, methods=["GET", "POST"])]

    async def sync(self, request: HttpRequest) -> Response:
        """One result; 204 where nothing of the data set is in what was asked for (SODA-050)."""
        try:
            form = await self._form(request)
            viewer, address = self._identity.viewer(request), self._addresses.of(request)
            check_parameters(form, "sync")
            if form.one(MAXREC) == 0:
                described = await to_thread.run_sync(self._describe, form, viewer, address)
                return Response(described, headers={"Content-Type": VOTABLE, "Cache-Control": "no-cache"})
            (asked,) = read_requests(form, "sync")
            make = partial(self._make, asked, viewer, address)
            return await self._desk.answers.send(request, self._identity.client(request), make)
        except NoOverlap as reason:
            headers = {"X-VO-Reason": header_text(str(reason)), "Cache-Control": "no-cache"}
            return Response(status_code=204, headers=headers)
        except Closed as closed:
            raise self._identity.refusal(request, closed.why, scope=READ_ALL) from closed

    async def _form(self, request: HttpRequest) -> Form:
        """The parameters. Raises ServiceError as `read_body`, and (400) for files that come with them."""
        body = await read_body(request, self._body, self._place)
        if body.parts and "UPLOAD" in body.form.values:
            body.parts.close()
            raise usage("UPLOAD makes one job of the rows of a table.", "Send it to /soda/async.")
        return body.parameters()

    def _make(
        self, asked: Request, viewer: Viewer, address: str, computing: Computing, cancellation: Cancellation
    ) -> Ready:
        found = self._desk.results.find(dataset_of(asked.id, self._authority()), viewer, address)
        return self._desk.results.make(found, asked.wanted, asked.media_type, viewer, computing, cancellation)

    def _describe(self, form: Form, viewer: Viewer, address: str) -> bytes:
        """What this address does, with the limits of the data set where one is named (DL-098). Raises
        ServiceError for one that there is not."""
        name = form.one(ID.at("sync"))
        if name is None:
            return self_description(address)
        found, view = self._desk.results.look_at(dataset_of(name, self._authority()), viewer, address)
        return self_description(address, limits_of(found, view))
