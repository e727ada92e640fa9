"""Constant polygons of few and of many corners against positions on both engines: verdicts of ``sky``."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from corpus.small_sky import rows_of_snapshot
from engines_under_test import UnderTest
from shape_rows import Bench, is_place
from two_engines import Engines

from vo_service.sky import Polygon, healpix29, unit_vectors

POSITIONS = "SELECT obs_id, s_ra, s_dec FROM ivoa.obscore"
CENTRE, SIZE = (180.0, 0.0), 50.0


def corners_of(count: int, dented: bool, centre: tuple[float, float] = CENTRE, size: float = SIZE) -> Polygon:
    """A polygon round a place; ``dented``: every other corner lies nearer, so that it is not convex."""
    turns = np.linspace(0.0, 2.0 * math.pi, count, endpoint=False)
    reach = np.where(dented & (np.arange(count) % 2 == 1), 0.6 * size, size)
    lon, lat = centre[0] + reach * np.cos(turns), centre[1] + reach * np.sin(turns)
    return Polygon(tuple(zip(lon.tolist(), lat.tolist())))


def written(polygon: Polygon) -> str:
    return f"POLYGON({', '.join(f'{lon!r}, {lat!r}' for lon, lat in polygon.vertices)})"


def verdicts(rows: list[tuple[Any, ...]], polygon: Polygon) -> dict[Any, int | None]:
    """What ``sky`` says of each row of key, longitude and latitude."""
    found: dict[Any, int | None] = {}
    for key, lon, lat in rows:
        known = is_place({"lon": lon, "lat": lat})
        found[key] = int(polygon.contains(unit_vectors(lon, lat))[0]) if known else None
    return found


@pytest.mark.parametrize("dented", [False, True], ids=["convex", "concave"])
@pytest.mark.parametrize("count", [24, 25, 100, 1000])
def test_positions_in_polygons_of_many_corners(
    count: int, dented: bool, engine_under_test: UnderTest
) -> None:
    # ADQL-150, ADQL-155, ADQL-257
    ask = engine_under_test.ask
    polygon = corners_of(count, dented)
    wanted = verdicts(ask(POSITIONS).rows, polygon)
    inside = sorted(key for key, verdict in wanted.items() if verdict)
    outside = sorted(key for key, verdict in wanted.items() if verdict == 0)
    assert len(inside) > 20 and len(outside) > 20 and len(wanted) == 400
    test = f"CONTAINS(POINT(s_ra, s_dec), {written(polygon)})"

    def keys(condition: str, source: str = "ivoa.obscore") -> list[str]:
        return sorted(row[0] for row in ask(f"SELECT obs_id FROM {source} WHERE {condition}").rows)

    assert keys(f"{test} = 1") == inside
    assert keys(f"NOT ({test} = 1)") == keys(f"{test} = 0") == outside
    assert keys(f"{test} = 1 OR s_ra IS NULL") == sorted([*inside, *_without_position(ask)])
    assert dict(ask(f"SELECT obs_id, {test} AS v FROM ivoa.obscore").rows) == wanted


def _without_position(ask: Any) -> list[str]:
    return [row[0] for row in ask("SELECT obs_id FROM ivoa.obscore WHERE s_ra IS NULL").rows]


def test_latitudes_beyond_the_poles_are_no_positions(engines: Engines) -> None:
    # ADQL-134: what is stored there has no pixel to be found by, and is neither inside nor outside
    rows = rows_of_snapshot()["ivoa.obscore"].slice(0, 40)
    beyond = rows.slice(0, 3).to_pydict()
    beyond |= {"s_ra": [10.0, 180.0, 200.0], "s_dec": [95.0, -95.0, 90.0000001]}
    keys = ["north", "south", "near"]
    beyond |= {"obs_id": keys, "obs_publisher_did": keys, **dict.fromkeys(("_ux", "_uy", "_uz"), [None] * 3)}
    beyond["_hpx29"] = healpix29(beyond["s_ra"], beyond["s_dec"]).tolist()
    sky = engines.on({"ivoa.obscore": pa.concat_tables([rows, pa.table(beyond, schema=rows.schema)])})
    for engine in sky:
        ask = UnderTest(engine.dialect, engine, sky.snapshot).ask
        for polygon in (corners_of(8, dented=True), corners_of(100, dented=True)):
            test = f"CONTAINS(POINT(s_ra, s_dec), {written(polygon)})"
            found = dict(ask(f"SELECT obs_id, {test} AS v FROM ivoa.obscore").rows)
            assert found == verdicts(ask(POSITIONS).rows, polygon) and {0, 1, None} == {*found.values()}
            assert [found[key] for key in keys] == [None] * 3
            outside = {row[0] for row in ask(f"SELECT obs_id FROM ivoa.obscore WHERE {test} = 0").rows}
            assert outside == {key for key, verdict in found.items() if verdict == 0}


@pytest.mark.parametrize("kind", ["JOIN", "LEFT JOIN"])
def test_polygons_of_many_corners_in_joins(kind: str, engine_under_test: UnderTest) -> None:
    # ADQL-150: in ON, where the rows that do not pass are kept or not
    ask = engine_under_test.ask
    polygon = corners_of(60, dented=True)
    wanted = verdicts(ask(POSITIONS).rows, polygon)
    test = f"CONTAINS(POINT(b.s_ra, b.s_dec), {written(polygon)}) = 1"
    found = ask(
        f"SELECT a.obs_id, b.obs_id FROM ivoa.obscore AS a {kind} ivoa.obscore AS b "
        f"ON a.obs_id = b.obs_id AND {test}"
    ).rows
    inside = {(key, key) for key, verdict in wanted.items() if verdict}
    others = {(key, None) for key, verdict in wanted.items() if not verdict and kind == "LEFT JOIN"}
    assert set(found) == inside | others and len(found) == len(inside | others)


def test_holes_count_as_corners(engine_under_test: UnderTest) -> None:
    # ALMA-113: a union of polygons that together have many corners
    ask = engine_under_test.ask
    outer, hole = corners_of(20, dented=False), corners_of(20, dented=False, size=20.0)
    texts = [" ".join(f"{lon!r} {lat!r}" for lon, lat in each.vertices) for each in (outer, hole)]
    region = f"REGION('Union ICRS ( Polygon {texts[0]} Not ( Polygon {texts[1]} ) )')"
    rows = ask(POSITIONS).rows
    wanted = [verdicts(rows, each) for each in (outer, hole)]
    inside = sorted(key for key, verdict in wanted[0].items() if verdict and not wanted[1][key])
    found = ask(f"SELECT obs_id FROM ivoa.obscore WHERE CONTAINS(POINT(s_ra, s_dec), {region}) = 1").rows
    assert inside and sorted(row[0] for row in found) == inside


@pytest.mark.parametrize("count", [24, 25, 1000])
def test_positions_without_a_stored_pixel(count: int, bench: Bench) -> None:
    # ADQL-134, ADQL-150: hard positions, NULL ones and those that are none
    polygon = corners_of(count, dented=True, centre=(10.0, 15.0), size=25.0)
    wanted = verdicts([(row["id"], row["lon"], row["lat"]) for row in bench.rows], polygon)
    test = f"CONTAINS(POINT(lon, lat), {written(polygon)})"
    assert {*wanted.values()} == {0, 1, None}
    assert bench.column(test) == [wanted[row["id"]] for row in bench.rows]
    assert bench.ids(f"{test} = 1") == [key for key, verdict in wanted.items() if verdict]
    assert bench.ids(f"NOT ({test} = 1)") == [key for key, verdict in wanted.items() if verdict == 0]
