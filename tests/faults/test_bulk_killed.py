"""Bulk cut-outs whose processes are killed, whose files go or change: no row is lost, none is doubled."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
import requests
from large_cubes import LargeCube, soda_id, write_cube
from live_service import FINAL, LiveService, files_below, until
from service_processes import run_command

sys.path.append(str(Path(__file__).parents[1] / "soda"))
from bulk_client import BulkJob, as_csv, cuts_of, upload

SIDE: Final = 128
CHANNELS: Final = 16
ROWS: Final = 4000
KILLS: Final = 10
NAMES: Final = (*(f"cube{n}" for n in range(8)), "gone", "changed")
COLUMNS: Final = ("name", "id", "ra", "dec", "radius")


@pytest.fixture(scope="module")
def cubes(tmp_path_factory) -> dict[str, LargeCube]:
    place = tmp_path_factory.mktemp("bulk-cubes")
    return {
        name: write_cube(place / f"{name}.fits", SIDE, CHANNELS, range(CHANNELS), seed=1000 * number)
        for number, name in enumerate(NAMES)
    }


@pytest.fixture(scope="module")
def service(cubes: dict[str, LargeCube], tmp_path_factory) -> Iterator[LiveService]:
    home = tmp_path_factory.mktemp("bulk-killed") / "home"
    run_command(home, "ingest", "--no-pixels", str(cubes["gone"].path.parent))
    service = LiveService(home).start()
    assert until(service.is_whole)
    yield service
    service.stop()  # nothing in its log looks like a bug


def row(service: LiveService, cube: LargeCube, draw: random.Random, number: int) -> tuple[object, ...]:
    lon, lat = 204.25 - draw.uniform(30, 90) * 1e-5 / 0.867, -29.87 + draw.uniform(30, 90) * 1e-5
    return (f"s{number}", soda_id(service, cube.path), repr(lon), repr(lat), repr(12e-5))


def test_a_job_that_is_killed_ten_times_loses_no_row_and_doubles_none(
    service: LiveService, cubes: dict[str, LargeCube]
) -> None:
    draw = random.Random(11)
    some = [cubes[f"cube{n}"] for n in range(8)]
    rows = [row(service, draw.choice(some), draw, number) for number in range(ROWS)]
    job = upload(service.url, as_csv(COLUMNS, rows), PARTSIZE=str(4 << 20))
    killed, done = 0, 0
    while killed < KILLS and job.phase not in FINAL:
        assert until(lambda: job.phase == "EXECUTING" or job.phase in FINAL)
        if killed % 2:  # of a busy machine it may come no further otherwise
            assert until(lambda: done_of(job) > done or job.phase in FINAL)  # noqa: B023
        time.sleep(draw.uniform(0.0, 0.4))
        if killed % 5 == 4:
            service.kill()
            service.start()
        else:
            for pid in service.workers_now():
                os.kill(pid, signal.SIGKILL)
        killed += 1
        assert until(lambda: answers(job))
        now = done_of(job)
        assert now >= done, "what was done is not any more"
        done = now
    states = job.completed()
    assert killed == KILLS, "it had ended before"
    assert [one["input_row"] for one in states] == list(range(1, ROWS + 1))
    assert {one["state"] for one in states} == {"done"}
    cuts = cuts_of(job.parts(), states)
    assert len(cuts) == ROWS and len(job.parts()) > 1
    for number in draw.sample(range(ROWS), 20):
        name, id, lon, lat, radius = rows[number]
        asked = {"ID": id, "CIRCLE": f"{lon} {lat} {radius}"}
        alone = requests.get(f"{service.url}/soda/sync", params=asked, timeout=60)
        assert alone.status_code == 200 and cuts[number + 1] == alone.content, name
    place = service.home / "jobs" / job.address.rpartition("/")[2]
    left = {path.name for path in files_below(place)}
    strange = left - {path.name for path in (place / "uploads").iterdir()} - set(job.results())
    assert len(strange) == 1 and next(iter(strange)).endswith(".vot"), "attempts left more than the results"


def done_of(job: BulkJob) -> int:
    """Rows that are done now."""
    return job.get(f"{job.address}/results/status.vot").text.count("<TD>done</TD>")


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
    service: LiveService, cubes: dict[str, LargeCube]
) -> None:
    draw = random.Random(2)
    rows = [row(service, cubes[f"cube{n % 8}"], draw, n) for n in range(800)]
    job = upload(service.url, as_csv(COLUMNS, rows))
    assert until(lambda: sum(one["state"] == "done" for one in job.states()) > 10)
    service.stop()
    service.start()
    assert until(lambda: answers(job))
    states = job.completed()
    assert {one["state"] for one in states} == {"done"} and len(cuts_of(job.parts(), states)) == 800
