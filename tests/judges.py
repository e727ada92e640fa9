"""Outside judges, and what else of the machine a test cannot do without: missing, it is told, or fails."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

from hips.hipsgen.errors import HipsgenMissing
from hips.hipsgen.tool import DEBIAN_JAR, Tool, find_tool

JUDGES_REQUIRED = os.environ.get("VO_SERVICE_REQUIRE_JUDGES") == "1"


def judge(command: str) -> str:
    """Path of an outside judge; a missing one skips the test, or fails it where judges are required."""
    found = shutil.which(command)
    return found if found is not None else judge_missing(command)


def judge_file(path: Path, name: str) -> Path:
    """The same for a judge that is a file."""
    return path if path.is_file() else judge_missing(name)


def hipsgen_judge() -> Tool:
    """The CDS's tool for trees, which judges ours (LINT) and makes others."""
    try:
        return find_tool()
    except HipsgenMissing as error:
        judge_missing(f"hipsgen ({error})")


def aladin_judge() -> Path:
    """The jar of Aladin Desktop."""
    return judge_file(DEBIAN_JAR, "Aladin Desktop")


def judge_missing(name: str) -> NoReturn:
    """Skip the test for want of an outside judge or a right, or fail it where judges are required."""
    if JUDGES_REQUIRED:
        pytest.fail(f"judge missing: {name} is not there and VO_SERVICE_REQUIRE_JUDGES=1")
    pytest.skip(f"judge missing: {name}")
