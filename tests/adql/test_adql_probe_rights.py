"""Rights hold in every probe: what a viewer may not see tells on nothing.

The judge is a blind copy of the small sky, in which what the viewer may not see is not there at all.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from corpus.small_sky import NOW, measured_shapes, plain_values, positions, rows_of_snapshot, shapes
from engines_under_test import ASTRONOMER, MEMORY_BYTES, UnderTest
from two_engines import publish

from tap_schema import published
from vo_service.access import Rights
from vo_service.adql import parse, plan_query, resolve, write
from vo_service.adql.probes.footprints import FootprintProbe
from vo_service.adql.probes.measures import MeasureProbe
from vo_service.adql.probes.pairs import PairProbe
from vo_service.adql.probes.positions import CellProbe, KeptProbe
from vo_service.adql.probes.values import ValueProbe
from vo_service.engines import DuckDBEngine, EngineError
from vo_service.query import upload_of
from vo_service.sky import footprint_ids


def beside_a_smaller_outline() -> str:
    """A place in the public region of a row that is not public yet, off what its pixels tell."""
    lon, lat = positions()
    for row, (public, measured) in enumerate(zip(shapes(lon, lat), measured_shapes(lon, lat))):
        release = plain_values("ivoa.obscore")["obs_release_date"][row]
        if public and measured and public[0] == "circle" and release and release > NOW:
            return f"CIRCLE({public[1]}, {public[2] + 0.6 * public[3]}, 0.0001)"
    raise AssertionError("the small sky has no such row")


MATCH = "DISTANCE(POINT(m.peak_ra, m.peak_dec), POINT(o.s_ra, o.s_dec)) < 0.3"
TWO = "holdings.measurement AS m JOIN holdings.measurement AS n ON m.product_id < n.product_id AND "
BESIDE = beside_a_smaller_outline()
QUERIES = [
    (FootprintProbe, f"SELECT obs_id FROM ivoa.obscore WHERE 1 = INTERSECTS(s_region, {BESIDE})"),
    (FootprintProbe, "SELECT obs_id, CONTAINS(s_region, CIRCLE(10, 20, 3)) AS t FROM ivoa.obscore"),
    (
        CellProbe,
        f"SELECT m.product_id, o.obs_id FROM holdings.measurement AS m JOIN ivoa.obscore AS o ON {MATCH}",
    ),
    (
        CellProbe,
        "SELECT m.product_id FROM holdings.measurement AS m WHERE EXISTS "
        f"(SELECT 1 FROM ivoa.obscore AS o WHERE {MATCH}) AND m.peak > 0.5",
    ),
    (
        PairProbe,
        "SELECT m.product_id, n.product_id FROM "
        + TWO
        + "DISTANCE(POINT(m.peak_ra, m.peak_dec), POINT(n.peak_ra, n.peak_dec)) < 0.2",
    ),
    (
        PairProbe,
        "SELECT m.product_id, o.obs_id FROM holdings.measurement AS m JOIN ivoa.obscore AS o "
        "ON 1 = CONTAINS(POINT(m.peak_ra, m.peak_dec), o.s_region)",
    ),
    (
        PairProbe,
        "SELECT u.n, o.obs_id, INTERSECTS(CIRCLE(u.ra, u.dec, 0.001), o.s_region) AS t "
        "FROM tap_upload.u, ivoa.obscore AS o",
    ),
    (
        ValueProbe,
        "SELECT product_id, INTERSECTS(CIRCLE(peak_ra, peak_dec, 0.2), "
        "POLYGON(10, 20, 10.5, 20, 10.5, 20.5, 10, 20.5)) AS t FROM holdings.measurement",
    ),
    (ValueProbe, "SELECT obs_id FROM ivoa.obscore WHERE 1 = CONTAINS(CIRCLE(s_ra, s_dec, 0.002), s_region)"),
    (
        ValueProbe,
        "SELECT obs_id FROM ivoa.obscore WHERE NOT 1 = CONTAINS(CIRCLE(s_ra, s_dec, 0.002), s_region)",
    ),
    (
        MeasureProbe,
        "SELECT product_id, AREA(POLYGON(peak_ra, peak_dec, peak_ra + 1, peak_dec, peak_ra, peak_dec + 1)) "
        "AS a FROM holdings.measurement",
    ),
    (
        KeptProbe,
        "SELECT r.c, o.obs_id FROM (SELECT TOP 100 repair_id AS k, confidence AS c FROM holdings.repair) "
        "AS r JOIN ivoa.obscore AS o ON DISTANCE(POINT(r.c * 20, 20), POINT(o.s_ra, o.s_dec)) < 0.5",
    ),
]
UPLOADS = (upload_of("u", pa.table({"n": range(3), "ra": [10.0, 10.3, 190.0], "dec": [20.0, 20.1, -20.0]})),)


def blind(contents: dict[str, pa.Table]) -> dict[str, pa.Table]:
    """The same rows without what somebody unknown may not see at NOW."""
    restricted = {column.name for column in published()["holdings.measurement"].columns if column.restricted}
    measurement, obscore = contents["holdings.measurement"], contents["ivoa.obscore"]
    kept = contents["holdings.repair"]
    seen = pc.or_(pc.is_null(kept["origin"]), is_open(kept))
    public = footprint_ids(obscore["s_region"].combine_chunks())
    return {
        **contents,
        "holdings.measurement": masked(measurement, dict.fromkeys(restricted)),
        "ivoa.obscore": masked(
            obscore, {"_region_measured": None, "_shape_measured": None, "_footprint_id": public}
        ),
        "holdings.repair": kept.filter(seen),
    }


def is_open(rows: pa.Table) -> pa.ChunkedArray:
    return pc.fill_null(pc.less_equal(rows["obs_release_date"], pa.scalar(NOW, pa.timestamp("us"))), False)


def masked(rows: pa.Table, instead: dict[str, pa.Array | None]) -> pa.Table:
    seen = is_open(rows)
    for name, other in instead.items():
        index = rows.schema.get_field_index(name)
        hidden = pa.nulls(rows.num_rows, rows[name].type) if other is None else other
        rows = rows.set_column(index, rows.schema.field(index), pc.if_else(seen, rows[name], hidden))
    return rows


@pytest.fixture(scope="module")
def blind_sky(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UnderTest]:
    with publish(tmp_path_factory.mktemp("blind-sky"), blind(rows_of_snapshot())) as snapshot:
        engine = DuckDBEngine(snapshot.engine_file, memory_bytes=MEMORY_BYTES)
        yield UnderTest("duckdb", engine, snapshot)
        engine.close()


@pytest.mark.parametrize(("kind", "query"), QUERIES)
def test_what_is_not_to_be_seen_is_not_there(
    engine_under_test: UnderTest, blind_sky: UnderTest, kind: type, query: str
) -> None:
    tables = {**published(), "tap_upload.u": UPLOADS[0].table}
    written = write(plan_query(resolve(parse(query), tables)), "duckdb")
    assert kind in {type(probe) for probe in written.probes}
    seen = engine_under_test.ask(query, uploads=UPLOADS).rows
    assert sorted(seen, key=str) == sorted(blind_sky.ask(query, uploads=UPLOADS).rows, key=str)
    everything = engine_under_test.ask(query, uploads=UPLOADS, viewer=ASTRONOMER).rows
    assert sorted(everything, key=str) != sorted(seen, key=str)


def test_a_region_that_is_hidden_is_unknown(engine_under_test: UnderTest) -> None:
    # 0 would tell that there is one
    seen = "SELECT COUNT(*) FROM ivoa.obscore WHERE s_region IS NULL"
    tested = "SELECT COUNT(*) FROM ivoa.obscore WHERE INTERSECTS(s_region, CIRCLE(10, 20, 0.001)) IS NULL"
    assert engine_under_test.ask(seen).rows == engine_under_test.ask(tested).rows


def one_closed(table: str, key: str, value: str, rights: Rights) -> str:
    """The key of a row that is not to be seen, with a value above 0."""
    for row in rows_of_snapshot()[table].to_pylist():
        closed = row["origin"] and not rights.is_open(row["origin"], row["obs_release_date"], NOW)
        if closed and (row[value] or 0.0) > 0.001:
            return str(row[key])
    raise AssertionError("the small sky has no such row")


@pytest.mark.parametrize(
    ("table", "key", "value", "rights"),
    [
        ("holdings.repair", "repair_id", "confidence", Rights(False)),
        ("holdings.measurement", "product_id", "peak", Rights(False)),
        ("holdings.measurement", "product_id", "peak", Rights(True)),
    ],
)
def test_what_is_not_to_be_seen_breaks_no_query(
    engine_under_test: UnderTest, table: str, key: str, value: str, rights: Rights
) -> None:
    # an error would tell that there is a row, and names the value that it met
    name, broken = one_closed(table, key, value, rights), f"CAST({value} * 1e300 AS INTEGER) > 0"
    for where in (f"{key} = '{name}' AND {broken}", f"{broken} AND {key} LIKE '{name}'"):
        query = f"SELECT COUNT(*) AS n FROM {table} WHERE {where}"
        assert engine_under_test.ask(query, rights=rights).rows == [(0,)]
        with pytest.raises(EngineError):
            engine_under_test.ask(query, viewer=ASTRONOMER)


@pytest.mark.parametrize("rights", [Rights(False), Rights(True)])
def test_marked_rows_are_there_from_their_release_on(engine_under_test: UnderTest, rights: Rights) -> None:
    kept = rows_of_snapshot()["holdings.repair"].to_pylist()
    seen = [
        row["repair_id"]
        for row in kept
        if row["origin"] is None or rights.is_open(row["origin"], row["obs_release_date"], NOW)
    ]
    rows = engine_under_test.ask("SELECT repair_id FROM holdings.repair", rights=rights).rows
    assert sorted(row[0] for row in rows) == sorted(seen)
    assert any(row["origin"] and row["repair_id"] in seen for row in kept)
