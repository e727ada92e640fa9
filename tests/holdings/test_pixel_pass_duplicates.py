"""Files that hold the same pixels are marked, wherever they are, and never dropped."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ingest_homes import Home, open_home
from pixel_products import write_cube, write_values

from vo_service.holdings.measured_rows import find_duplicates
from vo_service.holdings.measurement import PixelLimits

LIMITS = PixelLimits()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    opened = open_home(tmp_path / "home")
    yield opened
    opened.snapshots.close()
    opened.catalogue.close()


def marks(home: Home) -> dict[str, str | None]:
    """Paths, each with the path of the file that it repeats."""
    rows = home.rows("holdings.product")
    paths = {row["product_id"]: row["path"] for row in rows}
    return {row["path"]: paths.get(row["duplicate_of"]) for row in rows}


@given(st.dictionaries(st.text("abcdef", min_size=1, max_size=3), st.none() | st.sampled_from("xyz")))
def test_the_first_of_each_kind_is_the_original(pixels: dict[str, str | None]) -> None:
    found = find_duplicates(pixels.items())
    for name, shared in pixels.items():
        same = sorted(other for other, theirs in pixels.items() if shared is not None and theirs == shared)
        assert found.get(name) == (same[0] if same and same[0] != name else None)


def test_copies_are_marked_across_data_sets_and_ways_to_pack_them(home: Home, tmp_path: Path) -> None:
    top = tmp_path / "tree"
    write_cube(top / "b" / "original_sci.cube.fits", 1)
    (top / "a").mkdir()
    shutil.copy(top / "b" / "original_sci.cube.fits", top / "a" / "second_sci.cube.fits")
    packed = gzip.compress((top / "b" / "original_sci.cube.fits").read_bytes())
    (top / "b" / "third_sci.cube.fits.gz").write_bytes(packed)
    write_cube(top / "b" / "renamed_sci.cube.fits", 1, OBJECT="Another", CRVAL1=10.0)  # pixels alone count
    write_cube(top / "b" / "other_sci.cube.fits", 2)
    home.ingest(top, pixels=LIMITS)
    first = "b/original_sci.cube.fits"
    assert marks(home) == {
        first: None,
        "a/second_sci.cube.fits": first,
        "b/third_sci.cube.fits.gz": first,
        "b/renamed_sci.cube.fits": first,
        "b/other_sci.cube.fits": None,
    }
    assert home.snapshot.count_rows("ivoa.obscore") == 5


def test_images_without_information_are_no_duplicates(home: Home, tmp_path: Path) -> None:
    top = tmp_path / "tree"
    zeros, blank = np.zeros((1, 1, 16, 16), np.float32), np.full((1, 1, 16, 16), np.nan, np.float32)
    point = blank.copy()
    point[0, 0, 3, 4] = 1.0
    for name, values in (("zeros", zeros), ("blank", blank), ("point", point), ("ones", zeros + 1)):
        for number in (1, 2):
            write_values(top / f"{name}{number}.mask.fits", values)
    mask = zeros.copy()
    mask[..., 3:7, 2:5] = 1.0
    write_values(top / "field1.mask.fits", mask)
    write_values(top / "field2.mask.fits", mask)
    home.ingest(top, pixels=LIMITS)
    assert {path: first for path, first in marks(home).items() if first} == {
        "field2.mask.fits": "field1.mask.fits"
    }


def test_marks_follow_what_is_listed(home: Home, tmp_path: Path) -> None:
    """The original goes, another comes: files of units that nobody touched are marked anew."""
    top = tmp_path / "tree"
    write_cube(top / "a" / "a_sci.cube.fits", 1)
    for name in ("b/b_sci.cube.fits", "c/c_sci.cube.fits"):
        (top / name).parent.mkdir()
        shutil.copy(top / "a" / "a_sci.cube.fits", top / name)
    home.ingest(top, pixels=LIMITS)
    first = "a/a_sci.cube.fits"
    assert marks(home) == {first: None, "b/b_sci.cube.fits": first, "c/c_sci.cube.fits": first}
    (top / first).rename(tmp_path / "kept.fits")
    home.ingest(top, pixels=LIMITS)
    assert marks(home) == {"b/b_sci.cube.fits": None, "c/c_sci.cube.fits": "b/b_sci.cube.fits"}
    (tmp_path / "kept.fits").rename(top / first)
    home.ingest(top, pixels=LIMITS)
    assert marks(home) == {first: None, "b/b_sci.cube.fits": first, "c/c_sci.cube.fits": first}
    write_cube(top / "a" / "a_sci.cube.fits", 2)
    home.ingest(top, pixels=LIMITS)
    assert marks(home)["c/c_sci.cube.fits"] == "b/b_sci.cube.fits"
    assert marks(home)[first] is None
