"""What an operator sets of jobs holds in the service: slots, the directory, jobs of one client."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import httpx
from live_service import until
from starlette.applications import Starlette

from vo_service.app import create_app
from vo_service.settings import Settings
from vo_service.store.jobs import Phase

QUERY = {"LANG": "ADQL", "QUERY": "SELECT TOP 1 * FROM ivoa.obscore", "PHASE": "RUN"}
PART = b"a,b\n1,2\n"


@contextmanager
def service(home: Path, **settings: str) -> Iterator[Starlette]:
    app = create_app(Settings.load(home=home, environ={}, overrides=settings))
    runner = app.state.service.jobs
    runner.start()
    try:
        assert until(lambda: runner._worker is not None)
        yield app
    finally:
        app.state.close()


def post(app: Starlette, **arguments: object) -> httpx.Response:
    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://here:8000") as client:
            return await client.post("/tap/async", data=QUERY, **arguments)  # type: ignore[arg-type]

    return anyio.run(send)


def test_without_slots_jobs_wait_and_a_client_has_only_so_many(tmp_path: Path) -> None:
    with service(tmp_path, job_slots="0", jobs_per_client="2") as app:
        jobs = app.state.service.jobs.jobs
        for _ in range(2):
            made = post(app)
            assert made.status_code == 303
            job = jobs.find(made.headers["Location"].rpartition("/")[2])
            assert job.phase is Phase.QUEUED
        refused = post(app)
        assert refused.status_code == 429  # UWS-041
        assert "Retry-After" in refused.headers
        assert jobs.counts() == {("tap", Phase.QUEUED): 2}


def test_files_of_jobs_lie_where_the_setting_says(tmp_path: Path) -> None:
    shared = tmp_path / "shared" / "jobs"
    with service(tmp_path, job_slots="0", jobs_directory=str(shared)) as app:
        made = post(app, files={"mine": ("mine.csv", PART, "text/csv")})
        place = shared / made.headers["Location"].rpartition("/")[2]
        assert [file.read_bytes() for file in (place / "uploads").iterdir()] == [PART]
    assert not (tmp_path / "jobs").exists()


def test_jobs_that_waited_run_when_there_is_a_slot(tmp_path: Path) -> None:
    with service(tmp_path, job_slots="0") as app:
        job_id = post(app).headers["Location"].rpartition("/")[2]
    with service(tmp_path, job_slots="1") as app:
        jobs = app.state.service.jobs.jobs
        assert until(lambda: jobs.find(job_id).phase not in (Phase.QUEUED, Phase.EXECUTING))
        assert jobs.find(job_id).phase is Phase.ERROR  # there are no data yet, which may pass
        assert jobs.find(job_id).error.transient  # UWS-071
