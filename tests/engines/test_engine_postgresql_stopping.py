"""Statements on PostgreSQL end when they shall: cancelled, out of time, left, closed; and nothing goes on."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pyarrow as pa
import pytest
from postgres_cluster import Database
from statements import ENDLESS, LIMITS, STREAM, rows, wait_until_idle

from vo_service.engines import (
    EngineDown,
    Limits,
    PostgreSQLEngine,
    QueryCancelled,
    QueryTimeout,
    Statement,
)
from vo_service.engines.postgresql_reasons import error_of


def test_leaving_the_block_ends_the_statement(engine: PostgreSQLEngine, database: Database) -> None:
    for sql in (STREAM, ENDLESS):
        started = time.monotonic()
        with engine.run(Statement(sql), LIMITS) as batches:
            if sql == STREAM:
                next(batches.stream)
        assert rows(engine, "SELECT 1 AS one") == [{"one": 1}]
        assert time.monotonic() - started < 15  # unstopped it takes hours
    wait_until_idle(database)


def test_a_stream_left_again_and_again_costs_no_connection(engine: PostgreSQLEngine) -> None:
    for _ in range(10):
        with engine.run(Statement(STREAM), LIMITS) as batches:
            next(batches.stream)
    with engine.run(Statement(STREAM), LIMITS) as one, engine.run(Statement(STREAM), LIMITS) as other:
        assert next(one.stream).num_rows == next(other.stream).num_rows == 1000


def test_a_stream_ends_with_its_block(engine: PostgreSQLEngine) -> None:
    with engine.run(Statement(STREAM), LIMITS) as batches:
        next(batches.stream)
    with pytest.raises(QueryCancelled):
        list(batches.stream)
    with engine.run(Statement(STREAM), LIMITS) as unread:
        pass
    with pytest.raises(QueryCancelled):
        next(unread.stream)


def test_a_block_may_end_while_another_thread_reads(engine: PostgreSQLEngine, database: Database) -> None:
    for _ in range(5):
        with ThreadPoolExecutor(1) as pool:
            with engine.run(Statement(STREAM), LIMITS) as batches:
                next(batches.stream)
                reading = pool.submit(lambda stream: sum(b.num_rows for b in stream), batches.stream)
                time.sleep(0.05)
            with pytest.raises(QueryCancelled):
                reading.result(10)
        assert rows(engine, "SELECT 1 AS one") == [{"one": 1}]
    wait_until_idle(database)


def test_a_statement_cancelled_before_its_start_never_runs(engine: PostgreSQLEngine) -> None:
    with engine.run(Statement(ENDLESS), LIMITS) as batches:
        batches.cancel()
        with pytest.raises(QueryCancelled):
            next(batches.stream)


@pytest.mark.parametrize("tables", [0, 1])
def test_a_long_sum_is_cancelled_at_any_moment(
    engine: PostgreSQLEngine, database: Database, tables: int
) -> None:
    handed = {"p": pa.table({"a": pa.array(range(20000), pa.int64())})} if tables else {}
    for delay in (0.0, 0.0, 0.001, 0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.3):
        with (
            pytest.raises(QueryCancelled),
            engine.run(Statement(ENDLESS, tables=handed), LIMITS) as batches,
        ):
            threading.Timer(delay, batches.cancel).start()
            next(batches.stream)
        assert rows(engine, "SELECT 1 AS one") == [{"one": 1}]  # the interrupt hit no other statement
    wait_until_idle(database)


def test_another_thread_can_cancel_in_mid_stream(engine: PostgreSQLEngine) -> None:
    with pytest.raises(QueryCancelled), engine.run(Statement(STREAM), LIMITS) as batches:
        next(batches.stream)
        threading.Thread(target=batches.cancel).start()
        for _ in batches.stream:
            time.sleep(0.001)
    assert rows(engine, "SELECT 1 AS one") == [{"one": 1}]


def test_a_statement_that_was_cancelled_often_leaves_the_next_alone(engine: PostgreSQLEngine) -> None:
    for _ in range(30):
        with engine.run(Statement("SELECT i FROM s1_sky.star WHERE i < 3000"), LIMITS) as batches:
            next(batches.stream)
            threads = [threading.Thread(target=batches.cancel) for _ in range(3)]
            for thread in threads:
                thread.start()
        assert rows(engine, "SELECT count(*) AS n FROM s1_sky.star") == [{"n": 200000}]
        for thread in threads:
            thread.join()


def test_time_is_limited(engine: PostgreSQLEngine, database: Database) -> None:
    started = time.monotonic()
    with pytest.raises(QueryTimeout):
        rows(engine, ENDLESS, Limits(0.3, 1000))
    assert time.monotonic() - started < 15  # unstopped it takes hours
    wait_until_idle(database)


def test_a_slow_reader_is_told_that_time_is_up(engine: PostgreSQLEngine) -> None:
    with pytest.raises(QueryTimeout), engine.run(Statement(STREAM), Limits(0.3, 1000)) as batches:
        for _ in batches.stream:
            time.sleep(0.02)


def test_waiting_for_a_connection_counts(engine: PostgreSQLEngine) -> None:
    with (
        engine.run(Statement(STREAM), LIMITS) as one,
        engine.run(Statement(STREAM), LIMITS) as two,
        engine.run(Statement(STREAM), LIMITS) as three,
    ):
        for batches in (one, two, three):
            next(batches.stream)
        with pytest.raises(QueryTimeout):
            rows(engine, "SELECT 1 AS one", Limits(0.3, 1000))
        with (
            pytest.raises(QueryCancelled),
            engine.run(Statement("SELECT 1 AS one"), LIMITS) as waiting,
        ):
            threading.Timer(0.2, waiting.cancel).start()
            next(waiting.stream)
    assert rows(engine, "SELECT 1 AS one") == [{"one": 1}]


def test_the_server_has_a_limit_of_time_of_its_own(engine: PostgreSQLEngine) -> None:
    [found] = rows(engine, "SELECT current_setting('statement_timeout') AS t", Limits(7.0, 10))
    assert found == {"t": "12s"}


def test_closing_the_engine_ends_what_runs(database: Database) -> None:
    engine = PostgreSQLEngine(database.reader_url, {})
    with pytest.raises(QueryCancelled), engine.run(Statement(ENDLESS), LIMITS) as batches:
        threading.Timer(0.3, engine.close).start()
        next(batches.stream)
    with pytest.raises(EngineDown):
        rows(engine, "SELECT 1 AS one")
    wait_until_idle(database)


def test_a_limit_of_time_of_the_server_is_told_from_a_stop_by_its_operator(database: Database) -> None:
    with psycopg.connect(database.superuser_url, autocommit=True) as connection:
        connection.execute("SET statement_timeout = 100")
        with pytest.raises(psycopg.Error) as caught:
            connection.execute("SELECT pg_sleep(20)")
        assert isinstance(error_of(caught.value), QueryTimeout)
    with psycopg.connect(database.superuser_url, autocommit=True) as connection:
        ended = threading.Event()

        def insist() -> None:  # the server forgets what comes before the statement
            while not ended.wait(0.2):
                connection.cancel_safe()

        stopping = threading.Thread(target=insist)
        stopping.start()
        with pytest.raises(psycopg.Error) as stopped:
            connection.execute("SELECT pg_sleep(20)")
        ended.set()
        stopping.join()
        assert isinstance(error_of(stopped.value), QueryCancelled)
