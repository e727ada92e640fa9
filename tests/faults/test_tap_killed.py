"""kill -9 of the service, and of its workers, while jobs are in each phase: none is lost."""

from __future__ import annotations

import os
import signal
import socket
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from catalogue_troubles import begin_of
from live_service import LARGE, SLOW, SMALL, LiveService, files_below, until


@pytest.fixture(scope="module")
def service(make_service) -> LiveService:
    return make_service(VO_SERVICE_JOB_SLOTS="1").start()


def test_jobs_of_every_phase_outlive_the_server(service: LiveService) -> None:
    # UWS-026: what is queued runs, what ran runs again, what has ended stays
    wrong = service.make_job("SELECT nothing FROM nowhere", PHASE="RUN")
    completed = service.make_job(PHASE="RUN")
    aborted = service.make_job()
    service.command(aborted, "ABORT")
    assert [service.final(job) for job in (wrong, completed, aborted)] == ["ERROR", "COMPLETED", "ABORTED"]
    result = requests.get(f"{completed}/results/result", timeout=60).content
    pending = service.make_job()
    running = [service.make_job(SLOW, PHASE="RUN") for _ in range(2)]
    assert until(lambda: all(service.phase(job) == "EXECUTING" for job in running))
    queued = service.make_job(PHASE="RUN")
    assert service.phase(queued) == "QUEUED"
    service.kill()

    service.start()
    assert service.phase(pending) == "PENDING"
    assert (service.phase(wrong), service.phase(aborted)) == ("ERROR", "ABORTED")
    assert requests.get(f"{completed}/results/result", timeout=60).content == result
    assert until(lambda: all(service.phase(job) == "EXECUTING" for job in running))
    for job in running:
        service.command(job, "ABORT")
    assert service.final(queued) == "COMPLETED"
    service.command(pending, "RUN")
    assert service.final(pending) == "COMPLETED"
    assert requests.get(f"{queued}/results/result", timeout=60).content == result
    assert until(service.is_idle)


def test_a_job_whose_workers_die_runs_once_more_and_then_says_so(service: LiveService) -> None:
    job = service.make_job(SLOW, PHASE="RUN")
    starts = [""]
    for _ in range(2):
        assert until(lambda: service.phase(job) == "EXECUTING" and begin_of(job) not in starts)
        starts.append(begin_of(job))
        for pid in service.workers_now():
            os.kill(pid, signal.SIGKILL)
        assert until(lambda: len(service.workers_now()) == 2)
        assert until(lambda: answers(service))
    assert until(lambda: service.phase(job) == "ERROR", 90)
    document = requests.get(job, timeout=60).text
    assert 'type="transient"' in document and "2 times" in document


def test_a_job_that_is_killed_while_it_writes_begins_its_result_anew(service: LiveService) -> None:
    job = service.make_job(LARGE, PHASE="RUN", MAXREC="1000000")
    assert until(lambda: sum(path.stat().st_size for path in files_of(service, job)) > 1 << 20)
    for pid in service.workers_now():
        os.kill(pid, signal.SIGKILL)
    assert until(lambda: answers(service))
    assert service.final(job) == "COMPLETED"
    rows = requests.get(f"{job}/results/result", timeout=120).content
    assert rows.count(b"\n") == 1_000_001 and rows.endswith(b"\n")
    assert requests.delete(job, timeout=60).ok
    assert until(lambda: files_of(service, job) == [])


def test_a_worker_that_dies_while_it_is_asked_for_its_health_is_replaced_at_once(
    service: LiveService,
) -> None:
    """A stopped process answers no question, so that the supervisor waits for it when it is killed."""
    pids = service.workers_now()
    os.kill(pids[0], signal.SIGSTOP)
    time.sleep(2)  # it asks every half second
    os.kill(pids[0], signal.SIGKILL)
    assert until(lambda: len(set(service.workers_now()) - set(pids)) == 1, 15), (
        "the time for hung ones is 30 s"
    )
    assert pids[1] in service.workers_now()
    assert until(lambda: answers(service))


