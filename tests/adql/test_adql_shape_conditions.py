"""Tests of shapes on both engines: on borders, as conditions of every kind, in joins and groups."""

from __future__ import annotations

import math

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from shape_oracle import FORMS, circles_meet, in_ring, place, ring
from shape_rows import Bench


def test_borders_that_touch_count(bench: Bench) -> None:
    # ADQL-150, ADQL-243: circles that touch from outside and from inside, at places of all kinds
    rng = np.random.default_rng(3)
    calls, expected = [], []
    for _ in range(12):
        lon, lat, turn = rng.uniform(0, 360), math.degrees(math.asin(rng.uniform(-1, 1))), rng.uniform(0, 360)
        small, large = (
            float(radius) for radius in rng.choice([1e-6, 0.01, 0.7, 30.0, 60.0], 2, replace=False)
        )
        small, large = sorted((small, large))
        circle = f"CIRCLE({lon!r} + 0 * id, {lat!r}, {large!r})"
        for away, call, inner_first in (
            (small + large, "INTERSECTS", False),
            (large - small, "CONTAINS", True),
        ):
            for step, verdict in ((0.0, 1), (1e-9, 0)):
                there = SkyCoord(lon, lat, unit="deg").directional_offset_by(
                    turn * u.deg, (away + step) * u.deg
                )
                other = f"CIRCLE({float(there.ra.deg)!r}, {float(there.dec.deg)!r}, {small!r} + 0 * id)"
                first, second = (other, circle) if inner_first else (circle, other)
                calls.append(f"{call}({first}, {second})")
                expected.append(verdict)
    (answer,) = bench.ask(f"SELECT TOP 1 id, {', '.join(calls)} FROM t.shapes WHERE id = 0")
    wrong = [call for call, found, want in zip(calls, answer[1:], expected, strict=True) if found != want]
    assert wrong == []


def test_borders_of_boxes_count(bench: Bench) -> None:
    # ADQL-138, ADQL-150: ends of the arms and corners are inside, what is beyond them is not
    calls, expected = [], []
    for lon, lat, width, height in (
        (10.0, 20.0, 2.0, 4.0),
        (0.0, 89.5, 3.0, 3.0),
        (200.0, -60.0, 100.0, 30.0),
    ):
        frame = SkyCoord(lon, lat, unit="deg").skyoffset_frame()
        x, y = math.tan(math.radians(width / 2)), math.tan(math.radians(height / 2))
        for a, b in ((x, 0.0), (-x, 0.0), (0.0, y), (0.0, -y), (x, y), (-x, y), (-x, -y), (x, -y)):
            for scale, verdict in ((1.0, 1), (1.0 - 1e-9, 1), (1.0 + 1e-9, 0)):
                offset = math.atan(a * scale), math.atan2(b * scale, math.hypot(1.0, a * scale))
                place = SkyCoord(*offset, unit="rad", frame=frame).transform_to("icrs")
                point = f"POINT({float(place.ra.deg)!r}, {float(place.dec.deg)!r})"
                if scale == 1.0 and (a, b) in ((x, y), (-x, y), (-x, -y), (x, -y)):
                    continue  # rounding of a corner may go either way by more than the allowance
                calls.append(f"CONTAINS({point}, BOX({lon} + 0 * id, {lat}, {width}, {height}))")
                expected.append(verdict)
    (answer,) = bench.ask(f"SELECT TOP 1 id, {', '.join(calls)} FROM t.shapes WHERE id = 0")
    wrong = [call for call, found, want in zip(calls, answer[1:], expected, strict=True) if found != want]
    assert wrong == []


def test_edges_of_polygons_are_great_circles(bench: Bench) -> None:
    # ADQL-130, ADQL-241, ADQL-242: at the middle of an edge tan 61.52 = tan 60 / cos 20; either way round
    for corners in ("0, 60, 40, 60, 40, 50, 0, 50", "0, 50, 40, 50, 40, 60, 0, 60"):
        for lat, inside in ((61.5, 1), (61.6, 0), (51.8, 1), (51.7, 0)):
            for polygon in (f"POLYGON({corners})", f"POLYGON(id * {corners})"):
                call = f"CONTAINS(POINT(20 + 0 * id, {lat}), {polygon})"
                assert bench.ask(f"SELECT TOP 1 {call} FROM t.shapes WHERE id = 0") == [(inside,)], call


