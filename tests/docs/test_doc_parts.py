"""Modules write their own part of a page, and are told where there is none."""

from __future__ import annotations

import pytest

from vo_service.doc_parts import with_part

PAGE = """# Title
<!-- written by python -m room.page -->
old
<!-- end -->
between
<!-- written by python -m other.page -->
theirs
<!-- end of others -->
"""


def test_a_module_writes_its_own_part() -> None:
    assert with_part(PAGE, "room.page", "new\n") == PAGE.replace("old", "new")
    assert with_part(PAGE, "other.page", r"\1" + "\n") == PAGE.replace("theirs", r"\1")


def test_a_page_without_a_place_is_an_error() -> None:
    with pytest.raises(ValueError, match="0 places"):
        with_part(PAGE, "third.page", "new\n")
