"""The VOSI availability document (VOSI 1.1 section 3.2)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from vo_models.vosi.availability.models import Availability

from capabilities.documents import write_document


def availability(
    available: bool,
    since: datetime | None = None,
    note: str | Sequence[str] = (),
    *,
    down_at: datetime | None = None,
    back_at: datetime | None = None,
) -> bytes:
    """Whether the service can do its work now, since when, and what there is to say about it.

    Times without a zone are UTC. ``down_at`` and ``back_at`` announce a planned break.
    """
    notes = [note] if isinstance(note, str) else list(note)
    return write_document(
        Availability(
            available=available,
            up_since=_utc(since),
            down_at=_utc(down_at),
            back_at=_utc(back_at),
            note=[text for text in notes if text],
        )
    )


def _utc(moment: datetime | None) -> datetime | None:
    if moment is None:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
