"""How wide results and uploads may be, and which characters they may hold: the same on both engines."""

from __future__ import annotations

import pyarrow as pa
import pytest
from engines_under_test import UnderTest
from growth import processor_seconds

from tap_schema import published
from vo_service.adql import AdqlError, parse, resolve
from vo_service.query import Upload, UploadError, upload_of

MOST = 1600


def columns(count: int) -> str:
    return ", ".join(f"s_ra AS c{number}" for number in range(count))


def wide(count: int, values: pa.Array) -> Upload:
    return upload_of("wide", pa.table([values] * count, [f"c{number}" for number in range(count)]))


def test_as_many_columns_as_are_allowed(engine_under_test: UnderTest) -> None:
    found = engine_under_test.ask(f"SELECT TOP 2 {columns(MOST)} FROM ivoa.obscore")
    assert len(found.columns) == len(found.rows[0]) == MOST


@pytest.mark.parametrize(
    "text",
    [
        f"SELECT TOP 1 {columns(MOST + 1)} FROM ivoa.obscore",
        f"SELECT TOP 1 {columns(1700)} FROM ivoa.obscore",
        f"SELECT TOP 1 {columns(MOST)} FROM ivoa.obscore ORDER BY s_dec",
        f"SELECT {columns(MOST)} FROM ivoa.obscore GROUP BY s_ra",
        f"SELECT COUNT(*) AS n FROM (SELECT {columns(MOST + 1)} FROM ivoa.obscore) AS q",
    ],
    ids=["one more", "many", "sorted", "grouped", "inside"],
)
def test_more_columns_are_refused_with_words(text: str, engine_under_test: UnderTest) -> None:
    with pytest.raises(AdqlError, match=f"more than the {MOST} allowed") as caught:
        engine_under_test.ask(text)
    assert caught.value.line == 1


def points(count: int) -> str:
    return ", ".join(f"POINT(s_ra, s_dec) AS p{number}" for number in range(count))


def of_groups(count: int) -> str:
    """One column of the answer for two aggregates, all of them different."""
    return ", ".join(f"MAX(s_ra + {n}) - MIN(s_dec - {n}) AS c{n}" for n in range(count // 2))


INSIDE = {
    "derived": ("SELECT COUNT(*) AS n FROM (SELECT {} FROM ivoa.obscore) AS q", 35),
    "common": ("WITH q AS (SELECT {} FROM ivoa.obscore) SELECT COUNT(*) AS n FROM q", 19),
    "all of them": ("SELECT * FROM (SELECT TOP 2 {} FROM ivoa.obscore) AS q", 29),
    "in parentheses": ("SELECT TOP 3 p0 FROM ((SELECT {} FROM ivoa.obscore) OFFSET 1) AS q", 31),
}


@pytest.mark.parametrize(("text", "column"), INSIDE.values(), ids=INSIDE)
def test_numbers_of_geometries_inside_are_columns(
    text: str, column: int, engine_under_test: UnderTest
) -> None:
    assert engine_under_test.ask(text.format(points(200))).rows
    with pytest.raises(AdqlError, match=f"1800 columns .* number of a geometry.* {MOST} allowed") as caught:
        engine_under_test.ask(text.format(points(300)))
    assert (caught.value.line, caught.value.column) == (1, column)


def test_as_many_aggregates_as_are_allowed(engine_under_test: UnderTest) -> None:
    # HAVING with a function: groups are made inside, every aggregate a column
    text = "SELECT {} FROM ivoa.obscore HAVING ABS(MAX(s_ra + 0)) >= 0"
    assert len(engine_under_test.ask(text.format(of_groups(MOST))).rows) == 1
    with pytest.raises(AdqlError, match="1602 aggregates and terms of GROUP BY") as caught:
        engine_under_test.ask(text.format(of_groups(1602)))
    assert (caught.value.line, caught.value.column) == (1, 8)
    with pytest.raises(AdqlError, match="1601 aggregates and terms of GROUP BY"):
        text = "SELECT {} FROM ivoa.obscore GROUP BY calib_level ORDER BY SUM(s_fov), AVG(s_fov)"
        engine_under_test.ask(text.format(of_groups(MOST - 2)))


@pytest.mark.parametrize(
    ("count", "values"),
    [
        (1000, pa.array([1.5, None])),
        (1000, pa.array([1, None], pa.int64())),
        (333, pa.array(["x" * 23, None])),
        (333, pa.array(["x" * 5000, ""])),
        (333, pa.array([[1.0], [1.0] * 700])),
    ],
    ids=["doubles", "integers", "short texts", "long texts", "arrays"],
)
def test_uploads_as_wide_as_is_allowed(count: int, values: pa.Array, engine_under_test: UnderTest) -> None:
    found = engine_under_test.ask("SELECT COUNT(*) AS n FROM tap_upload.wide", uploads=[wide(count, values)])
    assert found.rows == [(2,)]


@pytest.mark.parametrize(
    ("count", "values", "words"),
    [
        (1700, pa.array([1], pa.int16()), "1700 columns, more than the 1600 allowed"),
        (1001, pa.array([1.5]), "8008 bytes a row, more than the 8000 allowed"),
        (334, pa.array(["x"]), "8016 bytes a row"),
    ],
)
def test_wider_uploads_are_refused_with_words(count: int, values: pa.Array, words: str) -> None:
    with pytest.raises(UploadError, match=words):
        wide(count, values)


def test_a_text_with_nul_is_refused_at_upload() -> None:
    rows = pa.table({"name": ["a", "b\0c"]})
    with pytest.raises(UploadError, match="named, column name: row 2 has a text with a NUL character"):
        upload_of("named", rows)


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("SELECT obs_id FROM ivoa.obscore WHERE obs_id = 'a\ud800'", 1, 50),
        ('SELECT s_ra AS "\udfff" FROM ivoa.obscore', 1, 17),
        ("SELECT s_ra\n-- \udc80\nFROM ivoa.obscore", 2, 4),
        ("SELECT \ud83d\ude00 FROM ivoa.obscore", 1, 8),
    ],
)
def test_half_characters_are_refused_where_they_stand(
    text: str, line: int, column: int, engine_under_test: UnderTest
) -> None:
    with pytest.raises(AdqlError, match="is no character, only half of one") as caught:
        engine_under_test.ask(text)
    assert (caught.value.line, caught.value.column) == (line, column)


@pytest.mark.parametrize("item", ["o.*", "s_ra"])
def test_far_too_many_columns_are_refused_before_they_are_named(item: str) -> None:
    # to name them one by one took minutes, in which nothing could stop it: each was compared with all others
    refusal_of(item, 1_700)
    assert refusal_of(item, 15_000) < 30 * refusal_of(item, 1_700), "that of all pairs is 78 times as long"


def refusal_of(item: str, count: int) -> float:
    """Processor seconds until so many columns are refused."""
    text = f"SELECT {', '.join([item] * count)} FROM ivoa.obscore AS o"

    def refused() -> None:
        with pytest.raises(AdqlError, match=f"{count} columns .* {MOST} allowed"):
            resolve(parse(text), published())

    return processor_seconds(refused)
