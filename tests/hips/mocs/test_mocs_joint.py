"""Maps of space along a second axis: unions of rectangles in canonical form (MOC-020, MOC-027)."""

from __future__ import annotations

import astropy.units as u
import mocpy
import numpy as np
import pytest
from astropy.time import Time
from hypothesis import given, settings
from hypothesis import strategies as st
from moc_judge import judge_ascii, judge_json

from hips.mocs import sweeping
from hips.mocs.axes import FREQUENCY, SPACE, TIME, Axis
from hips.mocs.maps import JointMap, SpaceMap
from hips.mocs.sweeping import Rectangles, degraded, fitted_map, fitted_space, joined_map
from hips.mocs.writing import ascii_of, json_of

AXES = st.sampled_from([TIME, FREQUENCY])
STEPS, CELLS = 32, 48  # a toy world: order 4 of the outer axis, order 1 of space
Box = tuple[int, int, int, int]


def boxes(most: int) -> st.SearchStrategy[list[Box]]:
    def ends(size: int) -> st.SearchStrategy[tuple[int, int]]:
        pair = st.tuples(st.integers(0, size - 1), st.integers(1, size // 2))
        return pair.map(lambda one: (one[0], min(size, one[0] + one[1])))

    return st.lists(st.tuples(ends(STEPS), ends(CELLS)).map(lambda two: (*two[0], *two[1])), max_size=most)


def rectangles_of(axis: Axis, drawn: list[Box]) -> Rectangles:
    table = np.array(drawn, dtype=np.int64).reshape(-1, 4)
    outer, space = axis.shift(4), SPACE.shift(1)
    return Rectangles(table[:, 0] << outer, table[:, 1] << outer, table[:, 2] << space, table[:, 3] << space)


def grid_of(joint: JointMap) -> np.ndarray:
    """A map as flags of outer cells of order 4 by cells of order 1 of the sky."""
    found = np.zeros((STEPS, CELLS), dtype=int)
    every = Rectangles.of_map(joint)
    outer, space = joint.axis.shift(4), SPACE.shift(1)
    for low, high, start, stop in zip(
        every.lows >> outer, -(-every.highs >> outer), every.starts >> space, -(-every.stops >> space)
    ):
        found[low:high, start:stop] += 1
    return found


def grid_of_boxes(drawn: list[Box]) -> np.ndarray:
    found = np.zeros((STEPS, CELLS), dtype=bool)
    for low, high, start, stop in drawn:
        found[low:high, start:stop] = True
    return found


@given(AXES, boxes(12))
def test_a_union_has_each_cell_once(axis: Axis, drawn: list[Box]) -> None:
    joint = joined_map(rectangles_of(axis, drawn), axis, 4, 1)
    assert np.array_equal(grid_of(joint), grid_of_boxes(drawn).astype(int))
    assert JointMap.of_words(axis, 4, 1, joint.words) == joint
    assert joint.volume == len(joint.words)
    for judged in (judge_ascii(ascii_of(joint).encode()), judge_json(json_of(joint).encode())):
        assert judged.orders == (4, 1)
        assert sum(len(outer) + len(space) for outer, space in judged.sets) * 2 == joint.volume


@given(AXES, boxes(12), st.randoms(use_true_random=False))
def test_the_order_of_rectangles_does_not_matter(axis: Axis, drawn: list[Box], random: object) -> None:
    """# MOC-031, MOC-020: one coverage, one form"""
    one = joined_map(rectangles_of(axis, drawn), axis, 4, 1)
    random.shuffle(drawn)  # type: ignore[attr-defined]
    assert joined_map(rectangles_of(axis, drawn + drawn[:3]), axis, 4, 1) == one
    assert joined_map(Rectangles.of_map(one), axis, 4, 1) == one


@given(AXES, boxes(12), st.integers(0, 4), st.integers(0, 1))
def test_a_coarser_map_has_the_cells_that_hold_these(
    axis: Axis, drawn: list[Box], outer_order: int, space_order: int
) -> None:
    """# MOC-025, CHK-M11"""
    full = joined_map(rectangles_of(axis, drawn), axis, 4, 1)
    found = degraded(full, outer_order, space_order)
    assert found.orders == (outer_order, space_order)
    wide, tall = 2 ** (4 - outer_order), 4 ** (1 - space_order)
    blocks = grid_of_boxes(drawn).reshape(STEPS // wide, wide, CELLS // tall, tall).any(axis=(1, 3))
    wanted = np.repeat(np.repeat(blocks, wide, axis=0), tall, axis=1)
    assert np.array_equal(grid_of(found), wanted.astype(int))
    assert degraded(full, 30, 20) is full


@given(AXES, boxes(12))
def test_small_slabs_make_the_same_map(axis: Axis, drawn: list[Box]) -> None:
    wanted = joined_map(rectangles_of(axis, drawn), axis, 4, 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sweeping, "_AT_ONCE", 2)
        assert joined_map(rectangles_of(axis, drawn), axis, 4, 1) == wanted


@given(AXES, boxes(20), st.integers(8, 60))
def test_maps_are_lowered_until_they_fit(axis: Axis, drawn: list[Box], most: int) -> None:
    """# MOC-015"""
    full = joined_map(rectangles_of(axis, drawn), axis, 4, 1)
    found = fitted_map(rectangles_of(axis, drawn), axis, 4, 1, most)
    assert found.volume <= most or found.orders == (0, 0)
    assert found == degraded(full, *found.orders)
    assert full.volume > most or found == full


def test_maps_are_not_lowered_for_what_neighbours_share() -> None:
    """# MOC-015, MOC-027: what counts is what a file lists, not the steps that it was joined from."""
    nights = [(step, step + 1, 5, 6) for step in range(16)]
    full = joined_map(rectangles_of(TIME, nights), TIME, 4, 1)
    assert full.volume == 4 and fitted_map(rectangles_of(TIME, nights), TIME, 4, 1, 5) == full


def test_maps_of_space_are_lowered_until_they_fit() -> None:
    random = np.random.default_rng(1)
    starts = np.sort(random.integers(0, 12 * 4**10, 5000)) << SPACE.shift(10)
    full = SpaceMap.of_ranges(10, starts, starts + (1 << SPACE.shift(10)))
    small = fitted_space(full, 1000)
    assert 0 < small.volume <= 1000 and small.order < 10
    assert small == full.degraded(small.order)
    assert fitted_space(full, 5000) is full
    finer = full.degraded(small.order + 1)
    assert finer.volume > 1000


def test_neighbours_with_the_same_cells_are_one_set() -> None:
    """# MOC-027, MOC-053"""
    joint = joined_map(
        rectangles_of(TIME, [(0, 2, 5, 6), (2, 4, 5, 6), (9, 10, 5, 6), (12, 13, 7, 8)]), TIME, 4, 1
    )
    assert joint.count == 2
    assert len(joint.starts) == 3
    assert ascii_of(joint) == "t2/0 4/9 s1/5 t4/12 s1/7 t4/ s1/\n"


def test_of_nothing_the_orders_stay() -> None:
    """# MOC-028"""
    none = joined_map(rectangles_of(TIME, []), TIME, 31, 12)
    assert none == JointMap.empty(TIME, 31, 12)
    assert (none.count, none.volume, none.orders) == (0, 0, (31, 12))
    assert none.space().order == 12 and none.space().moc.count == 0
    assert degraded(none, 5, 3).orders == (5, 3)


@settings(max_examples=40)
@given(st.integers(0, 2**31), st.integers(14, 30), st.integers(1, 6))
def test_it_is_the_set_that_the_library_makes(seed: int, time_order: int, space_order: int) -> None:
    random = np.random.default_rng(seed)
    count = int(random.integers(1, 7))
    begin = Time(58000.0 + random.uniform(0.0, 500.0, count), format="mjd", scale="tcb")
    end = begin + random.uniform(0.1, 300.0, count) * u.day
    skies = [
        mocpy.MOC.from_cone(lon=lon * u.deg, lat=lat * u.deg, radius=radius * u.deg, max_depth=space_order)
        for lon, lat, radius in zip(
            random.uniform(0, 360, count), random.uniform(-90, 90, count), random.uniform(1, 50, count)
        )
    ]
    theirs = mocpy.STMOC.from_spatial_coverages(begin, end, skies, time_depth=time_order)
    lows, highs = (microseconds(each) for each in (begin, end))
    pieces = []
    for low, high, sky in zip(lows, highs, skies):
        ranges = sky.to_depth29_ranges.astype(np.int64)
        pieces.append(Rectangles(np.full(len(ranges), low), np.full(len(ranges), high), *ranges.T))
    ours = joined_map(Rectangles.concatenated(pieces), TIME, time_order, space_order)
    words = theirs.serialize("fits")[1].data.field(0).astype(np.int64)
    of_theirs = JointMap.of_words(TIME, *map(int, theirs.max_order), words)
    assert joined_map(Rectangles.of_map(of_theirs), TIME, time_order, space_order) == ours


def microseconds(times: Time) -> list[int]:
    return [round(float(one.jd1)) * 86_400_000_000 + round(float(one.jd2) * 86_400e6) for one in times]


@given(st.integers(0, 2**31), st.integers(0, 12))
def test_a_map_of_space_is_degraded_as_the_library_does(seed: int, order: int) -> None:
    """# MOC-025, CHK-M11"""
    random = np.random.default_rng(seed)
    starts = random.integers(0, 12 * 4**12, 40) << SPACE.shift(12)
    full = SpaceMap.of_ranges(
        12, starts, starts + (random.integers(1, 30, 40) << SPACE.shift(12)).clip(max=1)
    )
    assert full.order == 12
    found = full.degraded(order)
    theirs = mocpy.MOC.from_depth29_ranges(12, full.moc.pairs.astype(np.uint64)).to_order(order)
    assert np.array_equal(found.moc.pairs, theirs.to_depth29_ranges.astype(np.int64))
    assert found.order == order == theirs.max_order
    assert found.moc.common(full.moc) == full.moc
    assert found.sky_fraction == pytest.approx(theirs.sky_fraction, rel=1e-12)
