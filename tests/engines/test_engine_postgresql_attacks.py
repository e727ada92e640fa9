"""What raw SQL could reach if it ever got past the parser: nothing of value, fenced by a superuser or not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from postgres_cluster import Database

from vo_service.engines import EngineError, Limits, PostgreSQLEngine, Statement

LIMITS = Limits(seconds=5.0, batch_rows=100)

REFUSED = [  # by the fences that stand without a superuser's help: one SELECT, a role that may only read
    # more than one statement, and statements that are no SELECT
    "SELECT 1 AS a; SELECT 2 AS a",
    "SELECT 1 AS a; DROP SCHEMA s1_sky CASCADE",
    "SELECT 1 AS a) AS q; DROP SCHEMA s1_sky CASCADE; SELECT * FROM (SELECT 1 AS b",
    "SELECT 1 AS a; --",
    "DROP SCHEMA s1_sky CASCADE",
    "DROP VIEW s1_sky.star",
    "INSERT INTO s1_sky.star VALUES (1, 'x') RETURNING i",
    "WITH gone AS (DELETE FROM s1_sky.star RETURNING i) SELECT i FROM gone",
    "WITH more AS (INSERT INTO vo_data.secret VALUES ('x') RETURNING word) SELECT word FROM more",
    "SELECT i INTO mine FROM s1_sky.star",
    "SELECT i INTO TEMPORARY mine FROM s1_sky.star",
    "SELECT i FROM s1_sky.star FOR UPDATE",
    "CREATE TABLE public.mine (i integer)",
    "CREATE TEMPORARY TABLE mine (i integer)",
    "CREATE TEMPORARY VIEW mine AS SELECT 1 AS i",
    "CREATE FUNCTION pg_temp.f() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
    "CREATE SCHEMA mine",
    "CREATE EXTENSION dblink",
    "CREATE ROLE mine SUPERUSER",
    "ALTER ROLE CURRENT_USER SUPERUSER",
    "TRUNCATE vo_data.secret",
    "LOCK TABLE s1_sky.star",
    "VACUUM",
    "CHECKPOINT",
    "DO $$ BEGIN PERFORM 1; END $$",
    "CALL nothing()",
    "PREPARE mine AS SELECT 1 AS i",
    "EXECUTE mine",
    "DEALLOCATE ALL",
    "DISCARD ALL",
    "DECLARE mine CURSOR FOR SELECT 1 AS i",
    "LISTEN mine",
    "NOTIFY mine",
    "BEGIN",
    "COMMIT",
    "START TRANSACTION READ WRITE",
    "SET default_transaction_read_only = off",
    "SET statement_timeout = 0",
    "SET SESSION AUTHORIZATION DEFAULT",
    "SET ROLE super",
    "RESET ALL",
    "SHOW ALL",
    "EXPLAIN SELECT 1 AS a",
    "EXPLAIN ANALYZE SELECT i FROM s1_sky.star",
    "LOAD 'nothing'",
    # files and programs
    "COPY s1_sky.star TO '/tmp/vo-service-attack'",
    "COPY (SELECT 1) TO PROGRAM 'id'",
    "COPY vo_data.secret FROM PROGRAM 'id'",
    "COPY s1_sky.star TO STDOUT",
    "SELECT 1 AS a) TO PROGRAM 'id' --",
    "SELECT pg_read_file('/etc/passwd') AS a",
    "SELECT pg_read_binary_file('/etc/passwd') AS a",
    "SELECT pg_ls_dir('.') AS a",
    "SELECT name FROM pg_ls_waldir()",
    "SELECT name FROM pg_ls_logdir()",
    "SELECT size FROM pg_stat_file('postgresql.conf')",
    "SELECT pg_read_file('postgresql.conf') AS a",
    "SELECT lo_import('/etc/passwd') AS a",
    "SELECT lo_export(1, '/tmp/vo-service-attack') AS a",
    "SELECT line_number FROM pg_hba_file_rules",
    "SELECT name FROM pg_file_settings",
    # other people's data
    "SELECT word FROM vo_data.secret",
    "SELECT * FROM pg_authid",
    "SELECT * FROM pg_shadow",
    "SELECT * FROM pg_statistic",
    "SELECT * FROM pg_user_mapping",
    "SELECT * FROM pg_largeobject",
    "SELECT query_to_xml('SELECT word FROM vo_data.secret', true, true, '')::text AS a",
    "SELECT table_to_xml('vo_data.secret'::regclass, true, true, '')::text AS a",
    "SELECT dblink('host=localhost', 'SELECT 1') AS a",
    # rights and the server
    "SELECT pg_reload_conf() AS a",
    "SELECT pg_rotate_logfile() AS a",
    "SELECT pg_switch_wal()::text AS a",
    "SELECT pg_create_restore_point('mine')::text AS a",
    "SELECT pg_stat_reset()::text AS a",
    "SELECT pg_promote() AS a",
    "SELECT set_config('role', 'super', false) AS a",
    "SELECT set_config('session_authorization', 'super', false) AS a",
    "SELECT set_config('temp_file_limit', '-1', false) AS a",
    "SELECT set_config('log_statement', 'all', false) AS a",
    "SELECT set_config('transaction_read_only', 'off', false) AS a",
    "SELECT nextval('nothing') AS a",
    "SELECT setval('nothing', 1) AS a",
    "SELECT current_setting('hba_file') AS a",
    "SELECT current_setting('data_directory') AS a",
]

FENCED = [  # by postgresql_setup.sql
    "SELECT set_config('statement_timeout', '0', false) AS a",
    "SELECT set_config('work_mem', '100GB', false) AS a",
    "SELECT set_config('default_transaction_read_only', 'off', false) AS a",
    "SELECT set_config('search_path', 'pg_catalog', false) AS a",
    "SELECT pg_sleep(0.01)::text AS a",
    "SELECT pg_sleep_for('1 second')::text AS a",
    "SELECT lo_create(0)::bigint AS a",
    "SELECT lo_creat(-1)::bigint AS a",
    "SELECT lo_from_bytea(0, 'x')::bigint AS a",
    "SELECT lo_get(1) AS a",
    "SELECT loread(1, 1) AS a",
    "SELECT pg_advisory_lock(1)::text AS a",
    "SELECT pg_try_advisory_lock(130232129906034) AS a",
    "SELECT pg_advisory_xact_lock_shared(1)::text AS a",
    "SELECT pg_notify('a', 'b')::text AS a",
    "SELECT pg_cancel_backend(1) AS a",
    "SELECT pg_terminate_backend(1) AS a",
    "SELECT pg_export_snapshot() AS a",
    "SELECT pg_logical_emit_message(false, 'a', 'b')::text AS a",
    "SELECT txid_current() AS a",
    "SELECT pg_current_xact_id()::text AS a",
    "SELECT query_to_xml('SELECT 1', true, true, '')::text AS a",
    "SELECT database_to_xml(true, true, '')::text AS a",
    "SELECT word FROM ts_stat('SELECT ''a b''::tsvector')",
    "SELECT ts_rewrite('a'::tsquery, 'SELECT ''a''::tsquery, ''b''::tsquery')::text AS a",
    "SELECT ts_rewrite('a'::tsquery, 'a'::tsquery, 'b'::tsquery)::text AS a",
    "SELECT datname::text FROM pg_stat_database",
    "SELECT numbackends FROM pg_stat_database",
    "SELECT pg_stat_get_db_numbackends(1) AS a",
    "SELECT pg_get_userbyid(10)::text AS a",
    "SELECT pg_control_version FROM pg_control_system()",
    "SELECT redo_lsn::text FROM pg_control_checkpoint()",
    "SELECT pg_current_wal_lsn()::text AS a",
    "SELECT pg_current_wal_insert_lsn()::text AS a",
    "SELECT pid FROM pg_stat_progress_vacuum",
    "SELECT pid FROM pg_stat_progress_create_index",
    "SELECT pid FROM pg_stat_get_progress_info('VACUUM')",
    "SELECT pg_postmaster_start_time()::text AS a",
    "SELECT relname::text FROM pg_stat_user_tables",
    "SELECT pid FROM pg_stat_ssl",
    "SELECT pid FROM pg_stat_replication",
    "SELECT query FROM pg_stat_activity",
    "SELECT query FROM pg_stat_get_activity(NULL)",
    "SELECT pg_stat_get_backend_activity(1) AS a",
    "SELECT rolname::text FROM pg_roles",
    "SELECT usename::text FROM pg_user",
    "SELECT groname::text FROM pg_group",
    "SELECT datname::text FROM pg_database",
    "SELECT name FROM pg_settings",
    "SELECT name FROM pg_show_all_settings()",
    "SELECT locktype FROM pg_locks",
    "SELECT locktype FROM pg_lock_status()",
    "SELECT name FROM pg_prepared_statements",
    "SELECT setconfig FROM pg_db_role_setting",
]


def outcome(engine: PostgreSQLEngine, sql: str) -> list[dict[str, object]]:
    with engine.run(Statement(sql), LIMITS) as batches:
        return [row for batch in batches.stream for row in batch.to_pylist()]


@pytest.fixture
def bare(bare_database: Database) -> Iterator[tuple[PostgreSQLEngine, Database]]:
    """An engine with a single connection on a database as PostgreSQL makes it, and that database."""
    engine = PostgreSQLEngine(bare_database.reader_url, {}, connections=1)
    yield engine, bare_database
    engine.close()


@pytest.fixture(scope="module")
def fenced(database: Database) -> Iterator[PostgreSQLEngine]:
    """An engine on a database of the script for operators, in which nothing has changed after all attacks."""
    engine = PostgreSQLEngine(database.reader_url, {}, connections=2)
    yield engine
    engine.close()
    assert database.rows("SELECT count(*) FROM s1_sky.star") == [(200000,)]
    assert database.rows("SELECT word FROM vo_data.secret") == [("hidden",)]
    assert database.rows("SELECT count(*) FROM pg_largeobject_metadata") == [(0,)]
    assert not Path("/tmp/vo-service-attack").exists()


@pytest.mark.parametrize("attack", [*REFUSED, *FENCED])
def test_an_attack_is_refused(fenced: PostgreSQLEngine, attack: str) -> None:
    with pytest.raises(EngineError):
        outcome(fenced, attack)
    assert outcome(fenced, "SELECT count(*) AS n FROM s1_sky.star WHERE i < 3") == [{"n": 3}]


def test_attacks_are_refused_without_a_superusers_help(bare: tuple[PostgreSQLEngine, Database]) -> None:
    engine, database = bare
    for attack in REFUSED:
        with pytest.raises(EngineError):
            outcome(engine, attack)
    assert database.rows("SELECT word FROM vo_data.secret") == [("hidden",)]


def test_what_a_function_changes_in_a_session_ends_with_its_statement(
    bare: tuple[PostgreSQLEngine, Database],
) -> None:
    engine, database = bare
    for attack in FENCED:
        with suppress(EngineError):
            outcome(engine, attack)
    [found] = outcome(
        engine,
        "SELECT current_setting('default_transaction_read_only') AS r, current_setting('search_path') AS s, "
        "current_setting('work_mem') AS m, current_setting('statement_timeout') AS t",
    )
    assert found == {"r": "on", "s": "pg_temp", "m": "64MB", "t": "10s"}
    held = (  # in this database: the server is shared with tests in other processes
        "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database "
        "WHERE locktype = 'advisory' AND d.datname = current_database()"
    )
    assert database.rows(held, database.superuser_url) == [(0,)]
    with pytest.raises(EngineError):
        outcome(engine, "SELECT set_config('default_transaction_read_only', 'off', false), lo_import('/x')")