def test_names_of_columns_are_not_looked_through(bench: Bench) -> None:
    # ADQL-214: the text of the polygon test has places for the vector; a name may look like one
    found = bench.ask(
        'SELECT id, CONTAINS("{y}", POLYGON(8, 18, 12, 18, 12, 22, 8, 22)) '
        'FROM (SELECT id, POINT(lon, lat) AS "{y}" FROM t.shapes) AS "{z}"'
    )
    plain = bench.column("CONTAINS(POINT(lon, lat), POLYGON(8, 18, 12, 18, 12, 22, 8, 22))")
    assert [row[1] for row in sorted(found)] == plain and 1 in plain


def test_grouped_shapes(bench: Bench) -> None:
    # ADQL-071: of grouped columns
    found = bench.ask(
        "SELECT CIRCLE(lon, lat, r), COUNT(*), MAX(CONTAINS(POINT(10, 20), CIRCLE(lon, lat, r))) "
        "FROM t.shapes GROUP BY lon, lat, r"
    )
    assert sum(row[1] for row in found) == len(bench.rows)
    assert {row[2] for row in found} == {0, 1, None}


def test_tests_are_three_valued_in_every_place(bench: Bench) -> None:
    # ADQL-134, ADQL-148, ADQL-204, ADQL-205
    for call in (
        "CONTAINS(POINT(lon2, lat2), CIRCLE(lon, lat, r))",
        "CONTAINS(POINT(10, 20), ring)",
        "INTERSECTS(CIRCLE(lon, lat, r), ring)",
        "INTERSECTS(outline, CIRCLE(10, 20, 1))",
        "CONTAINS(POINT(lon2, lat2), BOX(lon, lat, w, h))",
        "CONTAINS(POINT(lon, lat), MOC('2/50-90'))",
        "CONTAINS(POINT(lon, lat), REGION('Not (Polygon 8 18 12 18 12 22)'))",
    ):
        values = bench.column(call)
        yes = [index for index, value in enumerate(values) if value == 1]
        no = [index for index, value in enumerate(values) if value == 0]
        assert yes and no and None in values, call
        assert bench.ids(f"1 = {call}") == bench.ids(f"{call} > 0") == yes
        assert bench.ids(f"0 = {call}") == bench.ids(f"NOT {call} = 1") == no
        assert bench.ids(f"{call} <> 1 OR {call} IN (1)") == sorted(yes + no)
        assert bench.ids(f"NOT ({call} = 0 AND id >= 0)") == yes
        found = bench.ask(f"SELECT COUNT(*), SUM({call}) FROM t.shapes GROUP BY {call} ORDER BY 1")
        assert sorted(found) == sorted(
            [(len(yes), len(yes)), (len(no), 0), (len(values) - len(yes) - len(no), None)]
        )


def test_tests_in_having_and_order(bench: Bench) -> None:
    # ADQL-148
    call = "CONTAINS(POINT(MIN(lon), MIN(lat)), CIRCLE(10, 20, 40))"
    groups = bench.ask(f"SELECT id, {call} FROM t.shapes WHERE id < 40 GROUP BY id HAVING {call} = 1")
    plain = bench.ids("id < 40 AND 1 = CONTAINS(POINT(lon, lat), CIRCLE(10, 20, 40))")
    assert plain and sorted(row[0] for row in groups) == plain
    order = "INTERSECTS(ring, CIRCLE(10, 20, 4))"
    sorted_ids = bench.ask(f"SELECT id, {order} AS hit FROM t.shapes ORDER BY {order}, id")
    assert sorted_ids == sorted(sorted_ids, key=lambda row: (row[1] is None, row[1], row[0]))


def test_joins_of_shapes(bench: Bench) -> None:
    # ADQL-151: rows of two tables
    found = bench.ask(
        "SELECT a.id, b.id FROM t.shapes AS a JOIN t.shapes AS b "
        "ON 1 = INTERSECTS(CIRCLE(a.lon, a.lat, a.r), CIRCLE(b.lon2, b.lat2, b.r2)) WHERE a.id < 30"
    )
    rows = bench.rows
    expected = {
        (a["id"], b["id"])
        for a in rows[:30]
        for b in rows
        if (one := FORMS["CIRCLE"][1](a)) is not None
        and (other := FORMS["other CIRCLE"][1](b)) is not None
        and circles_meet(one, other)
    }
    assert expected and set(found) == expected


def test_joins_of_polygons(bench: Bench) -> None:
    # ADQL-151: settled by pairs
    found = bench.ask(
        "SELECT a.id, b.id FROM t.shapes AS a JOIN t.shapes AS b "
        "ON 1 = CONTAINS(b.spot, a.ring) WHERE a.id < 12"
    )
    rows = bench.rows
    expected = {
        (a["id"], b["id"])
        for a in rows[:12]
        for b in rows
        if (shape := ring(a)) is not None
        and (point := place(b["lon"], b["lat"])) is not None
        and in_ring(point, shape)
    }
    assert expected and set(found) == expected
