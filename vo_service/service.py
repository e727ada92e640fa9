"""The parts of one server process: built here once and handed in, nothing lives at import."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from hashlib import blake2b
from pathlib import Path
from secrets import token_hex
from shutil import rmtree
from tempfile import mkdtemp

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from vo_service import __version__
from vo_service.access import Rights
from vo_service.access.tokens import Tokens
from vo_service.dali.addresses import Addresses
from vo_service.dali.admission import Admission, AdmissionLimits
from vo_service.dali.current import Current
from vo_service.dali.errors import ServiceAway
from vo_service.dali.identity import AuthPolicy, Identity
from vo_service.dali.login import Login
from vo_service.dali.metrics import COUNTERS, Metrics
from vo_service.dali.metrics_door import MetricsDoor
from vo_service.dali.multipart import BodyLimits
from vo_service.dali.signpost import signpost_page
from vo_service.dali.streams import Lane, SpoolLimits, SpoolRoom, Turns
from vo_service.dali.uws.handlers import JobDoor, JobHandlers
from vo_service.dali.uws.health import JobHealth
from vo_service.dali.uws.runner import JobRunner
from vo_service.engines import Engine, Engines, Limits, SnapshotNotLoaded, SnapshotOutdated
from vo_service.files.handlers import FileService
from vo_service.previews.handlers import PreviewService
from vo_service.products.desk import Desk, open_desk
from vo_service.products.digests import Digests
from vo_service.products.shelf import Shelf
from vo_service.registry.coverage import Asking
from vo_service.registry.service import open_registry
from vo_service.settings import Settings
from vo_service.soda.descriptors import row_services
from vo_service.soda.examples import HoldingsExamples
from vo_service.soda.service import Soda
from vo_service.soda.service import Surroundings as SodaSurroundings
from vo_service.store import Catalogue, Snapshot, Snapshots, StoreError
from vo_service.store.board import Board
from vo_service.store.job_files import JobFiles
from vo_service.store.jobs import JobQuota
from vo_service.store.processes import Process, is_dead, this_process
from vo_service.store.tokens import TokenTable
from vo_service.tap.health import Health
from vo_service.tap.readiness import Readiness
from vo_service.tap.service import Surroundings, Tap

_JOB_BUSY_SECONDS = 5  # who asks for a job hears of a locked database soon
_BATCH_ROWS = 8_192  # the first of them leave as soon as they are there
_SALT = "client_salt"
_PLACES = (
    ("/tap/sync", "queries: LANG=ADQL, QUERY=..."),
    ("/tap/async", "the same as jobs, for those that take long"),
    ("/tap/examples", "queries to start from"),
    ("/tap/tables", "tables and columns"),
    ("/tap/capabilities", "what the service offers"),
    ("/tap/availability", "whether it is up"),
    ("/soda/sync", "cut-outs: ID=..., CIRCLE=..., BAND=..., LINE=..., MOMENT=..."),
    ("/soda/async", "many of them as one job"),
    ("/soda/capabilities", "what they offer"),
    ("/registry?verb=Identify", "records of the services, for registries (OAI-PMH)"),
)


class Service:
    """The parts of one process, and the handlers that are made of them."""

    def __init__(self, settings: Settings, parts: ExitStack) -> None:
        self._settings = settings
        self._addresses = Addresses(settings.base_url, settings.trust_proxy)
        catalogue = Catalogue.open(settings.catalogue_address, home=settings.home)
        parts.callback(catalogue.close)
        _sweep_spill(settings.home)
        snapshots = Snapshots(settings.home, catalogue)
        parts.callback(snapshots.close)
        shared = _open_process_place(settings.home, parts)
        place = _open_place(shared, parts)
        board = Board(settings.home / "spill" / f"board.{_host_name(this_process())}", COUNTERS)
        parts.callback(board.close)
        self.metrics = Metrics(board)
        engines = Engines(settings, catalogue, shared, self.metrics)
        self.current: Current[Engine] = Current(snapshots, partial(_engine_on, engines))
        parts.callback(self.current.close)
        self._rights = Rights(unlisted_open=settings.unlisted == "open")
        self._query_limits = Limits(settings.query_seconds, _BATCH_ROWS)
        self.health = Health(self.current, self._rights, self._query_limits, _now)
        tokens = TokenTable(catalogue)
        self.tokens = Tokens(tokens, _now)
        self.identity = Identity(_auth_policy(settings, catalogue), self.tokens)
        self.login = Login(self.identity, tokens, _now, place)
        self._readiness = Readiness(self.health.look_again)
        parts.callback(self._readiness.close)
        self.tap = self._open_tap(board, place, parts)
        job_catalogue = Catalogue.open(settings.catalogue_address, _JOB_BUSY_SECONDS, settings.home)
        parts.callback(job_catalogue.close)
        self.registry = open_registry(
            settings,
            self.current,
            Asking(self._rights, self._query_limits, _now),
            job_catalogue,
            self.tap.described,
            self._addresses,
        )
        self.shelf = Shelf(self.current, catalogue, self._rights, _now)
        self.files = self._open_files(catalogue, parts)
        desk = open_desk(settings, self.shelf, board, parts)
        self.soda = self._open_soda(desk, catalogue, place)
        self.previews = PreviewService(desk, self.identity, self._addresses)
        self.jobs = self._open_jobs(job_catalogue, parts)
        door = JobDoor(
            self._addresses,
            BodyLimits(settings.body_bytes, settings.upload_bytes),
            place,
        )
        self._job_doors = [
            JobHandlers(service, self.jobs, self.identity, door, _now)
            for service in (self.tap.jobs, self.soda.jobs)
        ]
        self.figures = MetricsDoor(self.metrics, settings.metrics, self._known)

    def _open_tap(self, board: Board, place: Path, parts: ExitStack) -> Tap:
        """TAP, and the threads that its queries run in."""
        settings = self._settings
        readers = ThreadPoolExecutor(settings.queries + settings.job_slots, thread_name_prefix="read")
        parts.callback(readers.shutdown, wait=False)
        executor = ThreadPoolExecutor(settings.queries, thread_name_prefix="query")
        parts.callback(executor.shutdown, wait=True, cancel_futures=True)
        around = Surroundings(
            self.current,
            self._rights,
            _lane(settings, executor, board, self.metrics),
            self.identity,
            self.tokens,
            self.health,
            _BATCH_ROWS,
            place,
            _now,
            self.metrics.query,
            readers,
            self._readiness,
            self._addresses,
            row_services,
        )
        return Tap(settings, around)

    def _open_files(self, catalogue: Catalogue, parts: ExitStack) -> FileService:
        """The files of products."""
        digests = Digests(catalogue, self._settings.digest_bytes)
        parts.callback(digests.close)
        return FileService(self.shelf, digests, self.identity, self._addresses)

    def _open_soda(self, desk: Desk, catalogue: Catalogue, place: Path) -> Soda:
        """Cut-outs."""
        authority = _Authority(catalogue, self._settings)
        return Soda(
            self._settings,
            SodaSurroundings(
                desk,
                self.identity,
                self.tokens,
                self._addresses,
                authority.name,
                place,
                self.health,
                HoldingsExamples(self.current, self._rights, self._query_limits, _now),
                _now,
            ),
        )

    def _open_jobs(self, catalogue: Catalogue, parts: ExitStack) -> JobRunner:
        """Who runs the jobs of this process; it is stopped before anything that jobs need is closed."""
        settings = self._settings
        directory = settings.jobs_directory or settings.home / "jobs"
        runner = JobRunner(
            catalogue,
            JobFiles(directory),
            [self.tap.jobs, self.soda.jobs],
            settings.job_slots,
            JobQuota(settings.jobs_per_client, settings.jobs_kept_per_client, settings.job_bytes_per_client),
            _now,
        )
        parts.callback(runner.stop)
        self.health.watch(JobHealth(runner.jobs, directory).notes)
        return runner

    def _known(self) -> Mapping[str, tuple[str, Mapping[str, float]]]:
        """Figures that are read where they are kept: the snapshot, and the jobs by phase."""
        number = self.health.snapshot()
        answers = 1.0
        try:
            counts = self.jobs.jobs.counts()
        except StoreError:
            counts, answers = {}, 0.0
        jobs = {
            f'{{service="{name}",phase="{phase}"}}': float(count) for (name, phase), count in counts.items()
        }
        return {
            "snapshot": ("Number of the snapshot that answers.", {"": float(number or 0)}),
            "jobs": ("Asynchronous jobs.", jobs),
            "catalogue_answers": ("Whether the catalogue database answers.", {"": answers}),
        }

    def start(self) -> None:
        """Open the engine before the first request, and begin to take jobs. May block."""
        if self.health.trouble() is not None:
            self._readiness.doubt()
        self.jobs.start()

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
        address = self._addresses.of(request)
        page = signpost_page(address, f"vo-service {__version__}", f"{address}/tap", _PLACES)
        return HTMLResponse(page, headers={"Cache-Control": "no-cache"})

    def routes(self) -> list[Route]:
        """All addresses of the service."""
        return [
            *self.tap.routes(),
            *(route for door in self._job_doors for route in door.routes()),
            *self.files.routes(),
            *self.soda.routes(),
            *self.previews.routes(),
            *self.registry.routes(),
            *self.figures.routes(),
            *self.login.routes(),
            Route("/healthz", self.healthz),
            Route("/", self.signpost),
            Route("/tap", self.signpost),
            Route("/soda", self.signpost),
        ]


class _Authority:
    """The authority of the identifiers of data sets: fixed at the first ingest."""

    def __init__(self, catalogue: Catalogue, settings: Settings) -> None:
        self._catalogue = catalogue
        self._wanted = settings.authority
        self._fixed: str | None = None

    def name(self) -> str:
        """The authority. May block."""
        if self._fixed is None:
            with suppress(StoreError):
                self._fixed = self._catalogue.find_setting("authority")
        return self._fixed or self._wanted


def _open_process_place(home: Path, parts: ExitStack) -> Path:
    """The directory of this process for files that do not last: of the engine, and of its applications.

    Engines of one process on one file share its configuration, this directory among it.
    """
    shared = home / "spill" / _spill_name(this_process())
    shared.mkdir(mode=0o700, exist_ok=True)
    parts.callback(_remove_if_empty, shared)
    return shared


def _open_place(shared: Path, parts: ExitStack) -> Path:
    """A directory of this application alone, below that of its process."""
    place = Path(mkdtemp(dir=shared))
    parts.callback(rmtree, place, ignore_errors=True)
    return place


def _auth_policy(settings: Settings, catalogue: Catalogue) -> AuthPolicy:
    """How callers are told apart; all processes of a catalogue make the same hashes of them."""
    return AuthPolicy(
        settings.auth,
        settings.challenges,
        settings.plain_http_tokens,
        settings.trust_proxy,
        salt=catalogue.settled(_SALT, token_hex(16)),
    )


def _lane(settings: Settings, executor: Executor, board: Board, metrics: Metrics) -> Lane:
    """Where synchronous queries run."""
    limits = SpoolLimits(
        file_bytes=settings.spool_bytes,
        total_bytes=settings.spool_total_bytes,
        stall_seconds=settings.stall_seconds,
    )
    admission = Admission(
        board,
        AdmissionLimits(settings.queries_per_client, settings.queries, settings.queries_queued),
        metrics.opened,
    )
    room = SpoolRoom(settings.home / "spill", limits, metrics.spooled)
    return Lane(
        Turns(executor, settings.queries), room, admission, settings.queue_seconds, metrics.first_byte
    )


@contextmanager
def _engine_on(engines: Engines, snapshot: Snapshot) -> Iterator[Engine]:
    """An engine on a snapshot. Raises ServiceError (503) while the snapshot is being loaded into it, and
    where another version of this software made it."""
    with ExitStack() as closing:
        try:
            engine = closing.enter_context(engines.on(snapshot))
        except SnapshotNotLoaded as error:
            raise ServiceAway("The service is loading its data.", "Try again in a minute.") from error
        except SnapshotOutdated as error:
            raise ServiceAway(
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
        if host != _host_name(own):
            continue
        pid, started, *_ = rest.split("-")
        if is_dead(Process(own.host, int(pid), int(started))):
            rmtree(place, ignore_errors=True)


def _spill_name(process: Process) -> str:
    return f"{_host_name(process)}-{process.pid}-{process.started}"


def _remove_if_empty(place: Path) -> None:
    """Remove a directory that several applications of one process share, once nothing is left in it."""
    with suppress(OSError):
        place.rmdir()


def _host_name(process: Process) -> str:
    return blake2b(process.host.encode(), digest_size=6).hexdigest()


def _now() -> datetime:
    return datetime.now(UTC)
