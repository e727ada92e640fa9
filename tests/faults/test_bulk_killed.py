"""Bulk cut-outs whose processes are killed, whose files go or change: no row is lost, none is doubled."""

from __future__ import annotations

import gzip
import io
import os
import random
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest
import requests
from astropy.io import fits
from cut_pixels import check_circle
from large_cubes import LargeCube, soda_id, write_cube
from live_service import FINAL, LiveService, files_below, until
from service_processes import run_command
from slow_webs import Gates
from web_servers import Web, serve

sys.path.append(str(Path(__file__).parents[1] / "soda"))
from bulk_client import BulkJob, as_csv, cuts_of, images_of, upload

from vo_service.store import Catalogue
from vo_service.store.jobs import JobQuota, Jobs

SIDE: Final = 128
CHANNELS: Final = 16
ROWS: Final = 2000
KILLS: Final = 10
BETWEEN: Final = 20  # rows from one gate to the next
NAMES: Final = (*(f"cube{n}" for n in range(8)), "gone", "changed")
GATES: Final = tuple(f"{n}-gate" for n in range(KILLS))  # files that are read when a test lets them be read
OTHERS: Final = tuple(f"{n}-next" for n in range(KILLS))  # and what comes behind each
REBIN: Final = "2 2 1"
COLUMNS: Final = ("name", "id", "ra", "dec", "radius")


@pytest.fixture(scope="module")
def cubes(tmp_path_factory) -> dict[str, LargeCube]:
    place = tmp_path_factory.mktemp("bulk-cubes")
    made = {
        name: write_cube(place / f"{name}.fits", SIDE, CHANNELS, range(CHANNELS), seed=1000 * number)
        for number, name in enumerate(NAMES)
    }
    plain = write_cube(place / "packed.fits", SIDE, CHANNELS, range(CHANNELS), seed=77)
    packed = plain.path.with_suffix(".fits.gz")
    packed.write_bytes(gzip.compress(plain.path.read_bytes(), 1))
    plain.path.unlink()
    return {**made, "packed": replace(plain, path=packed)}


@pytest.fixture(scope="module")
def far(tmp_path_factory) -> dict[str, LargeCube]:
    """Cubes for a web server, which are done after those of this machine."""
    place = tmp_path_factory.mktemp("far-cubes")
    return {
        name: write_cube(place / f"{name}.fits", SIDE, 2, range(2), seed=500 + 10 * number)
        for number, name in enumerate((*GATES, *OTHERS))
    }


@pytest.fixture(scope="module")
def web(far: dict[str, LargeCube]) -> Iterator[Web]:
    with serve(far[GATES[0]].path.parent) as web:
        yield web


@pytest.fixture
def gates(web: Web) -> Iterator[Gates]:
    """All of them closed."""
    gates = Gates(web, [f"{name}.fits" for name in GATES])
    yield gates
    for number in range(KILLS):
        gates.open(number)


class Holding:
    """Where a table comes from that has no end: who asks for it waits, as long as he lives."""

    def __init__(self, listening: socket.socket) -> None:
        self._listening = listening
        self.callers = 0
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._listening.getsockname()[1]}"

    def _accept(self) -> None:
        with suppress(OSError):  # the tests have ended
            while True:
                caller = self._listening.accept()[0]
                threading.Thread(target=self._pour, args=(caller,), daemon=True).start()
                self.callers += 1

    def _pour(self, caller: socket.socket) -> None:
        with caller, suppress(OSError):  # he has left
            caller.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\n\r\nid\r\n")
            while True:
                caller.sendall(b"x\r\n")
                time.sleep(0.5)


@pytest.fixture(scope="module")
def holding() -> Iterator[Holding]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield Holding(listening)


@pytest.fixture(scope="module")
def service(
    cubes: dict[str, LargeCube], web: Web, holding: Holding, tmp_path_factory
) -> Iterator[LiveService]:
    home = tmp_path_factory.mktemp("bulk-killed") / "home"
    here, there = cubes["gone"].path.parent, web.url.replace("127.0.0.1", "localhost")
    assert here.name < "localhost", "files are done in the order of the names of their roots"
    run_command(home, "ingest", "--no-pixels", str(here), f"{there}/")
    hosts = {"VO_SERVICE_UPLOAD_HOSTS": holding.host, "VO_SERVICE_UPLOAD_PRIVATE": "true"}
    service = LiveService(home, settings=hosts).start()
    assert until(service.is_whole)
    yield service
    service.stop()  # nothing in its log looks like a bug


