"""The service on PostgreSQL, as processes: ingest, harvest, serve; the same answers as on DuckDB."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import httpx
import numpy as np
import psycopg
import pytest
import pyvo
import requests
from astropy.table import Table
from postgres_cluster import Database
from service_processes import run_command, running_server

from capabilities.examples import examples
from vo_service.app import create_app
from vo_service.engines.postgresql_loader import LOCK
from vo_service.settings import Settings

MORE = (
    "SELECT * FROM ivoa.obscore ORDER BY obs_publisher_did",
    "SELECT * FROM holdings.product ORDER BY product_id",
    "SELECT * FROM tap_schema.columns ORDER BY table_name, column_index",
    "SELECT proposal_id, COUNT(*) AS n, AVG(s_resolution) AS r, MAX(t_max) AS t FROM ivoa.obscore "
    "GROUP BY proposal_id ORDER BY proposal_id",
    "SELECT a.obs_publisher_did, b.obs_publisher_did AS other FROM ivoa.obscore AS a JOIN ivoa.obscore AS b "
    "ON DISTANCE(POINT(a.s_ra, a.s_dec), POINT(b.s_ra, b.s_dec)) < 0.1 ORDER BY 1, 2",
    "SELECT TOP 7 obs_publisher_did FROM ivoa.obscore WHERE INTERSECTS(CIRCLE(180, 0, 89), s_region) = 1 "
    "ORDER BY obs_publisher_did",
)


@dataclass(frozen=True)
class Place:
    """A home directory, its sample, and the environment that leads to its database."""

    home: Path
    sample: Path
    environment: dict[str, str]


def environment_of(database: Database) -> dict[str, str]:
    return {
        "VO_SERVICE_ENGINE": "postgresql",
        "VO_SERVICE_POSTGRESQL_URL": database.owner_url,
        "VO_SERVICE_POSTGRESQL_READER_URL": database.reader_url,
        "VO_SERVICE_POSTGRESQL_CONNECTIONS": "3",
    }


@pytest.fixture(scope="module")
def place(make_database: Callable[[], Database], tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A home whose snapshots were loaded into PostgreSQL as they were published."""
    directory = tmp_path_factory.mktemp("postgresql")
    made = Place(directory / "home", directory / "sample", environment_of(make_database()))
    run_command(made.home, "sample", str(made.sample), "--seed", "3", "--products", "12")
    for command in (
        ("ingest", str(made.sample / "products"), "--no-pixels"),
        ("harvest", str(made.sample / "archive.vot")),
        ("ingest", str(made.sample / "products"), "--keep", "1"),
    ):
        done = run_command(made.home, *command, **made.environment)
        assert "PostgreSQL" not in done.stderr
    return made


@pytest.fixture(scope="module")
def on_postgresql(place: Place) -> Iterator[str]:
    """Address of the service on PostgreSQL, with two workers."""
    with running_server(place.home, **place.environment) as address:
        yield address


@pytest.fixture(scope="module")
def on_duckdb(place: Place) -> Iterator[str]:
    """Address of the service on DuckDB, on the same home."""
    with running_server(place.home, workers=1) as address:
        yield address


def ask(address: str, adql: str) -> Table:
    return pyvo.dal.TAPService(f"{address}/tap").search(adql, maxrec=10000).to_table()


def plain(table: Table) -> list[tuple[Any, ...]]:
    """Rows to be compared: null is None, numbers to the last digits but two, links without the address."""

    def value(cell: Any) -> Any:
        if cell is np.ma.masked:
            return None
        if isinstance(cell, np.ndarray):
            return tuple(np.ma.asarray(cell).tolist())
        if isinstance(cell, np.floating | float):
            return None if np.isnan(cell) else float(f"{float(cell):.13g}")
        return str(cell).partition("/files/")[2] or str(cell)

    return [tuple(value(cell) for cell in row) for row in table]


