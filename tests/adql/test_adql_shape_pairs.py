"""CONTAINS and INTERSECTS of every pair of shapes, of columns and constants, on both engines (ADQL-151).

What is right is in `shape_oracle`: astropy, spherical-geometry and closed forms, none of it ours.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from shape_oracle import (
    BOXES,
    CIRCLES,
    FORMS,
    POINTS,
    RINGS,
    circle_in_circle,
    circles_meet,
    in_box,
    in_circle,
    in_ring,
    nothing_but,
    ring_in_circle,
    ring_meets_circle,
    rings_meet,
    same,
)
from shape_rows import Bench, table

from vo_service.adql import AdqlError, parse, plan_query, resolve

Check = tuple[str, str, str, Callable[[Any, Any], bool | None]]


def check(bench: Bench, *checks: Check) -> None:
    """Calls of two forms each against an oracle, which gives None where it cannot say."""
    calls = [f"{call}({FORMS[one][0]}, {FORMS[other][0]})" for call, one, other, _ in checks]
    found = sorted(bench.ask(f"SELECT id, {', '.join(calls)} FROM t.shapes"))
    for index, (call, one, other, oracle) in enumerate(checks, start=1):
        told = 0
        for row, answer in zip(bench.rows, found, strict=True):
            left, right = FORMS[one][1](row), FORMS[other][1](row)
            if left is None or right is None:
                assert answer[index] is None, (call, one, other, row["id"], left, right)  # ADQL-134
                continue
            expected = oracle(left, right)
            if expected is not None:
                told += 1
                assert answer[index] == int(expected), (call, one, other, row["id"], left, right)
        assert told >= 0.15 * len(found)


@pytest.mark.parametrize("inner", POINTS)
def test_points_in_circles(bench: Bench, inner: str) -> None:
    # ADQL-135, ADQL-136, ADQL-137, ADQL-147, ADQL-151, ADQL-239
    outers = (*CIRCLES, "wide CIRCLE")
    check(bench, *(("CONTAINS", inner, outer, in_circle) for outer in outers))
    check(bench, *(("INTERSECTS", outer, inner, lambda c, p: in_circle(p, c)) for outer in outers))


def test_points_in_points(bench: Bench) -> None:
    # ADQL-149: equality of positions, whatever the longitude is called (ADQL-237)
    check(bench, *(("CONTAINS", "POINT", other, same) for other in POINTS))
    check(bench, *(("INTERSECTS", other, "POINT", same) for other in POINTS))


@pytest.mark.parametrize("one", CIRCLES)
def test_circles_and_circles(bench: Bench, one: str) -> None:
    # ADQL-150, ADQL-151
    others = (*CIRCLES, "wide CIRCLE")
    check(bench, *(("CONTAINS", one, other, circle_in_circle) for other in others))
    check(bench, *(("INTERSECTS", other, one, circles_meet) for other in others))


def test_a_circle_is_in_a_point_where_its_radius_is_0(bench: Bench) -> None:
    # ADQL-149: bug 149, CIRCLE of radius 0
    circles, points = ("CIRCLE", "stored CIRCLE", "constant CIRCLE"), ("POINT", "constant POINT")
    check(bench, *(("CONTAINS", c, p, nothing_but) for c in circles for p in points))


def test_a_constant_circle_of_radius_0_is_its_point(bench: Bench) -> None:
    # ADQL-149
    assert set(bench.column("CONTAINS(CIRCLE(10, 20, 0), POINT(10, 20))")) == {1}
    assert set(bench.column("CONTAINS(CIRCLE(10, 20, 0.1), POINT(10, 20))")) == {0}


@pytest.mark.parametrize("outer", BOXES)
def test_points_in_boxes(bench: Bench, outer: str) -> None:
    # ADQL-138, ADQL-244: sides of 0 too
    check(bench, *(("CONTAINS", inner, outer, in_box) for inner in ("other POINT", "constant POINT")))


@pytest.mark.parametrize("outer", RINGS)
def test_points_in_polygons(bench: Bench, outer: str) -> None:
    # ADQL-139, ADQL-155, ADQL-240, ADQL-241
    check(
        bench, *(("CONTAINS", inner, outer, in_ring) for inner in ("POINT", "other POINT", "constant POINT"))
    )


@pytest.mark.parametrize("one", RINGS)
def test_polygons_and_circles(bench: Bench, one: str) -> None:
    # ADQL-151
    others = ("CIRCLE", "stored CIRCLE", "constant CIRCLE", "wide CIRCLE")
    check(bench, *(("CONTAINS", one, other, ring_in_circle) for other in others))
    check(bench, *(("INTERSECTS", one, other, ring_meets_circle) for other in others))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("POLYGON", "stored POLYGON"),
        ("POLYGON", "constant POLYGON"),
        ("constant POLYGON", "stored POLYGON"),
        ("POLYGON round the pole", "POLYGON of POINTs"),
    ],
)
def test_polygons_and_polygons(bench: Bench, one: str, other: str) -> None:
    # ADQL-151
    check(bench, ("INTERSECTS", one, other, rings_meet))


def test_every_shape_holds_itself(bench: Bench) -> None:
    # ADQL-243: whatever it is made of
    for form in ("CIRCLE(lon, lat, r)", "disc", "BOX(lon, lat, w, h)", "ring", "outline", "cells"):
        held = bench.column(f"CONTAINS({form}, {form})")
        assert set(held) == {1, None}, form


def test_no_pair_is_refused(bench: Bench) -> None:
    # ADQL-151: stored texts, regions, ranges and MOCs too; NULL and only 1 and 0 beside it
    shapes = (
        "POINT(lon, lat)",
        "CIRCLE(lon, lat, r)",
        "ring",
        "BOX(lon, lat, w, h)",
        "outline",
        "cells",
        "REGION('Union ICRS ( Circle 10 20 1 Not ( Circle 10 20 0.2 ) )')",
        "MOC('3/10-200')",
        "RANGE_S2D(350, 10, -5, 5)",
    )
    answers: set[int | None] = set()
    for one in shapes:
        calls = [f"CONTAINS({one}, {other})" for other in shapes]
        calls += [f"INTERSECTS({other}, {one})" for other in shapes[: shapes.index(one)]]
        for answer in bench.ask(f"SELECT id, {', '.join(calls)} FROM t.shapes WHERE id < 9"):
            answers |= {*answer[1:]}
    assert answers == {0, 1, None}


def test_a_swapped_contains_warns_once() -> None:
    # ADQL-149, ADQL-206
    query = "SELECT CONTAINS(ring, spot), CONTAINS(disc, spot) FROM t.shapes"
    warnings = plan_query(resolve(parse(query), {"t.shapes": table()})).warnings
    assert [("the point comes first" in warning) for warning in warnings] == [True]


def test_two_constants_are_decided_at_once() -> None:
    # ADQL-146: without any SQL
    query = (
        "SELECT id FROM t.shapes WHERE 1 = CONTAINS(CIRCLE(10, 20, 1), POLYGON(8, 18, 12, 18, 12, 22, 8, 22))"
    )
    resolved = resolve(parse(query), {"t.shapes": table()})
    assert "Fixed(truth=True)" in repr(resolved.query.body)


def test_what_is_no_geometry_is_refused_at_its_place() -> None:
    # ADQL-157
    for text in ("id", "words", "lon"):
        with pytest.raises(AdqlError) as caught:
            resolve(parse(f"SELECT CONTAINS({text}, disc) FROM t.shapes"), {"t.shapes": table()})
        assert (caught.value.line, caught.value.column) == (1, 17)
