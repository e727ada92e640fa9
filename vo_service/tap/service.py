"""The TAP service of one process: its parts put together from the settings."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.routing import Route

from capabilities import TapLimits, TapService
from capabilities.examples_page import tap_examples
from tap_schema import published
from vo_service.access.tokens import Tokens
from vo_service.adql import MAX_NESTING
from vo_service.asking.door import Door
from vo_service.asking.opening import open_uploads
from vo_service.asking.queries import Queries
from vo_service.dali.examples import ExamplesHandler
from vo_service.dali.uploads import upload_methods
from vo_service.dali.uws.limits import job_limits
from vo_service.dali.uws.work import JobService
from vo_service.settings import Settings
from vo_service.tap.capabilities import TapFacts
from vo_service.tap.handlers import SyncHandler
from vo_service.tap.health import Health
from vo_service.tap.jobs import TapJobs
from vo_service.tap.metadata import TapMetadata
from vo_service.tap.parameters import request_reader
from vo_service.tap.queries import TapQueries
from vo_service.tap.readiness import Readiness

_DAY = 86400


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What TAP shares with the other services of its process; ``door`` is for its synchronous queries."""

    queries: Queries
    door: Door
    tokens: Tokens
    health: Health
    readiness: Readiness


class Tap:
    """TAP as the settings want it: ``jobs`` is for whoever runs and serves jobs."""

    def __init__(self, settings: Settings, around: Surroundings) -> None:
        read_request = request_reader(settings.query_characters)
        door = around.door
        queries = TapQueries(around.queries, open_uploads(settings, door.place).tables_of)
        self._sync = SyncHandler(door, queries, read_request)
        self.facts = tap_facts(settings)
        self._metadata = TapMetadata(
            published(),
            self.facts,
            around.health,
            door.identity,
            door.clock,
            door.addresses,
        )
        self.jobs: JobService = TapJobs(
            queries,
            read_request,
            around.tokens.viewer_now,
            door.clock,
            job_limits(settings),
            around.readiness,
        ).service()

        self._examples = ExamplesHandler("/tap", "Queries to start from", tap_examples(), door.clock())

    def described(self, base_url: str) -> TapService:
        """What TAP at that address says that it offers."""
        return self._metadata.described(base_url)

    def routes(self) -> list[Route]:
        """All addresses of TAP but those of its jobs."""
        return [*self._sync.routes(), *self._metadata.routes(), *self._examples.routes()]


def tap_facts(settings: Settings) -> TapFacts:
    """What the settings have the service declare."""
    methods = upload_methods(settings.upload_tables)
    return TapFacts(
        TapLimits(
            rows_default=settings.maxrec_default,
            rows_hard=settings.maxrec_hard,
            synchronous=int(settings.query_seconds),
            execution_default=int(settings.job_seconds_default),
            execution_hard=int(settings.job_seconds_hard),
            retention_default=int(settings.job_days_default * _DAY),
            retention_hard=int(settings.job_days_hard * _DAY),
            result_bytes_hard=settings.result_bytes,
            upload_rows_hard=settings.upload_rows if methods else None,
            upload_bytes_hard=settings.upload_bytes if methods else None,
            upload_tables_hard=settings.upload_tables if methods else None,
            upload_hosts=settings.upload_hosts if methods else None,
            query_characters=settings.query_characters,
            query_levels=MAX_NESTING,
            client_queries=settings.queries_per_client,
            client_jobs=settings.jobs_per_client,
            process_queries=settings.queries,
            process_queue=settings.queries_queued,
            memory_bytes=settings.memory_bytes if settings.engine == "duckdb" else None,
        ),
        methods,
        settings.description,
        examples=True,
    )
