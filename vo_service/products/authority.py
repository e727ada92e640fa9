"""The authority of the identifiers of data sets: fixed at the first ingest."""

from __future__ import annotations

from contextlib import suppress

from vo_service.store import Catalogue, StoreError


class Authority:
    """What the catalogue has fixed; before that what the settings want, ``wanted``."""

    def __init__(self, catalogue: Catalogue, wanted: str) -> None:
        self._catalogue = catalogue
        self._wanted = wanted
        self._fixed: str | None = None

    def name(self) -> str:
        """The authority. May block."""
        if self._fixed is None:
            with suppress(StoreError):
                self._fixed = self._catalogue.find_setting("authority")
        return self._fixed or self._wanted
