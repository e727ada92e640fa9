"""STILTS taplint, the judge that archives use, in all stages but LOC (a table that we do not have)."""

from __future__ import annotations

import subprocess

import pytest
from stilts_remarks import unexplained_taplint

STAGES = "TMV TME TMS TMC CPV CAP AVV QGE QPO QAS UWS MDQ OBS UPL EXA"


@pytest.mark.judge
def test_taplint_finds_nothing(stilts, tap_url) -> None:
    # TAP-338: its stage OBS judges the rows of ivoa.obscore
    command = [stilts, "taplint", f"tapurl={tap_url}", f"stages={STAGES}", "report=EWFS"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert "Totals:" in done.stdout, done.stdout + done.stderr
    assert unexplained_taplint(done.stdout) == []
    assert done.stdout.count("\nSection ") == len(STAGES.split())
