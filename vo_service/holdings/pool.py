"""Work on many files in processes that may die: a worker killed by one file costs that file alone.

Each worker gets a handful of files at a time and hands back one result after the other, so that memory
stays flat whatever the number of files, and it is always known which file a worker was at when it went.
A worker ends with the process that started it, at whatever file it is, however that one ended.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from typing import Generic, TypeVar

from vo_service.holdings.describe import describe_product
from vo_service.holdings.read import close_packed
from vo_service.holdings.records import FoundFile, Product
from vo_service.pixels.processes import cause_of_end, end_with_parent, forkserver
from vo_service.store import RootPlace

BATCH = 16
"""Files handed to a worker at a time: enough to hide the pipe, few enough to share the work out evenly."""
SECONDS_PER_FILE = 600.0
"""A header that takes longer is stuck in a device or a file system; its worker is ended."""

Progress = Callable[[int], None]
Describe = Callable[[FoundFile, RootPlace], Product]
Item = TypeVar("Item")
Result = TypeVar("Result")


def describe_all(
    files: Iterable[FoundFile],
    roots: Mapping[str, RootPlace],
    workers: int,
    progress: Progress | None = None,
    describe: Describe = describe_product,
    seconds_per_file: float = SECONDS_PER_FILE,
) -> Iterator[Product]:
    """Products of ``files`` (taken lazily) in the order in which they are done; every file gives exactly
    one.

    ``roots`` has the directory or URL of each root name. ``workers`` processes do the work, none (0) means
    this process. ``progress`` is called with the number of files done since its last call. ``describe`` must
    be importable by name. A file at which a worker dies or exceeds ``seconds_per_file`` gives a product with
    error kind ``internal``.
    """
    if workers < 1:
        source: Iterator[Product] = _describe_here(files, roots, describe)
    else:
        work = _Describing(dict(roots), describe)
        source = work_all(files, work, _undescribed, workers, seconds_per_file, BATCH, describe.__module__)
    for product in source:
        if progress is not None:
            progress(1)
        yield product


def _describe_here(
    files: Iterable[FoundFile], roots: Mapping[str, RootPlace], describe: Describe
) -> Iterator[Product]:
    try:
        for found in files:
            yield describe(found, roots[found.root])
    finally:
        close_packed()


@dataclass(frozen=True)
class _Describing:
    """Describes files below the directories of their roots. Can be pickled."""

    roots: Mapping[str, RootPlace]
    describe: Describe

    def __call__(self, found: FoundFile) -> Product:
        return self.describe(found, self.roots[found.root])


def _undescribed(found: FoundFile, lost: Lost) -> Product:
    return Product(file=found, error_kind="internal", error_message=f"{found.path}: {lost.reason}")


@dataclass(frozen=True, slots=True)
class Lost:
    """Why there is no result: the worker died, or was ended since it was ``late``."""

    reason: str
    late: bool


def work_all(
    items: Iterable[Item],
    work: Callable[[Item], Result],
    lose: Callable[[Item, Lost], Result],
    workers: int,
    seconds: float,
    batch: int,
    preload: str,
) -> Iterator[Result]:
    """``work`` on each of ``items`` (taken lazily) by processes; results in the order in which they are
    done.

    Items, results and ``work`` must be fit to be pickled. Workers are handed ``batch`` items at a time and
    have imported the module ``preload`` before. Where a worker dies, or one item takes longer than
    ``seconds``, ``lose`` makes the result.
    """
    return _Crew(iter(items), work, lose, workers, seconds, batch, preload).run()


@dataclass(slots=True)
class _Worker(Generic[Item]):
    """A process, the pipe to it, the items it still has to do, and when it began the first of them (None
    until it has started up).
    """

    process: ForkServerProcess
    pipe: Connection
    items: deque[Item] = field(default_factory=deque)
    began: float | None = None


class _Crew(Generic[Item, Result]):
    """Workers kept busy until the items run out; those that die are replaced."""

    def __init__(
        self,
        items: Iterator[Item],
        work: Callable[[Item], Result],
        lose: Callable[[Item, Lost], Result],
        workers: int,
        seconds: float,
        batch: int,
        preload: str,
    ) -> None:
        self.items = items
        self.returned: deque[Item] = deque()
        self.work = work
        self.lose = lose
        self.size = workers
        self.seconds = seconds
        self.batch = batch
        self.context = forkserver((preload,))
        self.crew: list[_Worker[Item]] = []

    def run(self) -> Iterator[Result]:
        """All results. The workers end with the generator, however it is left."""
        try:
            while self._hire():
                ready = wait([worker.pipe for worker in self.crew], timeout=1.0)
                for worker in [worker for worker in self.crew if worker.pipe in ready]:
                    found = self._receive(worker)
                    if found is not None:
                        yield found[0]
                yield from self._end_late()
        finally:
            for worker in self.crew:
                _stop(worker)
            self.crew.clear()

    def _hire(self) -> bool:
        """Gives every idle worker items, starts workers while there are items for them; whether any work is
        left.
        """
        for worker in self.crew:
            if not worker.items:
                self._give(worker)
        for worker in [worker for worker in self.crew if not worker.items]:
            self.crew.remove(worker)
            _stop(worker)
        while len(self.crew) < self.size:
            batch = self._next_batch()
            if not batch:
                break
            worker = self._start()
            self.crew.append(worker)
            self._give(worker, batch)
        return bool(self.crew)

    def _next_batch(self) -> list[Item]:
        batch = [self.returned.popleft() for _ in range(min(self.batch, len(self.returned)))]
        return batch or list(islice(self.items, self.batch))

    def _give(self, worker: _Worker[Item], batch: list[Item] | None = None) -> None:
        batch = self._next_batch() if batch is None else batch
        if not batch:
            return
        worker.items.extend(batch)
        if worker.began is not None:
            worker.began = time.monotonic()
        with suppress(OSError):  # a worker that has died: _receive finds its pipe at the end
            worker.pipe.send(batch)

    def _start(self) -> _Worker[Item]:
        ours, theirs = self.context.Pipe()
        process = self.context.Process(target=_work, args=(theirs, self.work), daemon=True)
        process.start()
        theirs.close()
        return _Worker(process, ours)

    def _receive(self, worker: _Worker[Item]) -> tuple[Result] | None:
        """The next result of a worker, or that of the item at which it died; None for its first sign of
        life.

        Raises RuntimeError where a worker died before that: no item is to blame.
        """
        try:
            found: tuple[Result] | None = worker.pipe.recv()
        except (EOFError, OSError) as error:
            if worker.began is None:
                worker.process.join()
                raise RuntimeError(
                    f"a worker could not start: it {cause_of_end(worker.process.exitcode)}"
                ) from error
            return (self._bury(worker, None),)
        if found is not None:
            worker.items.popleft()
        worker.began = time.monotonic()
        return found

    def _end_late(self) -> Iterator[Result]:
        """Ends workers that take too long over one item."""
        now = time.monotonic()
        for worker in [each for each in self.crew if each.items and now - (each.began or now) > self.seconds]:
            worker.process.kill()
            yield self._bury(worker, Lost(f"took longer than {self.seconds:g} seconds", late=True))

    def _bury(self, worker: _Worker[Item], lost: Lost | None) -> Result:
        """Takes a dead worker's items back, all but the one it was at, which is lost."""
        worker.process.join()
        self.crew.remove(worker)
        culprit = worker.items.popleft()
        self.returned.extend(worker.items)
        worker.pipe.close()
        died = f"the process that read it {cause_of_end(worker.process.exitcode)}"
        return self.lose(culprit, lost or Lost(died, late=False))


def _stop(worker: _Worker[Item]) -> None:
    worker.pipe.close()
    worker.process.join(timeout=5.0)
    if worker.process.is_alive():
        worker.process.kill()
        worker.process.join()


def _work(pipe: Connection, work: Callable[[Item], Result]) -> None:
    """A worker: batches of items in, one result after the other out, until the pipe closes."""
    end_with_parent()
    pipe.send(None)
    while True:
        try:
            batch: list[Item] = pipe.recv()
        except EOFError:
            return
        for item in batch:
            try:
                pipe.send((work(item),))
            except OSError:
                return  # nobody listens any more
