"""Maps of one data set, from what a row tells."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_rows import NOW
from moc_judge import judge_fits

from hips.mocs.axes import FREQUENCY, SPACE, TIME
from hips.mocs.covering import cover_texts
from hips.mocs.datasets import Dataset
from hips.mocs.frequencies import PADDING, frequency_of
from hips.mocs.maps import JointMap, SpaceMap
from hips.mocs.names import Dimension
from hips.mocs.orders import Orders
from hips.mocs.times import ranges_of_times
from hips.mocs.writing import Form, Label, write_map

LIGHT = 299_792_458.0
FIELD = Dataset(
    region="Circle ICRS 83.8 -5.4 0.0038",
    s_resolution=0.4,
    t_min=58000.0,
    t_max=58000.2,
    em_support=(LIGHT / 231e9, LIGHT / 229e9, LIGHT / 217e9, LIGHT / 215e9),
    specsys="LSRK",
)


def space_of(one: Dataset, orders: Orders = Orders()) -> SpaceMap:  # noqa: B008
    found = one.moc(Dimension.SPACE, orders)
    assert isinstance(found, SpaceMap)
    return found


def joint_of(one: Dataset, dimension: Dimension) -> JointMap:
    found = one.moc(dimension)
    assert isinstance(found, JointMap)
    return found


@settings(max_examples=30)
@given(st.floats(1e-4, 3.0), st.one_of(st.none(), st.floats(0.01, 60.0)))
def test_it_is_as_fine_as_its_field_and_no_finer_than_its_beam(radius: float, beam: float | None) -> None:
    space = space_of(Dataset(region=f"Circle ICRS 10 10 {radius!r}", s_resolution=beam))
    cell = math.degrees(math.sqrt(math.pi / 3.0)) / 2.0**space.order
    assert cell <= 2.0 * radius / 64.0 * (1 + 1e-6) or (beam is not None and cell / 2.0 < beam / 3600.0)
    assert beam is None or cell >= beam / 3600.0
    wanted = cover_texts(pa.array([f"Circle ICRS 10 10 {radius!r}"]), space.order).cells.ranges()
    assert np.array_equal(space.moc.pairs, np.stack(wanted, axis=1))


def test_all_cells_at_all_times_and_frequencies() -> None:
    space = space_of(FIELD)
    time, frequency = (joint_of(FIELD, each) for each in (Dimension.TIME, Dimension.FREQUENCY))
    assert space.order == 19 and time.orders == (31, 19) and frequency.space_order == 19
    assert time.space() == frequency.space() == space
    low, high = ranges_of_times(np.array([58000.0]), np.array([58000.2]))
    assert TIME.widened(low, high, 31) == (time.starts, time.stops)
    assert len(frequency.starts) == 2 and frequency.count == 1
    ends = [frequency_of(float(each)) for each in (*frequency.starts, *frequency.stops)]
    # windows of 2 GHz: cells of a 64th
    assert ends == pytest.approx([215e9, 229e9, 217e9, 231e9], rel=3e-4)
    assert ends[0] <= 215e9 and ends[1] <= 229e9 and ends[2] >= 217e9 and ends[3] >= 231e9


def test_without_a_frame_frequencies_are_padded() -> None:
    """# MOC-014"""
    one = Dataset(region="Circle ICRS 1 1 1", em_min=LIGHT / 231e9, em_max=LIGHT / 229e9)
    joint = joint_of(one, Dimension.FREQUENCY)
    assert joint.outer_order <= 19
    assert frequency_of(float(joint.starts[0])) <= 229e9 * (1 - PADDING)
    assert frequency_of(float(joint.stops[0])) >= 231e9 * (1 + PADDING)


@pytest.mark.parametrize(
    ("one", "order"),
    [
        (Dataset(s_ra=10.0, s_dec=-20.0), 14),
        (Dataset(s_ra=10.0, s_dec=-20.0, s_fov=0.01), 19),
        (Dataset(s_ra=10.0, s_dec=-20.0, s_fov=0.01, s_resolution=3.0), 16),
        (Dataset(region="no region", s_ra=10.0, s_dec=-20.0), 14),
        (Dataset(region="Position ICRS 10 -20", s_fov=0.01), 19),
    ],
    ids=["alone", "field", "beam", "unread", "point"],
)
def test_a_position_has_one_cell(one: Dataset, order: int) -> None:
    """# MOC-030"""
    space = space_of(one)
    assert space.order == order and space.cells == 1


def test_what_is_not_known_is_nothing() -> None:
    """# MOC-028"""
    for dimension in Dimension:
        found = Dataset().moc(dimension)
        assert found.volume == 0
        judge_fits(write_map(found, Form.FITS, Label("X", None, None, NOW)))
    placed = Dataset(region="Circle ICRS 1 1 1", t_max=math.nan, em_max=-1.0)
    assert joint_of(placed, Dimension.TIME).volume == joint_of(placed, Dimension.FREQUENCY).volume == 0
    assert (
        joint_of(placed, Dimension.TIME).axis is TIME
        and joint_of(placed, Dimension.FREQUENCY).axis is FREQUENCY
    )


def test_a_map_that_is_too_large_is_lowered() -> None:
    """# MOC-015"""
    wide = Dataset(region="Polygon ICRS 0 0 0.5 0 0.5 60 0 60", s_resolution=1.0)
    free = space_of(wide)
    small = space_of(wide, Orders(volume=50))
    assert free.volume > 50 >= small.volume > 0
    assert small == free.degraded(small.order) and small.order < free.order
    assert SPACE.shift(small.order) > 0
