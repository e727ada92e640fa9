"""Covers and ranges are never too small (ADQL-160), and not much too large."""

from __future__ import annotations

import math

import numpy as np
import pytest
from astropy.coordinates import Latitude, Longitude
from hypothesis import given, settings
from hypothesis import strategies as st
from test_sky_relations import LATITUDES, points_round, regions

from vo_service.sky import Circle, Range, Region, healpix29, positions


def in_ranges(ranges: list[tuple[int, int]], cells: np.ndarray) -> np.ndarray:
    starts, stops = np.array(ranges).T
    assert (starts < stops).all() and (stops[:-1] < starts[1:]).all()
    place = np.searchsorted(starts, cells, side="right") - 1
    return (place >= 0) & (cells < stops[np.maximum(place, 0)])


@settings(max_examples=80, deadline=None)
@given(
    st.data(),
    st.floats(0, 359.9),
    LATITUDES,
    st.floats(-7.0, 1.9),
    st.sampled_from([0.0, 0.0, 1e-6, 0.01, 1.0]),
)
def test_ranges_hold_all_points(
    data: st.DataObject, lon: float, lat: float, log_size: float, inflate: float
) -> None:
    """# ADQL-160"""
    region = data.draw(regions(lon, lat, 10.0**log_size))
    ranges = region.hpx29_ranges(inflate)
    assert 1 <= len(ranges) <= 50
    xyz = points_round(region, 2000, 5)
    if inflate:
        xyz += np.random.default_rng(1).normal(size=xyz.shape) * inflate / 2
        xyz /= np.linalg.norm(xyz, axis=1)[:, None]
    near = xyz[region.distance(xyz) <= inflate] if inflate else xyz[region.contains(xyz)]
    assert in_ranges(ranges, healpix29(*positions(near))).all()


@settings(max_examples=30, deadline=None)
@given(st.data(), st.floats(0, 359.9), LATITUDES, st.floats(-3.0, 1.5), st.integers(-1, 5))
def test_cover_holds_all_points(
    data: st.DataObject, lon: float, lat: float, log_size: float, finer: int
) -> None:
    size = 10.0**log_size
    region = data.draw(regions(lon, lat, size))
    order = max(0, int(math.log2(60.0 / size)) + finer)
    xyz = points_round(region, 1000, 3)
    held = positions(xyz[region.contains(xyz)])
    moc = region.cover(order)
    assert moc.max_order == order
    assert moc.contains_lonlat(Longitude(held[0], unit="deg"), Latitude(held[1], unit="deg")).all()


@pytest.mark.parametrize(
    "region",
    [
        Circle(0, 0, 0),
        Circle(0, 90, 0),
        Circle(0, 0, 1e-7),
        Circle(10, -41.8, 1 / 3600),
        Circle(45, 0, 0.1),
        Circle(0, 90, 12),
        Circle(9, 9, 90),
        Circle(9, 9, 150),
        Circle(1, 1, 180),
    ],
)
def test_cones_of_every_size(region: Circle) -> None:
    """# ADQL-160: radius classes from a point to the whole sky; few ranges, little waste."""
    ranges = region.hpx29_ranges()
    assert len(ranges) <= 48
    held = sum(b - a for a, b in ranges) / (12 * 4**29) * 41252.96
    if region.radius > 1e-6:
        assert region.area() * 0.999999 <= held <= region.area() * 2.2 + 1e-9
    xyz = points_round(region, 3000, 2)
    assert in_ranges(ranges, healpix29(*positions(xyz[region.contains(xyz)]))).all()


def test_ranges_do_not_depend_on_how_longitude_is_written() -> None:
    assert Circle(-10, 5, 1).hpx29_ranges() == Circle(350, 5, 1).hpx29_ranges()
    region: Region = Range(0, 360, -90, 90)
    assert region.hpx29_ranges() == [(0, 12 * 4**29)]
