"""How much of a map lies in footprints, against bounds of deep HEALPix covers, sums over deep pixels, exact
areas of spherical polygons, and what symmetry tells."""

from __future__ import annotations

import math

import astropy.units as u
import cdshealpix.nested
import numpy as np
import pytest
from astropy.coordinates import Latitude, Longitude, angular_separation
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from overlap_oracle import SKY_DEG2, STATED, STATED_FOR_OTHERS, bounds_of, cone, counted, star
from spherical_geometry.polygon import SphericalPolygon

from vo_service.sky import (
    Circle,
    Density,
    Moc,
    Polygon,
    Range,
    Region,
    RegionError,
    Shapes,
    Union,
    credible_region,
    overlaps,
    parse_moc,
)

TURNS = st.lists(
    st.tuples(st.floats(0.02, 0.1), st.floats(0.3, 1.0)),
    min_size=10,
    max_size=24,
    unique_by=lambda one: one[0],
)


@st.composite
def footprints(draw: st.DrawFn) -> tuple[Circle | Polygon, float, float, float]:
    """A circle or a concave polygon of 3 arcsec to 5 degrees, with its middle and size."""
    size = 10.0 ** draw(st.floats(-3.0, 0.7))
    lon = draw(st.floats(0.0, 360.0, exclude_max=True))
    lat = draw(st.sampled_from([0.0, 41.8103, -41.8103, 60.0, -75.0, 84.0]) | st.floats(-84.0, 84.0))
    if draw(st.booleans()):
        return Circle(lon, lat, size), lon, lat, size
    parts = np.array(draw(TURNS))
    turns = np.cumsum(parts[:, 0]) / parts[:, 0].sum()
    corners = star(lon, lat, [(turn, size * reach) for turn, reach in zip(turns, parts[:, 1])])
    return Polygon(tuple(corners)), lon, lat, size


@given(footprints(), st.integers(-3, 4), st.floats(-1.0, 1.0), st.floats(-1.0, 1.0), st.floats(0.3, 2.0))
@settings(max_examples=120)
def test_areas_lie_between_deep_covers(
    drawn: tuple[Circle | Polygon, float, float, float], finer: int, east: float, north: float, wide: float
) -> None:
    # MOC-023, MOC-024: as plain geometry, without a loss of resolution
    region, lon, lat, size = drawn
    order = int(np.clip(math.log2(58.6 / size) + finer, 0, 20))
    map = cone(lon + east * size, float(np.clip(lat + north * size, -90.0, 90.0)), wide * size, order)
    found = overlaps(Shapes.of([region]), Density.of_moc(parse_moc(map.to_string())))
    least, most = bounds_of(region, map, min(29, max(order, int(math.log2(58.6 / size)) + 7)))
    slack = STATED * found.areas[0]
    assert least - slack <= found.amounts[0] <= most + slack
    # the truth is near the middle of the two
    assert abs(found.amounts[0] - 0.5 * (least + most)) <= slack + 0.2 * (most - least)
    assert found.areas[0] == pytest.approx(region.area(), rel=1e-9)


@pytest.mark.parametrize("order", [0, 3, 7, 10])
@pytest.mark.parametrize(
    "place", [(10.0, 20.0), (45.0, 0.0), (90.0, 41.8103148957786), (200.0, -88.0), (30.0, 90.0)]
)
def test_circles_against_sums_over_pixels(order: int, place: tuple[float, float]) -> None:
    """Pixels some thousand times smaller than the circle, by their middles and astropy's distances."""
    radius = 25.0 / 2.0**order
    # not just round the pole, where rows of pixels are circles too
    place = (place[0], min(place[1], 90.0 - 0.4 * radius))
    deep = order + 10
    cells, _, _ = cdshealpix.nested.cone_search(
        Longitude(place[0], unit="deg"),
        Latitude(place[1], unit="deg"),
        1.02 * radius * u.deg,
        deep,
        flat=True,
    )
    lon, lat = cdshealpix.nested.healpix_to_lonlat(cells, deep)
    away = angular_separation(lon.rad, lat.rad, *np.radians(place))
    inside = cells[away <= math.radians(radius)]
    south = -0.8 if place[1] >= 0.0 else 0.8
    half = cone(place[0], place[1] + south * radius, 1.1 * radius, order + 2)
    counted = half.contains_lonlat(*cdshealpix.nested.healpix_to_lonlat(inside, deep)).sum()
    found = overlaps(Shapes.of([Circle(*place, radius)]), Density.of_moc(parse_moc(half.to_string())))
    share = found.amounts[0] / found.areas[0]
    assert 0.05 < share < 0.95
    assert share == pytest.approx(counted / len(inside), abs=2.0 * STATED)


