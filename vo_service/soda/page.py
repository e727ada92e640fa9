"""The table of parameters for ``docs/cutouts.md``: ``python -m vo_service.soda.page`` writes it there."""

from __future__ import annotations

from pathlib import Path

from vo_service.doc_parts import with_part
from vo_service.soda.parameters import BULK, TABLE, SodaParameter

_PAGE = Path("docs/cutouts.md")
_REPEATED = {"nowhere": "", "async": "async", "everywhere": "yes"}


def as_markdown() -> str:
    """One line for each parameter, in the order in which they are told."""
    lines = ["| parameter | of | unit | repeated | what it does |", "| --- | --- | --- | --- | --- |"]
    return "\n".join([*lines, *map(_line, (*TABLE, *BULK)), ""])


def with_table(page: str) -> str:
    """The page with its table as it is to be now."""
    return with_part(page, "soda.page", as_markdown())


def _line(one: SodaParameter[object]) -> str:
    standing = {"standard": "SODA", "custom": "ours", "product": "ours, another product"}[one.standing]
    if one in BULK:
        standing = "ours, for a table"
    options = ", ".join(f"`{option.value}` ({option.name})" for option in one.options)
    text = one.description + (f" One of {options}." if 0 < len(one.options) < 12 else "")
    return f"| `{one.name}` | {standing} | {one.unit or ''} | {_REPEATED[one.many]} | {text} |"


if __name__ == "__main__":
    _PAGE.write_text(with_table(_PAGE.read_text(encoding="utf-8")), encoding="utf-8")
