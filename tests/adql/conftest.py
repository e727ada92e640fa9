"""The small sky in memory for tests of the compiler alone, and as a snapshot on every engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from corpus.small_sky import footprints, obscore_rows
from engines_under_test import PublishedSky, UnderTest, publish_sky
from postgres_cluster import Database
from sqlglot import exp
from udf_rows import Given, open_given
from value_rows import Values, open_values

from tap_schema import Published, published
from vo_service.adql import AdqlError, Plan, parse, plan_query, resolve, write


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
    with publish_sky(tmp_path_factory.mktemp("small-sky")) as sky:
        yield sky


@pytest.fixture(scope="session", params=["duckdb", "postgresql"])
def engine_under_test(request: pytest.FixtureRequest, published_sky: PublishedSky) -> Iterator[UnderTest]:
    """The small sky on one engine after the other."""
    opened = published_sky.on(request.param, request.getfixturevalue)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def both_engines(
    request: pytest.FixtureRequest, published_sky: PublishedSky
) -> Iterator[tuple[UnderTest, UnderTest]]:
    """The small sky on both engines, to have one question answered twice."""
    one, other = (published_sky.on(name, request.getfixturevalue) for name in ("duckdb", "postgresql"))
    yield one, other
    one.close()
    other.close()


@pytest.fixture(scope="session")
def given(make_database: Callable[[], Database]) -> Iterator[Given]:
    """Both engines for rows of a test's own."""
    with open_given(make_database()) as given:
        yield given


@pytest.fixture(scope="session")
def values(make_database: Callable[[], Database]) -> Iterator[Values]:
    """A table of values that are hard on expressions, on both engines."""
    with open_values(make_database()) as opened:
        yield opened
