"""The SODA service of one process: its parts put together from the settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from starlette.routing import Route

from vo_service.access.tokens import Tokens
from vo_service.asking.queries import Queries
from vo_service.asking.uploads import UploadLimits
from vo_service.dali.addresses import Addresses
from vo_service.dali.identity import Identity
from vo_service.dali.multipart import BodyLimits
from vo_service.dali.uploads import Fetch, Fetcher
from vo_service.dali.uws.limits import job_limits
from vo_service.dali.uws.work import JobService
from vo_service.dali.vosi import Health
from vo_service.pixels.processes import WorkLimits
from vo_service.products.desk import Desk
from vo_service.products.shelf import Shelf
from vo_service.settings import Settings
from vo_service.soda.bulk.limits import BulkLimits
from vo_service.soda.bulk.work import Bulk
from vo_service.soda.examples import DataSets
from vo_service.soda.handlers import SyncHandler
from vo_service.soda.jobs import SodaJobs
from vo_service.soda.metadata import SodaMetadata


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What SODA shares with the other services of its process. ``authority`` is that of the identifiers of
    data sets; it may block. ``place``: the directory where files of requests arrive. ``examples`` finds data
    sets for them. ``shelf`` and ``queries`` find those of a whole table."""

    desk: Desk
    identity: Identity
    tokens: Tokens
    addresses: Addresses
    authority: Callable[[], str]
    place: Path
    health: Health
    examples: Callable[[], DataSets]
    clock: Callable[[], datetime]
    shelf: Shelf
    queries: Queries


class Soda:
    """SODA as the settings want it: ``jobs`` is for whoever runs and serves jobs."""

    def __init__(self, settings: Settings, around: Surroundings) -> None:
        self._sync = SyncHandler(
            around.desk,
            around.identity,
            around.addresses,
            around.authority,
            BodyLimits(settings.body_bytes, settings.upload_bytes),
            around.place,
        )
        self._metadata = SodaMetadata(
            around.health, around.identity, around.clock, around.addresses, around.examples
        )
        self.jobs: JobService = SodaJobs(
            around.desk,
            around.tokens.viewer_now,
            around.authority,
            job_limits(settings),
            settings.cut_memory_bytes,
            _bulk(settings, around),
        ).service()

    def routes(self) -> list[Route]:
        """All addresses of SODA but those of its jobs."""
        return [*self._sync.routes(), *self._metadata.routes()]


def _bulk(settings: Settings, around: Surroundings) -> Bulk:
    """What does the jobs of tables."""
    place = around.place
    fetch: Fetch | None = None
    if settings.upload_hosts:
        fetch = Fetcher(settings.upload_hosts, settings.upload_bytes, place, settings.upload_private)
    rows = min(settings.upload_rows, settings.bulk_rows)
    return Bulk(
        around.desk,
        around.shelf,
        around.queries,
        around.tokens.viewer_now,
        around.authority,
        around.clock,
        UploadLimits(min(settings.upload_tables, 1), rows, settings.upload_bytes, place),
        BulkLimits(settings.bulk_cuts, settings.bulk_part_bytes, settings.bulk_matches),
        fetch,
        WorkLimits(settings.job_seconds_hard, settings.cut_memory_bytes),
        settings.result_bytes,
    )
