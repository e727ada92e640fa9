"""Functions of texts against plain Python: matches, words, lists, sexagesimal angles."""

from __future__ import annotations

import itertools
import re

import astropy.units as u
import pytest
from astropy.coordinates import Angle
from hypothesis import HealthCheck, settings
from hypothesis import given as for_all
from hypothesis import strategies as st
from udf_rows import Given, number, text

from vo_service.adql import AdqlError


def _pairs(rows: Given, pairs: list[tuple[str | None, str | None]]) -> str:
    columns = {
        text("a", "unicodeChar"): [a for a, _ in pairs],
        text("b", "unicodeChar"): [b for _, b in pairs],
    }
    return rows.rows(columns)


PIECES = (None, "", "red", "RED", "re", "red#green", "Red#green#blue", "#", "a##b", "100%#b", "%", "_", "b")
ACCENTS = (None, "Ä", "ä", "É#ä", "straße#x", "STRASSE")


def _has_item(hashlist: str | None, item: str | None) -> int | None:
    if hashlist is None or item is None:
        return None
    words = [word.upper() for word in hashlist.split("#") if word]
    return int("#" not in item and item.upper() in words)


def test_words_of_hash_lists(given: Given) -> None:
    # ADQL-184
    pairs = list(itertools.product(PIECES + ACCENTS, repeat=2))
    found = given.column("ivo_hashlist_has(a, b)", _pairs(given, pairs))
    assert found == [_has_item(a, b) for a, b in pairs]
    assert {0, 1, None} == set(found)


def test_examples_of_the_catalogue_for_texts(given: Given) -> None:
    # ADQL-182, ADQL-183, ADQL-184
    table = given.rows({number("x"): [1.0]})
    for call, expected in {
        "ivo_nocasematch('abcabc', 'ab%')": 1,
        "ivo_nocasematch('ABcabc', 'ab__bc')": 1,
        "ivo_nocasematch('abcabc', '%BC')": 1,
        "ivo_nocasematch('abcabc', 'ABCABC')": 1,
        "ivo_nocasematch('abcabc', 'abcab')": 0,
        "ivo_hasword('Miller and Urey have', 'miller')": 1,
        "ivo_hasword('shown that a primordial', 'show')": 0,
        "ivo_hasword('shown that a primordial', 'soup')": 0,
        "ivo_hasword('shown that a primordial', 'shown primordial')": 1,
        "ivo_hasword('shown that a primordial', 'shown soup')": 0,
        "ivo_hashlist_has('red#green#blue', 'red')": 1,
        "ivo_hashlist_has('Red#green#blue', 'red')": 1,
        "ivo_hashlist_has('red#green#blue', 're')": 0,
        "ivo_hashlist_has('red#green#blue', 'red#green')": 0,
        "ivo_hasword(NULL, 'a')": None,
        "ivo_nocasematch('a', NULL)": None,
    }.items():
        assert given.column(call, table) == [expected], call


def _like(value: str | None, pattern: str | None) -> int | None:
    if value is None or pattern is None:
        return None
    parts = {"%": ".*", "_": "."}
    regex = "".join(parts.get(letter, re.escape(letter)) for letter in pattern)
    return int(re.fullmatch(regex, value, re.DOTALL | re.IGNORECASE) is not None)


def test_matches_without_case_are_those_of_ilike(given: Given) -> None:
    # ADQL-182: value first
    values = (None, "", "NGC 253", "ngc 253", "ÉTOILE", "étoile", "a%b", "A_b", "line\nline")
    patterns = (None, "", "%", "ngc%", "NGC _53", "%É%", "étoile", "a%B", "_", "LINE%line", "ngc")
    pairs = list(itertools.product(values, patterns))
    table = _pairs(given, pairs)
    found = given.column("ivo_nocasematch(a, b)", table)
    assert found == [_like(a, b) for a, b in pairs]
    matched = [n for (n,) in given.ask(f"SELECT n FROM {table} WHERE a ILIKE b ORDER BY n")]
    assert matched == [n for n, hit in enumerate(found) if hit == 1]


def _has_words(haystack: str | None, needle: str | None) -> int | None:
    if haystack is None or needle is None:
        return None
    words, wanted = (set(re.findall(r"[0-9A-Za-z\u0080-\U0010ffff]+", each)) for each in (haystack, needle))
    lowered = str.maketrans({chr(c): chr(c + 32) for c in range(65, 91)})
    return int(
        bool(wanted) and {w.translate(lowered) for w in wanted} <= {w.translate(lowered) for w in words}
    )


def test_words_in_texts(given: Given) -> None:
    # ADQL-183
    haystacks = (
        None,
        "",
        "Dense gas",
        "gas-dense;DENSE",
        "gasdense",
        "a_b c",
        "  tab\tline\n",
        "Étoiles jeunes",
        "12CO(2-1)",
    )
    haystacks += (" \xa0#\xa0", "\u3000")
    needles = (
        "\xa0",
        "\u2003",
        None,
        "",
        " ",
        "gas",
        "DENSE gas",
        "gas  dense",
        "dens",
        "b",
        "line tab",
        "étoiles",
        "Étoiles",
        "12co 1",
        "-",
        "%",
    )
    pairs = list(itertools.product(haystacks, needles))
    found = given.column("ivo_hasword(a, b)", _pairs(given, pairs))
    assert found == [_has_words(a, b) for a, b in pairs]
    assert {0, 1, None} == set(found)


LETTERS = st.text(
    st.characters(codec="utf-8", exclude_characters="\x00", exclude_categories=["Cs"]), max_size=12
)


