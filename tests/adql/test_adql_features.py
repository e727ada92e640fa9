"""One list of features, read by the parser's switches, refusals by name, capabilities and the page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from capabilities import tap_capabilities
from capabilities.security import Login
from capabilities.tap import ADQL_FEATURE_GROUPS
from tap_schema import published
from vo_service.adql import FEATURES, FUNCTIONS, LANGUAGES, VERSIONS, AdqlError, declared, parse, resolve
from vo_service.adql.language.features import EXTENSIONS, STRICT, SYNTAX
from vo_service.adql.language.signatures import CALL_FORMS
from vo_service.adql.language.words import NEW_IN_21, RESERVED
from vo_service.adql.language_page import page
from vo_service.settings import Settings
from vo_service.tap.capabilities import offered
from vo_service.tap.service import tap_facts

REPOSITORY = Path(__file__).resolve().parents[2]

# a query with the feature, and where it stands
NEWER = {
    "LOWER": ("SELECT LOWER(a) FROM t", 8),
    "UPPER": ("SELECT UPPER(a) FROM t", 8),
    "ILIKE": ("SELECT a FROM t WHERE a ILIKE 'x'", 25),
    "WITH": ("WITH w AS (SELECT a FROM t) SELECT a FROM w", 1),
    "UNION": ("SELECT a FROM t UNION SELECT b FROM t", 17),
    "EXCEPT": ("SELECT a FROM t EXCEPT SELECT b FROM t", 17),
    "INTERSECT": ("SELECT a FROM t INTERSECT SELECT b FROM t", 17),
    "CAST": ("SELECT CAST(a AS REAL) FROM t", 8),
    "IN_UNIT": ("SELECT IN_UNIT(a, 'm') FROM t", 8),
    "OFFSET": ("SELECT a FROM t ORDER BY a OFFSET 5", 28),
    "COALESCE": ("SELECT COALESCE(a, 1) FROM t", 8),
}
EXTENDED = {
    "a second argument of ROUND and TRUNCATE that is no literal": ("SELECT ROUND(a, b) FROM t", 17),
    "a semicolon at the end": ("SELECT a FROM t;", 16),
    "IS NULL of an expression": ("SELECT a FROM t WHERE a + 1 IS NOT NULL", 29),
    "NULL as coordinate system": ("SELECT POINT(NULL, 1, 2) FROM t", 14),
    "a backslash before _ or % in a pattern": ("SELECT a FROM t WHERE a LIKE 'x\\_y'", 30),
    "RANGE_S2D": ("SELECT a FROM t WHERE 1 = CONTAINS(POINT(1, 2), range_s2d(1, 2, 3, 4))", 49),
    "MOC": ("SELECT a FROM t WHERE 1 = CONTAINS(POINT(1, 2), MOC('3/5'))", 49),
}


@pytest.mark.parametrize("name", NEWER)
def test_features_of_21_are_refused_by_name_in_20(name: str) -> None:
    # ADQL-169, ADQL-192, ADQL-194
    query, column = NEWER[name]
    assert parse(query, "2.1") and parse(query, STRICT)
    with pytest.raises(AdqlError) as caught:
        parse(query, "2.0")
    assert caught.value.message == f"{name} came with ADQL 2.1"
    assert caught.value.hint == "send the query with LANG=ADQL-2.1"
    assert (caught.value.line, caught.value.column) == (1, column)


def test_every_feature_of_21_has_a_query_here() -> None:
    # ADQL-194
    assert {feature.name for feature in FEATURES if feature.since == "2.1"} == set(NEWER)


@pytest.mark.parametrize(
    "query",
    ["SELECT a FROM t OFFSET 5", "SELECT a FROM t WHERE NOT a ILIKE 'b'", "SELECT a FROM t AS x OFFSET 1"],
)
def test_a_newer_word_that_stops_the_parser_is_named(query: str) -> None:
    # ADQL-192: in 2.0 it is a name, so the parser stops behind it
    with pytest.raises(AdqlError, match=r"(OFFSET|ILIKE) came with ADQL 2\.1") as caught:
        parse(query, "2.0")
    word = re.search("OFFSET|ILIKE", query)
    assert word is not None and caught.value.column == word.start() + 1


@pytest.mark.parametrize("name", EXTENDED)
def test_extensions_are_refused_by_name_in_strict_mode(name: str) -> None:
    # ADQL-002, ADQL-089, ADQL-099, ADQL-132
    query, column = EXTENDED[name]
    assert parse(query, "2.1") and parse(query, "2.0")
    with pytest.raises(AdqlError) as caught:
        parse(query, STRICT)
    assert caught.value.message == f"{name} is an extension of ADQL 2.1, which strict mode refuses"
    assert (caught.value.line, caught.value.column) == (1, column)


def test_a_newer_word_that_is_a_name_is_not_blamed() -> None:
    # ADQL-193
    for query in ("SELECT MAX(offset FROM t", "SELECT a FROM t WHERE ilike", "SELECT a, offset, FROM t"):
        with pytest.raises(AdqlError) as caught:
            parse(query, "2.0")
        assert "came with" not in str(caught.value)


def test_every_extension_has_a_query_here() -> None:
    # ADQL-099
    assert {feature.name for feature in EXTENSIONS} == set(EXTENDED)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT a FROM t WHERE a IS NULL AND t.b IS NOT NULL",
        "SELECT a FROM t WHERE a LIKE 'x\\y%'",
        "SELECT POINT('', 1, 2), POINT('ICRS', a, b) FROM t",
    ],
)
def test_strict_mode_takes_what_the_standard_has(query: str) -> None:
    # TAP-041
    assert parse(query, STRICT) == parse(query, "2.1")


def test_words_are_reserved_by_version() -> None:
    # ADQL-193, ADQL-258
    assert set(NEW_IN_21) == {"BIGINT", "COT", "ILIKE", "IN_UNIT", "OFFSET"}
    assert RESERVED["2.1"] - RESERVED["2.0"] == NEW_IN_21 and RESERVED[STRICT] == RESERVED["2.1"]
    for word in NEW_IN_21:
        query = f"SELECT {word.lower()} FROM t WHERE {word} > 1 ORDER BY {word}"
        assert parse(query, "2.0")
        with pytest.raises(AdqlError, match=rf'"{word.lower()}".*reserved since ADQL 2\.1') as caught:
            parse(query.replace("SELECT ", "SELECT x AS "))
        assert caught.value.column == 13


def test_cot_is_a_function_in_both_versions() -> None:
    # ADQL-193: in 2.0 it is no reserved word
    query = "SELECT cot(s_ra) AS cot FROM ivoa.obscore"
    columns = resolve(parse(query, "2.0"), published()).columns
    assert [(column.name, column.datatype) for column in columns] == [("cot", "double")]
    with pytest.raises(AdqlError, match="COT does not take 2 arguments"):
        parse("SELECT COT(1, 2) FROM t", "2.0")


@pytest.mark.parametrize("version", ["2.0", "2.1"])
@pytest.mark.parametrize(
    "geometry",
    [
        "POINT(1, 2)",
        "POINT('ICRS', 1, 2)",
        "CIRCLE(1, 2, 3)",
        "CIRCLE('', POINT(1, 2), 3)",
        "BOX('ICRS', 1, 2, 3, 4)",
        "POLYGON(POINT(1, 2), POINT(2, 3), POINT(1, 4))",
        "REGION('Circle 1 2 3')",
        "DISTANCE(1, 2, 3, 4)",
    ],
)
def test_geometry_is_taken_in_every_form_in_both_versions(version: str, geometry: str) -> None:
    # ADQL-195
    assert parse(f"SELECT {geometry} FROM t", version)


@pytest.mark.parametrize("version", ["2.0", "2.1"])
def test_coordinate_systems_and_regions_are_literals_in_both_versions(version: str) -> None:
    # ADQL-195, ADQL-197, ADQL-248, ADQL-249
    for call in ("REGION(a)", "REGION('a' || 'b')", "POINT('ICRS' || '', 1, 2)", 'POINT("ICRS", 1, 2)'):
        with pytest.raises(AdqlError):
            parse(f"SELECT {call} FROM t", version)


def test_expressions_are_sorted_and_grouped_by_in_both_versions() -> None:
    # ADQL-196, ADQL-197
    query = "SELECT NULL, COUNT ( * ) FROM t GROUP BY a + 1, t.b ORDER BY MOD ( a + 1, 2 ), t.b"
    assert parse(query, "2.0") == parse(query, "2.1")


def test_groups_are_those_of_the_standard() -> None:
    # ADQL-167
    assert set(declared()) == {"adqlgeo", "udf", *ADQL_FEATURE_GROUPS}
    geometry = (
        "AREA BOX CENTROID CIRCLE CONTAINS COORD1 COORD2 COORDSYS DISTANCE INTERSECTS POINT POLYGON REGION"
    )
    assert [feature.form for feature in declared()["adqlgeo"]] == geometry.split()
    forms = {group: [feature.form for feature in features] for group, features in declared().items()}
    assert forms["string"] == ["LOWER", "UPPER", "ILIKE"]
    assert forms["sets"] == ["UNION", "EXCEPT", "INTERSECT"]
    assert [forms[name] for name in ("common-table", "type", "conditional", "unit", "offset")] == [
        ["WITH"],
        ["CAST"],
        ["COALESCE"],
        ["IN_UNIT"],
        ["OFFSET"],
    ]


def test_capabilities_are_read_off_the_list() -> None:
    # ADQL-167, ADQL-169, ADQL-173
    facts = tap_facts(Settings.load(Path("nowhere"), {}))
    text = tap_capabilities(offered("http://localhost/tap", facts, Login())).decode()
    found = {
        kind: [_plain(form) for form in re.findall(r"<form>(.*?)</form>", part, re.S)]
        for kind, part in re.findall(r'<languageFeatures type="(.*?)">(.*?)</languageFeatures>', text, re.S)
    }
    prefix = "ivo://ivoa.net/std/TAPRegExt#features-"
    # the IVOA's list spells the group of COALESCE in lower case, as docs/conformance.md says
    assert {kind.lower(): forms for kind, forms in found.items()} == {
        f"{prefix}{group if group in ('adqlgeo', 'udf') else 'adql-' + group}".lower(): [
            one.form for one in features
        ]
        for group, features in declared().items()
    }
    # ADQL-168: groups of drafts are not declared; the spelling is TAPRegExt's, as docs/conformance.md says
    named = {kind.partition("#")[2] for kind in found}
    assert not named & {"features-adql-bitwise", "features-adql-geo"}
    for version in VERSIONS:
        assert f'<version ivo-id="ivo://ivoa.net/std/ADQL#v{version}">{version}</version>' in text


def _plain(text: str) -> str:
    return text.replace("&gt;", ">").replace("&lt;", "<").replace("&amp;", "&")


def test_functions_are_declared_by_signatures() -> None:
    # ADQL-170, ADQL-171, ADQL-172
    types = "SMALLINT INTEGER BIGINT REAL DOUBLE-PRECISION VARCHAR TIMESTAMP POINT CIRCLE POLYGON REGION"
    types = rf"({types.replace(' ', '|').replace('-', ' ')})(\[\])?"
    form = re.compile(rf"(\w+)\(((\w+ {types}(, )?)*)\) -> {types}")
    names = set()
    for feature in declared()["udf"]:
        match = form.fullmatch(feature.form)
        assert match is not None, feature.form
        assert match[1] == feature.name and feature.doc
        assert feature.name.upper() not in RESERVED["2.1"]
        names.add(feature.name)
    of_the_table = {name for name, one in FUNCTIONS.items() if one.signatures}
    assert names == of_the_table | {"RANGE_S2D", "MOC"}
    reserved = {name for name in FUNCTIONS if name not in of_the_table and not name.startswith("_")}
    assert reserved <= set(CALL_FORMS)


def test_features_say_what_they_are() -> None:
    for feature in FEATURES:
        assert feature.since in VERSIONS and feature.doc.endswith("."), feature
        assert (feature.group == SYNTAX) <= feature.extension
        assert (feature.group == "udf") == (feature.signature is not None)
    assert set(LANGUAGES) == set(RESERVED)


def test_the_page_is_what_the_lists_say() -> None:
    # ADQL-099, ADQL-169
    assert (REPOSITORY / "docs/adql.md").read_text(encoding="utf-8") == page(), (
        "python -m vo_service.adql.language_page > docs/adql.md"
    )


def test_the_page_names_every_feature_and_decision() -> None:
    text = page()
    for feature in FEATURES:
        assert feature.form in text and feature.doc.replace("|", "\\|") in text
    for decision in (
        "cut toward zero",
        "Division by zero",
        "ties away from zero",
        "by code point",
        "\\_ and \\%",
    ):
        assert decision in text
