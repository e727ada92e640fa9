"""Coverage maps: their text, their cells, and what they have in common with shapes; mocpy is the judge."""

from __future__ import annotations

import math
from unittest.mock import patch

import mocpy
import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import Latitude, Longitude, SkyCoord
from growth import processor_seconds
from hypothesis import given, settings
from hypothesis import strategies as st
from test_sky_relations import LATITUDES, _star, points_round, regions

from vo_service import sky
from vo_service.sky import (
    Circle,
    Moc,
    Not,
    Polygon,
    Range,
    RegionError,
    Union,
    centroid,
    healpix29,
    moc_texts,
    parse_moc,
    parse_region,
    positions,
    unit_vectors,
)

CELLS = st.lists(
    st.integers(0, 29).flatmap(lambda k: st.tuples(st.just(k), st.integers(0, 12 * 4**k - 1))), max_size=12
)


def text_of(cells: list[tuple[int, int]]) -> str:
    return " ".join(f"{order}/{number}" for order, number in cells) or "3/"


def theirs(moc: Moc) -> mocpy.MOC:
    return mocpy.MOC.from_depth29_ranges(29, np.array(moc.ranges, dtype=np.uint64).reshape(-1, 2))


def ranges_of(moc: mocpy.MOC) -> tuple[tuple[int, int], ...]:
    return tuple((int(a), int(b)) for a, b in moc.to_depth29_ranges)


@settings(max_examples=100, deadline=None)
@given(CELLS)
def test_texts_and_cells(cells: list[tuple[int, int]]) -> None:
    moc = parse_moc(text_of(cells))
    assert parse_moc(moc.to_ascii()) == moc
    assert hash(parse_moc(moc.to_dali())) == hash(moc)
    assert parse_region(moc.to_stcs()) == moc
    judge = mocpy.MOC.from_string(moc.to_ascii())
    assert moc.ranges == ranges_of(judge)
    share = sum(b - a for a, b in ranges_of(judge)) / (12 * 4**29)
    assert moc.area() == pytest.approx(share * 4 * math.pi * math.degrees(1) ** 2, rel=1e-12)
    assert moc.complement().ranges == ranges_of(judge.complement())
    assert sum(len(numbers) * 4 ** (29 - order) for order, numbers in moc.cells()) == sum(
        b - a for a, b in moc.ranges
    )


@settings(max_examples=40, deadline=None)
@given(CELLS, CELLS)
def test_maps_among_themselves(one: list[tuple[int, int]], two: list[tuple[int, int]]) -> None:
    left, right = parse_moc(text_of(one)), parse_moc(text_of(two))
    common = theirs(left).intersection(theirs(right))
    assert left.intersects(right) == (not common.empty())
    assert left.covers(right) == (ranges_of(common) == right.ranges)
    assert left.covers(left) and left.complement().covers(right) == (not left.intersects(right))


@settings(max_examples=40, deadline=None)
@given(CELLS, st.integers(0, 999))
def test_positions_by_their_cell(cells: list[tuple[int, int]], seed: int) -> None:
    moc = parse_moc(text_of(cells))
    random = np.random.default_rng(seed)
    xyz = random.normal(size=(500, 3))
    if moc.ranges:
        cap = moc.cap()
        xyz[:250] = cap.centre + xyz[:250] * math.sin(min(1.0, cap.radius))
    lon, lat = positions(xyz / np.linalg.norm(xyz, axis=1)[:, None])
    wanted = theirs(moc).contains_lonlat(Longitude(lon, unit="deg"), Latitude(lat, unit="deg"))
    assert moc.contains(unit_vectors(lon, lat)).tolist() == wanted.tolist()
    assert moc.holds_cells(healpix29(lon, lat)).tolist() == wanted.tolist()
    if moc.ranges:
        held = unit_vectors(lon, lat)[wanted]
        apart = np.linalg.norm(held - moc.cap().centre, axis=1)
        assert (apart <= 2 * math.sin(moc.cap().radius / 2) + 1e-13).all()
    points = [Circle(float(a), float(b), 0.0) for a, b in zip(lon[:40], lat[:40])]
    assert sky.test_pairs("inside", points, [moc]).tolist() == wanted[:40].astype(int).tolist()
    assert sky.test_pairs("intersects", [moc], points).tolist() == wanted[:40].astype(int).tolist()


