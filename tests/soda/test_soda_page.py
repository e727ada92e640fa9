"""The page on cut-outs has the parameters as they are."""

from __future__ import annotations

from pathlib import Path

from vo_service.soda.page import with_table
from vo_service.soda.parameters import TABLE

PAGE = Path(__file__).parents[2] / "docs" / "cutouts.md"


def test_the_page_is_current() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert with_table(page) == page, "run python -m vo_service.soda.page"
    assert all(f"\n| `{one.name}` |" in page for one in TABLE)
