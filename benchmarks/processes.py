"""What processes of a service take: their memory, and the bytes that they read."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

_SAMPLED = 0.1


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
    return sum(_figure(pid, "smaps_rollup", "Pss:") for pid in tree(pids)) / 1024


def tree(pids: Sequence[int]) -> set[int]:
    """Processes and all below them."""
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


def chars_read(pids: Sequence[int]) -> int:
    """Bytes that processes and all below them have asked files for and got, from the page cache too."""
    return sum(_figure(pid, "io", "rchar:") for pid in tree(pids))


def forget_peaks(pids: Sequence[int]) -> None:
    """Begin anew with `peak_mb`. Only of processes of one's own, or as root."""
    for pid in tree(pids):
        try:
            Path(f"/proc/{pid}/clear_refs").write_text("5")
        except OSError:
            continue


def resident_mb(pids: Sequence[int]) -> float:
    """Resident memory of processes and all below them, in MB."""
    return sum(_figure(pid, "status", "VmRSS:") for pid in tree(pids)) / 1024


def peak_mb(pids: Sequence[int]) -> float:
    """The most of it that each had, however short, since `forget_peaks`, in MB."""
    return sum(_figure(pid, "status", "VmHWM:") for pid in tree(pids)) / 1024


def _figure(pid: int, file: str, name: str) -> int:
    try:
        text = Path(f"/proc/{pid}/{file}").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in text.splitlines() if line.startswith(name)), 0)
