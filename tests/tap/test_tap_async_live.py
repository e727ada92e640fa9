"""Jobs against a live server of three workers, each request on a connection of its own: any worker may get
it, and what one does the others know; with each kind of catalogue database."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from live_service import a_second
from lxml import etree
from service_processes import running_server
from tap_jobs import ENDLESS

from vo_service.settings import Settings
from vo_service.store import Catalogue
from vo_service.store.jobs import JobQuota, Jobs

UWS = "{http://www.ivoa.net/xml/UWS/v1.0}"
QUERY = "SELECT TOP 3 dataset_id FROM ivoa.obscore"


class Client:
    """A client of the job list that never uses a connection twice."""

    def __init__(self, address: str, home: Path, catalogue: str) -> None:
        self.address = address
        self.home = home
        self.catalogue = catalogue
        self.list = f"{address}/tap/async"

    def ask(self, method: str, address: str, **arguments: Any) -> requests.Response:
        return requests.request(
            method, address, headers={"Connection": "close"}, timeout=90, allow_redirects=False, **arguments
        )

    def make(self, adql: str = QUERY, **more: str) -> str:
        answer = self.ask("POST", self.list, data={"LANG": "ADQL", "QUERY": adql, **more})
        assert answer.status_code == 303, answer.text
        return answer.headers["Location"]

    def command(self, job: str, word: str) -> int:
        return self.ask("POST", f"{job}/phase", data={"PHASE": word}).status_code

    def phase(self, job: str) -> str:
        return self.ask("GET", f"{job}/phase").text

    def end(self, job: str) -> str:
        """The phase of a job once it is final, told by waiting for it."""
        for _ in range(20):
            answer = self.ask("GET", job, params={"WAIT": "-1"})
            phase = etree.fromstring(answer.content).findtext(f"{UWS}phase")
            if phase in ("COMPLETED", "ERROR", "ABORTED"):
                return phase
        raise AssertionError(f"the job is still {phase}")

    def statements(self) -> int:
        """Statements that the engines of all workers work on."""
        text = self.ask("GET", f"{self.address}/metrics").text
        found = re.search(r"^vo_service_engine_statements_running(?:\{[^}]*\})? ([\d.]+)$", text, re.M)
        assert found is not None, text
        return int(float(found[1]))

    def until(self, holds: Callable[[], bool], seconds: float) -> float:
        """How long it takes until something holds."""
        began = time.monotonic()
        while not holds():
            assert time.monotonic() - began < seconds
            time.sleep(0.02)
        return time.monotonic() - began


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def client(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    make: Callable[..., Settings],
    publish_rows: Callable[[Settings, int, int], None],
) -> Iterator[Client]:
    home = tmp_path_factory.mktemp("live") / "home"
    catalogue = f"sqlite:///{home / 'catalogue.sqlite'}"
    if request.param == "postgresql":
        url: str = request.getfixturevalue("make_database")().owner_url
        catalogue = url.replace("postgresql://", "postgresql+psycopg://", 1)
    publish_rows(make(home, catalogue_url=catalogue), 300, 0)
    settings = {"VO_SERVICE_JOB_SLOTS": "2", "VO_SERVICE_CATALOGUE_URL": catalogue}
    with running_server(home, workers=3, **settings) as address:
        yield Client(address, home, catalogue)


def test_a_job_is_led_through_its_life_by_any_worker(client: Client) -> None:
    # UWS-022, UWS-030, UWS-085, UWS-116: never COMPLETED before the result is there
    for _ in range(10):
        job = client.make()
        assert client.phase(job) == "PENDING"
        assert client.ask("POST", f"{job}/parameters", data={"MAXREC": "2"}).status_code == 303
        assert client.command(job, "RUN") == 303
        assert client.end(job) == "COMPLETED"
        answers = [client.ask("GET", f"{job}/results/result") for _ in range(3)]
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.content for answer in answers}) == 1
        assert client.ask("DELETE", job).status_code == 303
        assert {client.ask("GET", job).status_code for _ in range(3)} == {404}


def test_an_abort_by_any_worker_ends_the_query_within_a_second(client: Client) -> None:
    # UWS-029, UWS-031: seen in the engine; a busy machine may be late now and then
    taken = []
    for _ in range(5):
        job = client.make(ENDLESS, PHASE="RUN")
        client.until(lambda: client.statements() == 1, 60)
        assert client.command(job, "ABORT") == 303
        assert client.phase(job) == "ABORTED"
        taken.append(client.until(lambda: client.statements() == 0, 30))
        assert client.ask("GET", f"{job}/results/result").status_code == 404
    assert min(taken) < a_second()


def test_a_deletion_by_any_worker_ends_the_query_too(client: Client) -> None:
    # UWS-116
    taken = []
    for _ in range(3):
        job = client.make(ENDLESS, PHASE="RUN")
        client.until(lambda: client.statements() == 1, 60)
        assert client.ask("DELETE", job).status_code == 303
        assert client.ask("GET", job).status_code == 404
        taken.append(client.until(lambda: client.statements() == 0, 30))
        place = client.home / "jobs" / job.rpartition("/")[2]
        client.until(lambda of=place: not of.exists(), 30)
    assert min(taken) < a_second()


def test_twenty_runs_at_once_make_one_run(client: Client) -> None:
    # UWS-035, UWS-037
    job = client.make()
    with ThreadPoolExecutor(20) as threads:
        statuses = list(threads.map(lambda _: client.command(job, "RUN"), range(20)))
    assert set(statuses) <= {303, 403}  # those who come after its end are told so
    assert 303 in statuses
    assert client.end(job) == "COMPLETED"
    catalogue = Catalogue.open(client.catalogue)
    found = Jobs(catalogue, lambda: datetime.now(UTC), JobQuota(50, 1000, 10**9)).find(job.rpartition("/")[2])
    catalogue.close()
    assert found is not None and found.attempt == 1


def test_workers_share_the_queue(client: Client) -> None:
    # UWS-036: more jobs than there are slots; each is done once
    jobs = [client.make(PHASE="RUN") for _ in range(20)]
    assert {client.end(job) for job in jobs} == {"COMPLETED"}
    for job in jobs:
        client.ask("DELETE", job)


def test_a_longer_duration_is_heard_by_the_worker_that_runs_the_job(client: Client) -> None:
    # UWS-028, UWS-115
    job = client.make(ENDLESS, PHASE="RUN", EXECUTIONDURATION="600")
    client.until(lambda: client.statements() == 1, 60)
    assert client.ask("POST", f"{job}/executionduration", data={"EXECUTIONDURATION": "1"}).status_code == 303
    began = time.monotonic()
    assert client.end(job) == "ABORTED"
    assert time.monotonic() - began < 60
    assert "1 s" in client.ask("GET", f"{job}/error").text


def test_jobs_do_not_keep_queries_waiting(client: Client) -> None:
    # jobs have slots of their own
    jobs = [client.make(ENDLESS, PHASE="RUN") for _ in range(6)]
    try:
        began = time.monotonic()
        answer = client.ask("GET", f"{client.address}/tap/sync", params={"LANG": "ADQL", "QUERY": QUERY})
        assert answer.status_code == 200
        assert time.monotonic() - began < 60
    finally:
        for job in jobs:
            client.command(job, "ABORT")
    client.until(lambda: client.statements() == 0, 60)
