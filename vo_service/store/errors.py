"""What can go wrong in the store. Messages are for the person at the keyboard."""

from __future__ import annotations

from enum import Enum
from pathlib import Path


class StoreError(Exception):
    """Anything that the store could not do; nothing has changed when it is raised."""


class CatalogueError(StoreError):
    """The catalogue database cannot be reached, or it is not one of ours."""


class SnapshotConflict(StoreError):
    """Somebody else published a snapshot after the one that this draft was made from."""

    def __init__(self, expected: int | None, found: int | None) -> None:
        super().__init__(
            f"the current snapshot is {_name(found)}, but this change was made on {_name(expected)}: "
            "somebody else has published in between; nothing was changed, run the command again"
        )
        self.expected = expected
        self.found = found


class WriterBusy(StoreError):
    """Another process is writing; ``command``, ``pid``, ``host`` and ``since`` (UTC, ISO 8601) say who."""

    def __init__(self, lock: Path, command: str, pid: int | None, host: str, since: str) -> None:
        process = f"process {pid} on {host}" if pid is not None else "another process"
        super().__init__(
            f"{command} ({process}) has been writing since {since}; wait until it has finished "
            f"(lock: {lock.name} in the home directory)"
        )
        self.command = command
        self.pid = pid
        self.host = host
        self.since = since


class DiskFull(StoreError):
    """The disk (or the quota) is full; the draft is removed and the old snapshot stays current. ``doing``
    completes "no space left while ..."."""

    def __init__(self, doing: str) -> None:
        super().__init__(
            f"no space left on the disk (ENOSPC) while {doing}; nothing was published, "
            "the snapshot before is still current: make room and run the command again"
        )
        self.doing = doing


class Excess(Enum):
    """What a client has too many of."""

    BUSY = "jobs waiting or running"
    UNSTARTED = "jobs that were made and not run"
    KEPT = "jobs"
    BYTES = "bytes of uploads and results of jobs"


class TooManyJobs(StoreError):
    """A client has reached a ``limit``; ``excess`` says of what."""

    def __init__(self, limit: int, excess: Excess) -> None:
        super().__init__(f"there are {limit} {excess.value} of this client already")
        self.limit = limit
        self.excess = excess


class DuplicateKey(StoreError):
    """Rows would have the same primary key; ``table``, ``columns`` and up to three ``examples`` say which."""

    def __init__(
        self, table: str, columns: tuple[str, ...], examples: tuple[tuple[object, ...], ...]
    ) -> None:
        shown = "; ".join(", ".join(map(str, example)) for example in examples)
        super().__init__(f"{table}: {', '.join(columns)} must name one row, but more than one has: {shown}")
        self.table = table
        self.columns = columns
        self.examples = examples


def _name(number: int | None) -> str:
    return "none at all" if number is None else f"number {number}"
