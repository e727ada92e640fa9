"""Columns as SQL: their names as texts, and those that are made at query time by what they are made of."""

from __future__ import annotations

import itertools
from functools import lru_cache

from sqlglot import exp

from vo_service.adql.sql.nodes import Sql


@lru_cache(maxsize=10_000)
def quoted(name: str) -> str:
    """A name as SQL text. Columns are most of many statements: a text costs a fraction of nodes."""
    return '"' + name.replace('"', '""') + '"'


def listed(columns: list[Sql]) -> list[Sql]:
    """The columns of a SELECT; those that are texts and follow each other as one text."""
    found: list[Sql] = []
    for are_texts, some in itertools.groupby(columns, lambda column: isinstance(column, exp.Var)):
        if are_texts:
            found.append(exp.Var(this=", ".join(column.name for column in some)))
        else:
            found.extend(some)
    return found


def of_alias(made: Sql, alias: str) -> Sql:
    """An expression over columns of one table, copied, with each of them taken from that table's alias."""
    copied = made.copy()
    for column in list(copied.find_all(exp.Column)):
        named = exp.Var(this=f"{quoted(alias)}.{quoted(column.name)}")
        if column is copied:
            return named
        column.replace(named)
    return copied
