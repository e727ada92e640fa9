"""A command beside a service: it ends with the service, however that ends."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from live_service import until

from vo_service.commands.behind import behind

SERVICE = """
import sys, time
from pathlib import Path
from vo_service.commands.behind import behind
with behind(Path(sys.argv[1]), [["ingest", sys.argv[1]]], "beside.log") as command:
    command.start()
    print(command.pid, flush=True)
    time.sleep(60)
"""


def wait_for_log(home: Path) -> None:
    """Until the command has said something: it runs."""
    log = home / "logs" / "beside.log"
    end = time.monotonic() + 40.0
    while not (log.exists() and log.stat().st_size):
        assert time.monotonic() < end
        time.sleep(0.1)


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return state.rpartition(")")[2].split()[0] != "Z"


def test_it_ends_with_its_block(tmp_path: Path) -> None:
    with behind(tmp_path, [["no-such-command"]], "beside.log") as command:
        assert command.pid is None
        command.start()
        wait_for_log(tmp_path)
    assert "no-such-command" in (tmp_path / "logs" / "beside.log").read_text()
    command.end()  # a second time does no harm


def test_one_that_fails_does_not_keep_the_next_from_running(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "beside.log"
    with behind(tmp_path, [["no-such-command"], ["runs", "--no-such-option"]], "beside.log") as command:
        command.start()
        assert until(lambda: log.exists() and "no-such-option" in log.read_text())
    said = log.read_text()
    assert 0 <= said.index("no-such-command") < said.index("no-such-option")


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked at in /proc")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_it_ends_with_a_service_that_is_killed(tmp_path: Path, number: signal.Signals) -> None:
    with (tmp_path / "writer.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the ingest waits for it, and does not end by itself
        with subprocess.Popen(
            [sys.executable, "-c", SERVICE, str(tmp_path)], stdout=subprocess.PIPE, text=True
        ) as service:
            assert service.stdout is not None
            pid = int(service.stdout.readline())
            wait_for_log(tmp_path)
            assert is_running(pid)
            service.send_signal(number)
            service.wait()
        end = time.monotonic() + 60.0
        try:
            while is_running(pid):
                assert time.monotonic() < end
                time.sleep(0.05)
        finally:
            if is_running(pid):
                os.kill(pid, signal.SIGKILL)
