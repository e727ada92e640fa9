"""The job of a table: it plans once, does its tasks file by file, shows each part as it closes, and goes on
where it stopped.

What became of a task is said in the journal, some of them at a time: first the bytes are on the disk, then
the line that says so. So a process that ends loses no row, and of work what was not flushed: some tenths of a
second of what lies in the files as it is, of what is computed all that was computed together."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Final, TypeVar

from vo_service.asking.queries import Asker, Queries
from vo_service.asking.uploads import UploadLimits, stored_parts, uploads_of
from vo_service.dali.errors import ServiceAway
from vo_service.dali.parameters import Form
from vo_service.dali.streams import Cancellation
from vo_service.dali.uploads import Fetch
from vo_service.dali.uws.owner import ViewerNow
from vo_service.dali.uws.work import Sink
from vo_service.pixels.processes import WorkLimits
from vo_service.products.datasets import DataSet
from vo_service.products.desk import Desk
from vo_service.products.shelf import Shelf
from vo_service.soda.bulk import status
from vo_service.soda.bulk.asked import BulkAsked, read_bulk
from vo_service.soda.bulk.cutting import Cutter
from vo_service.soda.bulk.gate import Owner, Sight
from vo_service.soda.bulk.limits import BulkLimits
from vo_service.soda.bulk.listing import RunningTables, closed_parts, list_early, running_results
from vo_service.soda.bulk.parts import Framing, Parts, framing_of
from vo_service.soda.bulk.planning import Finding, plan_tasks
from vo_service.soda.bulk.resume import Progress, begin, earlier_attempts, take_over
from vo_service.soda.bulk.rows import read_rows
from vo_service.soda.bulk.targets import Targets, find_targets
from vo_service.soda.bulk.tasks import Outcome, Task
from vo_service.store.disk import disk_errors, remove_tree
from vo_service.store.errors import DiskFull, StoreError
from vo_service.store.jobs import Job, Phase, StoredResult

T = TypeVar("T")

_log = logging.getLogger(__name__)

_LOOKED_UP: Final = 16  # data sets whose files are looked up together
_BATCH: Final = 1024  # tasks for which one look-up is good
_FLUSH_SECONDS: Final = 0.5
_PATIENCE: Final = 120.0  # seconds that a job waits for a database by itself, before it waits once more
_PAUSE: Final = 0.5


class Interrupted(Exception):
    """The work was told to stop."""


@dataclass(frozen=True, slots=True)
class Bulk:
    """What the jobs of tables of a process share. ``fetch`` gets tables from other servers, where that is
    allowed; ``limits`` are of the table, ``bulk_limits`` of what is made of it; ``result_bytes`` of all that
    one job makes."""

    desk: Desk
    shelf: Shelf
    queries: Queries
    viewer_now: ViewerNow
    authority: Callable[[], str]
    clock: Callable[[], datetime]
    limits: UploadLimits
    bulk_limits: BulkLimits
    fetch: Fetch | None
    computing: WorkLimits
    result_bytes: int
    tables: RunningTables = field(default_factory=RunningTables)

    def work(self, job: Job, cancellation: Cancellation, sink: Sink) -> None:
        """All rows of a job. Raises ServiceError for a table or parameters that are wrong as a whole."""
        form = Form.of(job.parameters)
        asked = read_bulk(form, self.bulk_limits)
        run = _Run(self, job, asked, cancellation, sink)
        try:
            run.do(form)
        finally:
            run.leave()

    def status(self, job: Job, path: Path) -> bytes:
        """``status.vot`` of a job that has not ended well, from its journal. Raises OSError."""
        return self.tables.table(job, path)

    def close(self, job: Job, sink: Sink, phase: Phase) -> None:
        """Have what was done listed where a job ends early. Raises StoreError, OSError."""
        list_early(job, sink, phase)


class _Run:
    """One attempt at a job."""

    def __init__(
        self, bulk: Bulk, job: Job, asked: BulkAsked, cancellation: Cancellation, sink: Sink
    ) -> None:
        self._bulk = bulk
        self._job = job
        self._asked = asked
        self._cancellation = cancellation
        self._sink = sink
        self._progress: Progress | None = None
        self._parts: Parts | None = None
        self._shown = 0  # closed parts that are seen
        self._flushed = 0.0
        self._has_progressed = False
        self._owner = Owner(job, bulk.viewer_now)

    @property
    def _known(self) -> Progress:
        assert self._progress is not None
        return self._progress

    @property
    def _framing(self) -> Framing:
        return framing_of(self._asked.make.kind)

    def leave(self) -> None:
        """Close the files; what was not flushed is done again by the next attempt."""
        if self._parts is not None:
            self._parts.leave()
        if self._progress is not None:
            self._progress.journal.close()

    def do(self, form: Form) -> None:
        """The job."""
        earlier = earlier_attempts(self._sink.directory, self._sink.attempt)
        self._progress = take_over(self._job, self._sink.directory, self._sink.attempt)
        if self._progress is None:
            self._progress = begin(self._sink.attempt, self._asked.make)
            self._show_first(earlier)
            self._plan(form)
        else:
            self._show_first(earlier)
        parts = self._parts = Parts(
            self._sink.attempt,
            self._framing,
            self._asked.make.part_bytes,
            self._bulk.result_bytes,
            self._part_closed,
            self._check,
        )
        record = self._known.record
        parts.resume(record.closed, self._known.begun)
        for tasks in _batches(self._left(record.tasks)):
            self._do_batch(tasks, parts)
        parts.close_part()
        self._flush(parts)
        self._conclude()

    def _plan(self, form: Form) -> None:
        """Read the table and find the data sets. Raises ServiceError."""
        bulk, job = self._bulk, self._job
        sources = stored_parts(self._sink.directory, job.uploads)
        (upload,) = uploads_of(form, sources, bulk.limits, self._check, bulk.fetch)
        asker = Asker(
            self._owner.for_everything(), bulk.clock(), job.base_url, job.duration, self._sink.directory
        )
        finding = Finding(self._targets, bulk.queries, asker, self._cancellation)
        rows = list(self._checked(read_rows(upload, self._asked.defaults)))
        tasks = self._patiently(lambda: plan_tasks(self._checked(rows), self._asked.choice, finding))
        progress = self._known
        with disk_errors("writing a plan"):
            progress.journal.plan(tasks)
            progress.journal.flush()
        progress.record.tasks = tasks
        progress.record.is_planned = True
        progress.record.outcomes = {task.number: task.fault for task in tasks if task.fault is not None}
        self._note_progress()

    def _do_batch(self, tasks: Sequence[Task], parts: Parts) -> None:
        """The tasks of some data sets, which are looked up anew whenever the holdings have changed."""
        while left := self._left(tasks):
            sight = self._patiently(lambda: Sight(self._bulk.shelf.snapshot))
            self._do_looked_up(left, parts, sight)

    def _do_looked_up(self, tasks: Sequence[Task], parts: Parts, sight: Sight) -> None:
        cutter = Cutter(
            self._bulk.desk.results,
            self._bulk.desk.workshop,
            self._bulk.computing,
            parts,
            self._sink.attempt,
            self._asked.choice.as_fits,
            self._cancellation,
            self._told,
            sight.is_past,
            self._anew,
        )
        found = self._patiently(lambda: self._targets([task.dataset or "" for task in tasks]))
        for name, group in groupby(tasks, lambda task: task.dataset or ""):
            mine = list(group)
            targets = found[name]
            if targets.fault is not None or not targets.found:
                for task in mine:
                    self._told(task, Outcome("error", targets.fault))
                continue
            self._patiently(partial(self._cut, cutter, targets.found[0].found, mine))

    def _anew(self, name: str) -> tuple[DataSet | None, Callable[[], bool]]:
        """What is known of a data set now, and whether that is past. Raises ServiceAway."""
        sight = self._patiently(lambda: Sight(self._bulk.shelf.snapshot))
        targets = self._patiently(lambda: self._targets([name]))[name]
        is_there = targets.fault is None and targets.found
        return targets.found[0].found if is_there else None, sight.is_past

    def _cut(self, cutter: Cutter, found: DataSet, tasks: Sequence[Task]) -> None:
        """The tasks of one data set, or what is left of them."""
        cutter.cut(found, self._left(tasks), self._owner)

    def _left(self, tasks: Iterable[Task]) -> list[Task]:
        """Those of which nothing is known yet."""
        known = self._known.record.outcomes
        return [task for task in tasks if task.number not in known]

    def _told(self, task: Task, outcome: Outcome) -> None:
        """What became of a task."""
        self._check()
        self._known.record.outcomes[task.number] = outcome
        self._known.journal.did(task.number, outcome)
        is_due = time.monotonic() - self._flushed > _FLUSH_SECONDS
        if self._parts is not None and (is_due or not self._has_progressed):
            self._flush(self._parts)

    def _flush(self, parts: Parts) -> None:
        """What was told so far is true from now on, however this process ends."""
        parts.flush()
        with disk_errors("writing what was done"):
            self._known.journal.flush()
        self._flushed = time.monotonic()
        if not self._has_progressed:
            self._note_progress()
        if self._shown < len(self._known.record.closed):
            self._show()

    def _part_closed(self, number: int, size: int) -> None:
        progress = self._known
        with disk_errors("writing what was done"):
            progress.journal.closed(number, size)
            progress.journal.flush()
        progress.record.closed[number] = size
        self._show()

    def _show(self) -> None:
        """Have the parts seen that are closed; where the database does not answer, another time."""
        try:
            self._sink.show(self._results())
        except StoreError as error:
            _log.warning("parts of a job are not shown yet: %s", error)
        else:
            self._shown = len(self._known.record.closed)

    def _show_first(self, earlier: Iterable[Path]) -> None:
        """From here on the next attempt goes on with what this one does, and nobody needs the ``earlier``
        ones. Raises ServiceAway."""

        def show() -> None:
            try:
                self._sink.show(self._results())
            except DiskFull:
                raise
            except StoreError as error:
                raise ServiceAway("The job database does not answer at present.") from error

        self._patiently(show)
        self._shown = len(self._known.record.closed)
        for place in earlier:
            try:
                remove_tree(place)
            except OSError as error:  # it goes when the job has ended
                _log.warning("an earlier attempt of a job stays for now: %s", error)

    def _note_progress(self) -> None:
        try:
            self._sink.note_progress()
        except StoreError as error:
            _log.warning("progress of a job is not noted: %s", error)
        else:
            self._has_progressed = bool(self._parts)

    def _results(self) -> list[StoredResult]:
        return running_results(self._job, self._sink, self._known.record)

    def _conclude(self) -> None:
        """The job ends well with these results."""
        table = status.status_table(self._known.record, Phase.COMPLETED)
        with self._sink.result(status.ID, status.MEDIA_TYPE, "vot") as file:
            file.write(table)
        self._sink.conclude(
            [self._sink.results[-1], *closed_parts(self._job, self._sink, self._known.record)]
        )

    def _targets(self, texts: Sequence[str]) -> Mapping[str, Targets]:
        return find_targets(self._bulk.shelf, texts, self._bulk.authority(), self._job.base_url)

    def _check(self) -> None:
        if self._cancellation.requested:
            raise Interrupted

    def _checked(self, items: Iterable[T]) -> Iterator[T]:
        for item in items:
            self._check()
            yield item

    def _patiently(self, do: Callable[[], T]) -> T:
        """What ``do`` gives, as soon as that which it asks answers. Raises ServiceAway after a while."""
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                return do()
            except ServiceAway:
                self._check()
                if time.monotonic() > until:
                    raise
            time.sleep(_PAUSE)


def _batches(tasks: Sequence[Task]) -> Iterator[list[Task]]:
    """Tasks, in their order, as many at a time as one look-up of their data sets is good for."""
    batch: list[Task] = []
    names: set[str | None] = set()
    for task in tasks:
        if len(batch) == _BATCH or (len(names) == _LOOKED_UP and task.dataset not in names):
            yield batch
            batch, names = [], set()
        batch.append(task)
        names.add(task.dataset)
    if batch:
        yield batch
