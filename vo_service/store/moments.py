"""Moments on their way into the catalogue database and out of it: there they are UTC without zone."""

from __future__ import annotations

from datetime import UTC, datetime


def plain(moment: datetime) -> datetime:
    """A moment as the database has it."""
    return moment.astimezone(UTC).replace(tzinfo=None)


def plain_or_none(moment: datetime | None) -> datetime | None:
    """The same for a moment that may be missing."""
    return None if moment is None else plain(moment)


def stored_time(moment: datetime) -> datetime:
    """The same for a job: whole milliseconds, which is what clients see."""
    exact = plain(moment)
    return exact.replace(microsecond=exact.microsecond // 1000 * 1000)


def utc(stored: datetime) -> datetime:
    """A moment of the database with its zone."""
    return stored.replace(tzinfo=UTC)


def utc_or_none(stored: datetime | None) -> datetime | None:
    """The same for a moment that may be missing."""
    return None if stored is None else utc(stored)


def plain_now() -> datetime:
    """The present moment as the database has it."""
    return plain(datetime.now(UTC))
