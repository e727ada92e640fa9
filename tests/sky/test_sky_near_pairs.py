"""Unions of many members against many shapes: against plain loops and numpy, and how little is tested."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from test_sky_relations import LATITUDES, regions

from vo_service import sky
from vo_service.sky import Circle, Not, Range, Region, Shapes, Union, tests_of_pairs
from vo_service.sky.near_pairs import Near, any_of_shapes


def _plainly(union: Union, shapes: Sequence[Region], test: str) -> list[int]:
    """By a loop over the members; of those that a hole may take away the whole union is asked."""
    found = []
    for shape in shapes:
        if test == "covers":
            found.append(int(all(shape.covers(member) for member in union.added)))
        elif test == "inside":
            found.append(int(union.covers(shape)))
        elif any(hole.intersects(shape) for hole in union.holes):
            found.append(int(union.intersects(shape)))
        else:
            found.append(int(any(member.intersects(shape) for member in union.added)))
    return found


@settings(max_examples=15, deadline=None)
@given(st.data(), st.floats(0, 359.9), LATITUDES, st.floats(-4.0, 1.3))
def test_unions_as_loops_over_their_members(
    data: st.DataObject, lon: float, lat: float, log_size: float
) -> None:
    """# ADQL-151, SIA-030: shapes of all kinds near a place, more than are looked at by themselves."""
    size = 10.0**log_size
    members = data.draw(st.lists(regions(lon, lat, 0.3 * size), min_size=2, max_size=12))
    holes = data.draw(st.lists(regions(lon, lat, 0.1 * size).map(Not), max_size=2))
    shapes = data.draw(st.lists(regions(lon, lat, size), min_size=3, max_size=24))
    union = Union((*members, *holes))
    assert sky.test_pairs("intersects", shapes, [union]).tolist() == _plainly(union, shapes, "intersects")
    whole = Union(tuple(members))
    assert sky.test_pairs("covers", shapes, [whole]).tolist() == _plainly(whole, shapes, "covers")
    assert sky.test_pairs("inside", shapes, [union]).tolist() == _plainly(union, shapes, "inside")
    mixed = [union if number % 3 else whole for number in range(len(shapes))]
    wanted = [_plainly(one, [shape], "intersects")[0] for one, shape in zip(mixed, shapes)]
    assert sky.test_pairs("intersects", mixed, shapes).tolist() == wanted


def test_unions_with_and_without_holes_among_each_other() -> None:
    """# ALMA-113: each shape against the holes of its own union, also where others have none."""
    ring = Union((Circle(10.0, 20.0, 3.0), Circle(10.0, 21.0, 3.0), Not(Circle(10.0, 20.0, 2.0))))
    disc = Union((Circle(10.0, 20.0, 3.0), Circle(10.0, 21.0, 3.0)))
    shapes = [Circle(10.0 + 0.01 * number, 20.0, 0.1) for number in range(40)]
    for kinds in ([ring, disc], [disc, ring]):
        for which in (np.arange(40) % 2, np.arange(40)[::-1] % 2):
            unions = Shapes.of(kinds).take(which)
            wanted = [int(kinds[each] is disc) for each in which]
            assert sky.test_pairs("intersects", unions, shapes).tolist() == wanted


def _circles(random: np.random.Generator, count: int, most: float) -> NDArray[np.float64]:
    """Rows of longitude, latitude and radius in degrees, all over the sky."""
    lat = np.degrees(np.arcsin(random.uniform(-1, 1, count)))
    return np.column_stack([random.uniform(0, 360, count), lat, most * 10.0 ** random.uniform(-3, 0, count)])


def _apart(one: NDArray[np.float64], two: NDArray[np.float64]) -> NDArray[np.float64]:
    """Degrees between the centres of each with each, by haversines."""
    lon1, lat1, lon2, lat2 = (np.radians(each) for each in (*one[:, :2].T, *two[:, :2].T))
    half = (
        np.sin(0.5 * (lat1[:, None] - lat2)) ** 2
        + np.cos(lat1[:, None]) * np.cos(lat2) * np.sin(0.5 * (lon1[:, None] - lon2)) ** 2
    )
    return np.degrees(2.0 * np.arcsin(np.sqrt(np.minimum(half, 1.0))))


