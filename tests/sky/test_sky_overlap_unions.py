"""How much of a map lies in regions made of others, against their parts, pixels, and what must be."""

from __future__ import annotations

import math
import sys
import tracemalloc

import cdshealpix.nested
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from overlap_oracle import STATED, STATED_FOR_OTHERS, bounds_of, cone, counted, star

from vo_service.sky import (
    Circle,
    Density,
    Intersection,
    Moc,
    Not,
    Polygon,
    Range,
    Region,
    Shapes,
    Union,
    overlaps,
    parse_moc,
)

WHOLE = Density.of_moc(parse_moc("0/0-11"))


@st.composite
def scattered(draw: st.DrawFn) -> Region:
    """Regions of any kind whose parts are some arcseconds to degrees large, and lie anywhere on the sky or
    beside each other."""
    size, spread = 10.0 ** draw(st.floats(-3.0, 0.5)), 10.0 ** draw(st.floats(-3.0, 2.0))
    lon, lat = draw(st.floats(0.0, 359.0)), draw(st.floats(-80.0, 80.0))
    members: list[Region] = []
    for _ in range(draw(st.integers(1, 6))):
        east, north = (spread * draw(st.floats(-1.0, 1.0)) for _ in range(2))
        x, y = (lon + east) % 360.0, float(np.clip(lat + north, -85.0, 85.0))
        corners = star(x, y, [(turn, size) for turn in (0.05, 0.3, 0.6, 0.8)])
        kinds = [Circle(x, y, size), Polygon(tuple(corners)), Range(x, x + size, y, y + 0.5 * size)]
        members.append(kinds[draw(st.integers(0, 2))])
    if draw(st.booleans()):
        hole = members[draw(st.integers(0, len(members) - 1))]
        cap = hole.cap()
        x, y = math.degrees(math.atan2(cap.y, cap.x)) % 360.0, math.degrees(math.asin(cap.z))
        members.append(Not(Circle(x, y, 0.3 * size)))
    if draw(st.booleans()):
        return Intersection((Union(tuple(members)), Circle(lon, lat, 0.7 * (size + spread))))
    return Union(tuple(members))


@given(scattered())
@settings(max_examples=60)
def test_all_of_any_region_lies_in_the_whole_sky(region: Region) -> None:
    found = overlaps(Shapes.of([region]), WHOLE)
    assert found.amounts[0] == pytest.approx(found.areas[0], rel=1e-9)
    assert found.areas[0] == pytest.approx(region.area(), rel=1e-6, abs=1e-12)


@given(scattered(), st.integers(-3, 4))
@settings(max_examples=60)
def test_parts_that_do_not_meet_add_up(region: Region, finer: int) -> None:
    """In a map that has every second cell, about as large as the parts; circles and polygons alone are known
    by other tests."""
    apart: list[Region] = []
    for part in getattr(region, "added", ()):
        if not any(part.intersects(other) for other in apart):
            apart.append(part)
    if not apart:
        return
    order = int(np.clip(math.log2(1.0 / min(part.cap().radius for part in apart)) + finer, 0, 20))
    cells = np.concatenate([np.array(part.hpx29_ranges()) for part in apart]) >> 2 * (29 - order)
    found = [np.arange(first - first % 2, last + 1, 2) for first, last in cells.tolist()]
    chosen = np.unique(np.concatenate(found)[:200_000])
    map = Density.of_moc(Moc(np.stack([chosen, chosen + 1], axis=1) << 2 * (29 - order)))
    alone = overlaps(Shapes.of(apart), map)
    together = overlaps(Shapes.of([Union(tuple(apart))]), map)
    slack = STATED_FOR_OTHERS * alone.areas.sum()
    assert together.amounts[0] == pytest.approx(alone.amounts.sum(), abs=slack)


@pytest.mark.parametrize("apart", [0.01, 0.2, 3.0, 10.0, 60.0])
@pytest.mark.parametrize("hole", [False, True])
def test_parts_that_lie_apart(apart: float, hole: bool) -> None:
    """Two of arcseconds, of which the map has one, and just the half of it that lies north."""
    parts = [Circle(100.0, -apart / 2.0, 0.0055), Circle(100.0, apart / 2.0, 0.0055)]
    cut = [Not(Circle(100.0, -apart / 2.0, 0.002))] if hole else []
    shapes = Shapes.of([Union((*parts, *cut)), Intersection((Union((*parts, *cut)), Circle(100, 0, 89)))])
    map = cone(100.0, apart / 2.0 + 0.3, 0.3, 18)
    least, most = bounds_of(parts[1], map, 20)
    found = overlaps(shapes, Density.of_moc(parse_moc(map.to_string())))
    overlap = 0.5 * (least + most)
    if apart < 0.02:
        other = bounds_of(parts[0], map, 20)
        assert other[1] == 0.0
    assert found.amounts == pytest.approx(overlap, abs=STATED_FOR_OTHERS * found.areas[0])
    assert found.amounts[0] == pytest.approx(overlap, abs=3.0 * STATED * found.areas[0])


