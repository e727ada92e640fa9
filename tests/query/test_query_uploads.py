"""Tables that come with a question: names, types, blanks, coverage maps; on both engines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from two_engines import Engines

from tap_schema import Column, published
from vo_service.access import ANONYMOUS, Rights
from vo_service.adql import AdqlError
from vo_service.engines import Engine, Limits
from vo_service.query import Answer, Context, Question, Upload, UploadError, ask, upload_of, upload_of_moc
from vo_service.query.uploads import Uploads
from vo_service.sky import RegionError, healpix29, parse_moc, unit_vectors
from vo_service.store import Snapshot

LIMITS = Limits(seconds=20.0, batch_rows=1000)
PLACES = [(10.0, 20.0), (10.1, 20.0), (200.0, -30.0), (0.0, 90.0)]
Ask = Callable[..., tuple[tuple[Column, ...], list[tuple[Any, ...]]]]


def places() -> pa.Table:
    table = published()["ivoa.obscore"]
    lon, lat = ([place[index] for place in PLACES] for index in (0, 1))
    vectors = unit_vectors(lon, lat)
    values: dict[str, Any] = {"obs_id": ["a", "b", "c", "d"], "obs_publisher_did": ["1", "2", "3", "4"]}
    values |= {"calib_level": [2] * 4, "obs_collection": ["ALMA"] * 4, "origin": ["file"] * 4}
    values |= {"s_ra": lon, "s_dec": lat, "_hpx29": healpix29(lon, lat)}
    values |= {f"_u{axis}": vectors[:, k] for k, axis in enumerate("xyz")}
    schema = table.arrow_schema()
    return pa.table(
        [pa.array(values.get(f.name, [None] * len(PLACES)), f.type) for f in schema], schema=schema
    )


@pytest.fixture(scope="module")
def opened(engines: Engines) -> Iterator[dict[str, tuple[Snapshot, Engine]]]:
    both = engines.on({"ivoa.obscore": places()})
    yield {"duckdb": (both.snapshot, both.duckdb), "postgresql": (both.snapshot, both.postgresql)}


@pytest.fixture(params=["duckdb", "postgresql"])
def answer(opened: dict[str, tuple[Snapshot, Engine]], request: pytest.FixtureRequest) -> Ask:
    """Asks one engine: columns and rows."""
    snapshot, engine = opened[request.param]

    def run(adql: str, *uploads: Upload) -> tuple[tuple[Column, ...], list[tuple[Any, ...]]]:
        context = Context(ANONYMOUS, datetime(2026, 1, 1, tzinfo=UTC), "https://x", LIMITS, Rights())
        with ask(Question(adql, uploads=uploads), context, snapshot, engine) as given:
            return given.columns, rows_of(given)

    return run


def rows_of(given: Answer) -> list[tuple[Any, ...]]:
    return [row for batch in given.batches for row in zip(*(c.to_pylist() for c in batch.columns))]


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


def test_moments(answer: Ask) -> None:  # ADQL-161
    given = pa.table({"t": ["2026-01-31T12:00:00.25Z", "2026-02-01", "2026-02-01 01:02:03", None, ""]})
    mine = upload_of("t", given, [field("t", "char", "*", "timestamp")])
    columns, rows = answer("SELECT t FROM tap_upload.t WHERE t > '2026-01-01'", mine)
    assert columns[0].xtype == "timestamp"
    assert sorted(row[0] for row in rows) == [
        datetime(2026, 1, 31, 12, 0, 0, 250_000),
        datetime(2026, 2, 1),
        datetime(2026, 2, 1, 1, 2, 3),
    ]


def test_shapes(answer: Ask) -> None:  # ADQL-161 ADQL-166
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
    mine = upload_of_moc("cover", MOC)
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
    mine = upload_of_moc("cover", MOC)
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


def test_no_map() -> None:
    with pytest.raises(RegionError):
        upload_of_moc("m", "4/1-")


def test_tables_of_one_name(answer: Ask) -> None:
    mine = upload_of("t", pa.table({"n": [1]}))
    with pytest.raises(UploadError, match="two tables are called t"):
        answer("SELECT * FROM tap_upload.t", mine, mine)
