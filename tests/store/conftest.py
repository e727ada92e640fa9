"""A home directory of a made-up table, and a catalogue with workers and jobs, for the tests of the store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from job_catalogues import Clock, open_catalogue, sign_on
from shelves import Shelf

from vo_service.store import Catalogue
from vo_service.store.job_queue import JobQueue
from vo_service.store.jobs import JobQuota, Jobs


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    """An empty home directory."""
    made = Shelf(tmp_path)
    yield made
    made.close()


@pytest.fixture
def catalogue(catalogue_url: str) -> Iterator[Catalogue]:
    with open_catalogue(catalogue_url) as opened:
        sign_on(opened, *(f"w{number}" for number in range(20)))
        yield opened


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def jobs(catalogue: Catalogue, clock: Clock) -> Jobs:
    return Jobs(catalogue, clock, JobQuota(3, 10**6, 10**12))


@pytest.fixture
def queue(catalogue: Catalogue, clock: Clock) -> JobQueue:
    return JobQueue(catalogue, clock)
