"""docs/columns.md says of every published column of the two ObsCore tables how it is filled, once."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from tap_schema import published

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("table", ["ivoa.obscore", "ivoa.obscore_radio"])
def test_every_column_is_on_the_page_once(table: str) -> None:
    text = (REPOSITORY / "docs/columns.md").read_text(encoding="utf-8")
    part = text.split(f"## {table}\n")[1].split("\n## ")[0]
    cells = re.findall(r"^\| (`.*?) \|", part, re.M)
    named = Counter(name for cell in cells for name in re.findall(r"`(\w+)`", cell))
    assert set(named) == {column.name for column in published()[table].columns}
    assert {name for name, count in named.items() if count > 1} == set()
