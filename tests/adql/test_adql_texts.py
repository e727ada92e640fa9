"""Texts on both engines: letter case beyond ASCII, order by code point, joining, padding, patterns."""

from __future__ import annotations

import pytest
from sqlglot import exp
from value_rows import ROWS

from vo_service.adql.sql import texts as text_sql

LAST = 0x2FFF  # all alphabets with two cases but a few of far planes


def _upper(character: str) -> str:
    """Letter by letter: what Python makes two letters of stays as it is, but for the sharp s."""
    made = character.upper()
    return made if len(made) == 1 or character == "ß" else _simple(character)


def _lower(character: str) -> str:
    made = character.lower()
    return made if len(made) == 1 else made[0]


def _simple(character: str) -> str:
    """Unicode's upper case of one letter, which may be its title case where the full one has two letters."""
    made = character.title()
    return made if len(made) == 1 and made.lower() == character else character


@pytest.mark.parametrize(("emit", "expected"), [(text_sql.upper, _upper), (text_sql.lower, _lower)])
def test_every_letter_has_one_case_on_both_engines(values, emit, expected) -> None:
    # ADQL-088, ADQL-120
    number = exp.Cast(this=exp.column("i", quoted=True), to=exp.DataType(this=exp.DType.INT))
    for engine in values.engines:
        made = emit([exp.Anonymous(this="chr", expressions=[number])], engine.dialect)
        text = made.sql(dialect=engine.dialect, identify=True)
        series = f"range(1, {LAST})" if engine.dialect == "duckdb" else f"generate_series(1, {LAST - 1})"
        rows = engine.run(f'SELECT "i", {text} FROM {series} AS "g"("i")')
        assert len(rows) == LAST - 1
        for code, found in rows:
            assert found == expected(chr(code)), hex(code)


def test_upper_and_lower_of_words(values) -> None:
    # ADQL-120
    words = dict(zip(ROWS["u"], values.column("UPPER(u)"), strict=True))
    assert words["straße"] == "STRASSE" and words["àé"] == "ÀÉ" and words["Σς"] == "ΣΣ"
    assert words["ÿ"] == "Ÿ" and words["日本"] == "日本" and words[None] is None
    lowered = dict(zip(ROWS["u"], values.column("LOWER(u)"), strict=True))
    assert lowered["ÀÉ"] == "àé" and lowered["straße"] == "straße" and lowered["Ünï"] == "ünï"
    ascii_words = zip(ROWS["c"], values.column("UPPER(c)"), values.column("LOWER(c)"), strict=True)
    for word, upper, lower in ascii_words:
        assert (upper, lower) == ((None, None) if word is None else (word.upper(), word.lower()))


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("àÉ", {"ÀÉ", "àé"}),
        ("À_", {"ÀÉ", "àé"}),
        ("%ß%", {"straße", "ß"}),
        ("STRASSE", set()),
        ("ü%", {"Ünï"}),
        ("σ%", {"Σς"}),
        ("日%", {"日本"}),
        ("_", {"Ǆ", "ŉ", "ﬁ", "ÿ", "ß"}),
    ],
)
def test_ilike_folds_beyond_ascii(values, pattern: str, expected: set[str]) -> None:
    # ADQL-088: both sides in lower case, letter by letter
    found = values.column("u", f"WHERE u ILIKE '{pattern}'")
    assert set(found) == expected
    known = {word for word in ROWS["u"] if word is not None}
    assert set(values.column("u", f"WHERE u NOT ILIKE '{pattern}'")) == known - expected
    assert set(values.column("u", f"WHERE LOWER(u) LIKE LOWER('{pattern}')")) == expected