@for_all(haystack=LETTERS, needle=LETTERS, joined=st.booleans())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_has_the_words_it_has(given: Given, haystack: str, needle: str, joined: bool) -> None:
    # ADQL-183, ADQL-184
    if joined:
        haystack = f"{haystack} {needle}#{needle}"
    table = _pairs(given, [(haystack, needle)])
    assert given.column("ivo_hasword(a, b)", table) == [_has_words(haystack, needle)]


# --- sexagesimal angles ---

HOURS = {
    "3:34:45.4": 53.68916666666667,
    "3h34m45.4s": 53.68916666666667,
    "3H34M45.4S": 53.68916666666667,
    "033445.4": 53.68916666666667,
    "00:00:00": 0.0,
    " 23:59:59.999 ": 359.99999583333334,
    "12:00:00.": 180.0,
    "1:2:3": 15.5125,
    "235959": 359.9958333333333,
    "0h0m0.001s": 4.166666666666667e-06,
}
NO_HOURS = (
    *(
        "",
        "x",
        "3:34",
        "3h34m",
        "3:34:45:1",
        "3h34m45.4",
        "3:34m45s",
        "-3:34:45",
        "+3:34:45",
        "3:60:00",
        "3:00:60",
    ),
    *(
        "33445",
        "3344",
        "123456789",
        "3 34 45",
        "3h 34m 45s",
        "3:34:4e1",
        "3:34:45,4",
        "３:34:45",
        "3:34:45\n4",
        "nan",
    ),
    "100:00:00",
)
DEGREES = {
    "42:9:6.768": 42.15188,
    "42d9m6.768s": 42.15188,
    "42D9M6.768S": 42.15188,
    "420906.768": 42.15188,
    "-00:15:00": -0.25,
    "+00:15:00": 0.25,
    "-0d15m0s": -0.25,
    "+0d15m0s": 0.25,
    "-001500": -0.25,
    "359:59:59.9": 359.99997222222222,
    "-89:59:59.999999": -89.99999999972223,
}
NO_DEGREES = ("", "--1:0:0", "1:60:0", "1h0m0s", "- 1:0:0", "1000:0:0", "-1", "0:0:-1", "d m s", "90°0m0s")


@pytest.mark.parametrize(
    ("function", "right", "wrong"),
    [("ivo_hms_to_degrees", HOURS, NO_HOURS), ("ivo_dms_to_degrees", DEGREES, NO_DEGREES)],
)
def test_sexagesimal_angles(
    given: Given, function: str, right: dict[str, float], wrong: tuple[str, ...]
) -> None:
    # ADQL-189, ADQL-190: of columns, and of literals, which are known before the query runs
    angles = [*right, *wrong, None]
    expected = [*right.values(), *([None] * (len(wrong) + 1))]
    found = given.column(f"{function}(c)", given.rows({text("c", "unicodeChar"): angles}))
    one_row = given.rows({number("x"): [1.0]})
    for angle, value, column in zip(angles, expected, found):
        quoted = "NULL" if angle is None else "'" + angle.replace("'", "''") + "'"
        literal = given.column(f"{function}({quoted})", one_row)[0]
        if value is None:
            assert column is literal is None, angle
        else:
            assert column == pytest.approx(value, rel=1e-15, abs=1e-20)
            assert literal == pytest.approx(column, rel=1e-15)
            unit = u.hourangle if function == "ivo_hms_to_degrees" else u.deg
            if ":" in angle:
                assert column == pytest.approx(Angle(angle.strip(), unit).deg, rel=1e-14)
    facts = given.facts(f"{function}(c)", given.rows({text("c"): ["1:2:3"]}))
    assert (facts.datatype, facts.unit) == ("double", "deg")


def test_angles_make_constant_shapes(engine_under_test) -> None:
    # ADQL-189, ADQL-190: a cone round a position that is copied from a paper
    sexagesimal = "POINT(ivo_hms_to_degrees('0:40:00'), ivo_dms_to_degrees('+20:00:00'))"
    counts = [
        engine_under_test.ask(
            f"SELECT COUNT(*) FROM ivoa.obscore WHERE 1 = CONTAINS(POINT(s_ra, s_dec), CIRCLE({centre}, 0.3))"
        ).rows
        for centre in (sexagesimal, "10, 20")
    ]
    assert counts[0] == counts[1]
    assert 10 < counts[0][0][0] < 200


def test_an_angle_that_cannot_be_read_gives_a_warning(given: Given) -> None:
    # ADQL-189
    table = given.rows({number("x"): [1.0]})
    warnings = given.resolved(f"SELECT ivo_hms_to_degrees('12.5') FROM {table}").warnings
    assert any("12.5" in warning for warning in warnings)


def test_wrong_arguments_are_refused(given: Given) -> None:
    # ADQL-172, ADQL-182, ADQL-183, ADQL-184, ADQL-189
    table = given.rows({number("x"): [1.0], text("c"): ["a"]})
    for call, column in {
        "ivo_nocasematch(c, x)": 27,
        "ivo_hasword(c)": 8,
        "ivo_hashlist_has(1, c)": 25,
        "ivo_hms_to_degrees(x)": 27,
        "ivo_dms_to_degrees(c, c)": 8,
        "ivo_hasword(DISTINCT c, c)": 20,
    }.items():
        with pytest.raises(AdqlError) as caught:
            given.resolved(f"SELECT {call} FROM {table}")
        assert caught.value.column == column, call
