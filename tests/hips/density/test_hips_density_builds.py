"""What becomes of the trees of maps from one build to the next, and when one does not come to its end."""

from __future__ import annotations

import errno
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from density_rows import Look, batches_of, describe
from tree_checks import pairs_of

from hips.density.trees import density_trees
from hips.trees.versions import Trees
from vo_service.store.errors import DiskFull

MOMENT = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)
LOOKS = [
    Look(150.1, 2.1, 0.02, bands="3"),
    Look(150.1, 2.1, 0.02, bands="6", seconds=10.0),
    Look(150.1, 2.1, 0.02, bands="6", seconds=1000.0),
    Look(30.0, -40.0, 0.02, bands="7", seconds=None),
]


@pytest.fixture
def trees(tmp_path: Path) -> Trees:
    return Trees(tmp_path / "hips")


def build(trees: Trees, looks: list[Look], size: int = 3, **options: object) -> dict[str, bool]:
    """Which trees are another than before."""
    with trees.writing("a test"):
        reports = density_trees(trees, batches_of(looks, size), "seen", describe, moment=MOMENT, **options)
    return {report.name: report.changed for report in reports}


def released(trees: Trees, name: str) -> str:
    return dict(pairs_of((trees.served()[name].tree / "properties").read_bytes()))["hips_release_date"]


def test_the_same_rows_in_any_order_make_no_new_build(trees):
    assert all(build(trees, LOOKS).values())
    before = trees.index.read_bytes()
    again = build(trees, LOOKS[::-1], 1)
    assert len(again) == 7
    assert not any(again.values())
    assert trees.index.read_bytes() == before


def test_only_the_trees_of_rows_that_changed_are_made_anew(trees):
    build(trees, LOOKS)
    changed = [LOOKS[0], replace(LOOKS[1], seconds=20.0), *LOOKS[2:]]
    assert {name for name, another in build(trees, changed).items() if another} == {
        "exposure",
        "exposure-band-6",
    }
    # HIPS-056, CHK-H23: the date grows, were it in the same minute
    assert released(trees, "exposure") == "2026-03-01T12:01Z"
    assert released(trees, "density") == "2026-03-01T12:00Z"


def test_tiles_that_stay_the_same_are_the_same_files(trees):
    # HIPS-124: so that what clients have kept of them holds
    build(trees, LOOKS)
    first = trees.served()["density"].tree
    far = {path.relative_to(first): path.stat().st_ino for path in first.rglob("Norder3/Dir0/*")}
    build(trees, [*LOOKS, Look(30.0, -40.0, 0.02, bands="7")])
    second = trees.served()["density"].tree
    assert second != first
    same = {name for name, inode in far.items() if (second / name).stat().st_ino == inode}
    assert len(far) == 4
    assert len(same) == 2


def test_a_band_that_nobody_uses_any_more_has_no_tree(trees):
    build(trees, LOOKS)
    assert "density-band-7" in trees.served()
    with trees.writing("a test"), trees.draft("continuum-band-7") as other:
        (other.tree / "properties").write_text("")
        trees.publish(other)
    assert build(trees, LOOKS[:3])["density-band-7"]
    served = trees.served()
    assert "density-band-7" not in served
    assert "continuum-band-7" in served
    assert not (trees.directory / "trees" / "density-band-7").exists()


def test_rows_that_are_nowhere_make_no_tree(trees):
    assert build(trees, [Look(None, None), Look(None, None, text="nonsense"), Look(10.0, 95.0)]) == {
        "density": False,
        "density-band-6": False,
        "exposure": False,
        "exposure-band-6": False,
    }
    assert trees.served() == {}
    assert build(trees, []) == {}


@pytest.mark.parametrize(
    ("raised", "told"),
    [(OSError(errno.ENOSPC, "no space left"), DiskFull), (KeyboardInterrupt(), KeyboardInterrupt)],
    ids=["full disk", "interrupted"],
)
def test_what_was_served_is_served_still_when_a_build_breaks_off(trees, raised, told):
    build(trees, LOOKS)
    before = trees.index.read_bytes()
    kept = {build.directory for build in trees.served().values()}

    def breaks(doing: str, done: int, of: int) -> None:
        if doing == "tiles of density" and done == of:
            raise raised

    with pytest.raises(told):
        build(trees, [*LOOKS, Look(99.0, 9.0, 0.1)], told=breaks)
    assert trees.index.read_bytes() == before
    left = {path for name in (trees.directory / "trees").iterdir() for path in name.iterdir()}
    assert left == kept
    assert not [
        path for path in trees.directory.iterdir() if path.name not in ("trees", "index.json", "writer.lock")
    ]


def test_progress_is_told(trees):
    told = []
    build(trees, LOOKS, told=lambda *one: told.append(one))
    assert told[0] == ("rows counted", 4, 4)
    assert ("footprints covered", 2, 2) in told
    assert ("tiles of density", 2, 2) in told
    assert ("tiles of exposure-band-6", 1, 1) in told


def test_a_column_that_is_not_there_is_named(trees):
    with trees.writing("a test"), pytest.raises(KeyError, match="elsewhere"):
        density_trees(trees, batches_of(LOOKS), "elsewhere", describe)
