"""Shapes as values on both engines: how they leave, what they are made of, what is refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from shape_rows import (
    CORNERS,
    Bench,
    Row,
    apart,
    check_numbers,
    is_place,
    is_radius,
    plan,
    refused,
    table,
)

from vo_service.adql import AdqlError, parse, resolve


def test_points_leave_reduced_and_only_where_they_are_some(bench: Bench) -> None:
    # ADQL-131, ADQL-166, ADQL-238: bug 131, a latitude of 900 was selected
    check_numbers(
        bench.column("POINT(lon, lat)"),
        lambda row: [row["lon"] % 360.0 % 360.0, row["lat"]] if is_place(row) else None,
        bench,
    )
    for lon, _ in filter(None, bench.column("POINT(lon, lat)")):
        assert 0.0 <= lon < 360.0
    assert bench.column("POINT(lon, lat * 10)")[3] is None
    assert bench.column("POINT(370, 20)")[0] == [10.0, 20.0]


def test_circles_leave_where_the_radius_is_one(bench: Bench) -> None:
    # ADQL-137: a negative radius of a column is NULL, one beyond 180 the whole sky
    def wanted(row: Row) -> list[float] | None:
        if not is_place(row) or not is_radius(row["r"]):
            return None
        return [row["lon"] % 360.0 % 360.0, row["lat"], min(row["r"], 180.0)]

    check_numbers(bench.column("CIRCLE(lon, lat, r)"), wanted, bench)
    assert bench.column("CIRCLE('ICRS', POINT(10, 20), 400)")[0] == [10.0, 20.0, 180.0]


def test_polygons_leave_where_they_enclose_something(bench: Bench) -> None:
    # ADQL-134, ADQL-139, ADQL-156
    def wanted(row: Row) -> list[float] | None:
        corners = [row[name] for name in CORNERS]
        if None in corners or {*corners[1::2]} == {0.0}:
            return None
        return [v % 360.0 if i % 2 == 0 else v for i, v in enumerate(corners)]

    check_numbers(bench.column(f"POLYGON({', '.join(CORNERS)})"), wanted, bench)
    assert set(map(str, bench.column("POLYGON(lon, 0, lon + 180, 0, 20, 20)"))) == {
        "None"
    }  # opposite neighbours


def test_boxes_leave_as_polygons(bench: Bench) -> None:
    # ADQL-138, ADQL-244: corners by astropy's offset frame
    def wanted(row: Row) -> list[float] | None:
        w, h = row["w"], row["h"]
        sides = all(side is not None and 0.0 <= side < 180.0 for side in (w, h))
        if not is_place(row) or not sides:
            return None
        x, y = math.tan(math.radians(w / 2)), math.tan(math.radians(h / 2))
        frame = SkyCoord(row["lon"], row["lat"], unit="deg").skyoffset_frame()
        signs = ((1, 1), (-1, 1), (-1, -1), (1, -1))
        places = [_offset(frame, a * x, b * y) for a, b in signs]
        return [v for place in places for v in place]

    found = bench.column("BOX(lon, lat, w, h)")
    for row, corners in zip(bench.rows, found, strict=True):
        expected = wanted(row)
        assert (corners is None) == (expected is None), row["id"]
        if corners is not None and expected is not None:
            for i in range(0, 8, 2):
                assert apart(corners[i : i + 2], expected[i : i + 2]) < 1e-11, row["id"]
    corners = bench.column("BOX(180, 60, 10, 10)")[0]
    assert [round(v - 180.0, 2) for v in corners[::2]] == [11.65, -11.65, -8.64, 8.64]


def _offset(frame: Any, x: float, y: float) -> tuple[float, float]:
    there = SkyCoord(
        math.atan2(x, 1.0), math.atan2(y, math.hypot(1.0, x)), unit="rad", frame=frame
    ).transform_to("icrs")
    return float(there.ra.deg), float(there.dec.deg)


@pytest.mark.parametrize(
    ("expression", "fields"),
    [
        ("POINT(lon, lat)", ("double", "2", "point", "deg", "pos.eq")),
        ("spot", ("double", "2", "point", "deg", None)),
        ("CIRCLE(lon, lat, r)", ("double", "3", "circle", "deg", None)),
        ("CIRCLE(1, 2, 3)", ("double", "3", "circle", "deg", None)),
        ("POLYGON(lon, lat, 2, 3, 4, 5)", ("double", "*", "polygon", "deg", None)),
        ("BOX(lon, lat, 1, 1)", ("double", "*", "polygon", "deg", None)),
        ("BOX(1, 2, 1, 1)", ("double", "*", "polygon", "deg", None)),
        ("REGION('Circle 1 2 3')", ("char", "*", "adql:REGION", None, None)),
        ("RANGE_S2D(1, 2, 3, 4)", ("char", "*", "adql:REGION", None, None)),
        ("MOC('4/1')", ("char", "*", "moc", None, None)),
        ("source('M83')", ("double", "2", "point", "deg", "pos.eq")),
        ("CENTROID(ring)", ("double", "2", "point", "deg", "pos.eq")),
        ("AREA(ring)", ("double", None, None, "deg2", "phys.angArea")),
        ("COORD1(spot)", ("double", None, None, "deg", None)),
        ("COORD1(POINT(400, 2))", ("double", None, None, "deg", None)),
        ("COORDSYS(spot)", ("char", "*", None, None, None)),
        ("DISTANCE(spot, POINT(1, 2))", ("double", None, None, "deg", "pos.angDistance")),
        ("CONTAINS(spot, disc)", ("int", None, None, None, None)),
    ],
)
def test_fields_of_geometry(expression: str, fields: tuple[str | None, ...]) -> None:
    # ADQL-136 to ADQL-145, ADQL-166: datatype, arraysize, xtype, unit, UCD
    (column,) = plan(expression).columns
    assert (column.datatype, column.arraysize, column.xtype, column.unit, column.ucd) == fields


def test_texts_leave_as_texts(bench: Bench) -> None:
    # ADQL-140, ADQL-158
    assert bench.column("REGION('Circle ICRS 1 2 3')")[0] == "Circle ICRS 1 2 3"
    assert bench.column("MOC('4/28-31,33')")[0].split() == ["3/7", "4/33"]
    assert bench.column("outline") == [row["outline"] for row in bench.rows]


def test_point_slots_take_every_point(bench: Bench) -> None:
    # ADQL-126, ADQL-127, ADQL-135, ADQL-157
    def wanted(row: Row) -> list[float] | None:
        return [row["lon"] % 360.0 % 360.0, row["lat"], 2.0] if is_place(row) else None

    for point in ("spot", "POINT(lon, lat)", "CENTROID(POINT(lon, lat))", "COALESCE(spot, POINT(lon, lat))"):
        check_numbers(bench.column(f"CIRCLE({point}, 2)"), wanted, bench)
    circles = bench.column("CIRCLE(CAST(words AS POINT), 2)")
    for row, found in zip(bench.rows, circles, strict=True):
        if is_place(row) and row["words"] is not None:
            assert np.allclose(found, [row["lon"] % 360.0 % 360.0, row["lat"], 2.0]), row["id"]
    assert bench.column("COORD2(CAST('12.5 -3' AS POINT))")[0] == -3.0
    assert bench.column("AREA(CAST('0 0 90' AS CIRCLE))")[0] == pytest.approx(20626.48, abs=0.005)
    corners = "POLYGON(spot, POINT(1, 2), CAST('5 6' AS POINT))"
    assert bench.column(corners)[3] == [10.0, 20.0, 1.0, 2.0, 5.0, 6.0]
    assert bench.column("DISTANCE(COALESCE(spot, POINT(10, 20)), POINT(10, 20))")[20] == 0.0


def test_the_place_of_a_name(bench: Bench) -> None:
    # the name of a target is a constant position; unknown ones are told of with what is near
    assert bench.column("source('M83')")[0] == pytest.approx([204.253958, -29.865417])
    assert bench.column("CONTAINS(source('m83'), CIRCLE(204.25, -29.87, 0.1))")[0] == 1
    error = refused("DISTANCE(source('M38'), spot)")
    assert (error.column, error.message, error.hint) == (
        24,
        "unknown source 'M38'",
        "did you mean 'M83'?",
    )
    with pytest.raises(AdqlError, match="no names of targets are known"):
        resolve(parse("SELECT source('M83') FROM t.shapes"), {"t.shapes": table()})
    assert refused("source(words)").column == 15


def test_shapes_travel_through_derived_tables(bench: Bench) -> None:
    # ADQL-058: a shape is the same outside
    inner = (
        "SELECT id, POINT(lon, lat) AS p, CIRCLE(lon, lat, r) AS c, ring AS q, BOX(lon, lat, w, h) AS b "
        "FROM t.shapes"
    )
    for call in ("CONTAINS(p, c)", "INTERSECTS(c, q)", "CONTAINS(POINT(10, 20), b)", "COORD1(p)", "AREA(q)"):
        plain = call
        for name, shape in (
            ("(p", "(POINT(lon, lat)"),
            ("c)", "CIRCLE(lon, lat, r))"),
            ("(c", "(CIRCLE(lon, lat, r)"),
            (" q", " ring"),
            ("(q", "(ring"),
            (" b)", " BOX(lon, lat, w, h))"),
        ):
            plain = plain.replace(name, shape)
        found = sorted(bench.ask(f"SELECT id, {call} FROM ({inner}) AS d"))
        with_ = sorted(bench.ask(f"WITH d AS ({inner}) SELECT id, {call} FROM d"))
        assert [row[1] for row in found] == [row[1] for row in with_] == bench.column(plain), call


def test_constants_of_an_optional_side_are_null_there(bench: Bench) -> None:
    # ADQL-134: a constant that comes out of a derived table is NULL where the join found no row
    found = bench.ask(
        "SELECT a.id, CONTAINS(POINT(10, 20), d.c), AREA(d.c), d.c, COORD1(CENTROID(d.c)) FROM t.shapes AS a "
        "LEFT JOIN (SELECT id, CIRCLE(10, 20, 1) AS c FROM t.shapes WHERE id < 5) AS d ON a.id = d.id "
    )
    for number, inside, area, shape, lon in found:
        if number < 5:
            assert (inside, shape, lon) == (1, [10.0, 20.0, 1.0], 10.0) and area == pytest.approx(
                3.1415, abs=1e-3
            )
        else:
            assert (inside, area, shape, lon) == (None, None, None, None)


def test_shapes_of_set_operations(bench: Bench) -> None:
    # ADQL-063: both sides as one value
    found = bench.ask(
        "SELECT id, POINT(lon, lat) AS p FROM t.shapes WHERE id < 3 "
        "UNION ALL SELECT id, spot FROM t.shapes WHERE id = 3"
    )
    assert sorted(found) == [(0, [0.0, 0.0]), (1, [0.0, 0.0]), (2, [0.0, 0.0]), (3, [10.0, 20.0])]
    outside = bench.ask(
        "SELECT id, COORD2(p), CONTAINS(p, CIRCLE(10, 20, 1)) "
        "FROM (SELECT id, POINT(lon, lat) AS p FROM t.shapes WHERE id < 3 "
        "UNION ALL SELECT id, spot FROM t.shapes WHERE id = 3) AS d"
    )
    assert sorted(outside) == [(0, 0.0, 0), (1, 0.0, 0), (2, 0.0, 0), (3, 20.0, 1)]


def test_null_is_a_geometry_that_is_nowhere(bench: Bench) -> None:
    # ADQL-134
    for null in ("CAST(NULL AS POINT)", "COALESCE(NULL, NULL)"):
        for call in (
            f"CONTAINS({null}, CIRCLE(10, 20, 1))",
            f"INTERSECTS(ring, {null})",
            f"CONTAINS({null}, ring)",
            f"AREA({null})",
            f"COORD1({null})",
            f"CIRCLE({null}, 1)",
            f"DISTANCE({null}, spot)",
            f"CONTAINS(POINT(lon, lat), CIRCLE({null}, 1))",
        ):
            assert set(bench.column(call)) == {None}, call


def test_counts_of_shapes(bench: Bench) -> None:
    # ADQL-069: of those that are some
    ((points, circles),) = bench.ask(
        "SELECT COUNT(POINT(lon, lat)), COUNT(CIRCLE(lon, lat, r)) FROM t.shapes"
    )
    assert points == sum(map(is_place, bench.rows))
    assert circles == sum(is_place(row) and is_radius(row["r"]) for row in bench.rows)


@pytest.mark.parametrize(
    ("expression", "column", "words"),
    [
        ("POINT(10, 90.0000001)", 18, "beyond 90"),
        ("CIRCLE(10, 20, -1)", 23, "negative"),
        ("CIRCLE(lon, lat, -1)", 25, "negative"),
        ("CIRCLE(10, 95, 1)", 19, "beyond 90"),
        ("BOX(10, 20, 180, 1)", 20, "below 180"),
        ("BOX(lon, lat, 1, -1)", 25, "below 180"),
        ("POLYGON(1, 2, 3, 4, 5)", 8, "5 numbers"),
        ("POLYGON(0, 0, 10, 0, 20, 0)", 8, "great circle"),
        ("POLYGON(0, 0, 180, 0, 20, 20)", 8, "opposite"),
        ("POLYGON(1, 1, 1, 1, 2, 2)", 8, "three or more distinct corners"),
        ("POLYGON(spot, spot, 3)", 28, "a POINT is expected"),
        ("POLYGON(1, 2, spot, 3, 4, 5)", 22, "a number, not a POINT"),
        ("CIRCLE(disc, 1)", 15, "a POINT is expected"),
        ("RANGE_S2D(lon, 2, 3, 4)", 8, "RANGE_S2D of columns"),
        ("RANGE_S2D(1, 2, 3)", 8, "four numbers"),
        ("RANGE_S2D(1, 2, 5, 4)", 8, "the lower one first"),
        ("REGION('Circle 1 2')", 26, "lon lat radius"),
        ("REGION('Blob 1 2')", 16, "Circle"),
        ("MOC('4/30-')", 17, "expected"),
        ("MOC('4/3072')", 15, "expected"),
        ("MOC(words)", 12, "string literal"),
        ("COORD1(disc)", 15, "a POINT is expected"),
        ("DISTANCE(spot, disc)", 23, "two POINTs"),
        ("AREA(lon)", 13, "a geometry is expected"),
        ("CONTAINS(spot, words)", 23, "a geometry is expected"),
    ],
)
def test_constants_are_refused_at_their_place(expression: str, column: int, words: str) -> None:
    # ADQL-131, ADQL-137, ADQL-139, ADQL-140, ADQL-156, ADQL-157, ADQL-238, ADQL-239
    error = refused(expression)
    assert words in f"{error.message}; {error.hint}"
    assert (error.line, error.column) == (1, column), error


def test_old_forms_warn_once() -> None:
    # ADQL-198: coordinate systems, BOX and COORDSYS still work
    warnings = plan(
        "BOX('ICRS', 1, 2, 3, 4), BOX('ICRS', 1, 2, 3, 5), COORDSYS(POINT('ICRS', 1, 2)), COORDSYS(spot)"
    ).warnings
    assert len(warnings) == 3
    assert all("deprecated since ADQL 2.1" in warning for warning in warnings)
    assert plan("POINT(1, 2), CIRCLE(spot, 3), POLYGON(1, 2, 3, 4, 5, 6)").warnings == ()
