"""Which process this is, and whether another one still lives: for locks, leases and the run log."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Process:
    """A process among all hosts that share a catalogue.

    ``host`` tells process-number spaces apart (a container is a host of its own), ``started`` tells a process
    from a later one with the same number (clock ticks since the start of the machine; 0 where not known).
    """

    host: str
    pid: int
    started: int


def this_process() -> Process:
    """The calling process."""
    pid = os.getpid()
    return Process(host=_host(), pid=pid, started=_start_ticks(pid))


def is_dead(process: Process) -> bool:
    """Whether the process is known to have ended; False for those of other hosts, which nobody can see."""
    if process.host != _host():
        return False
    try:
        os.kill(process.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    started = _start_ticks(process.pid)
    return bool(started and process.started) and started != process.started


def _host() -> str:
    """Name of the host with its boot and process-number space, so that neither a restart nor a container with
    the same name is mistaken for this one."""
    marks = [platform.node()]
    try:
        marks.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()[:8])
        marks.append(Path("/proc/self/ns/pid").readlink().name.strip("pid:[]"))
    except OSError:
        pass
    return "/".join(marks)


def _start_ticks(pid: int) -> int:
    try:
        # The name of the command stands in brackets and may hold blanks; the fields after it are plain.
        fields = (
            Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        )
        return int(fields[19])
    except (OSError, IndexError, ValueError):
        return 0
