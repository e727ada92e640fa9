"""Numbers that the server processes of one host share through a file that each maps, each writing its own.

A synchronous query writes no row anywhere; limits for a client and the figures of all workers still hold
across processes. The file has regions: one belongs to one process, which alone writes it, so that no lock is
taken for a count. What a dead process had counted is added to the first region, and its claims vanish with
it. Nothing here has to last: the file may be removed while no server runs.

The places for claims are as many as a region has, whatever the settings let wait in a process: `BoardFull`
beyond that many different clients at a time in one process.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_service.store.disk import disk_errors
from vo_service.store.errors import StoreError
from vo_service.store.processes import Process, is_dead, this_process

CELLS = 192
REGIONS = 600  # more than twice the 256 workers there can be, and the region of the dead
CLAIMANTS = 512  # different clients with a claim in one process at a time
_DEAD = 0  # the region where counts of dead processes are kept
_MARK = 0x766F_626F_6172_6401  # the layout; another one is a file of another version

_HEAD = np.dtype([("mark", "u8"), ("used", "i8")])
_REGION = np.dtype(
    [
        ("pid", "i8"),
        ("started", "i8"),
        ("cells", "f8", (CELLS,)),
        ("who", "u8", (CLAIMANTS,)),
        ("count", "i8", (CLAIMANTS,)),
    ]
)


class BoardFull(StoreError):
    """There are more claimants than the board has places for."""


class Board:
    """This process's region of the board at ``path``, and the sums of all.

    The first ``counters`` cells count up for ever; the others are what holds now, and end with their process.
    Its methods may be called from any thread. Raises StoreError.
    """

    def __init__(self, path: Path, counters: int) -> None:
        self._counters = counters
        self._lock = threading.Lock()
        self._folding = threading.Lock()  # flock keeps processes apart, not threads
        self._places: dict[int, int] = {}  # claimant -> place in the table of claims
        self._host = this_process().host
        with disk_errors("opening the board of the server's processes"):
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            with self._alone():
                size = _HEAD.itemsize + REGIONS * _REGION.itemsize
                if os.fstat(self._descriptor).st_size != size:
                    os.truncate(self._descriptor, 0)
                    # a page without room on the disk would kill the process that counts on it (SIGBUS)
                    os.posix_fallocate(self._descriptor, 0, size)
            whole = np.memmap(path, dtype=np.uint8, mode="r+", shape=(size,))
        self._head: Any = whole[: _HEAD.itemsize].view(_HEAD)
        self._regions: Any = whole[_HEAD.itemsize :].view(_REGION)
        with self._alone():
            self._own = self._settle()
        self._cells: NDArray[np.float64] = self._regions["cells"][self._own]

    def add(self, cell: int, value: float = 1.0) -> None:
        """Count up in a cell of this process."""
        with self._lock:
            self._cells[cell] += value

    def put(self, cell: int, value: float) -> None:
        """Set a cell of this process."""
        self._cells[cell] = value

    def claim(self, client: str) -> int:
        """Claim something for a client; gives the claims that it has now, in all processes.

        Claims of processes that have just died may count too: see `sweep`. Raises BoardFull.
        """
        who = _number(client)
        with self._lock:
            place = self._places.get(who)
            if place is None:
                place = self._free_place()
                self._places[who] = place
                self._regions["count"][self._own, place] = 0
                self._regions["who"][self._own, place] = who
            self._regions["count"][self._own, place] += 1
        return self.claims(client)

    def release(self, client: str) -> None:
        """Give one claim back."""
        who = _number(client)
        with self._lock:
            place = self._places[who]
            self._regions["count"][self._own, place] -= 1
            if self._regions["count"][self._own, place] == 0:
                self._regions["who"][self._own, place] = 0
                del self._places[who]

    def claims(self, client: str) -> int:
        """The claims of a client in all processes."""
        used = int(self._head["used"][0])
        mine = self._regions["who"][1 : used + 1] == np.uint64(_number(client))
        return int(self._regions["count"][1 : used + 1][mine].sum())

    def totals(self) -> NDArray[np.float64]:
        """The cells, summed over all processes (CELLS,)."""
        used = int(self._head["used"][0])
        summed: NDArray[np.float64] = self._regions["cells"][: used + 1].sum(axis=0)
        return summed

    def greatest(self, cell: int) -> float:
        """The highest value of a cell among the processes."""
        return float(self._regions["cells"][1 : int(self._head["used"][0]) + 1, cell].max())

    def processes(self) -> tuple[int, ...]:
        """The numbers of the processes that have a region."""
        used = int(self._head["used"][0])
        return tuple(sorted({int(pid) for pid in self._regions["pid"][1 : used + 1] if pid}))

    def sweep(self) -> None:
        """Take in what dead processes left: their counts go to the first region, the rest is forgotten."""
        with self._alone():
            for region in range(1, int(self._head["used"][0]) + 1):
                if self._is_abandoned(region):
                    self._fold(region)

    def close(self) -> None:
        """Give the region up, its counts to stay. Not to be used afterwards. Safe to call twice."""
        with self._lock:
            if self._descriptor < 0:
                return
            with self._alone():
                self._fold(self._own)
            os.close(self._descriptor)
            self._descriptor = -1

    def _settle(self) -> int:
        """Take a region for this process."""
        if self._head["mark"][0] != _MARK:
            self._regions[:] = np.zeros((), dtype=_REGION)
            self._head["used"] = 0
            self._head["mark"] = _MARK
        process = this_process()
        for region in range(1, REGIONS):
            if self._is_abandoned(region):
                self._fold(region)
            if self._regions["pid"][region] == 0:
                self._regions["started"][region] = process.started
                self._regions["pid"][region] = process.pid
                self._head["used"] = max(region, int(self._head["used"][0]))
                return region
        raise BoardFull("there are more server processes than the board has regions for")

    def _is_abandoned(self, region: int) -> bool:
        pid, started = int(self._regions["pid"][region]), int(self._regions["started"][region])
        return pid != 0 and is_dead(Process(self._host, pid, started))

    def _fold(self, region: int) -> None:
        counted = self._regions["cells"][region, : self._counters]
        self._regions["cells"][_DEAD, : self._counters] += counted
        self._regions[region] = np.zeros((), dtype=_REGION)

    def _free_place(self) -> int:
        free = np.flatnonzero(self._regions["who"][self._own] == 0)
        if not len(free):
            raise BoardFull("there are more clients at a time than the board has places for")
        return int(free[0])

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """No other process takes or clears a region in the block."""
        with self._folding:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(self._descriptor, fcntl.LOCK_UN)


def _number(client: str) -> int:
    """A number for a client that tells nothing of it; never 0."""
    return int.from_bytes(blake2b(client.encode("utf-8"), digest_size=8).digest(), "little") or 1
