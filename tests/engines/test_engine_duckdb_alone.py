"""Statements that run out of the common memory run once more alone; what is too large alone, fails."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import pytest

from vo_service.engines import DuckDBEngine, Limits, QueryTimeout, QueryTooLarge, Statement
from vo_service.engines.duckdb_alone import Alone

LIMITS = Limits(seconds=120.0, batch_rows=1000)
MEMORY = 60_000_000
ROWS = 1_500_000
HEAVY = f"SELECT len(list(range)) AS n FROM range({ROWS})"  # two thirds of the memory
TOO_HEAVY = "SELECT list(range) AS n FROM range(20000000)"


@pytest.fixture(scope="module")
def engine_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("alone") / "snapshot.duckdb"
    with duckdb.connect(str(path)) as database:
        database.execute("CREATE SCHEMA sky")
        database.execute("CREATE TABLE sky.star AS SELECT range AS i, range::VARCHAR AS s FROM range(1000)")
    return path


@pytest.fixture
def engine(engine_file: Path, tmp_path: Path) -> Iterator[DuckDBEngine]:
    opened = DuckDBEngine(engine_file, memory_bytes=MEMORY, spill_directory=tmp_path / "spill", threads=1)
    yield opened
    opened.close()


def first_value(engine: DuckDBEngine, sql: str) -> object:
    with engine.run(Statement(sql), LIMITS) as batches:
        return next(row["n"] for batch in batches.stream for row in batch.to_pylist())


def test_what_would_run_alone_runs_beside_others(engine: DuckDBEngine) -> None:
    assert first_value(engine, HEAVY) == ROWS
    together = threading.Barrier(8)

    def ask(number: int) -> object:
        together.wait()
        return first_value(engine, HEAVY)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(8))) == [ROWS] * 8


def test_memory_is_given_back_to_the_next(engine: DuckDBEngine) -> None:
    """Three rounds, each as the first: no place in the queue is lost."""
    for _ in range(3):
        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(lambda _: first_value(engine, HEAVY), range(4))) == [ROWS] * 4


def test_what_is_too_large_alone_fails_beside_others_too(engine: DuckDBEngine) -> None:
    with (
        engine.run(Statement("SELECT range AS n FROM range(1000000)"), LIMITS) as batches,
        pytest.raises(QueryTooLarge),
    ):
        next(batches.stream)
        first_value(engine, TOO_HEAVY)
    assert first_value(engine, "SELECT count(*) AS n FROM sky.star") == 1000


def test_a_turn_is_waited_for_no_longer_than_allowed(engine_file: Path) -> None:
    alone = Alone(engine_file, {"memory_limit": "50MB", "temp_directory": ""})
    first = alone.enter(lambda: None)

    def late() -> None:
        raise QueryTimeout("the limit of time was reached")

    with pytest.raises(QueryTimeout):
        alone.enter(late)
    alone.leave(first)
    second = alone.enter(late)  # nobody is there: nothing to wait for
    assert second.execute("SELECT count(*) FROM sky.star").fetchall() == [(1000,)]
    alone.leave(second)


def test_it_is_locked_down(engine_file: Path, tmp_path: Path) -> None:
    alone = Alone(engine_file, {"memory_limit": "50MB", "temp_directory": ""})
    connection = alone.enter(lambda: None)
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")
    for text in (
        f"SELECT * FROM read_csv('{secret}')",
        f"COPY (SELECT 1) TO '{tmp_path / 'out.csv'}'",
        "SET memory_limit = '100GB'",
        "SET enable_external_access = true",
        "DELETE FROM sky.star",
    ):
        with pytest.raises(duckdb.Error):
            connection.execute(text).fetchall()
    alone.leave(connection)
