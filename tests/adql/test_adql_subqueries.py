"""Derived tables, common tables and set operations: what leaves them is what it was inside."""

from __future__ import annotations

import math

import pytest
from engines_under_test import UnderTest

from vo_service.adql import write

O = "ivoa.obscore"  # noqa: E741
CONE = "CIRCLE(10, 20, 0.4)"

# what is selected inside, the test outside, and the same test in one query
MOVED = {
    "point": ("POINT(s_ra, s_dec)", f"1 = CONTAINS(g, {CONE})"),
    "point of other numbers": ("POINT(s_ra + 1, s_dec)", f"1 = CONTAINS(g, {CONE})"),
    "circle": ("CIRCLE(s_ra, s_dec, 0.5)", "1 = CONTAINS(POINT(10, 20), g)"),
    "circle of a column": ("CIRCLE(s_ra, s_dec, s_fov * 8)", "1 = CONTAINS(POINT(10, 20), g)"),
    "box": ("BOX(s_ra, s_dec, 1, 0.5)", "1 = CONTAINS(POINT(10, 20), g)"),
    "region column": ("s_region", f"1 = INTERSECTS(g, {CONE})"),
    "region column that holds": ("s_region", "1 = CONTAINS(POINT(10, 20), g)"),
    "region column inside": ("s_region", "1 = CONTAINS(g, CIRCLE(10, 20, 1))"),
    "not": ("POINT(s_ra, s_dec)", f"0 = CONTAINS(g, {CONE})"),
    "distance": ("POINT(s_ra, s_dec)", "DISTANCE(g, POINT(10, 20)) < 0.3"),
    "coordinate": ("CIRCLE(s_ra, s_dec, 1)", "COORD1(CENTROID(g)) < 10"),
    "constant": ("CIRCLE(10, 20, 0.3)", "1 = CONTAINS(POINT(s_ra, s_dec), g)"),
    "constant point": ("POINT(10, 20)", "DISTANCE(g, POINT(s_ra, s_dec)) < 0.3"),
}


def _ids(under: UnderTest, adql: str) -> list[int]:
    return sorted(int(row[0]) for row in under.ask(adql).rows)


@pytest.mark.parametrize("name", MOVED)
def test_a_geometry_is_the_same_outside(engine_under_test: UnderTest, name: str) -> None:
    # ADQL-058, ADQL-054
    geometry, test = MOVED[name]
    direct = _ids(engine_under_test, f"SELECT obs_id FROM {O} WHERE {test.replace('g', geometry, 1)}")
    inner = f"SELECT obs_id, s_ra, s_dec, {geometry} AS g FROM {O}"
    assert 0 < len(direct) < 400
    assert _ids(engine_under_test, f"SELECT obs_id FROM ({inner}) AS t WHERE {test}") == direct
    assert _ids(engine_under_test, f"WITH w AS ({inner}) SELECT obs_id FROM w WHERE {test}") == direct
    twice = f"SELECT obs_id, s_ra, s_dec, g FROM ({inner}) AS t"
    assert _ids(engine_under_test, f"SELECT obs_id FROM ({twice}) AS u WHERE {test}") == direct
    starred = f"SELECT * FROM ({inner}) AS t"
    assert _ids(engine_under_test, f"WITH w AS ({starred}) SELECT w.obs_id FROM w WHERE {test}") == direct


def test_a_position_keeps_its_pixel_outside(sky) -> None:
    # ADQL-160: the ranges are still those of the stored pixel
    plan = sky.plan(
        f"SELECT t.obs_id FROM (SELECT obs_id, POINT(s_ra, s_dec) AS p FROM {O}) AS t "
        f"WHERE 1 = CONTAINS(p, {CONE})"
    )
    text = write(plan, "duckdb").sql
    assert '"_hpx29" AS "p.6"' in text
    assert '"p.6" BETWEEN' in text


