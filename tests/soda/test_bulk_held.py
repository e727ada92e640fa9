"""Bulk jobs that are looked at, or ended, before all is done: the last of their files lie behind a web server
that takes its time until a test lets it go, so that no machine is too fast."""

from __future__ import annotations

import io
import random
from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from typing import Final

import pytest
import requests
from astropy.io import fits
from bulk_client import BulkJob, Row, as_csv, cuts_of, is_valid, upload
from large_cubes import soda_id, write_cube
from live_service import FINAL, LiveService, until
from service_processes import run_command
from slow_webs import Brake
from web_servers import Web, serve

QUICK: Final = 60
SLOW: Final = 100  # of which each takes half a second, until they are let go
ROWS: Final = QUICK + SLOW
PARTSIZE: Final = str(1 << 20)  # some part closes with the quick rows
COLUMNS: Final = ("name", "id", "ra", "dec", "radius")
NAMES: Final = ("a.fits", "b.fits", "c.fits", "slow.fits")


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    place = tmp_path_factory.mktemp("held-cubes")
    for number, name in enumerate(NAMES):
        write_cube(place / name, 64, 4, range(4), seed=10 * number)
    with serve(place) as web:
        yield web


@pytest.fixture(scope="module")
def service(web: Web, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveService]:
    home = tmp_path_factory.mktemp("held-home") / "home"
    run_command(home, "ingest", "--no-pixels", f"{web.url}/")
    service = LiveService(home).start()
    yield service
    service.stop()


@pytest.fixture
def brake(web: Web) -> Iterator[Brake]:
    """Holds back whoever reads the slow file."""
    brake = Brake(web, NAMES[-1])
    yield brake
    brake.let_go()  # whatever still runs


def row(service: LiveService, web: Web, name: str, number: int) -> tuple[object, ...]:
    """A circle of 38 pixels across in the middle of a cube."""
    lon, lat = 204.25 - 31e-5 / 0.867, -29.87 + (31 + number % 3) * 1e-5
    return (f"s{number}", soda_id(service, web.folder / name), repr(lon), repr(lat), repr(19e-5))


def rows_of(service: LiveService, web: Web) -> bytes:
    """Rows that are done at once, and then such that take their time."""
    rows = [row(service, web, NAMES[0] if n < QUICK else NAMES[-1], n) for n in range(ROWS)]
    return as_csv(COLUMNS, rows)


def test_there_is_a_table_of_states_before_the_job_is_begun(service: LiveService, web: Web) -> None:
    files = {"table": ("t.csv", rows_of(service, web))}
    form = {"UPLOAD": "mine,param:table"}
    made = requests.post(f"{service.url}/soda/async", form, files=files, allow_redirects=False, timeout=60)
    job = BulkJob(made.headers["Location"])
    for phase in ("PENDING", "ABORTED"):
        assert job.phase == phase
        assert list(job.results()) == ["status.vot"] and job.states() == []
        told = job.get(job.results()["status.vot"])
        assert f'name="phase" value="{phase}"' in told.text and 'name="planned" value="no"' in told.text
        assert is_valid(told.content) and told.headers["Cache-Control"] == "no-store"
        requests.post(f"{job.address}/phase", {"PHASE": "ABORT"}, timeout=60)
    alone = requests.post(f"{service.url}/soda/async", {"ID": "x"}, allow_redirects=False, timeout=60)
    assert BulkJob(alone.headers["Location"]).results() == {}, "a job without a table has no rows"


def test_the_table_of_states_is_there_while_the_job_runs(
    service: LiveService, web: Web, brake: Brake
) -> None:
    job = upload(service.url, rows_of(service, web), PARTSIZE=PARTSIZE)
    seen: set[int] = set()
    looks = 0
    while looks < 3:
        assert job.phase not in FINAL
        listed = job.results()
        states = job.states()
        done = {row["number"] for row in states if row["state"] == "done"}
        assert seen <= done, "a row that was done is not any more"
        seen = done
        if "part-001.tar" in listed:
            looks += 1
            raw = job.get(listed["part-001.tar"]).content
            first = [row for row in states if row["part"] == "part-001.tar"]
            assert len(raw) > 1 << 19 and all(row["offset"] + row["size"] <= len(raw) for row in first)
            assert len(first) > 10 and {row["state"] for row in states} == {"done", "waiting"}
    brake.let_go()
    states = job.completed()
    assert len(states) == ROWS and all(row["state"] == "done" for row in states)
    assert len(cuts_of(job.parts(), states)) == ROWS
    assert next(iter(job.results())) == "status.vot"


