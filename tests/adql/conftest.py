"""The small sky in memory for tests of the compiler alone, and as a snapshot on every engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from corpus.small_sky import footprints, obscore_rows, rows_of_snapshot
from engines_under_test import PublishedSky, UnderTest
from plain_engines import PlainEngine, plain_duckdb, plain_postgresql
from shape_rows import Bench, open_bench
from sqlglot import exp
from two_engines import publish
from udf_rows import Given
from value_rows import Values, open_values

from tap_schema import Published, published
from vo_service.adql import AdqlError, Plan, parse, plan_query, resolve, write

ENGINES = ("duckdb", "postgresql")


@dataclass(frozen=True)
class Asking:
    """How probes ask the database: with the answers of the former ones, and without a clock."""

    connection: duckdb.DuckDBPyConnection
    answers: dict[str, pa.Table]
    rows: int = 100_000
    pairs: int = 200_000

    def __call__(
        self, sql: str, handed: Mapping[str, pa.Table] = MappingProxyType({})
    ) -> Iterator[pa.RecordBatch]:
        yield from self.table(sql, handed).to_batches()

    def table(self, sql: str, handed: Mapping[str, pa.Table] = MappingProxyType({})) -> pa.Table:
        tables = {**self.answers, **handed}
        for name, table in tables.items():
            self.connection.register(name, table)
        try:
            return self.connection.sql(sql).to_arrow_table()
        finally:
            for name in tables:
                self.connection.unregister(name)

    def check(self) -> None:
        """There is no clock."""


@dataclass(frozen=True)
class Sky:
    """An open database, the rows of ``ivoa.obscore`` as a table, and a way to ask."""

    connection: duckdb.DuckDBPyConnection
    tables: Published
    rows: pa.Table

    def plan(self, adql: str, limit: int | None = None) -> Plan:
        return plan_query(resolve(parse(adql), self.tables), limit)

    def text(self, adql: str) -> str:
        """The statement for DuckDB."""
        return write(self.plan(adql), "duckdb", SOURCES).sql

    def ask(self, adql: str, limit: int | None = None) -> pa.Table:
        """The answer of the whole pipeline, probes settled as ``query/`` does."""
        written = write(self.plan(adql, limit), "duckdb", SOURCES)
        answers: dict[str, pa.Table] = {}
        for probe in written.probes:
            answers[probe.name] = probe.answer(Asking(self.connection, answers))
        return Asking(self.connection, answers).table(written.sql)

    def column(self, adql: str) -> list[Any]:
        """The first column of an answer."""
        return self.ask(adql).column(0).to_pylist()

    def ids(self, condition: str) -> list[int]:
        """Row numbers for which a condition on ivoa.obscore holds."""
        return sorted(int(v) for v in self.column(f"SELECT obs_id FROM ivoa.obscore WHERE {condition}"))


SOURCES = {
    ("ivoa.obscore", "data_rights"): exp.case()
    .when(
        exp.column("obs_release_date", quoted=True)
        <= exp.cast(exp.Literal.string("2024-01-01"), "timestamp"),
        exp.Literal.string("Public"),
    )
    .else_(exp.Literal.string("Proprietary")),
    ("ivoa.obscore", "access_url"): exp.column("_access_path", quoted=True),
}


@pytest.fixture(scope="session")
def sky() -> Sky:
    """The database; read-only for tests."""
    tables = published()
    connection = duckdb.connect()
    rows = obscore_rows(tables["ivoa.obscore"], measured=False)
    for schema in ("ivoa", "holdings", "_hidden", "tap_schema"):
        connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
    for name, table in tables.storage.items():
        content = table.arrow_schema().empty_table()
        if name == "ivoa.obscore":
            content = rows
        elif name == "_hidden.footprint":
            content = footprints(table, rows)
        connection.register("incoming", content)
        connection.execute(f'CREATE TABLE "{table.schema}"."{table.name}" AS SELECT * FROM incoming')
        connection.unregister("incoming")
    return Sky(connection, tables, rows)


@pytest.fixture
def refusal(sky: Sky) -> Callable[[str], Any]:
    """The error of a query that must be refused."""

    def refuse(adql: str) -> AdqlError:
        with pytest.raises(AdqlError) as caught:
            write(sky.plan(adql), "duckdb")
        return caught.value

    return refuse


@pytest.fixture(scope="session")
def published_sky(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PublishedSky]:
    """The small sky as the snapshot of a home directory of its own."""
    home = tmp_path_factory.mktemp("small-sky")
    with publish(home, rows_of_snapshot()) as snapshot:
        yield PublishedSky(home, snapshot)


@pytest.fixture(scope="session")
def open_sky(
    request: pytest.FixtureRequest, published_sky: PublishedSky
) -> Iterator[Callable[[str], UnderTest]]:
    """Gives the small sky on an engine by its name, opened at the first call and kept for the session."""
    with ExitStack() as closing:

        @cache
        def opened(name: str) -> UnderTest:
            under_test = published_sky.on(name, request.getfixturevalue)
            closing.callback(under_test.close)
            return under_test

        yield opened


@pytest.fixture(params=ENGINES)
def engine_under_test(request: pytest.FixtureRequest, open_sky: Callable[[str], UnderTest]) -> UnderTest:
    """The small sky on one engine after the other."""
    return open_sky(request.param)


@pytest.fixture
def both_engines(open_sky: Callable[[str], UnderTest]) -> tuple[UnderTest, UnderTest]:
    """The small sky on both engines, to have one question answered twice."""
    one, other = (open_sky(name) for name in ENGINES)
    return one, other


@pytest.fixture(scope="session")
def open_plain(request: pytest.FixtureRequest) -> Iterator[Callable[[str], PlainEngine]]:
    """Gives an engine for tables of tests' own by its name, opened at the first call."""
    with ExitStack() as closing:

        @cache
        def opened(name: str) -> PlainEngine:
            if name == "duckdb":
                return closing.enter_context(plain_duckdb())
            database = request.getfixturevalue("make_database")()
            return closing.enter_context(plain_postgresql(database.owner_url))

        yield opened


@pytest.fixture(scope="session")
def plain_engines(open_plain: Callable[[str], PlainEngine]) -> tuple[PlainEngine, PlainEngine]:
    """Both engines for tables of tests' own."""
    one, other = (open_plain(name) for name in ENGINES)
    return one, other


@pytest.fixture(scope="session")
def open_shapes(open_plain: Callable[[str], PlainEngine]) -> Callable[[str], Bench]:
    """Gives the table of hard shapes on an engine by its name, filled at the first call."""
    return cache(lambda name: open_bench(open_plain(name)))


@pytest.fixture(params=ENGINES)
def bench(request: pytest.FixtureRequest, open_shapes: Callable[[str], Bench]) -> Bench:
    """The table of hard shapes on one engine after the other."""
    return open_shapes(request.param)


@pytest.fixture(scope="session")
def given(plain_engines: tuple[PlainEngine, PlainEngine]) -> Given:
    """Both engines for rows of a test's own."""
    return Given(plain_engines)


@pytest.fixture(scope="session")
def values(plain_engines: tuple[PlainEngine, PlainEngine]) -> Values:
    """A table of values that are hard on expressions, on both engines."""
    return open_values(plain_engines)
