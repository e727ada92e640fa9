"""The DuckDB engine: locked down whatever the text, within its limits, several statements at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from vo_service.engines import (
    DuckDBEngine,
    EngineDown,
    EngineError,
    Limits,
    QueryCancelled,
    QueryFailed,
    QueryTimeout,
    QueryTooLarge,
    Statement,
)

LIMITS = Limits(seconds=20.0, batch_rows=1000)
ENDLESS = (
    "SELECT count(*) AS n FROM range(1000000) a, range(1000000) b WHERE (a.range * 7 + b.range) % 11 = 3"
)


@pytest.fixture(scope="module")
def engine_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("engine") / "snapshot.duckdb"
    with duckdb.connect(str(path)) as database:
        database.execute("CREATE SCHEMA sky")
        database.execute("CREATE TABLE sky.star AS SELECT range AS i, range::VARCHAR AS s FROM range(200000)")
    return path


@pytest.fixture
def engine(engine_file: Path) -> Iterator[DuckDBEngine]:
    opened = DuckDBEngine(engine_file, memory_bytes=200_000_000, threads=2)
    yield opened
    opened.close()


def rows(engine: DuckDBEngine, statement: Statement, limits: Limits = LIMITS) -> list[dict[str, object]]:
    with engine.run(statement, limits) as batches:
        return [row for batch in batches.stream for row in batch.to_pylist()]


def test_parameters_and_tables_of_a_statement(engine: DuckDBEngine) -> None:
    wanted = pa.table({"i": [3, 5, 7]})
    statement = Statement(
        'SELECT s FROM sky.star WHERE i IN (SELECT i FROM "wanted") AND i > ? ORDER BY i',
        (3,),
        {"wanted": wanted},
    )
    assert rows(engine, statement) == [{"s": "5"}, {"s": "7"}]
    with pytest.raises(QueryFailed):  # gone with its statement
        rows(engine, Statement('SELECT * FROM "wanted"'))


def test_statements_at_the_same_time_see_only_their_own_tables(engine: DuckDBEngine) -> None:
    def ask(number: int) -> list[dict[str, object]]:
        table = pa.table({"n": [number] * 3})
        return rows(engine, Statement("SELECT sum(n) AS n FROM probe, range(20000)", tables={"probe": table}))

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(ask, range(12)))
    assert [answer[0]["n"] for answer in answers] == [number * 60000 for number in range(12)]


def test_the_first_batch_comes_before_the_last_is_computed(engine: DuckDBEngine) -> None:
    slow = "SELECT a.range AS i FROM range(100000) a, range(100000) b"
    with engine.run(Statement(slow), LIMITS) as batches:
        assert next(batches.stream).num_rows == 1000


def test_leaving_the_block_ends_the_statement(engine: DuckDBEngine) -> None:
    started = time.monotonic()
    with engine.run(Statement("SELECT a.range AS i FROM range(10000000) a, range(10000) b"), LIMITS):
        pass
    assert rows(engine, Statement("SELECT 1 AS one")) == [{"one": 1}]
    assert time.monotonic() - started < 15  # unstopped it takes hours


def test_nothing_runs_before_the_first_batch_is_asked_for(engine: DuckDBEngine) -> None:
    failing = Statement("SELECT CAST(s || 'x' AS INTEGER) AS i FROM sky.star")
    with engine.run(failing, LIMITS):
        pass
    with pytest.raises(QueryFailed), engine.run(failing, LIMITS) as batches:
        next(batches.stream)


def test_a_statement_cancelled_before_its_start_never_runs(engine: DuckDBEngine) -> None:
    with engine.run(Statement(ENDLESS), LIMITS) as batches:
        batches.cancel()
        with pytest.raises(QueryCancelled):
            next(batches.stream)


def test_a_long_sum_is_cancelled_while_it_is_computed(engine: DuckDBEngine) -> None:
    # cancelled at many moments: also just before DuckDB begins, when it would forget the interrupt
    for delay in (0.0, 0.0, 0.0, 0.001, 0.001, 0.002, 0.005, 0.05, 0.3):
        with pytest.raises(QueryCancelled), engine.run(Statement(ENDLESS), LIMITS) as batches:
            threading.Timer(delay, batches.cancel).start()
            next(batches.stream)


class ClosesSlowly:
    """A cursor that takes its time to close, and counts what interrupts it meanwhile."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor
        self._closing = False
        self.disturbed = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)

    def interrupt(self) -> None:
        self.disturbed += self._closing
        self._cursor.interrupt()

    def close(self) -> None:
        self._closing = True
        time.sleep(0.5)
        self._cursor.close()