@pytest.mark.soak
def test_a_worker_that_hangs_is_replaced(make_service) -> None:
    service = make_service().start()
    assert until(service.is_whole)
    time.sleep(2)  # the supervisor has heard of both
    pids = service.workers_now()
    os.kill(pids[0], signal.SIGSTOP)
    assert until(lambda: len(set(service.workers_now()) - set(pids)) == 1, 90)
    assert pids[0] not in service.workers_now()
    service.stop()


def answers(service: LiveService) -> bool:
    try:
        return service.query().ok
    except requests.RequestException:
        return False


def test_no_job_is_lost_when_workers_are_killed_under_load(service: LiveService) -> None:
    """Some workers killed while jobs come and go: each job ends as it should, and nothing is left running."""
    jobs = [service.make_job(PHASE="RUN") for _ in range(5)]
    for turn in range(3):
        pids = service.workers_now()
        os.kill(pids[turn % len(pids)], signal.SIGKILL)
        made = 0
        while made < 5:
            try:
                jobs.append(service.make_job(SMALL, PHASE="RUN"))
                made += 1
            except requests.RequestException:  # the connection was to the killed one
                continue
        assert until(lambda: len(service.workers_now()) == 2)
    assert until(lambda: answers(service))
    ends = {job: service.final(job) for job in jobs}
    done = [job for job in jobs if ends[job] == "COMPLETED"]
    given_up = [job for job in jobs if job not in done]  # two of the three kills may have met the same one
    assert len(given_up) <= 1
    for job in given_up:
        assert ends[job] == "ERROR" and "2 times" in requests.get(job, timeout=60).text
    assert until(service.is_idle)
    assert all(requests.get(f"{job}/results/result", timeout=60).ok for job in done)
    # what an attempt left that was killed goes with its job, or with the hourly sweep
    in_vain = [len(files_of(service, job)) - 1 for job in done]
    assert min(in_vain) == 0 and sum(in_vain) <= 3, "more than the attempts that were killed left files"


def test_the_end_of_the_service_answers_who_waits_and_gives_jobs_back(service: LiveService) -> None:
    """SIGTERM: those that wait hear what is known now, and the job that runs goes back without a mark."""
    job = service.make_job(SLOW, PHASE="RUN")
    assert until(lambda: service.phase(job) == "EXECUTING")
    waiting = [wait_for(service, job) for _ in range(20)]
    assert until(lambda: unread_requests(waiting) == 0)
    for _ in range(10):  # they queue behind those that wait, in both workers
        assert service.phase(job) == "EXECUTING"
    service.stop()
    assert "timeout graceful shutdown exceeded" not in service.log, "waiting requests held the server"
    for connection in waiting:
        with connection:
            assert connection.recv(12) == b"HTTP/1.1 200"
    service.start()
    assert until(lambda: service.phase(job) == "EXECUTING")
    service.stop()  # the second time: as often as a worker must die for the job to end
    service.start()
    assert until(lambda: service.phase(job) == "EXECUTING")
    service.command(job, "ABORT")
    assert service.final(job) == "ABORTED"
    assert until(service.is_idle)
    service.stop()


def wait_for(service: LiveService, job: str) -> socket.socket:
    """A connection on which a change of a job is waited for."""
    connection = socket.create_connection(("127.0.0.1", service.port), timeout=60)
    connection.sendall(f"GET {urlsplit(job).path}?WAIT=60 HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    return connection


def unread_requests(connections: list[socket.socket]) -> int:
    """How many of the connections have sent what the server has not read, or not even accepted yet."""
    # the server's ends, by the port of ours: Linux tells what lies unread in each
    unread = {}
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, _, peer, _, queues, *_ = line.split()
        unread[int(peer.rpartition(":")[2], 16)] = int(queues.rpartition(":")[2], 16)
    return sum(unread.get(connection.getsockname()[1], 1) > 0 for connection in connections)


def files_of(service: LiveService, job: str) -> list[Path]:
    """What lies on disk for a job."""
    return files_below(service.home / "jobs" / job.rpartition("/")[2])
