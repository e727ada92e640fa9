"""The list of tables for ``docs/searches.md``: ``python -m vo_service.cone.page`` writes it there."""

from __future__ import annotations

from pathlib import Path

from tap_schema import published
from vo_service.cone.tables import ConeTable, cone_tables
from vo_service.doc_parts import with_part

_PAGE = Path("docs/searches.md")


def as_markdown() -> str:
    """One line for each table, in the order in which they are published."""
    lines = ["| address | position | identifier |", "| --- | --- | --- |"]
    tables = cone_tables(published())
    return "\n".join([*lines, *(_line(name, table) for name, table in tables.items()), ""])


def with_table(page: str) -> str:
    """The page with its list as it is to be now."""
    return with_part(page, "cone.page", as_markdown())


def _line(name: str, table: ConeTable) -> str:
    key = ", ".join(f"`{column.name}`" for column in table.key)
    named = key if len(table.key) == 1 else f"`row_id`, made of {key}"
    return f"| `/cone/{name}` | `{table.lon.name}`, `{table.lat.name}` | {named} |"


if __name__ == "__main__":
    _PAGE.write_text(with_table(_PAGE.read_text(encoding="utf-8")), encoding="utf-8")
