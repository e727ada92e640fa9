"""Roots that move, take another's place, or are withdrawn: no file is listed twice, none is lost unseen."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from ingest_homes import Home, open_home
from product_files import write_product

from vo_service.holdings.out_of_reach import read_out_of_reach
from vo_service.holdings.roots import RootError


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    opened = open_home(tmp_path / "home")
    yield opened
    opened.snapshots.close()
    opened.catalogue.close()


def make_tree(top: Path, step: float = 0.0) -> Path:
    for number, name in enumerate(("x/one", "x/two", "y/three", "four")):
        write_product(top / f"{name}.fits", OBJECT=f"S{number}", CRVAL1=10.0 + number + step)
    return top


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return make_tree(tmp_path / "A")


def listed(home: Home) -> dict[tuple[str, str], str]:
    rows = home.rows("holdings.product")
    return {(row["root"], row["path"]): row["product_id"] for row in rows}


def test_a_tree_under_another_name_is_the_root_that_moved(home: Home, tree: Path) -> None:
    home.ingest(tree)
    before = listed(home)
    moved = tree.rename(tree.with_name("B"))
    report = home.ingest(moved)
    assert (report.skipped, report.withdrawn, report.snapshot) == (4, 0, None)
    assert listed(home) == before
    assert dict(home.catalogue.roots()) == {"A": moved}
    assert len(report.notices) == 1 and "taken as the root A" in report.notices[0]


def test_a_moved_tree_that_has_changed_a_little_is_still_known(home: Home, tree: Path) -> None:
    home.ingest(tree)
    moved = tree.rename(tree.with_name("B"))
    (moved / "x" / "one.fits").unlink()
    write_product(moved / "new.fits", OBJECT="N")
    report = home.ingest(moved)
    assert (report.ok, report.withdrawn, report.skipped) == (1, 1, 3)
    assert {root for root, _ in listed(home)} == {"A"}


@pytest.mark.parametrize("name", ["B", "elsewhere/A"])
def test_another_tree_is_a_root_of_its_own_though_a_known_one_is_away(
    home: Home, tree: Path, name: str
) -> None:
    home.ingest(tree)
    tree.rename(tree.with_name("away"))
    other = make_tree(tree.parent / name)
    for path in other.rglob("*.fits"):
        path.rename(path.with_name(f"other-{path.name}"))
    report = home.ingest(other)
    assert report.withdrawn == 0
    assert {root for root, _ in listed(home)} == {"A", "B" if name == "B" else "A-2"}
    assert "the directory of the root A is gone" in report.notices[0]
    assert "--root A DIR" in report.notices[0] and "--withdraw A" in report.notices[0]


def test_a_copy_is_a_root_of_its_own_while_the_first_is_there(home: Home, tree: Path) -> None:
    home.ingest(tree)
    copy = shutil.copytree(tree, tree.with_name("B"))
    home.ingest(copy)
    assert len(listed(home)) == 8
    assert sorted(home.catalogue.roots()) == ["A", "B"]


def test_a_tree_that_may_be_either_of_two_must_be_named(home: Home, tree: Path) -> None:
    copy = shutil.copytree(tree, tree.with_name("B"))
    home.ingest(tree)
    home.ingest(copy)
    shutil.rmtree(copy)
    moved = tree.rename(tree.with_name("C"))
    with pytest.raises(RootError, match=r"the roots A and B, whose directories are gone.*--root"):
        home.ingest(moved)
    report = home.ingest(moved, root_name="A")
    assert report.skipped == 4
    assert home.catalogue.roots()["A"] == moved


def test_a_name_takes_over_the_directory_of_another(home: Home, tree: Path) -> None:
    home.ingest(tree)
    before = listed(home)
    copy = shutil.copytree(tree, tree.with_name("B"))
    home.ingest(copy)
    doubled = listed(home)
    shutil.rmtree(tree)
    report = home.ingest(copy, root_name="A")
    assert (report.skipped, report.withdrawn) == (4, 4)
    assert listed(home) == before
    assert dict(home.catalogue.roots()) == {"A": copy}
    stones = {row["product_id"]: row for row in home.rows("holdings.tombstone")}
    assert set(stones) == {name for (root, _), name in doubled.items() if root == "B"}
    for row in stones.values():
        assert row["successor"] == before["A", row["path"]]
    assert home.snapshot.count_rows("ivoa.obscore") == 4
    assert home.ingest(copy).snapshot is None


def test_a_root_that_gets_a_new_name_keeps_its_identifiers(home: Home, tree: Path) -> None:
    home.ingest(tree)
    before = {path: name for (_, path), name in listed(home).items()}
    home.ingest(tree, root_name="better")
    assert {path: name for (_, path), name in listed(home).items()} == before
    assert {root for root, _ in listed(home)} == {"better"}
    assert {row["version"] for row in home.rows("holdings.product")} == {1}
    assert home.rows("holdings.tombstone") == []


@pytest.mark.parametrize("is_there", [True, False])
def test_a_root_is_withdrawn_by_its_name(home: Home, tree: Path, is_there: bool) -> None:
    other = make_tree(tree.with_name("O"), step=0.5)
    home.ingest(tree)
    home.ingest(other)
    if not is_there:
        shutil.rmtree(tree)
    report = home.ingest(withdraw=["A"])
    assert (report.found, report.withdrawn, report.exit_code) == (0, 4, 0)
    assert {root for root, _ in listed(home)} == {"O"}
    assert list(home.catalogue.roots()) == ["O"]
    assert {row["reason"] for row in home.rows("holdings.tombstone")} == {"root"}
    assert home.snapshot.count_rows("ivoa.obscore") == 4
    with pytest.raises(RootError, match="no root 'A' to withdraw; the roots are: O"):
        home.ingest(withdraw=["A"])


def test_a_withdrawn_root_may_come_back_in_the_same_run(home: Home, tree: Path) -> None:
    home.ingest(tree)
    before = listed(home)
    other = make_tree(tree.parent / "new" / "A")
    (other / "four.fits").unlink()
    home.ingest(other, withdraw=["A"])
    assert listed(home) == {place: name for place, name in before.items() if place[1] != "four.fits"}
    assert dict(home.catalogue.roots()) == {"A": other}


def test_a_lost_root_below_is_told_and_its_files_stay(home: Home, tree: Path) -> None:
    home.ingest(tree / "x", root_name="inner")
    home.ingest(tree)
    os.rename(tree / "x", tree.with_name("away"))  # noqa: PTH104
    report = home.ingest(tree)
    assert (report.failed, report.withdrawn) == (0, 0)
    assert len(listed(home)) == 4
    assert "the directory of the root inner is gone; its 2 files stay listed" in report.notices[0]


@pytest.mark.parametrize("part", [".", "x"])
def test_a_place_that_lists_none_of_its_files_any_more_keeps_them(home: Home, tree: Path, part: str) -> None:
    home.ingest(tree)
    before = listed(home)
    gone = shutil.copytree(tree, tree.with_name("kept"))
    for path in sorted((tree / part).rglob("*.fits")):
        path.unlink()
    for _ in range(2):
        report = home.ingest(tree / part)
        assert (report.failed, report.withdrawn, report.snapshot, report.exit_code) == (1, 0, None, 1)
        [entry] = report.failures
        count = 4 if part == "." else 2
        assert (entry.root, entry.path, entry.error_class) == ("A", part, "unreadable")
        assert entry.error_message is not None
        assert f"the {count} files" in entry.error_message and "--withdraw A" in entry.error_message
        assert listed(home) == before
        assert [each.path for each in read_out_of_reach(home.catalogue)] == [part]
    if part == "x":
        assert home.ingest(tree).withdrawn == 2  # the whole root has files: these have gone
        return
    shutil.copytree(gone, tree, dirs_exist_ok=True)
    report = home.ingest(tree)
    assert (report.failed, report.withdrawn, report.skipped) == (0, 0, 4)
    assert read_out_of_reach(home.catalogue) == []
    shutil.rmtree(tree)
    tree.mkdir()
    assert home.ingest(tree).failed == 1
    assert home.ingest(withdraw=["A"]).withdrawn == 4
    assert listed(home) == {}


def test_the_last_file_of_a_root_stays_until_the_root_is_withdrawn(home: Home, tree: Path) -> None:
    home.ingest(tree / "y" / "three.fits")
    (tree / "y" / "three.fits").unlink()
    report = home.ingest(tree / "y")
    assert (report.failed, report.withdrawn) == (1, 0)
    assert "the file that is listed here" in str(report.failures[0].error_message)
    assert home.ingest(withdraw=["y"]).withdrawn == 1


def test_files_that_a_root_within_has_taken_over_are_not_lost(home: Home, tree: Path) -> None:
    home.ingest(tree / "x", root_name="outer")  # two files, all below the folder that becomes a root
    moved = tree / "x" / "sub"
    moved.mkdir()
    for name in ("one", "two"):
        (tree / "x" / f"{name}.fits").rename(moved / f"{name}.fits")
    home.ingest(moved, root_name="inner")
    report = home.ingest(tree / "x")
    assert (report.failed, report.withdrawn) == (0, 2)
    assert {root for root, _ in listed(home)} == {"inner"}