def test_a_region_column_keeps_its_key_outside(sky) -> None:
    plan = sky.plan(
        f"SELECT t.obs_id FROM (SELECT obs_id, s_region AS r FROM {O}) AS t WHERE 1 = INTERSECTS(r, {CONE})"
    )
    assert len(write(plan, "duckdb").probes) == 1
    assert '"_footprint_id" AS "r.2"' in write(plan, "duckdb").sql


def test_a_constant_geometry_is_null_where_its_table_has_no_row(engine_under_test: UnderTest) -> None:
    # ADQL-049, ADQL-134
    joined = (
        f"{O} AS a LEFT JOIN (SELECT obs_id, CIRCLE(10, 20, 180) AS c, POINT(1, 2) AS p FROM {O} "
        "WHERE obs_id = '5') AS t ON a.obs_id = t.obs_id"
    )
    rows = engine_under_test.ask(f"SELECT a.obs_id, t.c, t.p, COORD1(t.p), AREA(t.c) FROM {joined}").rows
    known = [row for row in rows if row[1] is not None]
    assert len(rows) == 400 and [row[0] for row in known] == ["5"]
    assert known[0][1:4] == ([10.0, 20.0, 180.0], [1.0, 2.0], 1.0)
    assert math.isclose(known[0][4], 41252.96124941927, rel_tol=1e-12)
    assert {row[1:] for row in rows if row[0] != "5"} == {(None, None, None, None)}
    inside = _ids(engine_under_test, f"SELECT a.obs_id FROM {joined} WHERE 1 = CONTAINS(POINT(1, 2), t.c)")
    outside = _ids(engine_under_test, f"SELECT a.obs_id FROM {joined} WHERE 0 = CONTAINS(POINT(1, 2), t.c)")
    assert (inside, outside) == ([5], [])


def test_output_of_inner_geometries_has_their_form(engine_under_test: UnderTest) -> None:
    # ADQL-058, ADQL-166
    answer = engine_under_test.ask(
        f"WITH w AS (SELECT obs_id, POINT(s_ra, s_dec) AS p, CIRCLE(s_ra, s_dec, 1) AS c, s_region FROM {O}) "
        "SELECT * FROM w WHERE obs_id = '6'"
    )
    described = [(c.name, c.datatype, c.arraysize, c.xtype, c.unit) for c in answer.columns]
    assert described[1:3] == [("p", "double", "2", "point", "deg"), ("c", "double", "3", "circle", "deg")]
    assert described[3][:4] == ("s_region", "char", "*", "adql:REGION")
    assert answer.rows[0][:3] == ("6", [10.0, 20.0], [10.0, 20.0, 1.0])
    assert answer.rows[0][3].startswith(("Circle", "Union", "Polygon"))


def test_labels_that_look_like_parts_are_theirs(engine_under_test: UnderTest) -> None:
    # ADQL-214
    rows = engine_under_test.ask(
        f'SELECT t."p.1", t."P.2", COORD2(t.p) FROM (SELECT obs_id AS "p.1", s_fov AS "P.2", '
        f"POINT(s_ra, s_dec) AS p FROM {O}) AS t WHERE t.\"p.1\" = '10'"
    ).rows
    assert rows == [("10", 0.01, 0.0)]


def test_geometries_of_one_kind_go_through_union_all(engine_under_test: UnderTest) -> None:
    # ADQL-031, ADQL-063
    union = (
        f"SELECT obs_id, POINT(s_ra, s_dec) AS p FROM {O} WHERE obs_id IN ('1', '6', '7') "
        f"UNION ALL SELECT obs_id, POINT(10, s_fov) FROM {O} WHERE obs_id = '6'"
    )
    answer = engine_under_test.ask(f"{union} ORDER BY obs_id")
    assert [(c.datatype, c.arraysize, c.xtype) for c in answer.columns][1] == ("double", "2", "point")
    assert sorted((row[0], tuple(row[1] or ())) for row in answer.rows) == [
        ("1", (0.0, 0.0)),
        ("6", (10.0, 0.06)),
        ("6", (10.0, 20.0)),
        ("7", ()),
    ]
    near = f"SELECT obs_id, COORD2(p) AS v FROM ({union}) AS u WHERE 1 = CONTAINS(p, CIRCLE(10, 20, 1))"
    assert engine_under_test.ask(near).rows == [("6", 20.0)]


