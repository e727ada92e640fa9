"""What overlapping fields give, against the rule for each pixel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hips.images.coadd import Coadd
from hips.images.engine import Part

SIDE = 512


def by_pixel(layers: list[tuple[float, float, np.ndarray, np.ndarray | None]]) -> np.ndarray:
    """(resolution, weight, values, weights) of each field -> the coadd, a pixel at a time in rows of them."""
    values = np.array([layer[2] for layer in layers], dtype=np.float64)
    weights = np.array([np.full(v.shape, w) if p is None else p for _, w, v, p in layers], dtype=np.float64)
    resolutions = np.array([layer[0] for layer in layers])[:, None, None]
    valid = np.isfinite(values) & np.isfinite(weights) & (weights > 0)
    finest = np.where(valid, resolutions, np.inf).min(axis=0)
    counted = valid & (resolutions <= 1.5 * finest * (1 + 1e-9))
    top = np.where(counted, values, 0.0) * np.where(counted, weights, 0.0)
    with np.errstate(invalid="ignore"):
        return top.sum(axis=0) / np.where(counted, weights, 0).sum(axis=0)


@st.composite
def layers(draw: st.DrawFn) -> tuple[float, float, np.ndarray, np.ndarray | None]:
    seed = draw(st.integers(0, 1000))
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(SIDE, SIDE)).astype(np.float32)
    low, high = sorted(draw(st.tuples(st.integers(0, SIDE), st.integers(0, SIDE))))
    values[:, :low] = np.nan
    values[:, high:] = np.nan
    values[7, 9] = np.inf
    weights = None
    if draw(st.booleans()):
        weights = rng.uniform(-0.2, 2.0, size=(SIDE, SIDE)).astype(np.float32)
        weights[:50] = np.nan
    return (
        draw(st.sampled_from([1.0, 1.2, 1.5, 1.6, 2.0, 3.0])),
        draw(st.sampled_from([1.0, 4.0])),
        values,
        weights,
    )


@settings(max_examples=25)
@given(st.lists(layers(), min_size=1, max_size=4))
def test_pixels_are_weighted_means_of_the_sharpest(fields):
    fields = sorted(fields, key=lambda layer: layer[0])
    coadd, kept = Coadd(), []
    for number, (resolution, weight, values, weights) in enumerate(fields):
        if coadd.wants(resolution):
            coadd.add(number, resolution, weight, Part(values, weights))
            kept.append(number)
    truth = by_pixel(fields)
    ours = coadd.values()
    if ours is None:
        assert np.isnan(truth).all()
        return
    assert ours.dtype == np.float32
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(truth))
    np.testing.assert_allclose(ours, truth, rtol=2e-6, atol=1e-6)
    for number in set(range(len(fields))) - set(coadd.members):
        # what is no member changes nothing
        others = [layer for place, layer in enumerate(fields) if place != number]
        np.testing.assert_allclose(by_pixel(others), truth, rtol=1e-12) if others else None


def test_one_field_keeps_its_bits():
    values = np.random.default_rng(2).normal(size=(SIDE, SIDE)).astype(np.float32)
    values[:100] = np.nan
    coadd = Coadd()
    coadd.add(3, 1.0, 7.0, Part(values, None))
    again = Coadd()
    again.add(3, 1.0, 7.0, Part(values, None))
    again.add(4, 1.0, 7.0, Part(np.full_like(values, np.nan), None))
    assert coadd.values().tobytes() == values.tobytes() == again.values().tobytes()
    assert coadd.members == again.members == [3]


def test_a_coarse_field_is_not_wanted_where_all_is_finer():
    full = np.ones((SIDE, SIDE), dtype=np.float32)
    coadd = Coadd()
    assert coadd.wants(9.0)
    coadd.add(0, 1.0, 1.0, Part(full, None))
    assert (coadd.wants(1.5), coadd.wants(1.51)) == (True, False)
    coadd.add(1, 1.2, 1.0, Part(3 * full, None))
    assert (coadd.wants(1.5), coadd.wants(1.51)) == (True, False)
    assert coadd.values()[0, 0] == pytest.approx(2.0)
    part = full.copy()
    part[0, 0] = np.nan
    coadd = Coadd()
    coadd.add(0, 1.0, 1.0, Part(part, None))
    assert coadd.wants(9.0)
    coadd.add(1, 9.0, 1.0, Part(5 * full, None))
    assert (coadd.values()[0, 0], coadd.values()[0, 1]) == (5.0, 1.0)


def test_no_field_no_tile():
    assert Coadd().values() is None
