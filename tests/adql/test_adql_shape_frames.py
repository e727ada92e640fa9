"""Frames that a query names, on both engines, against astropy (ADQL-132, ADQL-133, ADQL-144)."""

from __future__ import annotations

import pytest
from astropy.coordinates import FK4NoETerms, Galactic, GeocentricMeanEcliptic, SkyCoord
from shape_rows import (
    Bench,
    apart,
    is_place,
    refused,
)

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
