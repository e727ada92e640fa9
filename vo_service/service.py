"""The parts of one server process: built here once and handed in, nothing lives at import."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from secrets import token_hex

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from capabilities.records import DataService, data_services
from vo_service import __version__
from vo_service.access import Rights
from vo_service.access.tokens import Tokens
from vo_service.asking.door import Door
from vo_service.asking.opening import BATCH_ROWS, open_door, open_lane, open_queries, open_uploads
from vo_service.asking.queries import Queries
from vo_service.cone.service import Cone
from vo_service.cone.service import Surroundings as ConeSurroundings
from vo_service.dali.addresses import Addresses
from vo_service.dali.current import Current
from vo_service.dali.errors import ServiceAway
from vo_service.dali.identity import AuthPolicy, Identity
from vo_service.dali.login import Login
from vo_service.dali.metrics import COUNTERS, Metrics
from vo_service.dali.metrics_door import MetricsDoor
from vo_service.dali.signpost import signpost_page
from vo_service.dali.uws.handlers import JobDoor, JobHandlers
from vo_service.dali.uws.health import JobHealth
from vo_service.dali.uws.runner import JobRunner
from vo_service.datalink.descriptions import row_services as link_services
from vo_service.datalink.service import DataLink
from vo_service.datalink.service import Surroundings as LinkSurroundings
from vo_service.datalink.services import Cuts
from vo_service.engines import Engine, Engines, Limits, SnapshotNotLoaded, SnapshotOutdated
from vo_service.files.handlers import FileService
from vo_service.moc.built_maps import open_built_maps
from vo_service.moc.maps import CoverageMaps
from vo_service.moc.maps import Surroundings as MapSurroundings
from vo_service.moc.search import MocSearch
from vo_service.moc.search import Surroundings as SearchSurroundings
from vo_service.packages.service import Packages
from vo_service.packages.service import Surroundings as PackageSurroundings
from vo_service.previews.handlers import PreviewService
from vo_service.products.authority import Authority
from vo_service.products.desk import Desk, open_desk
from vo_service.products.digests import Digests
from vo_service.products.shelf import Shelf
from vo_service.registry.coverage import Asking
from vo_service.registry.service import open_registry
from vo_service.settings import Settings
from vo_service.sia.service import Sia
from vo_service.sia.service import Surroundings as SiaSurroundings
from vo_service.soda.descriptors import own_descriptors as own_cuts
from vo_service.soda.descriptors import row_services as cut_services
from vo_service.soda.descriptors import shared_descriptors
from vo_service.soda.examples import HoldingsExamples
from vo_service.soda.service import Soda
from vo_service.soda.service import Surroundings as SodaSurroundings
from vo_service.spill import host_name, open_place, open_process_place, sweep_spill
from vo_service.store import Catalogue, Snapshot, Snapshots, StoreError
from vo_service.store.board import Board
from vo_service.store.job_files import JobFiles
from vo_service.store.jobs import JobQuota
from vo_service.store.processes import this_process
from vo_service.store.tokens import TokenTable
from vo_service.tap.health import Health
from vo_service.tap.readiness import Readiness
from vo_service.tap.service import Surroundings, Tap
from vo_service.trees.handlers import TreeService
from vo_service.trees.service import Surroundings as TreeSurroundings
from vo_service.trees.service import open_trees

_JOB_BUSY_SECONDS = 5  # who asks for a job hears of a locked database soon
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
    ("/sia2/query", "images and cubes by position, band, time, resolution: POS=CIRCLE ..., BAND=..."),
    (
        "/cone/ivoa.obscore/capabilities",
        "tables by position, /cone/{schema.table}: RA=..., DEC=..., SR=...",
    ),
    ("/hips", "images of the sky as trees of tiles (HiPS); /hips/hipslist for programs"),
    ("/moc", "maps of where the archive has looked, by band, year, project and data set (MOC)"),
    ("/moc/capabilities", "data sets that meet a map of the sky, /moc/search: MOC=..., or a file by POST"),
    ("/datalink/sync", "what belongs to a data set: ID=..."),
    (
        "/packages/list?QUERY=SELECT+TOP+5+dataset_id+FROM+ivoa.obscore",
        "files of many data sets with sizes and digests: ID=..., QUERY=...; /packages/script and tar",
    ),
    ("/registry?verb=Identify", "records of the services, for registries (OAI-PMH)"),
)


class Service:
    """The parts of one process, and the handlers that are made of them."""

    def __init__(self, settings: Settings, parts: ExitStack) -> None:
        self._settings = settings
        self._addresses = Addresses(settings.base_url, settings.trust_proxy)
        catalogue = Catalogue.open(settings.catalogue_address, home=settings.home)
        parts.callback(catalogue.close)
        sweep_spill(settings.home)
        snapshots = Snapshots(settings.home, catalogue)
        parts.callback(snapshots.close)
        shared = open_process_place(settings.home, parts)
        place = open_place(shared, parts)
        board = Board(settings.home / "spill" / f"board.{host_name(this_process())}", COUNTERS)
        parts.callback(board.close)
        self.metrics = Metrics(board)
        engines = Engines(settings, catalogue, shared, self.metrics)
        self.current: Current[Engine] = Current(snapshots, partial(_engine_on, engines))
        parts.callback(self.current.close)
        self._rights = Rights(unlisted_open=settings.unlisted == "open")
        self._query_limits = Limits(settings.query_seconds, BATCH_ROWS)
        self.health = Health(self.current, self._rights, self._query_limits, _now)
        tokens = TokenTable(catalogue)
        self.tokens = Tokens(tokens, _now)
        self.identity = Identity(_auth_policy(settings, catalogue), self.tokens)
        self.login = Login(self.identity, tokens, _now, place)
        self._readiness = Readiness(self.health.look_again)
        parts.callback(self._readiness.close)
        lane = open_lane(settings, board, self.metrics, parts)
        door = open_door(settings, self._addresses, self.identity, _now, lane, place)
        queries = open_queries(settings, self.current, self._rights, self.metrics, _row_services, parts)
        self.tap = Tap(settings, Surroundings(queries, door, self.tokens, self.health, self._readiness))
        job_catalogue = Catalogue.open(settings.catalogue_address, _JOB_BUSY_SECONDS, settings.home)
        parts.callback(job_catalogue.close)
        self._authority = Authority(catalogue, settings.authority)
        self.shelf = Shelf(self.current, catalogue, self._rights, _now)
        digests = Digests(catalogue, settings.digest_bytes)
        parts.callback(digests.close)
        self.files = FileService(self.shelf, digests, self.identity, self._addresses)
        desk = open_desk(settings, self.shelf, board, parts)
        self._cones = Cone(ConeSurroundings(queries, door, self.health))
        self._maps = open_built_maps(
            settings.home,
            self.current,
            snapshots.current_number,
            self._rights,
            _now,
            self._authority.name,
        )
        self._discovery = self._open_discovery(queries, door, desk, digests, parts)
        self.trees = self._open_trees(desk, snapshots.current_number)
        self.registry = open_registry(
            settings,
            self.current,
            Asking(self._rights, self._query_limits, _now),
            job_catalogue,
            self.tap.described,
            self._described,
            self._addresses,
            maps=self._maps.whole,
        )
        self.soda = self._open_soda(desk, place, queries)
        self.previews = PreviewService(desk, self.identity, self._addresses)
        self.jobs = self._open_jobs(job_catalogue, parts)
        job_door = JobDoor(self._addresses, door.body, place)
        self._job_doors = [
            JobHandlers(service, self.jobs, self.identity, job_door, _now)
            for service in (self.tap.jobs, self.soda.jobs)
        ]
        self.figures = MetricsDoor(self.metrics, settings.metrics, self._known)

    def _open_trees(self, desk: Desk, newest: Callable[[], int | None]) -> TreeService:
        """Tile trees: those that are built, and those of single data sets, which the desk makes."""
        around = TreeSurroundings(
            self.current,
            newest,
            self._rights,
            _now,
            self._addresses,
            self.shelf,
            desk,
            self.identity,
            self._authority,
        )
        return open_trees(self._settings, around)

    def _open_discovery(
        self, queries: Queries, door: Door, desk: Desk, digests: Digests, parts: ExitStack
    ) -> list[Route]:
        """The addresses of the services that lead to data sets, and to what belongs to them."""
        settings, health, rights = self._settings, self.health, self._rights
        maps = open_uploads(settings, door.place, 1)
        images = Sia(SiaSurroundings(queries, door, health, self._authority.name, maps))
        examples = HoldingsExamples(self.current, rights, self._query_limits, _now)
        links = DataLink(
            LinkSurroundings(
                self.shelf,
                desk,
                rights,
                door,
                health,
                self._authority,
                Cuts(own_cuts, shared_descriptors),
                examples,
                settings.hips_plane_pixels,
            ),
        )
        self._map_search = MocSearch(SearchSurroundings(queries, door, health, self._authority.name, maps))
        coverage = CoverageMaps(
            MapSurroundings(queries, door, self.shelf, self._authority.name, maps, settings.moc_footprints),
            self._maps,
        )
        packages = Packages(
            settings, PackageSurroundings(queries, self.shelf, digests, rights, door, self._authority)
        )
        parts.callback(packages.close)
        found = (images, self._cones, self._map_search, coverage, links, packages)
        return [route for each in found for route in each.routes()]

    def _described(self, address: str) -> tuple[DataService, ...]:
        """What the services beside TAP at a base address say of themselves. May block."""
        cones, login = self._cones.described(address), self.identity.declared()
        maps = self._map_search.described(f"{address}/moc", login)
        return (*data_services(address, login, cones, maps), *self.trees.described(address, login))

    def _open_soda(self, desk: Desk, place: Path, queries: Queries) -> Soda:
        """Cut-outs."""
        return Soda(
            self._settings,
            SodaSurroundings(
                desk,
                self.identity,
                self.tokens,
                self._addresses,
                self._authority.name,
                place,
                self.health,
                HoldingsExamples(self.current, self._rights, self._query_limits, _now),
                _now,
                self.shelf,
                queries,
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
            *self._discovery,
            *self.trees.routes(),
            *self.registry.routes(),
            *self.figures.routes(),
            *self.login.routes(),
            Route("/healthz", self.healthz),
            Route("/", self.signpost),
            Route("/tap", self.signpost),
            Route("/soda", self.signpost),
        ]


def _row_services(address: str, field_id: str) -> tuple[bytes, ...]:
    """The descriptors behind any table whose rows name data sets: their links, their cut-outs."""
    return (*link_services(address, field_id), *cut_services(address, field_id))


def _auth_policy(settings: Settings, catalogue: Catalogue) -> AuthPolicy:
    """How callers are told apart; all processes of a catalogue make the same hashes of them."""
    return AuthPolicy(
        settings.auth,
        settings.challenges,
        settings.plain_http_tokens,
        settings.trust_proxy,
        salt=catalogue.settled(_SALT, token_hex(16)),
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


def _now() -> datetime:
    return datetime.now(UTC)
