"""The publishing registry over HTTP: ``/registry``, by GET and POST, and its VOSI documents."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import parse_qsl

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from capabilities import availability
from capabilities.records import Archive
from capabilities.registry import registry_capabilities
from vo_service.dali.addresses import service_address
from vo_service.dali.documents import document_reply
from vo_service.dali.errors import ErrorKind, ServiceError
from vo_service.dali.forms import URLENCODED
from vo_service.registry.arguments import OaiRequest, read_request
from vo_service.registry.errors import OaiError
from vo_service.registry.publication import Publication
from vo_service.registry.resumption import Tokens
from vo_service.registry.verbs import Body, Repository, answer, envelope
from vo_service.store import StoreError
from vo_service.store.records import Records

PAGE: Final = 100
"""Records of one answer (REG-050)."""

_BODY_BYTES = 65536
_ARGUMENTS = 100
_NO_ADDRESS = "unknown@contact.invalid"  # the schema wants one; nothing is ever sent to .invalid


@dataclass(frozen=True, slots=True)
class RegistryDoor:
    """What an operator sets: addresses as in `addresses.service_address`."""

    base_url: str | None
    trust_proxy: bool


class RegistryService:
    """The handlers of the registry, with what they need."""

    def __init__(
        self,
        records: Records,
        publication: Publication,
        tokens: Tokens,
        door: RegistryDoor,
        clock: Callable[[], datetime],
        page: int = PAGE,
    ) -> None:
        self._records = records
        self._publication = publication
        self._tokens = tokens
        self._door = door
        self._clock = clock
        self._page = page
        self._since = clock()

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
        address = service_address(request, self._door.base_url, self._door.trust_proxy)
        try:
            content = await to_thread.run_sync(self._answer, sent, address)
        except StoreError as error:
            raise ServiceError(ErrorKind.UNAVAILABLE, "The records cannot be read at present.") from error
        return Response(
            content, headers={"Content-Type": "text/xml; charset=utf-8", "Cache-Control": "no-cache"}
        )

    async def capabilities(self, request: Request) -> Response:
        """What the registry offers (REG-065)."""
        address = service_address(request, self._door.base_url, self._door.trust_proxy)
        content = registry_capabilities(f"{address}/registry", self._page)
        return document_reply(request, content, self._since)

    async def availability(self, request: Request) -> Response:
        """Whether records can be read now (VOSI-020); always 200."""
        trouble = await to_thread.run_sync(self._trouble)
        content = availability(not trouble, self._since, trouble)
        return Response(content, headers={"Content-Type": "text/xml", "Cache-Control": "no-store"})

    def _trouble(self) -> str:
        try:
            self._records.earliest()
        except StoreError:
            return "The records cannot be read at present."
        return ""

    def _answer(self, sent: list[bytes], address: str) -> bytes:
        """The document of one request. Raises CatalogueError."""
        archive = self._publication.refresh().archive
        # between writing and reading: what anybody writes later bears a later datestamp, so that a harvester
        # who asks from this moment on the next time misses nothing (REG-045)
        now = self._clock()
        repository = self._repository(archive, address, now)
        request: OaiRequest | None = None
        try:
            request = read_request(_pairs(sent))
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


async def _sent(request: Request) -> list[bytes]:
    """The query string of a request, and its body where it is a form.

    Raises ServiceError for a body that is too long or no form.
    """
    content = [request.scope["query_string"]]
    if request.method == "POST":
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in (URLENCODED, ""):
            raise ServiceError(
                ErrorKind.BODY_TYPE, f"A body of type {kind!r} cannot be read.", f"Send {URLENCODED}."
            )
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > _BODY_BYTES:
                raise ServiceError(
                    ErrorKind.BODY_TOO_LARGE, f"The request's body is above {_BODY_BYTES} bytes."
                )
        content.append(body)
    return content


def _pairs(sent: list[bytes]) -> list[tuple[str, str]]:
    """The name=value pairs of a request, in the case they were written in. Raises OaiError."""
    try:
        return [pair for part in sent for pair in _parsed(part.decode("utf-8"))]
    except UnicodeDecodeError as error:
        raise OaiError("badArgument", "The arguments are not UTF-8 text.") from error


def _parsed(text: str) -> list[tuple[str, str]]:
    if text.count("&") >= _ARGUMENTS:
        raise OaiError("badArgument", f"There are more than {_ARGUMENTS} arguments; no verb takes that many.")
    return parse_qsl(text, keep_blank_values=True, errors="strict")
