"""Covers of footprints hold them, and no cell that they do not touch (MOC-005)."""

from __future__ import annotations

import math

import astropy.units as u
import cdshealpix.nested
import mocpy
import numpy as np
import pyarrow as pa
import pytest
from astropy.coordinates import Latitude, Longitude
from drawn_footprints import LATITUDES, LONGITUDES, Drawn, around, degrees, polygons
from hypothesis import given, settings
from hypothesis import strategies as st

from hips.mocs.covering import cells_of_positions, cover_region, cover_texts
from hips.mocs.maps import SpaceMap
from hips.mocs.owned import Owned
from hips.mocs.planes import Planes, outlines
from vo_service.sky import parse_region


def cells_at(lon: np.ndarray, lat: np.ndarray, order: int) -> np.ndarray:
    return cdshealpix.nested.lonlat_to_healpix(Longitude(lon, unit="deg"), Latitude(lat, unit="deg"), order)


def held(owned: Owned, owner: int, cells: np.ndarray) -> np.ndarray:
    mine = owned.owner == owner
    starts, stops = owned.starts[mine], owned.stops[mine]
    assert (starts < stops).all() and (stops[:-1] < starts[1:]).all()
    place = np.searchsorted(starts, cells.astype(np.int64), side="right") - 1
    return (place >= 0) & (cells.astype(np.int64) < stops[np.maximum(place, 0)])


def cells_in(owned: Owned, owner: int = 0) -> np.ndarray:
    mine = np.flatnonzero(owned.owner == owner)
    return np.concatenate([np.arange(owned.starts[at], owned.stops[at]) for at in mine] or [np.empty(0, int)])


def order_for(size: float, finer: int) -> int:
    """About ``2**finer`` cells over a length in radians."""
    return min(27, max(0, int(math.log2(1.0 / size)) + finer))


@settings(max_examples=150)
@given(st.lists(polygons(st.floats(-6.5, -0.9)), min_size=1, max_size=4), st.integers(-2, 5))
def test_all_of_a_polygon_is_covered(drawn: list[Drawn], finer: int) -> None:
    """# CHK-M12: corners, edges and inside; poles, thin ones, all sizes up to what fits no plane"""
    order = order_for(max(each.size for each in drawn), finer)
    covered = cover_texts(pa.array([each.text for each in drawn]), order)
    assert covered.known.all()
    for owner, each in enumerate(drawn):
        assert held(covered.cells, owner, cells_at(*degrees(each.places), order)).all()


@settings(max_examples=60)
@given(polygons(st.floats(-6.0, -1.2)), st.integers(0, 5))
def test_no_cell_is_farther_than_its_slack(drawn: Drawn, finer: int) -> None:
    order = order_for(drawn.size, finer)
    cells = cells_in(cover_texts(pa.array([drawn.text]), order).cells).astype(np.uint64)
    lon, lat = cdshealpix.nested.vertices(cells, order, step=16)
    lon, lat = lon.to_value("deg"), lat.to_value("deg")
    polygon = parse_region(drawn.text)
    border = np.stack(
        [
            np.cos(np.radians(lat)) * np.cos(np.radians(lon)),
            np.cos(np.radians(lat)) * np.sin(np.radians(lon)),
            np.sin(np.radians(lat)),
        ],
        axis=-1,
    )
    away = polygon.distance(border.reshape(-1, 3)).reshape(len(cells), -1).min(axis=1)
    with_corner = np.isin(cells, cells_at(drawn.lon, drawn.lat, order))
    # places on the border of a cell are 1/16 of a side apart; beside a pole its sides bend by up to an eighth
    side = math.sqrt(math.pi / 3.0) / 2.0**order
    from_pole = np.radians(90.0 - np.abs(lat).max(axis=1))
    allowed = side * (0.07 + np.minimum(0.3, side / np.maximum(from_pole, 1e-9)))
    assert (with_corner | (away <= allowed)).all()


