"""Another command of ours that runs beside a service, while the service answers.

It ends with the service, also where that is killed: it runs through this module, which watches the pipe that
the service holds the other end of.
"""

from __future__ import annotations

import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

_PATIENCE_SECONDS = 10.0


class Behind:
    """A command that can be started once, and is ended with the block that it belongs to."""

    def __init__(self, home: Path, arguments: Sequence[str], log: str) -> None:
        self._command = [sys.executable, "-m", __name__, "--home", str(home), "--quiet", *arguments]
        self._log = home / "logs" / log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process that runs it; None before it was started."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start it, by one process of its own so that the service has the other cores; what it says goes to
        its log under HOME."""
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  (a command of our own)
                self._command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env={**os.environ, "VO_SERVICE_INGEST_WORKERS": "1"},
                start_new_session=True,
            )

    def end(self) -> None:
        """End it, if it still runs: what it has done is kept, the next run goes on from there."""
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
def behind(home: Path, arguments: Sequence[str], log: str) -> Iterator[Behind]:
    """A command to be started within the block, and ended with it."""
    command = Behind(home, arguments, log)
    try:
        yield command
    finally:
        command.end()


def _end_with_pipe() -> None:
    """Ends this process when nobody holds the other end of its standard input any more."""
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    Thread(target=_end_with_pipe, name="end-with-service", daemon=True).start()
    runpy.run_module("vo_service.cli", run_name="__main__", alter_sys=True)
