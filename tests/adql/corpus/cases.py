"""Cases of the corpus as read from its files, and the comparison of an answer with what a case expects."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from corpus.oracle import expected
from corpus.small_sky import plain_values

from tap_schema import Column, published

HERE = Path(__file__).parent
MARK = "¶"
"""Stands before the character that an error must point at."""
SIZES = {
    "obscore": 400,
    "dataset": 60,
    "observation": 24,
    "spectral_window": 80,
    "measurement": 40,
    "repair": 10,
}
"""Rows of the tables: an answer of so many rows may be a whole table."""


@dataclass(frozen=True)
class Case:
    """A query, the fields and rows that must come back, and what is special about it."""

    ids: tuple[str, ...]
    adql: str
    columns: tuple[Any, ...]
    rows: str
    name: str
    ordered: bool = False
    point: str | None = None
    warns: tuple[str, ...] = ()
    version: str = "2.1"
    tolerance: float = 1e-12
    viewer: str = "anyone"
    uploads: tuple[str, ...] = ()
    maxrec: int | None = None
    overflows: bool = False
    fields: bool = True


@dataclass(frozen=True)
class Refused:
    """A query that must be refused: what the error must say, and where it must point."""

    ids: tuple[str, ...]
    words: str
    adql: str
    line: int
    column: int
    version: str = "2.1"


@dataclass(frozen=True)
class Fields:
    """How one column of an answer is described."""

    name: str
    datatype: str
    arraysize: str | None
    xtype: str | None
    unit: str | None
    ucd: str | None


@cache
def valid_cases() -> tuple[Case, ...]:
    """All hand-written queries with answers."""
    return tuple(case for path in sorted((HERE / "valid").glob("*.yaml")) for case in _read(path))


def _read(path: Path) -> Iterator[Case]:
    for number, entry in enumerate(yaml.safe_load(path.read_text(encoding="utf-8")) or (), 1):
        entry = {**_spelt_out(entry), **entry}
        facts = {k: tuple(v) if isinstance(v, list) else v for k, v in entry.items() if k not in SHORT}
        facts["ids"] = _tuple(facts["ids"])
        facts["warns"] = _tuple(facts.get("warns", ()))
        facts["uploads"] = _tuple(facts.get("uploads", ()))
        ordered = facts.pop("ordered", bool(re.search(r"(?is)\bORDER\s+BY\b[^()]*$", facts["adql"])))
        yield Case(name=f"{path.stem}-{number}-{'-'.join(facts['ids'])}", ordered=ordered, **facts)


SHORT = frozenset({"where", "keep", "value", "is", "field", "constant"})


def _spelt_out(entry: dict[str, Any]) -> dict[str, Any]:
    """Three short forms: a condition, a value of some rows, a constant."""
    rows = "for o in obscore if"
    if "where" in entry:
        return {
            "adql": f"SELECT obs_id FROM ivoa.obscore WHERE {entry['where']}",
            "columns": ["obs_id"],
            "rows": f"[(o.obs_id,) {rows} {entry['keep']}]",
        }
    if "value" in entry:
        return {
            "adql": f"SELECT obs_id, {entry['value']} AS v FROM ivoa.obscore "
            "WHERE t_min < 55600 OR s_dec > 60",
            "columns": ["obs_id", entry["field"]],
            "rows": f"[(o.obs_id, {entry['is']}) {rows} (o.t_min < 55600) | (o.s_dec > 60)]",
        }
    if "constant" in entry:
        return {
            "adql": f"SELECT TOP 1 {entry['constant']} AS v FROM ivoa.obscore",
            "columns": [entry["field"]],
            "rows": f"[({entry['is']},)]",
        }
    return {}


def _tuple(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


@cache
def refused_cases() -> tuple[Refused, ...]:
    """All hand-written queries that must be refused."""
    found = []
    for path in sorted((HERE / "refused").glob("*.txt")):
        version = "2.1"
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("# version"):
                version = line.split()[-1]
            elif line and not line.startswith("#"):
                ids, words, text = line.split(" | ", 2)
                found.append(marked(text, tuple(ids.split()), words, version))
    return tuple(found)


def marked(text: str, ids: tuple[str, ...], words: str, version: str = "2.1") -> Refused:
    """A refused query from its text with the mark before the place of the error.

    ``\\n``, ``\\t`` and ``\\uXXXX`` stand for the characters; a mark at the very end is the text's end.
    """
    text = re.sub(r"\\(n|t|u[0-9a-f]{4})", lambda m: _character(m[1]), text)
    before, mark, after = text.partition(MARK)
    assert mark, f"no place is marked in {text}"
    lines = before.split("\n")
    return Refused(ids, words, before + after, len(lines), len(lines[-1]) + 1, version)


def _character(code: str) -> str:
    return {"n": "\n", "t": "\t"}.get(code) or chr(int(code[1:], 16))


def fields_of(spec: Any) -> Fields:
    """What a case says of a field.

    ``name datatype[arraysize] xtype unit ucd`` with ``-`` for none, which may be left out at the end; or
    ``name``, ``name=column`` (of ivoa.obscore), ``name=table.column`` for the very facts of a published
    column. As a list where words have blanks.
    """
    words = list(spec) if isinstance(spec, tuple | list) else str(spec).split()
    if len(words) == 1:
        name, _, source = words[0].partition("=")
        column = published_column(source or name)
        return Fields(name, column.datatype, column.arraysize, column.xtype, column.unit, column.ucd)
    name, kind, xtype, unit, ucd = [*(str(word) for word in words), "-", "-", "-"][:5]
    found = re.fullmatch(r"(\w+)(?:\[(.*)\])?", kind)
    assert found, f"{kind} is no datatype"
    rest = [None if word == "-" else word for word in (xtype, unit, ucd)]
    return Fields(name, found[1], found[2], rest[0], rest[1], rest[2])


def published_column(source: str) -> Column:
    table, _, column = source.rpartition(".")
    return published()[table or "ivoa.obscore"].column(column)


def described(column: Column) -> Fields:
    return Fields(column.name, column.datatype, column.arraysize, column.xtype, column.unit, column.ucd)


def row_count(table: str) -> int:
    return len(next(iter(plain_values(table).values())))


def judge(case: Case, columns: Sequence[Column], rows: Sequence[Sequence[Any]]) -> None:
    """Fail unless the answer is what the case says."""
    if case.fields:
        found, wanted = [described(c) for c in columns], [fields_of(spec) for spec in case.columns]
        assert found == wanted, f"fields {found} instead of {wanted}"
    else:
        assert tuple(c.name for c in columns) == case.columns
    compare_rows(rows, expected(case.rows), ordered=case.ordered, tolerance=case.tolerance)
    whole = _may_be_whole(case.adql, len(rows))
    if case.point is None:
        assert rows, "an empty answer that is not the point"
        assert not whole, "perhaps a whole table, which is not the point"
    assert case.point != "empty" or not rows
    assert case.point != "whole" or whole


def _may_be_whole(adql: str, rows: int) -> bool:
    """Whether a query with a condition has so many rows as one of its tables."""
    conditions = re.search(r"(?i)\b(WHERE|ON|HAVING|USING|NATURAL|EXCEPT|INTERSECT|TOP|OFFSET)\b", adql)
    return bool(conditions) and any(
        rows == size and re.search(rf"(?i)\b{table}\b", adql) for table, size in SIZES.items()
    )


def compare_rows(
    found: Sequence[Sequence[Any]], wanted: Sequence[Sequence[Any]], *, ordered: bool, tolerance: float
) -> None:
    """Row by row, in order or as multisets: exact but for the last bits of doubles."""
    assert len(found) == len(wanted), f"{len(found)} rows instead of {len(wanted)}"
    if not ordered:
        found, wanted = (sorted(rows, key=_sort_key) for rows in (found, wanted))
    for number, (one, other) in enumerate(zip(found, wanted, strict=True)):
        same = len(one) == len(other) and all(alike(a, b, tolerance) for a, b in zip(one, other, strict=True))
        assert same, f"row {number}: found {one}, expected {other}"


def _sort_key(row: Sequence[Any]) -> tuple[Any, ...]:
    """An order in which equal rows of two answers meet: doubles by nine digits."""
    return tuple(_place(value) for value in row)


def _place(value: Any) -> tuple[int, Any]:
    if value is None:
        return (0, 0)
    if isinstance(value, float):
        if math.isnan(value):
            return (1, 0)
        return (2, value if math.isinf(value) or value == 0 else float(f"{value:.9g}"))
    if isinstance(value, int):
        return (2, value)
    if isinstance(value, list | tuple):
        return (3, tuple(_place(v) for v in value))
    return (4, value.isoformat() if isinstance(value, datetime) else str(value))


def alike(found: Any, wanted: Any, tolerance: float) -> bool:
    """One value: types must fit, NULL is NULL, NaN is NaN."""
    if found is None or wanted is None:
        return found is wanted
    if isinstance(wanted, list | tuple):
        same = isinstance(found, list | tuple) and len(found) == len(wanted)
        return same and all(alike(a, b, tolerance) for a, b in zip(found, wanted, strict=True))
    if isinstance(found, float) and isinstance(wanted, float | int):
        if math.isnan(found) or math.isnan(wanted):
            return math.isnan(found) and math.isnan(wanted)
        if math.isinf(found) or math.isinf(wanted):
            return found == wanted
        return abs(found - wanted) <= tolerance * max(abs(found), abs(wanted), 1e-300) + _floor(tolerance)
    return type(found) is type(wanted) and bool(found == wanted)


def _floor(tolerance: float) -> float:
    """Differences about zero, such as the sine of pi, have no relative size."""
    return tolerance * 1e-2


def parameters(cases: Sequence[Any]) -> list[Any]:
    """pytest parameters named after their file, number and ids."""
    return [pytest.param(case, id=getattr(case, "name", None) or case.adql[:60]) for case in cases]


__all__ = ["Case", "Refused", "compare_rows", "judge", "marked", "refused_cases", "valid_cases"]
