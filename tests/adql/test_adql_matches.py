"""Joins by position and shape: the rows of all pairs tested one by one, on both engines."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pyarrow as pa
import pytest
from corpus.small_sky import ROWS, positions
from engines_under_test import UnderTest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tap_schema import published
from vo_service.adql import parse, plan_query, resolve, write
from vo_service.query import upload_of
from vo_service.sky import Circle, Region, parse_region, unit_vectors

Pairs = set[tuple[int, int]]
NEAR = "DISTANCE(POINT(a.s_ra, a.s_dec), POINT(b.s_ra, b.s_dec)) < {0}"
IN_CIRCLE = "1 = CONTAINS(POINT(a.s_ra, a.s_dec), CIRCLE(b.s_ra, b.s_dec, {0}))"
FROM = "SELECT a.obs_id, b.obs_id FROM ivoa.obscore AS a JOIN ivoa.obscore AS b ON "


@cache
def separations() -> NDArray[np.float64]:
    """Degrees between all rows; NaN where one has no position. By the half angle, exact at both ends."""
    lon, lat = (np.array([np.nan if v is None else v for v in side]) for side in positions())
    lon, lat = np.radians(lon), np.radians(lat)
    haversine = np.sin((lat[:, None] - lat) / 2) ** 2 + np.cos(lat[:, None]) * np.cos(lat) * (
        np.sin((lon[:, None] - lon) / 2) ** 2
    )
    return np.degrees(2 * np.arcsin(np.sqrt(np.minimum(1.0, haversine))))


def all_pairs(passes: NDArray[np.bool_]) -> Pairs:
    return {(int(a), int(b)) for a, b in np.argwhere(passes)}


def pairs_of(engine: UnderTest, adql: str) -> list[tuple[int, int]]:
    return [tuple(None if v is None else int(v) for v in row) for row in engine.ask(adql).rows]


@pytest.mark.parametrize("radius", [0.0, 1e-7, 0.05, 1.7, 4.0, 100.0])
@pytest.mark.parametrize("form", [NEAR, IN_CIRCLE])
def test_positions_within_a_radius(
    engine_under_test: UnderTest, form: str, radius: float
) -> None:  # ADQL-153
    found = pairs_of(engine_under_test, FROM + form.format(radius))
    wanted = separations() < radius - 1e-12 if form is NEAR else separations() <= radius + 1e-12
    assert len(found) == len(set(found))
    assert set(found) == all_pairs(wanted)


@pytest.mark.parametrize("form", [NEAR, IN_CIRCLE])
def test_a_comma_and_a_where_are_a_join(engine_under_test: UnderTest, form: str) -> None:
    found = pairs_of(
        engine_under_test,
        "SELECT a.obs_id, b.obs_id FROM ivoa.obscore AS a, ivoa.obscore AS b "
        f"WHERE a.calib_level = 1 AND {form.format(0.3)} AND a.obs_id <> b.obs_id",
    )
    wanted = {(a, b) for a, b in all_pairs(separations() < 0.3) if a % 4 == 1 and a != b}
    assert sorted(found) == sorted(wanted)


@pytest.mark.parametrize("kind", ["LEFT", "RIGHT"])
@pytest.mark.parametrize("local", ["a.calib_level = 1", "b.calib_level = 1"])
def test_one_sided_joins_keep_the_rows_that_meet_nothing(
    engine_under_test: UnderTest, kind: str, local: str
) -> None:  # ADQL-049
    found = pairs_of(
        engine_under_test,
        f"SELECT a.obs_id, b.obs_id FROM ivoa.obscore AS a {kind} JOIN ivoa.obscore AS b "
        f"ON {NEAR.format(0.1)} AND {local}",
    )
    side = 0 if local.startswith("a") else 1
    met = [pair for pair in all_pairs(separations() < 0.1) if pair[side] % 4 == 1]
    kept = 0 if kind == "LEFT" else 1
    alone = set(range(ROWS)) - {pair[kept] for pair in met}
    wanted = [*met, *((n, None) if kept == 0 else (None, n) for n in alone)]
    assert sorted(found, key=str) == sorted(wanted, key=str)


def test_a_full_join_by_position(engine_under_test: UnderTest) -> None:
    found = pairs_of(
        engine_under_test,
        f"SELECT a.obs_id, b.obs_id FROM ivoa.obscore AS a FULL JOIN ivoa.obscore AS b ON {NEAR.format(0.1)}",
    )
    met = all_pairs(separations() < 0.1)
    assert {pair for pair in found if None not in pair} == met
    assert {pair for pair in found if None in pair} == {
        pair for n in set(range(ROWS)) - {a for a, _ in met} for pair in ((n, None), (None, n))
    }


@pytest.mark.parametrize("negated", ["", "NOT "])
def test_exists(engine_under_test: UnderTest, negated: str) -> None:
    found = engine_under_test.ask(
        f"SELECT a.obs_id FROM ivoa.obscore AS a WHERE {negated}EXISTS (SELECT 1 FROM ivoa.obscore AS b "
        f"WHERE {NEAR.format(0.1)} AND a.obs_id <> b.obs_id AND b.calib_level < 3)"
    )
    some = {a for a, b in all_pairs(separations() < 0.1) if a != b and b % 4 < 3}
    wanted = set(range(ROWS)) - some if negated else some
    assert sorted(int(row[0]) for row in found.rows) == sorted(wanted)


@pytest.mark.parametrize(
    ("tables", "columns"),
    [
        (
            "(SELECT obs_id, s_ra * 1 AS x, s_dec AS y FROM ivoa.obscore) AS a JOIN ivoa.obscore AS b",
            "a.x, a.y",
        ),
        ("ivoa.obscore AS b JOIN (SELECT obs_id, s_ra AS x, s_dec AS y FROM ivoa.obscore) AS a", "a.x, a.y"),
        ("w AS a JOIN ivoa.obscore AS b", "a.x, a.y"),
        (
            "(SELECT TOP 1000 obs_id, s_ra AS x, s_dec AS y FROM ivoa.obscore) AS a JOIN ivoa.obscore AS b",
            "a.x, a.y",
        ),
    ],
)
def test_derived_tables_and_common_ones(engine_under_test: UnderTest, tables: str, columns: str) -> None:
    found = pairs_of(
        engine_under_test,
        "WITH w AS (SELECT obs_id, s_ra AS x, s_dec AS y FROM ivoa.obscore) "
        f"SELECT a.obs_id, b.obs_id FROM {tables} "
        f"ON DISTANCE(POINT({columns}), POINT(b.s_ra, b.s_dec)) < 0.2",
    )
    assert sorted(found) == sorted(all_pairs(separations() < 0.2))


def test_a_position_of_two_tables_is_for_sql_to_test(engine_under_test: UnderTest) -> None:
    lon, lat = positions()
    found = pairs_of(
        engine_under_test,
        "SELECT a.obs_id, b.obs_id FROM ivoa.obscore AS a, ivoa.obscore AS b "
        "WHERE DISTANCE(POINT(a.s_ra, b.s_dec), POINT(10, 20)) < 0.2 AND a.t_exptime = 1",
    )
    place = unit_vectors(10.0, 20.0)[0]
    wanted = []
    for a in range(1, ROWS, 8):
        for b in range(ROWS):
            if lon[a] is not None and lat[b] is not None:
                away = np.linalg.norm(unit_vectors(lon[a], lat[b])[0] - place)
                wanted += [(a, b)] if away < 2 * math.sin(math.radians(0.1)) else []
    assert wanted
    assert sorted(found) == sorted(wanted)


def test_a_sample_is_drawn_once(engine_under_test: UnderTest) -> None:
    # TOP without an order may give other rows at each reading: the ones that are matched are those that show
    rows = engine_under_test.ask(
        "SELECT a.obs_id, b.obs_id, a.r FROM (SELECT TOP 30 obs_id, s_ra AS x, s_dec AS y, RAND() AS r "
        "FROM ivoa.obscore WHERE s_dec IS NOT NULL AND s_ra IS NOT NULL) AS a LEFT JOIN ivoa.obscore AS b "
        "ON DISTANCE(POINT(a.x, a.y), POINT(b.s_ra, b.s_dec)) < 0.0001"
    ).rows
    assert len({row[0] for row in rows}) == 30
    assert all(row[1] is not None for row in rows)


def test_three_tables(engine_under_test: UnderTest) -> None:
    found = engine_under_test.ask(
        f"SELECT a.obs_id, b.obs_id, c.obs_id FROM ivoa.obscore AS a JOIN ivoa.obscore AS b "
        f"ON {NEAR.format(0.06)} "
        "LEFT JOIN ivoa.obscore AS c ON DISTANCE(POINT(b.s_ra, b.s_dec), POINT(c.s_ra, c.s_dec)) < 0.02 "
        "AND c.calib_level = 2"
    )
    near, closer = separations() < 0.06, separations() < 0.02
    wanted = []
    for a, b in all_pairs(near):
        met = [int(c) for c in np.flatnonzero(closer[b]) if c % 4 == 2]
        wanted += [(a, b, c) for c in met or [None]]
    assert sorted(
        (tuple(None if v is None else int(v) for v in row) for row in found.rows), key=str
    ) == sorted(wanted, key=str)


def test_radii_of_columns(engine_under_test: UnderTest) -> None:
    radius = np.array([np.nan if i % 13 == 2 else 0.01 * (i % 9) for i in range(ROWS)])
    found = pairs_of(engine_under_test, FROM + IN_CIRCLE.format("b.s_fov"))
    assert sorted(found) == sorted(all_pairs(separations() <= radius + 1e-12))
    found = pairs_of(
        engine_under_test,
        FROM + "1 = INTERSECTS(CIRCLE(a.s_ra, a.s_dec, a.s_fov), CIRCLE(b.s_ra, b.s_dec, b.s_fov))",
    )
    assert sorted(found) == sorted(all_pairs(separations() <= radius[:, None] + radius + 1e-12))


# --- shapes ---


def regions(engine: UnderTest) -> dict[int, Region | None]:
    """The regions that a viewer sees."""
    rows = engine.ask("SELECT obs_id, s_region FROM ivoa.obscore").rows
    return {int(key): None if text is None else parse_region(text) for key, text in rows}


def verdict(test: Callable[[Region, Region], bool], one: Region | None, other: Region | None) -> int | None:
    return None if one is None or other is None else int(test(one, other))


def test_footprints_against_footprints(engine_under_test: UnderTest) -> None:  # ADQL-148 ADQL-151
    known = regions(engine_under_test)
    some = [n for n in known if n % 8 in (1, 2)]
    wanted = {
        (a, b): verdict(lambda x, y: x.intersects(y), known[a], known[b])
        for a in some
        for b in some
        if a % 8 == 1 and b % 8 == 2
    }
    local = "a.t_exptime = 1 AND b.t_exptime = 2"
    test = "INTERSECTS(a.s_region, b.s_region)"
    joined = pairs_of(engine_under_test, f"{FROM} 1 = {test} AND {local}")
    assert sorted(joined) == sorted(pair for pair, passes in wanted.items() if passes)
    values = engine_under_test.ask(
        f"SELECT a.obs_id, b.obs_id, {test} FROM ivoa.obscore AS a, ivoa.obscore AS b WHERE {local}"
    )
    assert {(int(a), int(b)): v for a, b, v in values.rows} == wanted
    others = pairs_of(
        engine_under_test,
        f"SELECT a.obs_id, b.obs_id FROM ivoa.obscore AS a, ivoa.obscore AS b "
        f"WHERE NOT 1 = {test} AND {local}",
    )
    assert sorted(others) == sorted(pair for pair, passes in wanted.items() if passes == 0)


def test_positions_in_footprints_of_others(engine_under_test: UnderTest) -> None:  # ADQL-151
    known, (lon, lat) = regions(engine_under_test), positions()
    found = pairs_of(
        engine_under_test, FROM + "1 = CONTAINS(POINT(a.s_ra, a.s_dec), b.s_region) AND a.calib_level = 1"
    )
    vectors = unit_vectors(
        [np.nan if v is None else v for v in lon], [np.nan if v is None else v for v in lat]
    )
    wanted = {
        (int(a), b)
        for b, region in known.items()
        if region is not None
        for a in np.flatnonzero(region.contains(vectors))
        if a % 4 == 1
    }
    assert sorted(found) == sorted(wanted)


@pytest.mark.parametrize("kind", ["LEFT", "RIGHT"])
def test_one_sided_joins_by_shapes(engine_under_test: UnderTest, kind: str) -> None:
    known = regions(engine_under_test)
    found = pairs_of(
        engine_under_test,
        f"SELECT a.obs_id, b.obs_id FROM ivoa.obscore AS a {kind} JOIN ivoa.obscore AS b "
        "ON 1 = CONTAINS(a.s_region, b.s_region) AND a.t_exptime = 1 AND b.t_exptime = 2",
    )
    met = [
        (a, b)
        for a in known
        for b in known
        if a % 8 == 1 and b % 8 == 2 and verdict(lambda x, y: y.covers(x), known[a], known[b])
    ]
    kept = 0 if kind == "LEFT" else 1
    alone = set(known) - {pair[kept] for pair in met}
    wanted = [*met, *((n, None) if kept == 0 else (None, n) for n in alone)]
    assert met
    assert sorted(found, key=str) == sorted(wanted, key=str)


# --- tables of users ---

LON = st.one_of(st.floats(0.0, 360.0), st.sampled_from([0.0, 359.9999999, 180.0, 45.0]))
LAT = st.one_of(st.floats(-90.0, 90.0), st.sampled_from([90.0, -90.0, 89.99999, 41.8103149, 0.0]))
PLACES = st.lists(st.tuples(LON, LAT), min_size=1, max_size=12)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(centres=PLACES, scale=st.floats(-9.0, 0.3), seed=st.integers(0, 2**32 - 1))
def test_matches_of_uploads_equal_a_full_scan(
    engine_under_test: UnderTest, centres: list[tuple[float, float]], scale: float, seed: int
) -> None:
    radius, random = 10.0**scale, np.random.default_rng(seed)
    near = [
        around(lon, lat, float(random.uniform(0.0, 3.0 * radius)), float(random.uniform(0.0, 360.0)))
        for lon, lat in centres
        for _ in range(3)
    ]
    uploads = (
        upload_of(
            "here", pa.table({"n": range(len(centres)), "Ra": column(centres, 0), "dec": column(centres, 1)})
        ),
        upload_of("there", pa.table({"n": range(len(near)), "ra": column(near, 0), "dec": column(near, 1)})),
    )
    found = engine_under_test.ask(
        "SELECT a.n, b.n FROM tap_upload.here AS a JOIN tap_upload.there AS b "
        f"ON 1 = CONTAINS(POINT(b.ra, b.dec), CIRCLE(a.ra, a.dec, {radius!r}))",
        uploads=uploads,
    )
    pairs = {(a, b) for a, b in found.rows}
    assert len(pairs) == len(found.rows)
    chord = 2 * math.sin(math.radians(radius) / 2)
    one, other = (unit_vectors(column(side, 0), column(side, 1)) for side in (centres, near))
    away = np.linalg.norm(one[:, None] - other, axis=2)
    assert all_pairs(away < chord - 1e-13) <= pairs <= all_pairs(away < chord + 1e-13)


def around(lon: float, lat: float, distance: float, direction: float) -> tuple[float, float]:
    """The place at a distance and position angle, degrees."""
    d, t, b = math.radians(distance), math.radians(direction), math.radians(lat)
    sine = math.sin(b) * math.cos(d) + math.cos(b) * math.sin(d) * math.cos(t)
    east = math.sin(t) * math.sin(d) * math.cos(b)
    turn = math.atan2(east, math.cos(d) - math.sin(b) * sine)
    return (lon + math.degrees(turn)) % 360.0, math.degrees(math.asin(max(-1.0, min(1.0, sine))))


def column(places: list[tuple[float, float]], index: int) -> list[float]:
    return [place[index] for place in places]


def test_an_upload_is_matched_with_the_holdings(engine_under_test: UnderTest) -> None:
    lon, lat = positions()
    mine = [(n, a, b) for n, (a, b) in enumerate(zip(lon, lat)) if a is not None and b is not None][::7]
    table = pa.table(
        {"n": [n for n, _, _ in mine], "ra": [a for _, a, _ in mine], "dec": [b for _, _, b in mine]}
    )
    found = engine_under_test.ask(
        "SELECT n, obs_id FROM tap_upload.mine AS m JOIN ivoa.obscore AS o "
        "ON DISTANCE(POINT(m.ra, m.dec), POINT(o.s_ra, o.s_dec)) < 5 / 3600.",
        uploads=(upload_of("mine", table),),
    )
    known = {n for n, _, _ in mine}
    wanted = {(a, b) for a, b in all_pairs(separations() < 5 / 3600.0) if a in known}
    assert sorted((n, int(key)) for n, key in found.rows) == sorted(wanted)


def test_shapes_of_uploads(engine_under_test: UnderTest) -> None:
    known = regions(engine_under_test)
    circles = [Circle(10.0, 20.0, 0.2), Circle(0.0, 90.0, 3.0), Circle(359.9, 0.0, 0.5)]
    shapes = pa.array([[c.lon, c.lat, c.radius] for c in circles] + [None], pa.list_(pa.float64()))
    described = [replace(upload_of("x", pa.table({"shape": shapes})).table.columns[0], xtype="circle")]
    found = engine_under_test.ask(
        "SELECT o.obs_id, COORD1(CENTROID(u.shape)) FROM tap_upload.u JOIN ivoa.obscore AS o "
        "ON 1 = INTERSECTS(u.shape, o.s_region)",
        uploads=(upload_of("u", pa.table({"shape": shapes}), described),),
    )
    wanted = [
        (key, circle.lon)
        for circle in circles
        for key, region in known.items()
        if region is not None and region.intersects(circle)
    ]
    assert wanted
    assert sorted((int(a), b) for a, b in found.rows) == sorted(wanted)


# --- no plan is all pairs ---


@pytest.mark.parametrize(
    "query",
    [
        FROM + NEAR.format(0.01),
        FROM + IN_CIRCLE.format("b.s_fov"),
        FROM + "1 = INTERSECTS(a.s_region, b.s_region)",
        f"SELECT 1 AS x FROM ivoa.obscore AS a, ivoa.obscore AS b WHERE {NEAR.format(0.01)}",
        f"SELECT 1 AS x FROM ivoa.obscore AS a LEFT JOIN ivoa.obscore AS b ON {NEAR.format(0.01)}",
        f"SELECT 1 AS x FROM ivoa.obscore AS a RIGHT JOIN ivoa.obscore AS b ON {IN_CIRCLE.format(0.01)}",
        "SELECT 1 AS x FROM ivoa.obscore AS a WHERE EXISTS (SELECT 1 FROM ivoa.obscore AS b "
        f"WHERE {NEAR.format(0.01)})",
    ],
)
def test_joins_are_by_equality(engine_under_test: UnderTest, query: str) -> None:
    engine = engine_under_test.engine
    written = write(plan_query(resolve(parse(query), published())), engine.dialect, schemas=engine.schemas)
    assert len(written.probes) == 1
    assert written.probes[0].name in written.sql
