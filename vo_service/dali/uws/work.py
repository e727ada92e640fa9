"""What a protocol gives to have jobs: where they lie, which parameters they take, and the work itself."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from vo_service.dali.parameters import Form, Parameter
from vo_service.dali.streams import Cancellation
from vo_service.store.jobs import Job


class Sink(Protocol):
    """Where the work puts its results; nothing of it is seen before the work has ended well.

    Writing raises ServiceError beyond the size that a result may have, and where the disk is full.
    """

    @property
    def directory(self) -> Path:
        """The job's directory, with its uploads."""
        ...

    def result(self, result_id: str, media_type: str, extension: str) -> AbstractContextManager[BinaryIO]:
        """A file to write one result into, once; results are listed in the order of these calls."""
        ...

    def on_snapshot(self, number: int) -> None:
        """Tell the job which snapshot it runs on, at once."""
        ...


Work = Callable[[Job, Cancellation, Sink], None]
"""Does a job in a thread. Raises ServiceError; stops soon after ``cancellation`` was asked."""


@dataclass(frozen=True, slots=True)
class JobLimits:
    """Limits of the jobs of one service: seconds, days, bytes."""

    seconds_default: float
    seconds_hard: float
    days_default: float
    days_hard: float
    result_bytes: int


@dataclass(frozen=True, slots=True)
class Explanation:
    """An error document and its media type."""

    content: bytes
    media_type: str


def _always() -> bool:
    return True


@dataclass(frozen=True, slots=True)
class JobService:
    """An asynchronous resource.

    ``name`` keeps the jobs of services apart; ``path`` is where the job list lies (``tap/async``).
    ``parameters`` says which names may come several times; names that it does not know are kept too, and come
    once. Nothing is checked before the job runs: wrong parameters are an error of the job, not of the request
    that brought them (DALI-092). ``explain`` makes the document of an error from the job's parameters and a
    text. ``limits`` hold for each job. ``ready`` says whether jobs may begin now, else they wait; it is asked
    often. Where the work meets ServiceAway before it has written anything, its job waits once more.
    """

    name: str
    path: str
    parameters: tuple[Parameter[Any], ...]
    work: Work
    explain: Callable[[Form, str], Explanation]
    limits: JobLimits
    ready: Callable[[], bool] = _always