def test_regions_of_rows_go_through_set_operations(engine_under_test: UnderTest) -> None:
    one = f"SELECT obs_id, s_region FROM {O} WHERE s_ra < 20"
    other = f"SELECT obs_id, s_region FROM {O} WHERE s_dec > 19"
    test = f"1 = INTERSECTS(s_region, {CONE})"
    direct = _ids(engine_under_test, f"SELECT obs_id FROM {O} WHERE {test} AND (s_ra < 20 OR s_dec > 19)")
    assert len(direct) > 20
    found = _ids(engine_under_test, f"SELECT obs_id FROM ({one} UNION {other}) AS u WHERE {test}")
    assert found == direct


@pytest.mark.parametrize("operator", ["UNION", "EXCEPT", "INTERSECT", "EXCEPT ALL", "INTERSECT ALL"])
def test_geometries_are_not_compared_by_set_operations(refusal, operator: str) -> None:
    # ADQL-031, ADQL-083
    query = f"SELECT POINT(s_ra, s_dec) AS p FROM {O} {operator} SELECT POINT(1, 2) FROM {O}"
    error = refusal(query)
    assert f"{operator} compares rows" in str(error) and "UNION ALL" in str(error)
    assert (error.line, error.column) == (1, query.index(operator) + 1)


def test_set_operations_are_sorted_by_expressions_of_their_columns(engine_under_test: UnderTest) -> None:
    # ADQL-066, ADQL-228
    union = (
        f"SELECT obs_id, s_ra AS x, s_dec FROM {O} WHERE s_ra < 90 "
        f"UNION ALL SELECT obs_id, -s_ra, s_dec FROM {O} WHERE s_ra > 270"
    )
    plain = engine_under_test.ask(union).rows
    assert len(plain) > 100
    for terms, key in {
        "-x": lambda row: -row[1],
        "ABS(s_dec) * 2 DESC, obs_id": lambda row: (-abs(row[2]), row[0]),
        "MOD(x, 7), 3 DESC, obs_id": lambda row: (math.fmod(row[1], 7), -row[2], row[0]),
        "DISTANCE(x, s_dec, 10, 20), obs_id": None,
    }.items():
        rows = engine_under_test.ask(f"{union} ORDER BY {terms}").rows
        assert sorted(rows) == sorted(plain)
        if key is not None:
            assert [key(row) for row in rows] == sorted(key(row) for row in plain)
    offset = engine_under_test.ask(f"{union} ORDER BY x + s_dec, obs_id OFFSET 5")
    ordered = sorted(plain, key=lambda row: (row[1] + row[2], row[0]))
    assert offset.rows == ordered[5:]
    assert [column.name for column in offset.columns] == ["obs_id", "x", "s_dec"]
    assert offset.columns[1].unit == "deg"


@pytest.mark.parametrize(
    ("term", "says"),
    [
        ("s_fov * 2", "sorted by its output columns: s_ra, d"),
        ("o.s_ra", "sorted by its output columns: s_ra, d"),
        ("s_dec", "sorted by its output columns: s_ra, d"),
        ("1 + 1", "sorts nothing"),
        ("COUNT(*)", "an aggregate cannot sort"),
        ("-s_raa", "did you mean s_ra?"),
    ],
)
def test_set_operations_are_sorted_by_nothing_else(refusal, term: str, says: str) -> None:
    # ADQL-066, ADQL-075
    union = f"SELECT s_ra, s_dec AS d FROM {O} AS o UNION SELECT s_ra, s_dec FROM {O} ORDER BY "
    error = refusal(union + term)
    assert says in str(error)
    assert (error.line, error.column) == (1, len(union) + 1 + term.startswith("-"))


