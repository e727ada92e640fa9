"""What is counted of the statements of an engine: how many, which still run, and their rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest
from statements import ENDLESS as ENDLESS_POSTGRESQL
from statements import STREAM as STREAM_POSTGRESQL

from vo_service.engines import (
    CountedEngine,
    DuckDBEngine,
    Engine,
    EngineError,
    Limits,
    PostgreSQLEngine,
    QueryCancelled,
    QueryFailed,
    QueryTimeout,
    Statement,
)

LIMITS = Limits(seconds=20.0, batch_rows=1000)
ENDLESS_DUCKDB = (
    "SELECT count(*) AS n FROM range(1000000) a, range(1000000) b WHERE (a.range * 7 + b.range) % 11 = 3"
)
STREAM_DUCKDB = "SELECT a.range AS i FROM range(100000) a, range(100000) b"
FEW = "SELECT 1 AS i UNION ALL SELECT 2 AS i"


class Tally:
    def __init__(self) -> None:
        self.statements = self.running = self.rows = 0

    def started(self) -> None:
        self.statements += 1
        self.running += 1

    def gave(self, rows: int) -> None:
        self.rows += rows

    def ended(self) -> None:
        self.running -= 1


@pytest.fixture
def duckdb_engine(tmp_path: Path) -> Iterator[DuckDBEngine]:
    duckdb.connect(str(tmp_path / "empty.duckdb")).close()
    opened = DuckDBEngine(tmp_path / "empty.duckdb", memory_bytes=200_000_000, threads=1)
    yield opened
    opened.close()


Case = tuple[Engine, str, str]


@pytest.fixture(params=["duckdb", "postgresql"])
def case(request: pytest.FixtureRequest) -> Case:
    """An engine, a statement that streams for long, and one that gives nothing for long."""
    if request.param == "duckdb":
        return request.getfixturevalue("duckdb_engine"), STREAM_DUCKDB, ENDLESS_DUCKDB
    engine: PostgreSQLEngine = request.getfixturevalue("engine")
    return engine, STREAM_POSTGRESQL, ENDLESS_POSTGRESQL


def test_a_tally_counts_rows_as_they_come(case: Case) -> None:
    engine, stream, _ = case
    tally = Tally()
    counted = CountedEngine(engine, tally)
    with counted.run(Statement(stream), LIMITS) as batches:
        assert (tally.rows, tally.running) == (0, 0)
        first = next(batches.stream)
        assert (tally.rows, tally.running) == (first.num_rows, 1) and first.num_rows == 1000
    with counted.run(Statement(FEW), LIMITS) as batches:
        assert sum(batch.num_rows for batch in batches.stream) == 2
    assert tally.rows == 1002


def test_a_tally_knows_what_runs_until_it_was_read_or_left(case: Case) -> None:
    engine, stream, _ = case
    tally = Tally()
    counted = CountedEngine(engine, tally)
    assert (counted.dialect, counted.schemas) == (engine.dialect, engine.schemas)
    with counted.run(Statement(FEW), LIMITS) as batches:
        assert tally.running == 0  # nothing is asked before the first batch
        assert sum(batch.num_rows for batch in batches.stream) == 2
        assert tally.running == 0
    with counted.run(Statement(stream), LIMITS) as batches:
        next(batches.stream)
        assert tally.running == 1
        batches.cancel()
        with pytest.raises(QueryCancelled):
            for _ in batches.stream:
                pass
        assert tally.running == 0
    assert tally.statements == 2 and tally.rows >= 1002


@pytest.mark.parametrize(
    ("sql", "limits", "error"),
    [
        (None, Limits(0.3, 1000), QueryTimeout),
        ("SELECT CAST('x' || CAST(1 AS VARCHAR) AS INTEGER) AS i", LIMITS, QueryFailed),
    ],
)
def test_a_tally_hears_the_end_of_what_fails(
    case: Case, sql: str | None, limits: Limits, error: type[EngineError]
) -> None:
    engine, _, endless = case
    tally = Tally()
    with pytest.raises(error), CountedEngine(engine, tally).run(Statement(sql or endless), limits) as batches:
        next(batches.stream)
    assert (tally.statements, tally.running, tally.rows) == (1, 0, 0)


def test_the_plan_of_a_statement_is_the_engines(case: Case) -> None:
    engine, stream, _ = case
    explain: Callable[[Statement], str] = CountedEngine(engine, Tally()).explain
    assert explain(Statement(stream)) == engine.explain(Statement(stream))
