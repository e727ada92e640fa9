"""One rule in Python and in SQL; restricted columns show nothing in any position of a query."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tap_schema import Column, Table
from vo_service.access import (
    ANONYMOUS,
    PUBLIC,
    READ_ALL,
    ColumnSources,
    Rights,
    Viewer,
    link_expression,
    rights_expression,
)
from vo_service.adql import parse, plan_query, resolve, write

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
CLOSED, OPEN = Rights(unlisted_open=False), Rights(unlisted_open=True)
READER = Viewer("somebody", frozenset({READ_ALL}))


@pytest.mark.parametrize(
    ("origin", "released", "rights", "is_public"),
    [
        ("archive", datetime(2026, 3, 1, 11, 59, 59), CLOSED, True),
        ("archive", datetime(2026, 3, 1, 12, 0, 0), CLOSED, True),
        ("archive", datetime(2026, 3, 1, 12, 0, 1), CLOSED, False),
        ("archive", None, CLOSED, False),
        ("archive", None, OPEN, False),
        ("both", None, OPEN, False),
        (None, None, OPEN, False),
        ("file", None, CLOSED, False),
        ("file", None, OPEN, True),
        ("file", datetime(3000, 1, 1), OPEN, False),
    ],
)
def test_the_rule(origin: str | None, released: datetime | None, rights: Rights, is_public: bool) -> None:
    assert rights.is_open(origin, released, NOW) is is_public
    assert rights.may_read(ANONYMOUS, origin, released, NOW) is is_public
    assert rights.may_read(READER, origin, released, NOW)


moments = st.datetimes(datetime(2026, 3, 1), datetime(2026, 3, 2)) | st.datetimes(
    datetime(1990, 1, 1), datetime(3000, 1, 2)
)
zones = st.none() | st.integers(-14, 14).map(lambda hours: timezone(timedelta(hours=hours)))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["file", "archive", "both", None]), st.none() | moments), min_size=1),
    moments,
    zones,
    st.booleans(),
)
def test_python_and_sql_say_the_same(
    rows: list[tuple[str | None, datetime | None]], now: datetime, zone: timezone | None, unlisted: bool
) -> None:
    rights = Rights(unlisted)
    asked = now if zone is None else now.replace(tzinfo=zone)
    # one row exactly at the moment itself
    at_once = asked if zone is None else asked.astimezone(UTC).replace(tzinfo=None)
    rows = [*rows, ("archive", at_once)]
    table = pa.table(
        {
            "origin": pa.array([row[0] for row in rows], pa.string()),
            "obs_release_date": pa.array([row[1] for row in rows], pa.timestamp("us")),
        }
    )
    sql = rights_expression(rights, asked).sql(dialect="duckdb")
    with duckdb.connect() as database:
        database.register("t", table)
        found = [row[0] for row in database.execute(f"SELECT {sql} FROM t").fetchall()]
    assert found == [rights.word(origin, released, asked) for origin, released in rows]
    assert found[-1] == PUBLIC


def test_links_are_made_below_the_base_address() -> None:
    paths = ["files/a-1", "https://archive.example/dl?ID=1", "http://archive.example/x", None, "httpd-logs/a"]
    sql = link_expression("https://vo.example/base").sql(dialect="duckdb")
    with duckdb.connect() as database:
        database.register("t", pa.table({"_access_path": paths}))
        found = [row[0] for row in database.execute(f"SELECT {sql} FROM t").fetchall()]
    assert found == [
        "https://vo.example/base/files/a-1",
        "https://archive.example/dl?ID=1",
        "http://archive.example/x",
        None,
        "https://vo.example/base/httpd-logs/a",
    ]


def column(name: str, datatype: str, **facts: Any) -> Column:
    plain: dict[str, Any] = dict.fromkeys(("arraysize", "xtype", "unit", "ucd", "utype"))
    return Column(name=name, datatype=datatype, description=name, **{**plain, **facts})


CUBE = Table(
    schema="lab",
    name="cube",
    description="cubes with a measured peak",
    utype=None,
    table_type="table",
    index=1,
    columns=(
        column("name", "char", arraysize="*"),
        column("peak", "double", restricted=True),
        column("obs_release_date", "char", arraysize="*", xtype="timestamp"),
        column("origin", "char", arraysize="*"),
        column("data_rights", "char", arraysize="*", computed="rights"),
    ),
)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Any:
    opened = duckdb.connect(str(Path(tmp_path_factory.mktemp("lab")) / "holdings.duckdb"))
    opened.execute("CREATE SCHEMA lab")
    opened.execute(
        "CREATE TABLE lab.cube AS SELECT * FROM (VALUES "
        "('public', 1.5, TIMESTAMP '2020-01-01', 'archive'), "
        "('secret', 99.0, TIMESTAMP '2030-01-01', 'archive'), "
        "('undated', 77.0, NULL, 'archive')) AS v (name, peak, obs_release_date, origin)"
    )
    yield opened
    opened.close()


def ask(database: Any, adql: str, viewer: Viewer) -> list[tuple[Any, ...]]:
    tables = {"lab.cube": CUBE}
    plan = plan_query(resolve(parse(adql), tables))
    sources = ColumnSources(tables, viewer, CLOSED, NOW, "https://vo.example")
    found: list[tuple[Any, ...]] = database.execute(write(plan, "duckdb", sources).sql).fetchall()
    return found


@pytest.mark.parametrize(
    ("adql", "anonymous", "reader"),
    [
        ("SELECT name, peak FROM lab.cube ORDER BY name", 1, 3),
        ("SELECT name FROM lab.cube WHERE peak > 50", 0, 2),
        ("SELECT name FROM lab.cube WHERE peak IS NOT NULL", 1, 3),
        ("SELECT name FROM lab.cube WHERE NOT (peak < 50)", 0, 2),
        ("SELECT peak FROM lab.cube GROUP BY peak HAVING peak > 50", 0, 2),
        ("SELECT a.name FROM lab.cube AS a JOIN lab.cube AS b ON a.peak = b.peak", 1, 3),
        ("SELECT c.name FROM (SELECT name, peak FROM lab.cube) AS c WHERE c.peak > 50", 0, 2),
    ],
)
def test_restricted_columns_are_null_in_every_position(
    database: Any, adql: str, anonymous: int, reader: int
) -> None:
    def known(rows: list[tuple[Any, ...]]) -> int:
        return sum(all(value is not None for value in row) for row in rows)

    assert known(ask(database, adql, ANONYMOUS)) == anonymous
    assert known(ask(database, adql, READER)) == reader


def test_aggregates_and_sorting_leak_nothing(database: Any) -> None:
    measures = "SELECT COUNT(peak), MAX(peak), AVG(peak), COUNT(*) FROM lab.cube"
    assert ask(database, measures, ANONYMOUS) == [(1, 1.5, 1.5, 3)]
    assert ask(database, measures, READER) == [(3, 99.0, pytest.approx(177.5 / 3), 3)]
    # both hidden values sort alike: only the name decides
    names = ask(database, "SELECT name FROM lab.cube ORDER BY peak DESC, name", ANONYMOUS)
    assert [row[0] for row in names] == ["secret", "undated", "public"]


def test_whoever_may_read_all_sees_the_rights_as_they_are(database: Any) -> None:
    for viewer in (ANONYMOUS, READER):
        found = ask(database, "SELECT name, data_rights FROM lab.cube ORDER BY name", viewer)
        assert found == [("public", "Public"), ("secret", "Proprietary"), ("undated", "Proprietary")]
