-- A database for vo-service with the role that loads it, the role that queries run as, and what every role of
-- a PostgreSQL server may do besides taken from the latter. To be run by a superuser, as often as one likes:
--
--   psql -v database=vo -v owner=vo_owner -v reader=vo_reader -f postgresql_setup.sql
--
-- then give both roles a password (\password vo_owner) or another way to log in.

\set ON_ERROR_STOP on
SELECT format('CREATE ROLE %I LOGIN', name) FROM unnest(ARRAY[:'owner', :'reader']) name
WHERE NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = name) \gexec
SELECT format('CREATE DATABASE %I OWNER %I TEMPLATE template0 ENCODING ''UTF8''', :'database', :'owner')
WHERE NOT EXISTS (SELECT 1 FROM pg_database WHERE datname = :'database') \gexec

\connect :"database"
SET client_min_messages = warning;
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE :"database" TO :"reader";
REVOKE ALL ON SCHEMA public FROM PUBLIC;

-- limits and ways that a session may not change
ALTER ROLE :"reader" SET temp_file_limit = '8GB';
ALTER ROLE :"reader" SET lc_messages = 'C';
ALTER ROLE :"reader" SET default_transaction_read_only = on;

-- functions that write, wait, lock, notify, change settings, run other statements, stop those of others, or
-- tell who else is there and how the server and its other databases are
SELECT format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC, %I', oid::regprocedure, :'reader'),
       format('GRANT EXECUTE ON FUNCTION %s TO %I', oid::regprocedure, :'owner')
FROM pg_proc
WHERE pronamespace = 'pg_catalog'::regnamespace AND prokind = 'f' AND proname ~ (
    '^(lo_.*|loread|lowrite|set_config|pg_sleep.*|pg_(try_)?advisory.*|pg_notify|pg_listening_channels'
    '|pg_(cancel|terminate)_backend|pg_export_snapshot|pg_logical_emit_message|txid_current'
    '|pg_current_xact_id|(query|cursor|table|schema|database)_to_xml.*|ts_stat|ts_rewrite'
    '|pg_stat_get_.*|pg_stat_.*snapshot.*|pg_lock_status|pg_cursor|pg_prepared_statement|pg_prepared_xact'
    '|pg_show_all_settings|pg_show_replication_origin_status|pg_get_replication_slots|pg_control_.*'
    '|pg_current_wal_.*|pg_last_.*|pg_is_wal_.*|pg_wal_.*|pg_walfile_.*|pg_blocking_pids'
    '|pg_safe_snapshot_blocking_pids|pg_isolation_test_session_is_blocked|pg_postmaster_start_time'
    '|pg_conf_load_time|pg_get_userbyid|inet_(client|server)_.*|pg_notification_queue_usage'
    '|pg_(tablespace|database)_size|pg_tablespace_.*)$')
\gexec

-- who else is there, what they do, and how the server is set
SELECT format('REVOKE SELECT ON pg_catalog.%I FROM PUBLIC, %I', relname, :'reader'),
       format('GRANT SELECT ON pg_catalog.%I TO %I', relname, :'owner')
FROM pg_class
WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind IN ('r', 'v') AND has_table_privilege(
    (SELECT oid FROM pg_roles WHERE rolname = :'owner'), oid, 'SELECT') AND relname ~ (
    '^(pg_stat_.*|pg_statio_.*|pg_roles|pg_user|pg_group|pg_settings|pg_locks|pg_cursors'
    '|pg_prepared_.*|pg_database|pg_auth_members|pg_db_role_setting|pg_tablespace|pg_shdescription'
    '|pg_shseclabel|pg_replication_.*|pg_publication.*|pg_parameter_acl)$')
\gexec
