"""The publishing registry over HTTP: ``/registry``, by GET and POST, and its VOSI documents."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from capabilities import availability
from capabilities.records import Archive
from capabilities.registry import registry_capabilities
from vo_service.dali.addresses import Addresses
from vo_service.dali.documents import document_reply
from vo_service.dali.errors import ErrorKind, ServiceError
from vo_service.dali.forms import read_pairs
from vo_service.registry.arguments import OaiRequest, read_request
from vo_service.registry.errors import OaiError
from vo_service.registry.publication import Publication
from vo_service.registry.resumption import Tokens
from vo_service.registry.verbs import Body, Repository, answer, envelope
from vo_service.store import StoreError
from vo_service.store.records import Records

PAGE: Final = 100
"""Records of one answer (REG-050)."""

_THREADS = 8  # requests at a time, apart from those of other services: they may have to wait for the holdings
_BODY_BYTES = 65536
_ARGUMENTS = 100
_NO_ADDRESS = "unknown@contact.invalid"  # the schema wants one; nothing is ever sent to .invalid

Pairs = list[tuple[str, str]]


class RegistryService:
    """The handlers of the registry, with what they need."""

    def __init__(
        self,
        records: Records,
        publication: Publication,
        tokens: Tokens,
        addresses: Addresses,
        clock: Callable[[], datetime],
        page: int,
    ) -> None:
        self._records = records
        self._publication = publication
        self._tokens = tokens
        self._addresses = addresses
        self._clock = clock
        self._page = page
        self._since = clock()
        self._threads = CapacityLimiter(_THREADS)
        self._looking = CapacityLimiter(1)  # whether records can be read is told even while all others wait

    def routes(self) -> list[Route]:
        """Where the handlers are mounted."""
        return [
            Route("/registry", self.harvest, methods=["GET", "POST"]),
            Route("/registry/capabilities", self.capabilities),
            Route("/registry/availability", self.availability),
        ]

    async def harvest(self, request: Request) -> Response:
        """A request of OAI-PMH; its errors are answers too (REG-006)."""
        sent = await _sent(request)
        address = self._addresses.of(request)
        try:
            content = await to_thread.run_sync(self._answer, sent, address, limiter=self._threads)
        except StoreError as error:
            raise ServiceError(ErrorKind.UNAVAILABLE, "The records cannot be read at present.") from error
        return Response(
            content, headers={"Content-Type": "text/xml; charset=utf-8", "Cache-Control": "no-cache"}
        )

    async def capabilities(self, request: Request) -> Response:
        """What the registry offers (REG-065)."""
        address = self._addresses.of(request)
        content = registry_capabilities(f"{address}/registry", self._page)
        return document_reply(request, content, self._since)

    async def availability(self, request: Request) -> Response:
        """Whether records can be read now (VOSI-020); always 200."""
        trouble = await to_thread.run_sync(self._trouble, limiter=self._looking)
        content = availability(not trouble, self._since, trouble)
        return Response(content, headers={"Content-Type": "text/xml", "Cache-Control": "no-store"})

    def _trouble(self) -> str:
        try:
            self._records.earliest()
        except StoreError:
            return "The records cannot be read at present."
        return ""

    def _answer(self, sent: Pairs | OaiError, address: str) -> bytes:
        """The document of one request. Raises CatalogueError."""
        archive = self._publication.refresh().archive
        # between writing and reading: what anybody writes later bears a later datestamp, so that a harvester
        # who asks from this moment on the next time misses nothing (REG-045)
        now = self._clock()
        repository = self._repository(archive, address, now)
        request: OaiRequest | None = None
        try:
            if isinstance(sent, OaiError):
                raise sent
            request = read_request(sent)
            body = answer(repository, request)
        except OaiError as error:
            shown = {} if error.hides_arguments or request is None else _shown(request)
            return envelope(repository.base_url, now, shown, _error(error))
        return envelope(repository.base_url, now, _shown(request), body)

    def _repository(self, archive: Archive, address: str, now: datetime) -> Repository:
        return Repository(
            self._records,
            self._tokens,
            self._page,
            name=f"Publishing registry of {archive.title}",
            email=archive.contact_email or _NO_ADDRESS,
            own=archive.ivoid("registry"),
            address=address,
            now=now,
        )


def _shown(request: OaiRequest) -> dict[str, str]:
    return {"verb": request.verb, **request.arguments}


def _error(error: OaiError) -> Body:
    return lambda document: document.leaf("oai:error", error.message, {"code": error.code})


async def _sent(request: Request) -> Pairs | OaiError:
    """The arguments of a request as they were written, or what is wrong with them.

    Raises ServiceError for a body that is too long or no form.
    """
    try:
        return await read_pairs(request, _BODY_BYTES, _ARGUMENTS)
    except ServiceError as error:
        if error.kind is not ErrorKind.USAGE:
            raise
        return OaiError("badArgument", error.message)