def east_of(corners: NDArray[np.float64], lon: float) -> NDArray[np.float64]:
    """The part of a convex polygon (unit vectors) that lies east of a meridian near it."""
    normal = np.array([-math.sin(math.radians(lon)), math.cos(math.radians(lon)), 0.0])
    kept = []
    for one, two in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        here, there = one @ normal, two @ normal
        if here >= 0.0:
            kept.append(one)
        if here * there < 0.0:
            cut = one * abs(there) + two * abs(here)
            kept.append(cut / np.linalg.norm(cut))
    return np.array(kept)


@pytest.mark.parametrize(
    ("lon", "lat", "size"), [(0.0, 70.0, 3.0), (90.0, 75.0, 1.0), (180.0, 60.0, 0.01), (270.0, 50.0, 3e-3)]
)
def test_polygons_against_exact_spherical_ones(lon: float, lat: float, size: float) -> None:
    """Beyond 41.8 degrees the cells of order 0 are bounded by meridians."""
    quarter = parse_moc(f"0/{int(lon / 90.0)}")
    around = [(0.01, 1.0), (0.21, 0.9), (0.4, 1.0), (0.55, 0.8), (0.8, 1.0)]
    corners = np.array(star(lon, lat, [(turn, size * reach) for turn, reach in around]))
    ra, dec = np.radians(corners).T
    xyz = np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=1)
    areas = []
    for points in (xyz, east_of(xyz, lon)):
        theirs = SphericalPolygon(np.concatenate([points, points[:1]]), inside=points.mean(axis=0))
        areas.append(theirs.area() * math.degrees(1.0) ** 2)
    found = overlaps(Shapes.of([Polygon(tuple(map(tuple, corners.tolist())))]), Density.of_moc(quarter))
    assert found.areas[0] == pytest.approx(areas[0], rel=1e-6)
    assert found.amounts[0] == pytest.approx(areas[1], abs=STATED * areas[0])
    assert 0.2 < areas[1] / areas[0] < 0.8


@pytest.mark.parametrize("radius", [1e-6, 1e-3, 0.3, 5.0, 20.0, 41.0])
def test_quarters_round_a_pole(radius: float) -> None:
    maps = [parse_moc(text) for text in ("0/0", "0/0 2", "0/1-3", "0/0-3", "0/8", "0/0-11")]
    shapes = Shapes.of([Circle(0.0, 90.0, radius), Circle(123.0, -90.0, radius)])
    area = SKY_DEG2 * math.sin(math.radians(radius) / 2.0) ** 2
    wanted = [(0.25, 0.0), (0.5, 0.0), (0.75, 0.0), (1.0, 0.0), (0.0, 0.25), (1.0, 1.0)]
    for map, shares in zip(maps, wanted, strict=True):
        found = overlaps(shapes, Density.of_moc(map))
        assert found.amounts == pytest.approx(area * np.array(shares), abs=2e-5 * area)


def test_circles_of_more_than_half_of_the_sky() -> None:
    shapes = Shapes.of([Circle(0.0, 90.0, 180.0), Circle(0.0, 90.0, 138.2), Circle(0.0, -90.0, 90.0)])
    found = overlaps(shapes, Density.of_moc(parse_moc("0/8-11")))
    cap = SKY_DEG2 * math.sin(math.radians(180.0 - 138.2) / 2.0) ** 2
    assert found.amounts[0] == pytest.approx(SKY_DEG2 / 3.0, rel=1e-12)
    assert found.amounts[1] == pytest.approx(SKY_DEG2 / 3.0 - cap, rel=STATED)
    assert found.amounts[2] == pytest.approx(SKY_DEG2 / 3.0, rel=STATED)


