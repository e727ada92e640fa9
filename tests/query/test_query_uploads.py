"""Tables that come with a question: names, types, blanks, coverage maps; on both engines."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pyarrow as pa
import pytest
from four_places import PLACES, Ask

from tap_schema import Column
from vo_service.adql import AdqlError
from vo_service.query import Upload, UploadError, upload_of, upload_of_moc
from vo_service.query.uploads import Uploads
from vo_service.sky import healpix29, parse_moc, unit_vectors


def field(name: str, datatype: str, arraysize: str | None = None, xtype: str | None = None) -> Column:
    return Column(name, datatype, arraysize, xtype, "mag", "phot.mag", None, "Given.")


def test_any_names(answer: Ask) -> None:  # ADQL-009 ADQL-213 ADQL-214
    names = ["Flux", "FLUX", "my col", "select", 'a"b', "a.b", "größe", "c1", "_hpx29"]
    mine = upload_of("t", pa.table([pa.array([n]) for n in range(len(names))], names=names))
    asked = ", ".join('"' + name.replace('"', '""') + '"' for name in names)
    columns, rows = answer(f"SELECT {asked} FROM TAP_UPLOAD.t", mine)
    assert rows == [tuple(range(len(names)))]
    assert [column.name for column in columns] == names
    assert answer('SELECT t."FLUX" FROM tap_upload.T AS t WHERE "Flux" = 0', mine)[1] == [(1,)]
    columns, rows = answer("SELECT * FROM tap_upload.t", mine)
    assert rows == [tuple(range(len(names)))]
    with pytest.raises(AdqlError, match="ambiguous"):
        answer("SELECT flux FROM tap_upload.t", mine)


def test_twins_leave_a_derived_table(answer: Ask) -> None:  # ADQL-213
    mine = upload_of("t", pa.table({"Flux": [1.5], "FLUX": [2.5]}))
    assert answer('SELECT "FLUX" - "Flux" FROM (SELECT * FROM tap_upload.t) AS d', mine)[1] == [(1.0,)]


def test_types_of_votable(answer: Ask) -> None:  # ADQL-161 ADQL-162 ADQL-164
    given = pa.table(
        {
            "flag": pa.array([True, False, None]),
            "byte": pa.array([0, 255, None], pa.uint8()),
            "short": pa.array([-1, 2, None], pa.int16()),
            "long": pa.array([2**62, 1, None], pa.int64()),
            "real": pa.array([1.5, float("nan"), None], pa.float32()),
            "list": pa.array([[1, 2], [], None], pa.list_(pa.int32())),
            "bits": pa.array([[True, False], [], None], pa.list_(pa.bool_())),
        }
    )
    described = [
        field("flag", "boolean"),
        field("byte", "unsignedByte"),
        field("short", "short"),
        field("long", "long"),
        field("real", "float"),
        field("list", "int", "*"),
        field("bits", "boolean", "*"),
    ]
    mine = upload_of("t", given, described)
    columns, rows = answer("SELECT * FROM tap_upload.t", mine)
    assert [c.datatype for c in columns] == ["short", "short", "short", "long", "float", "int", "short"]
    assert {(c.unit, c.ucd, c.description) for c in columns} == {("mag", "phot.mag", "Given.")}
    assert rows[0] == (1, 0, -1, 2**62, 1.5, [1, 2], [1, 0])
    assert rows[1][:4] == (0, 255, 2, 1)
    assert rows[2] == (None,) * 7
    assert answer("SELECT byte + 1 FROM tap_upload.t WHERE flag = 0", mine)[1] == [(256,)]


def test_blanks_that_pad_go(answer: Ask) -> None:  # ADQL-217
    given = pa.table({"fixed": ["ab  ", "cd"], "free": ["ab  ", "cd"]})
    mine = upload_of("t", given, [field("fixed", "char", "4"), field("free", "char", "4*")])
    assert answer("SELECT fixed, free FROM tap_upload.t WHERE fixed = 'ab'", mine)[1] == [("ab", "ab  ")]
    assert answer("SELECT fixed FROM tap_upload.t WHERE fixed LIKE '%b'", mine)[1] == [("ab",)]


def test_moments(answer: Ask) -> None:  # ADQL-161 TAP-037
    given = pa.table({"t": ["2026-01-31T12:00:00.25Z", "2026-02-01", "2026-02-01 01:02:03", None, ""]})
    mine = upload_of("t", given, [field("t", "char", "*", "timestamp")])
    columns, rows = answer("SELECT t FROM tap_upload.t WHERE t > '2026-01-01'", mine)
    assert columns[0].xtype == "timestamp"
    assert sorted(row[0] for row in rows) == [
        datetime(2026, 1, 31, 12, 0, 0, 250_000),
        datetime(2026, 2, 1),
        datetime(2026, 2, 1, 1, 2, 3),
    ]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2016-12-31T23:59:60", datetime(2017, 1, 1)),
        ("2016-12-31T23:59:60.25Z", datetime(2017, 1, 1, 0, 0, 0, 250_000)),
        ("2000-01-02", datetime(2000, 1, 2)),
        ("1858-11-17T00:00:00.123456789", datetime(1858, 11, 17, 0, 0, 0, 123_456)),
    ],
)
def test_moments_with_leap_seconds_and_parts(text: str, wanted: datetime) -> None:  # DALI-083, VOT-140
    given = pa.table({"t": ["2026-01-31", text, None]})
    rows = upload_of("t", given, [field("t", "char", "*", "timestamp")]).rows
    assert rows["t"].to_pylist()[1:] == [wanted, None]


@pytest.mark.parametrize("text", ["2026-01-01T12:00:00+01:00", "2026-01-01T24:61:00", "2026-02-30", "soon"])
def test_moments_that_are_none(text: str) -> None:  # DALI-083
    given = pa.table({"t": ["2026-01-31", text, None]})
    with pytest.raises(UploadError, match="t, column t: row 2 has"):
        upload_of("t", given, [field("t", "char", "*", "timestamp")])


def test_shapes(answer: Ask) -> None:  # ADQL-161 ADQL-166 DALI-087 DALI-088
    given = pa.table(
        {
            "p": pa.array([[10.0, 20.0], None], pa.list_(pa.float64())),
            "c": pa.array([[10.0, 20.0, 0.05], [0.0, 0.0, -1.0]], pa.list_(pa.float64())),
            "q": pa.array(
                [[9.0, 19.0, 11.0, 19.0, 10.0, 21.0], [1.0, 1.0, 2.0, 2.0]], pa.list_(pa.float64())
            ),
        }
    )
    described = [
        field("p", "double", "2", "point"),
        field("c", "double", "3", "circle"),
        field("q", "double", "*", "polygon"),
    ]
    mine = upload_of("t", given, described)
    joined = "FROM tap_upload.t AS t JOIN ivoa.obscore AS o ON 1 = CONTAINS(POINT(o.s_ra, o.s_dec), {})"
    assert answer("SELECT obs_id " + joined.format("c"), mine)[1] == [("a",)]
    assert sorted(answer("SELECT obs_id " + joined.format("q"), mine)[1]) == [("a",), ("b",)]
    assert answer("SELECT obs_id " + joined.format("p"), mine)[1] == [("a",)]
    assert answer("SELECT INTERSECTS(c, q) AS i FROM tap_upload.t ORDER BY i", mine)[1] == [(1,), (None,)]
    assert [row[0] for row in answer("SELECT p FROM tap_upload.t", mine)[1]] == [[10.0, 20.0], None]


MOC = f"4/1-3 29/{int(healpix29(10.0, 20.0)[0])}"


def test_a_coverage_map(answer: Ask) -> None:  # ADQL-164
    mine = upload_of_moc("cover", parse_moc(MOC))
    assert mine.table.columns[0].xtype == "moc"
    query = (
        "SELECT obs_id FROM ivoa.obscore AS o JOIN tap_upload.cover AS m "
        "ON 1 = CONTAINS(POINT(o.s_ra, o.s_dec), m.moc)"
    )
    assert answer(query, mine)[1] == [("a",)]
    assert answer("SELECT m.moc FROM tap_upload.cover AS m", mine)[1] == [(mine.rows["moc"][0].as_py(),)]
    assert answer(f"SELECT obs_id FROM ivoa.obscore WHERE 1 = CONTAINS(POINT(s_ra, s_dec), MOC('{MOC}'))")[
        1
    ] == [("a",)]


def test_a_map_of_one_row_is_a_constant(answer: Ask) -> None:
    mine = upload_of_moc("cover", parse_moc(MOC))
    assert Uploads((mine,)).constants == {("tap_upload.cover", "moc"): parse_moc(MOC)}
    outer = "SELECT o.obs_id, CONTAINS(POINT(o.s_ra, o.s_dec), m.moc) AS t FROM ivoa.obscore AS o LEFT JOIN "
    met = answer(outer + "tap_upload.cover AS m ON o.obs_id = 'a' OR o.obs_id = 'b'", mine)[1]
    assert sorted(met) == [("a", 1), ("b", 0), ("c", None), ("d", None)]  # no map where it is not joined
    met = answer(outer + "tap_upload.cover AS m ON 1 = CONTAINS(POINT(o.s_ra, o.s_dec), m.moc)", mine)[1]
    assert sorted(met) == [("a", 1), ("b", None), ("c", None), ("d", None)]


def test_maps_of_several_rows(answer: Ask) -> None:
    here = f"29/{int(healpix29(200.0, -30.0)[0])}"
    mine = upload_of(
        "m",
        pa.table({"n": [1, 2, 3], "moc": [MOC, here, None]}),
        [field("n", "int"), field("moc", "char", "*", "moc")],
    )
    query = (
        "SELECT n, obs_id FROM tap_upload.m AS m {} JOIN ivoa.obscore AS o "
        "ON 1 = CONTAINS(POINT(o.s_ra, o.s_dec), m.moc)"
    )
    assert sorted(answer(query.format(""), mine)[1]) == [(1, "a"), (2, "c")]
    assert sorted(answer(query.format("LEFT"), mine)[1]) == [(1, "a"), (2, "c"), (3, None)]


def test_a_map_of_many_cells(answer: Ask) -> None:
    cells = " ".join(str(n) for n in range(0, 6000, 2))
    whole = parse_moc(f"9/{cells}")
    vectors = unit_vectors([p[0] for p in PLACES], [p[1] for p in PLACES])
    wanted = {name for name, inside in zip("abcd", whole.contains(vectors)) if inside}
    for text in (f"9/{cells}", f"9/{cells} 29/{int(healpix29(200.0, -30.0)[0])}"):
        query = f"SELECT obs_id FROM ivoa.obscore WHERE 1 = CONTAINS(POINT(s_ra, s_dec), MOC('{text}'))"
        assert {row[0] for row in answer(query)[1]} == wanted
        wanted |= {"c"}


def test_two_uploads_and_the_holdings(answer: Ask) -> None:
    one = upload_of("one", pa.table({"ra": [10.0, 200.0], "dec": [20.0, -30.0], "k": [1, 2]}))
    two = upload_of("two", pa.table({"k": [2, 3], "name": ["x", "y"]}))
    query = (
        "SELECT o.obs_id, two.name FROM tap_upload.one AS one JOIN ivoa.obscore AS o "
        "ON DISTANCE(POINT(o.s_ra, o.s_dec), POINT(one.ra, one.dec)) < 0.01 JOIN tap_upload.two USING (k)"
    )
    assert answer(query, one, two)[1] == [("c", "x")]


@pytest.mark.parametrize(
    "query", ["SELECT * FROM upload_1", "SELECT c1 FROM tap_upload.t", "SELECT upload_1.n FROM t"]
)
def test_our_names_of_uploads_are_not_theirs(answer: Ask, query: str) -> None:
    with pytest.raises(AdqlError):
        answer(query, upload_of("t", pa.table({"n": [1]})))


def test_an_empty_upload(answer: Ask) -> None:
    mine = upload_of("t", pa.table({"ra": pa.array([], pa.float64()), "dec": pa.array([], pa.float64())}))
    query = (
        "SELECT o.obs_id FROM ivoa.obscore AS o {} JOIN tap_upload.t AS t "
        "ON DISTANCE(POINT(o.s_ra, o.s_dec), POINT(t.ra, t.dec)) < 1"
    )
    assert answer(query.format(""), mine)[1] == []
    assert len(answer(query.format("LEFT"), mine)[1]) == 4


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: upload_of("t", pa.table([[1], [2]], names=["a", "a"])), "two columns are called a"),
        (lambda: upload_of("t", pa.table({"t": ["noon"]}), [field("t", "char", "*", "timestamp")]), "row 1"),
        (lambda: upload_of("t", pa.table({"x": [1.5]}), [field("x", "int")]), "column x"),
        (lambda: upload_of("t", pa.table({"x": [b"1"]})), "binary"),
        (lambda: upload_of("t", pa.table({"x": [1]}), []), "descriptions"),
    ],
)
def test_what_cannot_be_taken(make: Callable[[], Upload], words: str) -> None:
    with pytest.raises(UploadError, match=words):
        make()


def test_tables_of_one_name(answer: Ask) -> None:
    mine = upload_of("t", pa.table({"n": [1]}))
    with pytest.raises(UploadError, match="two tables are called t"):
        answer("SELECT * FROM tap_upload.t", mine, mine)


SHAPES = [
    ("shape", "circle 10 20 0.05", [("a",)]),
    ("shape", "range 9.9 10.05 19 21", [("a",)]),
    ("shape", "Polygon 9 19 11 19 10 21", [("a",), ("b",)]),
    ("shape", "circle 10 20", []),
]


@pytest.mark.parametrize(("xtype", "text", "wanted"), SHAPES)
def test_a_shape_of_words_and_numbers(answer: Ask, xtype: str, text: str, wanted: list[Any]) -> None:
    # DALI-089: what is none is no place
    given = pa.table({"s": [text, None]})
    mine = upload_of("t", given, [field("s", "char", "*", xtype)])
    query = (
        "SELECT obs_id FROM tap_upload.t AS t JOIN ivoa.obscore AS o "
        "ON 1 = CONTAINS(POINT(o.s_ra, o.s_dec), t.s)"
    )
    assert sorted(answer(query, mine)[1]) == wanted


@pytest.mark.parametrize("xtype", ["hms", "dms", "interval"])
def test_an_xtype_without_a_meaning_to_queries_stays_what_it_is(answer: Ask, xtype: str) -> None:
    # DALI-084, DALI-086: the numbers and signs of the user's are given back, never read
    values, described = {
        "hms": (["12:34:56", "24:00:00"], field("x", "char", "*", "hms")),
        "dms": (["-00:30:00", "+90:00:00"], field("x", "char", "*", "dms")),
        "interval": (
            pa.array([[1.0, 2.0], None], pa.list_(pa.float64())),
            field("x", "double", "2", "interval"),
        ),
    }[xtype]
    columns, rows = answer("SELECT x FROM tap_upload.t", upload_of("t", pa.table({"x": values}), [described]))
    assert columns[0].xtype == xtype
    assert [row[0] for row in rows] == (values if isinstance(values, list) else values.to_pylist())


@pytest.mark.parametrize(
    ("given", "values", "taken"),
    [
        (("char", "16000000"), pa.array(["a"]), "16000000*"),
        (("unicodeChar", "5"), pa.array(["b    "]), "5*"),
        (("char", "19", "timestamp"), pa.array(["2026-01-31T00:00:00"]), "*"),
        (("double", "3"), pa.array([[1.0, 2.0, 3.0]]), "3"),
        (("double", "2x9"), pa.array([None], pa.list_(pa.float64())), "*"),
        (("char", None), pa.array(["c"]), None),
    ],
)
def test_answers_do_not_fill_up_what_was_sent_short(
    given: tuple[str, ...], values: pa.Array, taken: str | None
) -> None:
    # a row of one letter would be answered with megabytes, and a batch of them with all of the memory
    name, arraysize, *xtype = given
    upload = upload_of("t", pa.table({"x": values}), [field("x", name, arraysize, *xtype)])
    assert upload.table.columns[0].arraysize == taken
