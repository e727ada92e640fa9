"""Frames that a query names, on both engines, against astropy (ADQL-132, ADQL-133, ADQL-144)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from astropy.coordinates import FK4NoETerms, Galactic, GeocentricMeanEcliptic, SkyCoord
from shape_rows import (
    Bench,
    apart,
    is_place,
    refused,
    table,
)

from vo_service.adql import AdqlError, Resolved, parse, resolve

FRAMES = {"GALACTIC": Galactic(), "FK4": FK4NoETerms(equinox="B1950"), "ECLIPTIC": GeocentricMeanEcliptic()}


@pytest.mark.parametrize("frame", ["GALACTIC", "FK4", "ECLIPTIC"])
def test_positions_of_other_frames_are_turned(bench: Bench, frame: str) -> None:
    # ADQL-133, ADQL-159: rotations; FK4 and ECLIPTIC to what astropy does beside a rotation
    close = {"GALACTIC": 1e-9, "FK4": 2e-4, "ECLIPTIC": 1e-2}[frame]
    columns = bench.column(f"POINT('{frame}', lon, lat)")
    given = bench.column(f"COORD1(POINT('{frame}', lon, lat))")
    for row, found, lon in zip(bench.rows, columns, given, strict=True):
        assert (found is None) == (lon is None) == (not is_place(row))
        if found is not None:
            assert lon == row["lon"]
            assert apart(found, _icrs(frame, row["lon"], row["lat"])) < close
    constant = bench.column(f"POINT('{frame}', 40, 50)")[0]
    assert apart(constant, _icrs(frame, 40.0, 50.0)) < close
    lon, lat = constant
    assert set(bench.column(f"CONTAINS(POINT({lon!r}, {lat!r}), CIRCLE('{frame}', 40, 50, 1e-9))")) == {1}
    centre = bench.column(f"DISTANCE(CENTROID(CIRCLE('{frame}', 40, 50, 1)), POINT({lon!r}, {lat!r}))")
    assert centre[0] < 1e-12


def _icrs(frame: str, lon: float, lat: float) -> tuple[float, float]:
    turned = SkyCoord(lon, lat, unit="deg", frame=FRAMES[frame]).transform_to("icrs")
    return float(turned.ra.deg), float(turned.dec.deg)


def test_shapes_of_other_frames_are_turned(bench: Bench) -> None:
    # ADQL-133: circle, polygon and box of constants, circle and polygon of columns
    inside = _icrs("GALACTIC", 40.2, 50.3)
    outside = _icrs("GALACTIC", 40.0, 53.0)
    for shape in (
        "CIRCLE('GALACTIC', 40, 50, 1)",
        "CIRCLE(POINT('GALACTIC', 40, 50), 1)",
        "POLYGON('GALACTIC', 39, 49, 41, 49, 41, 51, 39, 51)",
        "BOX('GALACTIC', 40, 50, 2, 2)",
        "CIRCLE('GALACTIC', 40 + 0 * id, 50, 1)",
        "POLYGON('GALACTIC', 39 + 0 * id, 49, 41, 49, 41, 51, 39, 51)",
    ):
        for (lon, lat), verdict in ((inside, 1), (outside, 0)):
            assert bench.column(f"CONTAINS(POINT({lon!r}, {lat!r}), {shape})")[0] == verdict, shape
    lon, lat = bench.column("CENTROID(BOX('GALACTIC', 40, 50, 2, 2))")[0]
    assert apart((lon, lat), _icrs("GALACTIC", 40.0, 50.0)) < 1e-9


@pytest.mark.parametrize(
    ("expression", "column"),
    [
        ("CONTAINS(POINT('ICRS', lon, lat), CIRCLE('GALACTIC', 1, 2, 3))", 8),
        ("CIRCLE('FK4', POINT('GALACTIC', 1, 2), 3)", 8),
        ("POLYGON(POINT('FK4', 1, 2), POINT('GALACTIC', 5, 6), POINT(7, 9))", 8),
        ("DISTANCE(POINT('ECLIPTIC', 1, 2), POINT('GALACTIC', 5, 6))", 8),
        ("BOX('ICRS', POINT('GALACTIC', 1, 2), 3, 4)", 8),
    ],
)
def test_two_frames_in_one_call_are_refused(expression: str, column: int) -> None:
    # ADQL-133
    error = refused(expression)
    assert "in one call" in error.message and "ivo_geom_transform" in str(error.hint)
    assert (error.line, error.column) == (1, column)


def test_frames_of_the_tables_are_one(bench: Bench) -> None:
    # ADQL-132, ADQL-133, ADQL-248
    for frame in ("''", "'ICRS'", "'icrs geocenter'", "'FK5'", "'J2000'", "'UnknownFrame'", "NULL"):
        assert bench.column(f"POINT({frame}, 10, 20)")[0] == [10.0, 20.0]
    assert bench.column("CONTAINS(POINT('FK5', 10, 20), CIRCLE('ICRS', 10, 20, 1))")[0] == 1
    assert refused("POINT('MARS', 1, 2)").column == 14


TURNED = "ivo_geom_transform('ICRS', 'GALACTIC', POINT(lon, lat))"
ROUND = "ivo_geom_transform('ICRS', 'GALACTIC', CIRCLE(lon, lat, 1))"
CORNERED = "ivo_geom_transform('ICRS', 'GALACTIC', POLYGON(119, -24, 121, -24, 121, -22, 119, -22))"
RING = CORNERED.replace("(119,", "(119 + 0 * id,")
OTHERS = [
    f"CONTAINS({TURNED}, outline)",
    f"CONTAINS({TURNED}, cells)",
    f"CONTAINS({TURNED}, disc)",
    f"CONTAINS({TURNED}, ring)",
    f"CONTAINS({TURNED}, REGION('Circle ICRS 0 90 30'))",
    f"CONTAINS({TURNED}, CAST('Circle ICRS 0 90 30' AS CIRCLE))",
    f"CONTAINS({TURNED}, MOC('0/4'))",
    f"CONTAINS({TURNED}, RANGE_S2D(0, 360, 60, 90))",
    f"DISTANCE({TURNED}, spot)",
    f"DISTANCE({TURNED}, CENTROID(outline))",
    f"DISTANCE({TURNED}, CENTROID(disc))",
    f"DISTANCE({TURNED}, CAST('Circle ICRS 0 90 0' AS POINT))",
    f"DISTANCE({TURNED}, source('M83'))",
    f"DISTANCE(CENTROID({CORNERED}), POINT('ICRS', 120, -23))",
    f"DISTANCE(CENTROID({CORNERED}), spot)",
    f"DISTANCE(CENTROID({RING}), spot)",
    f"INTERSECTS({ROUND}, CIRCLE(source('M83'), r))",
    f"INTERSECTS({ROUND}, CIRCLE(source('M83'), 1))",
    f"INTERSECTS({ROUND}, BOX(spot, w, h))",
    f"INTERSECTS({ROUND}, POLYGON(POINT(1, 2), spot, POINT(3, 5)))",
    f"POLYGON({TURNED}, spot, POINT(1, 2))",
    f"COALESCE({TURNED}, spot)",
    f"COALESCE({TURNED}, POINT('GALACTIC', 1, 2))",
]


@pytest.mark.parametrize("expression", OTHERS)
def test_a_turned_shape_beside_the_frame_of_the_tables_is_refused(expression: str) -> None:
    # ADQL-133, ADQL-178: numbers of two frames would give a wrong answer without a word
    error = refused(expression)
    assert error.message.startswith("the frames GALACTIC by ivo_geom_transform and ICRS")
    assert error.hint == "leave ivo_geom_transform out, or turn both to one frame by it"
    assert (error.line, error.column) == (1, 8)


@pytest.mark.parametrize(
    ("expression", "hint"),
    [
        (
            f"DISTANCE({TURNED}, POINT('GALACTIC', 0, 90))",
            "leave 'GALACTIC' out of the shape that names it, which is turned to ICRS",
        ),
        (f"DISTANCE({TURNED}, ivo_geom_transform('ICRS', 'FK4', POINT(1, 2)))", "turn both to one frame"),
        ("CIRCLE('GALACTIC', source('M83'), 1)", "leave 'GALACTIC' out"),
        ("CIRCLE('GALACTIC', spot, 1)", "leave 'GALACTIC' out"),
    ],
)
def test_words_lead_to_one_frame(expression: str, hint: str) -> None:
    # ADQL-133, ADQL-178
    error = refused(expression)
    assert (error.hint, error.line, error.column) == (hint, 1, 8)


def test_shapes_that_name_a_frame_go_with_those_of_the_tables(bench: Bench) -> None:
    # ADQL-133: they have been turned; corners of ICRS stay where they are beside those that name a frame
    galactic = SkyCoord(10.0, 20.1, unit="deg").galactic
    place = f"POINT('GALACTIC', {float(galactic.l.deg)!r}, {float(galactic.b.deg)!r})"
    for shape in ("outline", "cells", "disc", "ring", "REGION('Circle ICRS 10 20 1')", "MOC('0/4')"):
        found = bench.column(f"CONTAINS({place}, {shape})")
        assert found == bench.column(f"CONTAINS(POINT(10, 20.1), {shape})"), shape
        assert 1 in found, shape
    distances = bench.column(f"DISTANCE({place}, COALESCE(spot, POINT('GALACTIC', 1, 2)))")
    assert [d for d in distances if d is not None and d < 0.11]


def test_corners_of_the_tables_stay_beside_corners_that_are_turned(bench: Bench) -> None:
    # ADQL-133, ADQL-139
    polygon = bench.column("POLYGON(POINT('GALACTIC', 314, 31), source('M83'), POINT('GALACTIC', 316, 30))")[
        0
    ]
    assert polygon[2:4] == pytest.approx([204.253958, -29.865417], abs=1e-12)
    assert apart(polygon[:2], _icrs("GALACTIC", 314.0, 31.0)) < 1e-9


def test_bare_numbers_are_those_of_the_turned_shape(bench: Bench) -> None:
    # ADQL-178: numbers in the text of the query, of columns that say nothing, and the shapes of users
    of_user = replace(
        table(), schema="tap_upload", columns=tuple(replace(one, unplaced=True) for one in table().columns)
    )
    for shape in ("CIRCLE(0, 90, 30)", "CAST('0 90 30' AS CIRCLE)", "CIRCLE(lon, lat, r)", "disc", "ring"):
        adql = f"SELECT CONTAINS({TURNED}, {shape}) FROM tap_upload.shapes"
        assert resolve(parse(adql), {"tap_upload.shapes": of_user}).columns
    for shape in ("outline", "cells"):
        with pytest.raises(AdqlError, match="in one call"):
            resolve(
                parse(f"SELECT CONTAINS({TURNED}, {shape}) FROM tap_upload.shapes"),
                {"tap_upload.shapes": of_user},
            )
    whole = bench.column(f"DISTANCE(COALESCE({TURNED}, POINT(0, 90)), CAST('0 90' AS POINT))")
    turned = bench.column(f"COORD2({TURNED})")
    for lat, distance in zip(turned, whole, strict=True):
        assert distance == pytest.approx(0.0 if lat is None else 90.0 - lat, abs=1e-9)


# --- what leaves a query as one value ---


def _union(first: str, *others: str) -> str:
    selects = [f"SELECT {first} AS p, outline AS o FROM t.shapes"]
    selects += [f"SELECT {each}, outline FROM t.shapes" for each in others]
    return f"({' UNION ALL '.join(selects)}) AS q"


def _resolved(adql: str) -> Resolved:
    return resolve(parse(adql), {"t.shapes": table()})


@pytest.mark.parametrize("sides", [(TURNED, TURNED), (TURNED, "NULL"), ("NULL", TURNED, TURNED)])
def test_a_union_keeps_the_frame(sides: tuple[str, ...], bench: Bench) -> None:
    # ADQL-064, ADQL-178
    for other in ("CIRCLE('ICRS', 10, 20, 1)", "o", "MOC('0/4')"):
        with pytest.raises(AdqlError, match="GALACTIC by ivo_geom_transform and ICRS") as caught:
            _resolved(f"SELECT CONTAINS(p, {other}) AS v FROM {_union(*sides)}")
        assert (caught.value.line, caught.value.column) == (1, 8)
    assert {row[0] for row in bench.ask(f"SELECT COORDSYS(p) AS v FROM {_union(*sides)}")} <= {
        "GALACTIC",
        None,
    }
    found = bench.ask(f"SELECT 90 - COORD2(p), DISTANCE(p, POINT(0, 90)) AS v FROM {_union(*sides)}")
    assert len(found) == len(sides) * len(bench.rows)
    assert all(one == pytest.approx(other, abs=1e-9) for one, other in found if one is not None)


def test_shapes_of_a_union_keep_the_frame() -> None:
    # ADQL-064, ADQL-178
    for shape in (ROUND, RING, CORNERED):
        with pytest.raises(AdqlError, match="in one call"):
            _resolved(f"SELECT INTERSECTS(p, o) AS v FROM {_union(shape, shape)}")
        (column,) = _resolved(f"SELECT CENTROID(p) AS v FROM {_union(shape, shape)}").columns
        assert column.ucd == ("pos.galactic" if shape != ROUND else None)


@pytest.mark.parametrize(
    "sides",
    [(TURNED, "spot"), ("spot", TURNED), (TURNED, "POINT(1, 2)"), (TURNED, TURNED, "POINT(lon, lat)")],
)
def test_a_column_of_several_frames_is_tested_against_nothing(sides: tuple[str, ...]) -> None:
    # ADQL-133, ADQL-178
    for other in ("POINT(1, 2)", "POINT('ICRS', 1, 2)", "CENTROID(o)", "p"):
        with pytest.raises(AdqlError, match="shapes of several frames") as caught:
            _resolved(f"SELECT o, DISTANCE(p, {other}) AS v FROM {_union(*sides)}")
        assert (caught.value.line, caught.value.column) == (1, 11)
        assert "ivo_geom_transform" in str(caught.value.hint)
    (point,) = _resolved(f"SELECT p FROM {_union(*sides)}").columns
    assert (point.xtype, point.ucd) == ("point", None)
    with pytest.raises(AdqlError, match="UNKNOWN, not of ICRS"):
        _resolved(f"SELECT ivo_geom_transform('ICRS', 'FK4', p) AS v FROM {_union(*sides)}")


# --- centres ---


@pytest.mark.parametrize("shape", [CORNERED, RING])
def test_the_centre_of_a_turned_polygon_is_of_its_frame(shape: str, bench: Bench) -> None:
    # ADQL-141, ADQL-144, ADQL-178: as of a circle
    (column,) = _resolved(f"SELECT CENTROID({shape}) AS v FROM t.shapes").columns
    assert (column.ucd, column.xtype) == ("pos.galactic", "point")
    assert set(bench.column(f"COORDSYS(CENTROID({shape}))")) == {"GALACTIC"}
    found = bench.column(f"CENTROID({shape})")[0]
    centre = bench.column("CENTROID(POLYGON(119, -24, 121, -24, 121, -22, 119, -22))")[0]
    turned = SkyCoord(*centre, unit="deg").galactic
    assert apart(found, (turned.l.deg, turned.b.deg)) < 1e-9


@pytest.mark.parametrize("radius", ["1", "1 + 0 * id"])
def test_the_centre_of_a_turned_circle_is_turned(radius: str, bench: Bench) -> None:
    # ADQL-141, ADQL-178
    turned = f"ivo_geom_transform('ICRS', 'GALACTIC', CIRCLE(120, -23, {radius}))"
    expected = SkyCoord(120.0, -23.0, unit="deg").galactic
    found = bench.column(f"CENTROID({turned})")[0]
    assert apart(found, (expected.l.deg, expected.b.deg)) < 1e-9
    assert bench.column(f"COORD1(CENTROID({turned}))")[0] == pytest.approx(expected.l.deg, abs=1e-9)
    (column,) = _resolved(f"SELECT CENTROID({turned}) AS v FROM t.shapes").columns
    assert column.ucd == "pos.galactic"
