"""The PostgreSQL engine: values, tables of a statement, limits of memory, reasons, several at once."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pyarrow as pa
import pytest
from postgres_cluster import Database
from statements import ENDLESS, LIMITS, STREAM, rows

from vo_service.engines import (
    EngineDown,
    EngineError,
    Limits,
    PostgreSQLEngine,
    QueryFailed,
    QueryTooLarge,
    Statement,
)
from vo_service.engines.postgresql_session import address_of, shown


def test_parameters_and_tables_of_a_statement(engine: PostgreSQLEngine) -> None:
    wanted = pa.table({"i": pa.array([3, 5, 7], pa.int64())})
    statement = Statement(
        'SELECT s FROM s1_sky.star WHERE i IN (SELECT i FROM "wanted") AND i > $1 ORDER BY i',
        (3,),
        {"wanted": wanted},
    )
    assert rows(engine, statement) == [{"s": "5"}, {"s": "7"}]
    with pytest.raises(QueryFailed):  # gone with its statement
        rows(engine, 'SELECT * FROM "wanted"')


def test_values_of_all_types_come_back_as_they_went(engine: PostgreSQLEngine) -> None:
    moment = datetime(2024, 2, 29, 12, 0, 0, 123456)
    handed = pa.table(
        {
            "c1": pa.array([1, None], pa.int16()),
            "c2": pa.array([2**31 - 1, None], pa.int32()),
            "c3": pa.array([-(2**63), None], pa.int64()),
            "c4": pa.array([1.5, None], pa.float32()),
            "c5": pa.array([float("inf"), None], pa.float64()),
            "c6": pa.array(['a "b" \\ é', None], pa.string()),
            "c7": pa.array([moment, None], pa.timestamp("us")),
            "c8": pa.array([[1.0, 2.0], None], pa.list_(pa.float64())),
            "c9": pa.array([True, None], pa.bool_()),
        }
    )
    statement = Statement('SELECT * FROM "upload_1"', tables={"upload_1": handed})
    with engine.run(statement, LIMITS) as batches:
        answered = pa.Table.from_batches(list(batches.stream))
    assert answered.schema.types == handed.schema.types
    assert answered.to_pylist() == handed.to_pylist()


def test_a_handed_table_without_rows_is_empty(engine: PostgreSQLEngine) -> None:
    nothing = pa.table({"i": pa.array([], pa.int64())})
    assert rows(engine, Statement('SELECT count(*) AS n FROM "p"', tables={"p": nothing})) == [{"n": 0}]


def test_the_planner_knows_the_size_of_a_handed_table(engine: PostgreSQLEngine) -> None:
    three = pa.table({"i": pa.array([1, 2, 3], pa.int64())})
    plan = engine.explain(Statement('SELECT i FROM "p"', tables={"p": three}))
    assert "rows=3 " in plan


def test_an_explained_statement_is_not_run(engine: PostgreSQLEngine) -> None:
    assert "Aggregate" in engine.explain(Statement(ENDLESS))
    with pytest.raises(QueryFailed):
        engine.explain(Statement("ANALYZE SELECT 1"))


def test_statements_at_the_same_time_see_only_their_own_tables(engine: PostgreSQLEngine) -> None:
    def ask(number: int) -> list[dict[str, object]]:
        table = pa.table({"n": pa.array([number] * 3, pa.int64())})
        sql = "SELECT sum(n)::bigint AS n FROM probe, generate_series(1, 20000)"
        return rows(engine, Statement(sql, tables={"probe": table}))

    with ThreadPoolExecutor(8) as pool:  # more than there are connections
        answers = list(pool.map(ask, range(24)))
    assert [answer[0]["n"] for answer in answers] == [number * 60000 for number in range(24)]


def test_batches_are_no_larger_than_wanted(engine: PostgreSQLEngine) -> None:
    with engine.run(Statement("SELECT i FROM s1_sky.star ORDER BY i"), LIMITS) as batches:
        sizes = [batch.num_rows for batch in batches.stream]
    assert sum(sizes) == 200000
    assert max(sizes) == 1000


def test_a_result_without_rows_has_no_batch(engine: PostgreSQLEngine) -> None:
    with engine.run(Statement("SELECT i FROM s1_sky.star WHERE i < 0"), LIMITS) as batches:
        assert list(batches.stream) == []


def test_the_first_batch_comes_before_the_last_is_computed(engine: PostgreSQLEngine) -> None:
    with engine.run(Statement(STREAM), LIMITS) as batches:
        assert next(batches.stream).num_rows == 1000


def test_a_million_rows_stream_in_flat_memory(engine: PostgreSQLEngine) -> None:
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

    sql = (
        "SELECT i, i * 0.5::float8 AS x, i * 2.5::float8 AS y, md5(i::text) AS s, md5(i::text) || '1' AS t "
        "FROM generate_series(1, 1000000) i"
    )
    with engine.run(Statement(sql), Limits(60.0, 10_000)) as batches:
        count = next(batches.stream).num_rows
        before = most = resident()
        for batch in batches.stream:
            count += batch.num_rows
            most = max(most, resident())
    assert count == 1_000_000
    assert most - before < 40_000_000  # the whole would take 100 MB and more


def test_nothing_runs_before_the_first_batch_is_asked_for(engine: PostgreSQLEngine) -> None:
    failing = Statement("SELECT CAST(s || 'x' AS INTEGER) AS i FROM s1_sky.star")
    with engine.run(failing, LIMITS):
        pass
    with pytest.raises(QueryFailed), engine.run(failing, LIMITS) as batches:
        next(batches.stream)


def test_memory_of_a_value_is_limited(engine: PostgreSQLEngine) -> None:
    with pytest.raises(QueryTooLarge):
        rows(engine, "SELECT length(repeat(s || 'x', 1100000000)) AS n FROM s1_sky.star")
    assert rows(engine, "SELECT 1 AS one") == [{"one": 1}]


def test_rows_wider_than_the_server_has_are_told_so(engine: PostgreSQLEngine) -> None:
    with pytest.raises(QueryTooLarge, match="more columns than the 1664") as caught:
        rows(engine, f"SELECT {', '.join(f'i AS c{n}' for n in range(1700))} FROM s1_sky.star")
    assert caught.value.reason is not None and "memory" not in caught.value.reason


def test_space_on_the_disk_is_limited(database: Database) -> None:
    set_limit = f"ALTER ROLE {database.reader} SET temp_file_limit = "
    database.rows(set_limit + "'1MB'", database.superuser_url)
    try:
        small = PostgreSQLEngine(database.reader_url, {}, memory_bytes=1)
        with pytest.raises(QueryTooLarge):
            rows(small, "SELECT md5(i::text) AS s FROM generate_series(1, 1000000) i ORDER BY 1")
        small.close()
    finally:
        database.rows(set_limit + "'8GB'", database.superuser_url)


def test_a_sort_takes_a_part_of_the_memory(database: Database) -> None:
    for memory, part in ((80 << 20, "10MB"), (1, "4MB")):
        opened = PostgreSQLEngine(database.reader_url, {}, memory_bytes=memory)
        assert rows(opened, "SELECT current_setting('work_mem') AS m") == [{"m": part}]
        opened.close()


def test_a_session_keeps_nothing_of_the_statement_before(engine: PostgreSQLEngine) -> None:
    handed = {"p": pa.table({"a": [1]})}
    for _ in range(6):  # the connections take turns
        assert rows(engine, Statement('SELECT a FROM "p"', tables=handed)) == [{"a": 1}]
        [found] = rows(
            engine,
            "SELECT current_setting('default_transaction_read_only') AS r, current_setting('TimeZone') AS z, "
            "current_setting('search_path') AS s, current_setting('transaction_isolation') AS i",
        )
        assert found == {"r": "on", "s": "pg_temp", "z": "UTC", "i": "read committed"}


def test_a_server_that_was_restarted_is_found_again(engine: PostgreSQLEngine, database: Database) -> None:
    assert rows(engine, "SELECT 1 AS one") == [{"one": 1}]
    ended = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{database.reader}'"
    database.rows(ended, database.superuser_url)
    assert rows(engine, "SELECT 1 AS one") == [{"one": 1}]
    with pytest.raises(EngineDown), engine.run(Statement(STREAM), LIMITS) as batches:
        next(batches.stream)
        database.rows(ended, database.superuser_url)
        for _ in batches.stream:
            pass
    assert rows(engine, "SELECT 1 AS one") == [{"one": 1}]


def test_a_server_that_is_not_there_is_down(tmp_path: Path) -> None:
    pytest.importorskip("adbc_driver_postgresql")
    with pytest.raises(EngineDown) as caught:
        PostgreSQLEngine(f"postgresql://reader:s3cret@/vo?host={tmp_path}", {})
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://vo:s3cret@db.example.org:5433/vo", "vo on db.example.org:5433"),
        ("postgresql://vo:s3cret@one:5432,two:5433/vo?target_session_attrs=any", "vo on one:5432,two:5433"),
        ("postgresql:///vo?host=%2Frun%2Fpg&password=s3cret", "vo on /run/pg"),
        ("postgresql://", "the default database on this machine"),
    ],
)
def test_an_address_is_shown_without_its_secrets(url: str, words: str) -> None:
    assert shown(url) == words


def test_an_address_keeps_what_its_operator_says() -> None:
    url = "postgresql://db/vo?sslmode=verify-full&connect_timeout=3&options=-c%20work_mem%3D1MB"
    parts = dict(parse_qsl(urlsplit(address_of(url, {"work_mem": "64 MB"})).query))
    assert (parts["sslmode"], parts["connect_timeout"]) == ("verify-full", "3")
    assert parts["options"].startswith("-c work_mem=1MB -c default_transaction_read_only=on ")
    assert parts["options"].endswith(r"-c work_mem=64\ MB")  # ours holds


def test_numbers_of_any_length_never_leave(engine: PostgreSQLEngine) -> None:
    with pytest.raises(QueryFailed, match="x has the type"):
        rows(engine, "SELECT 1 AS i, 1.5 AS x")
    assert rows(engine, "SELECT 1.5::float8 AS x") == [{"x": 1.5}]


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("CAST(s || 'x' AS INTEGER)", "the text '0x' is not an INTEGER"),
        ("CAST('abc' || s AS DOUBLE PRECISION)", "the text 'abc0' is not a DOUBLE PRECISION"),
        ("CAST(s || 'T' AS TIMESTAMP)", "the text '0T' is not a TIMESTAMP"),
        ("CAST('2020-13-0' || s AS TIMESTAMP)", "the text '2020-13-00' is not a TIMESTAMP"),
        ("CAST(i + 40000 AS SMALLINT)", "a number is beyond a SMALLINT"),
        ("CAST('40000' || s AS SMALLINT)", "the number 400000 is beyond a SMALLINT"),
        ("i + 2147483647 + 1", "a number is beyond an INTEGER"),
        ("CAST(1e300::float8 * (i + 1) AS REAL)", "a number is beyond its type"),
        ("i + 9223372036854775807 + 1", "a number is beyond a BIGINT"),
        ("CAST('1e400' || s AS DOUBLE PRECISION)", "the number 1e4000 is beyond a DOUBLE PRECISION"),
    ],
)
def test_a_value_that_cannot_be_computed_with_is_named(
    engine: PostgreSQLEngine, expression: str, reason: str
) -> None:
    with pytest.raises(QueryFailed) as caught:
        rows(engine, f"SELECT {expression} AS v FROM s1_sky.star")
    assert caught.value.reason == reason


def test_an_error_in_mid_stream_is_told_as_one_at_the_start(engine: PostgreSQLEngine) -> None:
    late = Statement(
        "SELECT repeat(s, 9) AS t, CAST(CASE WHEN i < 190000 THEN '1' ELSE s END AS SMALLINT) AS n "
        "FROM s1_sky.star"
    )
    with engine.run(late, LIMITS) as batches:
        assert next(batches.stream).num_rows == 1000
        with pytest.raises(QueryFailed) as caught:
            list(batches.stream)
    assert caught.value.reason == "the number 190000 is beyond a SMALLINT"
    assert rows(engine, "SELECT 1 AS one") == [{"one": 1}]


def test_a_failure_that_names_no_value_has_no_reason(engine: PostgreSQLEngine) -> None:
    with pytest.raises(QueryFailed) as caught:
        rows(engine, "SELECT nothing FROM s1_sky.star")
    assert caught.value.reason is None


def test_errors_are_of_this_room(engine: PostgreSQLEngine) -> None:
    for sql in (
        "",
        " ",
        "\0",
        "SELECT 1 AS a\0",
        "SELECT '\0' AS a",
        "SELECT 'a",
        "SELECT 1 AS a /*",
        ")",
        "(",
    ):
        with pytest.raises(EngineError):
            rows(engine, sql)
    assert rows(engine, "SELECT 1 AS one") == [{"one": 1}]


def test_a_missing_driver_is_told_with_the_cure() -> None:
    code = """
import sys
sys.modules["adbc_driver_postgresql"] = None
from vo_service.engines import EngineDown, PostgreSQLEngine
try:
    PostgreSQLEngine("postgresql:///vo", {})
except EngineDown as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'vo-service[postgresql]'" in done.stdout


def test_the_driver_is_not_imported_by_those_who_do_without() -> None:
    code = (
        "import sys, vo_service.engines; print([m for m in sys.modules if m.startswith(('adbc', 'psycopg'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
