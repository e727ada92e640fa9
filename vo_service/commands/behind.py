"""Other commands of ours that run beside a service, one after the other, while the service answers.

They end with the service, also where that is killed: they run through this module, which watches the pipe
that the service holds the other end of.
"""

from __future__ import annotations

import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from threading import Thread

_PATIENCE_SECONDS = 10.0
_NEXT = "--next"
"""Stands before each of the commands."""


class Behind:
    """Commands that can be started once, and are ended with the block that they belong to."""

    def __init__(self, home: Path, commands: Sequence[Sequence[str]], log: str) -> None:
        arguments = [word for command in commands for word in (_NEXT, *command)]
        self._command = [sys.executable, "-m", __name__, "--home", str(home), "--quiet", *arguments]
        self._log = home / "logs" / log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process that runs them; None before it was started."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start them, each by one process of its own so that the service has the other cores; what they say
        goes to their log under HOME. One that fails does not keep the next from running."""
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  (a command of our own)
                self._command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env={**os.environ, "VO_SERVICE_INGEST_WORKERS": "1", "VO_SERVICE_HIPS_PROCESSES": "1"},
                start_new_session=True,
            )

    def end(self) -> None:
        """End what still runs: what was done is kept, the next run goes on from there."""
        if self._process is None:
            return
        with self._process:  # closes the pipe
            self._process.terminate()
            try:
                self._process.wait(_PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


@contextmanager
def behind(home: Path, commands: Sequence[Sequence[str]], log: str) -> Iterator[Behind]:
    """Commands to be started within the block, and ended with it."""
    running = Behind(home, commands, log)
    try:
        yield running
    finally:
        running.end()


def _end_with_pipe() -> None:
    """Ends this process when nobody holds the other end of its standard input any more."""
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _run(words: Sequence[str]) -> int:
    """Run the commands; the highest of their exit codes."""
    shared, *commands = (list(part) for is_word, part in groupby(words, _NEXT.__ne__) if is_word)
    return max(_exit_code([*shared, *command]) for command in commands)


def _exit_code(words: Sequence[str]) -> int:
    sys.argv[1:] = words
    try:
        runpy.run_module("vo_service.cli", run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0
    return 0


if __name__ == "__main__":
    Thread(target=_end_with_pipe, name="end-with-service", daemon=True).start()
    sys.exit(_run(sys.argv[1:]))
