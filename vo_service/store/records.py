"""Registry records in the catalogue database: as they are now, since when, and those that are gone for ever.

Moments are whole seconds (REG-024). A record that is no longer wanted stays as a deleted one, so that
harvesters hear of it whenever they come (REG-023, REG-046).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from vo_service.store.catalogue import Catalogue
from vo_service.store.catalogue_tables import CURRENT
from vo_service.store.job_tables import record
from vo_service.store.moments import plain, utc, utc_or_none

_LOCK = 7160264  # any number, the same for everybody who writes records into one PostgreSQL database


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """One record; ``document`` is empty for a deleted one. Moments are UTC with zone."""

    ivoid: str
    created: datetime
    datestamp: datetime
    deleted: bool
    document: str


@dataclass(frozen=True, slots=True)
class NewRecord:
    """A record as it should be: ``digest`` tells whether that is new, ``write`` gives the document from the
    moments of its creation and of its last change."""

    digest: str
    write: Callable[[datetime, datetime], str]


@dataclass(frozen=True, slots=True)
class Span:
    """Records with datestamps from ``first`` to ``last``, both included; None for no bound."""

    first: datetime | None = None
    last: datetime | None = None


class Records:
    """The records of one catalogue. Every method is one transaction and raises CatalogueError."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def refresh(
        self,
        wanted: Mapping[str, NewRecord],
        kept: Collection[str],
        snapshot: int | None,
        clock: Callable[[], datetime],
    ) -> bool:
        """Make the stored records those that are ``wanted``, by identifier; ``kept`` ones stay as they are.

        Nothing is written where nothing changes. ``snapshot`` is what the records were made from: False, and
        nothing is done, where another one is current by now.
        """
        with self._catalogue.reading() as connection:
            if not list(_changes(connection, wanted, kept)):
                return _current(connection) == snapshot
        with self._catalogue.writing() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
            if _current(connection) != snapshot:
                return False
            now = plain(clock()).replace(microsecond=0)
            for ivoid, known in list(_changes(connection, wanted, kept)):
                _store(connection, ivoid, wanted.get(ivoid), known, now)
        return True

    def find(self, ivoid: str) -> StoredRecord | None:
        """The record of an identifier, in whatever case that is written."""
        query = sa.select(record).where(sa.func.lower(record.c.ivoid) == ivoid.lower())
        with self._catalogue.reading() as connection:
            row = connection.execute(query).mappings().first()
        return None if row is None else _record(row)

    def listed(self, span: Span, after: str | None, most: int) -> tuple[StoredRecord, ...]:
        """At most that many records of a span in the order of their identifiers, those behind ``after``."""
        query = sa.select(record).where(*_within(span)).order_by(record.c.ivoid).limit(most)
        if after is not None:
            query = query.where(record.c.ivoid > after)
        with self._catalogue.reading() as connection:
            return tuple(_record(row) for row in connection.execute(query).mappings())

    def count(self, span: Span) -> int:
        """How many records there are in a span."""
        with self._catalogue.reading() as connection:
            counted = sa.select(sa.func.count()).select_from(record).where(*_within(span))
            return connection.scalar(counted) or 0

    def earliest(self) -> datetime | None:
        """The earliest datestamp, None where there is no record."""
        with self._catalogue.reading() as connection:
            found = connection.scalar(sa.select(sa.func.min(record.c.datestamp)))
        return utc_or_none(found)


def _current(connection: sa.Connection) -> int | None:
    """The number of the current snapshot."""
    return connection.scalar(CURRENT)


def _changes(
    connection: sa.Connection, wanted: Mapping[str, NewRecord], kept: Collection[str]
) -> Iterator[tuple[str, Mapping[Any, Any] | None]]:
    """Identifiers of records that are not as wanted, with what is stored of them."""
    columns = (record.c.ivoid, record.c.digest, record.c.created, record.c.deleted)
    stored = {row["ivoid"]: row for row in connection.execute(sa.select(*columns)).mappings()}
    for ivoid, new in wanted.items():
        known = stored.get(ivoid)
        if known is None or known["deleted"] or known["digest"] != new.digest:
            yield ivoid, known
    for ivoid, known in stored.items():
        if ivoid not in wanted and ivoid not in kept and not known["deleted"]:
            yield ivoid, known


def _store(
    connection: sa.Connection,
    ivoid: str,
    new: NewRecord | None,
    known: Mapping[Any, Any] | None,
    now: datetime,
) -> None:
    created = now if known is None else known["created"]
    values: dict[str, Any] = {"datestamp": now, "deleted": new is None, "document": ""}
    if new is not None:
        values["digest"] = new.digest
        values["document"] = new.write(utc(created), utc(now))
    if known is None:
        connection.execute(sa.insert(record).values(ivoid=ivoid, created=created, **values))
    else:
        connection.execute(sa.update(record).where(record.c.ivoid == ivoid).values(**values))


def _within(span: Span) -> Iterator[sa.ColumnElement[bool]]:
    if span.first is not None:
        yield record.c.datestamp >= plain(span.first)
    if span.last is not None:
        yield record.c.datestamp <= plain(span.last)


def _record(row: Mapping[Any, Any]) -> StoredRecord:
    return StoredRecord(
        row["ivoid"],
        utc(row["created"]),
        utc(row["datestamp"]),
        bool(row["deleted"]),
        row["document"],
    )
