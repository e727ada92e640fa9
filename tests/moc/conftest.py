"""The application on made rows, once for a session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from made_archive import MadeArchive, made_archive


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MadeArchive]:
    with made_archive(tmp_path_factory.mktemp("made") / "home") as archive:
        yield archive