@settings(max_examples=40, deadline=None)
@given(
    st.data(), st.floats(0, 359.9), LATITUDES, st.floats(-3.0, 1.4), st.integers(-1, 4), st.integers(0, 99)
)
def test_shapes_against_points(
    data: st.DataObject, lon: float, lat: float, log_size: float, finer: int, seed: int
) -> None:
    """# ADQL-151: a map and a shape with a common point meet; what sticks out is not covered."""
    size = 10.0**log_size
    one, two = data.draw(regions(lon, lat, size)), data.draw(regions(lon, lat, size))
    order = min(29, max(0, int(math.log2(60.0 / size)) + finer))
    moc = Moc(ranges_of(one.cover(order)))
    assert moc.covers(one) and moc.intersects(one) and one.intersects(moc)
    assert not moc.complement().intersects(one) or not one.contains(points_round(one, 50, 1), -1e-8).all()
    xyz = np.concatenate([points_round(moc, 600, seed), points_round(two, 600, seed + 1)])
    in_map, clearly_in, clearly_out = moc.contains(xyz), two.contains(xyz, -1e-8), ~two.contains(xyz, 1e-8)
    if (in_map & clearly_in).any():
        assert moc.intersects(two) and two.intersects(moc)
    if (in_map & clearly_out).any():
        assert not two.covers(moc)
    if (~in_map & clearly_in).any():
        assert not moc.covers(two)
    if not two.intersects(moc):
        assert moc.complement().covers(two)
        assert (two.distance(unit_vectors(*positions(xyz[in_map]))) > 0.0).all()


@pytest.mark.parametrize("seed", range(6))
def test_many_small_shapes_against_mocpy(seed: int) -> None:
    """Circles against a map of cells of about their size; mocpy's cones at high order bracket the border."""
    random = np.random.default_rng(seed)
    order = 8
    middle = SkyCoord(random.uniform(0, 360), math.degrees(math.asin(random.uniform(-1, 1))), unit="deg")
    near = middle.directional_offset_by(random.uniform(0, 360, 60) * u.deg, random.uniform(0, 1, 60) * u.deg)
    cells = healpix29(near.ra.deg[:30], near.dec.deg[:30]) >> (2 * (29 - order))
    moc = parse_moc(f"{order}/" + ",".join(map(str, cells)))
    circles = [Circle(float(p.ra.deg), float(p.dec.deg), float(random.uniform(0.01, 0.3))) for p in near]
    met, inside = sky.test_pairs("intersects", circles, [moc]), sky.test_pairs("inside", circles, [moc])
    judge = theirs(moc)
    for circle, meets, is_in in zip(circles, met, inside):
        cones = [
            mocpy.MOC.from_cone(
                lon=Longitude(circle.lon, unit="deg"),
                lat=Latitude(circle.lat, unit="deg"),
                radius=radius * u.deg,
                max_depth=14,
            )
            for radius in (circle.radius, max(1e-9, circle.radius - 0.015))
        ]
        wide, narrow = (not judge.intersection(cone).empty() for cone in cones)
        assert narrow <= bool(meets) <= wide
        if is_in:
            assert ranges_of(judge.intersection(cones[1])) == ranges_of(cones[1])
        assert bool(meets) == moc.intersects(circle)
        assert bool(is_in) == moc.covers(circle)


