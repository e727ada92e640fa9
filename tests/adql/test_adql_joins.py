"""Joins: which columns merge, what names mean inside them, what is refused and where."""

from __future__ import annotations

import pyarrow as pa
import pytest
from engines_under_test import UnderTest

from vo_service.adql import AdqlError, parse, resolve
from vo_service.query import upload_of

O = "ivoa.obscore"  # noqa: E741
LEFT = upload_of("l", pa.table({"Id": [1, 2, None], "Key Name": ["a", "b", "c"], "x": [1.0, 2.0, 3.0]}))
INTS = pa.array([2, 3, None], pa.int32())
RIGHT = upload_of("r", pa.table({"ID": INTS, "Key Name": ["b", "z", "c"], "y": [20.0, 30.0, 40.0]}))
BOTH = (LEFT, RIGHT)
TABLES = {upload.table.qualified: upload.table for upload in BOTH}


def _rows(under: UnderTest, adql: str) -> list[tuple[object, ...]]:
    return sorted(under.ask(adql, uploads=BOTH).rows, key=repr)


def test_natural_joins_go_by_the_rules_of_names(engine_under_test: UnderTest) -> None:
    # ADQL-007, ADQL-048: Id and ID are one name, and so is what both sides have in quotes
    answer = engine_under_test.ask("SELECT * FROM tap_upload.l NATURAL JOIN tap_upload.r", uploads=BOTH)
    assert [column.name for column in answer.columns] == ["Id", "Key Name", "x", "y"]
    assert answer.rows == [(2, "b", 2.0, 20.0)]


@pytest.mark.parametrize(
    ("kind", "rows"),
    [
        ("INNER", [(2, 2, 2)]),
        ("LEFT", [(1, 1, None), (2, 2, 2), (None, None, None)]),
        ("RIGHT", [(2, 2, 2), (3, None, 3), (None, None, None)]),
        ("FULL", [(1, 1, None), (2, 2, 2), (3, None, 3), (None, None, None), (None, None, None)]),
    ],
)
def test_a_merged_column_has_the_value_that_exists(
    engine_under_test: UnderTest, kind: str, rows: list[tuple[object, ...]]
) -> None:
    # ADQL-046, ADQL-047, ADQL-231
    query = f'SELECT id, l.id, r."ID" FROM tap_upload.l {kind} JOIN tap_upload.r USING (id)'
    assert _rows(engine_under_test, query) == sorted(rows, key=repr)
    merged, left, right = engine_under_test.ask(query, uploads=BOTH).columns
    assert (left.datatype, right.datatype) == ("long", "int")
    assert merged.datatype == ("int" if kind == "RIGHT" else "long")


def test_a_merged_column_is_as_wide_as_the_wider_side(engine_under_test: UnderTest) -> None:
    # ADQL-046
    query = "SELECT id FROM tap_upload.r FULL JOIN tap_upload.l USING (id)"
    answer = engine_under_test.ask(query, uploads=BOTH)
    assert answer.columns[0].datatype == "long" and (1,) in answer.rows and (3,) in answer.rows


def test_using_takes_names_in_quotes(engine_under_test: UnderTest) -> None:
    query = 'SELECT "Key Name", x, y FROM tap_upload.l JOIN tap_upload.r USING ("Key Name")'
    assert _rows(engine_under_test, query) == [("b", 2.0, 20.0), ("c", 3.0, 40.0)]


def test_joins_nest_as_they_are_written(engine_under_test: UnderTest) -> None:
    # ADQL-045
    def count(text: str) -> object:
        return engine_under_test.ask(f"SELECT COUNT(*) AS n FROM {text}", uploads=BOTH).rows[0][0]

    left = "tap_upload.l AS a LEFT JOIN tap_upload.r AS b ON a.x = b.y JOIN tap_upload.l AS c ON c.x = b.y"
    right = "tap_upload.l AS a LEFT JOIN tap_upload.r AS b JOIN tap_upload.l AS c ON c.x = b.y ON a.x = b.y"
    enclosed = (
        "tap_upload.l AS a LEFT JOIN (tap_upload.r AS b JOIN tap_upload.l AS c ON c.x = b.y) ON a.x = b.y"
    )
    assert (count(left), count(right), count(enclosed)) == (0, 3, 3)


