"""Asynchronous TAP queries: what `dali.uws` is to do for them (TAP 1.1, section 5)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from vo_service.asking.queries import Asker
from vo_service.asking.uploads import stored_parts
from vo_service.dali.errors import ServiceError
from vo_service.dali.formats import wanted_format
from vo_service.dali.parameters import Form
from vo_service.dali.replies import error_document
from vo_service.dali.request_log import as_request
from vo_service.dali.streams import Cancellation
from vo_service.dali.uws.owner import ViewerNow, viewer_of
from vo_service.dali.uws.work import Explanation, JobLimits, JobService, Sink
from vo_service.store.jobs import Job
from vo_service.tap.parameters import PARAMETERS, ReadRequest
from vo_service.tap.queries import TapQueries
from vo_service.tap.readiness import Readiness

RESULT = "result"
"""The name of the one result of a TAP job (TAP-147)."""


class TapJobs:
    """The work of TAP jobs. ``read_request`` reads the parameters of a job as those of a query."""

    def __init__(
        self,
        queries: TapQueries,
        read_request: ReadRequest,
        viewer_now: ViewerNow,
        clock: Callable[[], datetime],
        limits: JobLimits,
        readiness: Readiness,
    ) -> None:
        self._queries = queries
        self._read_request = read_request
        self._viewer_now = viewer_now
        self._clock = clock
        self._limits = limits
        self._readiness = readiness

    def service(self) -> JobService:
        """The asynchronous resource of TAP."""
        return JobService(
            name="tap",
            path="tap/async",
            parameters=PARAMETERS,
            work=self._work,
            explain=_explain,
            limits=self._limits,
            ready=self._readiness,
        )

    def _work(self, job: Job, cancellation: Cancellation, sink: Sink) -> None:
        """The query of a job, its answer written as the result."""
        with as_request(job.request_id), self._readiness.doubted():
            form = Form.of(job.parameters)
            format = wanted_format(form)
            asker = Asker(
                viewer=viewer_of(job, self._viewer_now),
                now=self._clock(),
                base_url=job.base_url,
                seconds=self._limits.seconds_hard,  # the job's own limit is watched by its worker
                place=sink.directory,
                parts=stored_parts(sink.directory, job.uploads),
            )
            query = self._queries.query(self._read_request(form, format), asker, sink.on_snapshot)
            with sink.result(RESULT, format.media_type, format.extension) as file:
                for piece in query.pieces(cancellation):
                    file.write(piece)
            query.finish()


def _explain(form: Form, text: str) -> Explanation:
    """The error document of a job, in the shape of the format that it asks for (TAP-121)."""
    try:
        format = wanted_format(form)
    except ServiceError:
        format = None
    return Explanation(*error_document(text, format))
