"""Calls: which form is meant, what arguments are checked for, where aggregates may stand."""

from __future__ import annotations

import pytest
from value_rows import TABLE

from vo_service.adql import AdqlError, parse, resolve


@pytest.mark.parametrize(
    ("expression", "column", "words"),
    [
        (
            "ivo_healpix_index(3)",
            1,
            "does not take 1 argument; write ivo_healpix_index(hpxOrder INTEGER, long",
        ),
        ("ivo_healpix_index(3, 4.5)", 22, "takes a POINT here, not 4.5"),
        ("ivo_healpix_index(3.0, p)", 19, "takes an integer here, not 3.0"),
        ("ivo_healpix_index(3, 'a', 1)", 22, "takes a number here, not 'a'; numbers stand without quotes"),
        ("ivo_to_mjd(c)", 12, "takes a time here, not text"),
        ("ivo_to_mjd('yesterday')", 12, "'yesterday' is no time"),
        ("ivo_hasword(c, 1)", 16, "takes text here, not 1"),
        ("ABS(c)", 5, "takes a number here, not text"),
        ("LOWER(x)", 7, "takes text here, not a number"),
        ("line_frequency(c)", 16, "takes the line's name as a string"),
        ("line_covered('CO(2-1)', 0, 1, x)", 31, "takes a column of intervals here, not a number"),
        ("ivo_healpix_idx(3, x, z)", 1, "did you mean ivo_healpix_index"),
        ("pg_sleep(9)", 1, "unknown function pg_sleep"),
    ],
)
def test_arguments_are_counted_and_typed(expression: str, column: int, words: str) -> None:
    # ADQL-100, ADQL-172, ADQL-254
    with pytest.raises(AdqlError) as caught:
        resolve(parse(f"SELECT {expression} FROM vals.row"), {"vals.row": TABLE})
    assert words in str(caught.value)
    assert (caught.value.line, caught.value.column) == (1, column + 7)


def test_forms_of_one_name_are_told_apart(values) -> None:
    # ADQL-172, ADQL-174, ADQL-175
    by_numbers = values.column("ivo_healpix_index(6, COORD1(p), COORD2(p))")
    assert by_numbers == values.column("ivo_healpix_index(6, p)")
    assert by_numbers[3] is None and by_numbers[0] is not None
    assert values.column("ivo_healpix_index(6, NULL)", "WHERE n = 0") == [None]


@pytest.mark.parametrize(
    ("query", "column", "words"),
    [
        ("SELECT n FROM vals.row WHERE ivo_string_agg(c, ',') = 'a'", 30, "cannot stand in WHERE"),
        ("SELECT ivo_string_agg(MIN(c), ',') FROM vals.row", 23, "inside another aggregate"),
        ("SELECT MIN(ivo_string_agg(c, ',')) FROM vals.row", 12, "inside another aggregate"),
        ("SELECT ivo_string_agg(c, u) FROM vals.row", 26, ""),
        ("SELECT n, ivo_string_agg(c, ',') FROM vals.row", 8, "neither grouped nor inside an aggregate"),
        ("SELECT n FROM vals.row GROUP BY ivo_string_agg(c, ',')", 33, "cannot stand in GROUP BY"),
    ],
)
def test_aggregates_of_the_table_obey_the_rules_of_aggregates(query: str, column: int, words: str) -> None:
    # ADQL-067, ADQL-181
    with pytest.raises(AdqlError) as caught:
        resolve(parse(query), {"vals.row": TABLE})
    assert words in str(caught.value)
    assert (caught.value.line, caught.value.column) == (1, column)
