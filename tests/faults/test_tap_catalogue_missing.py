"""Who begins while the file of the catalogue is away begins no other in its place: commands say what is
missing, a worker is not there before it is."""

from __future__ import annotations

import os
import signal

from catalogue_troubles import moved
from live_service import LiveService, copy_home, until
from service_processes import run_command

NAME = "catalogue.sqlite"


def test_commands_begin_no_other_catalogue(holdings, tmp_path) -> None:
    home = copy_home(holdings.home, tmp_path / "home")
    before = sorted((home / "snapshots").iterdir())
    for place in ("none", "empty"):
        with moved(home, NAME):
            if place == "empty":
                (home / NAME).touch()
            done = run_command(home, "ingest", str(tmp_path), check=False)
            assert done.returncode == 1
            assert "put it back" in done.stderr and "Traceback" not in done.stderr
            assert [file.stat().st_size for file in home.glob(f"{NAME}*")] == [0] * (place == "empty")
    assert sorted((home / "snapshots").iterdir()) == before
    assert run_command(home, "runs").returncode == 0


def test_a_worker_that_ends_meanwhile_is_replaced_when_it_is_back(make_service) -> None:
    service: LiveService = make_service().start()
    assert until(service.is_whole)
    with moved(service.home, NAME):
        pids = service.workers_now()
        os.kill(pids[0], signal.SIGKILL)
        assert until(lambda: "a server process cannot start" in service.log)
        assert service.query().status_code == 200
        assert not (service.home / NAME).exists()
    assert until(service.is_whole, 240)  # the start that fails goes on trying for a while, then comes another
    assert service.final(service.make_job(PHASE="RUN")) == "COMPLETED"
    service.stop()
