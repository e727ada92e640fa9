"""The resources of UWS over HTTP: job list, jobs, and what lies beneath them (UWS 1.1, section 2.2)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from vo_service.dali.addresses import Addresses
from vo_service.dali.errors import ErrorKind, ServiceError
from vo_service.dali.forms import read_body
from vo_service.dali.identity import Identity
from vo_service.dali.leaving import client_left
from vo_service.dali.multipart import BodyLimits
from vo_service.dali.parameters import Form
from vo_service.dali.request_log import request_id, signed
from vo_service.dali.results import JobFile, file_reply, open_file
from vo_service.dali.uws import documents
from vo_service.dali.uws.changes import Caller, JobChanges, Wishes, no_job, told_troubles
from vo_service.dali.uws.listing import (
    ACTION,
    DESTRUCTION,
    DURATION,
    PHASE,
    RUN,
    Filters,
    Wait,
    read_filters,
    read_wait,
    required,
)
from vo_service.dali.uws.runner import JobRunner
from vo_service.dali.uws.work import JobService
from vo_service.store.jobs import Job, ListedJob, StoredResult

T = TypeVar("T")

_THREADS = 16  # requests about jobs that use the database at a time, apart from those of other services
_LOOKS = 3  # for a result whose file goes, since the next attempt has taken it over
_AFTER_DELETION = "LAST=100"  # a client that follows must not get a giant list (UWS-098)


@dataclass(frozen=True, slots=True)
class JobDoor:
    """What all job resources of a process share: addresses, sizes of bodies, the directory where files of
    requests arrive."""

    addresses: Addresses
    body: BodyLimits
    place: Path


class JobHandlers:
    """The handlers of the jobs of one service, with what they need."""

    def __init__(
        self,
        service: JobService,
        runner: JobRunner,
        identity: Identity,
        door: JobDoor,
        clock: Callable[[], datetime],
    ) -> None:
        self._service = service
        self._runner = runner
        self._identity = identity
        self._door = door
        self._changes = JobChanges(service, runner, clock, door.body.body_bytes, door.body.upload_bytes)
        self._threads = CapacityLimiter(_THREADS)
        self._making = CapacityLimiter(1)  # large ones take memory

    def routes(self) -> list[Route]:
        """Where the handlers are mounted."""
        jobs = f"/{self._service.path}"
        job = f"{jobs}/{{job_id}}"
        read, change = ["GET"], ["GET", "POST"]
        return [
            Route(jobs, _by_method(GET=self.jobs, POST=self.create), methods=change),
            Route(
                job, _by_method(GET=self.job, POST=self.act, DELETE=self.delete), methods=[*change, "DELETE"]
            ),
            Route(f"{job}/phase", _by_method(GET=self.phase, POST=self.set_phase), methods=change),
            Route(
                f"{job}/executionduration",
                _by_method(GET=self.duration, POST=self.set_duration),
                methods=change,
            ),
            Route(
                f"{job}/destruction",
                _by_method(GET=self.destruction, POST=self.set_destruction),
                methods=change,
            ),
            Route(f"{job}/quote", self.quote, methods=read),
            Route(f"{job}/owner", self.owner, methods=read),
            Route(f"{job}/error", self.error, methods=read),
            Route(
                f"{job}/parameters",
                _by_method(GET=self.parameters, POST=self.set_parameters),
                methods=change,
            ),
            Route(f"{job}/parameters/{{name:path}}", self.parameter, methods=read),  # parts' names may have /
            Route(f"{job}/results", self.results, methods=read),
            Route(f"{job}/results/{{name}}", self.result, methods=read),
        ]

    async def jobs(self, request: Request) -> Response:
        """The caller's own jobs, newest first (UWS-090 to UWS-099)."""
        filters = read_filters(_query(request))
        owner = self._identity.viewer(request).subject
        address = self._list_address(request)
        # written in the thread too: a list may be long
        return _xml(
            await self._in_thread(lambda: documents.jobs_document(address, self._listed(owner, filters)))
        )

    async def create(self, request: Request) -> Response:
        """A new job (UWS-040)."""
        viewer = self._identity.viewer(request)
        address = self._address(request)
        caller = Caller(viewer, self._identity.client(request), request_id(), address)
        body = await read_body(request, self._door.body, self._door.place)
        form = body.form
        try:
            wishes = Wishes(form.one(RUN) is not None, form.one(DURATION), form.one(DESTRUCTION))
            job = await self._in_thread(lambda: self._changes.create(caller, body, wishes))
        finally:
            body.parts.close()  # those that the job did not keep
        return _see(f"{self._list_address(request)}/{job.job_id}")

    async def job(self, request: Request) -> Response:
        """A job, at once or when it changes (UWS-080 to UWS-089)."""
        wait = read_wait(_query(request)) if request.method == "GET" else None
        job = await self._found(request)
        if wait is not None and job.phase in wait.phases:
            job = await self._changed(request, job, wait)
        return _xml(documents.job_document(self._job_address(request), job))

    async def act(self, request: Request) -> Response:
        """ACTION=DELETE, for clients that cannot send DELETE; nothing else is taken here (DALI-013)."""
        form = await self._control(request)
        required(form, ACTION)
        return await self.delete(request)

    async def delete(self, request: Request) -> Response:
        """No job any more (UWS-116)."""
        job = await self._found(request)
        await self._in_thread(lambda: self._changes.delete(job.job_id))
        return _see(f"{self._list_address(request)}?{_AFTER_DELETION}")

    async def phase(self, request: Request) -> Response:
        """One word."""
        return _text((await self._found(request)).phase.value)

    async def set_phase(self, request: Request) -> Response:
        """RUN or ABORT (UWS-030 to UWS-037)."""
        command = required(await self._control(request), PHASE)
        job = await self._found(request)
        change = self._changes.run if command == "RUN" else self._changes.abort
        await self._in_thread(lambda: change(job.job_id))
        return self._see_job(request)

    async def duration(self, request: Request) -> Response:
        """Seconds that the job may run."""
        return _text(str((await self._found(request)).duration))

    async def set_duration(self, request: Request) -> Response:
        """Other seconds (UWS-115)."""
        asked = required(await self._control(request), DURATION)
        job = await self._found(request)
        await self._in_thread(lambda: self._changes.set_duration(job.job_id, asked))
        return self._see_job(request)

    async def destruction(self, request: Request) -> Response:
        """When the job goes."""
        return _text(documents.time_text((await self._found(request)).destruction))

    async def set_destruction(self, request: Request) -> Response:
        """Another time (UWS-111)."""
        asked = required(await self._control(request), DESTRUCTION)
        job = await self._found(request)
        await self._in_thread(lambda: self._changes.set_destruction(job, asked))
        return self._see_job(request)

    async def quote(self, request: Request) -> Response:
        """When the job is expected to end; empty where nobody knows (UWS-075)."""
        return _text(documents.time_text((await self._found(request)).quote))

    async def owner(self, request: Request) -> Response:
        """Who made the job; empty for anonymous ones (UWS-074)."""
        return _text((await self._found(request)).owner or "")

    async def error(self, request: Request) -> Response:
        """Why the job failed (TAP-124); 404 where it did not."""
        job = await self._found(request)
        error = documents.told_error(job)
        if error is None:
            raise ServiceError(ErrorKind.NOT_FOUND, f"The job has not failed; it is {job.phase}.")
        told = self._service.explain(Form.of(job.parameters), signed(error.message, job.request_id))
        return Response(told.content, headers={"Content-Type": told.media_type, **_NOT_KEPT})

    async def parameters(self, request: Request) -> Response:
        """All parameters."""
        job = await self._found(request)
        return _xml(documents.parameters_document(self._job_address(request), job))

    async def set_parameters(self, request: Request) -> Response:
        """More parameters, or others (TAP-142, TAP-143)."""
        job = await self._found(request)
        body = await read_body(request, self._door.body, self._door.place)
        try:
            await self._in_thread(lambda: self._changes.set_parameters(job.job_id, body))
        finally:
            body.parts.close()  # those that the job did not keep
        return self._see_job(request)

    async def parameter(self, request: Request) -> Response:
        """The text of one parameter, in any case, or a file that came with the job (UWS-046)."""
        job = await self._found(request)
        name = request.path_params["name"]
        for upload in job.uploads:
            if upload.part == name:
                path = self._runner.files.place(job.job_id) / upload.file
                kept = JobFile(path, upload.media_type, upload.size, f'"{path.name}"', None, "upload")
                return await self._file(request, kept, "attachment")
        values = [value for known, value in job.parameters if known == name.upper()]
        if values:
            return _text("\n".join(values))
        raise ServiceError(ErrorKind.NOT_FOUND, "The job has no such parameter.")

    async def results(self, request: Request) -> Response:
        """What the job has made."""
        job = await self._found(request)
        return _xml(documents.results_document(self._job_address(request), job))

    async def result(self, request: Request) -> Response:
        """One result (TAP-147, DALI-015); looked for once more where its file goes meanwhile."""
        name = request.path_params["name"]
        job = await self._found(request)
        result = _named_result(job, name)
        if result.grows and request.method == "HEAD":  # to know its length it would have to be made
            head = Response(headers={"Content-Type": result.media_type, **_NOT_KEPT})
            del head.headers["Content-Length"]
            return head
        for _ in range(_LOOKS):
            answer = await self._sent(request, job, result)
            if answer is not None:
                return answer
            before, job = result, await self._found(request)  # it has ended just now, or goes on elsewhere
            result = _named_result(job, name)
            if result == before and not result.grows:
                raise ServiceError(ErrorKind.NOT_FOUND, "The job has no such file, or no longer.")
        raise ServiceError(
            ErrorKind.UNAVAILABLE, "This result changes at this moment.", "Ask for it once more."
        )

    async def _sent(self, request: Request, job: Job, result: StoredResult) -> Response | None:
        """The answer with a result; None where what it is made of is no longer there."""
        if result.grows:
            content = await self._grown(job, result)
            headers = {"Content-Type": result.media_type, **_NOT_KEPT}
            return None if content is None else Response(content, headers=headers)
        path = self._runner.files.place(job.job_id) / result.file
        name = result.result_id
        saved = name if name.endswith(path.suffix) else f"{name}{path.suffix}"
        made = JobFile(path, result.media_type, result.size, result.etag, job.ended, saved)
        try:
            return await self._file(request, made, "inline")
        except ServiceError as error:
            if error.kind is not ErrorKind.NOT_FOUND:
                raise
            return None

    async def _grown(self, job: Job, result: StoredResult) -> bytes | None:
        """A result as it is at this moment; None where what it is made of is no longer there."""
        make = self._service.growing[result.result_id]
        path = self._runner.files.place(job.job_id) / result.file
        try:
            return await to_thread.run_sync(lambda: make(job, path), limiter=self._making)
        except FileNotFoundError:
            return None

    async def _file(self, request: Request, file: JobFile, disposition: str) -> Response:
        return file_reply(request, file, await to_thread.run_sync(open_file, file), disposition)

    async def _changed(self, request: Request, job: Job, wait: Wait) -> Job:
        """The job as soon as it looks different, or after the wait; nobody is waited for who has left."""
        loop = asyncio.get_running_loop()
        until = loop.time() + wait.seconds
        leaving = asyncio.ensure_future(client_left(request.receive))
        try:
            with self._runner.waiters.on(job.job_id, job.version) as waiter:
                while True:
                    now = await self._found(request)  # once more: what changed before is not told
                    if waiter is None or leaving.done() or _looks(now) != _looks(job):
                        return now
                    waiter.seen = now.version
                    if not await waiter.wait(until - loop.time(), leaving):
                        return now
        finally:
            leaving.cancel()

    async def _found(self, request: Request) -> Job:
        """The job of the address. Raises ServiceError: 404, or 401 or 403 for another's (UWS-118), and for
        one that was made with more rights than the viewer's: its result may tell what they open."""
        job_id = request.path_params["job_id"]
        job = await self._in_thread(lambda: self._find(job_id))
        if job is None or job.service != self._service.name:
            raise no_job()
        viewer = self._identity.viewer(request)
        if job.owner is not None and job.owner != viewer.subject:
            raise self._identity.refusal(request, "This job belongs to somebody else.")
        if not job.scopes <= viewer.scopes:
            raise self._identity.refusal(
                request,
                "This job was made with rights that your token does not have.",
                scope=" ".join(sorted(job.scopes)),
            )
        return job

    def _find(self, job_id: str) -> Job | None:
        with told_troubles():
            return self._service.seen(self._runner.jobs.find(job_id))

    def _listed(self, owner: str | None, filters: Filters) -> tuple[ListedJob, ...]:
        with told_troubles():
            return self._runner.jobs.listed(
                self._service.name, owner, filters.phases, filters.after, filters.last
            )

    async def _control(self, request: Request) -> Form:
        body = await read_body(request, self._door.body, self._door.place)
        body.parts.close()
        return body.form

    async def _in_thread(self, call: Callable[[], T]) -> T:
        return await to_thread.run_sync(call, limiter=self._threads)

    def _address(self, request: Request) -> str:
        return self._door.addresses.of(request)

    def _list_address(self, request: Request) -> str:
        return f"{self._address(request)}/{self._service.path}"

    def _job_address(self, request: Request) -> str:
        return f"{self._list_address(request)}/{request.path_params['job_id']}"

    def _see_job(self, request: Request) -> Response:
        return _see(self._job_address(request))


def _named_result(job: Job, name: str) -> StoredResult:
    for result in job.results:
        if result.result_id == name:
            return result
    raise ServiceError(ErrorKind.NOT_FOUND, "The job has no such result, or not yet.")


_NOT_KEPT = {"Cache-Control": "no-store"}  # a job changes

Handler = Callable[[Request], Awaitable[Response]]


def _by_method(**handlers: Handler) -> Handler:
    """One handler for an address that takes several methods, so that 405 tells all of them."""

    async def handle(request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        return await handlers[method](request)

    return handle


def _query(request: Request) -> Form:
    return Form.of(request.query_params.multi_items())


def _xml(content: bytes) -> Response:
    return Response(content, headers={"Content-Type": "application/xml", **_NOT_KEPT})


def _text(text: str) -> Response:
    return Response(text, media_type="text/plain", headers=_NOT_KEPT)


def _see(address: str) -> Response:
    return Response(status_code=303, headers={"Location": address, **_NOT_KEPT})


def _looks(job: Job) -> Job:
    """The job without what its document does not tell, or what is no change worth an answer."""
    return replace(job, version=0, attempt=0, snapshot=None, started=None)