@pytest.mark.parametrize("adql", [*(one.query for one in examples()), *MORE])
def test_answers_are_those_of_duckdb(on_postgresql: str, on_duckdb: str, adql: str) -> None:
    one, other = ask(on_postgresql, adql), ask(on_duckdb, adql)
    assert one.colnames == other.colnames
    for name in one.colnames:
        assert (one[name].dtype.kind, one[name].unit) == (other[name].dtype.kind, other[name].unit)
    ordered = "ORDER BY" in adql
    assert (plain(one) if ordered else sorted(plain(one), key=repr)) == (
        plain(other) if ordered else sorted(plain(other), key=repr)
    )


def test_queries_that_fail_are_told_as_on_duckdb(on_postgresql: str, on_duckdb: str) -> None:
    for adql in (
        "SELECT CAST(obs_id AS INTEGER) AS n FROM ivoa.obscore",
        "SELECT nothing FROM ivoa.obscore",
        "SELECT TOP 1 s_ra FROM s1_ivoa.obscore",
    ):
        answers = [
            requests.get(
                f"{address}/tap/sync",
                params={"LANG": "ADQL", "QUERY": adql},
                timeout=20,
            )
            for address in (on_postgresql, on_duckdb)
        ]
        assert [answer.status_code for answer in answers] == [400, 400], answers[0].text
        one, other = (re.sub(r"Request: \w+", "", answer.text) for answer in answers)
        assert one == other


def test_only_the_newest_snapshot_is_kept(place: Place) -> None:
    snapshots = [int(one.name) for one in (place.home / "snapshots").iterdir() if one.name.isdigit()]
    assert len(snapshots) == 1
    done = run_command(place.home, "runs", **place.environment)
    assert done.returncode == 0


def test_a_home_that_was_filled_before_is_loaded_by_the_server(
    place: Place, make_database: Callable[[], Database], tmp_path: Path, on_duckdb: str
) -> None:
    home = tmp_path / "home"
    shutil.copytree(place.home, home, ignore=shutil.ignore_patterns("spill", "writer.lock"))
    adql = "SELECT obs_publisher_did FROM ivoa.obscore ORDER BY obs_publisher_did"
    with running_server(home, **environment_of(make_database())) as address:
        assert plain(ask(address, adql)) == plain(ask(on_duckdb, adql))


def test_a_database_that_is_away_is_a_plain_sentence(place: Place, tmp_path: Path) -> None:
    away = {name: value.replace("%2Fvo-pg-", "%2Faway-") for name, value in place.environment.items()}
    touched = next(iter((place.sample / "products").rglob("*.fits")))
    shutil.copy(touched, tmp_path / "new.fits")
    done = run_command(place.home, "ingest", str(tmp_path), "--no-pixels", check=False, **away)
    assert done.returncode == 1
    assert "could not be loaded into PostgreSQL" in done.stderr
    assert "Traceback" not in done.stderr
    wrong = {**place.environment, "VO_SERVICE_POSTGRESQL_READER_URL": ""}
    done = run_command(place.home, "runs", check=False, **wrong)
    assert done.returncode == 2
    assert "postgresql_reader_url" in done.stderr


def test_while_data_are_loaded_the_service_says_so(
    place: Place, make_database: Callable[[], Database], tmp_path: Path
) -> None:
    home = tmp_path / "home"
    shutil.copytree(place.home, home, ignore=shutil.ignore_patterns("spill", "writer.lock"))
    database = make_database()
    settings = Settings.load(home, environment_of(database))
    query = {"LANG": "ADQL", "QUERY": "SELECT COUNT(*) AS n FROM ivoa.obscore", "FORMAT": "csv"}
    app = create_app(settings)

    async def talk() -> None:
        transport = httpx.ASGITransport(app=app)
        with psycopg.connect(database.owner_url, autocommit=True) as holder:
            holder.execute("SELECT pg_advisory_lock(%s)", [LOCK])  # somebody else is loading
            async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
                answer = await client.get("/tap/sync", params=query)
                assert answer.status_code == 503
                assert "The service is loading its data." in answer.text
                assert (await client.get("/healthz")).json()["note"] == "The service is loading its data."
                holder.close()
                deadline = time.monotonic() + 60
                while answer.status_code == 503:
                    assert time.monotonic() < deadline
                    await anyio.sleep(0.2)
                    answer = await client.get("/tap/sync", params=query)
                assert answer.text.startswith("n\r\n")

    try:
        anyio.run(talk)
    finally:
        app.state.close()
