"""The seeds that are built and compared with their truth."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from conftest_truth import Case, build_shared, load_case

SEEDS = {7: 200, 11: 160, 23: 160, 42: 100, 101: 100}
"""Seeds, and how many products each has; the first is the one that all rooms share."""


def _made(seed: int, request: pytest.FixtureRequest, base: Path) -> Case:
    if seed == 7:
        holdings = request.getfixturevalue("holdings")
        return load_case(holdings.home, holdings.sample)
    return load_case(*build_shared(base, seed, SEEDS[seed]))


@pytest.fixture(scope="session")
def shared_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that all test processes have in common."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base


@pytest.fixture(scope="session", params=SEEDS)
def case(request: pytest.FixtureRequest, shared_base: Path) -> Case:
    """Truth and tables of a seed."""
    return _made(request.param, request, shared_base)


@pytest.fixture(scope="session")
def cases(request: pytest.FixtureRequest, shared_base: Path) -> list[Case]:
    """All seeds together, for what holds of many images and not of each."""
    return [_made(seed, request, shared_base) for seed in SEEDS]
