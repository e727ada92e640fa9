"""Each row of the requirement list is cited by a test or a case, or docs/conformance.md says why not."""

from __future__ import annotations

import re
from pathlib import Path

from corpus.cases import refused_cases, valid_cases

TESTS = Path(__file__).resolve().parent.parent
DOCUMENT = TESTS.parent / "docs" / "conformance.md"
LAST = 258
ID = re.compile(r"ADQL-(\d{3})(?: to (?:ADQL-)?(\d{3}))?")


def _ids(text: str) -> set[int]:
    """Ids that a text names, with those between the ends of `ADQL-100 to ADQL-119`."""
    found: set[int] = set()
    for first, last in ID.findall(text):
        found |= set(range(int(first), int(last or first) + 1))
    return found


def _cited_in_tests() -> set[int]:
    """Comments of tests that begin with an id."""
    found: set[int] = set()
    for path in TESTS.rglob("test_*.py"):
        for line in path.read_text(encoding="utf-8").splitlines():
            if re.search(r"#\s*ADQL-\d{3}", line):
                found |= _ids(line.split("#", 1)[1])
    return found


def _cited_in_cases() -> set[int]:
    return _ids(" ".join(name for case in (*valid_cases(), *refused_cases()) for name in case.ids))


def _explained() -> set[int]:
    """Rows of the table of requirements without a test."""
    text = DOCUMENT.read_text(encoding="utf-8")
    table = text.split("<!-- untested -->", 1)[1].split("<!-- end -->", 1)[0]
    return _ids(" ".join(line.split("|")[1] for line in table.splitlines() if line.startswith("| `ADQL")))


def test_every_requirement_is_tested_or_explained() -> None:
    tested = _cited_in_tests() | _cited_in_cases()
    missing = set(range(1, LAST + 1)) - tested - _explained()
    assert not missing, f"nothing cites {sorted(missing)}"


def test_what_is_explained_has_no_test() -> None:
    assert not _explained() & _cited_in_cases()


def test_only_rows_of_the_list_are_cited() -> None:
    beyond = {number for number in _cited_in_tests() | _cited_in_cases() | _explained() if number > LAST}
    assert not beyond
