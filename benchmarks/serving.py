"""Our service on a home, in processes of its own."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import service
from benchmarks.tap_client import Client


@dataclass(frozen=True, slots=True)
class Served:
    """A running service: its address, and the process whose memory and reads count with all below it."""

    address: str
    pid: int

    def column(self, adql: str) -> list[str]:
        """The first column of a query."""
        tap = Client(f"{self.address}/tap")
        text = tap.query(adql, kept=True, RESPONSEFORMAT="csv", MAXREC="1000000").body.decode()
        tap.close()
        return [line.partition(",")[0] for line in text.splitlines()[1:]]


@contextmanager
def serving(home: Path, workers: int) -> Iterator[Served]:
    """The service, until the block ends; files that no archive row speaks for are open."""
    log = home.with_name(f"{home.name}.serve.log")
    command = service(home, "serve", "--port", "0", "--workers", str(workers))
    command.remove("--quiet")  # it would not say where
    with log.open("wb") as told:
        process = subprocess.Popen(
            command,
            stdout=told,
            stderr=told,
            env={**os.environ, "VO_SERVICE_UNLISTED": "open"},
        )
    try:
        while not (found := re.search(r"^serving at (http://\S+)$", log.read_text(), re.M)):
            if process.poll() is not None:
                raise RuntimeError(f"the service ended: {log.read_text()[-2000:]}")
            time.sleep(0.1)
        yield Served(found[1], process.pid)
    finally:
        process.terminate()
        process.wait(60)
