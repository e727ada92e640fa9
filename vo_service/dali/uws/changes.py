"""What clients ask of jobs, done: made, given parameters, run, aborted, deleted (UWS 1.1, section 2.2.3).

Everything here blocks on the database, and knows no HTTP but the errors that HTTP tells.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from vo_service.access import Viewer
from vo_service.dali.errors import ErrorKind, ServiceError, usage
from vo_service.dali.forms import Body
from vo_service.dali.parameters import RUNID, RUNID_LENGTH, Form
from vo_service.dali.uws.limits import granted_destruction, granted_duration, granted_lifetime, too_many
from vo_service.dali.uws.listing import CONTROLS
from vo_service.dali.uws.runner import JobRunner
from vo_service.dali.uws.work import JobService
from vo_service.store import DiskFull, StoreError
from vo_service.store.errors import TooManyJobs
from vo_service.store.jobs import FINAL, Amended, Changed, Job, NewJob, Phase, StoredUpload, new_job_id

_VALUES: Final = 1000  # parameters and files of one job
_UNDERWAY: Final = frozenset((Phase.QUEUED, Phase.EXECUTING, Phase.SUSPENDED))


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a job: what it may see, who is counted, the request, and by which address it came."""

    viewer: Viewer
    client: str
    request_id: str | None
    address: str


@dataclass(frozen=True, slots=True)
class Wishes:
    """What steers a new job, beside its parameters; None for what the service's default is to be."""

    run: bool
    duration: int | None
    destruction: datetime | None


class JobChanges:
    """Changes of the jobs of one service.

    Methods raise ServiceError: 404 for a job that is not there, 403 for what its phase forbids (UWS-004), 413
    and 429 beyond limits, 503 where the database does not answer or the disk is full.
    """

    def __init__(
        self,
        service: JobService,
        runner: JobRunner,
        clock: Callable[[], datetime],
        body_bytes: int,
        upload_bytes: int,
    ) -> None:
        self._service = service
        self._runner = runner
        self._clock = clock
        self._body_bytes = body_bytes
        self._upload_bytes = upload_bytes

    def create(self, caller: Caller, body: Body, wishes: Wishes) -> Job:
        """Make a job of a request, whatever its parameters are worth (TAP-023)."""
        limits, job_id = self._service.limits, new_job_id()
        merged = merge_parameters((), body.form, self._service)
        with told_troubles():
            try:
                uploads = self._keep(job_id, body)
                self._check_size(merged, uploads)
                new = NewJob(
                    job_id=job_id,
                    service=self._service.name,
                    owner=caller.viewer.subject,
                    scopes=caller.viewer.scopes,
                    client=caller.client,
                    run_id=run_id_of(body.form),
                    duration=granted_duration(wishes.duration, limits),
                    lifetime=granted_lifetime(wishes.destruction, self._clock(), limits),
                    request_id=caller.request_id,
                    base_url=caller.address,
                    parameters=merged,
                    uploads=uploads,
                )
                return self._runner.create(new, wishes.run)
            except BaseException:
                self._runner.files.remove(job_id)
                raise

    def set_parameters(self, job_id: str, body: Body) -> None:
        """Give a job that was not run yet other parameters, or more of them (TAP-142, TAP-143)."""
        with told_troubles():
            fresh = self._keep(job_id, body)
            replaced: list[str] = []

            def merge(job: Job) -> Amended:
                kept = tuple(one for one in job.uploads if one.part not in body.parts)
                replaced[:] = [one.file for one in job.uploads if one.part in body.parts]
                parameters = merge_parameters(job.parameters, body.form, self._service)
                self._check_size(parameters, (*kept, *fresh))
                run_id = run_id_of(body.form) if RUNID.name in body.form.values else job.run_id
                return Amended(parameters, (*kept, *fresh), run_id)

            try:
                changed = self._runner.jobs.amend(job_id, merge)
                _require(changed, "Its parameters can no longer be changed")
            except BaseException:
                self._runner.files.drop_uploads(job_id, [one.file for one in fresh])
                raise
            self._runner.files.drop_uploads(job_id, replaced)

    def run(self, job_id: str) -> None:
        """PHASE=RUN; for a job that waits or runs already nothing happens (UWS-037)."""
        with told_troubles():
            _require(self._runner.run(job_id), "It cannot be run again", _UNDERWAY)

    def abort(self, job_id: str) -> None:
        """PHASE=ABORT; an aborted job stays one (UWS-034)."""
        with told_troubles():
            _require(self._runner.abort(job_id), "It cannot be aborted any more", {Phase.ABORTED})

    def delete(self, job_id: str) -> None:
        """Forget a job and all that it made, in whatever phase (UWS-116)."""
        with told_troubles():
            if not self._runner.delete(job_id):
                raise no_job()

    def set_duration(self, job_id: str, asked: int) -> None:
        """EXECUTIONDURATION, as far as it is granted (UWS-115)."""
        with told_troubles():
            granted = granted_duration(asked, self._service.limits)
            _require(
                self._runner.set_duration(job_id, granted), "Its execution duration can no longer be changed"
            )

    def set_destruction(self, job: Job, asked: datetime) -> None:
        """DESTRUCTION, as far as it is granted; a time in the past deletes the job at once (UWS-112)."""
        now = self._clock()
        with told_troubles():
            granted = granted_destruction(asked, job.created, now, self._service.limits)
            if granted <= now:
                self._runner.delete(job.job_id)
            else:
                _require(self._runner.set_destruction(job.job_id, granted), "It cannot be changed")

    def _keep(self, job_id: str, body: Body) -> tuple[StoredUpload, ...]:
        """Lay down the files of a request with the job."""
        kept: list[StoredUpload] = []
        try:
            for name, part in body.parts.items():
                file = self._runner.files.keep_upload(job_id, part.content)
                kept.append(StoredUpload(name, file, part.media_type, part.size))
        except BaseException:
            self._runner.files.drop_uploads(job_id, [one.file for one in kept])
            raise
        return tuple(kept)

    def _check_size(self, parameters: tuple[tuple[str, str], ...], uploads: tuple[StoredUpload, ...]) -> None:
        """Raises ServiceError where a job would hold more than one request may bring, in however many
        requests it came."""
        if len(parameters) + len(uploads) > _VALUES:
            raise usage(f"A job has at most {_VALUES} parameters.")
        texts = sum(len(name.encode()) + len(value.encode()) for name, value in parameters)
        for size, most, what in (
            (texts, self._body_bytes, "parameters"),
            (sum(one.size for one in uploads), self._upload_bytes, "uploaded tables"),
        ):
            if size > most:
                raise ServiceError(
                    ErrorKind.BODY_TOO_LARGE, f"The {what} of the job are above the limit of {most} bytes."
                )


