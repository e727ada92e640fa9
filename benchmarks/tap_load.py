"""Many clients at once, in a process of their own, and the memory of a service meanwhile."""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType

from benchmarks.tap_client import Client, Refused

_SAMPLED = 0.1


def requests_a_second(
    url: str, texts: Sequence[str], clients: int, asked: int, keep: bool
) -> tuple[float, int]:
    """Answered queries a second, and how many were not answered. ``texts`` are asked in turn."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_load, args=(there, url, texts, clients, asked, keep))
    process.start()
    there.close()
    rate, failed = here.recv()
    process.join()
    return rate, failed


def _load(told: Connection, url: str, texts: Sequence[str], clients: int, asked: int, keep: bool) -> None:
    numbers = iter(range(asked))
    lock = threading.Lock()
    answered, failed = [0], [0]

    def work() -> None:
        client = Client(url, keep=keep)
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                client.close()
                return
            try:
                client.query(texts[number % len(texts)])
                with lock:
                    answered[0] += 1
            except (Refused, OSError):
                client.close()
                with lock:
                    failed[0] += 1

    threads = [threading.Thread(target=work) for _ in range(clients)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told.send((answered[0] / (time.perf_counter() - started), failed[0]))


class Memory:
    """The memory of processes, with all below them, while something is done: ``above_idle`` is the largest
    sum of their proportional sizes in MB less that of the beginning; None without processes."""

    def __init__(self, pids: Sequence[int]) -> None:
        self._pids = pids
        self._done = threading.Event()
        self.above_idle: float | None = None

    def __enter__(self) -> Memory:
        if self._pids:
            self._idle = self._most = proportional_mb(self._pids)
            self._thread = threading.Thread(target=self._watch, daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pids:
            self._done.set()
            self._thread.join()
            self.above_idle = self._most - self._idle

    def _watch(self) -> None:
        while not self._done.wait(_SAMPLED):
            self._most = max(self._most, proportional_mb(self._pids))


def proportional_mb(pids: Sequence[int]) -> float:
    """Proportional set size of processes and all below them, in MB. Those that have gone count nothing."""
    return sum(_proportional_kb(pid) for pid in _tree(pids)) / 1024


def _tree(pids: Sequence[int]) -> set[int]:
    found: set[int] = set()
    left = list(pids)
    while left:
        pid = left.pop()
        if pid not in found:
            found.add(pid)
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                try:
                    left.extend(int(child) for child in children.read_text().split())
                except OSError:
                    continue
    return found


def _proportional_kb(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")), 0)
