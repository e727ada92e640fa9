"""A home directory of a made-up table for the tests of the store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from shelves import Shelf


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    """An empty home directory."""
    made = Shelf(tmp_path)
    yield made
    made.close()
