"""What a SELECT may not call or read in DuckDB, told by the tree that DuckDB itself makes of its text.

DuckDB knows no roles and no rights, and functions among its tables that write (``checkpoint``, logs), run a
text (``query``) or tell of the service (its files, settings, memory). Refused are all functions that give a
table but those that give numbers or take an array apart, some functions of values, the views of DuckDB about
itself, and what it takes for tables besides: SHOW, SUMMARIZE, what a WITH would write. Not refused is what
only takes time or memory: those have limits. The memory of one value (``lpad``, lists) is beyond DuckDB's own
limit while it is made, so raw SQL could exhaust the process with it; what `vo_service.adql` writes pads a
text to 65535 characters at most.
"""

from __future__ import annotations

import json
import re

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
    "WHERE function_type IN ('table', 'table_macro', 'pragma')"
)
_VALUE_FUNCTIONS = (
    "SELECT DISTINCT lower(function_name) FROM duckdb_functions() a "
    "WHERE function_type IN ('scalar', 'aggregate', 'macro')"
)
_VIEWS = "SELECT lower(view_name) FROM duckdb_views() WHERE internal AND schema_name <> 'information_schema'"
_CATALOGS = frozenset({"information_schema", "pg_catalog", "system"})
_COMMANDS = frozenset(
    "copy delete desc describe insert merge show summarize truncate update".split()  # each of them as a table
)
_PLAIN = re.compile(r"[ \n(]*(SELECT|WITH)[ \n]", re.ASCII)
_WORD = re.compile(r"\w+", re.ASCII)
_NO_TABLE = re.compile(r'"type":"(SHOW_REF|[A-Z]+_QUERY_NODE)"')
_FROM_FUNCTION = re.compile(r'"function":\{.*?"function_name":"((?:[^"\\]|\\.)*)"')
_PATH = re.compile(r'"path":\[((?:"(?:[^"\\]|\\.)*",?)*)\]')
"""A function or table as it is called in the tree, in JSON: catalog and schema, where it has some, and name.

Quotes of texts and labels of a query have a backslash before them there, so that none looks like this.
"""


class Fence:
    """The names that DuckDB of this version refuses here: what is new in another one is refused as well."""

    def __init__(self, database: duckdb.DuckDBPyConnection) -> None:
        tables, values, views = (
            {name for (name,) in database.execute(sql).fetchall()}
            for sql in (_TABLE_FUNCTIONS, _VALUE_FUNCTIONS, _VIEWS)
        )
        self._functions = (tables - values - _GIVEN_ROWS) | _OF_VALUES
        self._views = views
        self._words = (tables - _GIVEN_ROWS) | _OF_VALUES | views | _CATALOGS | _COMMANDS

    def check(self, sql: str, cursor: duckdb.DuckDBPyConnection) -> None:
        """Raises QueryFailed for a text that is refused; ``cursor`` is one that DuckDB parses it with.

        The tree takes as long as the binding does, and most texts have none of the words that matter in it.
        """
        if _first_word(sql) not in ("select", "with"):
            raise QueryFailed("only SELECT, or WITH before it, is run here")
        if not self._words.isdisjoint({word.lower() for word in _WORD.findall(sql)}):
            self._check_tree(cursor.execute("SELECT json_serialize_sql(?::VARCHAR)", [sql]).fetchall()[0][0])

    def _check_tree(self, found: str) -> None:
        if not found.startswith('{"error":false,'):
            raise QueryFailed(f"no SELECT: {found[:500]}")
        if no_table := _NO_TABLE.search(found):
            raise QueryFailed(f"a {no_table[1]} is not read here")
        for name in {name.lower() for name in _FROM_FUNCTION.findall(found)} - _GIVEN_ROWS:
            raise QueryFailed(f"the function {name} is not read here")
        for path in set(_PATH.findall(found)):
            *scopes, name = [part.lower() for part in json.loads(f"[{path}]")] or [""]
            if name in self._functions:
                raise QueryFailed(f"the function {name} is not called here")
            if name in self._views or not _CATALOGS.isdisjoint(scopes):
                raise QueryFailed(f"{name} is not read here")


def _first_word(sql: str) -> str:
    """The word that a text begins with, in lower case: behind comments and opening parentheses."""
    try:
        content = sql.encode()
    except UnicodeEncodeError as error:
        raise QueryFailed("half a character (a surrogate) in the text") from error
    if plain := _PLAIN.match(sql):  # as we write it ourselves; to split a long text takes a millisecond
        return plain[1].lower()
    found = duckdb.tokenize(sql)
    ends = [start for start, _ in found[1:]] + [len(content)]
    for (start, kind), end in zip(found, ends, strict=True):
        text = content[start:end].decode().strip()
        if kind != duckdb.token_type.comment and text != "(":
            return text.lower()
    return ""