@settings(max_examples=40)
@given(LONGITUDES, LATITUDES, st.floats(-6.0, -1.2), st.integers(0, 6))
def test_no_cell_of_a_circle_is_farther_than_its_slack(
    lon: float, lat: float, log_size: float, finer: int
) -> None:
    size = 10.0**log_size
    order = order_for(size, finer)
    text = f"Circle ICRS {lon!r} {lat!r} {math.degrees(size)!r}"
    cells = cells_in(cover_texts(pa.array([text]), order).cells).astype(np.uint64)
    border_lon, border_lat = cdshealpix.nested.vertices(cells, order, step=16)
    lons, lats = border_lon.to_value("rad"), border_lat.to_value("rad")
    border = np.stack([np.cos(lats) * np.cos(lons), np.cos(lats) * np.sin(lons), np.sin(lats)], axis=-1)
    away = np.linalg.norm(border - parse_region(text).cap().centre, axis=-1).min(axis=1)
    side = math.sqrt(math.pi / 3.0) / 2.0**order
    from_pole = np.radians(90.0 - np.abs(border_lat.to_value("deg")).max(axis=1))
    allowed = side * (0.07 + np.minimum(0.3, side / np.maximum(from_pole, 1e-9)))
    with_centre = cells == cells_at(np.array([lon]), np.array([lat]), order)
    assert (with_centre | (away <= 2.0 * np.sin(size / 2.0) + allowed)).all()


@settings(max_examples=100)
@given(LONGITUDES, LATITUDES, st.floats(-7.0, -0.9), st.integers(-2, 5), st.integers(0, 2**31))
def test_circles_are_covered_as_wanted(
    lon: float, lat: float, log_size: float, finer: int, seed: int
) -> None:
    size = 10.0**log_size
    order = order_for(size, finer)
    text = f"Circle ICRS {lon!r} {lat!r} {math.degrees(size)!r}"
    covered = cover_texts(pa.array([text]), order).cells
    random = np.random.default_rng(seed)
    turns, reach = random.uniform(0, 2 * np.pi, 400), np.append(np.ones(200), np.sqrt(random.random(200)))
    reach = np.tan(size * reach * (1.0 - 1e-12))
    places = around(lon, lat, reach * np.cos(turns), reach * np.sin(turns))
    assert held(covered, 0, cells_at(*degrees(places), order)).all()
    # and no more than the library finds, which may add cells of its own
    theirs = mocpy.MOC.from_cone(
        lon=Longitude(lon, unit="deg"),
        lat=Latitude(lat, unit="deg"),
        radius=size * u.rad * (1 + 1e-9) + 1e-13 * u.rad,
        max_depth=order,
    )
    ours = SpaceMap.of_ranges(order, *covered.ranges()).moc.cover(order)
    extra = ours.difference(theirs)
    side = math.sqrt(math.pi / 3.0) / 2.0**order
    near_pole = math.radians(90.0 - abs(lat)) < size + 20.0 * side
    assert near_pole or extra.empty()


def test_the_cells_of_polygons_are_those_of_the_library() -> None:
    """# MPY-16: by rows of lon and lat in turn"""
    random = np.random.default_rng(5)
    count, order = 400, 14
    lon, lat = random.uniform(0.0, 360.0, count), np.degrees(np.arcsin(random.uniform(-0.98, 0.98, count)))
    turns = (np.arange(7) + random.uniform(0.0, 0.8, (count, 7))) * (2.0 * np.pi / 7.0)
    size = random.uniform(3.0, 90.0, (count, 1)) / 3600.0
    lats = lat[:, None] + size * np.sin(turns)
    lons = (lon[:, None] + size * np.cos(turns) / np.cos(np.radians(lats))) % 360.0
    theirs = mocpy.MOC.from_polygons(np.stack([lons, lats], axis=1).reshape(-1, 7), max_depth=order)
    texts = [
        "Polygon ICRS " + " ".join(f"{x!r} {y!r}" for x, y in zip(*pair))
        for pair in zip(lons.tolist(), lats.tolist())
    ]
    covered = cover_texts(pa.array(texts), order).cells
    ours = [cells_in(covered, owner) for owner in range(count)]
    library = [set(each.flatten().tolist()) for each in theirs]
    missing = sum(len(wanted - set(mine.tolist())) for wanted, mine in zip(library, ours))
    extra = sum(len(set(mine.tolist()) - wanted) for wanted, mine in zip(library, ours))
    assert missing == 0
    assert extra <= sum(map(len, library)) * 1e-3


