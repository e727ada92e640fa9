"""What answers queries in a process: put together from the settings, once, for all services."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

from vo_service.access import Rights
from vo_service.asking.door import Door
from vo_service.asking.queries import Queries, QueryLimits
from vo_service.asking.row_services import RowServices
from vo_service.asking.uploads import UploadLimits, UploadReader
from vo_service.dali.addresses import Addresses
from vo_service.dali.admission import Admission, AdmissionLimits
from vo_service.dali.current import Current
from vo_service.dali.identity import Identity
from vo_service.dali.metrics import Metrics
from vo_service.dali.multipart import BodyLimits
from vo_service.dali.streams import Lane, SpoolLimits, SpoolRoom, Turns
from vo_service.dali.uploads import Fetch, Fetcher
from vo_service.engines import Engine
from vo_service.query import ProbeLimits, Resolver, Targets
from vo_service.settings import Settings
from vo_service.store.board import Board

BATCH_ROWS = 8_192
"""Rows of a batch: the first of them leave as soon as they are there."""


def open_queries(
    settings: Settings,
    current: Current[Engine],
    rights: Rights,
    metrics: Metrics,
    services: RowServices,
    parts: ExitStack,
) -> Queries:
    """What all queries of a process share; its threads end with ``parts``."""
    readers = ThreadPoolExecutor(settings.queries + settings.job_slots, thread_name_prefix="read")
    parts.callback(readers.shutdown, wait=False)
    return Queries(
        current,
        rights,
        QueryLimits(settings.maxrec_default, settings.maxrec_hard, BATCH_ROWS),
        Targets(Resolver(settings.resolver_url) if settings.resolver_url else None),
        ProbeLimits(settings.probe_rows, settings.probe_pairs),
        settings.citation,
        metrics.query,
        readers,
        settings.spool_bytes,
        services,
    )


def open_door(
    settings: Settings,
    addresses: Addresses,
    identity: Identity,
    clock: Callable[[], datetime],
    lane: Lane,
    place: Path,
) -> Door:
    """The door of the synchronous queries of a process."""
    body = BodyLimits(settings.body_bytes, settings.upload_bytes)
    return Door(addresses, body, settings.query_seconds, place, lane, identity, clock)


def open_uploads(settings: Settings, place: Path, tables: int | None = None) -> UploadReader:
    """What reads the files of requests, no more than ``tables`` of one; ``place`` is for files in between."""
    most = settings.upload_tables if tables is None else min(tables, settings.upload_tables)
    fetch: Fetch | None = None
    if settings.upload_hosts:
        fetch = Fetcher(settings.upload_hosts, settings.upload_bytes, place, settings.upload_private)
    return UploadReader(UploadLimits(most, settings.upload_rows, settings.upload_bytes, place), fetch)


def open_lane(settings: Settings, board: Board, metrics: Metrics, parts: ExitStack) -> Lane:
    """Where synchronous queries run; its threads end with ``parts``."""
    executor = ThreadPoolExecutor(settings.queries, thread_name_prefix="query")
    parts.callback(executor.shutdown, wait=True, cancel_futures=True)
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
