"""Registries in process, on hand-made rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from registries import Registry, publish, sky_rows


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    """A registry on a snapshot of forty rows."""
    home = tmp_path / "home"
    home.mkdir()
    publish(home, sky_rows(0, 40))
    opened = Registry(home).open()
    yield opened
    opened.parts.close()


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """The same, for tests that change nothing."""
    home = tmp_path_factory.mktemp("registry") / "home"
    home.mkdir()
    publish(home, sky_rows(0, 40))
    opened = Registry(home).open()
    yield opened
    opened.parts.close()
