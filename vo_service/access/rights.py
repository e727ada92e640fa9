"""The rule of design 4.3: data are public from their release date on; without a date they are closed.

Files that no archive row speaks for (origin ``file``, no date) follow a setting of the operator.
Nothing is frozen: the rule compares with the moment of the request.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from vo_service.access.scopes import READ_ALL
from vo_service.access.viewer import Viewer

PUBLIC = "Public"
PROPRIETARY = "Proprietary"


@dataclass(frozen=True, slots=True)
class Rights:
    """The rule with its one setting: whether files without an archive row are open to everybody."""

    unlisted_open: bool = False

    def is_open(self, origin: str | None, release_date: datetime | None, now: datetime) -> bool:
        """Whether data are public at ``now``. Dates without a zone are UTC; this very moment is past."""
        if release_date is None:
            return origin == "file" and self.unlisted_open
        return _utc(release_date) <= _utc(now)

    def word(self, origin: str | None, release_date: datetime | None, now: datetime) -> str:
        """``data_rights`` as published: ``Public`` or ``Proprietary``, never null (ALMA-145)."""
        return PUBLIC if self.is_open(origin, release_date, now) else PROPRIETARY

    def may_read(
        self, viewer: Viewer, origin: str | None, release_date: datetime | None, now: datetime
    ) -> bool:
        """Whether ``viewer`` may have the bytes at ``now``."""
        return READ_ALL in viewer.scopes or self.is_open(origin, release_date, now)


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