_SQUARE = "10 10 10.5 10 10.5 10.5 10 10.5"
_MANY_CORNERS = " ".join(
    f"{80 + 0.3 * math.cos(turn)!r} {0.3 * math.sin(turn)!r}" for turn in np.linspace(0, 6.2, 70).tolist()
)
# text, and the place and the radius (degrees) of where to look
KINDS = [
    (f"Union ICRS ( Polygon {_SQUARE} Polygon 10.2 10.2 10.9 10.2 10.6 10.7 )", 10.4, 10.3, 0.9),
    (f"Polygon ICRS {_SQUARE} Not (Polygon 10.1 10.1 10.4 10.1 10.4 10.4 10.1 10.4)", 10.2, 10.2, 0.8),
    ("Union ICRS ( Circle 10 -3 0.4 Not (Circle 10.2 -3 0.3) Polygon 11 -3 11.3 -3 11.2 -2.8 )", 10, -3, 1.7),
    (f"Intersection ICRS ( Circle 10 10 0.4 Polygon {_SQUARE} )", 10.2, 10.2, 0.8),
    ("Polygon ICRS 10 10 10.5 10.5 10.5 10 10 10.5", 10.25, 10.25, 0.6),  # crosses itself
    (f"Polygon ICRS {_MANY_CORNERS}", 80.0, 0.0, 0.6),
    ("Range 340 40 89.2 89.7", 0.1, 89.45, 0.6),
    ("Polygon ICRS 0 0 40 0 40 40 0 30", 20.0, 15.0, 35.0),
    ("Not (Circle 0 90 175)", 0.0, -90.0, 10.0),
    ("Moc 6/1-3 8/40000", 45.0, 2.0, 3.0),
    ("Box 120 -45 0.7 0.2", 120.0, -45.0, 0.6),
]
UNIONS = [text for text, *_ in KINDS]


@pytest.mark.parametrize(("text", "lon", "lat", "radius"), KINDS, ids=[text[:24] for text, *_ in KINDS])
def test_footprints_of_other_kinds(text: str, lon: float, lat: float, radius: float) -> None:
    """Every place that lies in the region is covered, and none farther than a cell's diagonal from it."""
    region = parse_region(text)
    order = 9
    covered = cover_texts(pa.array([text]), order)
    assert covered.known.all()
    random = np.random.default_rng(3)
    reach = np.tan(np.radians(radius)) * np.sqrt(random.random(6000))
    turns = random.uniform(0.0, 2.0 * np.pi, 6000)
    places = around(lon, lat, reach * np.cos(turns), reach * np.sin(turns))
    is_in = held(covered.cells, 0, cells_at(*degrees(places), order))
    assert is_in[region.contains(places)].all()
    assert region.contains(places).sum() > 50
    diagonal = 2.2 / 2.0**order
    assert not is_in[region.distance(places) > diagonal].any()
    assert (region.distance(places) > diagonal).any()


def test_a_hole_is_not_covered() -> None:
    covered = cover_texts(pa.array([UNIONS[1]]), 12).cells
    assert not held(covered, 0, cells_at(np.array([10.25]), np.array([10.25]), 12)).any()
    assert held(covered, 0, cells_at(np.array([10.05, 10.45]), np.array([10.25, 10.25]), 12)).all()


def test_a_hole_alone_is_the_rest_of_the_sky() -> None:
    covered = cover_texts(pa.array(["Union ICRS (Not (Circle 0 0 20))"]), 4).cells
    assert held(covered, 0, cells_at(np.array([180.0]), np.array([0.0]), 4)).all()
    assert not held(covered, 0, cells_at(np.array([0.0]), np.array([0.0]), 4)).any()


