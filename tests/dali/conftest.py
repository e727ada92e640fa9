"""Houses with doors, for the tests of who comes in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from doors import House, Open

from vo_service.dali.identity import AuthPolicy


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    houses: list[House] = []

    def make(mode: str = "auto", **policy: Any) -> House:
        houses.append(House(tmp_path, AuthPolicy(mode, **policy)))
        return houses[-1]

    yield make
    for each in houses:
        each.catalogue.close()