def test_nothing_interrupts_a_cursor_that_is_being_closed(
    engine: DuckDBEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[ClosesSlowly] = []

    class Database:
        def __init__(self, database: Any) -> None:
            self._database = database

        def __getattr__(self, name: str) -> Any:
            return getattr(self._database, name)

        def cursor(self) -> ClosesSlowly:
            made.append(ClosesSlowly(self._database.cursor()))
            return made[-1]

    monkeypatch.setattr(engine, "_database", Database(engine._database))
    with engine.run(Statement("SELECT range AS i FROM range(100000000)"), LIMITS) as batches:
        next(batches.stream)
        (running,) = engine._statements
        for moment in (0.1, 0.2, 0.3, 0.4):  # as from a clock that has looked just before the end
            threading.Timer(moment, running._interrupt).start()
    assert len(made) == 1 and made[0].disturbed == 0


def test_a_file_can_be_open_twice_in_one_process(engine_file: Path) -> None:
    one = DuckDBEngine(engine_file, memory_bytes=200_000_000, threads=2)
    other = DuckDBEngine(engine_file, memory_bytes=200_000_000, threads=2)
    assert rows(one, Statement("SELECT 1 AS one")) == [{"one": 1}]
    one.close()
    assert rows(other, Statement("SELECT count(*) AS n FROM sky.star")) == [{"n": 200000}]
    with pytest.raises(EngineError):
        rows(other, Statement("SET memory_limit = '100GB'"))
    other.close()


def test_time_is_limited(engine: DuckDBEngine) -> None:
    started = time.monotonic()
    with pytest.raises(QueryTimeout):
        rows(engine, Statement(ENDLESS), Limits(0.3, 1000))
    assert time.monotonic() - started < 15  # unstopped it takes hours


def test_a_slow_reader_is_told_that_time_is_up(engine: DuckDBEngine) -> None:
    with (
        pytest.raises(QueryTimeout),
        engine.run(Statement("SELECT range AS i FROM range(100000000)"), Limits(0.3, 1000)) as batches,
    ):
        for _ in batches.stream:
            time.sleep(0.05)


def test_memory_is_limited(engine_file: Path) -> None:
    small = DuckDBEngine(engine_file, memory_bytes=50_000_000, threads=1)
    with pytest.raises(QueryTooLarge):
        rows(small, Statement("SELECT list(a.range) AS n FROM range(50000000) a"))
    assert rows(small, Statement("SELECT 1 AS one")) == [{"one": 1}]
    small.close()


def test_another_thread_can_cancel(engine: DuckDBEngine) -> None:
    with (
        pytest.raises(QueryCancelled),
        engine.run(Statement("SELECT range AS i FROM range(100000000)"), LIMITS) as batches,
    ):
        next(batches.stream)
        threading.Thread(target=batches.cancel).start()
        for _ in batches.stream:
            time.sleep(0.01)


def test_closing_the_engine_ends_what_runs(engine_file: Path) -> None:
    engine = DuckDBEngine(engine_file, memory_bytes=200_000_000)
    threading.Timer(0.3, engine.close).start()
    started = time.monotonic()
    with pytest.raises(EngineError):
        rows(engine, Statement(ENDLESS))
    assert time.monotonic() - started < 15  # unstopped it takes hours
    with pytest.raises(EngineDown):
        rows(engine, Statement("SELECT 1"))


def test_what_cannot_be_computed_is_a_failed_query(engine: DuckDBEngine) -> None:
    with pytest.raises(QueryFailed):
        rows(engine, Statement("SELECT CAST(s || 'x' AS INTEGER) AS i FROM sky.star"))


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("CAST(s || 'x' AS INTEGER)", "the text '{s}x' is not an INTEGER"),
        ("CAST(s || 'x' AS DOUBLE)", "the text '{s}x' is not a DOUBLE PRECISION"),
        ("CAST(s || 'x' AS TIMESTAMP)", "the text '{s}x' is not a TIMESTAMP"),
        ("CAST('2026-13-01' || left(s, 0) AS TIMESTAMP)", "the text '2026-13-01' is not a TIMESTAMP"),
        ("CAST(1e30 + length(s) * 0 AS INTEGER)", "the number 1e+30 is beyond an INTEGER"),
        ("CAST(70000 + length(s) * 0 AS SMALLINT)", "the number 70000 is beyond a SMALLINT"),
        ("CAST(1e300 + length(s) * 0 AS REAL)", "the number 1e+300 is beyond a REAL"),
        ("2147483647::INT + (length(s) * 0 + 1)::INT", "2147483647 + 1 is beyond an INTEGER"),
        ("9223372036854775807 * (length(s) * 0 + 2)", "2 * 9223372036854775807 is beyond a BIGINT"),
        ("left(s, 0)::INTEGER", "the text '' is not an INTEGER"),
    ],
)
def test_a_failed_query_names_the_value_and_no_sql(
    engine: DuckDBEngine, expression: str, reason: str
) -> None:
    texts = {str(row["s"]) for row in rows(engine, Statement("SELECT DISTINCT s FROM sky.star"))}
    with pytest.raises(QueryFailed) as caught:
        rows(engine, Statement(f"SELECT {expression} AS v FROM sky.star"))
    assert caught.value.reason in {reason.format(s=text) for text in texts}


