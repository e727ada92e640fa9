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
class IngestReport:
    """``found`` = ``ok`` + ``failed`` + ``skipped``: entries that could not be reached are among those found
    and failed; ``withdrawn`` files are not there any more. ``snapshot`` is None where nothing had changed.

    ``failures`` has a line for each failed one, ``broken`` counts the files that are listed as failed since
    earlier runs. ``notices`` are lines about the ingest roots that the operator should see. ``unlisted``
    counts data sets without an archive row, which setting UNLISTED opens or closes.
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

    @property
    def exit_code(self) -> int:
        """0 when all went well, 1 when some files failed (design 3)."""
        return 1 if self.failed else 0


@dataclass(frozen=True, slots=True)
class HarvestReport:
    """``read`` = ``kept`` + ``rejected`` + ``duplicates``; ``matched`` of the kept are listed as data sets
    of ours."""

    run_id: str
    snapshot: int | None
    source: str
    read: int
    kept: int
    new: int
    matched: int
    rejected: int
    duplicates: int
    rejects: tuple[RunEntry, ...]
    warnings: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 when all went well, 1 when some rows could not be mapped or the source is cut (design 3)."""
        return 1 if self.rejected or self.warnings else 0
