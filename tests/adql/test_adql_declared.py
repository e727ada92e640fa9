"""What the capabilities declare runs: every function, feature and function of our own has a query."""

from __future__ import annotations

import pytest

from vo_service.adql import FUNCTIONS
from vo_service.adql.resolve_geometry import GEOMETRY as COMPILED
from vo_service.tap.capabilities import FEATURES, GEOMETRY

WHERE_TRUE = "SELECT COUNT(*) AS n FROM ivoa.obscore WHERE "
RUNS = {
    "AREA": "SELECT TOP 1 AREA(CIRCLE(10, 20, 1)) AS v FROM ivoa.obscore",
    "BOX": f"{WHERE_TRUE} 1 = CONTAINS(POINT(s_ra, s_dec), BOX(10, 20, 2, 2))",
    "CENTROID": "SELECT TOP 1 CENTROID(CIRCLE(10, 20, 1)) AS v FROM ivoa.obscore",
    "CIRCLE": f"{WHERE_TRUE} 1 = CONTAINS(POINT(s_ra, s_dec), CIRCLE(10, 20, 1))",
    "CONTAINS": f"{WHERE_TRUE} 1 = CONTAINS(POINT(10, 20), s_region)",
    "COORD1": f"{WHERE_TRUE} COORD1(POINT(s_ra, s_dec)) >= 0",
    "COORD2": f"{WHERE_TRUE} COORD2(POINT(s_ra, s_dec)) >= 0",
    "COORDSYS": f"{WHERE_TRUE} COORDSYS(POINT(s_ra, s_dec)) = 'ICRS'",
    "DISTANCE": f"{WHERE_TRUE} DISTANCE(POINT(s_ra, s_dec), POINT(10, 20)) < 1",
    "INTERSECTS": f"{WHERE_TRUE} 1 = INTERSECTS(CIRCLE(10, 20, 1), s_region)",
    "POINT": "SELECT TOP 1 POINT(s_ra, s_dec) AS v FROM ivoa.obscore WHERE s_ra IS NOT NULL",
    "POLYGON": f"{WHERE_TRUE} 1 = CONTAINS(POINT(s_ra, s_dec), POLYGON(9, 19, 11, 19, 11, 21, 9, 21))",
    "REGION": f"{WHERE_TRUE} 1 = INTERSECTS(REGION('Circle ICRS 10 20 1'), s_region)",
    "RANGE_S2D": f"{WHERE_TRUE} 1 = INTERSECTS(RANGE_S2D(9, 11, 19, 21), s_region)",
    "LOWER": f"{WHERE_TRUE} LOWER(obs_id) = obs_id",
    "UPPER": f"{WHERE_TRUE} UPPER(obs_id) = obs_id",
    "ILIKE": f"{WHERE_TRUE} obs_id ILIKE '1%'",
    "UNION": "SELECT obs_id FROM ivoa.obscore UNION SELECT obs_id FROM ivoa.obscore",
    "EXCEPT": "SELECT obs_id FROM ivoa.obscore EXCEPT SELECT obs_id FROM ivoa.obscore WHERE s_ra > 100",
    "INTERSECT": "SELECT obs_id FROM ivoa.obscore INTERSECT SELECT obs_id FROM ivoa.obscore",
    "WITH": "WITH a AS (SELECT obs_id FROM ivoa.obscore) SELECT obs_id FROM a",
    "CAST": "SELECT MAX(CAST(s_ra AS INTEGER)) AS v FROM ivoa.obscore",
    "OFFSET": "SELECT obs_id FROM ivoa.obscore ORDER BY obs_id OFFSET 5",
    "COALESCE": "SELECT MAX(COALESCE(s_ra, 0)) AS v FROM ivoa.obscore",
    "line_covered": f"{WHERE_TRUE} line_covered('CO(2-1)', 0, 9, em_support) >= 0",
    "line_covered_all": f"{WHERE_TRUE} line_covered_all('CO(2-1)', 0, 0.1, em_support) >= 0",
    "line_frequency": "SELECT TOP 1 line_frequency('CO(2-1)') AS v FROM ivoa.obscore",
}


def declared() -> set[str]:
    own = {name for name, function in FUNCTIONS.items() if function.declared is not None}
    return {*GEOMETRY, *(name for names in FEATURES.values() for name in names), *own}


def test_every_declaration_has_a_query_here() -> None:
    assert declared() | COMPILED == set(RUNS)
    assert set(GEOMETRY) | {"RANGE_S2D"} == COMPILED


@pytest.mark.parametrize("name", RUNS)
def test_what_is_declared_runs(sky, name: str) -> None:
    # TAP-292, ADQL-160
    found = sky.column(RUNS[name])
    assert found and any(value not in (None, 0) for value in found)
