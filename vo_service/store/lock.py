"""The lock that lets one process write at a time.

It is an advisory ``flock`` on ``HOME/writer.lock``; the holder's words (command, process, host, since when)
stand in the file. A kernel lock rather than a row in the catalogue, because the kernel frees it in the very
moment in which the holder dies, however it dies: no expiry to wait for and no guess whether somebody still
lives. It lies in HOME because what it guards (drafts and snapshots) lies there, whatever database the
catalogue is in. Forked children (pools of ingest workers) would inherit it and keep it after the death of
their parent, hence the hook that closes it in every child.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from vo_service.store.errors import StoreError, WriterBusy
from vo_service.store.processes import this_process

_POLL_SECONDS = 0.1
_held: set[int] = set()


def _forget_in_child() -> None:
    for handle in _held:
        with suppress(OSError):
            os.close(handle)
    _held.clear()


os.register_at_fork(after_in_child=_forget_in_child)


@contextmanager
def hold_writer_lock(path: Path, holder: str, wait_seconds: float) -> Iterator[None]:
    """Hold the lock at ``path`` for the block; ``holder`` is the command as a person would name it.

    Raises WriterBusy when somebody else still holds it after ``wait_seconds``.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise StoreError(f"{path.name} in the home directory cannot be opened: {error.strerror}") from error
    try:
        _acquire(handle, path, wait_seconds)
        _held.add(handle)
        _write_words(handle, holder)
        try:
            yield
        finally:
            _held.discard(handle)
            with suppress(OSError):  # a full disk must not keep the lock
                os.ftruncate(handle, 0)
    finally:
        os.close(handle)


def _acquire(handle: int, path: Path, wait_seconds: float) -> None:
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise _busy(handle, path) from None
        time.sleep(_POLL_SECONDS)


def _write_words(handle: int, holder: str) -> None:
    process = this_process()
    words = {
        "command": holder,
        "pid": process.pid,
        "host": process.host.partition("/")[0],
        "since": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    with suppress(OSError):  # the words are a courtesy; the lock holds without them
        os.ftruncate(handle, 0)
        os.pwrite(handle, json.dumps(words).encode(), 0)


def _busy(handle: int, path: Path) -> WriterBusy:
    try:
        words = json.loads(os.pread(handle, 4096, 0) or b"{}")
    except (OSError, ValueError):
        words = {}
    return WriterBusy(
        path,
        command=str(words.get("command", "another command")),
        pid=words.get("pid"),
        host=str(words.get("host", "an unknown host")),
        since=str(words.get("since", "a moment ago")),
    )
