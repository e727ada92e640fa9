"""Plans of the engines at 200,000 rows: indexes and hash joins, never all rows or all pairs."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from two_engines import Engines, TwoEngines

from tap_schema import published
from vo_service.access import ANONYMOUS, Rights
from vo_service.adql import parse, plan_query, resolve
from vo_service.adql.nodes.planned import Linked, LinkedTable, PairsTest, RowTest
from vo_service.adql.nodes.resolved import Both, Either, Narrowed, Selected
from vo_service.adql.planning.sides import conjuncts, parts_of
from vo_service.engines import Engine, Limits
from vo_service.query import Context, Question, Upload, ask, engine_plan, upload_of
from vo_service.sky import caps_of, footprint_ids, healpix29, unit_vectors

ROWS, FIELDS = 200_000, 4_000
LIMITS = Limits(60.0, 10_000)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Big:
    """Many rows on both engines."""

    both: TwoEngines
    lon: np.ndarray
    lat: np.ndarray

    @property
    def context(self) -> Context:
        return Context(ANONYMOUS, NOW, "https://x", LIMITS, Rights())

    def engine(self, name: str) -> Engine:
        return self.both.duckdb if name == "duckdb" else self.both.postgresql

    def explain(self, name: str, adql: str, *uploads: Upload) -> str:
        """The plan of an engine for the statement of a question, its probes settled."""
        question = Question(adql, 99_999, uploads=uploads)
        return engine_plan(question, self.context, self.both.snapshot, self.engine(name))

    def ids(self, name: str, adql: str, *uploads: Upload) -> list[tuple[object, ...]]:
        question = Question(adql, uploads=uploads)
        with ask(question, self.context, self.both.snapshot, self.engine(name)) as answer:
            return sorted(
                row for batch in answer.batches for row in zip(*(c.to_pylist() for c in batch.columns))
            )


@pytest.fixture(scope="module")
def big(engines: Engines) -> Big:
    random = np.random.default_rng(5)
    field_lon = random.uniform(0.0, 360.0, FIELDS)
    field_lat = np.degrees(np.arcsin(random.uniform(-1.0, 1.0, FIELDS)))
    field = random.integers(0, FIELDS, ROWS)
    lon = (field_lon[field] + random.normal(0.0, 0.01, ROWS)) % 360.0
    lat = np.clip(field_lat[field] + random.normal(0.0, 0.01, ROWS), -90.0, 90.0)
    texts = pa.array([f"Circle ICRS {a:.6f} {b:.6f} 0.02" for a, b in zip(field_lon, field_lat)])
    keys = footprint_ids(texts)
    vectors, caps = unit_vectors(lon, lat), caps_of(texts)
    taken = pa.array(field)
    columns = {
        "obs_publisher_did": pa.array([f"ivo://x/{n}" for n in range(ROWS)]),
        "obs_id": pa.array([str(n) for n in range(ROWS)]),
        "obs_collection": pa.array(["ALMA"] * ROWS),
        "origin": pa.array(["archive"] * ROWS),
        "calib_level": pa.array(np.full(ROWS, 2, np.int32)),
        "s_ra": pa.array(lon),
        "s_dec": pa.array(lat),
        "s_region": texts.take(taken),
        "_hpx29": pa.array(healpix29(lon, lat)),
        "_footprint_id": keys.take(taken),
        **{f"_u{axis}": pa.array(vectors[:, k]) for k, axis in enumerate("xyz")},
    }
    schema = published()["ivoa.obscore"].arrow_schema()
    rows = pa.table([columns.get(f.name, pa.nulls(ROWS, f.type)).cast(f.type) for f in schema], schema=schema)
    prints = published().storage["_hidden.footprint"].arrow_schema()
    made = {"footprint_id": keys, "region": texts, "hpx29": pa.array(healpix29(field_lon, field_lat))}
    made |= {f"cap_{part}": pa.array(caps[part]) for part in "xyzr"}
    known = pa.table([made.get(f.name, pa.nulls(FIELDS, f.type)) for f in prints], names=prints.names)
    return Big(engines.on({"ivoa.obscore": rows, "_hidden.footprint": known}), lon, lat)


def targets(big: Big, count: int) -> Upload:
    step = ROWS // count
    table = pa.table({"n": range(count), "ra": big.lon[::step][:count], "dec": big.lat[::step][:count]})
    return upload_of("t", table)


CONE = "SELECT obs_id FROM ivoa.obscore WHERE 1 = CONTAINS(POINT(s_ra, s_dec), CIRCLE({0}, {1}, 0.05))"
BOX = (
    "SELECT obs_id FROM ivoa.obscore "
    "WHERE 1 = CONTAINS(POINT(s_ra, s_dec), POLYGON({0}, {1}, {2}, {1}, {2}, {3}))"
)
REGION = "SELECT obs_id FROM ivoa.obscore WHERE 1 = INTERSECTS(s_region, CIRCLE({0}, {1}, 0.05))"
NEAR = "DISTANCE(POINT(t.ra, t.dec), POINT(o.s_ra, o.s_dec)) < 5 / 3600."
MATCH = f"SELECT t.n, o.obs_id FROM tap_upload.t AS t JOIN ivoa.obscore AS o ON {NEAR}"
SOME = f"SELECT n FROM tap_upload.t AS t WHERE EXISTS (SELECT 1 FROM ivoa.obscore AS o WHERE {NEAR})"


@pytest.mark.parametrize("query", [CONE, BOX, REGION])
def test_postgresql_looks_constant_regions_up(big: Big, query: str) -> None:  # ADQL-160
    lon, lat = round(float(big.lon[7]), 3), round(float(big.lat[7]), 3)
    plan = big.explain("postgresql", query.format(lon, lat, lon + 0.05, lat + 0.05))
    assert "Seq Scan on obscore" not in plan, plan
    assert "Index" in plan


@pytest.mark.parametrize(("query", "count"), [(MATCH, 1000), (MATCH, 20), (SOME, 20)])
def test_postgresql_looks_matches_up(big: Big, query: str, count: int) -> None:
    plan = big.explain("postgresql", query, targets(big, count))
    assert "Seq Scan on obscore" not in plan, plan
    assert "Index" in plan


@pytest.mark.parametrize(
    "query", [MATCH, MATCH.replace("JOIN", "LEFT JOIN"), SOME, MATCH.replace("JOIN", "RIGHT JOIN")]
)
def test_duckdb_joins_by_hash(big: Big, query: str) -> None:
    plan = big.explain("duckdb", query, targets(big, 1000))
    steps = set(re.findall(r"[╭│]─? ([A-Z][\w ]+?) ─", plan))
    assert "Hash Join" in steps
    assert not {
        step for step in steps if re.search("nested|cross|block|ie join|piecewise", step, re.IGNORECASE)
    }


@pytest.mark.parametrize("engine", ["duckdb", "postgresql"])
def test_the_rows_are_those_of_a_full_scan(big: Big, engine: str) -> None:
    count = 50
    mine = targets(big, count)
    there = unit_vectors(big.lon, big.lat)
    chord = 2.0 * np.sin(np.radians(5 / 3600.0) / 2.0)
    wanted = []
    for n, place in enumerate(there[:: ROWS // count][:count]):
        away = np.sqrt(np.sum((there - place) ** 2, axis=1))
        wanted += [(n, str(k)) for k in np.flatnonzero(away < chord)]
    assert big.ids(engine, MATCH, mine) == sorted(wanted)
    assert big.ids(engine, SOME, mine) == [(n,) for n in range(count)]


# --- what is planned at all ---

PLACE = "POINT(s_ra, s_dec), CIRCLE(10, 20, 1)"
SHAPES = "s_region, CIRCLE(10, 20, 1)"


def where(condition: str) -> object:
    query = resolve(parse(f"SELECT obs_id FROM ivoa.obscore WHERE {condition}"), published())
    return plan_query(query).query.body.where  # type: ignore[union-attr]


@pytest.mark.parametrize("call", [f"CONTAINS({PLACE})", f"INTERSECTS({PLACE})", f"INTERSECTS({SHAPES})"])
@pytest.mark.parametrize(
    "phrase", ["1 = {0}", "{0} = 1", "0 < {0}", "{0} > 0", "{0} <> 0", "{0} != 0", "{0} >= 1"]
)
def test_every_phrasing_is_looked_up(call: str, phrase: str) -> None:  # ADQL-203
    assert isinstance(where(phrase.format(call)), Narrowed | Selected)


@pytest.mark.parametrize("phrase", ["NOT 1 = {0}", "0 = {0}", "1 = {0} OR obs_id = 'x'", "{0} < 1"])
@pytest.mark.parametrize("call", [f"CONTAINS({PLACE})", f"INTERSECTS({SHAPES})"])
def test_only_what_must_hold_is_looked_up(call: str, phrase: str) -> None:  # ADQL-205
    assert not any(isinstance(part, Narrowed | Selected) for part in parts_of(where(phrase.format(call))))


def test_a_distance_is_looked_up() -> None:  # ADQL-153
    condition = "DISTANCE(POINT(s_ra, s_dec), POINT(10, 20)) < 1 AND calib_level = 2"
    assert isinstance(conjuncts(where(condition))[0], Narrowed)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("operator", "narrowed"), [("1 =", True), ("0 <", True), ("0 =", False), ("1 >", False), ("0 <>", True)]
)
@pytest.mark.parametrize("name", ["line_covered", "line_covered_all"])
def test_lines_are_looked_up_by_wavelength(operator: str, narrowed: bool, name: str) -> None:
    planned = where(f"{operator} {name}('CO(2-1)', 0, 0.1, em_support)")
    assert isinstance(planned, Both) is narrowed
    if isinstance(planned, Both):
        assert isinstance(planned.terms[0], Either)


JOIN = "SELECT a.obs_id FROM ivoa.obscore AS a {0} JOIN ivoa.obscore AS b ON {1}"
SAME = "DISTANCE(POINT(a.s_ra, a.s_dec), POINT(b.s_ra, b.s_dec)) < {0}"


@pytest.mark.parametrize("kind", ["INNER", "LEFT", "RIGHT"])
@pytest.mark.parametrize(
    "condition",
    [
        SAME.format(0.1),
        SAME.format(50),
        "1 = CONTAINS(POINT(a.s_ra, a.s_dec), BOX(b.s_ra, b.s_dec, b.s_fov, 1))",
        "1 = INTERSECTS(CIRCLE(a.s_ra, a.s_dec, 1), CIRCLE(b.s_ra, b.s_dec, b.s_fov))",
        "1 = CONTAINS(a.s_region, b.s_region)",
        "1 = INTERSECTS(POLYGON(a.s_ra, a.s_dec, a.s_ra + 1, a.s_dec, a.s_ra, a.s_dec + 1), b.s_region)",
    ],
)
def test_no_join_by_position_or_shape_is_all_pairs(kind: str, condition: str) -> None:
    plan = plan_query(resolve(parse(JOIN.format(kind, condition)), published()))
    kinds = [type(part) for part in parts_of(plan.query)]
    assert kinds.count(Linked) == 1
    assert kinds.count(LinkedTable) == 1


def test_conditions_of_the_same_and_narrow_a_side() -> None:
    condition = "1 = INTERSECTS(a.s_region, b.s_region) AND a.calib_level = 2 AND b.obs_id IN ('x', 'y')"
    plan = plan_query(resolve(parse(JOIN.format("", condition)), published()))
    linked = next(part for part in parts_of(plan.query) if isinstance(part, Linked))
    assert [len(side.terms) for side in (linked.link.left, linked.link.right)] == [1, 1]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT INTERSECTS(CIRCLE(s_ra, s_dec, s_fov), s_region) AS t FROM ivoa.obscore WHERE s_fov > 1",
        "SELECT obs_id FROM ivoa.obscore WHERE s_fov > 1 "
        "ORDER BY INTERSECTS(CIRCLE(s_ra, s_dec, s_fov), s_region)",
        "SELECT COUNT(*) AS n FROM ivoa.obscore "
        "WHERE s_fov > 1 AND 1 = CONTAINS(CIRCLE(s_ra, s_dec, 1), s_region)",
    ],
)
def test_tests_of_rows_look_at_the_rows_that_are_left(query: str) -> None:
    plan = plan_query(resolve(parse(query), published()))
    found = [part for part in parts_of(plan.query) if isinstance(part, RowTest)]
    assert [len(test.side.terms) for test in found] == [1]


def test_a_term_of_an_outer_join_narrows_nothing_else() -> None:
    # the rows that the WHERE leaves out may still be what keeps a row from meeting nothing
    query = JOIN.format("LEFT", "1 = INTERSECTS(a.s_region, b.s_region)") + " WHERE b.obs_id IS NULL"
    linked = next(
        part
        for part in parts_of(plan_query(resolve(parse(query), published())).query)
        if isinstance(part, Linked)
    )
    assert linked.link.left.terms == ()


def test_pairs_that_are_shown_are_probed() -> None:
    query = (
        "SELECT INTERSECTS(a.s_region, b.s_region) AS t "
        "FROM ivoa.obscore AS a, ivoa.obscore AS b WHERE a.s_fov > 1"
    )
    plan = plan_query(resolve(parse(query), published()))
    found = [part for part in parts_of(plan.query) if isinstance(part, PairsTest)]
    assert [(len(test.left.terms), len(test.right.terms)) for test in found] == [(1, 0)]


REFUSED: list[tuple[str, str]] = [
    ("CIRCLE(a.s_ra, b.s_dec, 1)", "several tables"),
    ("CIRCLE(a.s_ra, a.s_dec, RAND())", "RAND"),
]


@pytest.mark.parametrize(("shape", "words"), REFUSED)
def test_what_has_no_plan_is_refused(refusal: Callable[[str], Exception], shape: str, words: str) -> None:
    query = (
        f"SELECT a.obs_id FROM ivoa.obscore AS a, ivoa.obscore AS b WHERE 1 = INTERSECTS({shape}, a.s_region)"
    )
    assert words in str(refusal(query))