@given(st.integers(0, 2**32), st.integers(1, 40))
@settings(max_examples=30)
def test_many_at_once_as_one_by_one(seed: int, count: int) -> None:
    chance = np.random.default_rng(seed)
    regions: list[Region | None] = []
    for _ in range(count):
        lon, lat, size = 30.0 + chance.normal(), 10.0 + chance.normal(), 10.0 ** chance.uniform(-3.0, 0.0)
        turns = np.sort(chance.uniform(0.0, 1.0, chance.integers(3, 33)))
        corners = star(lon, lat, [(turn, size * chance.uniform(0.5, 1.0)) for turn in turns])
        made = [Circle(lon, lat, size), None, Circle(lon, lat, 0.0)]
        if np.diff(turns, append=turns[0] + 1.0).max() < 0.45:
            made.append(Polygon(tuple(corners)))
        regions.append(made[chance.integers(0, len(made))])
    density = Density.of_moc(parse_moc(cone(30.0, 10.0, 1.0, 9).to_string()))
    together = overlaps(Shapes.of(regions), density)
    alone = [overlaps(Shapes.of([region]), density) for region in regions]
    np.testing.assert_allclose(together.amounts, [one.amounts[0] for one in alone], rtol=1e-9, atol=1e-16)
    assert np.isnan(together.amounts).tolist() == [region is None for region in regions]
    assert not (together.amounts > together.areas).any()


@pytest.mark.parametrize(
    "region",
    [
        Union(
            (Circle(10.0, 20.0, 1.0), Circle(10.9, 20.3, 0.7), Polygon(((9, 18.5), (11, 18.5), (10, 20.2))))
        ),
        Range(8.0, 12.0, 19.0, 21.5),
        Polygon(((9.0, 19.0), (11.0, 21.0), (11.0, 19.0), (9.0, 21.0))),  # crosses itself
        Polygon(tuple((10.0 + 1.5 * math.cos(t), 20.0 + math.sin(t)) for t in np.linspace(0, 6.2, 40))),
    ],
    ids=["union", "range", "crossing", "many corners"],
)
@pytest.mark.parametrize("order", [5, 8, 12])
def test_other_regions_against_pixels(region: Region, order: int) -> None:
    map = parse_moc(cone(10.6, 20.4, 0.9, order).to_string())
    found = overlaps(Shapes.of([region]), Density.of_moc(map))
    assert found.amounts[0] == pytest.approx(counted(region, map, 14), abs=STATED_FOR_OTHERS * found.areas[0])
    assert found.areas[0] == pytest.approx(region.area())


def test_maps_much_finer_than_footprints() -> None:
    """Every third cell of order 13 round a border that is a thousand of them long."""
    lon, lat = 33.0, -12.0
    near, _, _ = cdshealpix.nested.cone_search(
        Longitude(lon, unit="deg"), Latitude(lat, unit="deg"), 1.3 * u.deg, 13, flat=True
    )
    chosen = near.astype(np.int64)[near % 3 == 0]
    map = Moc(np.stack([chosen, chosen + 1], axis=1) << 32)
    region = Circle(lon, lat, 1.0)
    found = overlaps(Shapes.of([region]), Density.of_moc(map))
    assert found.amounts[0] == pytest.approx(counted(region, map, 15), abs=10.0 * STATED * found.areas[0])


# --- densities ---


@st.composite
def densities(draw: st.DrawFn) -> tuple[list[tuple[int, int, float]], Density]:
    """Cells of several orders, none in another, with what there is per steradian."""
    kept: list[tuple[int, int, float]] = []
    taken: list[tuple[int, int]] = []
    for order, share, value in draw(
        st.lists(
            st.tuples(st.integers(0, 8), st.floats(0.0, 1.0, exclude_max=True), st.floats(0.0, 1e3)),
            min_size=1,
            max_size=25,
        )
    ):
        cell = int(share * 12 * 4**order)
        start, stop = cell << 2 * (29 - order), (cell + 1) << 2 * (29 - order)
        if all(stop <= low or start >= high for low, high in taken):
            taken.append((start, stop))
            kept.append((order, cell, value))
    values = np.array([value for _, _, value in kept])
    return kept, Density.of_cells(np.array(taken, dtype=np.int64), values)