def test_texts_sort_and_compare_by_code_point_be_they_computed(values) -> None:
    # ADQL-078, ADQL-229
    words = [word for word in ROWS["u"] if word is not None]
    for expression, make in (
        ("u", str),
        ("LOWER(u)", None),
        ("u || 'x'", lambda w: w + "x"),
        ("UPPER(u)", None),
    ):
        one, other = values.ask(f"SELECT {expression} AS v, n FROM vals.row ORDER BY v, n")
        assert one == other
        found = [row[0] for row in one]
        assert found[-1] is None and found[:-1] == sorted(found[:-1])
        if make is not None:
            assert sorted(make(word) for word in words) == found[:-1]
    assert values.ask("SELECT MIN(u), MAX(LOWER(u)), MIN(u || c) FROM vals.row")[0][0][0] == min(words)
    for operator in ("<", ">=", "="):
        one, other = values.ask(f"SELECT n FROM vals.row WHERE LOWER(u) {operator} LOWER(c) ORDER BY n")
        assert one == other
    above = values.column("u", "WHERE u > 'Z'")
    assert above == [word for word in ROWS["u"] if word is not None and word > "Z"]
    assert values.column("u", "WHERE u BETWEEN 'a' AND 'z'") == [
        word for word in ROWS["u"] if word is not None and "a" <= word <= "z"
    ]
    assert set(values.column("u", "WHERE UPPER(u) IN ('ÀÉ', 'SS')")) == {"ÀÉ", "àé", "ß"}


def test_texts_of_all_sorts_meet_in_one_query(values) -> None:
    # ADQL-255, ADQL-256: collations of folded, joined, plain and literal texts get along on every engine
    one, other = values.ask(
        "SELECT LOWER(u) AS v FROM vals.row UNION SELECT c FROM vals.row UNION SELECT 'x' || UPPER(c) "
        "FROM vals.row EXCEPT SELECT 'zz' FROM vals.row ORDER BY v"
    )
    assert one == other and len(one) > 30
    one, other = values.ask(
        "SELECT UPPER(a.u) AS v, COUNT(*) AS k FROM vals.row AS a JOIN vals.row AS b "
        "ON LOWER(a.u) = LOWER(b.u) GROUP BY UPPER(a.u) HAVING MIN(LOWER(a.u)) <> 'x' ORDER BY k DESC, v"
    )
    assert one == other and one[0] == ("ÀÉ", 4)
    one, other = values.ask("SELECT DISTINCT COALESCE(UPPER(u), c, 'none') AS v FROM vals.row ORDER BY v")
    assert one == other


def test_joining_gives_null_for_null_and_takes_texts_only(values, refusal) -> None:
    # ADQL-096, ADQL-252
    found = values.column("c || '-' || u")
    for got, c, u in zip(found, ROWS["c"], ROWS["u"], strict=True):
        assert got == (None if c is None or u is None else f"{c}-{u}")
    assert values.column("'' || c") == ROWS["c"]
    assert values.column("n", "WHERE c = ''") == [0]
    error = refusal("SELECT 'a' || 1 FROM ivoa.obscore")
    assert (error.line, error.column) == (1, 15)


def test_pads_and_cuts_count_characters(values) -> None:
    # ADQL-124
    for got, word in zip(values.column("CAST(u AS CHAR(3))"), ROWS["u"], strict=True):
        assert got == (None if word is None else f"{word[:3]:<3}")
    for got, word in zip(values.column("CAST(u || u AS VARCHAR(3))"), ROWS["u"], strict=True):
        assert got == (None if word is None else (word + word)[:3])


def test_nothing_in_a_literal_is_more_than_text(values) -> None:
    # ADQL-256
    for text in (
        "{}",
        "?",
        "%s",
        ":name",
        "$1",
        "it''s",
        "\\",
        "--",
        "/*",
        "a\nb",
        "$$",
        "''",
        "E'x'",
        "\\''",
    ):
        written = text.replace("'", "''")
        assert values.column(f"'{written}'", "WHERE n = 0") == [text]
        assert values.column("n", f"WHERE '{written}' = c || '' OR c = '{written}'") == [
            n for n, c in enumerate(ROWS["c"]) if c == text
        ]