def row(service: LiveService, cube: LargeCube, draw: random.Random, number: int) -> tuple[object, ...]:
    lon, lat = 204.25 - draw.uniform(30, 90) * 1e-5 / 0.867, -29.87 + draw.uniform(30, 90) * 1e-5
    return (f"s{number}", soda_id(service, cube.path), repr(lon), repr(lat), repr(12e-5))


def test_a_job_that_is_killed_ten_times_loses_no_row_and_doubles_none(
    service: LiveService, cubes: dict[str, LargeCube], far: dict[str, LargeCube], gates: Gates
) -> None:
    """Killed at random moments, of which none is too late: with each kill one more gate opens."""
    draw = random.Random(11)
    some = [draw.choice([cubes[f"cube{n}"] for n in range(8)]) for _ in range(ROWS)]
    some += [far[gate] for gate in GATES] + [far[other] for other in OTHERS for _ in range(BETWEEN)]
    draw.shuffle(some)
    rows = [row(service, cube, draw, number) for number, cube in enumerate(some)]
    job = upload(service.url, as_csv(COLUMNS, rows), PARTSIZE=str(4 << 20))
    done = 0
    for number in range(KILLS):
        assert until(lambda: job.phase == "EXECUTING"), job.phase
        if number % 2:  # of a busy machine it may come no further otherwise
            assert until(lambda: job.done > done or gates.is_waited_at(number))  # noqa: B023
        time.sleep(0.4 * draw.random() ** 2)
        if number % 5 == 4:
            service.kill()
            gates.open(number)
            service.start()
        else:
            kill_workers(service)
            gates.open(number)
        assert until(lambda: answers(job))
        now = job.done
        assert now >= done, "what was done is not any more"
        done = now
    states = job.completed()
    assert [one["input_row"] for one in states] == list(range(1, len(rows) + 1))
    assert {one["state"] for one in states} == {"done"}
    cuts = cuts_of(job.parts(), states)
    assert len(cuts) == len(rows) and len(job.parts()) > 1
    for number, (cube, asked) in enumerate(zip(some, rows, strict=True), 1):
        check_circle(cuts[number], cube, *(float(str(text)) for text in asked[2:]))
    for number in draw.sample(range(len(rows)), 20):
        assert cuts[number + 1] == alone(service, rows[number]), number
    place = service.home / "jobs" / job.address.rpartition("/")[2]
    left = {path.name for path in files_below(place)}
    strange = left - {path.name for path in (place / "uploads").iterdir()} - set(job.results())
    assert len(strange) == 1 and next(iter(strange)).endswith(".vot"), "attempts left more than the results"


def planned_for_ever(service: LiveService, holding: Holding) -> BulkJob:
    """A job that is planned until its worker ends."""
    form = {"UPLOAD": f"mine,http://{holding.host}/table", "PHASE": "RUN"}
    made = requests.post(f"{service.url}/soda/async", form, allow_redirects=False, timeout=60)
    return BulkJob(made.headers["Location"])


def kill_workers(service: LiveService) -> None:
    for pid in service.workers_now():
        os.kill(pid, signal.SIGKILL)


def abort_behind_its_back(service: LiveService, job: BulkJob) -> None:
    """PHASE=ABORT, heard by the database alone."""
    catalogue = Catalogue.open_in(service.home)
    jobs = Jobs(catalogue, lambda: datetime.now(UTC), JobQuota(1, 1, 1))
    assert jobs.abort(job.address.rpartition("/")[2]).done
    catalogue.close()


def test_whatever_is_made_and_however_it_ends_what_is_told_is_true(
    service: LiveService,
    cubes: dict[str, LargeCube],
    far: dict[str, LargeCube],
    holding: Holding,
    gates: Gates,
) -> None:
    """Jobs whose workers are killed: one puts what it computes, of a gzip file too, into one FITS file, one
    is aborted while nobody runs it, and one ends its worker whenever it is planned. None of them ends by
    itself before all gates are open."""
    draw = random.Random(23)
    some = [cubes["packed"], *(cubes[f"cube{n}"] for n in range(8))]
    last_ones = [far[gate] for gate in GATES[:3]]
    rows = [row(service, cube, draw, n) for n, cube in enumerate([*(some * 40), *last_ones])]
    whole = upload(service.url, as_csv(COLUMNS, rows), RESPONSEFORMAT="application/fits", REBIN=REBIN)
    aborted = upload(service.url, as_csv(COLUMNS, rows), REBIN=REBIN)
    last = {job.address: first_done(job) for job in (whole, aborted)}

    stuck = planned_for_ever(service, holding)
    assert until(lambda: holding.callers == 1), "nobody plans it"
    kill_workers(service)
    gates.open(0)
    assert until(lambda: answers(whole))
    assert until(lambda: holding.callers == 2), "nobody plans it once more"
    assert whole.phase not in FINAL
    service.kill()
    gates.open(1)
    abort_behind_its_back(service, aborted)
    service.start()
    assert until(lambda: answers(whole))
    assert stuck.end() == "ERROR" and holding.callers == 2
    assert "ended 2 times" in stuck.get(f"{stuck.address}/error").text

    assert whole.done >= last[whole.address], "what was done is not any more"
    assert until(lambda: whole.done > last[whole.address] or gates.is_waited_at(2))
    kill_workers(service)
    gates.open(2)
    assert until(lambda: answers(whole))
    check_aborted(service, aborted, last[aborted.address], rows)
    check_whole(service, whole, rows, draw)


