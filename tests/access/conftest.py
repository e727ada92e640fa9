"""The house of `pixel_house`, for the tests of the doors to pixels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pixel_house import NOW, House, open_house


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pixel-doors")


@pytest.fixture(scope="module")
def opened(place: Path) -> Iterator[House]:
    with open_house(place) as house:
        yield house


@pytest.fixture
def house(opened: House) -> Iterator[House]:
    """The house at a time before the release."""
    opened.now = NOW
    yield opened
    opened.now = NOW
