"""The application on holdings made for links, and on the sample holdings, driven in process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from link_house import NOW, House, application, open_house


@pytest.fixture(scope="module")
def made_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with open_house(tmp_path_factory.mktemp("links")) as house:
        yield house


@pytest.fixture
def house(made_house: House) -> House:
    """The application on holdings with something of every kind, at the time NOW."""
    made_house.now = NOW
    return made_house


@pytest.fixture(scope="module")
def sample(holdings: Any) -> Iterator[House]:
    """The application on the sample holdings."""
    with application(holdings.home, authority="vo-service.invalid") as house:
        yield house
