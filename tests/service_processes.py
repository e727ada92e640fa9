"""The commands and the server in processes of their own, as a user runs them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
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


def free_port() -> int:
    """A TCP port of the loopback interface that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start_server(home: Path, port: int, workers: int = 2, **environment: str) -> subprocess.Popen[bytes]:
    """``vo-service serve`` in a process of its own, answering when this returns."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("VO_SERVICE_")}
    command = [sys.executable, "-m", "vo_service.cli", "--home", str(home), "--quiet", "serve"]
    command += ["--port", str(port), "--workers", str(workers)]
    process = subprocess.Popen(
        command,
        env={**clean, "VO_SERVICE_UNLISTED": "open", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise AssertionError(
                f"the server ended with {process.returncode}: {process.communicate()[0].decode()}"
            )
        try:
            if requests.get(f"http://127.0.0.1:{port}/healthz", timeout=5).ok:
                return process
        except requests.RequestException:
            time.sleep(0.1)
    process.kill()
    raise AssertionError("the server did not answer within a minute")