@given(
    densities(), st.lists(st.tuples(st.integers(0, 12), st.floats(0.0, 1.0, exclude_max=True)), max_size=20)
)
def test_amounts_in_cells_are_sums(drawn: tuple[list[tuple[int, int, float]], Density], asked: list) -> None:
    cells, density = drawn
    areas = {order: 4.0 * math.pi / (12 * 4**order) for order in range(30)}
    assert density.total == pytest.approx(sum(value * areas[order] for order, _, value in cells))
    for order, share in asked:
        cell = int(share * 12 * 4**order)
        wanted = 0.0
        for other, number, value in cells:
            if other >= order:
                wanted += value * areas[other] * (number >> 2 * (other - order) == cell)
            else:
                wanted += value * areas[order] * (cell >> 2 * (order - other) == number)
        shift = 2 * (29 - order)
        (found,) = density.amounts(np.array([cell << shift]), np.array([(cell + 1) << shift]))
        assert found == pytest.approx(wanted, rel=1e-9, abs=1e-12 * max(1.0, density.total))


@given(densities(), st.floats(1e-3, 1.0))
def test_credible_regions(drawn: tuple[list[tuple[int, int, float]], Density], level: float) -> None:
    """The densest cells, as few as do; and all of the density of the last of them."""
    cells, density = drawn
    map, held = credible_region(density, level)
    inside = [
        (order, cell, value)
        for order, cell, value in cells
        if map.holds_cells(np.array([cell << 2 * (29 - order)]))[0] and value > 0.0
    ]
    sums = sum(value / 4.0**order for order, _, value in inside) * math.pi / 3.0
    assert held == pytest.approx(sums)
    if density.total > 0.0:
        assert held >= level * density.total * (1.0 - 1e-9)
        least = min(value for _, _, value in inside)
        assert all(value < least for one in cells if one not in inside for value in one[2:])
        denser = sum(value / 4.0**order for order, _, value in inside if value > least) * math.pi / 3.0
        assert denser < level * density.total * (1.0 + 1e-9)
    else:
        assert map.count == 0 and held == 0.0


def test_the_probability_in_footprints() -> None:
    """Against the sum over deep pixels: each with the density of the cell of the map that it is in."""
    order, deep = 7, 14
    pixels = np.arange(12 * 4**order, dtype=np.int64)
    lon, lat = cdshealpix.nested.healpix_to_lonlat(pixels.astype(np.uint64), order)
    away = np.degrees(angular_separation(lon.rad, lat.rad, math.radians(200.0), math.radians(-30.0)))
    density = np.exp(-0.5 * (away / 3.0) ** 2) * (1.0 + 0.5 * np.sin(pixels))
    density /= density.sum() * 4.0 * math.pi / len(pixels)
    map = Density.of_cells(np.stack([pixels, pixels + 1], axis=1) << 44, density)
    assert map.total == pytest.approx(1.0)
    for region in (Circle(201.0, -31.0, 0.9), Circle(200.2, -30.0, 0.05), Circle(207.0, -36.0, 2.0)):
        cells, _, _ = cdshealpix.nested.cone_search(
            Longitude(region.lon, unit="deg"), Latitude(region.lat, unit="deg"), 1.02 * region.radius * u.deg,
            max(deep, int(math.log2(58.6 / region.radius)) + 8), flat=True,
        )  # fmt: skip
        depth = max(deep, int(math.log2(58.6 / region.radius)) + 8)
        places = cdshealpix.nested.healpix_to_lonlat(cells, depth)
        near = angular_separation(
            places[0].rad, places[1].rad, math.radians(region.lon), math.radians(region.lat)
        ) <= math.radians(region.radius)
        parents = cells[near].astype(np.int64) >> 2 * (depth - order)
        wanted = density[parents].sum() * 4.0 * math.pi / (12 * 4**depth)
        found = overlaps(Shapes.of([region]), map)
        assert found.amounts[0] == pytest.approx(wanted, rel=1e-3)


@pytest.mark.parametrize("value", [-1e-9, math.nan, math.inf])
def test_densities_that_are_none(value: float) -> None:
    with pytest.raises(RegionError, match="densities of 0 or more"):
        Density.of_cells(np.array([[0, 1]]), np.array([value]))


def test_cells_that_overlap() -> None:
    with pytest.raises(RegionError, match="cells that do not overlap"):
        Density.of_cells(np.array([[0, 5], [4, 8]]), np.array([1.0, 1.0]))


def test_the_end_of_patience() -> None:
    class Over(Exception):
        pass

    def check() -> None:
        raise Over

    with pytest.raises(Over):
        overlaps(Shapes.of([Circle(1.0, 2.0, 3.0)]), Density.of_moc(parse_moc("0/0")), check)