@pytest.mark.parametrize(
    "region",
    [
        Union(tuple(Circle(10.0 + 0.4 * i, 20.0 + 0.35 * (j % 3), 0.4) for i in range(4) for j in range(3))),
        Union((Circle(10.0, 20.0, 1.0), Circle(10.9, 20.3, 0.7), Not(Circle(10.5, 20.2, 0.4)))),
        Union(
            (
                Polygon(((9.0, 19.0), (11.0, 19.0), (11.0, 20.0), (9.0, 20.0))),
                Polygon(((9.0, 20.0), (11.0, 20.0), (11.0, 21.0), (9.0, 21.0))),  # an edge in common
                Not(Polygon(((9.9, 19.5), (10.4, 20.0), (9.9, 20.5), (9.4, 20.0)))),
            )
        ),
        Union((Circle(10.0, 20.0, 1.0), Range(10.5, 12.0, 19.5, 21.0))),
        Intersection((Circle(10.0, 20.0, 1.2), Polygon(((9, 18.5), (12, 18.5), (10.5, 21.5))))),
        Intersection((Range(8.0, 12.0, 19.5, 21.5), Not(Circle(10.4, 20.4, 0.5)))),
    ],
    ids=["mosaic", "hole", "edge in common", "range", "intersection", "without"],
)
@pytest.mark.parametrize("order", [6, 8, 11])
def test_unions_and_intersections_against_pixels(region: Region, order: int) -> None:
    map = parse_moc(cone(10.6, 20.4, 0.9, order).to_string())
    found = overlaps(Shapes.of([region]), Density.of_moc(map))
    assert found.amounts[0] == pytest.approx(counted(region, map, 14), abs=STATED_FOR_OTHERS * found.areas[0])
    assert found.areas[0] == pytest.approx(region.area())


@given(st.integers(0, 2**32))
@settings(max_examples=20)
def test_areas_of_unions_of_circles(seed: int) -> None:
    """Against the pieces of their borders, one union at a time."""
    chance = np.random.default_rng(seed)
    unions = []
    for _ in range(8):
        lon, lat, size = chance.uniform(0, 360), chance.uniform(-89.0, 89.0), 10.0 ** chance.uniform(-3, 1)
        places = chance.normal(0.0, size, (chance.integers(1, 15), 2))
        x, y = lon + places[:, 0] / math.cos(math.radians(lat)), np.clip(lat + places[:, 1], -90.0, 90.0)
        radii = size * chance.choice([0.0, 0.1, 0.5, 1.0], len(x))
        unions.append(Union(tuple(Circle(*each) for each in np.stack([x, y, radii], axis=1).tolist()) * 2))
    found = overlaps(Shapes.of(unions), WHOLE).areas
    assert found == pytest.approx([union.area() for union in unions], rel=1e-9, abs=1e-13)


def test_regions_in_an_even_part_of_a_map_are_not_looked_through(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_cells(*given: object) -> float:
        raise AssertionError(given)

    monkeypatch.setattr(sys.modules["vo_service.sky.overlaps"], "amount_beyond", no_cells)
    box, lens = Range(10.0, 11.0, 50.0, 51.0), Intersection((Circle(30, 45, 1), Circle(31, 45, 1)))
    shapes = Shapes.of([box, lens])
    found = overlaps(shapes, Density.of_moc(parse_moc("0/0-2")))
    assert found.amounts == pytest.approx(found.areas)
    assert overlaps(shapes, Density.of_moc(parse_moc("0/8-10"))).amounts.tolist() == [0.0, 0.0]


HOLE = Not(Circle(10.02, 0.01, 0.9))
WIDE: dict[str, Region] = {
    "range": Range(0.0, 20.0, -10.0, 10.0),
    "range-with-a-hole": Intersection((Range(0.0, 20.0, -10.0, 10.0), HOLE)),
    "union-with-a-hole": Union((Circle(0.0, 0.0, 15.0), Circle(20.0, 0.0, 15.0), HOLE)),
    "circles-apart": Union((Circle(0.0, 0.0, 5.0), Circle(20.0, 0.0, 5.0))),
    "circles-that-meet": Union(tuple(Circle(10.0 + 2.0 * n, 0.0, 3.1) for n in range(-2, 3))),
}


@pytest.mark.parametrize("name", WIDE)
def test_a_peak_in_the_middle_does_not_count_what_is_wrong_at_the_border(name: str) -> None:
    """Against the sum over the pixels whose middles lie in the region."""
    order, sigma = 9, math.radians(0.3)
    pixels = np.arange(12 * 4**order, dtype=np.uint64)
    lon, lat = cdshealpix.nested.healpix_to_lonlat(pixels, order)
    xyz = np.stack(
        [np.cos(lat.rad) * np.cos(lon.rad), np.cos(lat.rad) * np.sin(lon.rad), np.sin(lat.rad)], axis=1
    )
    ra, dec = np.radians([10.02, 0.01])
    towards = [math.cos(dec) * math.cos(ra), math.cos(dec) * math.sin(ra), math.sin(dec)]
    density = np.exp((xyz @ towards - 1.0) / sigma**2)
    density *= len(pixels) / (4.0 * math.pi * density.sum())
    region = WIDE[name]
    wanted = density[region.contains(xyz)].sum() * 4.0 * math.pi / len(pixels)
    (found,) = overlaps(Shapes.of([region]), Density.of_pixels(density)).amounts
    assert found == pytest.approx(wanted, abs=1.5e-3 if "hole" in name else 1e-4)


def test_a_union_of_very_many_circles_takes_no_room_for_all_their_pairs() -> None:
    many = Union(tuple(Circle(0.01 * (n % 60), 0.01 * (n // 60), 0.008) for n in range(1500)))
    density = Density.of_moc(parse_moc("0/0-11"))
    tracemalloc.start()
    (found,) = overlaps(Shapes.of([many]), density).areas
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == pytest.approx(many.area(), rel=STATED_FOR_OTHERS)
    assert peak < 100e6
