"""Statistics of pixels: against numpy on the whole array."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vo_service.pixels.blocks import Block, Shape, cut_blocks
from vo_service.pixels.statistics import PixelStatistics, StatisticsBuilder


def statistics_of(
    cube: np.ndarray, peak: tuple[int, int] | None = None, block_bytes: int = 1 << 20
) -> PixelStatistics | None:
    planes, rows, columns = cube.shape
    shape = Shape(columns, rows, planes)
    builder = StatisticsBuilder(shape)
    for plane, row, p, r in cut_blocks(shape, block_bytes, cube.itemsize):
        part = cube[plane : plane + p, row : row + r]
        for each in Block(plane, row, part, np.isfinite(part)).parts():
            builder.add(each)
    return builder.finish(peak)


@given(
    st.tuples(*[st.integers(1, 9)] * 3),
    st.sampled_from([0.0, 0.3, 0.95, 1.0]),
    st.sampled_from(["noise", "whole", "binary", "level", "far"]),
    st.integers(1, 400),
    st.integers(0, 99),
)
def test_they_are_those_of_the_whole_array(
    shape: tuple[int, int, int], blank: float, kind: str, block_bytes: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    cube = {
        "noise": rng.normal(size=shape),
        "whole": rng.integers(0, 30, shape).astype(float),
        "binary": (rng.random(shape) < 0.3).astype(float),
        "level": np.full(shape, 4.5),
        "far": 1e6 + rng.normal(size=shape),
    }[kind]
    cube[rng.random(shape) < blank] = np.nan
    found = statistics_of(cube, (3, 2), block_bytes)
    known = cube[np.isfinite(cube)]
    if not len(known):
        assert found is None
        return
    assert found is not None
    assert (found.minimum, found.maximum) == (known.min(), known.max())
    assert found.mean == pytest.approx(known.mean(), rel=1e-12, abs=1e-12)
    assert found.deviation == pytest.approx(known.std(), rel=1e-6, abs=1e-9)
    assert found.zero_fraction == pytest.approx((known == 0).mean())
    assert found.one_fraction == pytest.approx((known == 1).mean())
    assert found.integral == bool((known == np.round(known)).all())
    distinct = len(np.unique(known))
    assert found.distinct == (distinct if distinct <= 16 else None)
    middle = cube[:, shape[1] // 2, shape[2] // 2]
    middle = middle[np.isfinite(middle)]
    assert found.centre == (middle[0] if len(middle) else None)
    assert found.peak_offset == pytest.approx(np.hypot(3 - shape[2] // 2 - 1, 2 - shape[1] // 2 - 1))
    steps = np.diff(cube, axis=2)
    steps = steps[np.isfinite(steps)]
    if len(steps) and known.std() > 1e-9:
        assert found.roughness == pytest.approx(steps.std() / known.std(), rel=1e-5, abs=1e-7)
    else:
        assert found.roughness is None


def test_roughness_tells_noise_from_a_smooth_map_in_large_planes_too() -> None:
    y, x = np.mgrid[-1:1:600j, -1:1:600j]
    noise = np.random.default_rng(1).normal(size=(1, 600, 600)).astype(np.float32)
    rough = statistics_of(noise)
    smooth = statistics_of(np.exp(-2 * (x * x + y * y)).astype(np.float32)[None])
    assert rough is not None and smooth is not None
    assert rough.roughness == pytest.approx(np.sqrt(2), rel=0.01)
    assert smooth.roughness is not None and smooth.roughness < 0.02


def test_seventeen_values_are_too_many_to_count() -> None:
    cube = np.resize(np.arange(16.0), (3, 40, 40))
    found = statistics_of(cube)
    assert found is not None and found.distinct == 16 and found.integral
    cube[2, 39, 39] = 16.5
    found = statistics_of(cube)
    assert found is not None and found.distinct is None and not found.integral


def test_without_a_peak_there_is_no_offset() -> None:
    found = statistics_of(np.ones((1, 5, 5)))
    assert found is not None and found.peak_offset is None and found.roughness is None
