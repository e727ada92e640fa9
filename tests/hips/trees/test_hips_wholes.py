"""What builds of whole trees remember, and coverage that is not too large."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mocpy import MOC

from hips.trees.cell_sets import CellSet
from hips.trees.versions import Build
from hips.trees.wholes import CONTENTS, Contents, coarsened, contents_of, dates_after, write_contents

NOON = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)


def test_what_is_remembered_is_read_back(tmp_path: Path):
    contents = Contents("abc", NOON, NOON + timedelta(days=1), 7)
    write_contents(tmp_path, contents)
    assert contents_of(Build("x", "b", tmp_path)) == contents
    assert contents_of(None) is None


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"format": 0}', '{"format": 1, "digest": "a"}'])
def test_what_cannot_be_read_is_not_remembered(tmp_path, text):
    if text is not None:
        (tmp_path / CONTENTS).write_text(text)
    assert contents_of(Build("x", "b", tmp_path)) is None


def test_dates_are_to_the_minute_and_grow():
    # HIPS-056, CHK-H23
    minute = NOON.replace(second=0)
    assert dates_after(None, NOON) == (minute, minute)
    before = Contents("", minute - timedelta(days=9), minute, 1)
    assert dates_after(before, NOON) == (before.created, minute + timedelta(minutes=1))
    assert dates_after(before, NOON + timedelta(hours=1)) == (before.created, minute + timedelta(hours=1))


@given(
    cells=st.lists(st.integers(0, 12 * 4**7 - 1), max_size=40),
    order=st.integers(0, 9),
    most=st.integers(1, 30),
)
def test_coverage_gets_coarser_until_there_are_few_cells(cells, order, most):
    # MOC-015, -025
    covered = CellSet.of(np.full(len(cells), 7), np.array(cells, dtype=np.int64))
    found, reached = coarsened(covered, order, most)
    held = np.unique(np.array(cells, dtype=np.uint64))
    finest = MOC.from_healpix_cells(held, np.full(len(held), 7, np.uint8), 10)
    degraded = [finest.degrade_to_order(at) for at in range(10)]
    ours = MOC.from_depth29_ranges(10, np.column_stack([found.starts, found.stops]).astype(np.uint64))
    assert ours == degraded[reached].to_order(10)
    sizes = [len(one.uniq_hpx) for one in degraded]
    assert reached <= order
    assert sizes[reached] <= most or reached == 0
    assert all(size > most for size in sizes[reached + 1 : order + 1])
