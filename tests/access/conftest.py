"""The house of `pixel_house`, for the tests of the doors to pixels; and live servers with tokens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from live_logins import Live, serving
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


@pytest.fixture(scope="module")
def optional(holdings: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """Two workers in the mode that is the default."""
    yield from serving(holdings, tmp_path_factory.mktemp("optional"), "auto", 2)


@pytest.fixture(scope="module")
def required(holdings: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """One worker that answers to those with a token only."""
    yield from serving(holdings, tmp_path_factory.mktemp("required"), "required", 1)
