"""Runs the jobs of one server process, and tells it of every change of a job that matters to it.

Four threads serve all jobs of the process. *job-watch* looks into the database whenever somebody has written
to it: it ends work whose job was aborted, deleted or taken over elsewhere, wakes requests that wait for a
change, and takes waiting jobs into free slots. *job-upkeep* sends the heartbeat and has the jobs of dead
workers run again. *job-sweep* clears away what is past its destruction time: files can take long to go, and
no heartbeat waits for that; *job-settle* puts in order what has ended while nobody ran it, which may take as
long. Each job runs in a thread of its own.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from vo_service.dali.outage import Outage
from vo_service.dali.streams import Cancellation
from vo_service.dali.uws.lifecycle import Execution
from vo_service.dali.uws.settling import Settler
from vo_service.dali.uws.sweeper import Sweeper
from vo_service.dali.uws.waiting import Waiters
from vo_service.dali.uws.work import JobService
from vo_service.store.catalogue import Catalogue
from vo_service.store.changes import Changes
from vo_service.store.errors import DiskFull, StoreError
from vo_service.store.job_files import JobFiles
from vo_service.store.job_queue import JobQueue, Look
from vo_service.store.job_settling import UnsettledJobs
from vo_service.store.jobs import Changed, Claim, Held, Job, JobQuota, Jobs, NewJob, Phase
from vo_service.store.workers import Workers

_log = logging.getLogger(__name__)

_PAUSE_SECONDS = 0.01  # between two looks
_LOOK_SECONDS = 5.0  # at the latest, whether anything was written or not
_STRAY_SECONDS = 5.0
_SNAPSHOT_SECONDS = 0.5
_BEAT_SECONDS = 5.0
_BURY_SECONDS = 1.0
_SETTLE_SECONDS = 5.0
_SWEEP_SECONDS = 30.0
_ORPHANS_SECONDS = 3600.0
_STOP_SECONDS = 5.0


class JobRunner:
    """The jobs of one process. `start` and `stop` belong to the application's lifespan.

    What changes a job goes through here, so that the process hears of its own changes at once. These methods
    block on the database: call them from a thread (`anyio.to_thread`). They raise CatalogueError or DiskFull
    (StoreError), and TooManyJobs from `create` and `run`. Reading is done on `jobs`; requests that wait use
    `waiters`.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        files: JobFiles,
        services: Iterable[JobService],
        slots: int,
        quota: JobQuota,
        clock: Callable[[], datetime],
    ) -> None:
        """``slots``: jobs that this process runs at a time; ``quota``: what one client may have."""
        self.jobs = Jobs(catalogue, clock, quota)
        self.files = files
        self.waiters = Waiters()
        self._queue = JobQueue(catalogue, clock)
        self._workers = Workers(catalogue, clock)
        self._changes = Changes(catalogue)
        self._sweeper = Sweeper(self.jobs, files)
        self._services = {service.name: service for service in services}
        self._settler = Settler(UnsettledJobs(catalogue, clock), files, self._services.values())
        self._clock = clock
        self._lock = threading.Lock()  # guards the next four
        self._worker: str | None = None  # our id, once the database knows it
        self._free = slots
        self._executions: dict[Held, tuple[Execution, threading.Thread]] = {}
        self._stopping = False
        self._woken = threading.Event()
        self._ended = threading.Event()
        self._strays: dict[Held, float] = {}
        self._outage = Outage(_log, "jobs stand still")
        self._threads = (
            threading.Thread(target=self._watch, name="job-watch", daemon=True),
            threading.Thread(target=self._keep_up, name="job-upkeep", daemon=True),
            threading.Thread(target=self._sweep, name="job-sweep", daemon=True),
            threading.Thread(target=self._settle, name="job-settle", daemon=True),
        )
        self._settling = Cancellation()

    @property
    def executing(self) -> int:
        """Jobs that this process runs at this moment."""
        with self._lock:
            return len(self._executions)

    def start(self) -> None:
        """Begin to take jobs and to watch them."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Give back what runs, for others to run, and end. Safe to call twice, and where nothing started."""
        with self._lock:
            if self._stopping:
                return
            self._stopping = True
            running = list(self._executions.values())
        self._ended.set()
        self._settling.cancel()
        self._woken.set()
        try:
            if running:
                self._queue.give_back([execution.held for execution, _ in running])
        except StoreError as error:  # others find them as soon as this process has ended
            _log.warning("running jobs not given back: %s", error)
        for execution, _ in running:
            execution.leave()
        deadline = time.monotonic() + _STOP_SECONDS
        for thread in (*(thread for _, thread in running), *self._threads):
            if thread.ident is not None:
                thread.join(max(0.0, deadline - time.monotonic()))
        try:
            self._workers.leave()
        except StoreError as error:
            _log.warning("worker not signed off: %s", error)
        self._changes.close()

    def create(self, new: NewJob, run: bool) -> Job:
        """Make a job, and start it or have it wait where it is to ``run``."""
        claim = self._reserve() if run else None
        try:
            job = self.jobs.create(new, run, claim)
        except BaseException:
            self._release(claim)
            raise
        self._use(claim, job if job.phase is Phase.EXECUTING else None)
        return job

    def run(self, job_id: str) -> Changed:
        """PHASE=RUN: start a job, or have it wait. One in any other phase than PENDING or HELD stays as it
        is."""
        claim = self._reserve()
        try:
            changed = self.jobs.run(job_id, claim)
        except BaseException:
            self._release(claim)
            raise
        started = changed.done and changed.job is not None and changed.job.phase is Phase.EXECUTING
        self._use(claim, changed.job if started else None)
        return changed

    def abort(self, job_id: str) -> Changed:
        """PHASE=ABORT: end a job; whoever runs it stops within a moment."""
        changed = self.jobs.abort(job_id)
        self._woken.set()
        return changed

    def delete(self, job_id: str) -> bool:
        """Forget a job with all its files, in whatever phase; whether there was one."""
        try:
            found = self.jobs.delete(job_id)
        except DiskFull:  # its files make the room that is wanted to forget it
            self.files.remove(job_id)
            found = self.jobs.delete(job_id)
        self._woken.set()
        try:
            self.files.remove(job_id)
        except StoreError as error:
            _log.warning("files of a job stay until they are swept: %s", error)
        return found

    def set_duration(self, job_id: str, seconds: int) -> Changed:
        """EXECUTIONDURATION, within its limits already (`limits.granted_duration`)."""
        changed = self.jobs.set_duration(job_id, seconds)
        self._woken.set()
        return changed

    def set_destruction(self, job_id: str, when: datetime) -> Changed:
        """DESTRUCTION, within its limits already (`limits.granted_destruction`)."""
        changed = self.jobs.set_destruction(job_id, when)
        self._woken.set()
        return changed

    def _reserve(self) -> Claim | None:
        """A free slot, kept free for the caller; None where there is none."""
        with self._lock:
            if self._stopping or self._worker is None or self._free == 0:
                return None
            ready = self._ready()
            if not ready:
                return None
            self._free -= 1
            return Claim(self._worker, ready)

    def _ready(self) -> frozenset[str]:
        """The services whose jobs may begin now."""
        return frozenset(name for name, service in self._services.items() if service.ready())

    def _use(self, claim: Claim | None, job: Job | None) -> None:
        """Run in a reserved slot the job that was started for it, or free it where none was."""
        if claim is not None and job is not None:
            self._execute(job, claim)
        else:
            self._release(claim)
        self._woken.set()

    def _release(self, claim: Claim | None) -> None:
        if claim is not None:
            with self._lock:
                self._free += 1

    def _execute(self, job: Job, claim: Claim) -> None:
        """Run a job that was just claimed, in the slot that was reserved for it."""
        held = Held(job.job_id, claim.worker, job.attempt)
        execution = Execution(job, held, self._services[job.service], self._queue, self.files)
        thread = threading.Thread(target=self._run, args=(execution,), name="job", daemon=True)
        with self._lock:
            if not self._stopping:
                self._executions[held] = (execution, thread)
                try:
                    thread.start()
                    return
                except RuntimeError:  # the system has no room for another thread
                    del self._executions[held]
                    self._free += 1
        try:
            self._queue.give_back([held])
        except StoreError as error:  # it is a stray then
            _log.warning("a job that cannot be run here was not given back: %s", error)

    def _run(self, execution: Execution) -> None:
        try:
            execution.run()
        finally:
            with self._lock:
                del self._executions[execution.held]
                self._free += 1
            self._woken.set()

    def _watch(self) -> None:
        due = True
        last = 0.0
        ready = self._ready()
        while not self._ended.is_set():
            woken = self._woken.wait(_PAUSE_SECONDS if due else self._changes.seconds)
            self._woken.clear()
            try:
                self._check_times()
                changed = self._changes.seen()  # before the look: what is written during it is seen next time
                now = time.monotonic()
                before, ready = ready, self._ready()
                due = due or woken or changed or ready != before or now - last > _LOOK_SECONDS
                if due and now - last > _PAUSE_SECONDS:  # what comes close together is looked at together
                    self._look()
                    due, last = False, time.monotonic()
                self._name_snapshots()
            except StoreError as error:
                self._outage.note(error)
                self._ended.wait(1.0)
            except Exception:  # the top of a thread that must not end
                _log.exception("watching jobs failed")
                self._ended.wait(1.0)

    def _look(self) -> None:
        with self._lock:
            worker = self._worker
            running = {held: execution for held, (execution, _) in self._executions.items()}
        watched = self.waiters.watched()
        look = self._queue.look(watched, worker, self._ready())
        self.waiters.tell(watched, look.versions)
        for held, execution in running.items():
            execution.check(look.held.get(held.job_id) if held.worker == worker else None)
        if worker is not None:
            self._return_strays(worker, look, running)
            if look.queued:
                self._claim_all()

    def _check_times(self) -> None:
        now = self._clock()
        for execution in self._running():
            execution.check_time(now)

    def _name_snapshots(self) -> None:
        """Short jobs say it when they end, and spare the database this."""
        unnamed = [
            (execution, execution.snapshot)
            for execution in self._running()
            if execution.seconds > _SNAPSHOT_SECONDS and execution.snapshot != execution.named_snapshot
        ]
        if unnamed:
            numbers = {execution.held: number for execution, number in unnamed if number is not None}
            self._queue.name_snapshots(numbers)
            for execution, number in unnamed:
                execution.named_snapshot = number

    def _return_strays(self, worker: str, look: Look, running: Mapping[Held, Execution]) -> None:
        """Give back jobs that we hold and do not run: the database took our claim, its answer was lost."""
        now = time.monotonic()
        held = {Held(job_id, worker, standing.attempt) for job_id, standing in look.held.items()}
        self._strays = {stray: self._strays.get(stray, now) for stray in held - running.keys()}
        old = [stray for stray, since in self._strays.items() if now - since > _STRAY_SECONDS]
        if old:
            self._queue.give_back(old)

    def _claim_all(self) -> None:
        while (claim := self._reserve()) is not None:
            try:
                job = self._queue.claim(claim)
            except BaseException:
                self._release(claim)
                raise
            if job is None:
                self._release(claim)
                return
            self._execute(job, claim)

    def _running(self) -> list[Execution]:
        with self._lock:
            return [execution for execution, _ in self._executions.values()]

    def _keep_up(self) -> None:
        beat = float("-inf")
        while True:
            try:
                now = time.monotonic()
                if now - beat > _BEAT_SECONDS:
                    self._beat()
                    beat = now
                self._workers.bury()
            except StoreError as error:
                self._outage.note(error)
            except Exception:  # the top of a thread that must not end
                _log.exception("the upkeep of jobs failed")
            if self._ended.wait(_BURY_SECONDS):
                return

    def _sweep(self) -> None:
        sweep = orphans = float("-inf")
        while not self._ended.wait(_BURY_SECONDS):
            try:
                now = time.monotonic()
                if self._workers.first and now - sweep > _SWEEP_SECONDS:
                    self._sweeper.sweep()
                    sweep = now
                if self._workers.first and now - orphans > _ORPHANS_SECONDS:
                    self._sweeper.sweep_orphans()
                    orphans = now
            except StoreError as error:
                self._outage.note(error)
            except Exception:  # the top of a thread that must not end
                _log.exception("sweeping jobs failed")

    def _settle(self) -> None:
        while not self._ended.wait(_SETTLE_SECONDS):
            try:
                if self._workers.first:
                    self._settler.settle(self._settling)
            except StoreError as error:
                self._outage.note(error)
            except Exception:  # the top of a thread that must not end
                _log.exception("putting jobs in order failed")

    def _beat(self) -> None:
        """Sign on, or say that we live; sign on anew where others have given us up."""
        if self._worker is not None and self._workers.beat():
            return
        if self._worker is not None:
            _log.warning("this worker was silent for so long that others have taken its jobs")
        joined = self._workers.join()
        with self._lock:
            self._worker = joined
        self._woken.set()