def test_borders_that_are_known() -> None:
    """Base cells 0 and 1 share the meridian of 90 degrees north of the latitude with sine 2/3."""
    first, second = parse_moc("0/0"), parse_moc("0/1")
    corner = math.degrees(math.asin(2.0 / 3.0))
    assert Range(0, 90, 0, 90).covers(first) and not Range(0, 89.999, 0, 90).covers(first)
    assert first.covers(Range(0, 90, 50, 80)) and not second.covers(Range(0, 90, 50, 80))
    assert first.covers(Polygon(((0, 50), (89, 45), (45, 80))))
    assert not first.covers(Range(0, 90.00001, 50, 80)) and second.intersects(Range(0, 90.00001, 50, 80))
    assert not second.intersects(Range(0, 89.99999, 50, 80))
    assert not first.intersects(Circle(45, -1.0001, 1)) and first.intersects(Circle(45, -0.9999, 1))
    assert first.intersects(Circle(90, corner, 0.001)) and second.intersects(Circle(90, corner, 0.001))
    both = parse_moc("0/0 1")
    assert both.covers(Circle(90, 60, 15)) and not first.covers(Circle(90, 60, 1))
    assert Circle(0, 0, 180).covers(both) and parse_moc("0/0-11").covers(Circle(0, 0, 180))
    assert Circle(45, 90, 91).covers(parse_moc("0/0-3")) and not Circle(45, 90, 60).covers(parse_moc("0/0-3"))


def test_nothing_and_everything() -> None:
    empty, whole = parse_moc("5/"), parse_moc("0/0-11")
    assert empty.ranges == () and empty.area() == 0.0 and centroid(empty) is None
    assert not empty.intersects(Circle(0, 0, 180)) and Circle(1, 1, 1).covers(empty)
    assert sky.test_pairs("inside", [empty], [Circle(1, 1, 1)]).tolist() == [1]
    assert sky.test_pairs("intersects", [empty] * 4, [Circle(1, 1, 1)]).tolist() == [0] * 4
    assert empty.hpx29_ranges() == [] and empty.to_ascii() == "29/"
    assert whole.covers(empty) and whole.complement() == empty
    assert whole.contains(np.array([[0.0, 0.0, 1.0], [np.nan, 0.0, 0.0]])).tolist() == [True, False]
    assert whole.hpx29_ranges(0.1) == whole.hpx29_ranges() == [(0, 12 * 4**29)]


@settings(max_examples=20, deadline=None)
@given(CELLS.filter(bool), st.sampled_from([0.0, 1e-6, 0.01, 0.5]), st.integers(0, 99))
def test_ranges_are_never_too_small(cells: list[tuple[int, int]], inflate: float, seed: int) -> None:
    """# ADQL-160"""
    moc = parse_moc(text_of(cells))
    ranges = moc.hpx29_ranges(inflate)
    assert 1 <= len(ranges) <= 50
    random = np.random.default_rng(seed)
    starts = np.array([random.integers(a, b) for a, b in moc.ranges], dtype=np.uint64)
    xyz = sky.covers.circles_of_cells(starts, 29)[0].repeat(20, axis=0)
    step = random.normal(size=xyz.shape)
    step -= np.einsum("ij,ij->i", step, xyz)[:, None] * xyz
    step /= np.linalg.norm(step, axis=1)[:, None]
    xyz = math.cos(0.999 * inflate) * xyz + math.sin(0.999 * inflate) * step
    cells29 = healpix29(*positions(xyz))
    edges = np.array(ranges)
    place = np.searchsorted(edges[:, 0], cells29, side="right") - 1
    assert (place >= 0).all() and (cells29 < edges[place, 1]).all()


def test_polygon_of_a_map() -> None:
    """A star and the map of it: the map holds the star, and neither the other way round."""
    star = _star(33.0, 61.0, 3.0, np.random.default_rng(3))
    moc = Moc(ranges_of(star.cover(9)))
    assert moc.covers(star) and not star.covers(moc)
    inner = Moc(tuple((a, b) for a, b in moc.ranges if star.covers(Moc(((a, b),)))))
    assert star.covers(inner) and inner.area() < star.area() < moc.area()
    lon, lat = theirs(moc).barycenter().ra.deg, theirs(moc).barycenter().dec.deg
    found = centroid(moc)
    assert found is not None
    assert SkyCoord(lon, lat, unit="deg").separation(SkyCoord(*found, unit="deg")).deg < 1e-3


