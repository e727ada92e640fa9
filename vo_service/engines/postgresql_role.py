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

from vo_service.engines.errors import EngineDown
from vo_service.engines.postgresql_session import address_of, connect, shown, translated

COLLATION = "C.utf8"
_OLDEST = 140000
_FUNCTIONS = (
    "set_config(text, text, boolean)",
    "pg_sleep(double precision)",
    "lo_create(oid)",
    "pg_notify(text, text)",
    "pg_cancel_backend(integer)",
)
_VIEWS = ("pg_stat_activity", "pg_roles", "pg_settings")
_LOG = logging.getLogger(__name__)

_FAULTS: Mapping[str, str] = {
    "rolsuper": "it is a superuser",
    "rolcreaterole": "it may make roles",
    "rolcreatedb": "it may make databases",
    "rolreplication": "it may replicate",
    "rolbypassrls": "it may pass by row security",
    "current_user = rolname": "it is the owner's role as well",
    "EXISTS (SELECT 1 FROM pg_roles o WHERE o.oid <> r.oid AND pg_has_role(r.oid, o.oid, 'MEMBER'))": (
        "it is a member of another role"
    ),
    "has_database_privilege(rolname, current_database(), 'CREATE')": "it may make schemas",
    "EXISTS (SELECT 1 FROM pg_namespace n WHERE nspname !~ '^pg_(toast_)?temp_' "
    "AND has_schema_privilege(r.oid, n.oid, 'CREATE'))": "it may make tables",
    "EXISTS (SELECT 1 FROM pg_class c WHERE relowner = r.oid AND relpersistence <> 't')": "it owns tables",
    "NOT has_database_privilege(rolname, current_database(), 'TEMPORARY')": (
        "it may not make temporary tables, which queries need"
    ),
}


def check_reader(owner_url: str, reader_url: str) -> str:
    """The name of the reader's role. Raises EngineDown where it may do more than read, or less."""
    with closing(connect(address_of(reader_url), autocommit=True)) as connection:
        name = str(next(_row(connection, "SELECT current_user::text")))
    with closing(connect(address_of(owner_url), autocommit=True)) as connection:
        _check_database(connection, shown(owner_url))
        faults = _row(
            connection,
            f"SELECT {', '.join(_FAULTS)} FROM pg_roles r WHERE rolname = {literal(name)}",
        )
        found = [words for words, is_so in zip(_FAULTS.values(), faults, strict=True) if is_so]
        if found:
            raise EngineDown(
                f"the role {name} of postgresql_reader_url is not fit to run queries: {', '.join(found)}; "
                "see `PostgreSQL` in docs/operations.md"
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


def _check_database(connection: Any, place: str) -> None:
    """Raises EngineDown where the database cannot answer as it must."""
    version, encoding, collation = _row(
        connection,
        "SELECT current_setting('server_version_num')::integer, current_setting('server_encoding'), "
        f"EXISTS (SELECT 1 FROM pg_collation WHERE collname = {literal(COLLATION)})",
    )
    if version < _OLDEST:
        raise EngineDown(f"PostgreSQL {_OLDEST // 10000} or newer is needed, {place} has {version // 10000}")
    if encoding != "UTF8":
        raise EngineDown(f"{place} has the encoding {encoding}; make it anew with postgresql_setup.sql: UTF8")
    if not collation:
        raise EngineDown(
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
