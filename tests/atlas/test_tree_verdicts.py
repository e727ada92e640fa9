"""What ``vo-service hips`` makes of the verdict on a tree."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from hips.hipsgen.lint import Compatible, Verdict
from hips.images.errors import TreeRefused
from vo_service.commands import tree_verdict
from vo_service.commands.tree_work import TreeWork

FULLY, MILDLY, NOT = Compatible.FULLY, Compatible.WITH_WARNINGS, Compatible.NOT


@pytest.mark.parametrize(
    ("verdict", "good", "words"),
    [
        (Verdict(FULLY, (), (), 2), True, ""),
        (Verdict(FULLY, (), (), 6), True, ""),
        (Verdict(FULLY, (), (), 0), False, "has not looked at tiles"),
        (Verdict(FULLY, (), (), 1), False, "has not looked at tiles"),
        (Verdict(FULLY, ("no properties",), (), 2), False, "no properties"),
        (Verdict(MILDLY, (), ("an odd title",), 2), True, "an odd title"),
        (Verdict(MILDLY, (), ("an odd title",), 0), False, "has not looked at tiles"),
        (Verdict(NOT, ("no tile",), (), 2), False, "no tile"),
    ],
)
def test_a_tree_is_good_where_lint_has_looked_at_tiles_and_has_no_errors(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, verdict: Verdict, good: bool, words: str
) -> None:
    # CHK-H21
    complaints: list[str] = []
    monkeypatch.setattr(tree_verdict, "find_tool", lambda *_: None)
    monkeypatch.setattr(tree_verdict, "judge", lambda *_: verdict)
    settings = SimpleNamespace(hipsgen_jar=None, hipsgen_memory=0)
    console = SimpleNamespace(say=lambda _: None, complain=complaints.append)
    work: Any = SimpleNamespace(settings=settings, processes=1, scratch=tmp_path, console=console)
    try:
        passed = tree_verdict.passes(cast(TreeWork, work), "continuum-band-6", tmp_path)
    except TreeRefused:
        assert verdict.errors or verdict.compatible is NOT
        passed = False
    assert passed is good
    assert (complaints == []) is (words == "")
    assert words in "".join(complaints)