@pytest.mark.parametrize(
    ("text", "at", "expected"),
    [
        ("", 0, "an order and /"),
        ("4", 0, "an order and /"),
        ("4/3072", 2, "cells below 3072 at order 4"),
        ("4/12 30/1", 5, "an order from 0 to 29"),
        ("4/12-9", 2, "the lower one first"),
        ("4/12 x", 5, "cells, such as"),
        ("4/1,2;3", 5, "cells, such as"),
        ("t4/1", 0, "time"),
        ('{"4": [1]}', 0, "ASCII"),
        ("4/1-", 3, "cells, such as"),
    ],
)
def test_errors_name_the_place(text: str, at: int, expected: str) -> None:
    with pytest.raises(RegionError) as caught:
        parse_moc(text)
    assert caught.value.at == at and expected in caught.value.expected
    with pytest.raises(RegionError) as inside:
        parse_region("MOC " + text)
    assert inside.value.at == at + 4


def test_ranges_out_of_the_sky() -> None:
    for pair in ((5, 5), (-1, 3), (0, 12 * 4**29 + 1), (0, 2**70)):
        with pytest.raises(RegionError, match="range of cells"):
            Moc((pair,))


def scattered(count: int, order: int = 12) -> Moc:
    """Cells of which no two touch."""
    cells = np.sort(np.random.default_rng(count).choice(6 * 4**order, count, replace=False)) * 2
    return parse_moc(f"{order}/" + " ".join(map(str, cells.tolist())))


def time_of_a_long_map(count: int) -> float:
    """Processor seconds of all that is done with a map of so many cells."""
    text = scattered(count).to_ascii()

    def done() -> None:
        moc = parse_moc(text)
        moc.cap()
        assert len(moc.hpx29_ranges(2e-2)) <= 48
        moc.distance_and_depth(unit_vectors(np.linspace(0.0, 300.0, 1000), np.linspace(-80.0, 80.0, 1000)))
        moc.complement().common(parse_moc("2/0-80"))
        Circle(10.0, 10.0, 5.0).covers(moc)
        moc.covers(Circle(10.0, 10.0, 5.0))
        moc.moment()
        assert moc.count == moc.count_of_cells == count
        assert moc.to_ascii() == text

    return processor_seconds(done, times=2)


def test_time_grows_no_faster_than_long_maps() -> None:
    """Sixteen times as many cells; work that looks at all pairs of them would take 256 times as long."""
    time_of_a_long_map(1_000)  # what is made once
    assert time_of_a_long_map(160_000) < 40 * time_of_a_long_map(10_000)


@pytest.mark.parametrize("seed", range(5))
def test_what_is_near_a_long_map_is_in_its_ranges(seed: int) -> None:
    """# ADQL-205: nobody within the radius of a cell is left out, and positions far off are."""
    random = np.random.default_rng(seed)
    middle = unit_vectors(random.uniform(0, 360), random.uniform(-90, 90))
    places = middle + random.normal(size=(4000, 3)) * 0.02
    places /= np.linalg.norm(places, axis=1)[:, None]
    moc = Moc([(cell, cell + 2**30) for cell in set((healpix29(*positions(places)) >> 30 << 30).tolist())])
    radius = 10.0 ** random.uniform(-4, -1)
    assert moc.contains(places).all()
    step = random.normal(size=places.shape)
    near = places + radius * step / np.linalg.norm(step, axis=1)[:, None]
    near /= np.linalg.norm(near, axis=1)[:, None]
    cells = healpix29(*positions(near[np.linalg.norm(near - places, axis=1) <= radius]))
    assert len(cells) > 1000
    ranges = moc.hpx29_ranges(radius)
    assert all(any(low <= cell < high for low, high in ranges) for cell in cells.tolist())
    opposite = int(healpix29(*positions(-middle))[0])
    assert not any(low <= opposite < high for low, high in ranges)