def test_labels_come_after_columns_inside_expressions(engine_under_test: UnderTest) -> None:
    # ADQL-076: s_dec alone is the label, in an expression the column; q is no column
    rows = engine_under_test.ask(
        f"SELECT obs_id, s_ra AS s_dec FROM {O} WHERE s_ra IS NOT NULL ORDER BY s_dec, obs_id"
    ).rows
    assert [row[1] for row in rows] == sorted(row[1] for row in rows)
    rows = engine_under_test.ask(
        f"SELECT s_ra AS s_dec, s_dec AS d FROM {O} WHERE s_dec IS NOT NULL ORDER BY s_dec + 1"
    ).rows
    assert [row[1] for row in rows] == sorted(row[1] for row in rows)
    rows = engine_under_test.ask(
        f"SELECT s_ra - s_dec AS q FROM {O} WHERE s_dec IS NOT NULL AND s_ra IS NOT NULL ORDER BY -(q * 2)"
    ).rows
    assert [row[0] for row in rows] == sorted((row[0] for row in rows), reverse=True)


def test_labels_of_aggregates_sort_inside_expressions(engine_under_test: UnderTest) -> None:
    # ADQL-071, ADQL-076
    rows = engine_under_test.ask(
        f"SELECT target_name, COUNT(*) AS n, MAX(s_ra) AS m FROM {O} GROUP BY target_name ORDER BY -n, m + 0"
    ).rows
    assert [(-row[1], row[2]) for row in rows] == sorted((-row[1], row[2]) for row in rows)
    assert len(rows) == 8


@pytest.mark.parametrize(
    ("query", "place", "says"),
    [
        (f"SELECT MAX(s_ra) AS m FROM {O} GROUP BY obs_id ORDER BY SUM(m)", (1, 66), "another aggregate"),
        (f"SELECT s_ra AS m FROM {O} WHERE m > 1", (1, 42), "label"),
        (f"SELECT s_ra AS m, m + 1 AS n FROM {O}", (1, 19), "label"),
        (f"SELECT s_ra AS q, s_dec AS q FROM {O} ORDER BY q + 1", (1, 57), "ambiguous"),
        (f"SELECT x.p FROM (SELECT POINT(s_ra, s_dec) AS q FROM {O}) AS x", (1, 10), "unknown column p in x"),
    ],
)
def test_labels_mean_nothing_elsewhere(refusal, query: str, place: tuple[int, int], says: str) -> None:
    # ADQL-035, ADQL-036, ADQL-067
    error = refusal(query)
    assert says in str(error)
    assert (error.line, error.column) == place


@pytest.mark.parametrize(
    "name", ['"p.1"', '"p.3"', '"r.2"', 't."r.2"', '"t"."p.6"', '"_ux"', '"_footprint_id"', 't."_hpx29"']
)
def test_parts_of_geometries_are_not_to_be_had(refusal, name: str) -> None:
    # ADQL-033: what a geometry is made of is no column of the derived table
    inner = f"SELECT POINT(s_ra, s_dec) AS p, s_region AS r FROM {O}"
    assert "unknown column" in str(refusal(f"SELECT {name} FROM ({inner}) AS t"))
    assert "unknown column" in str(refusal(f"WITH t AS ({inner}) SELECT p FROM t ORDER BY {name}"))


def test_distinct_regions_are_distinct_texts(engine_under_test: UnderTest) -> None:
    # ADQL-031: the key of a region is not compared
    distinct = f"SELECT DISTINCT s_region AS r FROM {O}"
    texts = [row[0] for row in engine_under_test.ask(distinct).rows]
    assert len(texts) == len(set(texts)) > 300
    assert [row[0] for row in engine_under_test.ask(f"SELECT COUNT(*) AS n FROM ({distinct}) AS t").rows] == [
        len(texts)
    ]
    rows = engine_under_test.ask(f"SELECT r FROM ({distinct}) AS t WHERE 1 = INTERSECTS(r, {CONE})").rows
    direct = engine_under_test.ask(f"{distinct} WHERE 1 = INTERSECTS(s_region, {CONE})").rows
    assert sorted(rows) == sorted(direct) != []