def test_a_failure_that_names_no_value_has_no_reason(engine: DuckDBEngine) -> None:
    with pytest.raises(QueryFailed) as caught:
        rows(engine, Statement("SELECT missing FROM sky.star"))
    assert caught.value.reason is None


def test_a_missing_or_foreign_file_is_an_engine_that_is_down(tmp_path: Path) -> None:
    with pytest.raises(EngineDown):
        DuckDBEngine(tmp_path / "missing.duckdb")
    foreign = tmp_path / "foreign.duckdb"
    foreign.write_bytes(b"no database" * 1000)
    with pytest.raises(EngineDown):
        DuckDBEngine(foreign)


ATTACKS = """
COPY sky.star TO '{tmp}/stolen.csv'
COPY (SELECT 1) TO '{tmp}/stolen.csv'
EXPORT DATABASE '{tmp}/stolen'
IMPORT DATABASE '{tmp}'
ATTACH '{tmp}/other.duckdb'
ATTACH ':memory:' AS other
DETACH snapshot
SELECT * FROM read_csv('/etc/passwd')
SELECT * FROM read_text('/etc/passwd')
SELECT * FROM read_blob('/etc/passwd')
SELECT * FROM read_parquet('{tmp}/x.parquet')
SELECT * FROM '/etc/passwd'
SELECT * FROM glob('/etc/*')
SELECT * FROM secret_of_the_test
SELECT getenv('HOME') AS home
INSTALL httpfs
LOAD httpfs
INSTALL httpfs FROM 'http://localhost:1/'
SET memory_limit = '100GB'
SET lock_configuration = false
RESET memory_limit
PRAGMA memory_limit = '100GB'
PRAGMA database_size
SET VARIABLE x = 1
CREATE TABLE t (i INTEGER)
CREATE TEMP TABLE t (i INTEGER)
CREATE MACRO m(a) AS a
CREATE SECRET (TYPE s3)
CREATE VIEW v AS SELECT 1
INSERT INTO sky.star VALUES (1, 'x')
UPDATE sky.star SET s = 'x'
DELETE FROM sky.star
DROP TABLE sky.star
ALTER TABLE sky.star ADD COLUMN x INTEGER
BEGIN TRANSACTION
CHECKPOINT
VACUUM
PREPARE p AS SELECT 1
EXECUTE p
CALL enable_logging()
EXPLAIN ANALYZE SELECT 1
FROM sky.star
FROM checkpoint()
SELECT * FROM checkpoint()
SELECT * FROM system.main."CHECKPOINT" /* a */ ()
SELECT * FROM (SELECT * FROM force_checkpoint())
SELECT * FROM truncate_duckdb_logs()
SELECT * FROM query('SELECT 1')
SELECT write_log('x')
SELECT * FROM (SELECT 'x'.write_log())
SELECT 'a''b' || "repeat"('x', 3000000000)
SELECT sleep_ms(1)
SELECT current_setting('memory_limit')
SELECT * FROM duckdb_databases()
SELECT * FROM duckdb_databases
SELECT 1 FROM sky.star, "duckdb_databases"
SELECT * FROM duckdb_settings()
SELECT * FROM duckdb_secrets()
SELECT * FROM pragma_database_list
SELECT * FROM information_schema.tables
SELECT * FROM pg_catalog.pg_class
SELECT sql FROM sqlite_master
SELECT * FROM 'sqlite_master'
SELECT * FROM x: sqlite_master
SELECT * FROM histogram('duckdb_types', 'type_name')
SELECT * FROM pg_class
SELECT * FROM (FROM pg_settings)
WITH x AS (TABLE duckdb_tables) SELECT * FROM x
WITH x AS (SHOW TABLES) SELECT * FROM x
WITH x AS (DELETE FROM sky.star RETURNING *) SELECT * FROM x
SELECT EXISTS (TABLE duckdb_tables)
SELECT * FROM (SUMMARIZE sky.star)
SELECT * FROM (SHOW TABLES)
SELECT * FROM (SHOW memory_limit)
SELECT * FROM (DESCRIBE sky.star)
SELECT * FROM (DESC sky.star)
SELECT * FROM (PIVOT duckdb_tables ON table_name)
SUMMARIZE sky.star
SUMMARIZE SELECT 1
DESCRIBE sky.star
SHOW TABLES
VALUES (1)
TABLE sky.star
SELECT 1; SELECT 2
SELECT 1; DROP TABLE sky.star
SELECT 1; COPY sky.star TO '{tmp}/stolen.csv'
""".strip().splitlines()


@pytest.mark.parametrize("attack", [*ATTACKS, "SELECT '\ud800'"])
def test_attacks_are_refused_by_the_engine_itself(engine: DuckDBEngine, tmp_path: Path, attack: str) -> None:
    secret_of_the_test = pa.table({"secret": ["known to Python only"]})
    assert secret_of_the_test.num_rows == 1
    with pytest.raises(EngineError):
        rows(engine, Statement(attack.format(tmp=tmp_path)))
    assert list(tmp_path.iterdir()) == []
    assert rows(engine, Statement("SELECT count(*) AS n, max(s) AS s FROM sky.star")) == [
        {"n": 200000, "s": "99999"}
    ]


def test_an_explained_statement_is_not_run(engine: DuckDBEngine) -> None:
    plan = engine.explain(
        Statement('SELECT i FROM sky.star JOIN "wanted" USING (i)', tables={"wanted": pa.table({"i": [3]})})
    )
    assert "join" in plan.lower()
    with pytest.raises(QueryFailed):
        engine.explain(Statement("ANALYZE SELECT 1"))
    assert engine.schemas == {}
