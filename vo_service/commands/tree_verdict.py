"""LINT's word on a tree that is made and not yet served."""

from __future__ import annotations

from pathlib import Path

from hips.hipsgen.errors import HipsgenError
from hips.hipsgen.lint import Compatible
from hips.hipsgen.tool import find_tool
from hips.images.errors import TreeRefused
from vo_service.commands.tree_lint import judge
from vo_service.commands.tree_work import TreeWork

_TILE_TESTS = 2
"""How often LINT looks at tiles at least: once in each format of an image tree."""


def passes(work: TreeWork, name: str, tree: Path) -> bool:
    """Whether LINT has looked at a tree. Raises TreeRefused where it finds errors; its warnings are told, and
    no more: most are of keywords that nothing is known of. A LINT that gives up keeps no tree from being
    served."""
    settings = work.settings
    try:
        tool = find_tool(settings.hipsgen_jar, settings.hipsgen_memory, work.processes)
        verdict = judge(tool, tree, work.scratch)
    except HipsgenError as error:
        work.console.complain(f"{name}: no verdict of LINT: {error}")
        return False
    work.console.say(f"{name}: LINT says {verdict.compatible.value}")
    for line in (*verdict.errors, *verdict.warnings):
        work.console.complain(f"{name}: LINT: {line}")
    if verdict.errors or verdict.compatible is Compatible.NOT:
        raise TreeRefused("what LINT has errors against is not served; what was served before still is")
    if verdict.tile_tests < _TILE_TESTS:
        work.console.complain(f"{name}: LINT has not looked at tiles of each format: that is no verdict")
    return verdict.tile_tests >= _TILE_TESTS
