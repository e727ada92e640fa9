"""How long statements get, and how long engines think about them: in step with the query (ADQL-257)."""

from __future__ import annotations

import time

import numpy as np
import pytest
from sqlglot import exp, parse_one
from udf_rows import Given, number

MOVED = "ivo_epoch_prop_pos(lon, lat, pm, pm, pm, pm, 2000.0, 2016.0)"
CONDITIONS = [
    f"DISTANCE({MOVED}, POINT(lon, lat)) < 1",
    f"DISTANCE({MOVED}, POINT(10, 20)) < 1",
    f"DISTANCE({MOVED}, {MOVED}) < 1",
    f"DISTANCE({MOVED}, POINT(10, 20)) BETWEEN 0 AND 1",
    f"1 = CONTAINS({MOVED}, CIRCLE(10, 20, 50))",
    f"1 = CONTAINS({MOVED}, POLYGON(10, 20, 50, 20, 30, 40))",
    f"1 = CONTAINS({MOVED}, BOX(10, 20, 5, 5))",
    f"1 = CONTAINS(POINT(lon, lat), CIRCLE({MOVED}, 5))",
    f"1 = INTERSECTS(CIRCLE(lon, lat, pm / 100), CIRCLE({MOVED}, 5))",
    f"DISTANCE(ivo_geom_transform('ICRS', 'GALACTIC', {MOVED}), POINT(10, 20)) < 100",
]
ROWS = 400


@pytest.fixture(scope="module")
def moving(given: Given) -> str:
    """Positions with a motion."""
    rng = np.random.default_rng(257)
    return given.rows(
        {
            number("lon"): rng.uniform(0.0, 360.0, ROWS).tolist(),
            number("lat"): np.degrees(np.arcsin(rng.uniform(-1.0, 1.0, ROWS))).tolist(),
            number("pm"): rng.uniform(-1e3, 1e3, ROWS).tolist(),
        }
    )


@pytest.mark.parametrize("condition", CONDITIONS)
def test_tests_of_moved_positions_stay_short(given: Given, moving: str, condition: str) -> None:
    # ADQL-177, ADQL-257: each number and each unit vector is written once, and worked out once
    query = f"SELECT n FROM {moving} WHERE {condition} ORDER BY n"
    for dialect in ("duckdb", "postgres"):
        assert len(given.written(query, dialect)) < 18_000
    one, other = given.each(query)
    assert one == other and len(one) < ROWS + 1
    if condition.endswith("< 1"):
        for rows in given.each(f"SELECT n, {condition.removesuffix('< 1')} AS v FROM {moving}"):
            assert one == sorted((n,) for n, distance in rows if distance < 1.0)


@pytest.mark.parametrize(
    "expression",
    [
        "ivo_healpix_index(12, lon, lat)",
        "ivo_healpix_index(12, lon + 0.5, lat / 2)",
        f"ivo_healpix_index(29, {MOVED})",
        f"DISTANCE({MOVED}, POINT(lon, lat))",
    ],
)
def test_duckdb_plans_what_has_steps_at_once(given: Given, moving: str, expression: str) -> None:
    # ADQL-174, ADQL-257: lambdas inside lambdas would double the time for each level; these take 7 to 27
    # times as long as a plan of plain columns
    statement = given.written(f"SELECT {expression} AS v FROM {moving}", "duckdb")
    plain = given.written(f"SELECT n, lon, lat FROM {moving}", "duckdb")
    assert "LIST_TRANSFORM" in statement and "LIST_TRANSFORM" not in plain
    taken: dict[str, list[float]] = {statement: [], plain: []}
    for each in (statement, plain) * 5:
        start = time.process_time()
        given.engines[0].run(f"EXPLAIN {each}")
        taken[each].append(time.process_time() - start)
    assert min(taken[statement]) < 100 * min(taken[plain]), taken


@pytest.mark.parametrize(
    "expression", ["ivo_healpix_index(29, lon, lat)", f"DISTANCE({MOVED}, POINT(lon, lat))"]
)
def test_lambdas_follow_each_other(given: Given, moving: str, expression: str) -> None:
    # ADQL-257
    statement = given.written(f"SELECT {expression} AS v FROM {moving}", "duckdb")
    written = parse_one(statement, read="duckdb")
    lambdas = list(written.find_all(exp.Lambda))
    assert len(lambdas) > 3
    for each in lambdas:
        # what stands inside, as shifts over a list or values of an argument, is a level and no more
        around = each.find_ancestor(exp.Lambda)
        assert around is None or around.find_ancestor(exp.Lambda) is None