def test_a_long_map_inside_a_shape() -> None:
    """Of a thousand ranges and more the whole is looked at before each cell."""
    around = Circle(40.0, 30.0, 4.0)
    inner = [int(cell) for cell in Circle(40.0, 30.0, 3.7).cover(9).flatten()][::2]
    moc = parse_moc("9/" + " ".join(map(str, inner)))
    assert moc.count > 1000 and around.covers(moc)
    assert not around.covers(parse_moc(f"{moc.to_ascii()} 9/{(inner[0] + 500_000) % (12 * 4**9)}"))
    assert not Circle(40.0, 30.0, 3.65).covers(moc)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("4/1 - 3, 5 -7", "4/1-3 5-7"),
        ("4 /1 5 / 3\t4/2", "4/1-2 5/3"),
        ("4/1,,2 , 5/", "4/1-2"),
        ("s4/1", "4/1"),
        ("29/0-3458764513820540927", "0/0-11"),
        ("4/7 1 7 1-2", "4/1-2 7"),
    ],
)
def test_ways_to_write_a_map(text: str, wanted: str) -> None:
    assert parse_moc(text).to_ascii() == parse_moc(wanted).to_ascii() == wanted


@pytest.mark.parametrize(
    ("text", "at", "told"),
    [
        ("4/1-12/3", 2, "cells"),
        ("4/1-2-3", 5, "cells"),
        ("4/3- 5/1", 2, "cells"),
        ("4/30-5/4/33", 2, "cells"),
        ("4/30- 5/ 4/33", 2, "cells"),
        ("4/30 5/ 4/-33", 10, "cells"),
        ("4/30,-33", 5, "cells"),
        ("4/5,-3", 4, "cells"),
        ("0/0--0", 3, "cells"),
        ("0/0- -0", 3, "cells"),
        ("0/5 0 - - 0-0", 6, "cells"),
        ("0/-0", 2, "cells"),
        ("4/1 5,/6", 6, "cells"),
        ("4/1 x5/2", 4, "cells"),
        ("004/1", 0, "order from 0"),
        ("4/1 30/5", 4, "order from 0"),
        ("4/7-5", 2, "lower one first"),
        ("4/3072", 2, "cells below 3072"),
        ("4/" + "9" * 30, 2, "cells below 3072"),
        ("1", 0, "an order and /"),
        (",4/3", 0, "an order and /"),
        ("4/" + chr(0x0663), 2, "cells"),
    ],
)
def test_texts_that_are_no_map(text: str, at: int, told: str) -> None:
    with pytest.raises(RegionError, match=told) as refused:
        parse_moc(text)
    assert refused.value.at == at


@pytest.mark.parametrize("count", [10, 63, 64, 5000, 20_001])
@pytest.mark.parametrize(
    ("wrong", "told"), [("x", "cells, such as"), ("9 - 8", "lower one"), ("49", "below")]
)
def test_a_fault_is_found_without_a_look_at_every_cell(count: int, wrong: str, told: str) -> None:
    """Its place is told to the character, however much stands before and behind it."""
    cells = " 3-7,\n12 ,5 - 9\t1" * (count // 4) + " 1" * (count % 4) + " "
    text = f"4/1 {'2 ' * count}1/{cells}"
    with (
        patch.object(moc_texts, "_wanted_of", wraps=moc_texts._wanted_of) as looked,
        pytest.raises(RegionError, match=told) as refused,
    ):
        parse_moc(f"{text}{wrong} 2 3 6/5")
    assert refused.value.at == len(text) and looked.call_count < 5000


def test_rows_of_cells_behind_many_orders_are_passed_as_fast() -> None:
    rows = ("4/" + "1 " * 62 + "1\n") * 300
    with (
        patch.object(moc_texts, "_wanted_of", wraps=moc_texts._wanted_of) as looked,
        pytest.raises(RegionError),
    ):
        parse_moc(rows + "x")
    assert looked.call_count < 300 * 20


def test_orders_named_too_often() -> None:
    with pytest.raises(RegionError, match="at most 100000 orders"):
        parse_moc("4/1 " * 100_001)


def test_a_test_of_pairs_can_be_ended() -> None:
    """Before each pair that takes long whoever waits is asked."""

    class Ended(Exception):
        pass

    def end() -> None:
        raise Ended

    moc = scattered(20)
    holes = [Union((Circle(lon, 10.0, 30.0), Not(Circle(lon, 10.0, 5.0)))) for lon in (10.0, 40.0, 70.0)]
    assert sky.test_pairs("covers", holes, [moc]).tolist() == [0, 0, 0]
    with pytest.raises(Ended):
        sky.test_pairs("inside", holes, [moc], end)
