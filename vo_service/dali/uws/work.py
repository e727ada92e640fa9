"""What a protocol gives to have jobs: where they lie, which parameters they take, and the work itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from vo_service.dali.parameters import Form, Parameter
from vo_service.dali.streams import Cancellation
from vo_service.store.jobs import Job, Phase, StoredResult


class Sink(Protocol):
    """Where the work puts its results; nothing of it is seen before the work has ended well, unless the work
    shows it.

    Writing raises ServiceError beyond the size that a result may have, and where the disk is full.
    """

    @property
    def attempt(self) -> Path:
        """The directory of this attempt, below the job's; work that goes on where an earlier attempt stopped
        keeps its files here itself."""
        ...

    @property
    def directory(self) -> Path:
        """The job's directory, with its uploads."""
        ...

    @property
    def results(self) -> Sequence[StoredResult]:
        """The results so far, in the order in which they were begun."""
        ...

    def result(self, result_id: str, media_type: str, extension: str) -> AbstractContextManager[BinaryIO]:
        """A file to write one result into, once; results are listed in the order of these calls."""
        ...

    def show(self, results: Sequence[StoredResult]) -> None:
        """These are the job's results so far: they are seen at once, the job of the next attempt has them
        (`Job.results`), and the files of this attempt stay. Raises an error that ends the work where the job
        is no longer ours, StoreError where the database does not answer."""
        ...

    def conclude(self, results: Sequence[StoredResult]) -> None:
        """These are the job's results when it ends, whatever was shown before."""
        ...

    def note_progress(self) -> None:
        """Something was done that the next attempt need not do again: the end of the process that runs the
        job is held less against it. Raises StoreError."""
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


Growing = Callable[[Job, Path], bytes]
"""The bytes of a result that still grows, from its job and the file that was shown for it. May block."""

First = Callable[[Job], Sequence[StoredResult]]
"""Results of a job from the moment at which it is made; they grow."""


def _nothing(job: Job) -> Sequence[StoredResult]:
    return ()


Closing = Callable[[Job, Sink, Phase], None]
"""Puts in order what work has shown that ends early, in this phase: what it concludes with is listed then.
The sink is that of the work; or, of a job that ended while nobody ran it, of an attempt that has done nothing
yet."""


@dataclass(frozen=True, slots=True)
class JobService:
    """An asynchronous resource.

    ``name`` keeps the jobs of services apart; ``path`` is where the job list lies (``tap/async``).
    ``parameters`` says which names may come several times; names that it does not know are kept too, and come
    once. Nothing is checked before the job runs: wrong parameters are an error of the job, not of the request
    that brought them (DALI-092). ``explain`` makes the document of an error from the job's parameters and a
    text. ``limits`` hold for each job. ``ready`` says whether jobs may begin now, else they wait; it is asked
    often. Where the work meets ServiceAway before it has written anything, or after it has shown something,
    its job waits once more. ``growing``: how results that still grow are sent, by name. ``first``: what there
    is of a job that has shown nothing, in files that need not be there. ``closing`` is called where work that
    has shown something ends in ERROR or is aborted.
    """

    name: str
    path: str
    parameters: tuple[Parameter[Any], ...]
    work: Work
    explain: Callable[[Form, str], Explanation]
    limits: JobLimits
    ready: Callable[[], bool] = _always
    growing: Mapping[str, Growing] = field(default_factory=dict)
    first: First = _nothing
    closing: Closing | None = None

    def seen(self, job: Job | None) -> Job | None:
        """A job as it is told of: with what there is from its beginning on."""
        return job if job is None or job.results else replace(job, results=tuple(self.first(job)))
