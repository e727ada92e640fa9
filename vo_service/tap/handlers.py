"""The TAP resources over HTTP: sync, tables, capabilities, availability (TAP 1.1, section 2)."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from capabilities import availability, table_document, tables_document
from tap_schema import Published
from vo_service.access import ANONYMOUS, Rights
from vo_service.dali.addresses import service_address
from vo_service.dali.current import Current
from vo_service.dali.documents import document_reply
from vo_service.dali.errors import ErrorKind, ServiceError, usage
from vo_service.dali.formats import wanted_format
from vo_service.dali.forms import read_form
from vo_service.dali.parameters import Form
from vo_service.dali.replies import table_reply
from vo_service.dali.streams import ClientGone, Pump, PumpedResponse, first_piece
from vo_service.engines import Engine, Limits
from vo_service.formats import Format
from vo_service.query import Context, ProbeLimits, Targets
from vo_service.tap.answers import Answering
from vo_service.tap.capabilities import TapFacts, describe
from vo_service.tap.health import Health
from vo_service.tap.parameters import TapRequest, read_request


@dataclass(frozen=True, slots=True)
class TapSettings:
    """What an operator sets of TAP: rows, seconds and bytes, as in `vo_service.settings`; and who knows names
    of sources that the holdings do not."""

    base_url: str | None
    trust_proxy: bool
    maxrec_default: int
    maxrec_hard: int
    body_bytes: int
    queue_seconds: float
    limits: Limits
    targets: Targets = field(default_factory=Targets)
    probes: ProbeLimits = field(default_factory=ProbeLimits)


class TapHandlers:
    """The handlers of one TAP service, with what they need."""

    def __init__(
        self,
        settings: TapSettings,
        published: Published,
        current: Current[Engine],
        rights: Rights,
        executor: Executor,
        clock: Callable[[], datetime],
        health: Health,
    ) -> None:
        self._settings = settings
        self._published = published
        self._current = current
        self._rights = rights
        self._executor = executor
        self._clock = clock
        self._health = health

    def routes(self) -> list[Route]:
        """Where the handlers are mounted."""
        return [
            Route("/tap/sync", self.sync, methods=["GET", "POST"]),
            Route("/tap/tables", self.tables),
            Route("/tap/tables/{name}", self.table),
            Route("/tap/capabilities", self.capabilities),
            Route("/tap/availability", self.availability),
        ]

    async def sync(self, request: Request) -> Response:
        """A query and its answer; errors in the format that was asked for."""
        format: Format | None = None
        try:
            form = await read_form(request, self._settings.body_bytes)
            format = wanted_format(form)
            return await self._answer(request, read_request(form, format))
        except ServiceError as error:
            return table_reply(error, format)

    async def _answer(self, request: Request, asked: TapRequest) -> Response:
        head = request.method == "HEAD"
        maxrec = 0 if head else min(self._wanted_rows(asked), self._settings.maxrec_hard)
        answering = Answering(asked, self._context(request), self._current, maxrec)
        pump = Pump(answering.pieces)
        pump.start(self._executor, self._settings.queue_seconds)
        try:
            first, last = await first_piece(pump, request)
        except ClientGone:
            return Response(status_code=499)  # nobody reads it; the number is for the log
        media_type = asked.format.media_type
        headers = {
            "Content-Type": media_type,
            "Content-Disposition": f"inline; filename=result.{asked.format.extension}",
        }
        if head:
            pump.close()
            return _without_body(headers)
        if last:
            return Response(first, headers=headers)
        return PumpedResponse(pump, first, media_type, headers)

    def _wanted_rows(self, asked: TapRequest) -> int:
        return self._settings.maxrec_default if asked.maxrec is None else asked.maxrec

    def _context(self, request: Request) -> Context:
        return Context(
            viewer=ANONYMOUS,
            now=self._clock(),
            base_url=self._address(request),
            limits=self._settings.limits,
            rights=self._rights,
            targets=self._settings.targets,
            probes=self._settings.probes,
        )

    def _address(self, request: Request) -> str:
        return service_address(request, self._settings.base_url, self._settings.trust_proxy)

    async def tables(self, request: Request) -> Response:
        """The VOSI tables document, whole or without columns (VOSI-031, VOSI-032)."""
        given = Form.of(request.query_params.multi_items()).values.get("DETAIL", ("max",))
        detail = given[0].lower()
        if detail == "min":
            content = tables_document(self._published, "min")
        elif detail == "max":
            content = tables_document(self._published, "max")
        else:
            raise usage("DETAIL is neither min nor max.")
        return await self._document(request, content)

    async def table(self, request: Request) -> Response:
        """One table in full (TAP-267)."""
        name = request.path_params["name"]
        for table in self._published.values():
            if table.adql_name.lower() == name.lower():
                return await self._document(request, table_document(table, self._published))
        raise ServiceError(ErrorKind.NOT_FOUND, "There is no table of this name; /tap/tables lists them.")

    async def capabilities(self, request: Request) -> Response:
        """What the service offers (TAP-280 to TAP-299)."""
        facts = TapFacts(
            self._settings.maxrec_default, self._settings.maxrec_hard, int(self._settings.limits.seconds)
        )
        return await self._document(request, describe(f"{self._address(request)}/tap", facts))

    async def _document(self, request: Request, content: bytes) -> Response:
        changed = await to_thread.run_sync(self._health.metadata_changed)
        return document_reply(request, content, changed)

    async def availability(self, request: Request) -> Response:
        """Whether queries can be answered now (VOSI-020, VOSI-021); always 200."""
        trouble = await to_thread.run_sync(self._health.trouble)
        content = availability(trouble is None, self._health.since, trouble or "")
        return Response(content, headers={"Content-Type": "text/xml", "Cache-Control": "no-store"})


def _without_body(headers: dict[str, str]) -> Response:
    """The answer to HEAD: the length of a query's answer is not known without making it."""
    response = Response(headers=headers)
    del response.headers["content-length"]
    return response
