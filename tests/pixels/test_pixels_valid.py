"""The valid mask: against any() over the whole array, for blocks of any size and coarse cells."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vo_service.pixels.blocks import Block, Shape, cut_blocks
from vo_service.pixels.valid import ValidMask


def coarse(valid: np.ndarray, step: int) -> np.ndarray:
    rows, columns = valid.shape
    padded = np.pad(valid, ((0, -rows % step), (0, -columns % step)))
    return padded.reshape(len(padded) // step, step, -1, step).any(axis=(1, 3))


@given(
    st.tuples(*[st.integers(1, 17)] * 3),
    st.sampled_from([0.0, 0.4, 0.9, 0.99, 1.0]),
    st.integers(1, 900),
    st.integers(1, 300),
    st.integers(0, 99),
)
def test_a_cell_is_valid_where_any_of_its_pixels_is_in_any_plane(
    shape: tuple[int, int, int], blank: float, block_bytes: int, cells: int, seed: int
) -> None:
    columns, rows, planes = shape
    finite = np.random.default_rng(seed).random((planes, rows, columns)) >= blank
    mask = ValidMask(Shape(columns, rows, planes), cells)
    for plane, row, p, r in cut_blocks(Shape(columns, rows, planes), block_bytes, 4):
        part = finite[plane : plane + p, row : row + r]
        mask.add(Block(plane, row, np.where(part, 1.0, np.nan), part))
    expected = coarse(finite.any(axis=0), mask.step)
    assert np.array_equal(mask.cells, expected)
    assert mask.complete == expected.all()
    assert mask.empty == (not expected.any())


def test_cells_are_pixels_up_to_the_limit_and_no_more_than_it_beyond() -> None:
    assert ValidMask(Shape(8192, 8192, 1)).step == 1
    huge = ValidMask(Shape(30_000, 30_000, 1))
    assert huge.step == 4
    assert huge.cells.nbytes <= 1 << 26
