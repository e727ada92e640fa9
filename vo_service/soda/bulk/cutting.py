"""The tasks of one data set, done: what lies in its files goes from there into a part, what has to be
computed is computed many at a time in a process of its own."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from vo_service.dali.errors import ErrorKind, ServiceAway, ServiceError
from vo_service.dali.sending import LocalBytes, OpenBytes
from vo_service.dali.streams import Cancellation
from vo_service.pixels.cutout.plan import SourceChanged
from vo_service.pixels.processes import WorkLimits
from vo_service.products.datasets import DataSet
from vo_service.products.faults import cannot_be_cut, changed, unreadable
from vo_service.products.many import Fault, ManyResults
from vo_service.products.results import Results, ending_of
from vo_service.products.selection import NoOverlap
from vo_service.products.shelf import Closed
from vo_service.products.wanted import Wanted
from vo_service.products.workshop import Workshop
from vo_service.sky import Region
from vo_service.soda.bulk.gate import Owner, refusal
from vo_service.soda.bulk.parts import Member, Parts
from vo_service.soda.bulk.targets import version_of
from vo_service.soda.bulk.tasks import Outcome, Task, wanted_of
from vo_service.store.disk import disk_errors

_TOGETHER: Final = 16  # results that are computed in one process at first, and wait on the disk
_MOST_TOGETHER: Final = 256
_SMALL: Final = 64 << 20  # bytes of results up to which the next process makes twice as many
_DIGEST_BYTES: Final = 32  # behind a result, as `products.derived` writes it
_EXPECTED: Final = 512  # tasks that are looked at together
_FOLDER: Final = "computed"
_LABEL: Final = 40  # characters of a label in a name
_STRANGE: Final = re.compile(r"[^A-Za-z0-9._+-]+")

Told = Callable[[Task, Outcome], None]


@dataclass(frozen=True, slots=True)
class Cutter:
    """What cuts data sets for a job: ``folder`` is for what waits, ``told`` hears what became of each task.
    ``is_past``: what is known of the data sets may not hold any more; ``anew`` is what is known of one now
    (None where there is no such data set), and whether that is past."""

    results: Results
    workshop: Workshop
    limits: WorkLimits
    parts: Parts
    folder: Path
    as_fits: bool
    cancellation: Cancellation
    told: Told
    is_past: Callable[[], bool]
    anew: Callable[[str], tuple[DataSet | None, Callable[[], bool]]]

    def cut(self, found: DataSet, tasks: Sequence[Task], owner: Owner) -> None:
        """All tasks of a data set, as long as what is known of it holds: nothing is told of the rest. Raises
        ServiceAway, ClientGone, and errors of the disk of the parts."""
        many = self.results.many_of(found)
        waiting: list[tuple[Task, Wanted]] = []
        together = _TOGETHER
        try:
            for start in range(0, len(tasks), _EXPECTED):
                chunk = [(task, self._wanted(task)) for task in tasks[start : start + _EXPECTED]]
                many.expect([shape for _, one in chunk if (shape := _shape_of(one)) is not None])
                for task, wanted in chunk:
                    if self.is_past():
                        return
                    outcome = self._cut_one(many, found, task, wanted, owner, waiting)
                    if outcome is not None:
                        self.told(task, outcome)
                    if len(waiting) == together:
                        is_small = self._compute(many, waiting, owner) < _SMALL
                        together = min(2 * together, _MOST_TOGETHER) if is_small else _TOGETHER
                        waiting.clear()
            self._compute(many, waiting, owner)
        finally:
            many.close()

    def _cut_one(
        self,
        many: ManyResults,
        found: DataSet,
        task: Task,
        wanted: Wanted | ServiceError,
        owner: Owner,
        waiting: list[tuple[Task, Wanted]],
    ) -> Outcome | None:
        """What becomes of a task; None for one that now waits to be computed."""
        if isinstance(wanted, ServiceError):
            return outcome_of(wanted)
        try:
            if version_of(found, wanted.companions) != task.version:
                return _changed(wanted)
            plan = many.plan(wanted, owner.viewer_for(many, wanted))
            if plan is None:
                waiting.append((task, wanted))
                return None
            return self._placed(task, wanted, plan, plan.size)
        except (NoOverlap, Closed, ServiceError) as fault:
            return outcome_of(fault)

    def _wanted(self, task: Task) -> Wanted | ServiceError:
        try:
            return wanted_of(task.pairs, self.as_fits)
        except ServiceError as fault:
            return fault

    def _placed(self, task: Task, wanted: Wanted, handle: OpenBytes, size: int) -> Outcome:
        member = Member(file_name(task, wanted), label_of(task), task.number, _Reading(handle, size), size)
        try:
            return Outcome("done", placed=self.parts.add(member))
        except ValueError as error:
            raise cannot_be_cut(str(error)) from error

    def _compute(self, many: ManyResults, waiting: Sequence[tuple[Task, Wanted]], owner: Owner) -> int:
        """Compute results together, and each by itself where that fails: one of them may be the cause. How
        many bytes they have."""
        allowed = []
        for task, wanted in waiting:
            fault = refusal(owner, many, wanted)
            if fault is None:
                allowed.append((task, wanted))
            else:
                self.told(task, outcome_of(fault))
        if not allowed:
            return 0
        try:
            outcomes = self._computed(many, allowed, owner)
        except ServiceAway:
            raise
        except ServiceError as fault:
            if len(allowed) > 1 and fault.kind not in (ErrorKind.GONE, ErrorKind.CONFLICT):
                return sum(self._compute(many, [one], owner) for one in allowed)
            outcomes = ((task, outcome_of(fault)) for task, _ in allowed)
        size = 0
        for task, outcome in outcomes:
            size += 0 if outcome.placed is None else outcome.placed.size
            self.told(task, outcome)
        return size

    def _computed(
        self, many: ManyResults, waiting: Sequence[tuple[Task, Wanted]], owner: Owner
    ) -> Iterator[tuple[Task, Outcome]]:
        making = many.making([wanted for _, wanted in waiting])
        folder = self.folder / _FOLDER
        with disk_errors("computing cut-outs"):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(mode=0o700)
            faults = self.workshop.run_now(partial(making, folder), self.cancellation, self.limits)
        return self._gathered(many, waiting, owner, faults)

    def _gathered(
        self,
        many: ManyResults,
        waiting: Sequence[tuple[Task, Wanted]],
        owner: Owner,
        faults: Sequence[Fault | None],
    ) -> Iterator[tuple[Task, Outcome]]:
        folder = self.folder / _FOLDER
        found: DataSet | None = None
        is_past = self.is_past
        for place, ((task, wanted), fault) in enumerate(zip(waiting, faults, strict=True)):
            if is_past():  # to compute takes a while: what was made may hold or not
                found, is_past = self.anew(task.dataset or "")
                if found is None:
                    break
                many = self.results.many_of(found)
            if found is not None and version_of(found, wanted.companions) != task.version:
                yield task, _changed(wanted)
                continue
            refused = fault or refusal(owner, many, wanted)  # rights may be gone as well
            yield (
                task,
                self._moved(task, wanted, folder / str(place)) if refused is None else outcome_of(refused),
            )
        shutil.rmtree(folder, ignore_errors=True)

    def _moved(self, task: Task, wanted: Wanted, path: Path) -> Outcome:
        """A result that was computed, in a part."""
        with disk_errors("reading what was computed"):
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        size = os.fstat(descriptor).st_size - _DIGEST_BYTES
        handle = LocalBytes(descriptor, 0, size)
        try:
            return self._placed(task, wanted, handle, size)
        except ServiceError as fault:
            return outcome_of(fault)
        finally:
            handle.close()
            path.unlink(missing_ok=True)


def _changed(wanted: Wanted) -> Outcome:
    which = "The file, or a companion of it," if wanted.companions else "The file"
    return Outcome("error", f"{which} has changed since this job was planned.")


def _shape_of(wanted: Wanted | ServiceError) -> Region | None:
    return None if isinstance(wanted, ServiceError) else wanted.constraints.shape


class _Reading:
    """Bytes of a source: what goes wrong with them is an error of the cut-out, and not of the disk that it is
    written to."""

    def __init__(self, handle: OpenBytes, size: int) -> None:
        self._handle = handle
        self._size = size

    def read_at(self, offset: int, length: int) -> bytes | memoryview:
        try:
            part = self._handle.read_at(offset, length)
        except SourceChanged as error:
            raise changed() from error
        except OSError as error:
            raise unreadable() from error
        if len(part) < min(length, self._size - offset):
            raise changed()
        return part

    def close(self) -> None:
        self._handle.close()


def outcome_of(fault: NoOverlap | Closed | ServiceError) -> Outcome:
    """What a fault makes of a task. Raises ServiceAway where somebody else is at fault, for a while."""
    if isinstance(fault, NoOverlap):
        return Outcome("outside", str(fault))
    if isinstance(fault, Closed):
        return Outcome("forbidden", fault.why)
    if isinstance(fault, ServiceAway):
        raise fault
    state = "forbidden" if fault.kind in (ErrorKind.FORBIDDEN, ErrorKind.UNAUTHENTICATED) else "error"
    return Outcome(state, " ".join(fault.text.split()))  # type: ignore[arg-type]


def label_of(task: Task) -> str:
    """How a cut-out is called in a file: the label of its row, or its data set, in letters that any file may
    have."""
    told = _STRANGE.sub("_", task.label or "").strip("._")[:_LABEL]
    return told or task.dataset or str(task.number)


def file_name(task: Task, wanted: Wanted) -> str:
    """The name of a cut-out's file: that of its row, its label, its data set; no two of a job have the
    same."""
    told = _STRANGE.sub("_", task.label or "").strip("._")[:_LABEL]
    words = (f"{task.row:06}", *((told,) if told else ()), task.dataset or str(task.number))
    return f"{'_'.join(words)}.{ending_of(wanted).removeprefix('cutout.')}"
