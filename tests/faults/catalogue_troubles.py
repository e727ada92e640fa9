"""Jobs in every phase, what is asked of their service without its catalogue, and what became of them."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests
from live_service import LARGE, SLOW, LiveService, until

ROWS = 400_000
UNHEARD = "job end not written yet"
SECONDS = 60.0  # that no answer may take longer than, however busy the machine is


@dataclass(frozen=True)
class Working:
    """Jobs of each kind, and a request that waits for the queued one."""

    pending: str
    endless: tuple[str, ...]
    begun: tuple[str, ...]  # when the endless ones were
    short: str  # its time is over ten seconds after it has begun
    writing: str
    queued: str
    waiter: threading.Thread
    waited: list[requests.Response]
    unheard: int  # how many jobs had ended, before all this, without being able to say so


def post_job(service: LiveService, **form: str) -> requests.Response:
    """The answer to a new job, whatever it is."""
    asked = {"LANG": "ADQL", "QUERY": "SELECT 1 AS one", **form}
    return requests.post(f"{service.url}/tap/async", asked, allow_redirects=False, timeout=SECONDS)


def is_refused(answer: requests.Response, status: int) -> bool:
    """Whether a request was answered with that status, and with when to come again."""
    return answer.status_code == status and int(answer.headers.get("Retry-After", 0)) > 0


def get(address: str, **query: str) -> requests.Response:
    """An answer over a connection of its own."""
    return requests.get(address, query, headers={"Connection": "close"}, timeout=SECONDS)


def background(get: Callable[[], requests.Response]) -> tuple[threading.Thread, list[requests.Response]]:
    """A request that goes on by itself, and where its answer will be."""
    answers: list[requests.Response] = []
    thread = threading.Thread(target=lambda: answers.append(get()))
    thread.start()
    return thread, answers


@contextmanager
def moved(home: Path, *files: str) -> Iterator[Path]:
    """The files lie elsewhere for the block; what lies in their place at its end is overwritten."""
    aside = home / "aside"
    aside.mkdir()
    for file in files:
        (home / file).rename(aside / file)
    try:
        yield aside
    finally:
        for file in reversed(files):  # the database last: until then nobody opens it beside its log
            (aside / file).replace(home / file)
        aside.rmdir()


def start_jobs(service: LiveService) -> Working:
    """Jobs in every phase, on a service with two workers of two slots each."""
    pending = service.make_job()
    endless = tuple(service.make_job(SLOW, PHASE="RUN") for _ in range(2))
    short = service.make_job(SLOW, PHASE="RUN", EXECUTIONDURATION="10")
    writing = service.make_job(LARGE, PHASE="RUN", MAXREC=str(ROWS))
    assert until(lambda: all(begin_of(job) for job in (*endless, short, writing)))
    queued = service.make_job(PHASE="RUN")
    waiter, waited = background(lambda: requests.get(queued, {"WAIT": "60"}, timeout=3 * SECONDS))
    begun = tuple(map(begin_of, endless))
    unheard = service.log.count(UNHEARD)
    return Working(pending, endless, begun, short, writing, queued, waiter, waited, unheard)


def check_without_catalogue(service: LiveService, jobs: Working) -> None:
    """Queries go on; requests about jobs are refused at once, in words; figures and notes say so."""
    for _ in range(4):  # by each worker, with luck
        assert service.query().status_code == 200
        check_refusal(service, post_job(service, PHASE="RUN"))
    for job in (jobs.pending, jobs.queued, jobs.endless[0]):
        for address in (job, f"{job}/phase", f"{job}/results"):
            check_refusal(service, get(address))
        check_refusal(service, requests.post(f"{job}/phase", {"PHASE": "ABORT"}, timeout=SECONDS))
        check_refusal(service, requests.delete(job, timeout=SECONDS))
    assert until(lambda: "jobs are not taken" in get(f"{service.url}/tap/availability").text)
    assert get(f"{service.url}/healthz").status_code == 200, "queries are answered"
    assert service.metric("vo_service_catalogue_answers") == 0
    assert until(lambda: service.log.count(UNHEARD) > jobs.unheard), (
        "a job that ends says so until it is heard"
    )
    assert "vo_service_jobs{" not in get(f"{service.url}/metrics").text, "nobody knows how many there are"


def check_refusal(service: LiveService, refused: requests.Response) -> None:
    """503, when to come again, and nothing that is no business of the client's."""
    assert is_refused(refused, 503), f"{refused.status_code}: {refused.text}"
    assert "job database does not answer" in refused.text
    assert "Traceback" not in refused.text and str(service.home) not in refused.text


def check_nothing_was_lost(service: LiveService, jobs: Working) -> None:
    """The catalogue is back: what ended meanwhile says so, what ran runs on, what waited runs."""
    assert until(lambda: get(jobs.queued).status_code == 200)
    assert until(lambda: post_job(service).status_code == 303)
    assert service.final(jobs.short) == "ABORTED"
    assert service.final(jobs.writing) == "COMPLETED"
    assert get(f"{jobs.writing}/results/result").content.count(b"\n") == ROWS + 1
    assert service.final(jobs.queued) == "COMPLETED"
    jobs.waiter.join(3 * SECONDS)
    assert [answer.status_code for answer in jobs.waited] in ([200], [503])
    assert tuple(map(begin_of, jobs.endless)) == jobs.begun, "they ran on"
    for job in jobs.endless:
        service.command(job, "ABORT")
        assert service.final(job) == "ABORTED"
    service.command(jobs.pending, "RUN")
    assert service.final(jobs.pending) == "COMPLETED"
    assert until(service.is_idle)
    assert until(lambda: "jobs are not taken" not in get(f"{service.url}/tap/availability").text)
    assert service.metric("vo_service_catalogue_answers") == 1
    assert "Traceback" not in service.log


def begin_of(job: str) -> str:
    """When a job's present attempt began; empty while none has."""
    found = re.search(r"<uws:startTime>(.*?)</uws:startTime>", get(job).text)
    return found[1] if found else ""
