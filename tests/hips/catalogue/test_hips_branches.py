"""In which tile each row stands, for any rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hips.catalogue import branches
from hips.catalogue.branches import FIRST, LAST, place_rows

CELLS = 12 * 4**29
CELL = st.integers(0, CELLS - 1)
BORDERS = st.sampled_from([0, 5 * 4**28, CELLS - 1])
NEAR = st.builds(lambda cell, step: min(CELLS - 1, cell + step), BORDERS, st.integers(0, 4**20))


@settings(max_examples=150)
@given(cells=st.lists(CELL | NEAR, max_size=120))
def test_each_row_is_in_one_tile_and_the_first_are_above(cells):
    # HIPS-009, -091, -092, -093
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(branches, "ROWS_AT_ONCE", 2)
        patch.setattr(branches, "ROWS", 3)
        found = place_rows(np.array(cells, dtype=np.int64))
    assert sorted(found.rows.tolist()) == list(range(len(cells)))
    assert (np.diff(found.first) > 0).all()
    at = {}
    for order, cell, first, stop in zip(found.order, found.cell, found.first, found.stop):
        rows = found.rows[first:stop].tolist()
        assert rows
        assert rows == sorted(rows)  # the first first
        assert all(cells[row] >> 2 * (29 - order) == cell for row in rows)
        assert (order, cell) not in at
        at[order, cell] = rows
        assert len(rows) <= (2 if order <= 2 else 3) or order == LAST
        assert order == FIRST or (order - 1, cell >> 2) in at
    for (order, cell), rows in at.items():
        inside = [row for row, number in enumerate(cells) if number >> 2 * (29 - order) == cell]
        above = [row for up in range(FIRST, order) for row in at[up, cell >> 2 * (order - up)]]
        given_here = [row for row in above if row in inside] + rows
        place = list(zip(found.order, found.cell)).index((order, cell))
        assert found.total[place] == len(inside)
        assert found.given[place] == len(given_here)
        below = set(inside) - set(given_here)
        assert not below or max(rows) < min(below)  # what is above comes before what is below
        if below:
            assert len(rows) == (2 if order <= 2 else 3)  # a branch goes on only where a tile is full
    assert found.deepest == max((order for order, _ in at), default=FIRST)


def test_rows_at_one_place_end_at_the_last_order():
    count = 10_000
    found = place_rows(np.full(count, 7, dtype=np.int64))
    assert found.order.tolist() == list(range(FIRST, LAST + 1))
    assert found.stop[-1] - found.first[-1] == count - 2 * branches.ROWS_AT_ONCE - (LAST - 3) * branches.ROWS
    assert found.given[-1] == found.total[-1] == count
