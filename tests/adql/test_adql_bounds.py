"""Tests between sources that nothing else joins: their pairs are counted first, on both engines."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from typing import Any

import pyarrow as pa
import pytest
from corpus.small_sky import NOW
from engines_under_test import LIMITS, UnderTest

from tap_schema import published
from vo_service.access import ANONYMOUS, Rights
from vo_service.adql import AdqlError, parse, plan_query, resolve
from vo_service.engines import QueryTooLarge
from vo_service.query import Context, ProbeLimits, Question, ask, upload_of

FROM = "FROM ivoa.obscore AS a, ivoa.obscore AS b"
NEAR = "DISTANCE(POINT(a.s_ra, a.s_dec), POINT(b.s_ra, b.s_dec)) < 0.3"
MEET = "1 = INTERSECTS(a.s_region, b.s_region)"
HERE = (upload_of("mine", pa.table({"n": [1, 2], "ra": [10.0, 200.0], "dec": [20.0, 5.0]})),)

WITHOUT_A_JOIN = {
    "under OR": f"SELECT a.obs_id {FROM} WHERE {NEAR} OR a.calib_level > b.calib_level",
    "under NOT": f"SELECT a.obs_id {FROM} WHERE NOT {NEAR}",
    "farther than": f"SELECT a.obs_id {FROM} WHERE DISTANCE(a.s_ra, a.s_dec, b.s_ra, b.s_dec) > 3",
    "aggregate": f"SELECT MIN(DISTANCE(a.s_ra, a.s_dec, b.s_ra, b.s_dec)) AS d {FROM}",
    "sorted": f"SELECT DISTANCE(a.s_ra, a.s_dec, b.s_ra, b.s_dec) AS d {FROM} ORDER BY d",
    "FULL JOIN": f"SELECT a.obs_id FROM ivoa.obscore AS a FULL JOIN ivoa.obscore AS b ON {NEAR}",
    "radius of both": f"SELECT a.obs_id {FROM} "
    "WHERE DISTANCE(a.s_ra, a.s_dec, b.s_ra, b.s_dec) < a.s_resolution * b.s_resolution",
    "regions under OR": f"SELECT a.obs_id {FROM} WHERE {MEET} OR a.calib_level > b.calib_level",
    "boxes under NOT": f"SELECT a.obs_id {FROM} "
    "WHERE NOT 1 = CONTAINS(POINT(a.s_ra, a.s_dec), BOX(b.s_ra, b.s_dec, b.s_fov, 1))",
    "EXISTS": "SELECT a.obs_id FROM ivoa.obscore AS a WHERE EXISTS (SELECT 1 FROM ivoa.obscore AS b "
    f"WHERE {NEAR} OR a.calib_level > b.calib_level)",
    "common table": f"WITH c AS (SELECT a.obs_id {FROM} WHERE NOT {NEAR}) SELECT COUNT(*) AS n FROM c",
    "under OR, an upload": "SELECT a.obs_id FROM ivoa.obscore AS a, tap_upload.mine AS u "
    "WHERE DISTANCE(a.s_ra, a.s_dec, u.ra, u.dec) < 1 OR a.calib_level > u.n",
}
ALL_DISTANCES = f"SELECT TOP {{}} DISTANCE(a.s_ra, a.s_dec, b.s_ra, b.s_dec) AS d {FROM}"
JOINED = {
    "by position": f"SELECT DISTANCE(a.s_ra, a.s_dec, b.s_ra, b.s_dec) AS d {FROM} WHERE {NEAR} ORDER BY d",
    "by an equality": f"SELECT MAX(DISTANCE(a.s_ra, a.s_dec, b.s_ra, b.s_dec)) AS d {FROM} "
    "WHERE a.obs_id = b.obs_id",
    "by ON": "SELECT a.obs_id FROM ivoa.obscore AS a JOIN ivoa.obscore AS b ON a.obs_id = b.obs_id "
    f"WHERE {MEET} OR a.calib_level = 1",
    "by USING, FULL": "SELECT COUNT(*) AS n FROM ivoa.obscore AS a FULL JOIN ivoa.obscore AS b "
    f"ON a.obs_id = b.obs_id AND {NEAR}",
    "by a third": "SELECT COUNT(*) AS n FROM ivoa.obscore AS a, ivoa.obscore AS b, ivoa.obscore AS c "
    f"WHERE a.obs_id = c.obs_id AND c.obs_id = b.obs_id AND ({NEAR} OR a.calib_level > 1)",
    "in rows that come back": f"SELECT TOP 10 DISTANCE(a.s_ra, a.s_dec, b.s_ra, b.s_dec) AS d {FROM}",
    "few rows": f"SELECT a.obs_id {FROM} WHERE NOT {NEAR} AND a.obs_id = '30' AND b.calib_level = 1",
}


def asked(engine: UnderTest, adql: str, pairs: int) -> pa.Table:
    limits = ProbeLimits(pairs=pairs)
    context = Context(ANONYMOUS, NOW.replace(tzinfo=UTC), "https://x", LIMITS, Rights(), limits)
    with ask(Question(adql, uploads=HERE), context, engine.snapshot, engine.engine) as answer:
        return pa.Table.from_batches(list(answer.batches))


@pytest.mark.parametrize("adql", WITHOUT_A_JOIN.values(), ids=WITHOUT_A_JOIN)
def test_all_pairs_of_too_many_rows_are_refused_with_reason_and_cure(
    engine_under_test: UnderTest, adql: str
) -> None:
    upload = "tap_upload" in adql
    with pytest.raises(QueryTooLarge) as caught:
        asked(engine_under_test, adql, 799 if upload else 159_999)
    message = str(caught.value)
    assert f"all {800 if upload else 160_000} pairs of ivoa.obscore (400 rows) and" in message
    assert "under AND in ON or WHERE" in message
    first = min(adql.index(word) for word in ("DISTANCE", "INTERSECTS", "CONTAINS") if word in adql)
    assert message.startswith(f"line 1, column {first + 1}: ")
    assert asked(engine_under_test, adql, 160_000).num_rows > 0


@pytest.mark.parametrize("adql", JOINED.values(), ids=JOINED)
def test_what_is_joined_otherwise_or_small_runs(engine_under_test: UnderTest, adql: str) -> None:
    assert asked(engine_under_test, adql, 30_000).num_rows > 0


@pytest.mark.parametrize("inside", [False, True], ids=["outside", "in a derived table"])
def test_a_top_beyond_the_bound_does_not_stand_for_a_join(engine_under_test: UnderTest, inside: bool) -> None:
    text = f"SELECT MAX(d) AS d FROM ({ALL_DISTANCES}) AS q" if inside else ALL_DISTANCES
    for top, pairs, share in ((100_000_000, 159_999, "all 160000"), (30_001, 30_000, "30001 of all 160000")):
        with pytest.raises(QueryTooLarge) as caught:
            asked(engine_under_test, text.format(top), pairs)
        assert f"for {share} pairs of ivoa.obscore (400 rows) and" in str(caught.value)
        assert f"or take TOP {pairs} at most" in str(caught.value)
        assert str(caught.value).startswith(f"line 1, column {text.format(top).index('DISTANCE') + 1}: ")
    assert asked(engine_under_test, text.format(100_000_000), 160_000).num_rows > 0
    assert asked(engine_under_test, text.format(30_000), 30_000).num_rows > 0
    with pytest.raises(QueryTooLarge):  # one that is made for all rows is counted, whatever stands beside it
        asked(
            engine_under_test,
            f"SELECT q.d, r.d FROM ({text.format(1)}) AS q, ({ALL_DISTANCES.format(9)} ORDER BY d) AS r",
            159_999,
        )


def test_rows_that_are_passed_over_are_counted(engine_under_test: UnderTest) -> None:
    assert asked(engine_under_test, ALL_DISTANCES.format(10) + " OFFSET 90", 100).num_rows == 10
    with pytest.raises(QueryTooLarge, match="for 101 of all 160000 pairs"):
        asked(engine_under_test, ALL_DISTANCES.format(10) + " OFFSET 91", 100)


RING = "POLYGON(MIN(s_ra), 0, 1, 0, 1, MAX(s_dec))"


@pytest.mark.parametrize(
    ("condition", "at"),
    [
        (f"1 = INTERSECTS({RING}, BOX(1, 2, 3, 4))", "INTERSECTS"),
        (f"COUNT(*) > 3 OR 1 = CONTAINS(BOX(1, 2, 3, 4), {RING})", "CONTAINS"),
        (f"AREA({RING}) > 1", "AREA"),
        (f"COORD1(CENTROID({RING})) > 1", "CENTROID"),
    ],
)
def test_what_has_no_plan_is_told_where_it_stands(
    condition: str, at: str, refusal: Callable[[str], Any]
) -> None:
    lead = "SELECT calib_level FROM ivoa.obscore GROUP BY calib_level\nHAVING "
    error = refusal(lead + condition)
    assert isinstance(error, AdqlError) and "aggregates" in error.message
    assert (error.line, error.column) == (2, len("HAVING ") + condition.index(at) + 1)


def test_a_shape_of_several_tables_is_told_where_it_stands(refusal: Callable[[str], Any]) -> None:
    condition = "1 = INTERSECTS(POLYGON(a.s_ra, 0, b.s_ra, 0, 1, 1), a.s_region)"
    error = refusal(f"SELECT a.obs_id {FROM} WHERE {condition}")
    assert "several tables" in error.message
    assert error.column == len(f"SELECT a.obs_id {FROM} WHERE 1 = ") + 1


def test_tests_that_differ_in_place_only_are_one() -> None:
    text = f"SELECT a.obs_id {FROM} WHERE {MEET} OR ({MEET} AND a.calib_level = 1)"
    plan = plan_query(resolve(parse(text), published()))
    assert len(plan.bounds) == 1
