"""Asking end to end on a published snapshot: types, limits, rights by the clock, exact footprints."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tap_schema import published
from vo_service.access import ANONYMOUS, READ_ALL, Rights, Viewer
from vo_service.adql import AdqlError
from vo_service.engines import DuckDBEngine, Limits, QueryCancelled, QueryFailed, QueryTimeout
from vo_service.query import Answer, Context, Plans, Question, ask, upload_of
from vo_service.query.stopping import Stop
from vo_service.sky import Circle, footprint_ids, healpix29, measures_of, parse_region, unit_vectors
from vo_service.store import Catalogue, Snapshot, Snapshots

ROWS = 300
RELEASE = datetime(2026, 1, 1)
LIMITS = Limits(seconds=20.0, batch_rows=64)


@dataclass(frozen=True)
class Archive:
    """A published snapshot with an engine open on it."""

    snapshot: Snapshot
    engine: DuckDBEngine

    def ask(self, adql: str, maxrec: int | None = None, **changes: Any) -> AbstractContextManager[Answer]:
        circumstances: dict[str, Any] = {
            "viewer": ANONYMOUS,
            "now": RELEASE.replace(tzinfo=UTC),
            "base_url": "https://vo.example/base",
            "limits": LIMITS,
            "rights": Rights(),
        }
        context = Context(**{**circumstances, **changes})
        return ask(Question(adql, maxrec), context, self.snapshot, self.engine)

    def column(self, adql: str, **changes: Any) -> list[Any]:
        with self.ask(adql, **changes) as answer:
            return [value for batch in answer.batches for value in batch.column(0).to_pylist()]


def region_of(row: int, lon: float, lat: float) -> str | None:
    if row % 13 == 4:
        return None
    if row % 2:
        return f"Circle ICRS {lon:.6f} {lat:.6f} {0.01 + 0.05 * (row % 5):.6f}"
    corners = [(lon + dx, lat + dy) for dx, dy in ((-0.3, -0.1), (0.3, -0.1), (0.3, 0.1), (-0.3, 0.1))]
    return "Polygon ICRS " + " ".join(f"{x:.6f} {y:.6f}" for x, y in corners)


def obscore_rows() -> pa.Table:
    """Rows round (40, -10); every third row file, archive, both; released round the day of RELEASE."""
    random = np.random.default_rng(3)
    lon, lat = 40 + random.normal(0, 0.6, ROWS), -10 + random.normal(0, 0.6, ROWS)
    texts = pa.array([region_of(i, a, b) for i, (a, b) in enumerate(zip(lon, lat))], pa.string())
    vectors = unit_vectors(lon, lat)
    columns: dict[str, Any] = {
        "obs_publisher_did": [f"ivo://x/{i:03d}" for i in range(ROWS)],
        "obs_id": [f"{i:03d}" for i in range(ROWS)],
        "obs_collection": ["ALMA"] * ROWS,
        "calib_level": [2] * ROWS,
        "s_ra": lon,
        "s_dec": lat,
        "s_region": texts,
        "t_exptime": [float(i) for i in range(ROWS)],
        "origin": [("file", "archive", "both")[i % 3] for i in range(ROWS)],
        "obs_release_date": [None if i % 10 == 0 else RELEASE + timedelta(days=i - 150) for i in range(ROWS)],
        "em_support": [[1e-3, 1.1e-3]] * ROWS,
        "_hpx29": healpix29(lon, lat),
        "_ux": vectors[:, 0],
        "_uy": vectors[:, 1],
        "_uz": vectors[:, 2],
        "_footprint_id": footprint_ids(texts),
        "_access_path": [f"files/{i}" if i % 3 == 0 else f"https://archive.example/{i}" for i in range(ROWS)],
    }
    schema = published()["ivoa.obscore"].arrow_schema()
    return pa.table(
        [_typed(columns.get(field.name, [None] * ROWS), field.type) for field in schema], schema=schema
    )


def _typed(values: Any, kind: pa.DataType) -> pa.Array:
    return values.cast(kind) if isinstance(values, pa.Array) else pa.array(values, kind)


def footprint_rows(rows: pa.Table) -> pa.Table:
    texts = rows["s_region"].combine_chunks().drop_null()
    caps = measures_of(texts)
    lon = np.degrees(np.arctan2(caps["y"], caps["x"])) % 360
    lat = np.degrees(np.arcsin(caps["z"]))
    return pa.table(
        {
            "footprint_id": footprint_ids(texts),
            "hpx29": healpix29(lon, lat),
            **{f"cap_{axis}": caps[axis] for axis in "xyzr"},
            "area": caps["area"],
            "centre_lon": caps["lon"],
            "centre_lat": caps["lat"],
            "region": texts,
        }
    )


@pytest.fixture(scope="module")
def rows() -> pa.Table:
    return obscore_rows()


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory, rows: pa.Table) -> Iterator[Archive]:
    home: Path = tmp_path_factory.mktemp("query")
    catalogue = Catalogue.open_in(home)
    snapshots = Snapshots(home, catalogue)
    with snapshots.writer("a test", 0.0):
        draft = snapshots.draft()
        draft.change("ivoa.obscore", insert=rows)
        draft.change("_hidden.footprint", insert=footprint_rows(rows))
        snapshot = snapshots.publish(draft, None)
    engine = DuckDBEngine(snapshot.engine_file, memory_bytes=200_000_000)
    yield Archive(snapshot, engine)
    engine.close()
    snapshots.close()
    catalogue.close()


def test_every_column_comes_with_the_type_it_declares(archive: Archive) -> None:
    with archive.ask("SELECT * FROM ivoa.obscore") as answer:
        assert [column.name for column in answer.columns] == [
            column.name for column in published()["ivoa.obscore"].listed
        ]
        batches = list(answer.batches)
        assert answer.snapshot == archive.snapshot.number
    assert sum(batch.num_rows for batch in batches) == ROWS
    for batch in batches:
        assert batch.schema.types == [column.arrow_type for column in answer.columns]


@pytest.mark.parametrize(
    ("maxrec", "rows_wanted", "overflowed"),
    [
        (None, 300, False),
        (301, 300, False),
        (300, 300, False),
        (299, 299, True),
        (64, 64, True),
        (1, 1, True),
    ],
)
def test_maxrec_cuts_and_says_so(
    archive: Archive, maxrec: int | None, rows_wanted: int, overflowed: bool
) -> None:  # DALI-062
    with archive.ask("SELECT obs_id FROM ivoa.obscore", maxrec) as answer:
        assert sum(batch.num_rows for batch in answer.batches) == rows_wanted
        assert answer.overflowed is overflowed


def test_maxrec_zero_gives_columns_alone(archive: Archive) -> None:  # DALI-063
    with archive.ask("SELECT s_ra, COUNT(*) AS n FROM ivoa.obscore GROUP BY s_ra", 0) as answer:
        assert [column.name for column in answer.columns] == ["s_ra", "n"]
        assert answer.columns[0].unit == "deg"
        assert list(answer.batches) == []
        assert answer.overflowed


def test_top_below_maxrec_is_no_overflow(archive: Archive) -> None:
    with archive.ask("SELECT TOP 5 obs_id FROM ivoa.obscore", 100) as answer:
        assert sum(batch.num_rows for batch in answer.batches) == 5
        assert not answer.overflowed


@pytest.mark.parametrize("days", [-40, 0, 1, 100])
@pytest.mark.parametrize("unlisted_open", [False, True])
def test_rights_go_by_the_moment_of_the_query(
    archive: Archive, rows: pa.Table, days: int, unlisted_open: bool
) -> None:
    now = RELEASE + timedelta(days=days)
    rights = Rights(unlisted_open)
    expected = sorted(
        row["obs_id"]
        for row in rows.select(["obs_id", "origin", "obs_release_date"]).to_pylist()
        if rights.is_open(row["origin"], row["obs_release_date"], now)
    )
    assert 0 < len(expected) < ROWS
    adql = "SELECT obs_id FROM ivoa.obscore WHERE data_rights = 'Public' ORDER BY obs_id"
    assert archive.column(adql, now=now, rights=rights) == expected
    counted = "SELECT COUNT(*) FROM ivoa.obscore WHERE data_rights <> 'Public'"
    assert archive.column(counted, now=now, rights=rights) == [ROWS - len(expected)]


def test_a_plan_that_is_kept_keeps_no_rights_and_no_address(archive: Archive) -> None:
    plans = Plans()
    public = "SELECT COUNT(*) FROM ivoa.obscore WHERE data_rights = 'Public'"
    counts = [
        archive.column(public, plans=plans, now=(RELEASE + timedelta(days=days)).replace(tzinfo=UTC))[0]
        for days in (-200, 0, 0, 400)
    ]
    assert counts[0] < counts[1] == counts[2] < counts[3]
    link = "SELECT access_url FROM ivoa.obscore WHERE obs_id = '000'"
    for address in ("https://vo.example/base", "http://localhost:8000"):
        assert archive.column(link, plans=plans, base_url=address) == [f"{address}/files/0"]


def test_links_are_made_at_the_address_of_the_query(archive: Archive) -> None:
    adql = "SELECT TOP 2 access_url FROM ivoa.obscore WHERE obs_id < '002' ORDER BY obs_id"
    assert archive.column(adql) == ["https://vo.example/base/files/0", "https://archive.example/1"]
    moved = archive.column(adql, base_url="http://localhost:8000")
    assert moved == ["http://localhost:8000/files/0", "https://archive.example/1"]
    # OBS-011: they can be asked for, too
    found = "SELECT obs_id FROM ivoa.obscore WHERE access_url = 'https://vo.example/base/files/0'"
    assert archive.column(found) == ["000"]


@pytest.mark.parametrize(
    ("condition", "test"),
    [
        (
            "1 = INTERSECTS(CIRCLE(40.1, -10.2, 0.4), s_region)",
            lambda f: f.intersects(Circle(40.1, -10.2, 0.4)),
        ),
        ("1 = CONTAINS(s_region, CIRCLE(40.1, -10.2, 0.6))", lambda f: Circle(40.1, -10.2, 0.6).covers(f)),
        (
            "1 = CONTAINS(POINT(40.1, -10.2), s_region)",
            lambda f: bool(f.contains(unit_vectors(40.1, -10.2))[0]),
        ),
    ],
)
def test_footprints_are_settled_exactly(archive: Archive, rows: pa.Table, condition: str, test: Any) -> None:
    expected = sorted(
        row["obs_id"]
        for row in rows.select(["obs_id", "s_region"]).to_pylist()
        if row["s_region"] is not None and test(parse_region(row["s_region"]))
    )
    assert 0 < len(expected) < ROWS
    assert archive.column(f"SELECT obs_id FROM ivoa.obscore WHERE {condition} ORDER BY obs_id") == expected


def test_errors_pass_through(archive: Archive) -> None:
    with (
        pytest.raises(AdqlError, match="s_resolution") as unknown,
        archive.ask("SELECT s_resolutoin FROM ivoa.obscore"),
    ):
        pass
    assert (unknown.value.line, unknown.value.column) == (1, 8)
    with pytest.raises(AdqlError), archive.ask("SELECT footprint_id FROM _hidden.footprint"):
        pass
    with pytest.raises(AdqlError), archive.ask("SELECT _hpx29 FROM ivoa.obscore"):
        pass
    slow = "SELECT COUNT(*) FROM ivoa.obscore a, ivoa.obscore b, ivoa.obscore c, ivoa.obscore d"
    slow += " WHERE a.t_exptime * b.t_exptime + c.t_exptime * d.t_exptime > 7"
    with pytest.raises(QueryTimeout):
        archive.column(slow, limits=Limits(0.3, 64))


def test_an_answer_can_be_cancelled(archive: Archive) -> None:
    with (
        pytest.raises(QueryCancelled),
        archive.ask("SELECT a.obs_id FROM ivoa.obscore a, ivoa.obscore b, ivoa.obscore c") as answer,
    ):
        next(answer.batches)
        answer.cancel()
        for _ in answer.batches:
            pass


def test_an_answer_cancelled_before_it_is_read_runs_nothing(archive: Archive) -> None:
    # the first statement of this one is its probe
    adql = "SELECT obs_id FROM ivoa.obscore WHERE 1 = INTERSECTS(CIRCLE(40.1, -10.2, 0.4), s_region)"
    with archive.ask(adql) as answer:
        answer.cancel()
        with pytest.raises(QueryCancelled):
            next(answer.batches)


def test_a_stop_ends_what_runs_and_nothing_that_has_ended() -> None:
    calls: list[str] = []
    stop = Stop()
    with stop.ending(lambda: calls.append("first")):
        pass
    with stop.ending(lambda: calls.append("second")):
        stop.ask()
    assert calls == ["second"]
    with pytest.raises(QueryCancelled), stop.ending(lambda: calls.append("third")):
        calls.append("ran")
    assert calls == ["second"]


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("CAST(obs_id || 'x' AS INTEGER)", r"the text '.*x' is not an INTEGER"),
        ("-CAST(-2147483648 AS INTEGER)", r"the number 2147483648 is beyond the column's type .*"),
    ],
)
def test_a_value_that_cannot_be_computed_is_named(archive: Archive, expression: str, reason: str) -> None:
    with pytest.raises(QueryFailed) as caught:
        archive.column(f"SELECT {expression} AS v FROM ivoa.obscore")
    assert re.fullmatch(reason, caught.value.reason or "")


FOUND = "1 = INTERSECTS({}.s_region, CIRCLE(40, -10, 0.4))"
JOINS = {
    "by position": "ivoa.obscore AS a JOIN tap_upload.t AS t"
    " ON 1 = CONTAINS(POINT(a.s_ra, a.s_dec), CIRCLE(t.ra, t.dec, 0.0001))",
    "by distance": "tap_upload.t AS t JOIN ivoa.obscore AS a"
    " ON DISTANCE(POINT(a.s_ra, a.s_dec), POINT(t.ra, t.dec)) < 0.0001",
    "by shapes": "ivoa.obscore AS a JOIN tap_upload.t AS t"
    " ON 1 = INTERSECTS(a.s_region, CIRCLE(t.ra, t.dec, 0.0001)) AND a.obs_id = t.obs_id",
    "plain": "ivoa.obscore AS a JOIN tap_upload.t AS t ON a.obs_id = t.obs_id",
    "one side": "ivoa.obscore AS a LEFT JOIN tap_upload.t AS t ON a.obs_id = t.obs_id",
}


@pytest.mark.parametrize("source", JOINS.values(), ids=JOINS)
@pytest.mark.parametrize("scopes", [frozenset(), frozenset({READ_ALL})], ids=["anybody", "all rights"])
def test_footprints_of_rows_that_are_matched_with_an_upload(
    archive: Archive, rows: pa.Table, source: str, scopes: frozenset[str]
) -> None:
    # rows are found by their numbers, which what the plan makes of a table has not
    circle = Circle(40.0, -10.0, 0.4)
    regions = zip(rows["obs_id"].to_pylist(), rows["s_region"].to_pylist())
    expected = sorted(name for name, text in regions if text and parse_region(text).intersects(circle))
    upload = upload_of("t", pa.table({"obs_id": rows["obs_id"], "ra": rows["s_ra"], "dec": rows["s_dec"]}))
    question = Question(f"SELECT a.obs_id FROM {source} WHERE {FOUND.format('a')}", uploads=(upload,))
    now = RELEASE.replace(tzinfo=UTC)
    context = Context(Viewer("someone", scopes), now, "https://vo.example", LIMITS, Rights())
    with ask(question, context, archive.snapshot, archive.engine) as answer:
        found = [value for batch in answer.batches for value in batch.column(0).to_pylist()]
    assert 0 < len(expected) < ROWS
    assert sorted(found) == expected
