"""Looks at files that lie with other servers, each of which costs a request of which nobody knows how long it
takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import Final, TypeVar

from vo_service.dali.streams import Cancellation

T = TypeVar("T")

_THREADS: Final = 32
_AT_A_TIME: Final = 8  # of one package: a server that does not answer takes no more of the threads
_GLANCE_SECONDS: Final = 0.1  # between two looks whether anybody still waits


class FarLooks:
    """The threads in which all packages of a process look at such files. Those that are given up go on until
    their server answers or its time is over, but there are never more of them."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="far-look")

    def close(self) -> None:
        """End the work; what was not begun is left."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def each(
        self, things: Sequence[T], look: Callable[[T], T], until: float, cancellation: Cancellation
    ) -> Iterator[tuple[int, T]]:
        """What ``look`` makes of each of the things, by its number, as they come; without those that were not
        done at the time ``until`` (of `time.monotonic`), or when nobody waits any more. Raises what ``look``
        raises."""
        left = iter(enumerate(things))
        begun: dict[Future[T], int] = {}
        try:
            while not cancellation.requested and (seconds := until - time.monotonic()) > 0:
                for number, thing in islice(left, _AT_A_TIME - len(begun)):
                    begun[self._threads.submit(look, thing)] = number
                if not begun:
                    return
                done, _ = wait(begun, min(seconds, _GLANCE_SECONDS), FIRST_COMPLETED)
                for each in done:
                    yield begun.pop(each), each.result()
        finally:
            for each in begun:
                each.cancel()
