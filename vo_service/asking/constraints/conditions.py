"""From the values of a parameter to a condition in ADQL: the rules of SIA 2.0, section 2.1.

A rule takes the columns that a parameter constrains and its values, of which one has to be met (SIA-007). No
condition here holds where one of its columns is null (SIA-011).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final

from vo_service.dali.values import Pair

Columns = tuple[str, ...]

_AMONG: Final = "obs_publisher_did IN ("
_NAMED: Final = "SELECT obs_publisher_did FROM ivoa.obscore WHERE "
_KEYED: Final = (
    "SELECT r.obs_publisher_did FROM ivoa.obscore AS r JOIN holdings.observation AS s"
    " ON s.member_ous_uid = r.member_ous_uid AND s.target_name = r.target_name WHERE "
)


def overlaps(columns: Columns, spans: Sequence[Pair]) -> str:
    """The extent between two columns shares a point with one of the intervals (SIA-041, SIA-043)."""
    lowest, highest = columns
    return either(both((_at_most(lowest, high), _at_least(highest, low))) for low, high in spans)


def within(columns: Columns, spans: Sequence[Pair]) -> str:
    """The number of a column lies in one of the intervals (SIA-046, SIA-051)."""
    (column,) = columns
    return either(_within(column, low, high) for low, high in spans)


def equal(columns: Columns, values: Sequence[str | int]) -> str:
    """A column has one of the values, to the letter (SIA-012)."""
    (column,) = columns
    constants = [quoted(value) if isinstance(value, str) else str(value) for value in values]
    return f"{column} = {constants[0]}" if len(constants) == 1 else f"{column} IN ({', '.join(constants)})"


def equal_in_any_case(columns: Columns, values: Sequence[str]) -> str:
    """A column has one of the values, which are in small letters, in whatever case it has it (SIA-060)."""
    (column,) = columns
    return equal((f"LOWER({column})",), values)


def member(columns: Columns, labels: Sequence[str]) -> str:
    """A column is a list between slashes with one of the labels in it (SIA-044)."""
    (column,) = columns
    return either(f"{column} LIKE {quoted(f'%/{label}/%')}" for label in labels)


def known_as(columns: Columns, names: Sequence[str]) -> str:
    """A row's target has one of the names, or its observation has one for the key of its source.

    Observations tell their targets by member and name: a row without a member has its own name alone.
    """
    (column,) = columns
    return _among((_NAMED + equal((column,), names), _KEYED + equal(("s.canonical_target",), names)))


def any_of(wheres: Sequence[str]) -> str:
    """One of several conditions, each of which is asked alone; a single one as it is."""
    return wheres[0] if len(wheres) == 1 else _among([_NAMED + where for where in wheres])


def named(tables: str, where: str) -> str:
    """The condition of the rows whose identifiers meet another one, which is asked of these alone.

    ``tables`` are those that it reads, the rows' own first."""
    return _among((f"SELECT obs_publisher_did FROM {tables} WHERE {where}",))  # noqa: S608 - of our writing


def is_joined(condition: str) -> bool:
    """Whether the engine has to join to know whether it holds."""
    return condition.startswith(f"{_AMONG}SELECT ")


def both(terms: Iterable[str]) -> str:
    """All terms, each of which is atomic or in brackets."""
    return " AND ".join(dict.fromkeys(terms))


def either(terms: Iterable[str]) -> str:
    """One term or another, in brackets where there are several; terms may be joined by AND."""
    found = list(dict.fromkeys(terms))
    return found[0] if len(found) == 1 else "(" + " OR ".join(_bracketed(term) for term in found) + ")"


def quoted(text: str) -> str:
    """A string literal of ADQL."""
    return "'" + text.replace("'", "''") + "'"


def _among(queries: Iterable[str]) -> str:
    """The identifier of a row is in the answer to one of these queries."""
    return f"{_AMONG}{' UNION ALL '.join(queries)})"


def _within(column: str, low: float, high: float) -> str:
    if low == high:
        return f"{column} = {low!r}"
    return both((_at_least(column, low), _at_most(column, high)))


def _at_most(column: str, limit: float) -> str:
    return f"{column} IS NOT NULL" if math.isinf(limit) else f"{column} <= {limit!r}"


def _at_least(column: str, limit: float) -> str:
    return f"{column} IS NOT NULL" if math.isinf(limit) else f"{column} >= {limit!r}"


def _bracketed(term: str) -> str:
    return f"({term})" if " AND " in term else term