def merge_parameters(
    present: tuple[tuple[str, str], ...], form: Form, service: JobService
) -> tuple[tuple[str, str], ...]:
    """A job's parameters once a request has brought more.

    What takes one value is replaced, what takes several grows (TAP-143), but not by what it has already: a
    request may come twice. Two values of one name in one request both stay, and where it takes one are a
    mistake of the job when it runs (TAP-025).
    """
    growing = {parameter.name for parameter in service.parameters if parameter.many}
    given = {name: values for name, values in form.values.items() if name not in CONTROLS}
    kept = [(name, value) for name, value in present if name in growing or name not in given]
    known = frozenset(kept)
    fresh = ((name, value) for name, values in given.items() for value in values)
    return (*kept, *(pair for pair in fresh if pair not in known))


def run_id_of(form: Form) -> str | None:
    """The RUNID of a form, where it is one; a wrong one is a mistake of the job (TAP-028)."""
    given = [value for value in form.values.get(RUNID.name, ()) if value.strip()]
    return given[0] if len(given) == 1 and len(given[0]) <= RUNID_LENGTH else None


def no_job() -> ServiceError:
    """404: unknown, deleted, or past its destruction time (UWS-003)."""
    return ServiceError(ErrorKind.NOT_FOUND, "There is no such job.")


@contextmanager
def told_troubles() -> Iterator[None]:
    """Errors of the store, as clients are told of them."""
    try:
        yield
    except TooManyJobs as error:
        raise too_many(error) from error
    except DiskFull as error:
        raise ServiceError(
            ErrorKind.UNAVAILABLE, "There is no room for jobs at the moment.", "Try again later."
        ) from error
    except StoreError as error:
        raise ServiceError(
            ErrorKind.UNAVAILABLE, "The job database does not answer at present.", "Try again in a minute."
        ) from error


def _require(changed: Changed, refusal: str, harmless: Collection[Phase] = ()) -> None:
    """Raises ServiceError where nothing was changed and that is not just as well."""
    if changed.job is None:
        raise no_job()
    if not changed.done and changed.job.phase not in harmless:
        phase = changed.job.phase
        reason = f"The job is {phase}" if phase not in FINAL else f"The job has ended ({phase})"
        raise ServiceError(ErrorKind.FORBIDDEN, f"{reason}. {refusal}.")
