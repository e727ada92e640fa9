"""Who reads which snapshot: a snapshot in use is never dropped.

A lease is a row in the catalogue. It is void as soon as its process is known to be dead (same host), or when
it has not been renewed for a while (other hosts, which cannot be looked at). One thread a process renews
them all.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import sqlalchemy as sa

from vo_service.store.catalogue import Catalogue
from vo_service.store.catalogue_tables import CURRENT, lease
from vo_service.store.errors import CatalogueError
from vo_service.store.processes import Process, is_dead, this_process

_BEAT_SECONDS = 30.0
_EXPIRY_SECONDS = 600.0


class Leases:
    """The leases of this process, and the answer to who else holds one."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._mine: set[str] = set()
        self._guard = threading.Lock()
        self._stop = threading.Event()
        self._heart: threading.Thread | None = None

    @contextmanager
    def current(self) -> Iterator[int | None]:
        """The current snapshot's number, kept from being dropped for the block; None where there is none."""
        with self._catalogue.writing() as connection:
            number = connection.scalar(CURRENT.with_for_update())
            lease_id = None if number is None else _insert(connection, int(number))
        with self._held(lease_id):
            yield None if number is None else int(number)

    @contextmanager
    def _held(self, lease_id: str | None) -> Iterator[None]:
        """Keep a lease for the block."""
        if lease_id is None:
            yield
            return
        self._keep(lease_id)
        try:
            yield
        finally:
            self._release(lease_id)

    def close(self) -> None:
        """Stop renewing."""
        self._stop.set()

    def _keep(self, lease_id: str) -> None:
        with self._guard:
            self._mine.add(lease_id)
            if self._heart is None or not self._heart.is_alive():
                self._stop = threading.Event()
                self._heart = threading.Thread(
                    target=self._beat, args=(self._stop,), name="snapshot-leases", daemon=True
                )
                self._heart.start()

    def _release(self, lease_id: str) -> None:
        with self._guard:
            self._mine.discard(lease_id)
            if not self._mine:
                self._stop.set()
                self._heart = None
        # where this fails the lease ends by itself, with this process
        with suppress(CatalogueError), self._catalogue.writing() as connection:
            connection.execute(sa.delete(lease).where(lease.c.lease_id == lease_id))

    def _beat(self, stop: threading.Event) -> None:
        while not stop.wait(_BEAT_SECONDS):
            with self._guard:
                mine = list(self._mine)
            # where this fails the next beat may get through; the expiry allows for many
            with suppress(CatalogueError), self._catalogue.writing() as connection:
                connection.execute(
                    sa.update(lease).where(lease.c.lease_id.in_(mine)).values(heartbeat=time.time())
                )


def _insert(connection: sa.Connection, number: int) -> str:
    """A new lease on a snapshot, and its name."""
    lease_id = uuid.uuid4().hex
    process = this_process()
    connection.execute(
        sa.insert(lease).values(
            lease_id=lease_id,
            number=number,
            host=process.host,
            pid=process.pid,
            started=process.started,
            heartbeat=time.time(),
        )
    )
    return lease_id


def void_dead_leases(connection: sa.Connection) -> None:
    """Delete the leases whose process has ended or has not been heard of for long."""
    now = time.time()
    own_host = this_process().host
    for row in connection.execute(sa.select(lease)).all():
        process = Process(row.host, row.pid, row.started)
        silent = row.host != own_host and row.heartbeat < now - _EXPIRY_SECONDS
        if silent or is_dead(process):
            connection.execute(sa.delete(lease).where(lease.c.lease_id == row.lease_id))


def leased_numbers(connection: sa.Connection) -> set[int]:
    """The snapshots that somebody holds."""
    return {int(number) for number in connection.scalars(sa.select(lease.c.number).distinct())}
