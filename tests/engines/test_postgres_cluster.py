"""The cluster of the tests leaves nothing behind, however the process ends that wanted it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from postgres_cluster import Cluster

WANTED = """
import os, sys, time
from pathlib import Path
from postgres_cluster import start_cluster
made = start_cluster(Path(sys.argv[1]), os.getpid())
print(made.directory, made.keeper, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_cluster_ends_with_its_process(postgresql_cluster: Cluster, number: signal.Signals) -> None:
    tests = Path(__file__).resolve().parents[1]
    with subprocess.Popen(
        [sys.executable, "-c", WANTED, postgresql_cluster.binaries],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": str(tests)},
    ) as process:
        assert process.stdout is not None
        directory, keeper = process.stdout.readline().split()
        assert Path(directory, "data", "postmaster.pid").exists()
        postmaster = int(Path(directory, "data", "postmaster.pid").read_text().split()[0])
        process.send_signal(number)
    deadline = time.monotonic() + 30
    while any(Path(place).exists() for place in (directory, f"/proc/{postmaster}", f"/proc/{keeper}")):
        assert time.monotonic() < deadline, "something was left behind"
        time.sleep(0.1)
