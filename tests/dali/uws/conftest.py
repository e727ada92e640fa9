"""Processes of a small service with jobs (toy_jobs), and runners of jobs without HTTP (runners)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from runners import Works, open_runner
from toy_jobs import Toy, open_toy

from vo_service.dali.uws.runner import JobRunner


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Toy]:
    """One process with two slots, shared by the tests of a module."""
    with open_toy(tmp_path_factory.mktemp("toy")) as opened:
        yield opened


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty home of its own."""
    return tmp_path


@pytest.fixture
def works() -> Works:
    """The work of `runner`."""
    return Works()


@pytest.fixture
def runner(catalogue_url: str, tmp_path: Path, works: Works) -> Iterator[JobRunner]:
    """A worker with two slots, on each kind of catalogue database."""
    with open_runner(catalogue_url, tmp_path, works) as opened:
        yield opened


@pytest.fixture
def other(catalogue_url: str, tmp_path: Path) -> Iterator[JobRunner]:
    """A worker beside it that runs no jobs."""
    with open_runner(catalogue_url, tmp_path, Works(), slots=0) as opened:
        yield opened
