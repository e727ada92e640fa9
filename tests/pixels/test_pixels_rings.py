"""Rings round the valid cells of a mask: by area, by winding, by what numpy counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from vo_service.pixels import rings as module
from vo_service.pixels.rings import halve, join_diagonals, shoelace, trace_rings
from vo_service.pixels.simplify import crosses_itself, simplify_ring

masks = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=14))


def winding(rings: list, x: float, y: float) -> int:
    """How often the rings go round a place, counter-clockwise, by the crossings of a ray to the right."""
    turns = 0
    for ring in rings:
        start, end = ring.corners, np.roll(ring.corners, -1, axis=0)
        for (x0, y0), (_, y1) in zip(start, end, strict=True):
            if x0 > x and min(y0, y1) < y < max(y0, y1):
                turns += 1 if y1 > y0 else -1
    return turns


@settings(max_examples=50, deadline=None)
@given(masks)
def test_rings_go_once_round_every_valid_cell_and_never_round_another(mask: np.ndarray) -> None:
    rings, side = trace_rings(mask)
    joined = join_diagonals(mask)
    assert side == 1
    for row, column in np.ndindex(mask.shape):
        assert winding(rings, column + 0.5, row + 0.5) == joined[row, column]
    assert sum(ring.area for ring in rings) == joined.sum()
    assert [shoelace(ring.corners) for ring in rings] == [ring.area for ring in rings]


@given(masks)
def test_joined_cells_hold_the_mask_and_touch_along_edges(mask: np.ndarray) -> None:
    joined = join_diagonals(mask)
    assert joined[mask].all()
    a, b, c, d = joined[:-1, :-1], joined[:-1, 1:], joined[1:, :-1], joined[1:, 1:]
    assert not ((a & d & ~b & ~c) | (b & c & ~a & ~d)).any()


@given(masks)
def test_half_a_mask_is_valid_where_any_of_four_cells_is(mask: np.ndarray) -> None:
    half = halve(mask)
    back = np.repeat(np.repeat(half, 2, axis=0), 2, axis=1)[: mask.shape[0], : mask.shape[1]]
    assert back[mask].all()
    assert half.sum() <= mask.sum()


def test_masks_taller_than_a_strip_are_traced_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    mask = np.random.default_rng(2).random((70, 50)) < 0.6
    expected, _ = trace_rings(mask)
    monkeypatch.setattr(module, "_STRIP", 7)
    found, _ = trace_rings(mask)
    assert len(found) == len(expected)
    for one, two in zip(found, expected, strict=True):
        assert np.array_equal(one.corners, two.corners)


def test_scattered_cells_are_traced_as_larger_squares() -> None:
    mask = np.random.default_rng(1).random((1500, 1500)) < 0.3
    rings, side = trace_rings(mask)
    assert side > 1
    assert sum(len(ring.corners) for ring in rings) < 2 * module.MAXIMUM_CORNERS
    assert sum(ring.area for ring in rings) >= mask.sum()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(10, 120), st.integers(10, 120), st.sampled_from([12, 40, 100]))
def test_a_simplified_ring_keeps_its_area_and_stays_near(
    seed: int, rows: int, columns: int, most: int
) -> None:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:rows, :columns]
    angle = np.arctan2(y - rows / 2, x - columns / 2)
    reach = 0.3 * min(rows, columns) * (1 + 0.5 * np.sin(rng.integers(1, 5) * angle + rng.uniform(0, 6)))
    largest = trace_rings(np.hypot(y - rows / 2, x - columns / 2) <= reach)[0][0]
    polygon = simplify_ring(largest, 1, (rows, columns), most)
    assert shoelace(polygon) == pytest.approx(largest.area, rel=0.002)
    assert not crosses_itself(polygon)
    assert (polygon >= 0).all() and (polygon <= [columns, rows]).all()
    if len(polygon) <= most:
        corners = largest.corners
        start, along = polygon, np.roll(polygon, -1, axis=0) - polygon
        away = corners[:, None] - start
        place = np.clip((away * along).sum(-1) / (along**2).sum(-1), 0, 1)
        nearest = np.linalg.norm(away - place[..., None] * along, axis=-1).min(axis=1)
        assert nearest.max() < (1.6 if most == 100 else 0.2 * min(rows, columns) + 2)
    else:
        assert np.array_equal(polygon, largest.corners)


def test_straight_borders_keep_exactly_their_corners() -> None:
    mask = np.zeros((60, 80), np.bool_)
    mask[5:50, 10:30] = True
    mask[5:20, 10:70] = True
    (ring,), _ = trace_rings(mask)
    polygon = simplify_ring(ring, 1, mask.shape, 100)
    assert {tuple(corner) for corner in polygon.tolist()} == {
        (10, 5), (70, 5), (70, 20), (30, 20), (30, 50), (10, 50),
    }  # fmt: skip


def test_a_border_that_crosses_itself_is_told() -> None:
    assert crosses_itself(np.array([[0, 0], [2, 2], [2, 0], [0, 2]], float))
    assert not crosses_itself(np.array([[0, 0], [2, 0], [2, 2], [0, 2]], float))