def settled(job: BulkJob) -> list[Row]:
    """The table of states of a job that ended early, once what was done is put in order."""
    address = f"{job.address}/results/status.vot"
    assert until(lambda: "ETag" in job.get(address).headers, 60)
    return job.states()


@pytest.mark.parametrize("kind", ["application/x-tar", "application/fits"])
def test_an_aborted_job_keeps_what_was_done(service: LiveService, web: Web, brake: Brake, kind: str) -> None:
    more = {"RESPONSEFORMAT": kind} if kind == "application/fits" else {}
    job = upload(service.url, rows_of(service, web), **more)
    assert until(lambda: job.done > 50)
    assert list(job.results()) == ["status.vot"], "a part has closed by itself"
    requests.post(f"{job.address}/phase", {"PHASE": "ABORT"}, timeout=60)
    states = settled(job)
    done = [one for one in states if one["state"] == "done"]
    assert 50 < len(done) < ROWS == len(states)
    assert all("ABORTED" in one["reason"] for one in states if one["state"] == "waiting")
    check_kept(job, states, kind)


def check_kept(job: BulkJob, states: list[Row], kind: str) -> None:
    """That the parts of a job that ended early hold what its table tells."""
    done = [one for one in states if one["state"] == "done"]
    if kind != "application/fits":
        assert len(cuts_of(job.parts(), states)) == len(done)
        return
    (raw,) = job.parts().values()
    with fits.open(io.BytesIO(raw)) as hdus:
        hdus.verify("exception")
        assert {hdu.ver for hdu in hdus[1:]} == {one["number"] for one in done}
    last = max(done, key=lambda one: one["offset"])
    assert last["offset"] + last["size"] == len(raw)


def test_a_job_that_runs_out_of_time_keeps_what_was_done(
    service: LiveService, web: Web, brake: Brake
) -> None:
    job = upload(service.url, rows_of(service, web))
    assert until(lambda: job.done > 50)
    requests.post(f"{job.address}/executionduration", {"EXECUTIONDURATION": "1"}, timeout=60)
    assert job.end() == "ABORTED" and "executionDuration" in job.get(f"{job.address}/error").text
    assert list(job.results()) == ["status.vot", "part-001.tar"], "phase and results change together"
    states = job.states()
    assert 50 < sum(one["state"] == "done" for one in states) < ROWS == len(states)
    check_kept(job, states, "application/x-tar")
    head = requests.head(f"{job.address}/results/status.vot", timeout=60)
    assert head.status_code == 200 and head.headers["ETag"]


def test_abort_leaves_whole_parts_alone(service: LiveService, web: Web, brake: Brake) -> None:
    job = upload(service.url, rows_of(service, web), PARTSIZE=PARTSIZE)
    assert until(lambda: "part-001.tar" in job.results())
    whole = job.get(job.results()["part-001.tar"]).content
    requests.post(f"{job.address}/phase", {"PHASE": "ABORT"}, timeout=60)
    assert job.phase == "ABORTED"
    states = settled(job)
    parts = job.parts()
    cuts = cuts_of(parts, states)
    assert parts["part-001.tar"] == whole
    assert 0 < len(cuts) < ROWS == len(states)
    assert {row["state"] for row in states} == {"done", "waiting"}
    assert requests.delete(job.address, timeout=60).ok
    assert job.get(f"{job.address}/results/status.vot").status_code == 404


def test_rows_in_any_order_are_done_file_by_file_and_each_file_is_opened_once(
    service: LiveService, web: Web
) -> None:
    draw = random.Random(7)
    names = [draw.choice(NAMES) for _ in range(60)]
    rows = [row(service, web, name, number) for number, name in enumerate(names)]
    before = len(web.asked)
    job = upload(service.url, as_csv(COLUMNS, rows))
    states = job.completed()
    assert len(cuts_of(job.parts(), states)) == len(rows)
    assert [one["input_row"] for one in states] == list(range(1, len(rows) + 1))
    done = sorted(states, key=lambda one: (one["part"], one["offset"]))
    assert [names[one["input_row"] - 1] for one in done] == sorted(names)
    # whether a file is as it was is looked at for each cut, where it is opened, and where its header is read
    looks = [path.removeprefix("/") for method, path, _ in web.asked[before:] if method == "HEAD"]
    for name, count in Counter(looks).items():
        assert names.count(name) > 5 and count - names.count(name) <= 2, "it was opened more than once"
    assert [name for name, _ in groupby(looks)] == sorted(NAMES)
