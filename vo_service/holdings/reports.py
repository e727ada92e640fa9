"""What an ingest or a harvest did, for whoever started it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from vo_service.store import RunEntry

Progress = Callable[[str, int, int | None], None]
"""Called with the name of the phase, how many are done, and of how many (None where nobody knows yet)."""


def silent(_phase: str, _done: int, _total: int | None) -> None:
    """A progress that shows nothing."""


@dataclass(frozen=True, slots=True)
class PixelReport:
    """What a pass over pixels did: images measured and failed, those that were ``broken`` before and still
    are; no ``run_id`` where there was nothing to do, no ``snapshot`` where nothing new was to be shown."""

    run_id: str | None = None
    snapshot: int | None = None
    ok: int = 0
    failed: int = 0
    broken: int = 0
    failures: tuple[RunEntry, ...] = ()


@dataclass(frozen=True, slots=True)
class IngestReport:
    """``found`` = ``ok`` + ``failed`` + ``skipped``: entries that could not be reached are among those found
    and failed; ``withdrawn`` files are not there any more. ``snapshot`` is None where nothing had changed.

    ``failures`` has a line for each failed one, ``broken`` counts the files that are listed as failed since
    earlier runs. ``notices`` are lines about home and ingest roots that the operator should see. ``unlisted``
    counts data sets without an archive row, which setting UNLISTED opens or closes. ``pixels`` is what the
    pass over the pixels did, None where there was none.
    """

    run_id: str
    snapshot: int | None
    found: int
    ok: int
    failed: int
    skipped: int
    withdrawn: int
    broken: int
    datasets: int
    rows: int
    unlisted: int
    failures: tuple[RunEntry, ...]
    notices: tuple[str, ...] = ()
    pixels: PixelReport | None = None

    @property
    def exit_code(self) -> int:
        """0 when all went well, 1 when some files failed (design 3)."""
        return 1 if self.failed or (self.pixels is not None and self.pixels.failed) else 0


@dataclass(frozen=True, slots=True)
class HarvestReport:
    """``lines`` of the table make ``read`` rows, several each in some layouts, and ``read`` = ``kept`` +
    ``rejected`` + ``duplicates``; ``matched`` of the kept are listed as data sets of ours. ``table`` is where
    they went; ``filled`` rows of ``ivoa.obscore`` took facts from them. ``notices`` are lines about the home
    that the operator should see."""

    run_id: str
    snapshot: int | None
    source: str
    lines: int
    read: int
    kept: int
    new: int
    matched: int
    rejected: int
    duplicates: int
    rejects: tuple[RunEntry, ...]
    warnings: tuple[str, ...] = ()
    table: str = "holdings.archive_row"
    filled: int = 0
    notices: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 when all went well, 1 when some rows could not be mapped or the source is cut (design 3)."""
        return 1 if self.rejected or self.warnings else 0