def test_texts_that_are_no_regions_have_no_cells() -> None:
    texts = [
        "Circle ICRS 10 10",
        None,
        "",
        "Polygon ICRS 0 0 1 0 2 0",
        "Circle ICRS 1 2 3",
        "Circle ICRS 1 99 3",
    ]
    covered = cover_texts(pa.array(texts), 6)
    assert covered.known.tolist() == [False, False, False, False, True, False]
    assert set(covered.cells.owner.tolist()) == {4}
    assert len(cover_texts(pa.array([], pa.string()), 6).cells) == 0


def test_positions_have_the_cell_they_lie_in() -> None:
    """# MOC-030"""
    lon, lat = np.array([10.0, np.nan, 0.0, 5.0, 200.0]), np.array([-30.0, 10.0, 90.0, 91.0, 12.0])
    found = cells_of_positions(lon, lat, 14)
    assert found.owner.tolist() == [0, 2, 4]
    wanted = cells_at(lon[found.owner], lat[found.owner], 14).astype(np.int64)
    assert np.array_equal(found.starts, wanted) and np.array_equal(found.stops, wanted + 1)
    point = cover_texts(pa.array(["Position ICRS 10 -30", "Circle ICRS 200 12 0"]), 14).cells
    assert np.array_equal(point.starts, wanted[[0, 2]])


def test_circles_smaller_than_cells_have_few_cells() -> None:
    covered = cover_texts(
        pa.array([f"Circle ICRS {lon} {lat} 1e-7" for lon in range(0, 360, 7) for lat in range(-90, 91, 9)]),
        14,
    )
    counts = np.bincount(covered.cells.owner)
    assert counts.min() >= 1
    assert np.median(counts) == 1
    assert (covered.cells.stops - covered.cells.starts).max() <= 12


@given(st.permutations(range(len(UNIONS))))
@settings(max_examples=5)
def test_the_order_of_footprints_does_not_matter(places: list[int]) -> None:
    """# MOC-031"""
    texts = [UNIONS[place] for place in places]
    one = SpaceMap.of_ranges(8, *cover_texts(pa.array(texts), 8).cells.ranges())
    assert one == SpaceMap.of_ranges(8, *cover_texts(pa.array(UNIONS), 8).cells.ranges())


def test_one_region_is_covered_as_its_text_is() -> None:
    for text in UNIONS:
        starts, stops = cover_texts(pa.array([text]), 8).cells.ranges()
        assert np.array_equal(cover_region(parse_region(text), 8).pairs, np.stack([starts, stops], axis=1))


@settings(max_examples=25)
@given(polygons(st.floats(-5.0, -1.2)), st.integers(1, 6))
def test_coarser_cells_are_the_parents(drawn: Drawn, coarser: int) -> None:
    order = order_for(drawn.size, 4)
    covered = cover_texts(pa.array([drawn.text]), order).cells
    less = covered.degraded(max(0, order - coarser))
    parents = np.unique(cells_in(covered) >> (2 * (order - less.order)))
    assert np.array_equal(cells_in(less), parents)
    assert covered.degraded(order + 1) is covered


