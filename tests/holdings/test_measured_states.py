"""What is to be measured or shown anew is seen from states alone: they say what the measurements would."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from ingest_homes import Home, open_home
from pixel_products import write_cube

from vo_service.holdings.comparison import known_files
from vo_service.holdings.measurement import PixelLimits
from vo_service.holdings.measurement_store import load_measured, load_states


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    opened = open_home(tmp_path / "home")
    yield opened
    opened.snapshots.close()
    opened.catalogue.close()


def test_states_have_the_records_of_the_measurements(home: Home, tmp_path: Path) -> None:
    write_cube(tmp_path / "tree" / "a.fits", 1)
    write_cube(tmp_path / "tree" / "large.fits", 2, (1, 8, 96, 96))
    home.ingest(tmp_path / "tree", pixels=PixelLimits(bytes=100_000))
    files = [known.file for known in known_files(home.snapshot).values()]
    states, measured = load_states(home.catalogue, files), load_measured(home.catalogue, files)
    assert {file: each.record for file, each in states.items()} == {
        file: each.record for file, each in measured.items()
    }
    assert {file.path: (each.state, each.error_kind) for file, each in states.items()} == {
        "a.fits": ("ok", None),
        "large.fits": ("failed", "too_large"),
    }
    assert len({each.record for each in states.values()}) == 2


def test_nothing_is_known_of_a_file_in_another_state(home: Home, tmp_path: Path) -> None:
    write_cube(tmp_path / "tree" / "a.fits", 1)
    home.ingest(tmp_path / "tree", pixels=PixelLimits())
    [file] = [known.file for known in known_files(home.snapshot).values()]
    others = [replace(file, modified_ns=file.modified_ns + 1), replace(file, size_bytes=1)]
    assert load_states(home.catalogue, others) == {}
    assert list(load_states(home.catalogue, [file])) == [file]
