"""What the capabilities declare runs: every function, feature and function of our own has a query."""

from __future__ import annotations

import pytest
from engines_under_test import UnderTest

from vo_service.adql import declared
from vo_service.adql.meaning.shapes import GEOMETRY as COMPILED

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
    "IN_UNIT": "SELECT MAX(IN_UNIT(s_ra, 'arcsec')) AS v FROM ivoa.obscore",
    "MOC": f"{WHERE_TRUE} 1 = CONTAINS(POINT(s_ra, s_dec), MOC('1/0-20'))",
    "line_covered": f"{WHERE_TRUE} line_covered('CO(2-1)', 0, 9, em_support) >= 0",
    "line_covered_all": f"{WHERE_TRUE} line_covered_all('CO(2-1)', 0, 0.1, em_support) >= 0",
    "line_frequency": "SELECT TOP 1 line_frequency('CO(2-1)') AS v FROM ivoa.obscore",
    "source": "SELECT TOP 1 source('M83') AS v FROM ivoa.obscore",
    "ivo_healpix_index": "SELECT MAX(ivo_healpix_index(5, s_ra, s_dec)) AS v FROM ivoa.obscore",
    "ivo_healpix_center": "SELECT TOP 1 ivo_healpix_center(0, 6) AS v FROM ivoa.obscore",
    "ivo_epoch_prop_pos": "SELECT TOP 1 ivo_epoch_prop_pos(7.6, 11.8, 125, 300, -428.8, 52.5, 2016, 1992) "
    "AS v FROM ivoa.obscore",
    "ivo_geom_transform": "SELECT TOP 1 ivo_geom_transform('ICRS', 'GALACTIC', POINT(120, -23)) AS v "
    "FROM ivoa.obscore",
    "ivo_to_jd": "SELECT MAX(ivo_to_jd(obs_release_date)) AS v FROM ivoa.obscore",
    "ivo_to_mjd": "SELECT MAX(ivo_to_mjd(obs_release_date)) AS v FROM ivoa.obscore",
    "ivo_interval_overlaps": f"{WHERE_TRUE} 1 = ivo_interval_overlaps(s_ra, s_ra + 1, 10, 11)",
    "ivo_nocasematch": f"{WHERE_TRUE} 1 = ivo_nocasematch(target_name, 'm8%')",
    "ivo_hasword": f"{WHERE_TRUE} 1 = ivo_hasword(obs_title, 'dense')",
    "ivo_hashlist_has": f"{WHERE_TRUE} 1 = ivo_hashlist_has('m81#m83', target_name)",
    "ivo_hms_to_degrees": "SELECT TOP 1 ivo_hms_to_degrees('3:34:45.4') AS v FROM ivoa.obscore",
    "ivo_dms_to_degrees": "SELECT TOP 1 ivo_dms_to_degrees('-00:15:00') AS v FROM ivoa.obscore",
    "ivo_string_agg": "SELECT ivo_string_agg(target_name, '; ') AS v FROM ivoa.obscore",
    "ivo_histogram": "SELECT ivo_histogram(s_ra, 0, 360, 4) AS v FROM ivoa.obscore",
    "ivo_normal_random": "SELECT MAX(ivo_normal_random(100, 1)) AS v FROM ivoa.obscore",
}


def test_every_declaration_has_a_query_here() -> None:
    # ADQL-167, ADQL-172
    names = {feature.name for features in declared().values() for feature in features}
    assert names == set(RUNS)
    assert names >= COMPILED


@pytest.mark.parametrize("name", RUNS)
def test_what_is_declared_runs(engine_under_test: UnderTest, name: str) -> None:
    # TAP-292, ADQL-160, ADQL-169
    found = [row[0] for row in engine_under_test.ask(RUNS[name]).rows]
    assert found and any(value not in (None, 0) for value in found)