@pytest.mark.parametrize("order", [2, 3, 5, 8, 14, 20])
def test_cells_lie_within_their_sides_moved_by_the_slack(order: int) -> None:
    """What the tests of edges rest on: in planes up to two and a half cells away, everywhere."""
    random = np.random.default_rng(order)
    most = 4**order
    polar = [most * base + (most - 1 - np.arange(min(most, 2000))) for base in range(4)]
    cells = np.unique(
        np.concatenate(
            [random.integers(0, 12 * most, 6000), *polar, *(12 * most - 1 - each for each in polar)]
        )
    )
    lon, lat = cdshealpix.nested.healpix_to_lonlat(cells.astype(np.uint64), order)
    side = math.sqrt(math.pi / 3.0) / 2.0**order
    away = np.minimum(0.8, random.uniform(0.0, 2.5, len(cells)) * side)
    turns = random.uniform(0.0, 2.0 * np.pi, len(cells))
    middles = np.concatenate(
        [
            around(
                one_lon,
                one_lat,
                np.array([math.tan(far) * math.cos(turn)]),
                np.array([math.tan(far) * math.sin(turn)]),
            )
            for one_lon, one_lat, far, turn in zip(lon.to_value("deg"), lat.to_value("deg"), away, turns)
        ]
    )
    planes = Planes.at(middles)
    seen = outlines(cells, order, planes)
    border_lon, border_lat = cdshealpix.nested.vertices(cells.astype(np.uint64), order, step=12)
    lons, lats = border_lon.to_value("rad"), border_lat.to_value("rad")
    border = np.stack([np.cos(lats) * np.cos(lons), np.cos(lats) * np.sin(lons), np.sin(lats)], axis=-1)
    x, y, _ = planes.seen(border)
    beyond = (
        seen.out_x[:, None, :] * x[:, :, None]
        + seen.out_y[:, None, :] * y[:, :, None]
        - seen.away[:, None, :]
    )
    assert (beyond.max(axis=(1, 2)) <= seen.slack).all()
    # and the slack is small, but beside the poles
    assert seen.slack[np.abs(border[:, 0, 2]) < 0.9].max() <= 6.0 * side * side


@settings(max_examples=60)
@given(st.integers(0, 2**31), st.integers(3, 9), st.integers(0, 3), st.booleans())
def test_corners_that_lie_on_corners_and_middles_of_cells(
    seed: int, order: int, finer: int, middles: bool
) -> None:
    """Where what is inside is decided by signs: round coordinates are the hard ones."""
    random = np.random.default_rng(seed)
    around_cell = random.integers(0, 12 * 4**order, 1, dtype=np.int64)
    near = np.unique(cdshealpix.nested.neighbours(around_cell.astype(np.uint64), order))
    near = near[near >= 0].astype(np.uint64)
    if middles:
        lon, lat = cdshealpix.nested.healpix_to_lonlat(near, order)
    else:
        lon, lat = cdshealpix.nested.vertices(near, order, step=1)
    lon, lat = lon.to_value("deg").ravel(), lat.to_value("deg").ravel()
    middle_lon, middle_lat = cdshealpix.nested.healpix_to_lonlat(around_cell.astype(np.uint64), order)
    chosen = random.permutation(len(lon))[: random.integers(3, 7)]
    x = (lon[chosen] - middle_lon.to_value("deg") + 180.0) % 360.0 - 180.0
    turns = np.arctan2(lat[chosen] - middle_lat.to_value("deg"), x)
    chosen = chosen[np.argsort(turns)]
    text = "Polygon ICRS " + " ".join(
        f"{a!r} {b!r}" for a, b in zip(lon[chosen].tolist(), lat[chosen].tolist())
    )
    covered = cover_texts(pa.array([text]), order + finer)
    if not covered.known[0]:
        return
    polygon = parse_region(text)
    deep = min(29, order + finer + 2)
    parent = cells_in(
        cover_texts(
            pa.array([f"Circle ICRS {lon[0]!r} {lat[0]!r} {min(8.0, 200.0 / 2**order)!r}"]), order
        ).cells
    )
    fine = (parent[:, None] * 4 ** (deep - order) + np.arange(4 ** (deep - order))).ravel()
    some = random.permutation(fine)[:4000]
    at_lon, at_lat = cdshealpix.nested.healpix_to_lonlat(some.astype(np.uint64), deep)
    places = np.stack(
        [
            np.cos(at_lat.to_value("rad")) * np.cos(at_lon.to_value("rad")),
            np.cos(at_lat.to_value("rad")) * np.sin(at_lon.to_value("rad")),
            np.sin(at_lat.to_value("rad")),
        ],
        axis=-1,
    )
    is_in = held(covered.cells, 0, some >> (2 * (deep - order - finer)))
    assert is_in[polygon.contains(places)].all()
    assert not is_in[polygon.distance(places) > 2.2 / 2.0 ** (order + finer)].any()
