"""Faults put into a copy of the service: each makes a case of the corpus fail (make soak)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from corpus.cases import HERE
from corpus.mutant_runner import FAILED
from engines_under_test import PublishedSky

REPOSITORY = HERE.parent.parent.parent
MUTANTS = yaml.safe_load((HERE / "mutants.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def service_copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the packages, to be put ahead of the checkout on the path."""
    place = tmp_path_factory.mktemp("mutants")
    for package in ("vo_service", "tap_schema", "capabilities", "hips", "conformance"):
        shutil.copytree(REPOSITORY / package, place / package, ignore=shutil.ignore_patterns("__pycache__"))
    return place


def _run(service: Path, home: Path, requirement: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(service), "PYTHONDONTWRITEBYTECODE": "1"}
    runner = [sys.executable, str(HERE / "mutant_runner.py"), str(home), requirement]
    return subprocess.run(runner, env=environment, cwd=service, capture_output=True, text=True, check=False)


@pytest.mark.soak
@pytest.mark.parametrize(("name", "file", "old", "new", "requirement"), MUTANTS, ids=[m[0] for m in MUTANTS])
def test_a_fault_is_seen(
    name: str,
    file: str,
    old: str,
    new: str,
    requirement: str,
    service_copy: Path,
    published_sky: PublishedSky,
) -> None:
    source = service_copy / "vo_service" / file
    sound = source.read_text(encoding="utf-8")
    source.write_text(sound.replace(old, new, 1), encoding="utf-8")
    try:
        run = _run(service_copy, published_sky.home, requirement)
    finally:
        source.write_text(sound, encoding="utf-8")
    told = f"{name} was not seen by the cases of {requirement}\n{run.stdout}{run.stderr}"
    assert run.returncode == FAILED, told


@pytest.mark.soak
def test_without_a_fault_all_is_well(service_copy: Path, published_sky: PublishedSky) -> None:
    for requirement in sorted({mutant[4] for mutant in MUTANTS}):
        run = _run(service_copy, published_sky.home, requirement)
        assert run.returncode == 0, f"{requirement}\n{run.stdout}{run.stderr}"


@pytest.mark.parametrize(("name", "file", "old"), [m[:3] for m in MUTANTS], ids=[m[0] for m in MUTANTS])
def test_the_place_of_each_fault_is_there_once(name: str, file: str, old: str) -> None:
    """A mutant whose text has gone from the code tests nothing."""
    assert (REPOSITORY / "vo_service" / file).read_text(encoding="utf-8").count(old) == 1
