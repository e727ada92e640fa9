"""A cube behind a URL, for tests of cuts and of answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from remote_cubes import cube_below
from web_servers import Web, serve, without_patience


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Errors come at once, and no session of an earlier test is used."""
    with without_patience(monkeypatch):
        yield


@pytest.fixture
def cube(tmp_path: Path) -> Path:
    """A cube in a folder for a server."""
    return cube_below(tmp_path)


@pytest.fixture
def web(cube: Path) -> Iterator[Web]:
    """The server of that folder."""
    with serve(cube.parent) as served:
        yield served
