"""``vo-service hips`` and the trees of rows: what they are called, and what LINT has to say in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_atlas_command import image, ingest_here

from hips.hipsgen.lint import Compatible, Verdict
from hips.trees.properties import parse_properties
from hips.trees.versions import Trees
from vo_service.cli import main
from vo_service.commands.row_trees import make_row_trees

DENSITY = {"density", "density-band-6"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VO_SERVICE_UNLISTED", "open")
    monkeypatch.setattr("vo_service.commands.hips.KINDS", (make_row_trees,))
    (tmp_path / "files").mkdir()
    image(tmp_path / "files", "M83", 1)
    ingest_here(tmp_path / "home", tmp_path / "files")
    return tmp_path / "home"


def test_clients_find_pictures_and_catalogues_where_they_belong(home: Path) -> None:
    # HIPS-072
    assert main(["--home", str(home), "--quiet", "hips"]) == 0
    told = {
        name: parse_properties((build.tree / "properties").read_text()).get("client_category")
        for name, build in Trees(home / "hips").served().items()
    }
    assert {name for name, category in told.items() if category.startswith("Image/")} >= DENSITY
    assert {name for name, category in told.items() if category.startswith("Catalog/")} == {"datasets"}


def test_each_map_of_rows_is_judged_before_it_is_served(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # CHK-H21: one that LINT has errors against keeps none of the others back
    judged = []

    def judge(tool: object, tree: Path, scratch: Path) -> Verdict:
        properties = parse_properties((tree / "properties").read_text())
        judged.append((properties.get("creator_did") or "").rpartition("/")[2])
        assert judged[-1] not in Trees(home / "hips").served()
        said = Compatible.NOT if judged[-1] == "density" else Compatible.FULLY
        return Verdict(said, (), (), 6)

    monkeypatch.setattr("vo_service.commands.image_trees.find_tool", lambda *words: None)
    monkeypatch.setattr("vo_service.commands.tree_verdict.find_tool", lambda *words: None)
    monkeypatch.setattr("vo_service.commands.tree_verdict.judge", judge)
    assert main(["--home", str(home), "--quiet", "hips", "--lint"]) == 1
    said = capsys.readouterr()
    assert "density: what LINT has errors against is not served" in said.err
    assert "density: nothing" not in said.out and "density: no row" not in said.out
    assert set(judged) >= DENSITY and "datasets" not in judged
    served = set(Trees(home / "hips").served())
    assert served == {*judged, "datasets"} - {"density"}
    capsys.readouterr()
    assert main(["--home", str(home), "--quiet", "hips"]) == 0
    assert "density" in Trees(home / "hips").served()
