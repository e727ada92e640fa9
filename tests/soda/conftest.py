"""The sample holdings behind the live server of the suite."""

from __future__ import annotations

from typing import Any

import pytest
from live_archive import Archive


@pytest.fixture(scope="module")
def archive(live_server: str, holdings: Any) -> Archive:
    """The live server of the suite, and the files behind it."""
    return Archive(live_server, holdings.sample, holdings.truth)
