"""AREA, CENTROID, COORD1, COORD2, DISTANCE on both engines, against astropy and spherical-geometry."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from engines_under_test import ASTRONOMER, Answered, UnderTest
from shape_rows import (
    CORNERS,
    Bench,
    Row,
    apart,
    check_numbers,
    is_place,
    is_radius,
)
from spherical_geometry.polygon import SphericalPolygon

from vo_service.access import ANONYMOUS, Viewer

SQUARE = (180.0 / math.pi) ** 2


def test_areas(bench: Bench) -> None:
    # ADQL-142, ADQL-245: of a circle 2 pi (1 - cos r), of a box by its solid angle
    def circle(row: Row) -> float | None:
        if not is_place(row) or not is_radius(row["r"]):
            return None
        return 4.0 * math.pi * math.sin(math.radians(min(row["r"], 180.0)) / 2.0) ** 2 * SQUARE

    def box(row: Row) -> float | None:
        sides = [row["w"], row["h"]]
        if not is_place(row) or not all(s is not None and 0.0 <= s < 180.0 for s in sides):
            return None
        a, b = (math.tan(math.radians(side / 2.0)) for side in sides)
        return 4.0 * math.asin(a * b / math.sqrt((1 + a * a) * (1 + b * b))) * SQUARE

    check_numbers(bench.column("AREA(CIRCLE(lon, lat, r))"), circle, bench)
    check_numbers(bench.column("AREA(disc)"), circle, bench)
    check_numbers(bench.column("AREA(BOX(lon, lat, w, h))"), box, bench, 1e-10)
    check_numbers(bench.column("AREA(POINT(lon, lat))"), lambda row: 0.0 if is_place(row) else None, bench)
    assert bench.column("AREA(CIRCLE(0, 0, 90))")[0] == pytest.approx(20626.48, abs=0.005)
    assert bench.column("AREA(MOC('0/0-11'))")[0] == pytest.approx(4.0 * math.pi * SQUARE)


def _ring(row: Row) -> np.ndarray[Any, Any] | None:
    corners = [row[name] for name in CORNERS]
    if None in corners or {*corners[1::2]} == {0.0}:
        return None
    lon, lat = np.radians(corners[::2]), np.radians(corners[1::2])
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=1)


def test_areas_of_polygons(bench: Bench) -> None:
    # ADQL-142: against spherical-geometry
    def wanted(row: Row) -> float | None:
        corners = _ring(row)
        if corners is None:
            return None
        area = SphericalPolygon(np.append(corners, corners[:1], axis=0)).area()
        return min(area, 4.0 * math.pi - area) * SQUARE

    for expression in ("ring", f"POLYGON({', '.join(CORNERS)})"):
        check_numbers(bench.column(f"AREA({expression})"), wanted, bench, 1e-9)


def test_centres(bench: Bench) -> None:
    # ADQL-141: of a point and a circle their own; of a polygon that of its area, by fine triangles
    def place(row: Row) -> list[float] | None:
        return [row["lon"] % 360.0 % 360.0, row["lat"]] if is_place(row) else None

    def of_circle(row: Row) -> list[float] | None:
        return place(row) if is_radius(row["r"]) else None

    check_numbers(bench.column("CENTROID(POINT(lon, lat))"), place, bench)
    check_numbers(bench.column("CENTROID(CIRCLE(lon, lat, r))"), of_circle, bench)
    for expression in ("ring", f"POLYGON({', '.join(CORNERS)})"):
        for row, found in zip(bench.rows, bench.column(f"CENTROID({expression})"), strict=True):
            corners = _ring(row)
            assert (found is None) == (corners is None), row["id"]
            if corners is not None and row["id"] % 7 and row["id"] < 70:
                assert apart(found, _centre(corners)) < 1e-3, row["id"]
    lon, lat = bench.column("CENTROID(REGION('Union ICRS ( Circle 10 20 1 Circle 14 20 1 )'))")[0]
    assert abs(lon - 12.0) < 1e-9 and abs(lat - 20.0) < 0.02


def _centre(corners: np.ndarray[Any, Any]) -> tuple[float, float]:
    """Of a convex polygon: its edges cut fine, the area vector is half the sum of the normals of its edges'
    planes, each times its length."""
    total = np.zeros(3)
    for a, b in zip(corners, np.roll(corners, -1, axis=0)):
        normal = np.cross(a, b)
        length = float(np.linalg.norm(normal))
        total += normal / length * math.atan2(length, float(a @ b))
    total *= np.sign(total @ corners.sum(axis=0))
    return math.degrees(math.atan2(total[1], total[0])), math.degrees(
        math.atan2(total[2], math.hypot(total[0], total[1]))
    )


def test_coordinates_come_as_given(bench: Bench) -> None:
    # ADQL-143: bug 143, doubles in degrees, unreduced
    check_numbers(bench.column("COORD1(POINT(lon, lat))"), lambda r: r["lon"] if is_place(r) else None, bench)
    check_numbers(bench.column("COORD2(spot)"), lambda r: r["lat"] if is_place(r) else None, bench)
    assert bench.column("COORD1(POINT(400, 2))")[0] == 400.0
    assert isinstance(bench.column("COORD1(POINT(400, 2))")[0], float)
    assert bench.column("COORD2(CENTROID(disc))")[0] == 0.0


def test_frames_by_name(bench: Bench) -> None:
    # ADQL-144
    assert bench.column("COORDSYS(POINT('fk5', 1, 2))")[0] == "fk5"
    assert bench.column("COORDSYS(CIRCLE('GALACTIC', lon, lat, r))")[0] == "GALACTIC"
    assert bench.column("COORDSYS(spot)")[0] == "ICRS"
    assert bench.column("COORDSYS(POINT('ICRS', lon, lat))")[16] is None


def test_distances(bench: Bench) -> None:
    # ADQL-145, ADQL-152, ADQL-237, ADQL-246
    def wanted(row: Row) -> float | None:
        other = {"lon": row["lon2"], "lat": row["lat2"]}
        if not is_place(row) or not is_place(other):
            return None
        return apart((row["lon"], row["lat"]), (row["lon2"], row["lat2"]))

    check_numbers(bench.column("DISTANCE(POINT(lon, lat), POINT(lon2, lat2))"), wanted, bench, 1e-11)
    check_numbers(bench.column("DISTANCE(lon, lat, lon2, lat2)"), wanted, bench, 1e-11)
    exact = bench.column("DISTANCE(POINT(lon, lat), POINT(lon + 360, lat))")
    whole = [value for row, value in zip(bench.rows, exact) if is_place(row) and row["lon"] % 1 == 0]
    assert len(whole) > 20 and set(whole) == {0.0}
    assert bench.column("DISTANCE(POINT(10, 20), POINT(190, -20))")[0] == pytest.approx(180.0, abs=1e-12)
    tiny = 1e-6 / 3600.0 / 1e6  # a micro-arcsecond, in degrees
    assert bench.column(f"DISTANCE(POINT(0, 0), POINT(0, {tiny!r}))")[0] == pytest.approx(tiny, rel=1e-3)


def _texts_with(answered: Answered) -> list[tuple[str | None, tuple[Any, ...]]]:
    return [(row[0], row[1:]) for row in answered.rows]


@pytest.mark.parametrize("viewer", [ANONYMOUS, ASTRONOMER], ids=["anonymous", "astronomer"])
def test_areas_and_centres_of_footprints(engine_under_test: UnderTest, viewer: Viewer) -> None:
    # ADQL-141, ADQL-142, ADQL-158: of the footprint that the viewer sees, whichever that is
    answered = engine_under_test.ask(
        "SELECT s_region, AREA(s_region), CENTROID(s_region), COORD1(CENTROID(s_region)) FROM ivoa.obscore",
        viewer=viewer,
    )
    area, centre = answered.columns[1:3]
    assert (area.unit, area.ucd, centre.xtype) == ("deg2", "phys.angArea", "point")
    circles = 0
    for text, (found, place, lon) in _texts_with(answered):
        words = (text or "").split()
        if text is None:
            assert (found, place, lon) == (None, None, None)
        elif words[0] == "Circle":
            circles += 1
            where, radius = [float(words[2]), float(words[3])], math.radians(float(words[4]))
            assert found == pytest.approx(4.0 * math.pi * math.sin(radius / 2.0) ** 2 * SQUARE, rel=1e-9)
            assert apart(place, where) < 1e-9 and place[0] == lon
        elif words[0] == "Polygon":
            corners = np.radians(np.array(words[2:], dtype=float).reshape(-1, 2))
            assert found == pytest.approx(_area_of(corners), rel=1e-6)
            assert apart(place, np.degrees(_mean(corners))) < 0.3
    assert circles > 20


def _area_of(corners: np.ndarray[Any, Any]) -> float:
    polygon = SphericalPolygon.from_radec(corners[:, 0], corners[:, 1], degrees=False)
    return min(polygon.area(), 4.0 * math.pi - polygon.area()) * SQUARE


def _mean(corners: np.ndarray[Any, Any]) -> tuple[float, float]:
    lon, lat = corners.T
    x, y, z = (part.sum() for part in (np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)))
    return math.atan2(y, x), math.atan2(z, math.hypot(x, y))


def test_footprints_in_conditions_and_order(engine_under_test: UnderTest) -> None:
    # ADQL-158: as any number
    rows = engine_under_test.ask("SELECT obs_id, AREA(s_region) FROM ivoa.obscore").rows
    wide = sorted(row[0] for row in rows if row[1] is not None and row[1] > 0.5)
    found = engine_under_test.ask("SELECT obs_id FROM ivoa.obscore WHERE AREA(s_region) > 0.5")
    assert wide and sorted(row[0] for row in found.rows) == wide
    total = engine_under_test.ask("SELECT SUM(AREA(s_region)), COUNT(CENTROID(s_region)) FROM ivoa.obscore")
    assert total.rows[0][0] == pytest.approx(sum(row[1] for row in rows if row[1] is not None))
    one = engine_under_test.ask(
        "SELECT TOP 1 AREA(s_region) AS a FROM ivoa.obscore ORDER BY a DESC OFFSET 150"
    )
    down = sorted((row[1] for row in rows), key=lambda area: math.inf if area is None else area, reverse=True)
    assert down[150] is not None and one.rows == [(pytest.approx(down[150]),)]


def test_positions_in_their_own_footprints(engine_under_test: UnderTest) -> None:
    # ADQL-151, ADQL-158: a column position in a region column, by pairs of rows and of tables
    rows = engine_under_test.ask(
        "SELECT obs_id, s_ra, s_dec, s_region, CONTAINS(POINT(s_ra, s_dec), s_region) FROM ivoa.obscore"
    ).rows
    circles = 0
    for number, lon, _, text, inside in rows:
        if text is None or lon is None:
            assert inside is None, number
        elif text.startswith("Circle"):
            circles += 1
            assert inside == 1, number
    assert circles > 200


RING = f"POLYGON({', '.join(CORNERS)})"


def test_measures_of_shapes_without_a_footprint_in_conditions(bench: Bench) -> None:
    # ADQL-141, ADQL-142: what a probe is to measure does not stand in that probe's own SQL
    for shape in (RING, "ring", "outline", "cells", "COALESCE(ring, ring)"):
        areas = dict(bench.ask(f"SELECT id, AREA({shape}) AS a FROM t.shapes"))
        large = sorted(row for row, area in areas.items() if area is not None and area > 1.0)
        assert large and bench.ids(f"AREA({shape}) > 1") == large, shape
        assert bench.ids(f"AREA({shape}) > 1 AND CONTAINS(CENTROID({shape}), {shape}) >= 0") == large, shape
        centres = dict(bench.ask(f"SELECT id, DISTANCE(CENTROID({shape}), POINT(10, 20)) AS d FROM t.shapes"))
        near = sorted(row for row, away in centres.items() if away is not None and away < 30.0)
        assert near and bench.ids(f"CONTAINS(CENTROID({shape}), CIRCLE(10, 20, 30)) = 1") == near, shape
        found = bench.ask(
            f"SELECT a.id FROM t.shapes AS a JOIN t.shapes AS b ON a.id = b.id AND AREA(a.{shape}) > 1"
            if "(" not in shape
            else f"SELECT q.id FROM (SELECT id, {shape} AS g FROM t.shapes) AS q "
            "JOIN t.shapes AS b ON q.id = b.id AND AREA(q.g) > 1"
        )
        assert sorted(row[0] for row in found) == large, shape


def test_centres_of_shapes_in_joins(bench: Bench) -> None:
    # ADQL-141: of both sides, by a constant radius and by shapes of the other
    rows = dict(bench.ask("SELECT id, CENTROID(ring) AS c FROM t.shapes WHERE id < 60"))
    others = [(row["id"], row["lon"], row["lat"]) for row in bench.rows if row["id"] < 60 and is_place(row)]
    wanted = {
        (one, other)
        for one, place in rows.items()
        if place is not None
        for other, lon, lat in others
        if apart(place, (lon, lat)) < 1.0
    }
    for on in (
        "DISTANCE(CENTROID(a.ring), POINT(b.lon, b.lat)) < 1",
        "CONTAINS(CENTROID(a.ring), CIRCLE(b.lon, b.lat, 1)) = 1",
    ):
        found = bench.ask(
            f"SELECT a.id, b.id FROM t.shapes AS a JOIN t.shapes AS b ON {on} WHERE a.id < 60 AND b.id < 60"
        )
        assert wanted and set(found) == wanted and len(found) == len(wanted), on


@pytest.mark.parametrize(
    "union",
    [
        "SELECT DISTINCT s_region AS g FROM ivoa.obscore",
        "SELECT s_region AS g FROM ivoa.obscore UNION ALL SELECT s_region AS g FROM ivoa.obscore",
    ],
)
def test_measures_of_shapes_of_derived_tables(engine_under_test: UnderTest, union: str) -> None:
    # ADQL-142
    areas = engine_under_test.ask(f"SELECT AREA(g) FROM ({union}) AS q").rows
    large = sum(area is not None and area > 0.01 for (area,) in areas)
    found = engine_under_test.ask(f"SELECT g FROM ({union}) AS q WHERE AREA(g) > 0.01")
    assert large and len(found.rows) == large
    same = "SELECT obs_id FROM ivoa.obscore WHERE AREA({}) > 0.01"
    kept, measured = ("s_region", "COALESCE(s_region, s_region)")
    assert sorted(engine_under_test.ask(same.format(kept)).rows) == sorted(
        engine_under_test.ask(same.format(measured)).rows
    )


def test_areas_of_maps_in_conditions(engine_under_test: UnderTest) -> None:
    # ADQL-142
    rows = engine_under_test.ask("SELECT AREA(moc) FROM holdings.measurement").rows
    wanted = sum(area is not None and area > 0.0 for (area,) in rows)
    found = engine_under_test.ask("SELECT COUNT(*) FROM holdings.measurement WHERE AREA(moc) > 0").rows
    assert found == [(wanted,)]


@pytest.mark.parametrize("viewer", [ANONYMOUS, ASTRONOMER], ids=["anonymous", "astronomer"])
def test_centres_of_footprints_in_joins(engine_under_test: UnderTest, viewer: Viewer) -> None:
    # ADQL-141, ADQL-158: each is read once, and soon: 400 rows on each side
    def ask(adql: str) -> list[tuple[Any, ...]]:
        return engine_under_test.ask(adql, viewer=viewer).rows

    rows = ask("SELECT obs_id, CENTROID(s_region), s_ra, s_dec FROM ivoa.obscore")
    centres = [(key, place) for key, place, _, _ in rows if place is not None]
    wanted = {
        (one, other)
        for one, place in centres
        for other, _, lon, lat in rows
        if lon is not None and lat is not None and apart(place, (lon, lat)) < 0.01
    }
    tables = "SELECT a.obs_id, b.obs_id FROM ivoa.obscore AS a JOIN ivoa.obscore AS b ON"
    found = ask(f"{tables} DISTANCE(CENTROID(a.s_region), POINT(b.s_ra, b.s_dec)) < 0.01")
    assert wanted and set(found) == wanted and len(found) == len(wanted)
    both = ask(
        f"{tables} DISTANCE(CENTROID(a.s_region), POINT(b.s_ra, b.s_dec)) < 0.01 "
        "AND CONTAINS(CENTROID(a.s_region), b.s_region) = 1"
    )
    assert both and set(both) <= wanted
    inside = ask(f"{tables} CONTAINS(CENTROID(a.s_region), b.s_region) = 1")
    assert set(both) == set(inside) & wanted
    present = "CONTAINS(CENTROID(a.s_region), b.s_region) = 1"
    kept = ask(
        f"SELECT a.obs_id FROM ivoa.obscore AS a WHERE "
        f"EXISTS (SELECT b.obs_id FROM ivoa.obscore AS b WHERE {present})"
    )
    assert sorted(row[0] for row in kept) == sorted({one for one, _ in inside})
