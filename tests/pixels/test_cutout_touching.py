"""The pixels that a shape touches, found by blocks: the same as when each pixel is looked at by itself."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from test_cutout_sky import Sky, places_in, sky_of

from vo_service.pixels.cutout import select_sky
from vo_service.pixels.cutout.border import points_of_border
from vo_service.pixels.cutout.select_sky import touching
from vo_service.pixels.sky_plane import SkyPlane
from vo_service.sky import Circle, Polygon, Range, Region, Union

Span = tuple[int, int]
ZENITHAL = ["SIN", "TAN", "ZEA", "STG"]
AROUND = ["CAR", "SFL", "MER", "AIT", "MOL", "HPX"]


def one_by_one(plane: SkyPlane, shape: Region, x: Span, y: Span) -> NDArray[np.bool_]:
    columns, rows = np.meshgrid(np.arange(*x) + 1.0, np.arange(*y) + 1.0)
    middle = np.column_stack([columns.ravel(), rows.ravel()])
    found = select_sky._touched(plane, shape, middle).reshape(rows.shape)
    return found | select_sky._met(points_of_border(plane, shape), x, y)


@st.composite
def larger_skies(draw: st.DrawFn) -> Sky:
    """Images of some blocks, of a small field as of most of the sky, with a rim within or without."""
    projection = draw(st.sampled_from(ZENITHAL + AROUND))
    lat = 0.0 if projection in AROUND else draw(st.sampled_from([-90.0, 25.0, 89.9]))
    size = draw(st.integers(1, 150)), draw(st.integers(20, 150))
    widest = 360.0 if projection in AROUND else 170.0
    scale = draw(st.sampled_from([1e-5, 3e-3, 0.04, 0.6, widest / max(size)]))
    crpix = tuple(length / 2.0 + draw(st.floats(-0.5, 0.5)) * length for length in size)
    turn = draw(st.sampled_from([0.0, 30.0, 197.3]))
    return sky_of(projection, size, scale, (draw(st.sampled_from([0.0, 150.0])), lat), turn, crpix=crpix)


@st.composite
def shapes_in(draw: st.DrawFn, sky: Sky) -> Region:
    lon, lat = draw(places_in(sky))
    scale = sky.plane.celestial.pixel_scale()
    radius = min(120.0, scale * draw(st.sampled_from([0.0, 0.3, 4.0, 30.0, 80.0])))
    kind = draw(st.sampled_from(["circle", "polygon", "range", "union"]))
    if kind == "range":
        wide = min(170.0, radius / max(math.cos(math.radians(lat)), 1e-3))
        return Range(lon - wide, lon + wide, max(-90.0, lat - radius), min(90.0, lat + radius / 3.0))
    reach = min(radius, 20.0) + 1e-6
    if kind == "polygon" and abs(lat) < 60.0:
        wide = reach / math.cos(math.radians(lat))
        corners = ((lon - wide, lat - reach), (lon + wide, lat), (lon, lat + reach))
        return Polygon(tuple((one % 360.0, other) for one, other in corners))
    circle = Circle(lon, lat, radius)
    return circle if kind == "circle" else Union((circle, Circle(*draw(places_in(sky)), 2.5 * scale)))


@given(data=st.data())
@settings(max_examples=60)
def test_blocks_give_what_the_pixels_give(data: st.DataObject) -> None:
    # SODA-041
    sky = data.draw(larger_skies())
    shape = data.draw(shapes_in(sky))
    spans = []
    for length in sky.size:
        low = data.draw(st.integers(0, length - 1))
        spans.append((low, data.draw(st.integers(low + 1, length))))
    x, y = spans
    assert (touching(sky.plane, shape, x, y) == one_by_one(sky.plane, shape, x, y)).all()


@pytest.mark.parametrize("projection", ["AIT", "MOL", "SFL"])
def test_at_the_rim_of_the_whole_sky(projection: str) -> None:
    sky = sky_of(projection, (380, 200), 1.0, (0.0, 0.0), 20.0)
    x, y = (20, 75), (60, 100)
    [[lon, lat]] = sky.plane.positions(np.array([[95.0, 85.0]]))
    for shape in (Circle(lon, lat, 40.0), Range(0.0, 360.0, -90.0, 90.0)):
        found = touching(sky.plane, shape, x, y)
        assert found.any() and not found.all()
        assert (found == one_by_one(sky.plane, shape, x, y)).all()


def test_few_pixels_are_looked_at_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those along the border: of a large image a small part, and the memory with it."""
    plane, looked = sky_of("SIN", (2000, 2000), 1e-4, (83.6, 22.0)).plane, []
    each = select_sky._touched

    def counted(plane: SkyPlane, shape: Region, middle: NDArray[np.float64]) -> NDArray[np.bool_]:
        looked.append(len(middle))
        return each(plane, shape, middle)

    monkeypatch.setattr(select_sky, "_touched", counted)
    tracemalloc.start()
    try:
        found = touching(plane, Circle(83.6, 22.0, 0.08), (0, 2000), (0, 2000))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found.sum() == pytest.approx(math.pi * 800.0**2, rel=0.01)
    assert sum(looked) < 8 * 2.0 * math.pi * 800.0
    assert peak < 40 << 20
