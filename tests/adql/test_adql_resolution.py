"""Names, types and the fence: what resolves, what is refused with a place, what SQL can hold."""

from __future__ import annotations

import pytest
import sqlglot
from sqlglot import exp

from vo_service.adql import AdqlError, explain, write


@pytest.mark.parametrize(
    ("query", "names"),
    [
        (
            'SELECT S_RA, "s_ra", ivoa.obscore.s_ra, obscore.s_dec, "ivoa"."obscore".s_ra FROM IVOA.ObsCore',
            ("s_ra", "s_ra", "s_ra", "s_dec", "s_ra"),
        ),
        (
            'SELECT "lastModified", lastmodified, LASTMODIFIED FROM "ivoa"."obscore" ORDER BY "lastModified"',
            ("lastModified",) * 3,
        ),
        ('SELECT "O".s_ra, o.s_dec FROM "obscore" AS O', ("s_ra", "s_dec")),
        ("SELECT o.s_ra FROM ivoa.obscore o", ("s_ra",)),
        ('SELECT "My Name".s_ra FROM ivoa.obscore AS "My Name"', ("s_ra",)),
        ("SELECT x.s_ra FROM (SELECT * FROM ivoa.obscore) AS x", ("s_ra",)),
        ("WITH obscore AS (SELECT s_dec AS s_ra FROM ivoa.obscore) SELECT s_ra FROM obscore", ("s_dec",)),
    ],
)
def test_names_resolve_in_every_spelling(sky, query: str, names: tuple[str, ...]) -> None:
    # ADQL-007, ADQL-008, ADQL-009, ADQL-037, ADQL-057
    for found, name in zip(sky.ask(query).columns, names, strict=True):
        assert sorted(map(str, found.to_pylist())) == sorted(map(str, sky.rows[name].to_pylist())), name


@pytest.mark.parametrize(
    ("query", "table"),
    [
        ("SELECT obscore.* FROM obscore", "ivoa.obscore"),
        ('SELECT "columns".* FROM tap_schema."columns"', "tap_schema.columns"),
    ],
)
def test_a_star_is_all_published_columns(sky, query: str, table: str) -> None:
    # ADQL-037
    assert [c.name for c in sky.plan(query).columns] == [c.name for c in sky.tables[table].listed]
    assert sky.ask(query, limit=3).num_columns == len(sky.tables[table].listed)


def test_a_reserved_word_in_quotes_is_a_column(sky) -> None:
    # ADQL-008
    assert [c.name for c in sky.plan('SELECT "size" FROM tap_schema.columns').columns] == ["size"]


def test_names_harmless_in_adql_are_quoted(sky) -> None:
    # ADQL-022, ADQL-255
    query = (
        'SELECT s_ra AS limit, s_dec AS qualify, obs_id AS "a""b", s_fov AS window FROM ivoa.obscore '
        "AS lateral ORDER BY limit"
    )
    assert sky.ask(query, limit=1).column_names == ["limit", "qualify", 'a"b', "window"]


def test_output_names(sky) -> None:
    # ADQL-034, ADQL-035
    plan = sky.plan(
        "SELECT S_RA, s_ra + 1, MAX(s_dec), MAX(s_ra), s_fov AS Fov FROM ivoa.obscore GROUP BY s_ra, s_fov"
    )
    assert [column.name for column in plan.columns] == ["s_ra", "col2", "max", "max2", "Fov"]
    plan = sky.plan("SELECT a.s_ra, b.s_ra FROM ivoa.obscore a, ivoa.obscore b")
    assert [column.name for column in plan.columns] == ["s_ra", "s_ra"]


NASTY = ["x' OR 1=1 --", "\\", "%s", "?", ":name", "{}", "$1", "''", '"', "a\nb", "é", "/* x */", ";"]


@pytest.mark.parametrize("text", NASTY)
@pytest.mark.parametrize("dialect", ["duckdb", "postgres"])
def test_strings_stay_strings(sky, text: str, dialect: str) -> None:
    # ADQL-202, ADQL-256
    quoted = text.replace("'", "''")
    query = f"SELECT obs_id, '{quoted}' AS s FROM ivoa.obscore WHERE target_name = '{quoted}' OR obs_id = '1'"
    written = write(sky.plan(query), dialect).sql
    statements = sqlglot.parse(written, dialect=dialect)
    assert len(statements) == 1
    literals = {literal.this for literal in statements[0].find_all(exp.Literal) if literal.is_string}
    assert literals == {text, "1"}
    if dialect == "duckdb":
        assert [row["s"] for row in sky.ask(query).to_pylist()] == [text]


def test_only_published_tables_are_in_the_sql(sky) -> None:
    query = (
        "WITH w AS (SELECT obs_id FROM ivoa.obscore) SELECT a.obs_id FROM w AS a "
        "JOIN ivoa.obscore AS b USING (obs_id) WHERE INTERSECTS(b.s_region, CIRCLE(1, 2, 3)) = 1"
    )
    written = write(sky.plan(query), "duckdb")
    tables = {
        (table.db, table.name)
        for table in sqlglot.parse_one(written.sql, dialect="duckdb").find_all(exp.Table)
    }
    assert tables == {("", "w1"), ("ivoa", "obscore"), ("", written.probes[0].name)}


