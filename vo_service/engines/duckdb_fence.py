"""What a SELECT may not call or read in DuckDB, told by the words of its text as DuckDB's lexer parts it.

DuckDB knows no roles and no rights, and functions among its tables that write (``checkpoint``, logs), run a
text (``query``) or tell of the service (its files, settings, memory). Refused are all functions that give a
table but those that give numbers or take an array apart, some functions of values, and the views of DuckDB
about itself. Not refused is what only takes time or memory: those have limits. The memory of one value
(``lpad``, lists) is beyond DuckDB's own limit while it is made, so raw SQL could exhaust the process with it;
what `vo_service.adql` writes pads a text to 65535 characters at most.
"""

from __future__ import annotations

from collections.abc import Iterator

import duckdb

from vo_service.engines.errors import QueryFailed

_GIVEN_ROWS = frozenset({"unnest", "range", "generate_series"})
_OF_VALUES = frozenset(
    {
        "current_connection_id",
        "current_query",
        "current_query_id",
        "current_setting",
        "currval",
        "getenv",
        "getvariable",
        "nextval",
        "repeat",
        "setseed",
        "setval",
        "sleep_ms",
        "write_log",
    }
)
_TABLE_FUNCTIONS = (
    "SELECT DISTINCT lower(function_name) FROM duckdb_functions() a "
    "WHERE function_type IN ('table', 'table_macro', 'pragma') AND function_name NOT IN "
    "(SELECT function_name FROM duckdb_functions() WHERE function_type IN ('scalar', 'aggregate', 'macro'))"
)
_VIEWS = (
    "SELECT lower(view_name) FROM duckdb_views() WHERE internal AND regexp_matches(view_name, "
    "'^(duckdb|sqlite|pragma)_')"
)
_CATALOGS = frozenset({"information_schema", "pg_catalog"})
_BEFORE_TABLES = frozenset({"from", "join", ",", "(", "."})


class Fence:
    """The names that DuckDB of this version refuses here: what is new in another one is refused as well."""

    def __init__(self, database: duckdb.DuckDBPyConnection) -> None:
        given = {name for (name,) in database.execute(_TABLE_FUNCTIONS).fetchall()}
        self._functions = (given - _GIVEN_ROWS) | _OF_VALUES
        self._views = frozenset(name for (name,) in database.execute(_VIEWS).fetchall())

    def check(self, sql: str) -> None:
        """Raises QueryFailed for a text that is refused."""
        words = list(_words(sql))
        first = next((word for word in words if word != "("), "")
        if first not in ("select", "with"):
            raise QueryFailed("only SELECT, or WITH before it, is run here")
        before = ""
        for word, after in zip(words, [*words[1:], ""], strict=True):
            if after == "(" and word in self._functions and before != "as":
                raise QueryFailed(f"the function {word} is not called here")
            if before in _BEFORE_TABLES and (word in self._views or (word in _CATALOGS and after == ".")):
                raise QueryFailed(f"{word} is not read here")
            before = word


def _words(sql: str) -> Iterator[str]:
    """Words without quotes and in lower case, marks, and nothing of comments or of what strings hold."""
    try:
        content = sql.encode()
    except UnicodeEncodeError as error:
        raise QueryFailed("half a character (a surrogate) in the text") from error
    found = duckdb.tokenize(sql)
    ends = [start for start, _ in found[1:]] + [len(content)]
    for (start, kind), end in zip(found, ends, strict=True):
        if kind == duckdb.token_type.comment:
            continue
        text = content[start:end].decode().strip()
        if kind == duckdb.token_type.string_const:
            yield "''"
        elif text.startswith('"'):
            yield text[1:-1].replace('""', '"').lower()
        else:
            yield text.lower()
