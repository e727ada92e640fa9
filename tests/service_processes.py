"""The commands and the server in processes of their own, as a user runs them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests


def run_command(
    home: Path, *arguments: str, check: bool = True, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run ``vo-service`` as a user would; the environment holds no VO_SERVICE_* but those given."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("VO_SERVICE_")}
    command = [sys.executable, "-m", "vo_service.cli", "--home", str(home), "--quiet", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env={**clean, **environment}, timeout=600)
    if check and done.returncode not in (0, 1):
        raise AssertionError(
            f"{' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
        )
    return done


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers: its first process, its base URL, and the file with all that it says."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])


def start_server(
    home: Path,
    log: Path,
    port: int = 0,
    workers: int = 2,
    sign: str = "healthz",
    **environment: str,
) -> Server:
    """``vo-service serve`` in a process of its own, answering when this returns: with 200 at ``sign``;
    where that comes before it is well, a ``port`` must be given.

    It takes any free port where none is given, and tells it: one looked for beforehand might be taken by
    another test meanwhile. What it says goes behind what is in ``log``: an unread pipe would fill up and hold
    it.
    """
    clean = {k: v for k, v in os.environ.items() if not k.startswith("VO_SERVICE_")}
    command = [sys.executable, "-m", "vo_service.cli", "--home", str(home), "serve"]
    command += ["--port", str(port), "--workers", str(workers)]
    before = log.stat().st_size if log.exists() else 0
    with log.open("ab") as told:
        process = subprocess.Popen(
            command,
            env={**clean, "VO_SERVICE_UNLISTED": "open", **environment},
            stdout=told,
            stderr=subprocess.STDOUT,
        )
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        said = log.read_bytes()[before:].decode(errors="replace")
        if process.poll() is not None:
            raise AssertionError(f"the server ended with {process.returncode}: {said}")
        found = re.search(r"^serving at (http://\S+)$", said, re.M)  # not before it is well
        url = f"http://127.0.0.1:{port}" if port else found and found[1]
        if url:
            try:
                if requests.get(f"{url}/{sign}", timeout=5).ok:
                    return Server(process, url, log)
            except requests.RequestException:
                pass
        time.sleep(0.05)
    end_process(process, log)
    raise AssertionError(f"the server did not answer within two minutes: {log.read_text(errors='replace')}")


def end_process(process: subprocess.Popen[bytes], log: Path, seconds: float = 30.0) -> None:
    """End a process as an operator does, and by force where it does not end so; that is a fault, told with
    its log."""
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()  # the workers of a server end with it
        process.wait()
        said = log.read_text(errors="replace")[-4000:]
        raise AssertionError(f"the process had to be killed {seconds:g} s after SIGTERM: {said}") from None


def first_trouble(log: str) -> str:
    """What stands in a log round its first traceback."""
    place = log.find("Traceback")
    return log[max(0, place - 2000) :][:8000]


@contextmanager
def running_server(home: Path, workers: int = 2, **environment: str) -> Iterator[str]:
    """Base URL of a server that runs while the block does; nothing that looks like a bug may stand in its
    log."""
    with tempfile.TemporaryDirectory(prefix="vo-service-log-") as place:
        server = start_server(home, Path(place) / "server.log", workers=workers, **environment)
        try:
            yield server.url
        finally:
            end_process(server.process, server.log)
        said = server.log.read_text(errors="replace")
        assert "Traceback" not in said, first_trouble(said)