@pytest.mark.parametrize("most", [0.3, 5.0, 120.0])
def test_circles_as_numpy_has_them(most: float) -> None:
    """# SIA-030, SIA-063: 3,000 circles and a union of 400, by the distances of all centres."""
    random = np.random.default_rng(int(10 * most))
    shapes, members = _circles(random, 3000, most), _circles(random, 400, 0.5 * most)
    touching = np.arange(0, 60)  # on the border of a member, from outside
    shapes[touching, 0] = members[touching, 0]
    shapes[touching, 1] = members[touching, 1] * 0.9
    shapes[touching, 2] = 0.1 * np.abs(members[touching, 1]) - members[touching, 2]
    shapes = shapes[shapes[:, 2] >= 0.0]
    union = Union(tuple(Circle(*row) for row in members.tolist()))
    margin = _apart(shapes, members) - (shapes[:, 2:] + members[:, 2])
    sure = np.where((margin < -1e-9).any(axis=1), 1, np.where((margin > 1e-9).all(axis=1), 0, -1))
    found = sky.test_pairs("intersects", Shapes.of_circles(*shapes.T), [union])
    assert (found[sure >= 0] == sure[sure >= 0]).all()
    borders = np.flatnonzero(sure < 0)
    alone = [union.intersects(Circle(*shapes[row].tolist())) for row in borders]
    assert found[borders].tolist() == alone
    assert 0.02 < found.mean() < 0.98 or most == 120.0
    assert most != 0.3 or len(borders) > 20


@pytest.mark.parametrize("most", [0.3, 5.0])
def test_circles_inside_as_numpy_has_them(most: float) -> None:
    """# ADQL-151: what one member holds lies in the union, and what meets none of them does not."""
    random = np.random.default_rng(int(10 * most))
    shapes, members = _circles(random, 1000, 0.3 * most), _circles(random, 200, most)
    shapes[:200, :2] = members[:, :2]  # round the same places
    union = Union(tuple(Circle(*row) for row in members.tolist()))
    apart = _apart(shapes, members)
    inside = sky.test_pairs("inside", Shapes.of_circles(*shapes.T), [union])
    assert (inside[(apart + shapes[:, 2:] < members[:, 2] - 1e-9).any(axis=1)] == 1).all()
    assert (inside[(apart - shapes[:, 2:] > members[:, 2] + 1e-9).all(axis=1)] == 0).all()
    assert 0.02 < inside.mean() < 0.98


def test_most_pairs_are_never_tested(monkeypatch: pytest.MonkeyPatch) -> None:
    """# SIA-063: of 2,000,000 pairs with the members of a union some are near, and of those no more are
    tested than it takes to tell."""
    tested = 0
    settle = tests_of_pairs._Pairs.settle

    def counting(pairs: tests_of_pairs._Pairs) -> tests_of_pairs.Verdicts:
        nonlocal tested
        tested += len(pairs.one)
        return settle(pairs)

    monkeypatch.setattr(tests_of_pairs._Pairs, "settle", counting)
    random = np.random.default_rng(5)
    shapes = Shapes.of_circles(*_circles(random, 4000, 0.1).T)
    spread = Union(tuple(Circle(*row) for row in _circles(random, 500, 1.0).tolist()))
    sky.test_pairs("intersects", shapes, [spread])
    assert tested < 2 * len(shapes)
    tested = 0
    heap = Union(tuple(Circle(10.0, 10.0, 150.0 + 0.01 * number) for number in range(500)))
    assert sky.test_pairs("intersects", shapes, [heap]).mean() > 0.9
    assert tested < 4 * len(shapes)
    tested = 0
    assert not sky.test_pairs("covers", shapes, [spread]).any()
    assert tested < 10 * len(shapes)  # places of the union among them


def test_pairs_are_tested_until_one_tells() -> None:
    """The first pair of a shape, then two more, then four: none behind the one that tells."""
    near = Near(np.repeat([7, 3, 5], [9, 1, 4]), np.arange(14))
    asked: list[int] = []

    def test(shape: NDArray[np.intp], member: NDArray[np.intp]) -> NDArray[np.bool_]:
        assert (np.repeat([7, 3, 5], [9, 1, 4])[member] == shape).all()
        asked.extend(member.tolist())
        return np.isin(member, [2, 9])

    assert sorted(any_of_shapes(near, test).tolist()) == [3, 7]
    assert sorted(asked) == [0, 1, 2, 9, 10, 11, 12, 13]


def test_long_tests_of_members_can_be_ended() -> None:
    """The clock is looked at between members that have to be looked at one by one."""
    ranges = Union(tuple(Range(lon, lon + 1.0, -10.0, 10.0) for lon in range(0, 300, 3)))
    looks = 0

    def check() -> None:
        nonlocal looks
        looks += 1
        if looks > 2:
            raise TimeoutError

    shapes: list[Region] = [Union((Circle(3.0 * n + 2.0, 0.0, 0.9), Not(Circle(0, 80, 1)))) for n in range(9)]
    with pytest.raises(TimeoutError):
        sky.test_pairs("intersects", shapes, [ranges], check)
    assert looks == 3
