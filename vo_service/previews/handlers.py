"""``/previews/{dataset_id}.png``, ``/previews/{dataset_id}/{kind}.png``: the gate first, then the picture."""

from __future__ import annotations

from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from vo_service.access import READ_ALL
from vo_service.dali.addresses import Addresses
from vo_service.dali.errors import ErrorKind, ServiceError
from vo_service.dali.identity import Identity
from vo_service.products.desk import Desk
from vo_service.products.pictures import PictureKind
from vo_service.products.shelf import Closed


class PreviewService:
    """The handlers of ``/previews``, with what they need."""

    def __init__(self, desk: Desk, identity: Identity, addresses: Addresses) -> None:
        self._desk = desk
        self._identity = identity
        self._addresses = addresses

    def routes(self) -> list[Route]:
        """Where the handlers are mounted."""
        return [
            Route("/previews/{name}.png", self.preview),
            Route("/previews/{name}/{kind}.png", self.picture),
        ]

    async def preview(self, request: Request) -> Response:
        """The picture of a data set."""
        return await self._send(request, PictureKind.PREVIEW)

    async def picture(self, request: Request) -> Response:
        """A picture of some kind. Raises ServiceError (404) for a kind that there is not."""
        kinds = [kind.value for kind in PictureKind]
        if request.path_params["kind"] not in kinds:
            raise ServiceError(
                ErrorKind.NOT_FOUND, "There is no such picture.", f"There are {', '.join(kinds)}."
            )
        return await self._send(request, PictureKind(request.path_params["kind"]))

    async def _send(self, request: Request, kind: PictureKind) -> Response:
        make = partial(
            self._desk.gallery.make,
            request.path_params["name"],
            kind,
            self._identity.viewer(request),
            self._addresses.of(request),
        )
        try:
            return await self._desk.answers.send(request, self._identity.client(request), make, "inline")
        except Closed as closed:
            raise self._identity.refusal(request, closed.why, scope=READ_ALL) from closed
