"""Holdings for the tests of packages: those of `package_house`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from package_house import NOW, House, bytes_of, open_house


@pytest.fixture(scope="module")
def shared_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with open_house(tmp_path_factory.mktemp("packages")) as house:
        yield house


@pytest.fixture
def house(shared_house: House) -> Iterator[House]:
    """Holdings that no test changes, before the release."""
    shared_house.now = NOW
    yield shared_house
    shared_house.now = NOW


@pytest.fixture
def own_house(tmp_path: Path) -> Iterator[House]:
    """Holdings of one test's own."""
    with open_house(tmp_path) as house:
        yield house


@pytest.fixture(scope="session")
def make_bytes() -> Callable[[str, int], bytes]:
    return bytes_of


@pytest.fixture
def descriptors() -> Callable[[], int]:
    """How many files this process has open."""
    return lambda: sum(1 for _ in Path("/proc/self/fd").iterdir())
