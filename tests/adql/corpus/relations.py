"""Rows, joins, groups, order and sets, as SQL-92 has them for NULL."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cmp_to_key
from typing import Any

from corpus import sphere
from corpus.nullable import NULL, Nullable, plain


class Row:
    """Values of one row as attributes; what is not stored is NULL."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values
        self.__dict__.update({name: Nullable(value) for name, value in values.items()})

    def __getattr__(self, name: str) -> Nullable:
        return NULL

    @property
    def shape(self) -> sphere.Shape | None:
        """The region that everybody sees, for the functions of shapes."""
        return self._values.get("_shape")

    @property
    def number(self) -> int:
        return int(self._values["obs_id"])


NOTHING = Row({})
"""The other side of an outer join."""


def coalesce(*values: Any) -> Nullable:
    return next((Nullable(v) for v in values if plain(v) is not None), NULL)


def exists(rows: Iterable[Any]) -> bool:
    return any(True for _ in rows)


def key(value: Any) -> Any:
    """A value that equals itself, NULL and NaN too: for groups and set operations."""
    value = plain(value)
    if isinstance(value, list):
        return tuple(key(v) for v in value)
    if isinstance(value, float) and math.isnan(value):
        return "NaN"
    return value


def distinct(rows: Iterable[Sequence[Any]]) -> list[tuple[Any, ...]]:
    return list({tuple(key(v) for v in row): tuple(plain(v) for v in row) for row in rows}.values())


def groups(rows: Iterable[Any], by: Callable[[Any], Any]) -> list[tuple[Any, list[Any]]]:
    """Rows that share a value of ``by``, with that value as Nullable or as a tuple of them."""
    found: dict[Any, tuple[Any, list[Any]]] = {}
    for row in rows:
        value = by(row)
        name = tuple(key(v) for v in value) if isinstance(value, tuple) else key(value)
        found.setdefault(name, (value, []))[1].append(row)
    return list(found.values())


def _minus(left: list[Any], right: list[Any], keep: Callable[[int, int], int]) -> list[Any]:
    counted = [Counter(tuple(key(v) for v in row) for row in rows) for rows in (left, right)]
    left_over = {row: keep(count, counted[1][row]) for row, count in counted[0].items()}
    return [tuple(None if v is None else v for v in row) for row, n in left_over.items() for _ in range(n)]


def except_all(left: list[Any], right: list[Any]) -> list[Any]:
    return _minus(left, right, lambda m, n: max(m - n, 0))


def intersect_all(left: list[Any], right: list[Any]) -> list[Any]:
    return _minus(left, right, min)


def except_(left: list[Any], right: list[Any]) -> list[Any]:
    return _minus(left, right, lambda m, n: 0 if n else 1)


def intersect(left: list[Any], right: list[Any]) -> list[Any]:
    return _minus(left, right, lambda m, n: 1 if n else 0)


def known(values: Iterable[Any]) -> list[Any]:
    return [plain(v) for v in values if plain(v) is not None]


def count(values: Iterable[Any]) -> int:
    return len(known(values))


def total(values: Iterable[Any]) -> Any:
    found = known(values)
    if not found:
        return None
    return sum(found) if all(isinstance(v, int) for v in found) else math.fsum(found)


def mean(values: Iterable[Any]) -> float | None:
    found = known(values)
    return math.fsum(found) / len(found) if found else None


def least(values: Iterable[Any]) -> Any:
    return min(known(values), key=lambda v: rank(v)[:2], default=None)


def most(values: Iterable[Any]) -> Any:
    return max(known(values), key=lambda v: rank(v)[:2], default=None)


def rank(value: Any) -> tuple[Any, ...]:
    """Order of ADQL-077: numbers, NaN, NULL."""
    value = plain(value)
    if value is None:
        return (2, 0)
    if isinstance(value, float) and math.isnan(value):
        return (1, 0)
    return (0, value)


def ordered(rows: Iterable[Any], *keys: Callable[[Any], Any] | tuple[Callable[[Any], Any], str]) -> list[Any]:
    """Rows by keys; a key with ``'desc'`` goes down."""

    def compare(a: Any, b: Any) -> int:
        for each in keys:
            get, sign = (each[0], -1) if isinstance(each, tuple) else (each, 1)
            x, y = rank(get(a)), rank(get(b))
            if x != y:
                return sign if x > y else -sign
        return 0

    return sorted(rows, key=cmp_to_key(compare))


def left_join(
    left: Iterable[Row], right: Sequence[Row], on: Callable[[Row, Row], Any]
) -> list[tuple[Row, Row]]:
    found = []
    for a in left:
        matches = [(a, b) for b in right if on(a, b)]
        found.extend(matches or [(a, NOTHING)])
    return found


def right_join(
    left: Sequence[Row], right: Iterable[Row], on: Callable[[Row, Row], Any]
) -> list[tuple[Row, Row]]:
    return [(a, b) for b, a in left_join(right, left, lambda b, a: on(a, b))]


def full_join(
    left: Sequence[Row], right: Sequence[Row], on: Callable[[Row, Row], Any]
) -> list[tuple[Row, Row]]:
    found = left_join(left, right, on)
    return found + [(NOTHING, b) for b in right if not any(on(a, b) for a in left)]


def join(left: Iterable[Row], right: Sequence[Row], on: Callable[[Row, Row], Any]) -> list[tuple[Row, Row]]:
    return [(a, b) for a in left for b in right if on(a, b)]
