"""The table of parameters for ``docs/searches.md``: ``python -m vo_service.sia.page`` writes it there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vo_service.asking.constraints import TABLE, Constraint, conditions, maps, positions
from vo_service.doc_parts import with_part

_PAGE = Path("docs/searches.md")
_RULES = {
    positions.meets: "the shapes share a point",
    maps.meets: "the shape and a cell share a point",
    conditions.overlaps: "the intervals share a point",
    conditions.within: "the number lies in the interval",
    conditions.member: "it is one of the list",
    conditions.equal: "they are equal",
    conditions.equal_in_any_case: "they are equal but for the case",
    conditions.known_as: "they are equal, or the key of the source is",
}


def as_markdown() -> str:
    """One line for each parameter, in the order in which they are told."""
    lines = ["| parameter | unit | column | met where | value |", "| --- | --- | --- | --- | --- |"]
    return "\n".join([*lines, *map(_line, TABLE), ""])


def with_table(page: str) -> str:
    """The page with its table as it is to be now."""
    return with_part(page, "sia.page", as_markdown())


def _line(one: Constraint[Any]) -> str:
    columns = ", ".join(f"`{name}`" for name in one.columns)
    return f"| `{one.name}` | {one.unit or ''} | {columns} | {_RULES[one.rule]} | {one.description} |"


if __name__ == "__main__":
    _PAGE.write_text(with_table(_PAGE.read_text(encoding="utf-8")), encoding="utf-8")
