"""``vo-service explain`` makes no state, and looks at a home only for what the query names."""

from __future__ import annotations

from pathlib import Path

import pytest

from vo_service.cli import main

PLAIN = "SELECT TOP 2 s_ra FROM ivoa.obscore"
NAMED = "SELECT s_ra FROM ivoa.obscore WHERE DISTANCE(POINT(s_ra, s_dec), source('M83')) < 1"


def test_an_empty_home_stays_empty(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--home", str(tmp_path), "explain", PLAIN]) == 0
    assert "obscore" in capsys.readouterr().out
    for call in (["explain", NAMED], ["explain", "--engine-plan", PLAIN]):
        assert main(["--home", str(tmp_path), *call]) == 2
        assert "holds no data yet" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_home_that_cannot_be_read_matters_to_no_query_without_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "snapshots").mkdir()
    (tmp_path / "catalogue.sqlite").write_bytes(b"no catalogue" * 1000)
    assert main(["--home", str(tmp_path), "explain", PLAIN]) == 0
    assert main(["--home", str(tmp_path), "explain", NAMED]) == 1
    assert "catalogue" in capsys.readouterr().err
