"""``/soda/async``: every combination of values is a result of one job (SODA 1.0, section 6)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import get_args

from vo_service.access import Viewer
from vo_service.dali.errors import ErrorKind, ServiceAway, ServiceError, usage
from vo_service.dali.parameters import Form
from vo_service.dali.request_log import as_request
from vo_service.dali.streams import Cancellation
from vo_service.dali.uws.owner import ViewerNow, viewer_of
from vo_service.dali.uws.work import Explanation, JobLimits, JobService, Sink
from vo_service.pixels.cutout.plan import SourceChanged
from vo_service.pixels.processes import WorkLimits
from vo_service.products.desk import Desk
from vo_service.products.faults import changed, unreadable
from vo_service.products.identifiers import dataset_of
from vo_service.products.results import Ready
from vo_service.products.selection import NoOverlap
from vo_service.products.shelf import Closed
from vo_service.products.workshop import ForJob
from vo_service.soda.bulk.asked import is_bulk
from vo_service.soda.bulk.listing import NOT_BEGUN
from vo_service.soda.bulk.status import ID as STATUS
from vo_service.soda.bulk.work import Bulk
from vo_service.soda.errors import Word, word_of, worded
from vo_service.soda.parameters import PARAMETERS
from vo_service.soda.request import Request, read_requests
from vo_service.store.jobs import Job, StoredResult

_BLOCK = 1 << 20


class SodaJobs:
    """The work of SODA jobs."""

    def __init__(
        self,
        desk: Desk,
        viewer_now: ViewerNow,
        authority: Callable[[], str],
        limits: JobLimits,
        memory_bytes: int,
        bulk: Bulk | None = None,
    ) -> None:
        """``bulk`` does the jobs of tables."""
        self._results = desk.results
        self._viewer_now = viewer_now
        self._authority = authority
        self._limits = limits
        self._bulk = bulk
        # a job has its slot already, and its own limit is watched by its worker
        compute = WorkLimits(limits.seconds_hard, memory_bytes)
        self._computing = ForJob(desk.workshop, compute)

    def service(self) -> JobService:
        """The asynchronous resource of SODA."""
        return JobService(
            name="soda",
            path="soda/async",
            parameters=PARAMETERS,
            work=self._work,
            explain=_explain,
            limits=self._limits,
            growing={} if self._bulk is None else {STATUS: self._bulk.status},
            first=self._first,
            closing=None if self._bulk is None else self._bulk.close,
        )

    def _first(self, job: Job) -> Sequence[StoredResult]:
        return [NOT_BEGUN] if self._bulk is not None and is_bulk(Form.of(job.parameters)) else []

    def _work(self, job: Job, cancellation: Cancellation, sink: Sink) -> None:
        """All results of a job, in the order of the values that were sent (SODA-064)."""
        with as_request(job.request_id):
            try:
                if self._bulk is not None and is_bulk(Form.of(job.parameters)):
                    self._bulk.work(job, cancellation, sink)
                else:
                    self._put_all(job, cancellation, sink)
            except ServiceAway:
                raise
            except ServiceError as error:
                raise ServiceError(error.kind, f"{word_of(error)}: {error.message}", error.hint) from error

    def _put_all(self, job: Job, cancellation: Cancellation, sink: Sink) -> None:
        requests = read_requests(Form.of(job.parameters), "async")
        viewer = viewer_of(job, self._viewer_now)
        width = max(3, len(str(len(requests))))
        for number, asked in enumerate(requests, 1):
            self._put(f"cutout-{number:0{width}}", job, asked, viewer, cancellation, sink)

    def _put(
        self, name: str, job: Job, asked: Request, viewer: Viewer, cancellation: Cancellation, sink: Sink
    ) -> None:
        """One result; where there is none a text that says why (SODA-062)."""
        try:
            ready = self._make(job, asked, viewer, cancellation)
        except ServiceAway:
            raise
        except ServiceError as error:
            _put_text(name, worded(error), sink)
            return
        try:
            with closing(ready.handle), sink.result(name, asked.media_type, ready.extension) as file:
                for block in _blocks(ready):
                    file.write(block)
        except _Unreadable as fault:
            _put_text(name, worded(fault.error), sink)

    def _make(self, job: Job, asked: Request, viewer: Viewer, cancellation: Cancellation) -> Ready:
        """A result, open for the caller to close. Raises ServiceError."""
        try:
            found = self._results.find(dataset_of(asked.id, self._authority()), viewer, job.base_url)
            return self._results.make(
                found, asked.wanted, asked.media_type, viewer, self._computing, cancellation
            )
        except NoOverlap as reason:
            raise usage(str(reason)) from reason
        except Closed as closed:
            raise ServiceError(ErrorKind.FORBIDDEN, closed.why) from closed


class _Unreadable(Exception):
    """A source does not give what a result is made of: no fault of the disk that results are written to."""

    def __init__(self, error: ServiceError) -> None:
        super().__init__(error.message)
        self.error = error


def _blocks(ready: Ready) -> Iterator[bytes | memoryview]:
    try:
        for offset in range(0, ready.size, _BLOCK):
            block = ready.handle.read_at(offset, _BLOCK)
            if len(block) < min(_BLOCK, ready.size - offset):
                raise _Unreadable(changed())
            yield block
    except SourceChanged as error:
        raise _Unreadable(changed()) from error
    except OSError as error:
        raise _Unreadable(unreadable()) from error


def _put_text(name: str, text: str, sink: Sink) -> None:
    with sink.result(name, "text/plain", "txt") as file:
        file.write(f"{text}\n".encode())


def _explain(form: Form, text: str) -> Explanation:
    """The error document of a job: the text, behind a word of SODA's also where the work did not tell it
    (SODA-063)."""
    told = text if text.startswith(tuple(f"{word}:" for word in get_args(Word))) else f"Error: {text}"
    return Explanation(f"{told}\n".encode(), "text/plain; charset=utf-8")
