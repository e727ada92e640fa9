"""Columns that a standard asks for, read from the fact files beside this module."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from conformance.findings import failed, judged
from conformance.model import Finding

KINDS = {
    "text": {"char", "unicodeChar"},
    "int": {"short", "int", "long"},
    "double": {"float", "double"},
}


@dataclass(frozen=True, slots=True)
class StandardColumn:
    """A column as its standard declares it; ``kind`` is text, int or double, ``utype`` without prefix."""

    id: str
    name: str
    kind: str
    unit: str
    ucd: str
    utype: str
    mandatory: bool = True
    nullable: bool = True


def load_columns(name: str) -> tuple[StandardColumn, ...]:
    """The columns of one fact file, in its order."""
    text = (Path(__file__).parent / f"{name}.yaml").read_text(encoding="utf-8")
    return tuple(StandardColumn(**row) for row in yaml.safe_load(text)["columns"])


def compare(column: StandardColumn, row: dict[str, object] | None) -> Iterator[Finding]:
    """Findings on one row of TAP_SCHEMA.columns: type, unit (case counts), UCD and utype (case does not)."""
    if row is None:
        if column.mandatory:
            yield failed(f"{column.name} is missing")
        return
    yield judged(
        str(row["datatype"]) in KINDS[column.kind],
        f"{column.name} is of kind {column.kind}: {row['datatype']}",
    )
    yield judged(
        str(row["unit"] or "") == column.unit,
        f"the unit of {column.name} is {column.unit!r}: {row['unit']!r}",
    )
    for what, wanted in (("ucd", column.ucd), ("utype", f"obscore:{column.utype}")):
        got = str(row[what] or "")
        yield judged(got.lower() == wanted.lower(), f"the {what} of {column.name} is {wanted!r}: {got!r}")