def test_warnings(sky) -> None:
    # ADQL-082, ADQL-210, ADQL-219
    def warnings(query: str) -> str:
        return " ".join(sky.plan(query).warnings)

    assert "IS NULL" in warnings("SELECT obs_id FROM ivoa.obscore WHERE s_ra = NULL")
    assert "gives 0" in warnings("SELECT obs_id FROM ivoa.obscore WHERE s_fov < 1/3600")
    assert "arbitrary" in warnings("SELECT obs_id FROM ivoa.obscore OFFSET 5")
    assert warnings("SELECT obs_id FROM ivoa.obscore WHERE s_fov < 1/3600.") == ""


def test_ranges_only_narrow_positive_terms(sky) -> None:
    # ADQL-205
    cone = "1 = CONTAINS(POINT(s_ra, s_dec), CIRCLE(10, 20, 0.1))"
    for condition, narrowed in {
        cone: True,
        f"{cone} AND s_fov > 0": True,
        f"{cone} OR s_fov > 0": False,
        f"NOT {cone}": False,
        f"NOT (NOT {cone})": False,
        cone.replace("1 =", "0 ="): False,
        "DISTANCE(s_ra, s_dec, 10, 20) < 6/60.": True,
        "DISTANCE(s_ra, s_dec, 10, 20) > 6/60.": False,
    }.items():
        text = write(sky.plan(f"SELECT obs_id FROM ivoa.obscore WHERE {condition}"), "duckdb").sql
        assert ("_hpx29" in text) == narrowed, condition


def test_explain_shows_every_stage(sky) -> None:
    text = explain(
        "SELECT TOP 5 obs_id, s_ra FROM ivoa.obscore WHERE INTERSECTS(CIRCLE(10, 20, 1), s_region) = 1 "
        "AND 1 = CONTAINS(POINT(s_ra, s_dec), CIRCLE(10, 20, 2)) ORDER BY s_ra",
        sky.tables,
    )
    for part in (
        "-- tree",
        "-- plan",
        "ranges:",
        "-- columns",
        "s_ra: double, deg, pos.eq.ra",
        "-- probe",
        "LIMIT 5",
    ):
        assert part in text
    with pytest.raises(AdqlError, match="line 1, column 8"):
        explain("SELECT s_resolutoin FROM ivoa.obscore", sky.tables)


def _wrapped(text: str, times: int, inner: str) -> str:
    for _ in range(times):
        inner = text.replace("?", inner)
    return inner


ONE = "SELECT obs_id FROM ivoa.obscore"
LARGE = {
    "AND": f"{ONE} WHERE " + " AND ".join(f"s_ra > {i}" for i in range(5000)),
    "OR": f"{ONE} WHERE " + " OR ".join(f"s_ra > {i}" for i in range(5000)),
    "IN": f"{ONE} WHERE calib_level IN ({', '.join(map(str, range(10000)))})",
    "IN of text": f"{ONE} WHERE obs_id IN ({', '.join(map(repr, map(str, range(9000))))})",
    "operators": f"SELECT {'+'.join(['s_ra'] * 119)} AS a FROM ivoa.obscore",
    "texts": f"SELECT {'||'.join(['obs_id'] * 119)} AS a FROM ivoa.obscore",
    "parentheses": f"SELECT {'(' * 58}1{')' * 58} AS a FROM ivoa.obscore",
    "signs": f"SELECT {_wrapped('-(?)', 58, 's_ra')} AS a FROM ivoa.obscore",
    "roots": f"SELECT {_wrapped('SQRT(?)', 29, 's_ra')} AS a FROM ivoa.obscore",
    "powers": f"SELECT {_wrapped('POWER(? + 1, 2)', 20, 's_ra')} AS a FROM ivoa.obscore",
    "casts": f"SELECT {_wrapped('CAST(CAST(? AS VARCHAR) AS REAL)', 14, 's_ra')} AS a FROM ivoa.obscore",
    "conditions": f"{ONE} WHERE {_wrapped('(?) AND s_dec > 1 OR s_fov < 1', 57, 's_ra > 1')}",
    "negations": f"{ONE} WHERE {_wrapped('NOT (?)', 57, 's_ra > 1')}",
    "EXISTS": _wrapped(f"{ONE} WHERE EXISTS (?)", 57, ONE),
    "IN queries": _wrapped(f"{ONE} WHERE obs_id IN (?)", 57, ONE),
    "derived tables": _wrapped("SELECT x.obs_id FROM (?) AS x", 57, ONE),
    "operands": " UNION ".join([ONE] * 60),
    "nested operands": _wrapped(f"(?) UNION {ONE}", 57, ONE),
    "tables": "SELECT a0.obs_id FROM " + ", ".join(f"ivoa.obscore AS a{i}" for i in range(60)),
    "nested joins": "SELECT y.s_dec FROM "
    + _wrapped("(? JOIN (SELECT s_ra AS r0 FROM ivoa.obscore) AS x ON s_dec = 1) AS y", 29, "ivoa.obscore"),
    "columns": "SELECT " + ", ".join(f"s_ra + {i} AS c{i}" for i in range(1500)) + " FROM ivoa.obscore",
    "sort terms": f"{ONE} ORDER BY " + ", ".join(f"s_ra + {i}" for i in range(1500)),
    "groups": "SELECT COUNT(*) AS n FROM ivoa.obscore GROUP BY "
    + ", ".join(f"s_ra + {i}" for i in range(1500)),
}


@pytest.mark.parametrize("name", LARGE)
@pytest.mark.parametrize("dialect", ["duckdb", "postgres"])
def test_large_queries_go_through_every_stage(sky, name: str, dialect: str) -> None:
    # ADQL-097, ADQL-257: no recursion gives out, nothing grows with two to the power of the depth
    text = write(sky.plan(LARGE[name]), dialect).sql
    assert len(text) < 100 * len(LARGE[name]) + 10_000