@pytest.mark.parametrize("word", ["SEMI", "anti", "ASOF", "Lateral"])
def test_what_looks_like_a_join_is_an_alias_with_a_warning(engine_under_test: UnderTest, word: str) -> None:
    # ADQL-042, ADQL-255
    answer = engine_under_test.ask(
        f'SELECT {word}.x, r.y FROM tap_upload.l {word} JOIN tap_upload.r USING ("Key Name")', uploads=BOTH
    )
    assert len(answer.rows) == 2
    (warning,) = answer.warnings
    assert f"no {word.upper()} JOIN" in warning and word in warning
    quiet = engine_under_test.ask(
        f'SELECT {word}.x FROM tap_upload.l AS {word} JOIN tap_upload.r USING ("Key Name")', uploads=BOTH
    )
    assert quiet.warnings == () and len(quiet.rows) == 2


REFUSED = {
    # ADQL-007, ADQL-037, ADQL-038, ADQL-044, ADQL-045, ADQL-046, ADQL-048, ADQL-233
    "SELECT id FROM l, r": ("1:8", "it is in tap_upload.l and in tap_upload.r"),
    "SELECT l.id FROM l, l": ("1:21", "two tables are called tap_upload.l"),
    "SELECT x FROM l JOIN r ON a.x = y": ("1:27", "no table a"),
    "SELECT x FROM l JOIN r ON l.x = c.y JOIN r AS c ON c.y = x": ("1:33", "no table c"),
    "SELECT x FROM l, r JOIN r AS c ON l.x = c.y": ("1:35", "no table l"),
    "SELECT x FROM l JOIN r USING (x)": ("1:31", "unknown column x"),
    "SELECT x FROM l JOIN r USING (idd)": ("1:31", "did you mean Id?"),
    "SELECT x FROM l JOIN r USING (l.id)": ("1:32", "without a table"),
    "SELECT x FROM (l JOIN r ON x = y) AS j JOIN r AS k USING (id)": ("1:59", "ambiguous on the left side"),
    "SELECT x FROM (l JOIN r ON x = y) AS j NATURAL JOIN r AS k": ("1:40", "ambiguous on one side"),
    "SELECT l.x FROM (l JOIN r USING (id)) AS j": ("1:8", "no table l"),
    "SELECT x FROM l NATURAL JOIN (SELECT y FROM r) AS k": ("1:17", "without a common column"),
    'SELECT x FROM l JOIN (SELECT y AS id FROM r) AS k USING ("Id")': ("1:58", "unknown column Id"),
    'SELECT x FROM l JOIN (SELECT "Key Name" AS id FROM r) AS k USING (id)': ("1:67", "their types differ"),
    "SELECT x FROM l CROSS JOIN r": ("1:17", "separate the tables by a comma"),
    "SELECT x FROM l OUTER JOIN r ON x = y": ("1:17", "write LEFT, RIGHT or FULL"),
    "SELECT x FROM l LEFT INNER JOIN r ON x = y": ("1:22", "JOIN here"),
    "SELECT x FROM l UNION JOIN r": ("1:17", "LEFT, RIGHT or FULL"),
    "SELECT x FROM l INNER JOIN r": ("1:29", "a join needs a condition"),
    "SELECT x FROM l NATURAL JOIN r ON x = y": ("1:32", "neither ON nor USING"),
}


@pytest.mark.parametrize("query", REFUSED)
def test_what_is_no_join_is_refused_at_its_place(query: str) -> None:
    place, words = REFUSED[query]
    with pytest.raises(AdqlError) as caught:
        resolve(parse(query), TABLES)
    assert words in str(caught.value)
    assert f"{caught.value.line}:{caught.value.column}" == place


def test_names_that_differ_in_case_only_are_told_apart() -> None:
    # ADQL-007, ADQL-008, ADQL-009, ADQL-213
    rows = pa.table({"Flux": [1.0], "FLUX": [2], "flux": ["x"], "Other": [3], "size": [4]})
    tables = {"tap_upload.t": upload_of("t", rows).table}

    def kinds(items: str) -> list[str]:
        return [column.datatype for column in resolve(parse(f"SELECT {items} FROM t"), tables).columns]

    assert kinds('"Flux", t."FLUX", "flux", tap_upload.t."flux"') == [
        "double",
        "long",
        "unicodeChar",
        "unicodeChar",
    ]
    assert kinds('other, OTHER, "Other", "other", "size"') == ["long"] * 5
    for name, words in {
        "flux": 'it may be "Flux" or "FLUX" or "flux"',
        "t.flux": 'it may be "Flux" or "FLUX" or "flux"',
        '"fLux"': "did you mean Flux or FLUX or flux? a name in double quotes matches to the letter",
        '"OTHER"': "did you mean Other? a name in double quotes matches to the letter",
        '"SIZE"': 'did you mean "size"?',
    }.items():
        with pytest.raises(AdqlError) as caught:
            kinds(name)
        assert words in str(caught.value)
