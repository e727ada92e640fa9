"""The role that queries run as: what makes it unfit, and which fences round it are missing.

It needs to connect, to make temporary tables, and to read the views of snapshots, which the loader lets it.
PostgreSQL lets every role do more than that: call functions that write large objects, wait, lock, or stop
statements of the same role, and look at who else is there. Only a superuser can take that away:
``postgresql_setup.sql``, beside this file, does so.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

from vo_service.engines.errors import EngineAway
from vo_service.engines.postgresql_session import address_of, connect, quoted, shown, translated
from vo_service.engines.postgresql_tables import DATA_SCHEMA

COLLATION = "C.utf8"
_OLDEST = 140000
_FUNCTIONS = (
    "set_config(text, text, boolean)",
    "pg_sleep(double precision)",
    "lo_create(oid)",
    "pg_notify(text, text)",
    "pg_cancel_backend(integer)",
    "ts_stat(text)",
    "pg_control_system()",
    "pg_current_wal_lsn()",
    "pg_get_userbyid(oid)",
)
_VIEWS = ("pg_stat_activity", "pg_stat_database", "pg_roles", "pg_settings")
_LOG = logging.getLogger(__name__)

_ATTRIBUTES: Mapping[str, str] = {  # of a row of pg_roles, which readers may not see
    "rolsuper": "it is a superuser",
    "rolcreaterole": "it may make roles",
    "rolcreatedb": "it may make databases",
    "rolreplication": "it may replicate",
    "rolbypassrls": "it may pass by row security",
    "current_user = rolname": "it is the owner's role as well",
    "EXISTS (SELECT 1 FROM pg_roles o WHERE o.oid <> r.oid AND pg_has_role(r.oid, o.oid, 'MEMBER'))": (
        "it is a member of another role"
    ),
}
_LAST_OF_THE_SERVER = 16383  # number of a role that initdb may have made
_SEEN: Mapping[str, str] = {  # by the role itself
    "current_setting('is_superuser') = 'on'": "it is a superuser",
    f"EXISTS (SELECT 1 FROM (SELECT generate_series(1, {_LAST_OF_THE_SERVER})::oid AS oid UNION "
    "SELECT relowner FROM pg_class UNION SELECT nspowner FROM pg_namespace UNION SELECT refobjid "
    "FROM pg_shdepend WHERE refclassid = 'pg_authid'::regclass) o "
    "WHERE o.oid <> r.oid AND pg_has_role(o.oid, 'MEMBER'))": "it is a member of another role",
    f"EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = '{DATA_SCHEMA}' AND nspowner = r.oid)": (
        "it is the owner's role as well"
    ),
}
_RIGHTS: Mapping[str, str] = {
    "has_database_privilege(rolname, current_database(), 'CREATE')": "it may make schemas",
    "EXISTS (SELECT 1 FROM pg_namespace n WHERE nspname !~ '^pg_(toast_)?temp_' "
    "AND has_schema_privilege(r.oid, n.oid, 'CREATE'))": "it may make tables",
    "EXISTS (SELECT 1 FROM pg_class c WHERE relowner = r.oid AND relpersistence <> 't')": "it owns tables",
    "NOT has_database_privilege(rolname, current_database(), 'TEMPORARY')": (
        "it may not make temporary tables, which queries need"
    ),
}


def check_reader(owner_url: str, reader_url: str) -> str:
    """The name of the reader's role. Raises EngineAway where it may do more than read, or less."""
    with closing(connect(address_of(reader_url), autocommit=True)) as connection:
        name = str(next(_row(connection, "SELECT current_user::text")))
    with closing(connect(address_of(owner_url), autocommit=True)) as connection:
        _check_database(connection, shown(owner_url))
        _refuse_faults(
            connection, name, {**_ATTRIBUTES, **_RIGHTS}, f"pg_roles r WHERE rolname = {literal(name)}"
        )
        gaps = _gaps(connection, name)
    if gaps:
        _LOG.warning(
            "the role %s at %s may use %s: run postgresql_setup.sql, see `PostgreSQL` in docs/operations.md",
            name,
            shown(reader_url),
            ", ".join(gaps),
        )
    return name


def check_session(connection: Any) -> None:
    """As `check_reader`, by a connection of the reader's alone: what it can tell of itself.

    That is all by which a SELECT could do more than read the views of snapshots. Raises EngineAway.
    """
    name = str(next(_row(connection, "SELECT current_user::text")))
    whom = f"(SELECT {literal(quoted(name))}::regrole::oid AS oid, current_user::text AS rolname) r"
    _refuse_faults(connection, name, {**_SEEN, **_RIGHTS}, whom)


def _refuse_faults(connection: Any, name: str, faults: Mapping[str, str], role: str) -> None:
    """Raises EngineAway where a condition holds of the role ``r``."""
    is_so = _row(connection, f"SELECT {', '.join(faults)} FROM {role}")
    found = [words for words, holds in zip(faults.values(), is_so, strict=True) if holds]
    if found:
        raise EngineAway(
            f"the role {name} of postgresql_reader_url is not fit to run queries: {', '.join(found)}; "
            "see `PostgreSQL` in docs/operations.md"
        )


def _check_database(connection: Any, place: str) -> None:
    """Raises EngineAway where the database cannot answer as it must."""
    version, encoding, collation = _row(
        connection,
        "SELECT current_setting('server_version_num')::integer, current_setting('server_encoding'), "
        f"EXISTS (SELECT 1 FROM pg_collation WHERE collname = {literal(COLLATION)})",
    )
    if version < _OLDEST:
        raise EngineAway(f"PostgreSQL {_OLDEST // 10000} or newer is needed, {place} has {version // 10000}")
    if encoding != "UTF8":
        raise EngineAway(f"{place} has the encoding {encoding}; make it anew with postgresql_setup.sql: UTF8")
    if not collation:
        raise EngineAway(
            f"{place} has no collation {COLLATION}, by which letters change their case: the operating system "
            "of the server must have that locale, then SELECT pg_import_system_collations('pg_catalog')"
        )


def _gaps(connection: Any, name: str) -> list[str]:
    """What the role may do that a superuser could take from it."""
    functions = [f"has_function_privilege({literal(name)}, {literal(one)}, 'EXECUTE')" for one in _FUNCTIONS]
    views = [f"has_table_privilege({literal(name)}, {literal(one)}, 'SELECT')" for one in _VIEWS]
    allowed = _row(connection, f"SELECT {', '.join([*functions, *views])}")
    return [one for one, is_so in zip((*_FUNCTIONS, *_VIEWS), allowed, strict=True) if is_so]


def _row(connection: Any, sql: str) -> Iterator[Any]:
    with translated(), connection.cursor() as cursor:
        cursor.execute(sql)
        return iter(cursor.fetchone())


def literal(text: str) -> str:
    """Text as an SQL string."""
    return "'" + text.replace("'", "''") + "'"
