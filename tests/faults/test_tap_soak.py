"""Load with kills and a full disk for a long time: no job is lost, memory stays flat, nothing is left behind.

VO_SERVICE_SOAK_SECONDS says how long (default 3600); `make soak` runs it.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
import requests
from live_service import LARGE, SLOW, LiveService, files_below, resident_mb, spilled, until

SECONDS = float(os.environ.get("VO_SERVICE_SOAK_SECONDS", "3600"))
KILL_EVERY = 20.0
FILL_EVERY = 90.0
CLIENTS = 8
WRONG = "SELECT nothing FROM nowhere"


class Load:
    """Clients that ask, make jobs and look after them, until they are told to stop.

    Requests may fail where their worker was killed; a job whose making was answered may not be lost.
    """

    def __init__(self, service: LiveService) -> None:
        self.service = service
        self.seen: Counter[str] = Counter()
        self.troubles: list[str] = []
        self.stopping = threading.Event()

    def client(self, number: int) -> None:
        """One client: mostly small queries, some dumps, some that leave, some jobs."""
        chance = random.Random(number)
        while not self.stopping.is_set():
            try:
                self._step(chance.random())
            except (requests.RequestException, OSError):
                self.seen["connection lost"] += 1
            except AssertionError as error:
                self.troubles.append(str(error)[:500])

    def _step(self, chance: float) -> None:
        if chance < 0.5:
            answer = self.service.query()
            self.seen[f"query {answer.status_code}"] += 1
            assert answer.status_code in (200, 429, 503), f"{answer.status_code}: {answer.text}"
        elif chance < 0.6:
            answer = self.service.query(LARGE, MAXREC="20000")
            self.seen[f"dump {answer.status_code}"] += 1
        elif chance < 0.65:
            with self.service.connect(LARGE, receive_bytes=4096, MAXREC="1000000") as connection:
                connection.recv(100)
            self.seen["left"] += 1
        elif chance < 0.72:
            self._look_after(SLOW, {"ABORTED", "ERROR"}, abort=True)
        elif chance < 0.78:
            self._look_after(WRONG, {"ERROR"})
        else:
            self._look_after("SELECT TOP 500 * FROM ivoa.obscore", {"COMPLETED", "ERROR"})

    def _look_after(self, adql: str, allowed: set[str], abort: bool = False) -> None:
        """A job to its end, whatever happens to the service meanwhile."""
        form = {"LANG": "ADQL", "QUERY": adql, "RESPONSEFORMAT": "csv", "PHASE": "RUN"}
        made = requests.post(f"{self.service.url}/tap/async", form, allow_redirects=False, timeout=60)
        if made.status_code != 303:
            self.seen[f"job refused {made.status_code}"] += 1
            assert made.status_code in (429, 503), f"{made.status_code}: {made.text}"
            return
        job = made.headers["Location"]
        deadline = time.monotonic() + 180
        while time.monotonic() < deadline:
            try:
                answer = requests.get(job, {"WAIT": "5"}, timeout=60)
                assert answer.status_code in (200, 503), f"lost: {job} {answer.status_code}"
                phase = next((p for p in ("COMPLETED", "ERROR", "ABORTED") if f">{p}<" in answer.text), "")
                if phase:
                    assert phase in allowed, f"{phase} of {adql}: {answer.text}"
                    assert phase != "ERROR" or adql == WRONG or "transient" in answer.text, answer.text
                    self.seen[f"job {phase}"] += 1
                    self._forget(job)
                    return
                if abort:
                    self.service.command(job, "ABORT")
            except (requests.RequestException, OSError):
                time.sleep(0.2)
        raise AssertionError(f"{job} never ended: {answer.text[:2000]}")

    def _forget(self, job: str) -> None:
        """Delete a job, however often it takes; where the answer to that was lost there is none any more."""
        until(lambda: _is_deleted(job))


def _is_deleted(job: str) -> bool:
    try:
        return requests.delete(job, allow_redirects=False, timeout=60).status_code in (303, 404)
    except (requests.RequestException, OSError):
        return False


def fill(disk: Path) -> None:
    """No room on a file system for five seconds."""
    filler = disk / "filler"
    with filler.open("wb") as file:
        try:
            while True:
                file.write(b"x" * (1 << 16))
                file.flush()
        except OSError:
            time.sleep(5)
    filler.unlink()


def disturb(service: LiveService, disk: Path, load: Load) -> tuple[int, int, list[float]]:
    """Kill workers and fill the disk until the time is over; how often, and the memory each second, in MB."""
    memory: list[float] = []
    kills = fills = 0
    chance = random.Random(1)
    started = killed = filled = time.monotonic()
    while time.monotonic() - started < SECONDS and not load.troubles:
        time.sleep(1)
        if time.monotonic() - killed > KILL_EVERY and service.is_whole():
            os.kill(chance.choice(service.workers_now()), signal.SIGKILL)
            killed, kills = time.monotonic(), kills + 1
        if time.monotonic() - filled > FILL_EVERY:
            fill(disk)
            filled, fills = time.monotonic(), fills + 1
        memory.append(resident_mb(service.workers_now()))
    return kills, fills, memory


def end_all(service: LiveService, disk: Path) -> None:
    """Abort the jobs that no client knows of, since the answer to their making was lost."""
    for place in (disk / "jobs").iterdir():
        service.command(f"{service.url}/tap/async/{place.name}", "ABORT")


def left_over(service: LiveService, disk: Path) -> dict[str, int]:
    """The jobs that have files, and whether they are known (200) or not (404).

    All clients have deleted theirs. Known are those whose making was answered on a connection that broke;
    unknown those whose worker was killed while it deleted them, which are swept later.
    """
    jobs = {path.relative_to(disk / "jobs").parts[0] for path in files_below(disk / "jobs")}
    return {job: requests.get(f"{service.url}/tap/async/{job}", timeout=60).status_code for job in jobs}


@pytest.mark.soak
def test_an_hour_of_load_loses_nothing(make_service, make_disk) -> None:
    disk = make_disk("64m")
    service = make_service(VO_SERVICE_JOBS_DIRECTORY=str(disk / "jobs"), workers=3).start()
    load = Load(service)
    threads = [threading.Thread(target=load.client, args=(n,)) for n in range(CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        kills, fills, memory = disturb(service, disk, load)
    finally:
        load.stopping.set()
        for thread in threads:
            thread.join()
    print(f"\n{dict(load.seen)}; {kills} kills, {fills} full disks; memory up to {max(memory):.0f} MB")
    assert load.troubles == []
    assert kills and fills and load.seen["job COMPLETED"]
    end_all(service, disk)
    assert until(service.is_idle)
    quarter = max(1, len(memory) // 4)
    first, last = max(memory[:quarter]), max(memory[-quarter:])
    assert last < first * 1.5 + 200, f"memory grew from {first:.0f} to {last:.0f} MB"
    lost = load.seen["connection lost"]
    assert until(lambda: len(left_over(service, disk)) <= lost + kills, 90), left_over(service, disk)
    unknown = [job for job, status in left_over(service, disk).items() if status == 200]
    assert len(unknown) <= lost, "jobs are there that no client made"
    assert not spilled(service.home)
    service.stop()
