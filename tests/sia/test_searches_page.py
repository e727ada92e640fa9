"""The page on searches has the parameters and tables as they are."""

from __future__ import annotations

from pathlib import Path

from vo_service.asking.constraints import TABLE
from vo_service.cone import page as cone_page
from vo_service.sia import page as sia_page

PAGE = Path(__file__).parents[2] / "docs" / "searches.md"


def test_the_page_is_current() -> None:
    # SIA-010: what is decided stands there
    page = PAGE.read_text(encoding="utf-8")
    assert sia_page.with_table(page) == page, "run python -m vo_service.sia.page"
    assert cone_page.with_table(page) == page, "run python -m vo_service.cone.page"
    assert all(f"\n| `{one.name}` |" in page for one in TABLE)
    assert "\n| `/cone/holdings.peak_spectrum` |" in page
