"""Each row of the requirement lists is cited by a test or a check, or docs/conformance.md says why not."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.catalogue import CHECKS

TESTS = Path(__file__).resolve().parents[1]
REPOSITORY = TESTS.parent
LISTS = ("tap", "uws-vosi-dali", "votable", "obscore", "auth", "registry", "soda-datalink", "sia2")
AREAS = ("TAP", "UWS", "VOSI", "DALI", "VOT", "OBS", "RAD", "AUTH", "REG", "SODA", "SIA", "SCS", "DL")
NAME = re.compile(r"\b([A-Z]{2,4})-(\d{3})\b`?(?:(?:\.\.| to )`?(?:\1-)?(\d{3}))?")
ROW = re.compile(r"^(?:\| *`?|\*\*)([A-Z]{2,4}-\d{3})\b", re.M)


def named(text: str) -> Iterator[str]:
    """Ids that a text names, with those between the ends of `TAP-200..204` and `TAP-350 to TAP-354`."""
    for area, first, last in NAME.findall(text):
        yield from (f"{area}-{number:03}" for number in range(int(first), int(last or first) + 1))


def written() -> list[str]:
    """All that stands in tests and their cases."""
    return [
        path.read_text(encoding="utf-8")
        for pattern in ("*.py", "*.yaml", "*.txt")
        for path in TESTS.rglob(pattern)
        if path.name != Path(__file__).name
    ]


def cited() -> set[str]:
    """Ids in tests, and those of checks."""
    return {name for text in written() for name in named(text)} | {check.requirement.id for check in CHECKS}


def explained() -> set[str]:
    """Ids in the first cells of the tables below `Not kept, and why`."""
    text = (REPOSITORY / "docs/conformance.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`[^|]*) \|", text.split("\n## Not kept, and why\n", 1)[1], re.M)
    return {name for row in rows for name in named(row)}


def later() -> set[str]:
    """Ids that are none of this release's."""
    text = (REPOSITORY / "docs/conformance.md").read_text(encoding="utf-8")
    return set(named(text.split("<!-- later -->", 1)[1].split("<!-- end of later -->", 1)[0]))


@pytest.fixture(scope="module")
def listed() -> dict[str, set[str]]:
    """The ids of each list; skips where the lists are absent."""
    place = Path(os.environ.get("VO_SERVICE_TEST_LISTS", REPOSITORY / "../shared/standards")).resolve()
    if not place.is_dir():
        pytest.skip(f"no lists of requirements at {place} (set VO_SERVICE_TEST_LISTS)")
    return {name: set(ROW.findall((place / f"{name}.md").read_text(encoding="utf-8"))) for name in LISTS}


@pytest.mark.parametrize("name", LISTS)
def test_every_requirement_is_tested_or_explained(listed: dict[str, set[str]], name: str) -> None:
    assert len(listed[name]) > 40
    assert sorted(listed[name] - cited() - explained()) == []


def test_only_rows_of_the_lists_are_cited(listed: dict[str, set[str]]) -> None:
    known = set().union(*listed.values())  # lists have gaps, which ranges may go over
    ends = {
        f"{area}-{end}" for text in written() for area, *both in NAME.findall(text) for end in both if end
    }
    ours = {each for each in ends | explained() if each.partition("-")[0] in AREAS}
    assert sorted(ours - known) == []


def test_what_comes_later_has_no_test_yet() -> None:
    """Else its row of the page is no longer true."""
    assert sorted(later() & cited()) == []
    assert later() <= explained()


def test_ranges_are_read() -> None:
    assert list(named("# TAP-007..009, `REG-001` to `REG-002`, VOT-003, DALI-020 to DALI-021")) == [
        *("TAP-007", "TAP-008", "TAP-009", "REG-001", "REG-002", "VOT-003", "DALI-020", "DALI-021")
    ]
