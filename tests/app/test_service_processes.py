"""How the tests end what they started: nothing is left behind, and what hangs is told."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from service_processes import end_process

STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('I stay', flush=True);"
    "time.sleep(60)"
)


def test_a_process_that_does_not_end_is_killed_and_told_with_its_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as told:
        process = subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=told)
    while not log.read_text():
        assert process.poll() is None
    with pytest.raises(AssertionError, match=r"killed 0\.2 s after SIGTERM: I stay"):
        end_process(process, log, 0.2)
    assert process.returncode == -9


def test_a_process_that_has_ended_is_left_alone(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
        end_process(process, tmp_path / "none")
    assert process.returncode == 0
