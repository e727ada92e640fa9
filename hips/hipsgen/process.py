"""A run of hipsgen as a process that is listened to, and that is gone when the block it belongs to is left.

It runs on a leash (`leash.py`), so it is also gone when we are killed, and so is what it wrote for itself.
"""

from __future__ import annotations

import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from hips.hipsgen.errors import HipsgenFailed, HipsgenStopped
from hips.hipsgen.tool import Tool, environment

Stopped = Callable[[], bool]
SILENCE_SECONDS = 600.0
"""Without a sign of life; at work it writes a dot each second."""
_LEASH = Path(__file__).with_name("leash.py")
_LOOK_SECONDS = 0.2
_PATIENCE_SECONDS = 10.0
_MOST_OF_A_LINE = 1 << 20


def never() -> bool:
    """For runs that nobody stops."""
    return False


class Running:
    """A run: `lines` as they come, then `code`, its exit status (128 and the signal that ended it)."""

    def __init__(self, process: subprocess.Popen[bytes], stopped: Stopped, silence: float) -> None:
        self._process = process
        self._stopped = stopped
        self._silence = silence

    @property
    def code(self) -> int:
        """Waits for its end."""
        return self._process.wait()

    def lines(self) -> Iterator[str]:
        """What it says. Raises HipsgenStopped when ``stopped()`` says so, HipsgenFailed after too long a
        silence."""
        assert self._process.stdout is not None
        rest = b""
        for block in self._blocks(self._process.stdout):
            *whole, rest = (rest + block).split(b"\n")
            yield from (line.decode("utf-8", "replace") for line in whole)
            if len(rest) > _MOST_OF_A_LINE:
                raise HipsgenFailed("hipsgen wrote a line without an end")
        if rest:
            yield rest.decode("utf-8", "replace")

    def _blocks(self, pipe: IO[bytes]) -> Iterator[bytes]:
        heard = time.monotonic()
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, selectors.EVENT_READ)
            while True:
                if self._stopped():
                    raise HipsgenStopped("hipsgen was stopped, as its result is no longer wanted")
                if selector.select(_LOOK_SECONDS):
                    block = os.read(pipe.fileno(), 1 << 16)
                    if not block:
                        return
                    heard = time.monotonic()
                    yield block
                elif self._process.poll() is not None and not selector.select(0):
                    return  # the leash is gone, and what it held is ended by who opened this
                elif time.monotonic() - heard > self._silence:
                    raise HipsgenFailed(f"hipsgen was ended after {self._silence:.0f} s without a word")


@contextmanager
def running(
    tool: Tool, words: Sequence[str], folder: Path, stopped: Stopped = never, silence: float = SILENCE_SECONDS
) -> Iterator[Running]:
    """Run it in ``folder``, which names of files in ``words`` are relative to. Raises OSError."""
    private = Path(tempfile.mkdtemp(prefix="hipsgen-", dir=folder)).absolute()
    command = [sys.executable, "-I", "-S", str(_LEASH), str(private), *tool.command(private), *words]
    try:
        process = subprocess.Popen(  # noqa: S603  (our own command)
            command,
            cwd=folder,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield Running(process, stopped, silence)
        finally:
            _end(process)
    finally:
        shutil.rmtree(private, ignore_errors=True)


def _end(process: subprocess.Popen[bytes]) -> None:
    """The leash ends it when its pipe is closed; whatever then is left of its group is killed."""
    assert process.stdin is not None and process.stdout is not None
    with suppress(OSError):
        process.stdin.close()
    with suppress(subprocess.TimeoutExpired):
        process.wait(_PATIENCE_SECONDS)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
