"""Describing many files in processes that may die: a worker killed by one file costs that file alone.

Each worker gets a handful of files at a time and hands back one product after the other, so that memory
stays flat whatever the number of files, and it is always known which file a worker was at when it went.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from signal import Signals

from vo_service.holdings.describe import describe_product
from vo_service.holdings.records import FoundFile, Product

BATCH = 16
"""Files handed to a worker at a time: enough to hide the pipe, few enough to share the work out evenly."""
SECONDS_PER_FILE = 600.0
"""A header that takes longer is stuck in a device or a file system; its worker is ended."""

Progress = Callable[[int], None]
Describe = Callable[[FoundFile, Path], Product]


def describe_all(
    files: Iterable[FoundFile],
    roots: Mapping[str, Path],
    workers: int,
    progress: Progress | None = None,
    describe: Describe = describe_product,
    seconds_per_file: float = SECONDS_PER_FILE,
) -> Iterator[Product]:
    """Products of ``files`` (taken lazily) in the order in which they are done; every file gives exactly
    one.

    ``roots`` has the directory of each root name. ``workers`` processes do the work, none (0) means this
    process. ``progress`` is called with the number of files done since its last call. ``describe`` must be
    importable by name. A file at which a worker dies or exceeds ``seconds_per_file`` gives a product with
    error kind ``internal``.
    """
    if workers < 1:
        source: Iterator[Product] = (describe(found, roots[found.root]) for found in files)
    else:
        source = _Crew(iter(files), roots, workers, describe, seconds_per_file).run()
    for product in source:
        if progress is not None:
            progress(1)
        yield product


@dataclass(slots=True)
class _Worker:
    """A process, the pipe to it, the files it still has to do, and when it began the first of them (None
    until it has started up).
    """

    process: ForkServerProcess
    pipe: Connection
    files: deque[FoundFile] = field(default_factory=deque)
    began: float | None = None


class _Crew:
    """Workers kept busy until the files run out; those that die are replaced."""

    def __init__(
        self,
        files: Iterator[FoundFile],
        roots: Mapping[str, Path],
        workers: int,
        describe: Describe,
        seconds: float,
    ) -> None:
        self.files = files
        self.returned: deque[FoundFile] = deque()
        self.roots = dict(roots)
        self.size = workers
        self.describe = describe
        self.seconds = seconds
        self.context: ForkServerContext = get_context("forkserver")
        self.context.set_forkserver_preload([describe.__module__])
        self.crew: list[_Worker] = []

    def run(self) -> Iterator[Product]:
        """All products. The workers end with the generator, however it is left."""
        try:
            while self._hire():
                ready = wait([worker.pipe for worker in self.crew], timeout=1.0)
                for worker in [worker for worker in self.crew if worker.pipe in ready]:
                    product = self._receive(worker)
                    if product is not None:
                        yield product
                yield from self._end_late()
        finally:
            for worker in self.crew:
                _stop(worker)
            self.crew.clear()

    def _hire(self) -> bool:
        """Gives every idle worker files, starts workers while there are files for them; whether any work is
        left.
        """
        for worker in self.crew:
            if not worker.files:
                self._give(worker)
        for worker in [worker for worker in self.crew if not worker.files]:
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

    def _next_batch(self) -> list[FoundFile]:
        batch = [self.returned.popleft() for _ in range(min(BATCH, len(self.returned)))]
        return batch or list(islice(self.files, BATCH))

    def _give(self, worker: _Worker, batch: list[FoundFile] | None = None) -> None:
        batch = self._next_batch() if batch is None else batch
        if not batch:
            return
        worker.files.extend(batch)
        if worker.began is not None:
            worker.began = time.monotonic()
        with suppress(OSError):  # a worker that has died: _receive finds its pipe at the end
            worker.pipe.send(batch)

    def _start(self) -> _Worker:
        ours, theirs = self.context.Pipe()
        process = self.context.Process(target=_work, args=(theirs, self.roots, self.describe), daemon=True)
        process.start()
        theirs.close()
        return _Worker(process, ours)

    def _receive(self, worker: _Worker) -> Product | None:
        """The next product of a worker, or that of the file at which it died; None for its first sign of
        life.

        Raises RuntimeError where a worker died before that: no file is to blame.
        """
        try:
            product: Product | None = worker.pipe.recv()
        except (EOFError, OSError) as error:
            if worker.began is None:
                worker.process.join()
                raise RuntimeError(
                    f"a worker could not start: it {_cause(worker.process.exitcode)}"
                ) from error
            return self._bury(worker, "")
        if product is not None:
            worker.files.popleft()
        worker.began = time.monotonic()
        return product

    def _end_late(self) -> Iterator[Product]:
        """Ends workers that take too long over one file."""
        now = time.monotonic()
        for worker in [each for each in self.crew if each.files and now - (each.began or now) > self.seconds]:
            worker.process.kill()
            yield self._bury(worker, f"took longer than {self.seconds:g} seconds")

    def _bury(self, worker: _Worker, reason: str) -> Product:
        """Takes a dead worker's files back, all but the one it was at, which gets an error."""
        worker.process.join()
        self.crew.remove(worker)
        culprit = worker.files.popleft()
        self.returned.extend(worker.files)
        worker.pipe.close()
        message = reason or f"the process that read it {_cause(worker.process.exitcode)}"
        return Product(file=culprit, error_kind="internal", error_message=f"{culprit.path}: {message}")


def _cause(code: int | None) -> str:
    if code is not None and code < 0:
        return f"was ended by signal {Signals(-code).name}"
    return f"ended with exit code {code}"


def _stop(worker: _Worker) -> None:
    worker.pipe.close()
    worker.process.join(timeout=5.0)
    if worker.process.is_alive():
        worker.process.kill()
        worker.process.join()


def _work(pipe: Connection, roots: Mapping[str, Path], describe: Describe) -> None:
    """A worker: batches of files in, one product after the other out, until the pipe closes."""
    pipe.send(None)
    while True:
        try:
            batch: list[FoundFile] = pipe.recv()
        except EOFError:
            return
        for found in batch:
            try:
                pipe.send(describe(found, roots[found.root]))
            except OSError:
                return  # nobody listens any more
