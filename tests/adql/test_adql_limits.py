"""What ends a query: its size, time, memory, MAXREC, a cancel; afterwards the engine answers as before."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC

import pytest
from corpus.small_sky import NOW
from engines_under_test import LIMITS, UnderTest

from vo_service.access import ANONYMOUS, Rights
from vo_service.adql import AdqlError
from vo_service.asking.errors import service_error
from vo_service.engines import QueryCancelled, QueryTimeout, QueryTooLarge
from vo_service.query import Context, Question, ask

ENDLESS = (
    "SELECT COUNT(*) AS n FROM ivoa.obscore AS a, ivoa.obscore AS b, ivoa.obscore AS c, ivoa.obscore AS d "
    "WHERE a.s_ra + b.s_ra * c.s_ra < d.s_ra"
)
COUNT = "SELECT COUNT(*) AS n FROM ivoa.obscore"


@pytest.fixture(autouse=True)
def still_there(engine_under_test: UnderTest):
    """Whatever a test asked for, the next question is answered."""
    yield
    assert engine_under_test.ask(COUNT).rows == [(400,)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("SELECT " + "(" * 100 + "1" + ")" * 100 + " FROM ivoa.obscore", "parenthes"),
        ("SELECT obs_id FROM ivoa.obscore WHERE obs_id = '" + "x" * 200_000 + "'", "characters"),
        ("SELECT obs_id FROM " + ", ".join(f"ivoa.obscore AS t{i}" for i in range(400)), "tables"),
        ("SELECT " + "x" * 129 + " FROM ivoa.obscore", "128"),
    ],
    ids=["depth", "length", "tables", "name"],
)
def test_texts_too_complex_are_refused_with_words(
    text: str, words: str, engine_under_test: UnderTest
) -> None:
    # ADQL-097, ADQL-257, ADQL-004
    with pytest.raises(AdqlError, match=words):
        engine_under_test.ask(text)


@pytest.mark.parametrize(
    "condition",
    [
        " AND ".join(["s_ra >= 0"] * 1000),
        " OR ".join(f"obs_id = '{i}'" for i in range(500, 2000)) + " OR s_dec > 60",
        "s_dec > 60 AND calib_level IN (" + ", ".join(str(i) for i in range(10_000)) + ")",
        "(" * 50 + "s_dec > 60" + ")" * 50,
    ],
    ids=["ands", "ors", "in", "parentheses"],
)
def test_long_conditions_are_answered_or_refused(condition: str, engine_under_test: UnderTest) -> None:
    # ADQL-257
    try:
        found = engine_under_test.ask(f"SELECT obs_id FROM ivoa.obscore WHERE {condition}").rows
    except AdqlError as error:
        assert "operators" in str(error) or "levels" in str(error), error
    else:
        assert 0 < len(found) < 400


def test_time_is_limited(engine_under_test: UnderTest) -> None:
    with pytest.raises(QueryTimeout):
        engine_under_test.ask(ENDLESS, limits=replace(LIMITS, seconds=0.5))


def test_memory_is_limited(engine_under_test: UnderTest) -> None:
    wide = (
        "SELECT a.obs_title || b.obs_title || CAST(a.s_ra * b.s_dec + c.t_min AS VARCHAR) || c.obs_id AS x "
        "FROM ivoa.obscore AS a, ivoa.obscore AS b, ivoa.obscore AS c ORDER BY x"
    )
    with pytest.raises((QueryTooLarge, QueryTimeout)):
        engine_under_test.ask(wide, limits=replace(LIMITS, seconds=2.0))


def test_what_is_said_of_memory_is_about_the_query(engine_under_test: UnderTest) -> None:
    # ADQL-257: the engines' own advice is for whoever runs them
    huge = "SELECT COUNT(*), ivo_string_agg(a.obs_title || b.obs_title || c.obs_title, 'x') AS s FROM "
    huge += ", ".join(f"ivoa.obscore AS {name}" for name in "abc")
    with pytest.raises((QueryTooLarge, QueryTimeout)) as caught:
        engine_under_test.ask(huge, limits=replace(LIMITS, seconds=8.0))
    said = str(caught.value)
    assert not any(word in said for word in ("temp_directory", "threads", "SET ", "work_mem"))
    told = service_error(caught.value)
    assert "fewer" in f"{told} {told.hint}"


def test_a_query_whose_sql_is_too_long_is_refused_with_the_cure(engine_under_test: UnderTest) -> None:
    # ADQL-257
    cone = "CONTAINS(POINT(s_ra, s_dec), CIRCLE({}, 20, 1)) = 1"
    text = " OR ".join(cone.format(number / 10.0) for number in range(1600))
    with pytest.raises(AdqlError, match=r"\d{6} characters of SQL, 400000 is the limit.*uploaded table.*MOC"):
        engine_under_test.ask(f"SELECT obs_id FROM ivoa.obscore WHERE {text}")


def test_corners_of_one_polygon_are_limited(engine_under_test: UnderTest) -> None:
    # ADQL-257
    corners = ", ".join(f"{n / 100:.2f},{(n * n) % 89}" for n in range(10_001))
    with pytest.raises(AdqlError, match="10001 corners, 10000 is the limit") as caught:
        engine_under_test.ask(f"SELECT AREA(POLYGON({corners})) FROM ivoa.obscore")
    assert (caught.value.line, caught.value.column) == (1, 13)


def test_rows_are_limited_and_the_cut_is_told(engine_under_test: UnderTest) -> None:
    # ADQL-029
    answer = engine_under_test.ask("SELECT obs_id FROM ivoa.obscore", maxrec=399)
    assert len(answer.rows) == 399 and answer.overflowed
    answer = engine_under_test.ask("SELECT obs_id FROM ivoa.obscore", maxrec=400)
    assert len(answer.rows) == 400 and not answer.overflowed


def test_a_query_is_cancelled_from_another_thread(engine_under_test: UnderTest) -> None:
    context = Context(ANONYMOUS, NOW.replace(tzinfo=UTC), "https://vo.example", LIMITS, Rights())
    with (
        ask(Question(ENDLESS), context, engine_under_test.snapshot, engine_under_test.engine) as answer,
        pytest.raises(QueryCancelled),
    ):
        timer = threading.Timer(0.3, answer.cancel)
        timer.start()
        for _ in answer.batches:
            pass
    timer.join()
