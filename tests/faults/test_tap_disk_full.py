"""A disk that fills up: told in place, nothing else stops, and the room is given back."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import requests
from live_service import LARGE, LiveService, files_below, until


def bytes_in(place: Path) -> int:
    """Size of all files below a directory."""
    total = 0
    for path in files_below(place):
        with suppress(FileNotFoundError):  # it goes at this moment
            total += path.stat().st_size
    return total


@contextmanager
def full(disk: Path) -> Iterator[None]:
    """No room at all on a file system."""
    filler = disk / "filler"
    try:
        with filler.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
            for size in (1 << 20, 1 << 12, 1):
                while True:
                    try:
                        file.write(b"x" * size)
                    except OSError:
                        if size == 1:
                            raise
                        break
        yield
    finally:
        filler.unlink()


@pytest.fixture(scope="module")
def jobs_disk(make_disk) -> Path:
    return make_disk("4m")


@pytest.fixture(scope="module")
def service(make_service, jobs_disk: Path) -> LiveService:
    started = make_service(VO_SERVICE_JOBS_DIRECTORY=str(jobs_disk / "jobs")).start()
    assert until(started.is_whole)
    return started


def test_a_result_that_finds_no_room_fails_its_job_and_no_other(
    service: LiveService, jobs_disk: Path
) -> None:
    job = service.make_job(LARGE, PHASE="RUN", MAXREC="1000000")
    assert service.final(job) == "ERROR"
    document = requests.get(job, timeout=60).text
    assert 'type="transient"' in document and "space" in document.lower()
    assert until(lambda: bytes_in(jobs_disk) < 1 << 20)
    assert service.query().status_code == 200
    after = service.make_job(PHASE="RUN")
    assert service.final(after) == "COMPLETED"
    assert requests.get(f"{after}/results/result", timeout=60).text.startswith("table_name")
    told = requests.get(f"{service.url}/tap/availability", timeout=60).text
    assert "hardly any room" in told


def test_deleting_a_job_gives_its_room_back(service: LiveService, jobs_disk: Path) -> None:
    job = service.make_job(LARGE, PHASE="RUN", MAXREC="4000")
    assert service.final(job) == "COMPLETED"
    used = bytes_in(jobs_disk)
    assert used > 100_000
    assert requests.delete(job, timeout=60).ok
    assert until(lambda: bytes_in(jobs_disk) < used - 100_000)
    service.stop()


@pytest.fixture(scope="module")
def home_disk(make_home_disk) -> Path:
    return make_home_disk("400m")


@pytest.fixture(scope="module")
def cramped(make_service, home_disk: Path) -> LiveService:
    """A service whose whole home is on a disk that will be full."""
    started = make_service(place=home_disk / "home", VO_SERVICE_STALL_SECONDS="1").start()
    assert until(started.is_whole)  # a process cannot lease a snapshot while the disk is full
    return started


def rest_of(connection: socket.socket) -> bytes:
    """All that comes on a connection until its end."""
    pieces = []
    while piece := connection.recv(1 << 20):
        pieces.append(piece)
    return b"".join(pieces)


def read_late(service: LiveService, media_type: str) -> bytes:
    """An answer to a reader who takes nothing of it before the query has ended."""
    with service.connect(
        LARGE, receive_bytes=4096, MAXREC="1000000", RESPONSEFORMAT=media_type
    ) as connection:
        begun = connection.recv(64)
        assert until(service.is_idle)
        return begun + rest_of(connection)


def test_answers_that_find_no_room_for_slow_readers_say_so_or_break_off(
    cramped: LiveService, home_disk: Path
) -> None:
    with full(home_disk):
        told = read_late(cramped, "votable")
        broken = read_late(cramped, "csv")
        answered = cramped.query()
        assert answered.status_code == 200, answered.text
    after_rows = told.rpartition(b"</TABLE>")[2]
    assert b'name="QUERY_STATUS" value="ERROR"' in after_rows and b"</VOTABLE>" in after_rows[-100:]
    assert broken.startswith(b"HTTP/1.1 200") and not broken.endswith(b"\r\n0\r\n\r\n")
    assert read_late(cramped, "csv").endswith(b"\r\n0\r\n\r\n")


def test_a_home_without_room_stops_jobs_and_no_query(cramped: LiveService, home_disk: Path) -> None:
    before = cramped.make_job(PHASE="RUN")
    assert cramped.final(before) == "COMPLETED"
    with full(home_disk):
        answered = cramped.query()
        assert answered.status_code == 200, answered.text
        refused = requests.post(f"{cramped.url}/tap/async", {"QUERY": "SELECT 1 AS one"}, timeout=60)
        assert refused.status_code == 503 and int(refused.headers["Retry-After"]) > 0, refused.text
        assert cramped.phase(before) == "COMPLETED"
        assert requests.delete(before, allow_redirects=False, timeout=60).status_code in (303, 503)
    assert until(lambda: requests.post(f"{cramped.url}/tap/async", {"QUERY": "SELECT 1"}, timeout=60).ok)
    assert cramped.final(cramped.make_job(PHASE="RUN")) == "COMPLETED"


def test_a_process_that_starts_without_room_waits_for_it(cramped: LiveService, home_disk: Path) -> None:
    one, other = cramped.workers_now()
    with full(home_disk):
        os.kill(one, signal.SIGKILL)
        assert until(lambda: one not in cramped.workers_now() and len(cramped.workers_now()) == 2)
        answers = [cramped.query() for _ in range(20)]
        assert {answer.status_code for answer in answers} <= {200, 503}
        assert other in cramped.workers_now() and any(answer.ok for answer in answers)
    assert until(cramped.is_whole, 240)  # the start that fails goes on trying for a while, then comes another
    assert all(cramped.query().ok for _ in range(20))
    cramped.stop()
