"""Processes that make a tree, or this one alone."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any, Protocol

from hips.images.errors import ImagesError
from hips.images.work import Job, begin
from vo_service.pixels.processes import end_with_parent, forkserver

PRELOADED = ("hips.images.work", "hips.images.resample", "reproject")
"""Modules that all processes need. Whoever starts any others before names these to `forkserver` too: each
process of a crew would else take two seconds to load them."""


class Crew(Protocol):
    """Does what it is handed, and tells what is done in the order in which it is."""

    def hand(self, name: object, function: Callable[..., Any], *arguments: object) -> None:
        """Have a function of a module called; ``name`` comes back with what it returns."""
        ...

    def results(self) -> Iterator[tuple[Any, Any]]:
        """Names and results, until nothing is left that was handed in, in between as well. Raises what a
        function raised, and ImagesError where a process died."""
        ...


class _Alone:
    """This process."""

    def __init__(self) -> None:
        self._calls: deque[tuple[object, Callable[..., Any], tuple[object, ...]]] = deque()

    def hand(self, name: object, function: Callable[..., Any], *arguments: object) -> None:
        self._calls.append((name, function, arguments))

    def results(self) -> Iterator[tuple[Any, Any]]:
        while self._calls:
            name, function, arguments = self._calls.popleft()
            yield name, function(*arguments)


class _Pool:
    """Processes, each of which does one thing at a time."""

    def __init__(self, executor: ProcessPoolExecutor) -> None:
        self._executor = executor
        self._done: SimpleQueue[tuple[object, Future[Any]]] = SimpleQueue()
        self._waiting = 0

    def hand(self, name: object, function: Callable[..., Any], *arguments: object) -> None:
        self._waiting += 1
        try:
            future = self._executor.submit(function, *arguments)
        except BrokenProcessPool as error:
            raise _died() from error
        future.add_done_callback(lambda done: self._done.put((name, done)))

    def results(self) -> Iterator[tuple[Any, Any]]:
        while self._waiting:
            name, future = self._done.get()
            self._waiting -= 1
            try:
                found = future.result()
            except BrokenProcessPool as error:
                raise _died() from error
            yield name, found


def _died() -> ImagesError:
    return ImagesError(
        "a process that makes tiles was killed, perhaps for want of memory; fewer processes need less"
    )


@contextmanager
def crew(processes: int, job: Job | None) -> Iterator[Crew]:
    """``processes`` that have a job, ended with the block; one means this process."""
    if processes <= 1:
        begin(job)
        try:
            yield _Alone()
        finally:
            begin(None)
        return
    context = forkserver(PRELOADED)
    pool = ProcessPoolExecutor(processes, mp_context=context, initializer=_begin, initargs=(job,))
    try:
        yield _Pool(pool)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _begin(job: Job | None) -> None:
    end_with_parent()
    begin(job)
