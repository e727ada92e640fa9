"""The application of one server process: parts are built here once and handed in, nothing lives at import."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime
from functools import partial
from hashlib import blake2b
from pathlib import Path
from shutil import rmtree

from anyio import to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from tap_schema import published
from vo_service import __version__
from vo_service.access import Rights
from vo_service.dali.addresses import service_address
from vo_service.dali.current import Current
from vo_service.dali.edge import Edge
from vo_service.dali.errors import ErrorKind, ServiceError
from vo_service.dali.replies import answer_http_error, answer_service_error
from vo_service.engines import Engine, Engines, Limits, SnapshotNotLoaded, SnapshotOutdated
from vo_service.files.digests import Digests
from vo_service.files.handlers import FileService
from vo_service.query import ProbeLimits, Resolver, Targets
from vo_service.settings import Settings
from vo_service.store import Catalogue, Snapshot, Snapshots
from vo_service.store.processes import Process, is_dead, this_process
from vo_service.tap.handlers import TapHandlers, TapSettings
from vo_service.tap.health import Health

_BATCH_ROWS = 50_000
_SIGNPOST = f"""\
vo-service {__version__}, a Virtual Observatory service. It answers the Table Access Protocol (TAP) at
    {{address}}/tap
which is the address to give to TOPCAT, Aladin, pyvo and other clients. Beneath it:
    {{address}}/tap/capabilities   what the service offers
    {{address}}/tap/tables         tables and columns
    {{address}}/tap/sync           queries (LANG=ADQL, QUERY=...)
    {{address}}/tap/availability   whether it is up
"""


class Service:
    """The parts of one process, and the handlers that are made of them."""

    def __init__(self, settings: Settings, parts: ExitStack) -> None:
        limits = Limits(settings.query_seconds, _BATCH_ROWS)
        catalogue = Catalogue.open(settings.catalogue_address)
        parts.callback(catalogue.close)
        _sweep_spill(settings.home)
        snapshots = Snapshots(settings.home, catalogue)
        parts.callback(snapshots.close)
        engines = Engines(settings, catalogue, settings.home / "spill" / _spill_name(this_process()))
        self.current: Current[Engine] = Current(snapshots, partial(_engine_on, engines))
        parts.callback(self.current.close)
        executor = ThreadPoolExecutor(settings.queries, thread_name_prefix="query")
        parts.callback(executor.shutdown, wait=True, cancel_futures=True)
        digests = Digests(catalogue, settings.digest_bytes)
        parts.callback(digests.close)
        rights = Rights(unlisted_open=settings.unlisted == "open")
        self.health = Health(self.current, rights, limits, _now)
        self.tap = TapHandlers(
            TapSettings(
                base_url=settings.base_url,
                trust_proxy=settings.trust_proxy,
                maxrec_default=settings.maxrec_default,
                maxrec_hard=settings.maxrec_hard,
                body_bytes=settings.body_bytes,
                queue_seconds=settings.queue_seconds,
                limits=limits,
                targets=Targets(Resolver(settings.resolver_url) if settings.resolver_url else None),
                probes=ProbeLimits(settings.probe_rows, settings.probe_pairs),
            ),
            published(),
            self.current,
            rights,
            executor,
            _now,
            self.health,
        )
        self.files = FileService(
            self.current, catalogue, rights, digests, _now, settings.base_url, settings.trust_proxy
        )
        self._settings = settings

    async def healthz(self, request: Request) -> Response:
        """Whether this process can answer queries: 200 or 503."""
        trouble = await to_thread.run_sync(self.health.trouble)
        snapshot = await to_thread.run_sync(self.health.snapshot)
        state = {"status": "ok" if trouble is None else "failing", "snapshot": snapshot, "note": trouble}
        return JSONResponse(
            state, status_code=200 if trouble is None else 503, headers={"Cache-Control": "no-store"}
        )

    async def signpost(self, request: Request) -> Response:
        """Where to go on from an address that is no resource itself."""
        address = service_address(request, self._settings.base_url, self._settings.trust_proxy)
        return PlainTextResponse(_SIGNPOST.format(address=address), headers={"Cache-Control": "no-cache"})

    def routes(self) -> list[Route]:
        """All addresses of the service."""
        return [
            *self.tap.routes(),
            *self.files.routes(),
            Route("/healthz", self.healthz),
            Route("/", self.signpost),
            Route("/tap", self.signpost),
        ]


def create_app(settings: Settings) -> Starlette:
    """The application, with its parts open; they close when its lifespan ends (or by ``app.state.close()``).

    Raises StoreError where the catalogue cannot be opened.
    """
    with ExitStack() as parts:
        service = Service(settings, parts)
        closing = parts.pop_all()

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        try:
            await to_thread.run_sync(service.health.trouble)  # opens the engine before the first request
            yield
        finally:
            closing.close()

    app = Starlette(
        routes=service.routes(),
        middleware=[Middleware(Edge, software=f"vo-service/{__version__}")],
        exception_handlers={ServiceError: answer_service_error, HTTPException: answer_http_error},
        lifespan=lifespan,
    )
    app.state.service = service
    app.state.close = closing.close
    return app


def create_app_from_environment() -> Starlette:
    """The application with the settings of the environment (``uvicorn --factory``)."""
    return create_app(Settings.load())


@contextmanager
def _engine_on(engines: Engines, snapshot: Snapshot) -> Iterator[Engine]:
    """An engine on a snapshot. Raises ServiceError (503) while the snapshot is being loaded into it, and
    where another version of this software made it."""
    with ExitStack() as closing:
        try:
            engine = closing.enter_context(engines.on(snapshot))
        except SnapshotNotLoaded as error:
            raise ServiceError(
                ErrorKind.UNAVAILABLE, "The service is loading its data.", "Try again in a minute."
            ) from error
        except SnapshotOutdated as error:
            raise ServiceError(
                ErrorKind.UNAVAILABLE,
                f"The data (snapshot {snapshot.number}) were written by another version of this service.",
                "Its operator brings them up to date by starting it again.",
            ) from error
        yield engine


def _sweep_spill(home: Path) -> None:
    """Remove what killed processes of this machine left in HOME/spill; the engine removes its own."""
    spill = home / "spill"
    spill.mkdir(exist_ok=True)
    own = this_process()
    for place in spill.iterdir():
        host, _, rest = place.name.partition("-")
        pid, _, started = rest.partition("-")
        if host == _spill_name(own).partition("-")[0] and is_dead(Process(own.host, int(pid), int(started))):
            rmtree(place, ignore_errors=True)


def _spill_name(process: Process) -> str:
    host = blake2b(process.host.encode(), digest_size=6).hexdigest()
    return f"{host}-{process.pid}-{process.started}"


def _now() -> datetime:
    return datetime.now(UTC)