def first_done(job: BulkJob) -> int:
    """Rows that are done of a job, once there are some."""
    assert until(lambda: job.done)
    return job.done


def alone(service: LiveService, one: tuple[object, ...], **wanted: str) -> bytes:
    """What a row has of a single call."""
    _, id, lon, lat, radius = one
    asked = {"ID": str(id), "CIRCLE": f"{lon} {lat} {radius}", **wanted}
    answer = requests.get(f"{service.url}/soda/sync", params=asked, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.content


def check_aborted(service: LiveService, job: BulkJob, done: int, rows: Sequence[tuple[object, ...]]) -> None:
    """That all of it is kept which was done when nobody ran it any more, the part that was open too."""
    assert until(lambda: "ETag" in job.get(f"{job.address}/results/status.vot").headers)
    assert job.phase == "ABORTED"
    states = job.states()
    assert len(states) == len(rows) and {one["state"] for one in states} == {"done", "waiting"}
    assert list(job.results()) == ["status.vot", "part-001.tar"]
    cuts = cuts_of(job.parts(), states)
    assert len(cuts) >= done > 0
    number = min(cuts)
    assert cuts[number] == alone(service, rows[number - 1], REBIN=REBIN)


def check_whole(
    service: LiveService, job: BulkJob, rows: Sequence[tuple[object, ...]], draw: random.Random
) -> None:
    states = job.completed()
    assert [one["input_row"] for one in states] == list(range(1, len(rows) + 1))
    images = images_of(job.parts()["cutouts.fits"], states)
    assert images.keys() == set(range(1, len(rows) + 1))
    for number in draw.sample(range(len(rows)), 5):
        with fits.open(io.BytesIO(alone(service, rows[number], REBIN=REBIN))) as hdus:
            assert images[number + 1].tobytes() == hdus[0].data.tobytes()


def answers(job: BulkJob) -> bool:
    try:
        return bool(job.phase)
    except requests.RequestException:
        return False


def test_a_file_that_has_gone_and_one_that_has_changed_cost_their_own_rows(
    service: LiveService, cubes: dict[str, LargeCube]
) -> None:
    draw = random.Random(5)
    names = [draw.choice(("cube0", "gone", "changed")) for _ in range(30)]
    rows = [row(service, cubes[name], draw, number) for number, name in enumerate(names)]
    cubes["gone"].path.unlink()
    changed = cubes["changed"].path
    changed.write_bytes(changed.read_bytes()[:-2880] + bytes(2880))
    job = upload(service.url, as_csv(COLUMNS, rows))
    states = job.completed()
    for name, one in zip(names, states, strict=True):
        told = {"cube0": "", "gone": "has gone since it was ingested", "changed": "has changed since"}[name]
        assert one["state"] == ("done" if name == "cube0" else "error")
        assert told in (one["reason"] or "")
    assert len(cuts_of(job.parts(), states)) == names.count("cube0")


def test_the_end_of_the_service_gives_the_job_back_and_it_goes_on(
    service: LiveService, cubes: dict[str, LargeCube], far: dict[str, LargeCube], gates: Gates
) -> None:
    draw = random.Random(2)
    some = [*(cubes[f"cube{n % 8}"] for n in range(800)), far[GATES[0]]]
    rows = [row(service, cube, draw, n) for n, cube in enumerate(some)]
    job = upload(service.url, as_csv(COLUMNS, rows))
    assert until(lambda: job.done > 10 or gates.is_waited_at(0))
    assert job.phase == "EXECUTING"
    service.stop()
    gates.open(0)
    service.start()
    assert until(lambda: answers(job))
    states = job.completed()
    assert {one["state"] for one in states} == {"done"} and len(cuts_of(job.parts(), states)) == len(rows)
