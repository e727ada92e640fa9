"""GROUP BY beside geometry, subqueries and labels: what is grouped, what is not, and who is told what."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import pytest
from corpus.small_sky import positions
from engines_under_test import UnderTest

O = "ivoa.obscore"  # noqa: E741
LON, LAT = positions()
PLACES = Counter(zip(LON, LAT))


def _rows(under: UnderTest, adql: str) -> list[tuple[Any, ...]]:
    return under.ask(adql).rows


def test_shapes_of_grouped_columns_are_grouped(engine_under_test: UnderTest) -> None:
    # ADQL-071: the stored vector and pixel of a position are no columns of their own
    rows = _rows(
        engine_under_test,
        "SELECT POINT(s_ra, s_dec) AS p, CIRCLE(s_ra, s_dec, MAX(s_fov)) AS c, BOX(s_ra, s_dec, 1, 1) AS b, "
        f"COUNT(*) AS n FROM {O} WHERE s_ra IS NOT NULL AND s_dec IS NOT NULL GROUP BY s_ra, s_dec",
    )
    known = {(lon % 360, lat): n for (lon, lat), n in PLACES.items() if lon is not None and lat is not None}
    assert len(rows) == len([place for place in PLACES if None not in place])
    assert sum(row[3] for row in rows) == sum(known.values()) + PLACES[(360.0, 0.0)]
    for point, circle, box, n in rows:
        assert n in (known[tuple(point)], PLACES[(360.0, 0.0)])
        assert circle is None or circle[:2] == point
        assert len(box) == 8


def test_tests_of_grouped_columns_are_grouped(engine_under_test: UnderTest) -> None:
    # ADQL-071, ADQL-148
    far = "DISTANCE(POINT(s_ra, s_dec), POINT(10, 20))"
    inside = "CONTAINS(POINT(s_ra, s_dec), CIRCLE(10, 20, 0.3))"
    rows = _rows(
        engine_under_test,
        f"SELECT s_ra, s_dec, {far} AS d, {inside} AS c, INTERSECTS(CIRCLE(s_ra, s_dec, 0.2), "
        f"POLYGON(9, 19, 11, 19, 11, 21, 9, 21)) AS i FROM {O} GROUP BY s_dec, s_ra "
        f"HAVING {far} < 1 AND 1 = CONTAINS(POINT(s_ra, s_dec), CIRCLE(10, 20, 0.9)) ORDER BY {far}, s_ra",
    )
    assert len(rows) > 50
    assert [row[2] for row in rows] == sorted(row[2] for row in rows)
    assert all(row[2] <= 0.9 and row[3] == (row[2] <= 0.3) and row[4] == 1 for row in rows)


def test_a_grouped_expression_is_the_same_expression(engine_under_test: UnderTest) -> None:
    # ADQL-070, ADQL-071: the same distance, written in its other form
    rows = _rows(
        engine_under_test,
        f"SELECT 2 * FLOOR(DISTANCE(s_ra, s_dec, 10, 20)) AS d, COUNT(*) AS n FROM {O} "
        "GROUP BY FLOOR(DISTANCE(POINT(s_ra, s_dec), POINT(10, 20))) "
        "ORDER BY FLOOR(DISTANCE(s_ra, s_dec, 10, 20))",
    )
    assert rows[0][0] == 0.0 and rows[0][1] > 90
    assert rows[-1][0] is None and rows[-1][1] == sum(n for place, n in PLACES.items() if None in place)
    assert sum(row[1] for row in rows) == len(LON)


def test_outer_columns_are_constants_inside(engine_under_test: UnderTest) -> None:
    # ADQL-053, ADQL-071: o.s_fov is no column of the inner query
    rows = _rows(
        engine_under_test,
        f"SELECT o.obs_id FROM {O} AS o WHERE EXISTS (SELECT i.s_fov FROM {O} AS i "
        "GROUP BY i.s_fov HAVING i.s_fov > o.s_fov AND COUNT(*) > 1)",
    )
    fov = [None if i % 13 == 2 else 0.01 * (i % 9) for i in range(len(LON))]
    assert sorted(int(row[0]) for row in rows) == [
        i for i, value in enumerate(fov) if value is not None and not math.isclose(value, 0.08)
    ]


OUTER = "SELECT d.calib_level FROM {} AS d GROUP BY d.calib_level HAVING EXISTS (SELECT 1 FROM {} AS o {})"


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("WHERE o.calib_level = MAX(d.calib_level)", "derived table"),
        ("JOIN ivoa.obscore AS p ON p.calib_level = MAX(d.calib_level + 1)", "derived table"),
        ("WHERE o.obs_id = ivo_string_agg(d.obs_id, ',')", "derived table"),
        ("WHERE o.calib_level = MAX(o.calib_level)", "HAVING"),
        ("WHERE o.calib_level = MAX(calib_level)", "HAVING"),
        ("WHERE o.calib_level = COUNT(*)", "HAVING"),
        ("WHERE o.calib_level = MAX(o.calib_level + d.calib_level)", "HAVING"),
        ("WHERE o.calib_level = MAX(no_such)", "HAVING"),
    ],
)
def test_an_outer_aggregate_inside_is_told_its_cure(refusal: Any, condition: str, words: str) -> None:
    # ADQL-067: HAVING is where it stands already
    error = refusal(OUTER.format(O, O, condition))
    assert "cannot stand in" in error.message and words in (error.hint or "")


def test_the_cure_for_an_outer_aggregate(engine_under_test: UnderTest) -> None:
    rows = _rows(
        engine_under_test,
        f"SELECT q.k FROM (SELECT calib_level AS k, MAX(calib_level) AS m FROM {O} GROUP BY calib_level) q "
        f"WHERE EXISTS (SELECT 1 FROM {O} AS o WHERE o.calib_level = q.m)",
    )
    assert len(rows) > 1


@pytest.mark.parametrize(
    ("query", "words", "column"),
    [
        ("SELECT POINT(s_ra, s_dec) AS p FROM {} GROUP BY s_ra", "column s_dec is neither grouped", 8),
        ("SELECT s_region FROM {} GROUP BY s_ra, s_dec", "column s_region is neither grouped", 8),
        ("SELECT s_ra, AREA(s_region) AS a FROM {} GROUP BY s_ra", "column s_region is neither grouped", 14),
        ("SELECT s_ra FROM {} GROUP BY s_ra ORDER BY s_dec", "column s_dec is neither grouped", 54),
        (
            "SELECT s_ra FROM {} o GROUP BY s_ra HAVING EXISTS (SELECT 1 FROM {} i WHERE i.s_ra = o.s_dec)",
            "column s_dec is neither grouped",
            54,
        ),
        ("SELECT POINT(s_ra, s_dec) AS p FROM {} GROUP BY POINT(s_ra, s_dec)", "GROUP BY does not take", 59),
        ("SELECT s_region FROM {} GROUP BY s_region", "GROUP BY does not take a REGION", 44),
        ("SELECT * FROM {} GROUP BY s_ra", "neither grouped", 8),
    ],
)
def test_what_is_not_grouped_is_named_as_it_is_published(
    refusal: Any, query: str, words: str, column: int
) -> None:
    # ADQL-033, ADQL-071
    error = refusal(query.replace("{}", O))
    assert words in str(error) and "_ux" not in str(error) and "_footprint" not in str(error)
    assert error.column == column
