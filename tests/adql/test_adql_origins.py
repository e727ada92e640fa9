"""What columns of a result really are, whatever they are called."""

from __future__ import annotations

import time

import pytest

from tap_schema import published
from vo_service.adql import parse, plan_query, resolve

DID = ("ivoa.obscore", "obs_publisher_did")
RADIO = ("ivoa.obscore_radio", "obs_publisher_did")


def first_origin(adql: str) -> set[tuple[str, str]]:
    """The origin of the first column of a query."""
    plan = plan_query(resolve(parse(adql), published()))
    assert len(plan.origins) == len(plan.columns)
    return set(plan.origins[0])


SAME = {
    "as it is": "SELECT obs_publisher_did FROM ivoa.obscore",
    "in parentheses": "SELECT (obs_publisher_did) AS x FROM ivoa.obscore",
    "renamed": 'SELECT obs_publisher_did AS "an odd name" FROM ivoa.obscore AS o',
    "derived": "SELECT a.did FROM (SELECT s_ra, obs_publisher_did AS did FROM ivoa.obscore) AS a",
    "common": "WITH w AS (SELECT obs_publisher_did AS d FROM ivoa.obscore) SELECT v.d FROM w AS v",
    "common of common": "WITH w AS (SELECT obs_publisher_did AS d FROM ivoa.obscore), "
    "v AS (SELECT d AS e FROM w) SELECT e FROM v",
    "grouped": "SELECT obs_publisher_did, COUNT(*) AS n FROM ivoa.obscore GROUP BY obs_publisher_did",
    "joined": "SELECT b.obs_publisher_did FROM ivoa.obscore AS a JOIN ivoa.obscore AS b USING (obs_id)",
    "joined by place": "SELECT a.obs_publisher_did FROM ivoa.obscore AS a JOIN ivoa.obscore AS b "
    "ON 1 = CONTAINS(POINT(a.s_ra, a.s_dec), CIRCLE(b.s_ra, b.s_dec, 0.1))",
    "outer": "SELECT b.obs_publisher_did FROM ivoa.obscore_radio AS a LEFT JOIN ivoa.obscore AS b "
    "ON a.obs_publisher_did = b.obs_publisher_did",
    "less others": "SELECT obs_publisher_did FROM ivoa.obscore EXCEPT SELECT obs_id FROM ivoa.obscore",
    "sorted": "SELECT TOP 3 obs_publisher_did FROM ivoa.obscore ORDER BY obs_publisher_did OFFSET 2",
}


@pytest.mark.parametrize("name", SAME)
def test_a_column_stays_what_it_is(name: str) -> None:
    # DL-099
    assert first_origin(SAME[name]) == {DID}


def test_columns_of_several_tables() -> None:
    # DL-099: NATURAL takes the left side's, a full join either; so does a union
    natural = "SELECT obs_publisher_did FROM ivoa.obscore NATURAL JOIN ivoa.obscore_radio"
    assert first_origin(natural) == {DID}
    assert first_origin(natural.replace("NATURAL", "NATURAL FULL")) == {DID, RADIO}
    both = "SELECT obs_publisher_did FROM ivoa.obscore UNION SELECT {0} FROM ivoa.obscore_radio"
    assert first_origin(both.format("obs_publisher_did")) == {DID, RADIO}
    assert first_origin(both.format("LOWER(obs_publisher_did)")) == set()


@pytest.mark.parametrize(
    "value",
    [
        "LOWER(obs_publisher_did)",
        "obs_publisher_did || ''",
        "MAX(obs_publisher_did)",
        "'ivo://x/y?z'",
        "NULL",
        "CAST(obs_publisher_did AS VARCHAR(20))",
        "COALESCE(obs_publisher_did, 'none')",
    ],
)
def test_what_is_computed_has_no_origin(value: str) -> None:
    # DL-099
    assert first_origin(f"SELECT {value} AS obs_publisher_did FROM ivoa.obscore") == set()


def test_tables_that_build_on_each_other_take_no_more_time_than_they_have_lines() -> None:
    steps = ["w0 AS (SELECT obs_publisher_did AS d FROM ivoa.obscore)"]
    steps += [f"w{n} AS (SELECT d FROM w{n - 1} NATURAL FULL JOIN w{n - 1} AS v)" for n in range(1, 25)]
    started = time.perf_counter()
    assert first_origin(f"WITH {', '.join(steps)} SELECT d FROM w24") == {DID}
    assert time.perf_counter() - started < 60  # 2**24 ways lead to its origin
