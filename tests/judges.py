"""Outside judges, and what else of the machine a test cannot do without: missing, it is told, or fails."""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest

JUDGES_REQUIRED = os.environ.get("VO_SERVICE_REQUIRE_JUDGES") == "1"


def judge(command: str) -> str:
    """Path of an outside judge; a missing one skips the test, or fails it where judges are required."""
    found = shutil.which(command)
    return found if found is not None else judge_missing(command)


def judge_missing(name: str) -> NoReturn:
    """Skip the test for want of an outside judge or a right, or fail it where judges are required."""
    if JUDGES_REQUIRED:
        pytest.fail(f"judge missing: {name} is not there and VO_SERVICE_REQUIRE_JUDGES=1")
    pytest.skip(f"judge missing: {name}")
